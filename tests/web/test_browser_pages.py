"""Every page in a real browser: nothing for axe to find, nothing runs whatever labels say; by keyboard, and without a script."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields, is_dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from aiops import plugins
from aiops.core.errors import SourceError
from aiops.core.records import Crossing, EarlyWarning, Outcome
from aiops.pipeline.desk import Desk
from aiops.web.app import make_app
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling
from tests.notify.samples import RUNBOOK
from tests.responses.rig import READ, WRITE, book
from tests.store.samples import outcome
from tests.web.browsing import DESK, LOOKS, PHONE, SLOW_MS, Tab, chromium, enter, serving, tab

HOSTILE = (
    "<script>alert(1)</script>", '"><img src=x onerror=alert(2)><svg/onload=alert(3)>', "javascript:alert(4)", "{{7*7}}${7*7}",
    "\u202e\u2066gnp.exe\u0000\x1b[31m\ud83d\ude00\n", "</title></textarea><base href=//evil>", "a" * 10_000,
)  # fmt: skip
EVIL = "".join(HOSTILE)
SCRIPTS_AT_MOST = 60_000
PAGES = ("/", "/scorecard", "/cards", "/runbooks", "/runbooks/mend", "/sources", "/rules", "/report", "/ledger", "/login")
KEPT = {
    "id", "thread", "fingerprint", "state", "stage", "kind", "severity", "verdict", "card", "unit", "mode", "effect", "source",
    "event",
}  # fmt: skip
"""Fields that nobody outside can fill."""


@pytest.fixture
def app(rig: Rig) -> FastAPI:
    """A daemon that has seen something of everything."""
    rig.world.add("free", {"instance": "db1", "mountpoint": "/var"}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    (rig.folder / "books").mkdir()
    (rig.folder / "books" / "mend.yaml").write_text(json.dumps(book(READ, approval=None, verify=None, mode="suggest")))
    rig.more |= {"runbooks": ["books"], "stages": {"disk": "ticket"}}
    daemon = rig.start(card(entity=["instance", "mountpoint"]), anomaly_card())
    rig.until_warned()
    (one,) = daemon.store.open_warnings()
    desk, now = Desk(daemon.store), daemon.clock()
    desk.ack(one.id, "ann", now)
    with daemon.store.transaction() as tx:
        tx.put_warning(one.having(runbooks=(RUNBOOK,)))
        for number, verdict in enumerate(("hit", "false", "averted"), 1):
            name = f"{number:016x}"
            tx.put_warning(one.having(id=name, fingerprint=name, state="closed", closed_s=int(now), verdict=verdict))
            tx.put_outcome(outcome(number, verdict, card="disk", settled_s=int(now), opened_s=one.opened_s))
        tx.put_outcome(Outcome("", "disk", {"instance": "db9"}, "missed", int(now), None, int(now) - 60, None, None, None))
    return make_app(daemon)


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    with serving(app) as found:
        yield found


def open_one(rig: Rig) -> EarlyWarning:
    assert rig.daemon is not None
    return rig.daemon.store.open_warnings()[0]


def violations(found: Tab) -> list[str]:
    """What axe finds, by rule and element."""
    from axe_playwright_python.sync_playwright import Axe

    said = Axe().run(found.page, options={"resultTypes": ["violations"]}).response["violations"]
    return [f"{one['id']}: {node['html'][:150]}" for one in said for node in one["nodes"]]


def test_axe_finds_nothing_on_any_page_by_day_and_night_on_phone_and_desk(rig: Rig, app: FastAPI, url: str) -> None:
    found: dict[tuple[Any, ...], list[str]] = {}
    with chromium() as browser, ExitStack() as stack:
        for size, scheme in LOOKS:
            one = stack.enter_context(tab(browser, size, scheme))
            enter(one, url, app)
            for path in (*PAGES, f"/warnings/{open_one(rig).id}", f"/warnings/{1:016x}"):
                one.page.goto(url + path)
                if path.startswith("/warnings"):
                    one.page.locator("figure[data-drawn] canvas").wait_for()
                found[path, size, scheme] = violations(one)
                assert one.fits(), (path, size)
            assert one.said == []
    assert {where: said for where, said in found.items() if said} == {}


def test_on_a_phone_every_page_is_in_sight_of_the_navigation(rig: Rig, app: FastAPI, url: str) -> None:
    with chromium() as browser, tab(browser, PHONE) as one:
        enter(one, url, app)
        for path in ("/", "/scorecard", "/ledger"):
            one.page.goto(url + path)
            found = one.page.locator("nav a, nav button")
            ends = found.evaluate_all("them => them.map(one => one.getBoundingClientRect().right)")
            assert len(ends) == 9
            assert max(ends) <= PHONE[0]
            assert one.page.locator("nav").bounding_box()["height"] < 110, "two lines"


def test_no_page_loads_more_than_it_may_and_nothing_from_elsewhere(rig: Rig, app: FastAPI, url: str) -> None:
    with chromium() as browser:
        for path in (*PAGES, f"/warnings/{open_one(rig).id}"):
            with tab(browser, DESK) as one:
                asked: list[Any] = []
                one.page.on("requestfinished", lambda request, asked=asked: asked.append(request))
                one.page.goto(url + path)
                one.page.wait_for_load_state()
                assert all(r.url.startswith((url, "data:")) for r in asked)
                sizes = [r.sizes()["responseBodySize"] for r in asked if r.resource_type == "script"]
                assert 0 < sum(sizes) <= SCRIPTS_AT_MOST, path
                assert one.said == []


def evil(value: Any, name: str = "") -> Any:
    """The same with hostile text in every field that a label, a rule, a person or a source could have filled."""
    if isinstance(value, str):
        return value if name in KEPT else EVIL
    if isinstance(value, dict):
        return {k: evil(v, k) for k, v in value.items()} | ({EVIL: EVIL} if name in ("labels", "entity", "rule_labels") else {})
    if isinstance(value, list | tuple):
        return type(value)(evil(one, name) for one in value)
    if is_dataclass(value) and not isinstance(value, type):
        if isinstance(value, Crossing):
            return value
        return replace(value, **{one.name: evil(getattr(value, one.name), one.name) for one in fields(value)})
    return value


@pytest.mark.row("A9")
def test_nothing_executes_and_nothing_breaks_whatever_labels_say(rig: Rig, app: FastAPI, url: str) -> None:
    daemon = rig.daemon
    assert daemon is not None
    one = open_one(rig)
    (symptom,) = one.symptoms
    more = {
        "also": [{"labels": {"cpu": "3"}, "now": 1.0, "score": 2.0}], "against": ["doubt"], "windows": ["6h: more"],
        "reason": "why", "rule_labels": {"alertname": "x"}, "expr": "up", "summary": "s", "runbook_url": "u",
        "guards": [{"expr": "up", "holds": True, "flips": 3}],
    }  # fmt: skip
    source = symptom.lineage.source
    bad = evil(replace(symptom, evidence={**symptom.evidence, **more}))
    bad = replace(bad, labels={**bad.labels}, lineage=replace(evil(symptom.lineage), source=source, partial=(EVIL,)))
    named = {"id": one.id, "card": "disk", "kind": "anomaly", "entity": {EVIL: EVIL}, "opened_s": 60, "expected_s": 120.0}
    hurt = evil(one).having(
        symptoms=(bad,), record={"text": EVIL}, beside=(named,), runbooks=(evil(RUNBOOK),), calibration={"confidence": EVIL},
        closed_why=EVIL,
    )  # fmt: skip
    with daemon.store.transaction() as tx:
        tx.put_warning(hurt)
        tx.put_warning(hurt.having(id="0" * 15 + "f", fingerprint="f" * 16, kind="rule", members=(named, named)))
        settled = int(daemon.clock())
        tx.put_outcome(outcome(1, "hit", card="disk", detail=EVIL, judged_by=EVIL, entity={EVIL: EVIL}, settled_s=settled))
        tx.record(EVIL[:100], "said.x", EVIL[:100], {EVIL: EVIL}, daemon.clock())
    Desk(daemon.store).feedback(one.id, "noise", EVIL[:90], daemon.clock(), EVIL[:400])
    rig.world.error = SourceError("made", "not_prometheus", EVIL)
    rig.clock.now += 300
    rig.turn()
    said = f"/warnings/{one.id}?said={'%3Cscript%3E' * 40}"
    with chromium() as browser, ExitStack() as stack:
        for size, scheme in ((PHONE, "light"), (DESK, "dark")):
            seen = stack.enter_context(tab(browser, size, scheme))
            enter(seen, url, app)
            for path in (*PAGES, f"/warnings/{one.id}", "/warnings/000000000000000f", said):
                seen.page.goto(url + path)
                seen.page.wait_for_load_state()
                assert seen.page.locator("h1").is_visible(), path
                assert seen.fits(), (path, size)
                ours = "[...document.scripts].every(s => s.src.startsWith(location.origin + '/static/'))"
                assert seen.page.evaluate(f"{ours} && !document.querySelector('main img, base, iframe, svg[onload]')"), path
                assert "\u202e" not in seen.page.content()
                assert "\x00" not in seen.page.content()
            assert seen.said == []


def test_everything_is_reached_by_keyboard_with_the_focus_in_sight(rig: Rig, app: FastAPI, url: str) -> None:
    with chromium() as browser, tab(browser, DESK) as one:
        enter(one, url, app)
        one.page.goto(f"{url}/warnings/{open_one(rig).id}")
        wanted = one.page.evaluate("document.querySelectorAll('a[href], button, summary, input:not([type=hidden])').length")
        seen = []
        for _ in range(wanted + 5):
            one.page.keyboard.press("Tab")
            seen.append(one.page.evaluate(
                "(() => { const at = document.activeElement, box = at.getBoundingClientRect(), style = getComputedStyle(at);"
                " return [at.localName + (at.getAttribute('href') || at.value || at.textContent.slice(0, 20)), box.width > 0,"
                " at === document.body || style.outlineStyle !== 'none'] })()"
            ))  # fmt: skip
        hidden = one.page.evaluate("[...document.querySelectorAll('.bar a, .bar button')].length")
        assert seen[0][0].startswith("a#main"), "the first stop leads past the navigation"
        assert all(outlined for _, _, outlined in seen)
        assert len({name for name, *_ in seen if name.startswith(("a", "button", "summary"))}) >= wanted - hidden - 1


def test_what_has_the_focus_and_what_is_open_stays_when_a_page_shows_itself_anew(rig: Rig, app: FastAPI, url: str) -> None:
    assert rig.daemon is not None
    with chromium() as browser, tab(browser, PHONE) as one:
        enter(one, url, app)
        one.page.goto(f"{url}/warnings/{open_one(rig).id}")
        one.page.locator("#lineage summary").click()
        one.page.locator("button", has_text="Useful").focus()
        Desk(rig.daemon.store).ack(open_one(rig).id, "zoe", rig.daemon.clock() + 1)
        one.page.locator(".thread", has_text="zoe looks at it").wait_for()
        assert one.page.evaluate("document.activeElement.textContent") == "Useful"
        assert one.page.evaluate("document.getElementById('lineage').open")
        one.page.locator("figure[data-drawn] canvas").wait_for()
        assert one.said == []


def test_without_a_script_all_of_it_is_there_and_the_forms_work(rig: Rig, app: FastAPI, url: str) -> None:
    with chromium() as browser, tab(browser, PHONE, script=False) as one:
        enter(one, url, app)
        one.page.goto(f"{url}/warnings/{open_one(rig).id}")
        assert one.page.locator("svg.chart polyline.value").first.is_visible()
        assert one.page.locator("svg.chart line.limit").count() == 1
        assert "UTC" in one.page.locator(".when time").inner_text()
        assert 'http-equiv="refresh"' in one.page.content()
        one.page.locator("button", has_text="Told twice").tap()
        assert "Kept: told twice" in one.page.locator("[role=status]").inner_text()


def test_times_are_told_in_the_readers_zone_beside_utc(rig: Rig, app: FastAPI, url: str) -> None:
    with chromium() as browser, tab(browser, DESK) as one:
        one.page.goto(f"{url}/warnings/{open_one(rig).id}")
        said = one.page.locator(".when time").first
        exact = said.get_attribute("datetime")
        here = datetime.fromisoformat(exact).astimezone(ZoneInfo("Australia/Adelaide"))
        assert f"{here:%H:%M}" in said.inner_text()
        assert f"{exact[11:16]} UTC" in said.inner_text()
        one.page.locator(".zone", has_text="Australia/Adelaide").wait_for()


TEXT = "</title><script>alert(5)</script><img src=x onerror=alert(6)>{{7*7}}${7*7}javascript:alert(7) \u202egnp"
"""What a runbook's author may write where anything may be written."""


def hostile_book() -> dict[str, Any]:
    """A runbook that says something hostile wherever its file takes text, and does something with a label that is."""
    ends = {"within": "30m", "all": [{"name": TEXT, "promql": "free{$target}", "expect": ">= 0.2", "for": "5m"}]}
    test = {"name": TEXT, "symptom": {"kind": "forecast", "signal": TEXT, "labels": {TEXT: TEXT}}, "expect": {"matched": False}}
    return book(
        {**READ, "with": {"at": "${{ target.instance }}", "say": TEXT}}, {**WRITE, "irreversible": TEXT}, name="evil",
        summary=TEXT, owner={"team": TEXT, "contact": TEXT, "edited_by": TEXT[:60]}, docs=f"http://evil.example/{TEXT}",
        match={"kind": "forecast", "signal": "disk"}, approval={"for": "write", "from": [f"group:{TEXT}", "user:operator"],
        "expires": "20m"}, verify=ends, notify={"route": TEXT, "impact": TEXT}, tests=[test],
    )  # fmt: skip


def test_neither_a_runbook_nor_what_it_asks_executes_whatever_its_file_and_its_label_say(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(plugins.BUILT_IN["actions"], "count", "tests.web.api.test_responses:Counting")
    rig.world.add("free", {"instance": TEXT, "mountpoint": "/var"}, falling(0.001))
    (rig.folder / "books").mkdir()
    (rig.folder / "books" / "evil.yaml").write_text(json.dumps(hostile_book()))
    rig.more |= {"runbooks": ["books"], "stages": {"disk": "page"}, "stages_why": "tests", "responses": {"ceiling": "auto"}}
    daemon = rig.start(card(entity=["instance", "mountpoint"]))
    rig.until_warned()
    daemon.responding.keep()
    daemon.responding.look()
    assert daemon.responding.engine.settle(60)
    assert [run.state for run in daemon.responding.runs.newest()] == ["awaiting_approval"]
    app, ours = make_app(daemon), "[...document.scripts].every(s => s.src.startsWith(location.origin + '/static/'))"
    with serving(app) as url, chromium() as browser, ExitStack() as stack:
        for size, scheme in LOOKS:
            seen = stack.enter_context(tab(browser, size, scheme))
            enter(seen, url, app)
            for path in ("/", f"/warnings/{open_one(rig).id}", "/runbooks", "/runbooks/evil", "/ledger"):
                seen.page.goto(url + path)
                seen.page.wait_for_load_state()
                assert seen.fits(), (path, size)
                foreign = "document.querySelector('main img, base, iframe, a[href^=javascript]')"
                assert seen.page.evaluate(f"{ours} && !{foreign}"), path
                assert "\u202e" not in seen.page.content()
                if path.startswith(("/warnings", "/runbooks/")):
                    assert "<script>alert(5)</script>" in seen.page.locator("main").inner_text(), "as the text that it is"
                    assert violations(seen) == []
            assert seen.said == []


@pytest.mark.row("A8")
def test_a_page_of_somebody_else_cannot_put_ours_in_a_frame(rig: Rig, app: FastAPI, url: str, tmp_path: Path) -> None:
    (tmp_path / "trap.html").write_text(f'<h1>Win a prize</h1><iframe src="{url}/" width="900" height="600"></iframe>')
    with chromium() as browser, tab(browser, DESK) as one:
        enter(one, url, app)
        one.page.goto(f"file://{tmp_path}/trap.html")
        end = time.monotonic() + SLOW_MS / 1000
        while not one.said and time.monotonic() < end:
            one.page.wait_for_timeout(50)
        (frame,) = one.page.frames[1:]
        assert "frame-ancestors 'none'" in one.said[0], "the browser says why it refuses"
        assert frame.locator("nav").count() == 0
        assert not frame.url.startswith(url)


TRAP = """<form id=f method=post action="{url}/warnings/{id}/said">
<input name=word value=noise><input name=csrf value={mark}></form>
<script>
Promise.allSettled(["text/plain", "application/x-www-form-urlencoded"].map(kind => fetch("{url}/api/v1/warnings/{id}/feedback",
  {{method: "POST", mode: "no-cors", credentials: "include", headers: {{"Content-Type": kind}}, body: '{{"word": "noise"}}'}})))
  .then(() => document.getElementById("f").submit());
</script>"""


@pytest.mark.row("A7")
def test_a_page_of_somebody_else_changes_nothing_with_the_login_of_who_opens_it(
    rig: Rig, app: FastAPI, url: str, tmp_path: Path
) -> None:
    """Even one that knows the mark of the session: the browser says where a form comes from."""
    assert rig.daemon is not None
    about = open_one(rig).id
    before = [row.action for row in rig.daemon.store.ledger_rows(50)]
    with chromium() as browser, tab(browser, DESK) as one:
        enter(one, url, app)
        mark = one.page.locator("nav input[name=csrf]").get_attribute("value")
        (tmp_path / "trap.html").write_text(TRAP.format(url=url, id=about, mark=mark))
        with serving(StaticFiles(directory=tmp_path)) as elsewhere:
            foreign = elsewhere, elsewhere.replace("127.0.0.1", "localhost"), f"file://{tmp_path}"
            for trap in (f"{origin}/trap.html" for origin in foreign):
                lured = one.page.context.new_page()  # of its own: the page before may still be on its way to our answer
                with lured.expect_response(lambda r: r.url.endswith("/said")) as answer:
                    lured.goto(trap, wait_until="commit")  # it leaves by itself, maybe before it has loaded
                assert answer.value.status in (401, 403), trap
    assert [row.action for row in rig.daemon.store.ledger_rows(50)] == before
