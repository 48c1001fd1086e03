"""The demo in real browsers, as `aiops demo` plays it but for the pace: from the warning over a yes to the verdict."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from aiops.config.shipped import demo_dir
from aiops.responses.switch import turn
from aiops.web.demo import FILES, Show, shown
from tests.web.browsing import LOOKS, PHONE, Tab, chromium, enter, tab

TITLE = "disk full on shop-db-1 /srv/shop/data"
RUNBOOK = "free-shop-disk"


@pytest.fixture
def show() -> Iterator[Show]:
    """The demo, with the card alone that the incident is about."""
    with shown(60, paced=False, cards=[demo_dir() / "cards"]) as found:
        yield found


def until(show: Show, event: str, **wanted: Any) -> dict[str, Any]:
    """Let the recording go on to an event."""
    return next(line.fields for line in show.lines if line.event == event and wanted.items() <= line.fields.items())


def test_an_incident_from_the_warning_to_a_yes_to_the_verdict(show: Show) -> None:
    with chromium() as browser, ExitStack() as stack:
        tabs: list[Tab] = [stack.enter_context(tab(browser, size, scheme)) for size, scheme in LOOKS]
        _come(show, tabs)
        for one in tabs:
            assert one.page.locator("h1").inner_text() == "Nothing is foreseen"
            assert "This is a recording" in one.page.locator(".note").first.inner_text()

        warning_id = until(show, "response", state="awaiting_approval")["warning"]
        for one in tabs:  # nobody loads the page again: it shows itself anew
            one.page.locator("article", has_text=TITLE).locator(".asks").wait_for()
            one.page.locator(".note", has_text="a runbook asks for your yes").wait_for()
            assert one.fits()
            one.page.click(f"article a >> text={TITLE}")
            one.page.wait_for_url(f"{show.url}/warnings/{warning_id}")
            one.page.locator("figure[data-drawn] canvas").wait_for()
            if one.size != PHONE:  # there is no room for numbers beside the cursor there
                one.page.locator("figure .u-over").hover()
                assert re.search(r"measured:?\s*\d[\d.]*%", one.page.locator(".u-legend").inner_text())
                assert re.search(r"limit:?\s*5%", one.page.locator(".u-legend").inner_text())
            assert "% now; limit 5%" in one.page.locator("#plot-says").text_content()
            assert one.page.locator("#why").is_visible()
            assert one.fits()

        _approved_on_the_phone(show, tabs)
        until(show, "outcome")
        for one in tabs:
            one.page.locator(".when", has_text="It was averted").wait_for()
            one.page.locator(".note", has_text="The disk is not full").wait_for()
            thread = one.page.locator(".thread").inner_text()
            assert all(said in thread for said in ("opened", "asked for a yes", "left its course", "judged: averted"))
            assert one.fits()
            assert one.said == []


def _come(show: Show, tabs: list[Tab]) -> None:
    """The first by the address that the terminal prints, the others by keys like it."""
    tabs[0].page.goto(show.door)
    tabs[0].page.click("main button")
    tabs[0].page.wait_for_url(f"{show.url}/")
    for one in tabs[1:]:
        enter(one, show.url, show.app)


def _approved_on_the_phone(show: Show, tabs: list[Tab]) -> None:
    """Three taps on the page of the warning, for nobody else looks at it; the others see what comes of it."""
    phone = next(one for one in tabs if one.size == PHONE).page
    assert phone.evaluate("document.querySelector('.bar').getBoundingClientRect().bottom <= innerHeight + 1")
    phone.locator(".bar a", has_text="Approve").tap()
    phone.locator(".ask input[name=confirm]").tap()
    phone.keyboard.type(RUNBOOK)
    phone.locator(".ask button", has_text="Approve").tap()
    phone.locator("[role=status]", has_text="Your yes was heard").wait_for()
    until(show, "response", state="verifying")
    spare = show.daemon.shop.parents[1] / "spare" / "import"
    assert len(list(spare.iterdir())) == FILES, "what the plan says was really done"
    until(show, "response", state="succeeded")
    for one in tabs:
        one.page.locator(".thread li", has_text="step set_aside: done").wait_for()
        assert one.page.locator(".ask.waits").count() == 0


def test_where_nobody_answers_it_comes_true(show: Show) -> None:
    with chromium() as browser, tab(browser) as phone:
        phone.page.goto(show.url)
        warning_id = until(show, "response", state="awaiting_approval")["warning"]
        phone.page.goto(f"{show.url}/warnings/{warning_id}")
        assert phone.page.locator("main button").count() == 0
        assert "open the address with the key that the terminal shows" in phone.page.locator("main").inner_text()
        until(show, "response", state="approval_expired")
        phone.page.locator(".note", has_text="Nobody said yes").wait_for()
        until(show, "outcome")
        phone.page.locator(".when", has_text="It came true, and was told in time").wait_for()
        assert show.daemon.shop.is_dir(), "nothing was done"


def test_where_several_look_one_tap_approves_and_two_say_what_was_wrong(show: Show) -> None:
    book = show.daemon.shop.parents[1] / "runbooks" / f"{RUNBOOK}.yaml"
    book.write_text(book.read_text().replace("{team: shop-sre}", "{team: shop-sre, edited_by: dee}"))
    assert show.daemon.reload() == ""
    show.daemon.responding.people.alone = False
    warning_id = until(show, "response", state="awaiting_approval")["warning"]
    with chromium() as browser, tab(browser) as phone:
        enter(phone, show.url, show.app)
        phone.page.goto(f"{show.url}/warnings/{warning_id}")  # as a message leads there
        phone.page.locator(".bar button", has_text="Approve").tap()
        phone.page.locator("[role=status]", has_text="Your yes was heard").wait_for()
        phone.page.locator(".bar a", has_text="Wrong").tap()
        button = phone.page.locator("button", has_text="Not real")
        assert phone.page.evaluate("b => b.getBoundingClientRect().top < innerHeight", button.element_handle())
        button.tap()
        phone.page.locator("[role=status]", has_text="Kept: not real").wait_for()
        assert "operator said: noise" in phone.page.locator(".thread").inner_text()
    assert [one.body["word"] for one in show.daemon.store.statements(kind="feedback")] == ["noise"]


def test_the_kill_switch_is_seen_at_once(show: Show) -> None:
    with chromium() as browser, tab(browser) as phone:
        phone.page.goto(show.url)
        turn(show.daemon.responding.runs, show.daemon.settings.data_dir, True, "ann", "too much", show.daemon.now_s)
        phone.page.locator(".note.bad", has_text="kill switch is on").wait_for()
