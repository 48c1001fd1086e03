"""The schema says of every route who may, what is answered and what may go wrong."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.routing import APIRoute

from aiops.web.api.problems import MEDIA_TYPE
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card


@pytest.fixture
def app(rig: Rig) -> Any:
    return make_app(rig.start(card()))


def operations(app: Any) -> list[tuple[str, str, dict[str, Any]]]:
    return [(path, method, one) for path, methods in app.openapi()["paths"].items() for method, one in methods.items()]


def test_it_is_of_the_version_that_json_schema_speaks(app: Any) -> None:
    assert app.openapi()["openapi"] == "3.1.0"
    assert app.openapi() is app.openapi()


def test_every_route_of_the_api_has_a_shape_a_summary_and_its_errors(app: Any) -> None:
    seen = 0
    for path, method, one in operations(app):
        assert one["summary"], path
        if not path.startswith("/api/"):
            continue
        seen += 1
        content = next(iter(one["responses"]["200"]["content"].values()))
        assert content["schema"], path
        assert {"401", "403", "422", "429", "500", "503"} <= set(one["responses"]), path
        assert "Validation" not in str(one["responses"])
        assert one["security"] == ([{}, {"token": []}] if method == "get" else [{"token": []}]), path
    assert seen > 25
    problems = app.openapi()["components"]["responses"].values()
    assert all(list(one["content"]) == [MEDIA_TYPE] for one in problems)


def test_what_is_read_has_a_mark_what_changes_a_key_and_a_list_a_link(app: Any) -> None:
    for path, method, one in operations(app):
        if path.startswith("/api/") and path != "/api/v1/events":
            names = {p["name"].lower() for p in one["parameters"]}
            assert ("if-none-match" in names, "idempotency-key" in names) == (method == "get", method == "post"), path
            assert ("304" in one["responses"]) == (method == "get")
            assert "cursor" not in names or "Link" in one["responses"]["200"]["headers"], path
            if method == "post" and "{" in path:
                assert "if-match" in names, path


def test_each_route_has_a_name_of_its_own(app: Any) -> None:
    names = [one["operationId"] for _, _, one in operations(app)]
    assert len(names) == len(set(names))


def test_only_pages_are_left_out(app: Any) -> None:
    described = set(app.openapi()["paths"])
    served = {r.path for r in app.routes if isinstance(r, APIRoute)}
    assert not {path for path in served - described if path.startswith(("/api", "/-/", "/metrics"))}
