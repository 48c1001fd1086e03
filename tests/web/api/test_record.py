"""What came of warnings, over HTTP; and the ledger, for whoever may read it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling
from tests.web.people import bearer
from tests.web.people import tokens as tokens


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    for host in ("a", "b"):
        rig.world.add("free", {"instance": host}, falling(0.001))
    daemon = rig.start(card())
    rig.until_warned()
    rig.at(13 * 3600)
    rig.turn()
    with TestClient(make_app(daemon), base_url="http://127.0.0.1:9464", client=("127.0.0.1", 50000)) as found:
        yield found


def test_verdicts_are_chosen_by_what_they_are_about(client: TestClient) -> None:
    assert {one["entity"]["instance"] for one in client.get("/api/v1/outcomes").json()} == {"a", "b"}
    found = client.get("/api/v1/outcomes", params={"match": ['verdict="hit"', 'instance="b"']}).json()
    assert [one["entity"]["instance"] for one in found] == ["b"]
    first = client.get("/api/v1/outcomes?limit=1")
    second = client.get(first.links["next"]["url"])
    assert {one["entity"]["instance"] for one in first.json() + second.json()} == {"a", "b"}


def test_figures_and_stages_are_lists_like_any_other(client: TestClient) -> None:
    assert [one["name"] for one in client.get("/api/v1/scorecard?by=entity&limit=1").json()] == ["a"]
    assert client.get("/api/v1/scorecard", params={"by": "entity", "match": 'name="b"'}).json()[0]["settled"] == 1
    assert [one["card"] for one in client.get("/api/v1/stages", params={"match": 'stage="shadow"'}).json()] == ["disk"]
    assert client.get("/api/v1/stages?card=none").json() == []


def test_the_ledger_is_read_by_action(client: TestClient) -> None:
    rows = client.get("/api/v1/ledger", params={"match": 'action=~"warning\\\\..*"'}).json()
    assert rows
    assert all(row["action"].startswith("warning.") for row in rows)
    assert rows[0]["detail"]["card"] == "disk"
    assert [row["seq"] for row in rows] == sorted((row["seq"] for row in rows), reverse=True)


def test_the_ledger_takes_an_auditor(rig: Rig, tokens: dict[str, str]) -> None:
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url="http://127.0.0.1", client=("127.0.0.1", 1)) as client:
        codes = {name: client.get("/api/v1/ledger", headers=bearer(tokens[name])).status_code for name in ("vic", "ann", "root")}
    assert codes == {"vic": 403, "ann": 403, "root": 200}
