"""A yes at the door: of fifty at once one starts, and what cannot be undone takes a login of just now."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops import plugins
from aiops.web.access.accounts import Accounts
from aiops.web.app import make_app
from tests.daemon.rig import START_S, Rig, calm, card
from tests.responses.rig import READ, WRITE, book, early
from tests.web.people import BASE, PASSWORD, bearer

NAMES = [f"p{n}" for n in range(50)]
UNDO = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}}
BACK = {**{k: v for k, v in WRITE.items() if k != "irreversible"}, "undo": UNDO}
Opened = Callable[..., TestClient]


@pytest.fixture
def opened(rig: Rig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opened]:
    """A daemon with fifty people, each with a token, p0 with a password, and one response that asks them; a client of it."""
    monkeypatch.setitem(plugins.BUILT_IN["actions"], "count", "tests.web.api.test_responses:Counting")
    clients: list[TestClient] = []

    def open_(*steps: dict[str, Any], quorum: int = 1, **more: Any) -> TestClient:
        accounts = Accounts()
        tokens = {name: accounts.new_token(name) for name in NAMES}
        accounts.set_password("p0", PASSWORD)
        accounts.write(tmp_path / "accounts")
        (rig.folder / "books").mkdir()
        asks = {"for": "write", "from": ["group:sre"], "expires": "20m", **({"quorum": quorum} if quorum else {})}
        (rig.folder / "books" / "mend.yaml").write_text(json.dumps(book(*steps, approval=asks, **more)))
        people = {name: {"role": "responder", "groups": ["sre"]} for name in NAMES}
        rig.more |= {
            "runbooks": ["books"], "responses": {"ceiling": "auto"},
            "web": {"people": people, "accounts_file": str(tmp_path / "accounts")},
        }  # fmt: skip
        rig.world.add("free", {"instance": "a"}, calm())
        daemon = rig.start(card())
        with daemon.store.transaction() as tx:
            tx.put_warning(early(1, float(START_S)))
        daemon.responding.keep()
        daemon.responding.look()
        assert daemon.responding.engine.settle(30)
        client = TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 50000), follow_redirects=False)
        client.tokens = tokens  # type: ignore[attr-defined]
        clients.append(client)
        return client

    yield open_
    for client in clients:
        client.close()


def run_of(rig: Rig) -> Any:
    assert rig.daemon is not None
    return rig.daemon.responding.runs.newest()[0]


def say_yes(client: TestClient, rig: Rig, name: str, **more: Any) -> Any:
    tokens: dict[str, str] = client.tokens  # type: ignore[attr-defined]
    return client.post(f"/api/v1/responses/{run_of(rig).id}/approve", json=more, headers=bearer(tokens[name]))


def test_fifty_say_yes_at_once_one_is_heard_and_the_others_are_told_who_it_was(rig: Rig, opened: Opened) -> None:
    client = opened(READ, BACK)
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda name: (name, say_yes(client, rig, name)), NAMES))
    (won,) = [name for name, answer in answers if answer.status_code == 200]
    lost = [answer for _, answer in answers if answer.status_code != 200]
    assert {answer.status_code for answer in lost} == {409}
    assert all(f"it was answered by {won}" in answer.json()["detail"] for answer in lost)
    assert rig.daemon is not None
    rig.daemon.responding.look()
    assert rig.daemon.responding.engine.settle(30)
    rows = rig.daemon.store.ledger_rows(1000)
    assert [row.actor for row in rows if row.action == "response.approved"] == [won]
    assert len([row for row in rows if row.action == "response.running" and row.object == run_of(rig).id]) >= 1
    fixes = [step for step in rig.daemon.responding.runs.steps(run_of(rig).id) if step.step_id == "fix"]
    assert [(step.state, step.attempt) for step in fixes if step.idx < 1000] == [("DONE", 1)]


def test_a_program_says_no_yes_to_what_cannot_be_undone(rig: Rig, opened: Opened) -> None:
    answer = say_yes(opened(READ, WRITE), rig, "p1")
    assert (answer.status_code, "a person must log in" in answer.json()["detail"]) == (403, True)
    assert run_of(rig).state == "awaiting_approval"


def entered(client: TestClient) -> str:
    """Log in; the mark of the session."""
    assert client.post("/login", data={"name": "p0", "password": PASSWORD}).status_code == 303
    return str(client.get("/").text.split('name="csrf" value="')[1].split('"')[0])


def press(client: TestClient, rig: Rig, mark: str) -> Any:
    run = run_of(rig)
    where = f"/warnings/{run.warning_id}/responses/{run.id}"
    return client.post(where, data={"csrf": mark, "answer": "approve", "plan": run.plan_hash})


def test_what_cannot_be_undone_takes_another_login(rig: Rig, opened: Opened) -> None:
    client = opened(READ, WRITE)
    mark = entered(client)
    rig.clock.now += 660
    sent = press(client, rig, mark)
    assert sent.headers["location"].startswith("/login?again=true&to=/warnings/")
    page = client.get(sent.headers["location"]).text
    assert "cannot be undone: log in again" in page
    assert run_of(rig).state == "awaiting_approval"
    answer = client.post(f"/api/v1/responses/{run_of(rig).id}/approve", json={}, headers={"x-aiops-csrf": mark})
    assert (answer.status_code, "log in again" in answer.json()["detail"]) == (403, True)
    assert "heard" in press(client, rig, entered(client)).headers["location"]


def test_what_can_be_undone_takes_the_login_that_is_kept(rig: Rig, opened: Opened) -> None:
    client = opened(READ, BACK)
    mark = entered(client)
    rig.clock.now += 660
    assert "heard" in press(client, rig, mark).headers["location"]


def test_what_cannot_be_undone_takes_two_people_where_there_are_two(rig: Rig, opened: Opened) -> None:
    client = opened(READ, WRITE, quorum=0)
    assert "heard" in press(client, rig, entered(client)).headers["location"]
    (question,) = rig.daemon.responding.runs.questions(run_of(rig).id) if rig.daemon is not None else ()
    assert (question.state, question.quorum, question.votes) == ("waiting", 2, ("p0",))
    where = f"/warnings/{run_of(rig).warning_id}"
    assert "1 of 2 said yes" in client.get(where).text


def test_what_nobody_knows_the_writer_of_asks_for_its_name(rig: Rig, opened: Opened) -> None:
    client = opened(READ, BACK, owner={"team": "sre"})
    mark = entered(client)
    page = client.get(f"/warnings/{run_of(rig).warning_id}").text
    assert "Its file does not say who wrote it: type <code>mend</code> to confirm" in page
    assert "confirm%20by%20typing" in press(client, rig, mark).headers["location"].replace("+", "%20")
    assert say_yes(client, rig, "p4").status_code == 422
    assert say_yes(client, rig, "p4", confirm="mend").status_code == 200


def test_who_wrote_it_is_told_so(rig: Rig, opened: Opened) -> None:
    client = opened(READ, BACK, owner={"team": "sre", "edited_by": "p3"})
    answer = say_yes(client, rig, "p3")
    assert (answer.status_code, "p3 wrote this revision" in answer.json()["detail"]) == (403, True)
    assert say_yes(client, rig, "p4").status_code == 200
