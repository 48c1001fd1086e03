"""A browser that is logged in: one tap for a word, two for a yes, nothing without the session's mark."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from aiops.store import tables
from aiops.store.response_rows import Run, StepRow, run_row, step_row
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling

BASE = "http://127.0.0.1:9464"


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.start(card())
    rig.until_warned()
    assert rig.daemon is not None
    app = make_app(rig.daemon)
    with TestClient(app, base_url=BASE, client=("127.0.0.1", 50000), follow_redirects=False) as found:
        found.key = app.state.access.one_time()  # type: ignore[attr-defined]
        yield found


def warned(rig: Rig) -> str:
    assert rig.daemon is not None
    return rig.daemon.store.open_warnings()[0].id


def enter(client: TestClient) -> None:
    assert client.post("/enter", data={"key": client.key}).status_code == 303  # type: ignore[attr-defined]


def mark(page: str) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found is not None
    return found[1]


def test_the_key_of_the_start_logs_in_once_and_not_by_looking(rig: Rig, client: TestClient) -> None:
    page = f"/warnings/{warned(rig)}"
    assert client.get(f"/enter?key={client.key}").status_code == 200  # type: ignore[attr-defined]
    assert "<form" not in client.get(page).text
    enter(client)
    assert "Log out operator" in client.get(page).text
    client.cookies.clear()
    assert client.post("/enter", data={"key": client.key}).status_code == 401  # type: ignore[attr-defined]


def test_a_key_is_too_old_after_a_quarter_of_an_hour(rig: Rig, client: TestClient) -> None:
    rig.clock.now += 901
    assert client.post("/enter", data={"key": client.key}).status_code == 401  # type: ignore[attr-defined]


def test_one_tap_says_what_a_warning_was_worth(rig: Rig, client: TestClient) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    answer = client.post(f"{page}/said", data={"csrf": mark(client.get(page).text), "word": "noise"})
    assert answer.status_code == 303
    assert "Kept: not real" in client.get(answer.headers["location"]).text
    assert rig.daemon is not None
    assert [(one.who, one.body["word"]) for one in rig.daemon.store.statements(kind="feedback")] == [("operator", "noise")]


def test_what_was_called_wrong_is_quiet_until_a_time_that_the_page_says_and_a_button_takes_it_back(
    rig: Rig, client: TestClient
) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    before = client.get(page).text
    assert "Right but unimportant" in before
    assert "Tell it again" not in before
    answer = client.post(f"{page}/said", data={"csrf": mark(before), "word": "unimportant"})
    after = client.get(answer.headers["location"]).text
    assert "operator called it wrong: nothing is told of this series until" in after
    assert 'value="unhush">Tell it again' in after
    assert client.post(f"{page}/said", data={"csrf": mark(after), "word": "unhush"}).status_code == 303
    assert "Tell it again" not in (again := client.get(page).text)
    assert "lets it be told again" in again


def test_without_the_mark_nothing_is_kept(rig: Rig, client: TestClient) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    assert client.post(f"{page}/said", data={"word": "noise"}).status_code == 403
    assert client.post(f"{page}/said", data={"word": "noise", "csrf": "0" * 64}).status_code == 403
    assert rig.daemon is not None
    assert rig.daemon.store.statements(kind="feedback") == []


def test_a_word_that_is_none_is_said_so(rig: Rig, client: TestClient) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    answer = client.post(f"{page}/said", data={"csrf": mark(client.get(page).text), "word": "<b>bad</b>"})
    shown = client.get(answer.headers["location"]).text
    assert "is none of useful" in shown
    assert "<b>bad" not in shown


def test_who_is_not_logged_in_reads_how_to_say_it_else(rig: Rig, client: TestClient) -> None:
    page = client.get(f"/warnings/{warned(rig)}").text
    assert f"aiops warnings feedback {warned(rig)} noise --data-dir {rig.data_dir}" in page, "or it would read another store"
    assert "csrf" not in page


def test_an_answer_to_no_response_is_said_so(rig: Rig, client: TestClient) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    answer = client.post(f"{page}/responses/none", data={"csrf": mark(client.get(page).text), "answer": "approve"})
    assert answer.status_code == 303
    assert "said=" in answer.headers["location"]


def test_where_a_person_is_needed_a_tap_has_what_was_done_taken_back(rig: Rig, client: TestClient) -> None:
    enter(client)
    page = f"/warnings/{warned(rig)}"
    assert rig.daemon is not None
    store, now = rig.daemon.store, rig.clock.now
    snapshot = {"sha": "abc", "runbook": {"name": "mend", "steps": [{"id": "up", "undo": {"uses": "exec"}}, {"id": "more"}]}}
    facts = {"context": {"target": {}}, "team": "sre", "summary": "", "asking": None}
    run = Run("r1", "k", "mend", "abc", "t", warned(rig), "disk", "auto", "needs_a_person", now, now, None, snapshot, facts)
    lines = StepRow(0, "up", "idempotent", "k0", "DONE"), StepRow(1, "more", "once", "k1", "UNKNOWN")
    with store.transaction() as tx:
        tx._connection.execute(tables.responses.insert().values(run_row(run)))
        tx._connection.execute(tables.steps.insert(), [{"run_id": run.id, **step_row(line)} for line in lines])
    shown = client.get(page).text
    assert '<button name="word" value="undo_before">Undo before</button> it did not, take back up' in shown
    said = {"csrf": mark(shown), "answer": "resolve", "word": "undo_before"}
    answer = client.post(f"{page}/responses/r1", data=said)
    assert "heard" in answer.headers["location"]
    assert [(row.step_id, row.state) for row in rig.daemon.responding.runs.steps("r1")] == [("up", "DONE"), ("more", "FAILED")]
    found = rig.daemon.responding.runs.run("r1")
    assert found is not None
    assert (found.state, found.body["why"]) == ("undoing", "operator: more did not take effect")
    assert client.post(f"{page}/responses/r1", data=said).status_code == 303
