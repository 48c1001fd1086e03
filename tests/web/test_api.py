"""The JSON that is read: every route is in the published schema with a summary, and answers what it says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from aiops.web.app import make_app
from tests.daemon.rig import Rig, card, falling


@pytest.fixture
def client(rig: Rig) -> Iterator[TestClient]:
    rig.world.add("free", {"instance": "a"}, falling(0.001))
    rig.start(card())
    rig.until_warned()
    assert rig.daemon is not None
    with TestClient(make_app(rig.daemon), base_url="http://127.0.0.1:9464", client=("127.0.0.1", 50000)) as found:
        yield found


def read_paths(client: TestClient) -> dict[str, dict[str, Any]]:
    paths = client.get("/openapi.json").json()["paths"]
    return {path: methods["get"] for path, methods in paths.items() if "get" in methods and path.startswith("/api/v1")}


def test_every_route_that_is_read_is_in_the_schema_with_a_summary(client: TestClient) -> None:
    found = read_paths(client)
    assert {"/api/v1/status", "/api/v1/warnings/{warning_id}", "/api/v1/rules", "/api/v1/report"} <= set(found)
    assert all(one["summary"] for one in found.values())


@pytest.mark.parametrize("path", ["/api/v1/warnings", "/api/v1/outcomes", "/api/v1/series"])
def test_a_limit_is_kept_and_bounded(client: TestClient, path: str) -> None:
    assert len(client.get(path, params={"limit": 1}).json()) <= 1
    for wrong in (0, 1001, "x"):
        assert client.get(path, params={"limit": wrong}).status_code == 422


def test_a_warning_is_found_by_its_id(client: TestClient) -> None:
    (one,) = client.get("/api/v1/warnings").json()
    assert client.get(f"/api/v1/warnings/{one['id']}").json()["card"] == "disk"
    assert client.get("/api/v1/warnings/none").status_code == 404
