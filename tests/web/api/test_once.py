"""A change that names itself happens once, however often it is sent, and is answered the same."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.store.answers import Answers
from aiops.web.api.once import HEADER, REPLAYED
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling
from tests.web.people import bearer
from tests.web.people import tokens as tokens

BASE = "http://127.0.0.1:9464"


@pytest.fixture
def client(rig: Rig, tokens: dict[str, str]) -> Iterator[TestClient]:
    rig.stop()
    rig.world.add("free", {"instance": "b"}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    with TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 50000), headers=bearer(tokens["ann"])) as found:
        yield found


def path(rig: Rig) -> str:
    assert rig.daemon is not None
    return f"/api/v1/warnings/{rig.daemon.store.open_warnings()[0].id}/actions"


def actions(rig: Rig) -> list[Any]:
    assert rig.daemon is not None
    return [one.body["what"] for one in rig.daemon.store.statements(kind="action")]


def send(client: TestClient, rig: Rig, key: str, what: str = "deleted logs", **headers: str) -> Any:
    rig.clock.now += 1  # else the same again is the same statement anyway
    return client.post(path(rig), json={"what": what}, headers={HEADER: key, **headers})


def test_sent_again_it_changes_nothing_more_and_is_answered_the_same(rig: Rig, client: TestClient) -> None:
    first, again = send(client, rig, "k1"), send(client, rig, "k1")
    assert (first.status_code, again.status_code, again.content) == (200, 200, first.content)
    assert (REPLAYED in first.headers, again.headers[REPLAYED]) == (False, "true")
    assert again.headers["content-type"] == first.headers["content-type"]
    assert actions(rig) == ["deleted logs"]
    send(client, rig, "k2")
    assert len(actions(rig)) == 2


def test_another_request_under_the_same_key_is_refused(rig: Rig, client: TestClient) -> None:
    send(client, rig, "k")
    other = send(client, rig, "k", "something else")
    assert (other.status_code, other.json()["type"]) == (422, "urn:aiops:problem:key-of-another")
    assert client.post(path(rig).replace("actions", "ack"), json={}, headers={HEADER: "k"}).status_code == 422
    assert actions(rig) == ["deleted logs"]


def test_a_key_of_another_caller_is_another_key(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    send(client, rig, "k")
    assert REPLAYED not in send(client, rig, "k", **bearer(tokens["bot"])).headers
    assert len(actions(rig)) == 2


def test_who_may_not_change_it_is_not_told_what_was_answered(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    send(client, rig, "k")
    assert send(client, rig, "k", **bearer(tokens["vic"])).status_code == 403
    assert send(client, rig, "k", **bearer("guess")).status_code == 401


def test_it_is_known_after_a_restart_and_for_a_day(rig: Rig, client: TestClient, tokens: dict[str, str]) -> None:
    first = send(client, rig, "k")
    rig.stop()
    with TestClient(make_app(rig.start()), base_url=BASE, client=("127.0.0.1", 1), headers=bearer(tokens["ann"])) as later:
        assert send(later, rig, "k").content == first.content
        rig.clock.now += 86400
        assert REPLAYED not in send(later, rig, "k").headers


def test_what_was_refused_is_refused_again_and_what_failed_is_tried_again(
    rig: Rig, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert send(client, rig, "k", "").status_code == 422
    assert send(client, rig, "k").status_code == 200
    assert rig.daemon is not None

    def broken(*_: object) -> None:
        from aiops.core.errors import StoreError

        raise StoreError("disk full")

    with monkeypatch.context() as patched:
        patched.setattr("aiops.pipeline.desk.Desk.acted", broken)
        assert send(client, rig, "k2").status_code == 503
    assert send(client, rig, "k2").status_code == 200


def test_while_it_is_worked_on_the_same_again_waits(rig: Rig, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    from aiops.pipeline.desk import Desk

    inside, go, real = threading.Event(), threading.Event(), Desk.acted

    def slow(*given: Any) -> Any:
        inside.set()
        assert go.wait(60)
        return real(*given)

    monkeypatch.setattr(Desk, "acted", slow)
    first: list[Any] = []
    worker = threading.Thread(target=lambda: first.append(send(client, rig, "k")))
    worker.start()
    assert inside.wait(60)
    again = client.post(path(rig), json={"what": "deleted logs"}, headers={HEADER: "k"})
    assert (again.status_code, again.json()["type"], again.headers["retry-after"]) == (409, "urn:aiops:problem:still-begun", "2")
    go.set()
    worker.join(60)
    assert first[0].status_code == 200
    assert actions(rig) == ["deleted logs"]


def test_what_a_process_left_begun_is_not_done_again_unseen(rig: Rig, client: TestClient) -> None:
    send(client, rig, "k")
    assert rig.daemon is not None
    with rig.daemon.store.transaction() as tx:  # as a kill leaves it: after the effect, before its answer was kept
        from aiops.store import tables

        tx._connection.execute(tables.answers.update().values(status=0, body="", media_type=""))
    assert send(client, rig, "k").status_code == 409
    assert actions(rig) == ["deleted logs"]


def test_too_many_keys_of_one_caller_are_refused(rig: Rig, client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.store.answers.KEYS_OF_ONE", 1)
    assert send(client, rig, "k1").status_code == 200
    refused = send(client, rig, "k2")
    assert (refused.status_code, refused.json()["type"]) == (429, "urn:aiops:problem:too-many-keys")
    assert send(client, rig, "k1").headers[REPLAYED] == "true"
    assert len(actions(rig)) == 1


@pytest.mark.parametrize("key", ["", "a b", "x" * 256, "\u00e9"])
def test_what_is_no_key_is_refused(rig: Rig, client: TestClient, key: str) -> None:
    assert client.post(path(rig), json={"what": "x"}, headers={HEADER: key.encode()}).status_code == 422  # type: ignore[dict-item]
    assert actions(rig) == []


def test_a_key_on_a_page_is_nothing(rig: Rig, client: TestClient) -> None:
    assert rig.daemon is not None
    assert client.post("/login", data={"name": "ann", "password": "x" * 12}, headers={HEADER: "k"}).status_code == 401
    assert Answers(rig.daemon.store).begin("ann", "k", "d", rig.clock.now) is None
