"""The pages that are tables: each answers, names what there is, and teaches when it is empty."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi.testclient import TestClient

from aiops.core.records import Crossing
from aiops.runbooks import Runbook
from aiops.web.app import make_app
from aiops.web.pages.boards import Cell
from aiops.web.pages.view import by_time_left
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling
from tests.daemon.test_business import PILOT
from tests.notify.samples import OPENED_S, anomaly, closed, warning

BASE = "http://127.0.0.1:9464"
HOSTILE = '<script>alert(1)</script>"\'><img src=x onerror=alert(2)>'


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": HOSTILE}, falling(0.001))
    rig.world.add("load", {"instance": "a"}, calm())
    rig.start(card(), anomaly_card())
    rig.until_warned()
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url=BASE, client=("127.0.0.1", 50000), follow_redirects=False) as found:
        yield found


def said(page: str) -> str:
    return unescape(re.sub(r"<[^>]*>", " ", page))


@pytest.mark.parametrize("path", ["/scorecard", "/cards", "/runbooks", "/sources", "/rules", "/report", "/ledger"])
def test_a_page_answers_and_leads_to_the_others(client: TestClient, path: str) -> None:
    page = client.get(path)
    assert page.status_code == 200
    for other in ("/", "/scorecard", "/cards", "/runbooks", "/sources", "/rules", "/report", "/ledger"):
        assert f'href="{other}"' in page.text
    assert f'href="{path}" aria-current="page"' in page.text
    assert page.text.count("<script") == page.text.count('<script src="/static/')
    assert 'name="viewport"' in page.text


def test_an_empty_page_teaches(client: TestClient) -> None:
    assert "a warning is judged when its limit is crossed" in said(client.get("/scorecard").text)
    assert "Nothing was done yet" in said(client.get("/runbooks").text)


def test_the_scorecard_tells_what_came_true(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    (one,) = rig.daemon.store.open_warnings()
    head = {"Authorization": f"Bearer {rig.daemon.token}"}
    assert client.post(f"/api/v1/warnings/{one.id}/verdict", json={"verdict": "hit"}, headers=head).status_code == 200
    text = said(client.get("/scorecard").text)
    assert "1 of 1" in text
    assert "disk" in text


def test_cards_say_what_they_lack(client: TestClient) -> None:
    text = said(client.get("/cards").text)
    assert "settled incidents 0, needs 20" in text
    assert "1 active" in text


def test_sources_say_how_they_are_and_what_they_cost(rig: Rig, client: TestClient) -> None:
    text = said(client.get("/sources").text)
    assert "answers" in text
    assert "not classified" in text
    assert re.search(r"\d+ queries", text)


def test_the_ledger_shows_its_newest_rows_and_leads_to_earlier_ones(rig: Rig, client: TestClient) -> None:
    page = client.get("/ledger").text
    assert "warning.opened" in page
    assert HOSTILE not in page
    assert said(client.get("/ledger?before=2").text).count("policy.changed") <= 1
    assert page.count("<tr>") > client.get("/ledger?before=2").text.count("<tr>")
    assert client.get("/ledger?before=0").status_code == 422


def test_runbooks_are_listed(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    rig.daemon.rooms.runbooks = [Runbook.model_validate({
        "apiVersion": "aiops/v1", "kind": "Runbook", "name": "look", "summary": "Look at the disk that fills up.",
        "owner": {"team": "storage"}, "match": {"kind": "forecast", "signal": "disk"},
        "notify": {"route": "default", "impact": "Writes will fail."},
    })]  # fmt: skip
    text = said(client.get("/runbooks").text)
    assert "Look at the disk that fills up." in text
    assert "storage" in text


def test_what_is_open_stands_by_the_time_left() -> None:
    soon = warning(id="soon")
    later = warning(id="later", crossing=Crossing(OPENED_S + 9e4, OPENED_S + 9.5e4, OPENED_S + 1e5))
    over = closed(OPENED_S + 60, id="over")
    assert [one.id for one in by_time_left([over, anomaly(id="strange"), later, soon])] == ["soon", "later", "strange", "over"]


def test_a_pilot_stands_on_the_scorecard_with_its_verdict(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, calm())
    rig.more = {"pilots": {"disks": PILOT}}
    daemon = rig.start(card("disk_full"))
    with TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 50000)) as client:
        text = " ".join(said(client.get("/scorecard").text).split())
        assert "Pilots" in text
        assert "disks" in text
        assert re.search("keep|stop|scale", text.partition("Pilots")[2])

        assert "Pilot disks" in said(client.get("/report").text)


def test_what_is_not_there_is_a_page_that_leads_on(client: TestClient) -> None:
    for path in ("/warnings/none<b>", "/runbooks/none"):
        page = client.get(path)
        assert page.status_code == 404
        assert "There is no" in page.text
        assert "<b>" not in page.text


def test_of_very_many_warnings_the_soonest_are_shown_and_all_are_counted(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    (one,) = rig.daemon.store.open_warnings()
    with rig.daemon.store.transaction() as tx:
        for number in range(300):
            name = f"{number:016x}"
            later = Crossing(one.updated_s + 1e6 + number, one.updated_s + 2e6 + number, one.updated_s + 3e6 + number)
            tx.put_warning(one.having(id=name, fingerprint=name, crossing=later))
    page = client.get("/").text
    assert "301 early warnings" in page
    assert page.count("<article") == 200
    assert "101 more are open" in said(page)
    assert one.id in page


def test_a_word_stands_unbroken_unless_a_column_cannot_be_made_for_it() -> None:
    assert not Cell("filesystem_inodes_free_ratio", "two words").long
    assert Cell("a" * 29).long
    assert Cell("ok", "b" * 400).long
    assert [Cell("-").none, Cell("").none, Cell("-", "why").none, Cell("0").none] == [True, True, False, False]


def test_where_nobody_has_an_account_the_login_says_how_to_answer(client: TestClient) -> None:
    text = " ".join(said(client.get("/login").text).split())
    assert "open the address that the daemon prints at its start" in text
    assert "aiops accounts set" in text
