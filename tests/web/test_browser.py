"""The demo's incident in real browsers, on phone and desk, by day and night: from the warning over a yes to the verdict."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from aiops import plugins
from aiops.config.shipped import models_dir
from aiops.responses.switch import turn
from aiops.web.demo import Show, shown
from tests.responses.rig import READ, WRITE, book
from tests.web.browsing import LOOKS, PHONE, Tab, chromium, enter, tab

TITLE = "disk full on shop-db-1 /srv/shop/data"


@pytest.fixture
def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Show]:
    """The demo with one card, and a runbook that asks whoever is logged in."""
    monkeypatch.setitem(plugins.BUILT_IN["actions"], "count", "tests.web.api.test_responses:Counting")
    undo = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}}
    write = {**{name: value for name, value in WRITE.items() if name != "irreversible"}, "undo": undo}
    one = book(
        READ, write, name="clean-up",
        verify={"within": "30m", "all": [{"name": "clear", "forecast": "clear"}]},
        match={"kind": "forecast", "signal": "filesystem_free_ratio"}, target_by=["instance", "mountpoint"],
        approval={"for": "write", "from": ["user:operator"], "expires": "20m"},
        tests=[{"name": "t", "symptom": {"kind": "forecast", "signal": "filesystem_free_ratio", "labels": {}},
                "expect": {"matched": True}}],
    )  # fmt: skip
    (tmp_path / "clean-up.yaml").write_text(json.dumps(one))
    with shown(60, paced=False, cards=[models_dir() / "disk_full.yaml"], runbooks=[tmp_path], responses={"ceiling": "auto"},
               stages={"disk_full": "page"}) as found:
        yield found


def until(show: Show, event: str) -> dict[str, Any]:
    """Let the recording go on to an event."""
    return next(line.fields for line in show.lines if line.event == event)


def respond(show: Show) -> None:
    show.daemon.responding.keep()
    show.daemon.responding.look()
    assert show.daemon.responding.engine.settle(60)
    show.daemon.responding.look()
    assert show.daemon.responding.engine.settle(60)


def test_an_incident_from_the_warning_to_a_yes_to_the_verdict(show: Show) -> None:
    warning_id = ""
    with chromium() as browser, ExitStack() as stack:
        tabs: list[Tab] = [stack.enter_context(tab(browser, size, scheme)) for size, scheme in LOOKS]
        for one in tabs:
            enter(one, show.url, show.app)
            assert one.page.locator("h1").inner_text() == "Nothing is foreseen"
            assert "This is a recording" in one.page.locator(".note").first.inner_text()

        warning_id = until(show, "warning")["id"]
        for one in tabs:  # nobody loads the page again: it shows itself anew
            one.page.locator("article", has_text=TITLE).wait_for()
            assert one.fits()
        respond(show)
        for one in tabs:
            one.page.locator("article .asks").wait_for()
            one.page.click(f"article a >> text={TITLE}")
            one.page.wait_for_url(f"{show.url}/warnings/{warning_id}")
            one.page.locator("figure[data-drawn] canvas").wait_for()
            assert one.page.locator("#why").is_visible()
            assert one.fits()

        _approved_on_the_phone(show, tabs)
        until(show, "outcome")
        for one in tabs:
            one.page.locator(".when", has_text="It came true, and was told in time").wait_for()
            thread = one.page.locator(".thread").inner_text()
            assert all(said in thread for said in ("opened", "asked for a yes", "step fix: done", "judged: hit", "came"))
            assert one.fits()
            assert one.said == []


def _approved_on_the_phone(show: Show, tabs: list[Tab]) -> None:
    """Three taps on the page of the warning, for nobody else looks at it; the others see what comes of it."""
    phone = next(one for one in tabs if one.size == PHONE).page
    assert phone.evaluate("document.querySelector('.bar').getBoundingClientRect().bottom <= innerHeight + 1")
    phone.locator(".bar a", has_text="Approve").tap()
    phone.locator(".ask input[name=confirm]").tap()
    phone.keyboard.type("clean-up")
    phone.locator(".ask button", has_text="Approve").tap()
    phone.locator("[role=status]", has_text="approve: heard").wait_for()
    respond(show)
    for one in tabs:
        one.page.locator(".thread li", has_text="step fix: done").wait_for()
        assert one.page.locator(".ask.waits").count() == 0


def test_where_several_look_one_tap_approves_and_two_say_what_was_wrong(show: Show) -> None:
    show.daemon.responding.people.alone = False
    warning_id = until(show, "warning")["id"]
    respond(show)
    with chromium() as browser, tab(browser) as phone:
        enter(phone, show.url, show.app)
        phone.page.goto(f"{show.url}/warnings/{warning_id}")  # as a message leads there
        phone.page.locator(".bar button", has_text="Approve").tap()
        phone.page.locator("[role=status]", has_text="approve: heard").wait_for()
        phone.page.locator(".bar a", has_text="Wrong").tap()
        button = phone.page.locator("button", has_text="Not real")
        assert phone.page.evaluate("b => b.getBoundingClientRect().top < innerHeight", button.element_handle())
        button.tap()
        phone.page.locator("[role=status]", has_text="noise: kept").wait_for()
        assert "operator said: noise" in phone.page.locator(".thread").inner_text()
    assert [one.body["word"] for one in show.daemon.store.statements(kind="feedback")] == ["noise"]


def test_the_kill_switch_is_seen_at_once(show: Show) -> None:
    with chromium() as browser, tab(browser) as phone:
        phone.page.goto(show.url)
        turn(show.daemon.responding.runs, show.daemon.settings.data_dir, True, "ann", "too much", show.daemon.now_s)
        phone.page.locator(".note.bad", has_text="kill switch is on").wait_for()
