"""What went wrong, as RFC 9457 says it: `application/problem+json` for every error of every route."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from aiops.core.errors import StoreError
from aiops.core.text import visible
from aiops.pipeline.desk import Unsaid

MEDIA_TYPE = "application/problem+json"
KIND = "urn:aiops:problem:"
"""How the types of problems begin that are more than their status."""
WRONG_AT_MOST = 50


class Wrong(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="the part of the request, dotted: query.limit, body.verdict")
    what: str = Field(description="what is wrong with it")


EXAMPLE: dict[str, Any] = {
    "type": f"{KIND}not-as-described", "title": "Unprocessable Content", "status": 422, "detail": "query.limit: too large",
    "errors": [{"where": "query.limit", "what": "too large"}],
}  # fmt: skip


class Problem(BaseModel):
    """Why a request was refused, or failed."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})
    type: str = Field(description="about:blank: no more than its status; else a URN that names the kind of problem")
    title: str = Field(description="the status in words")
    status: int = Field(description="the status of the answer")
    detail: str = Field(description="what happened, and what to do")
    errors: list[Wrong] = Field(default_factory=list, description="each thing that is wrong with what was sent")


class Trouble(HTTPException):
    """A problem of a kind that a program may want to tell from others of its status."""

    def __init__(self, status: int, kind: str, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.kind = kind


def problem(
    status: int, detail: str, kind: str = "", errors: Iterable[Wrong] = (), headers: Mapping[str, str] | None = None
) -> Response:
    """The answer that says it. Its body is ASCII: what was sent may hold what is no text."""
    try:
        title = HTTPStatus(status).phrase
    except ValueError:
        title = "Error"
    type_ = f"{KIND}{kind}" if kind else "about:blank"
    body: dict[str, Any] = {"type": type_, "title": title, "status": status, "detail": detail}
    if some := [one.model_dump() for one in errors]:
        body["errors"] = some
    return Response(json.dumps(body), status, headers, MEDIA_TYPE)


async def of_http(_request: Request, error: HTTPException) -> Response:
    """A refusal."""
    return problem(error.status_code, str(error.detail), getattr(error, "kind", ""), headers=error.headers)


def take(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Answer every error so. `headers`: what a mistake of ours carries, for which nothing around the application is asked."""
    app.exception_handler(HTTPException)(of_http)

    @app.exception_handler(RequestValidationError)
    async def _not_as_described(_request: Request, error: RequestValidationError) -> Response:
        found = [Wrong(where=_dotted(one["loc"]), what=visible(str(one["msg"]), 300)) for one in error.errors()[:WRONG_AT_MOST]]
        said = "; ".join(f"{one.where}: {one.what}" for one in found[:3])
        return problem(422, said, "not-as-described", found)

    @app.exception_handler(Unsaid)
    async def _cannot_be_said(_request: Request, error: Unsaid) -> Response:
        return problem(422, str(error), "cannot-be-said")

    @app.exception_handler(StoreError)
    async def _store_fails(_request: Request, error: StoreError) -> Response:
        return problem(503, str(error), "store", headers={"Retry-After": "5"})

    @app.exception_handler(Exception)
    async def _failed(_request: Request, _error: Exception) -> Response:
        return problem(500, "this is a mistake of aiops; what happened stands in the log of the daemon", headers=headers)


def _dotted(where: Iterable[Any]) -> str:
    return visible(".".join(map(str, where)), 200)
