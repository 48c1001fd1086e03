"""Early warnings over HTTP: page by page, by matchers, by their marks; their series; why they were given."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from aiops.web.access.guard import BODY_AT_MOST
from aiops.web.api.once import HEADER
from aiops.web.app import make_app
from tests.daemon.rig import START_S, Rig, card, falling

BASE = "http://127.0.0.1:9464"
HOSTS = ("a", "b", "c")


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    for host in HOSTS:
        rig.world.add("free", {"instance": host, "env": "prod" if host == "a" else "test"}, falling(0.001))
    rig.start(card())
    rig.until_warned()
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url=BASE, client=("127.0.0.1", 50000)) as found:
        yield found


def id_of(client: TestClient, host: str = "a") -> str:
    found = client.get("/api/v1/warnings", params={"match": f'instance="{host}"'}).json()
    return str(found[0]["id"])


def by_token(rig: Rig) -> dict[str, str]:
    assert rig.daemon is not None
    return {"Authorization": f"Bearer {rig.daemon.token}"}


@pytest.mark.parametrize("name", ["warnings", "outcomes", "series", "responses", "ledger"])
def test_a_limit_is_kept_and_bounded(client: TestClient, name: str) -> None:
    assert len(client.get(f"/api/v1/{name}", params={"limit": 1}).json()) <= 1
    for wrong in (0, 1001, "x"):
        assert client.get(f"/api/v1/{name}", params={"limit": wrong}).status_code == 422


@pytest.mark.parametrize("path", ["/api/v1/warnings", "/api/v1/series", "/api/v1/ledger", "/api/v1/runbooks"])
def test_the_links_lead_through_the_whole_list(client: TestClient, path: str) -> None:
    whole = client.get(path, params={"limit": 1000}).json()
    found: list[Any] = []
    target: str | None = f"{path}?limit=2"
    while target is not None:
        answer = client.get(target)
        found += answer.json()
        target = answer.links.get("next", {}).get("url")
    assert len(whole) > 2
    assert found == whole


@pytest.mark.parametrize(
    ("matchers", "hosts"),
    [(['instance="a"'], "a"), (['env="test"'], "bc"), (['env="test"', 'instance!="b"'], "c"),
     (['instance=~"a|b"', 'card="disk"'], "ab"), (['severity="critical"'], ""),
     (['no=""'], "abc"), (['kind="exhaustion"', 'stage="shadow"'], "abc")],
)  # fmt: skip
def test_matchers_choose_as_those_of_a_route(client: TestClient, matchers: list[str], hosts: str) -> None:
    found = client.get("/api/v1/warnings", params={"match": matchers}).json()
    assert sorted(one["entity"]["instance"] for one in found if not one["members"]) == sorted(hosts)


def test_open_and_closed_ones_are_told_apart(rig: Rig, client: TestClient) -> None:
    assert client.get("/api/v1/warnings?state=closed").json() == []
    rig.at(13 * 3600)
    rig.turn()
    assert {one["state"] for one in client.get("/api/v1/warnings?state=closed").json()} == {"closed"}
    assert client.get("/api/v1/warnings?state=shut").status_code == 422


def test_a_warning_is_found_by_its_id(client: TestClient) -> None:
    assert client.get(f"/api/v1/warnings/{id_of(client)}").json()["card"] == "disk"
    for what in ("", "/series", "/explain"):
        missing = client.get(f"/api/v1/warnings/none{what}")
        assert (missing.status_code, missing.headers["content-type"]) == (404, "application/problem+json")


def test_what_is_known_is_not_sent_again_until_it_changes(rig: Rig, client: TestClient) -> None:
    for path in ("/api/v1/warnings", f"/api/v1/warnings/{id_of(client)}"):
        tag = client.get(path).headers["etag"]
        assert client.get(path, headers={"If-None-Match": tag}).status_code == 304
        where = f"/api/v1/warnings/{id_of(client)}/verdict"
        word = "hit" if path.endswith("warnings") else "late"
        assert client.post(where, json={"verdict": word, "by": "ann"}, headers=by_token(rig)).status_code == 200
        again = client.get(path, headers={"If-None-Match": tag})
        assert again.status_code == 200
        assert word in again.text


@pytest.mark.row("A17")
def test_a_verdict_on_what_has_changed_meanwhile_is_refused(rig: Rig, client: TestClient) -> None:
    one = f"/api/v1/warnings/{id_of(client)}"
    tag = client.get(one).headers["etag"]
    said = {"If-Match": tag, **by_token(rig)}
    assert client.post(f"{one}/verdict", json={"verdict": "hit", "by": "ann"}, headers=said).status_code == 200
    words: dict[str, Any] = {"verdict": {"verdict": "false"}, "ack": {}, "feedback": {"word": "noise"}, "actions": {"what": "x"}}
    for what, body in words.items():
        late = client.post(f"{one}/{what}", json=body, headers=said)
        assert (late.status_code, late.json()["type"]) == (412, "urn:aiops:problem:changed-meanwhile")
    assert client.get(one).json()["outcome"]["verdict"] == "hit"


def test_the_series_of_a_warning_are_the_arrays_that_decided(rig: Rig, client: TestClient) -> None:
    daemon, warning = rig.daemon, client.get(f"/api/v1/warnings/{id_of(client)}").json()
    assert daemon is not None
    (one,) = client.get(f"/api/v1/warnings/{warning['id']}/series").json()
    assert one["labels"] == {"instance": "a", "env": "prod"}
    assert (one["limit"], one["above"], one["symptom"]) == (0.05, False, 0)
    assert one["crossing_s"] == [warning["crossing"][f"{name}_s"] for name in ("earliest", "expected", "latest")]
    times, values = np.array(one["time_s"]), np.array(one["values"], float)
    assert np.abs(values - falling(0.001)(times)).max() < 0.002
    assert times[-1] == daemon.rooms.watches[0].window.end_s
    assert times[0] >= START_S


def test_a_warning_is_explained(rig: Rig, client: TestClient) -> None:
    one = id_of(client)
    client.post(f"/api/v1/warnings/{one}/ack", json={"by": "ann"}, headers=by_token(rig))
    found = client.get(f"/api/v1/warnings/{one}/explain").json()
    assert "disk on a" in found["title"]
    assert found["evidence"][0]["facts"][0]["name"] == "why"
    assert found["data_age"] == "", "its newest sample is of the last turn"
    assert found["lineage"][0]["source"] == "made"
    assert [said["kind"] for said in found["said"]] == ["ack"]
    assert {row["action"] for row in found["policy"]} == {"serve", "notify"}
    assert found["judged_at"] > found["lineage"][0]["end_s"]


def test_a_caller_elsewhere_sees_what_the_policy_lets_them(rig: Rig, client: TestClient) -> None:
    away = {"X-Forwarded-For": "10.0.0.9"}
    whole = client.get("/api/v1/warnings").json()
    seen = client.get("/api/v1/warnings", headers=away).json()
    assert [one["id"] for one in seen] == [one["id"] for one in whole]
    assert all(a["entity"] != b["entity"] for a, b in zip(seen, whole, strict=True))
    one = id_of(client)
    client.post(f"/api/v1/warnings/{one}/actions", json={"what": "looked at host a", "by": "ann"}, headers=by_token(rig))
    for path in (f"warnings/{one}", f"warnings/{one}/series", f"warnings/{one}/explain", "ledger"):
        answer = client.get(f"/api/v1/{path}", headers=away)
        assert answer.status_code == 200, path
        assert '"prod"' not in answer.text, path
        assert "host a" not in answer.text, path


def test_what_is_too_large_is_refused(rig: Rig, client: TestClient) -> None:
    head = by_token(rig) | {"Content-Type": "application/json"}
    for told in (True, False):  # with its length and without
        for more in ({}, {HEADER: "k"}):
            content = b" " * BODY_AT_MOST + b"{}" if told else iter([b" " * BODY_AT_MOST, b"{}"])
            answer = client.post("/api/v1/incidents", content=content, headers=head | more)
            assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
