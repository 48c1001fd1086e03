"""A real browser for the tests of pages, and what it complains of."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest
import uvicorn
from fastapi import FastAPI

from tests.daemon.test_schedule import wait_for

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

ARGUMENTS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE, DESK = (390, 844), (1280, 900)
LOOKS = [(size, scheme) for size in (PHONE, DESK) for scheme in ("light", "dark")]
SLOW_MS = 60_000
"""A bound for what must come at last; no measurement."""


@contextmanager
def chromium() -> Iterator[Any]:
    """Debian's Chromium, headless."""
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=program, args=list(ARGUMENTS))
        try:
            yield found
        finally:
            found.close()


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """An application on a free port; its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off", ws="none", timeout_graceful_shutdown=1))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        if isinstance(app, FastAPI):
            app.state.feed.close()
        server.should_exit = True
        thread.join(20)


@dataclass
class Tab:
    """A page of a browser of its own. `said`: dialogs, errors, warnings of the console, what the policy refused."""

    page: Any
    size: tuple[int, int]
    said: list[str] = field(default_factory=list)

    def fits(self) -> bool:
        """Whether nothing needs sideways scrolling."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth") <= self.size[0])


def _dialog(said: list[str], dialog: Any) -> None:
    said.append(f"dialog {dialog.message}")
    dialog.dismiss()


@contextmanager
def tab(browser: Any, size: tuple[int, int] = PHONE, scheme: str = "light", script: bool = True) -> Iterator[Tab]:
    """A new browser window, as it is on a phone or a desk, in a zone that is not UTC."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, color_scheme=scheme, timezone_id="Australia/Adelaide", locale="en-GB",
        java_script_enabled=script, has_touch=size == PHONE, reduced_motion="reduce",
    )  # fmt: skip
    found = Tab(context.new_page(), size)
    found.page.set_default_timeout(SLOW_MS)
    found.page.on("dialog", partial(_dialog, found.said))
    found.page.on("console", lambda m: found.said.append(m.text) if m.type in ("error", "warning") else None)
    found.page.on("pageerror", lambda e: found.said.append(str(e)))
    context.expose_binding("refused", lambda _source, what: found.said.append(f"policy: {what}"))
    context.add_init_script(
        "addEventListener('securitypolicyviolation', e => window.refused(e.violatedDirective + ' ' + e.blockedURI))"
    )
    try:
        yield found
    finally:
        context.close()


def enter(found: Tab, url: str, app: FastAPI) -> None:
    """Log in as the terminal's key lets one."""
    found.page.goto(f"{url}/enter?key={app.state.access.one_time()}")
    found.page.click("main button")
    found.page.wait_for_url(f"{url}/")
