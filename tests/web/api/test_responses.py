"""Responses over HTTP: read, answered, stopped; whoever answers is who the credential says."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops import plugins
from aiops.daemon.daemon import Daemon
from aiops.web.app import make_app
from tests.daemon.rig import START_S, Rig, calm, card
from tests.responses.rig import READ, WRITE, book, early

BASE = "http://127.0.0.1:9464"


def asking(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Daemon:
    """A daemon with one response that asks whoever holds the token."""
    monkeypatch.setitem(plugins.BUILT_IN["actions"], "count", "tests.web.api.test_responses:Counting")
    (rig.folder / "books").mkdir()
    one = book(READ, WRITE, owner={"team": "sre"}, approval={"for": "write", "from": ["user:operator"], "expires": "20m"})
    (rig.folder / "books" / "mend.yaml").write_text(json.dumps(one))
    rig.more |= {"runbooks": ["books"], "responses": {"ceiling": "auto"}}
    daemon = rig.start(card())
    with daemon.store.transaction() as tx:
        tx.put_warning(early(1, float(START_S)))
    daemon.responding.keep()
    daemon.responding.look()
    assert daemon.responding.engine.settle(30)
    return daemon


@pytest.fixture
def daemon_rig(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> Rig:
    rig.world.add("free", {"instance": "a"}, calm())
    asking(rig, monkeypatch)
    return rig


class Counting:
    """The action of this test, as a plug-in is loaded: without arguments of its own."""

    from tests.responses.rig import CountParams as Params

    def __new__(cls, params: object) -> Any:
        from tests.responses.rig import Count

        return Count()


@pytest.fixture
def client(daemon_rig: Rig) -> Iterator[TestClient]:
    assert daemon_rig.daemon is not None
    with TestClient(make_app(daemon_rig.daemon), base_url=BASE, client=("127.0.0.1", 50000)) as found:
        yield found


def token(rig: Rig) -> dict[str, str]:
    assert rig.daemon is not None
    return {"Authorization": f"Bearer {rig.daemon.token}"}


def test_they_are_read_in_a_list_and_whole(client: TestClient, daemon_rig: Rig) -> None:
    (row,) = client.get("/api/v1/responses", headers=token(daemon_rig)).json()
    assert (row["runbook"], row["state"]) == ("mend", "awaiting_approval")
    whole = client.get(f"/api/v1/responses/{row['id']}", headers=token(daemon_rig)).json()
    assert [(s["id"], s["state"]) for s in whole["steps"]] == [("look", "DONE"), ("fix", "PENDING")]
    assert whole["questions"][0]["plan"][0]["what"].endswith("at: a1")
    assert client.get("/api/v1/responses?state=blocked", headers=token(daemon_rig)).json() == []
    assert client.get("/api/v1/responses/none", headers=token(daemon_rig)).status_code == 404


@pytest.mark.parametrize("word", ["approve", "deny", "cancel", "resolve"])
@pytest.mark.row("R18")
def test_no_word_is_heard_without_a_credential_and_looking_does_nothing(client: TestClient, daemon_rig: Rig, word: str) -> None:
    assert daemon_rig.daemon is not None
    run = daemon_rig.daemon.responding.runs.newest()[0]
    url = f"/api/v1/responses/{run.id}/{word}"
    body = {"word": "stop"} if word == "resolve" else {}
    assert client.post(url, json=body).status_code == 401
    assert client.get(url, headers=token(daemon_rig)).status_code in (404, 405)
    assert client.head(url, headers=token(daemon_rig)).status_code in (404, 405)
    assert daemon_rig.daemon.responding.runs.newest() == [run]


@pytest.mark.row("R17")
def test_a_yes_is_that_of_the_credentials_user_and_the_same_yes_is_the_same_answer(client: TestClient, daemon_rig: Rig) -> None:
    assert daemon_rig.daemon is not None
    responding = daemon_rig.daemon.responding
    run = responding.runs.newest()[0]
    url = f"/api/v1/responses/{run.id}/approve"
    assert client.post(url, json={"by": "ann"}, headers=token(daemon_rig)).status_code == 422
    assert client.post(url, json={"plan_hash": "0" * 64}, headers=token(daemon_rig)).status_code == 409
    assert "mend" in client.post(url, json={}, headers=token(daemon_rig)).json()["detail"]  # nobody else looks at it
    said = {"plan_hash": run.plan_hash, "confirm": "mend"}
    answers = [client.post(url, json=said, headers=token(daemon_rig)) for _ in range(2)]
    assert [a.status_code for a in answers] == [200, 200]
    assert answers[0].json()["questions"][0]["votes"] == ["operator"]
    responding.look()
    assert responding.engine.settle(30)
    assert client.get(f"/api/v1/responses/{run.id}", headers=token(daemon_rig)).json()["state"] == "verifying"
    late = client.post(f"/api/v1/responses/{run.id}/deny", json={}, headers=token(daemon_rig))
    assert (late.status_code, "it was answered by operator: used" in late.json()["detail"]) == (409, True)


def test_of_many_at_once_one_counts(client: TestClient, daemon_rig: Rig) -> None:
    assert daemon_rig.daemon is not None
    run = daemon_rig.daemon.responding.runs.newest()[0].id
    codes: list[int] = []

    def answer(word: str) -> None:
        body = {"confirm": "mend"} if word == "approve" else {}
        codes.append(client.post(f"/api/v1/responses/{run}/{word}", json=body, headers=token(daemon_rig)).status_code)

    threads = [threading.Thread(target=answer, args=("approve" if n % 2 else "deny",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(codes) <= {200, 409}
    assert len(daemon_rig.daemon.responding.runs.questions(run)) == 1


def test_the_kill_switch_is_turned_over_http(client: TestClient, daemon_rig: Rig) -> None:
    assert client.get("/api/v1/kill-switch", headers=token(daemon_rig)).json() == {"on": False, "why": ""}
    assert client.post("/api/v1/kill-switch", json={"on": True}).status_code == 401
    said = client.post("/api/v1/kill-switch", json={"on": True, "why": "drill"}, headers=token(daemon_rig))
    assert said.json() == {"on": True, "changed": True}
    assert client.get("/api/v1/kill-switch", headers=token(daemon_rig)).json() == {"on": True, "why": "operator: drill"}
    assert "aiops_kill_switch 1.0" in client.get("/metrics", headers=token(daemon_rig)).text


def test_it_says_where_people_see_it_once_that_is_known(client: TestClient, daemon_rig: Rig) -> None:
    assert daemon_rig.daemon is not None
    (row,) = client.get("/api/v1/responses").json()
    assert "episode_url" not in row
    daemon_rig.daemon.rooms.episode_url = lambda one: f"https://aiops.example/warnings/{one}"
    one = client.get(f"/api/v1/responses/{row['id']}").json()
    assert one["episode_url"] == f"https://aiops.example/warnings/{row['warning_id']}"


@pytest.mark.row("A6")
@pytest.mark.parametrize(
    ("word", "more"),
    [("approve", {"approved_by": "x"}), ("approve", {"state": "done"}), ("deny", {"status": "x"})],
)
def test_what_nobody_asks_for_is_refused_and_changes_nothing(
    client: TestClient, daemon_rig: Rig, word: str, more: dict[str, str]
) -> None:
    (row,) = client.get("/api/v1/responses", headers=token(daemon_rig)).json()
    answer = client.post(f"/api/v1/responses/{row['id']}/{word}", json=more, headers=token(daemon_rig))
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:aiops:problem:not-as-described")
    about = client.post(f"/api/v1/warnings/{row['warning_id']}/ack", json=more, headers=token(daemon_rig))
    assert about.status_code == 422
    (again,) = client.get("/api/v1/responses", headers=token(daemon_rig)).json()
    assert again == row
