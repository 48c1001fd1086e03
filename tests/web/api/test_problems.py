"""Every error is said as RFC 9457 says it, whoever raises it."""

from __future__ import annotations

import json
from typing import Annotated

import pytest
from fastapi import FastAPI, HTTPException, Query
from fastapi.testclient import TestClient
from pydantic import BaseModel

from aiops.core.errors import StoreError
from aiops.pipeline.desk import Unsaid
from aiops.web.access.guard import HEADERS
from aiops.web.api.problems import MEDIA_TYPE, Problem, Trouble, problem, take

ERRORS = {
    "http": HTTPException(404, "no such thing", {"X-More": "1"}), "trouble": Trouble(412, "changed-meanwhile", "again"),
    "store": StoreError("store: full"), "unsaid": Unsaid("no"), "mistake": ZeroDivisionError("secret"),
    "odd": HTTPException(499, "odd"),
}  # fmt: skip


class Body(BaseModel):
    n: int


@pytest.fixture
def client() -> TestClient:
    app = FastAPI()
    take(app, HEADERS)

    @app.get("/{name}")
    def fail(name: str, limit: Annotated[int, Query(ge=1)] = 1) -> None:
        raise ERRORS[name]

    @app.post("/")
    def post(body: Body) -> None:
        pass

    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("name", "status", "kind", "title"),
    [
        ("http", 404, "about:blank", "Not Found"), ("trouble", 412, "urn:aiops:problem:changed-meanwhile", "Precondition Failed"),
        ("store", 503, "urn:aiops:problem:store", "Service Unavailable"), ("odd", 499, "about:blank", "Error"),
        ("unsaid", 422, "urn:aiops:problem:cannot-be-said", "Unprocessable Content"),
        ("mistake", 500, "about:blank", "Internal Server Error"),
    ],
)  # fmt: skip
def test_whatever_is_raised_is_told_as_a_problem(client: TestClient, name: str, status: int, kind: str, title: str) -> None:
    found = client.get(f"/{name}")
    assert (found.status_code, found.headers["content-type"]) == (status, MEDIA_TYPE)
    told = Problem.model_validate(found.json())
    assert (told.status, told.type) == (status, kind)
    assert told.title.partition(" ")[0] == title.partition(" ")[0]
    assert "secret" not in found.text


def test_headers_of_an_error_stay_and_a_mistake_has_those_of_every_answer(client: TestClient) -> None:
    assert client.get("/http").headers["x-more"] == "1"
    assert client.get("/mistake").headers["x-content-type-options"] == "nosniff"
    assert client.get("/store").headers["retry-after"] == "5"
    assert client.delete("/http").headers["allow"] == "GET"


def test_each_thing_that_is_wrong_is_named_and_what_was_sent_is_not(client: TestClient) -> None:
    told = client.get("/http?limit=secret").json()
    assert told["type"] == "urn:aiops:problem:not-as-described"
    assert [one["where"] for one in told["errors"]] == ["query.limit"]
    body = client.post("/", content=b'{"n": "secret\\ud800"}', headers={"Content-Type": "application/json"})
    assert body.status_code == 422
    assert [one["where"] for one in body.json()["errors"]] == ["body.n"]
    assert "secret" not in told["detail"] + body.text


@pytest.mark.parametrize("sent", [b"{", b"\xff", b'{"n": 1e999999}', b"[" * 5000, b'"\\ud800"', b"NaN"])
@pytest.mark.row("A13")
def test_what_is_no_json_is_refused(client: TestClient, sent: bytes) -> None:
    assert client.post("/", content=sent, headers={"Content-Type": "application/json"}).status_code in (400, 422)


def test_a_problem_is_ascii_whatever_it_tells() -> None:
    body = bytes(problem(400, "a\ud800\U0001f600").body)
    assert json.loads(body.decode("ascii"))["detail"] == "a\ud800\U0001f600"
