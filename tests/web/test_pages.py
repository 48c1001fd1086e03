"""The pages in a real browser: no label runs, nothing is refused by the policy, and a phone needs no sideways scrolling."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn

from aiops.web.app import make_app
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling
from tests.daemon.test_schedule import wait_for

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(2)><svg onload=alert(3)>javascript:alert(4)'
LONG = "/var/lib/kubelet/pods/5f0c6a7e-1c11-4a7b-9d53-3b0c4a6f2f11/" + "volume" * 20


@pytest.fixture
def served(rig: Rig) -> Iterator[str]:
    for mountpoint in (HOSTILE, LONG):
        rig.world.add("free", {"instance": "ip-10-1-2-3.eu.compute.internal:9100", "mountpoint": mountpoint}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    daemon = rig.start(card("disk_full", entity=["instance", "mountpoint"], signal="filesystem_free_ratio"), anomaly_card())
    rig.until_warned()
    server = uvicorn.Server(uvicorn.Config(make_app(daemon), port=0, log_config=None, lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        assert wait_for(lambda: server.started)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def browser() -> Iterator[Any]:
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is not installed: apt-get install chromium")
    with playwright.sync_playwright() as p:
        found = p.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield found
        finally:
            found.close()


def test_pages_on_a_phone_and_on_a_desk(rig: Rig, served: str, browser: Any) -> None:
    assert rig.daemon is not None
    paths = ["/", *(f"/warnings/{w.id}" for w in rig.daemon.store.open_warnings())]
    assert len(paths) == 3
    for width in (390, 1280):
        page = browser.new_page(viewport={"width": width, "height": 844})
        said: list[str] = []
        page.on("dialog", lambda d, said=said: (said.append(f"dialog {d.message}"), d.dismiss()))
        page.on("console", lambda m, said=said: said.append(f"{m.text} {m.location}"))
        page.on("pageerror", lambda e, said=said: said.append(str(e)))
        for path in paths:
            page.goto(served + path)
            assert page.evaluate("document.documentElement.scrollWidth") <= width, (path, width)
            assert page.evaluate("document.scripts.length + document.images.length") == 0
            assert page.locator("h1").is_visible()
            smallest = page.evaluate("Math.min(...[...document.querySelectorAll('td')].map(c => c.clientWidth), 999)")
            assert smallest >= 40, f"a cell of {smallest} px breaks words letter by letter"
        assert [one for one in said if "favicon" not in one] == []
        page.close()
