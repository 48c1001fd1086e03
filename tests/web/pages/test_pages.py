"""The pages in a real browser: no label runs, nothing is refused by the policy, and a phone needs no sideways scrolling."""

from __future__ import annotations

import shutil
import threading
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
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


def test_the_page_of_a_warning_says_what_a_person_needs_at_night(rig: Rig, served: str) -> None:
    """Numbers, doubts and neighbours; each name as text, and those of other warnings as links."""
    assert rig.daemon is not None
    found, other = rig.daemon.store.open_warnings()
    evidence = {
        "now": 31.5, "expected": 4.25, "usual_low": 3.1, "usual_high": 5.9, "score": 7.42, "threshold": 4.1, "share": 0.62,
        "reason": "unlike what was usual here", "also": [{"labels": {"cpu": HOSTILE}, "now": 0.98, "score": 1.42}],
        "windows": [f"6h: 3 an hour {HOSTILE}"], "against": [f"5 of its 9 series are as usual {HOSTILE}"],
    }  # fmt: skip
    symptom = replace(found.symptoms[0], evidence=evidence)
    named = {"id": other.id, "card": HOSTILE, "kind": "anomaly", "entity": {"instance": HOSTILE}, "opened_s": 60}
    with rig.daemon.store.transaction() as tx:
        tx.put_warning(found.having(symptoms=(symptom,), beside=(named,), cause=other.id, stale_since_s=found.opened_s))
    page = urllib.request.urlopen(f"{served}/warnings/{found.id}").read().decode()
    for wanted in (
        "3.1 to 5.9 here at this hour, expected 4.25", "7.42 (threshold 4.1), 62% of the entity&#39;s", "What else moved",
        "now 0.98, score 1.42", "What speaks against it", "5 of its 9 series are as usual", "also over", "6h: 3 an hour",
        "Also open here", f'<a href="/warnings/{other.id}">', "several that were told together", "Act before",
        "Its source is away since", "<dt>source</dt><dd>made</dd>",
    ):  # fmt: skip
        assert wanted in page, wanted
    assert page.count("<script") == page.count('<script src="/static/')
    assert "<img" not in page


def test_a_warning_that_lists_others_links_to_each_and_has_no_verdict(rig: Rig, served: str) -> None:
    assert rig.daemon is not None
    found, other = rig.daemon.store.open_warnings()
    member = {"id": other.id, "entity": dict(other.entity), "opened_s": other.opened_s, "expected_s": other.opened_s + 60.0}
    with rig.daemon.store.transaction() as tx:
        tx.put_warning(found.having(members=(member,)))
    page = urllib.request.urlopen(f"{served}/warnings/{found.id}").read().decode()
    assert "Where: 1 that began together" in page
    with rig.daemon.store.transaction() as tx:
        tx.put_warning(found.having(members=(member,), entity={}))
    storm = urllib.request.urlopen(f"{served}/warnings/{found.id}").read().decode()
    assert "Where: 1 that began in a short time, too many to tell one by one" in storm
    assert f'<a href="/warnings/{other.id}">' in page
    assert "judged yet" not in page


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
            assert page.evaluate("[...document.scripts].every(s => s.src) && document.images.length === 0")
            assert page.locator("h1").is_visible()
            cells = "[...document.querySelectorAll('table:not(.u-legend) td')]"
            smallest = page.evaluate(f"Math.min(...{cells}.map(c => c.clientWidth), 999)")
            assert smallest >= 40, f"a cell of {smallest} px breaks words letter by letter"
        assert said == []
        page.close()
