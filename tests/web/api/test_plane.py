"""What is set up, over HTTP: cards, series, rules, runbooks, sources, policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from tests.daemon.rig import Rig, anomaly_card, calm, card


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    for host in ("a", "b"):
        rig.world.add("free", {"instance": host}, calm())
        rig.world.add("load", {"instance": host}, calm())
    daemon = rig.start(card(), anomaly_card())
    rig.at(8 * 3600)
    rig.turn()
    with TestClient(make_app(daemon), base_url="http://127.0.0.1:9464", client=("127.0.0.1", 50000)) as found:
        yield found


def test_cards_are_chosen_by_what_they_say(client: TestClient) -> None:
    assert [one["card"] for one in client.get("/api/v1/cards").json()] == ["disk", "strange"]
    assert [one["card"] for one in client.get("/api/v1/cards", params={"match": 'card=~"s.*"'}).json()] == ["strange"]
    assert client.get("/api/v1/cards", params={"match": 'owner="nobody"'}).json() == []


def test_series_are_chosen_by_their_labels(client: TestClient) -> None:
    found = client.get("/api/v1/series", params={"match": ['instance="b"', 'source="made"']}).json()
    assert [(one["card"], one["labels"]) for one in found] == [("disk", {"instance": "b"}), ("strange", {"instance": "b"})]
    assert [one["card"] for one in client.get("/api/v1/series?card=strange&limit=1").json()] == ["strange"]


def test_a_source_tells_its_health_class_and_cost(client: TestClient) -> None:
    (one,) = client.get("/api/v1/sources").json()
    assert (one["name"], one["kind"], one["ok"], one["data_class"]) == ("made", "made", True, "")
    assert one["cards"] == ["disk", "strange"]
    assert client.get("/api/v1/sources", params={"match": 'ok="false"'}).json() == []


def test_runbooks_are_listed_and_read_whole(client: TestClient) -> None:
    rows = client.get("/api/v1/runbooks").json()
    assert [one["name"] for one in rows] == sorted(one["name"] for one in rows)
    whole = client.get(f"/api/v1/runbooks/{rows[0]['name']}").json()
    assert (whole["kind"], whole["name"], len(whole["steps"])) == ("Runbook", rows[0]["name"], rows[0]["steps"])
    assert client.get("/api/v1/runbooks/none").status_code == 404


def test_policy_decisions_can_be_chosen(client: TestClient) -> None:
    rows = client.get("/api/v1/policy/decisions").json()
    assert {row["action"] for row in rows} >= {"fetch", "store", "train", "serve"}
    assert {row["effect"] for row in client.get("/api/v1/policy/decisions", params={"match": 'place="web"'}).json()} == {"mask"}
