"""Verdicts, actions and incidents over HTTP: kept, answered, and refused in words."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling

CARD = card(truth={"crossing": True, "incidents": ['alertname="DiskFull"']})


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    daemon = rig.start(CARD)
    rig.until_warned()
    headers = {"Authorization": f"Bearer {daemon.token}"}
    with TestClient(make_app(daemon), base_url="http://127.0.0.1", headers=headers, client=("127.0.0.1", 50000)) as found:
        yield found


def path(client: TestClient, what: str) -> str:
    return f"/api/v1/warnings/{client.get('/api/v1/warnings').json()[0]['id']}/{what}"


def test_a_verdict_is_kept_and_shown(client: TestClient) -> None:
    where = path(client, "verdict")
    answer = client.post(where, json={"verdict": "false", "by": "ann", "why": "a test"})
    assert answer.status_code == 200
    assert (answer.json()["verdict"], answer.json()["judged_by"]) == ("false", "ann")
    assert client.get(where.removesuffix("/verdict")).json()["outcome"]["detail"] == "a test"


def test_an_action_allows_averted(client: TestClient) -> None:
    averted = {"verdict": "averted", "by": "ann"}
    refused = client.post(path(client, "verdict"), json=averted)
    assert (refused.status_code, refused.json()["detail"][:12]) == (422, "averted need")
    assert client.post(path(client, "actions"), json={"what": "deleted logs", "by": "ann"}).json()["what"] == "deleted logs"
    assert client.post(path(client, "verdict"), json=averted).status_code == 200


def test_a_webhook_of_alertmanager_settles(rig: Rig, client: TestClient) -> None:
    alert = {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "a"}, "startsAt": rig.clock.now}
    answer = client.post("/api/v1/incidents", json={"version": "4", "alerts": [alert]})
    assert [(o["verdict"], o["truth"]) for o in answer.json()["outcomes"]] == [("late", "incident")]
    assert client.post("/api/v1/incidents", json={"alerts": [alert]}).json() == {"incidents": 1, "outcomes": []}


@pytest.mark.parametrize(
    ("where", "body"),
    [
        ("verdict", {"verdict": "missed", "by": "ann"}), ("actions", {"what": "", "by": "ann"}),
        ("verdict", {"verdict": "hit", "by": "ann", "more": 1}), ("actions", {"what": "x", "by": "ann", "at": 1}),
    ],
)  # fmt: skip
def test_what_is_wrong_is_refused(client: TestClient, where: str, body: dict[str, Any]) -> None:
    assert client.post(path(client, where), json=body).status_code == 422


def test_no_warning_and_no_incident(client: TestClient) -> None:
    assert client.post("/api/v1/warnings/none/verdict", json={"verdict": "hit", "by": "ann"}).status_code == 422
    assert "holds neither" in client.post("/api/v1/incidents", json={}).json()["detail"]


def test_the_scorecard_tells_what_came_of_it(client: TestClient) -> None:
    assert client.get("/api/v1/scorecard").json() == []
    client.post(path(client, "verdict"), json={"verdict": "hit", "by": "ann"})
    (card_,) = client.get("/api/v1/scorecard").json()
    assert (card_["name"], card_["settled"], card_["precision"]) == ("disk", 1, 1.0)
    assert [one["name"] for one in client.get("/api/v1/scorecard?by=entity").json()] == ["a"]
    assert client.get("/api/v1/scorecard?by=colour").status_code == 422


def test_feedback_is_taken(client: TestClient) -> None:
    answer = client.post(path(client, "feedback"), json={"word": "noise", "by": "ann", "note": "nightly"})
    assert (answer.status_code, answer.json()["word"]) == (200, "noise")
    assert 'aiops_feedback{card="disk",word="noise"} 1.0' in client.get("/metrics").text
    assert client.post(path(client, "feedback"), json={"word": "bad", "by": "ann"}).status_code == 422
    assert client.post("/api/v1/warnings/none/feedback", json={"word": "noise", "by": "ann"}).status_code == 422


def test_who_looks_at_a_warning_is_kept_and_the_report_is_told(client: TestClient) -> None:
    answer = client.post(path(client, "ack"), json={"by": "ann"})
    assert (answer.status_code, answer.json()["by"]) == (200, "ann")
    assert client.post("/api/v1/warnings/nothing/ack", json={"by": "ann"}).status_code == 422
    (report,) = client.get("/api/v1/report").json()
    assert (report["pilot"], report["cards"]) == ("", ["disk"])
    assert report["figures"]["precision"]["value"] is None


def test_what_was_called_wrong_is_told_again_when_somebody_says_so(client: TestClient) -> None:
    refused = client.post(path(client, "unhush"), json={"by": "bob"})
    assert (refused.status_code, refused.json()["detail"]) == (422, "nothing is hushed here: its series is told as any other")
    assert client.post(path(client, "feedback"), json={"word": "noise", "by": "ann"}).json()["hush_until_s"]
    answer = client.post(path(client, "unhush"), json={"by": "bob"})
    assert (answer.status_code, answer.json()["by"]) == (200, "bob")
    assert client.post(path(client, "unhush"), json={"by": "bob"}).status_code == 422
    assert client.get("/api/v1/ledger").json()[0]["action"] == "said.unhush"
