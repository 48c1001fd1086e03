"""The schema of the HTTP API, OpenAPI 3.1: what the routes say of themselves, and what holds for all of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from aiops.web.access.access import Needs
from aiops.web.api.problems import MEDIA_TYPE, Problem

Route = TypeVar("Route", bound=Callable[..., Any])
Reads: TypeAlias = Callable[[str, Any, str], Callable[[Route], Route]]
"""(path, what is answered, summary) to a decorator."""
WRONG = {
    400: "the body cannot be read", 401: "no proof, or a wrong one, of who asks", 403: "it takes another role, or another team",
    404: "there is no such thing",
    409: "it cannot be any more, or the same request is still being worked on", 412: "it is not as it was read",
    413: "more than a megabyte was sent",
    422: "what was sent cannot be, and why",
    429: "too fast; `Retry-After` says how long to wait",
    500: "a mistake of aiops", 503: "the store cannot be read or written",
}  # fmt: skip
READS, CHANGES = (401, 403, 404, 422, 429, 500, 503), (400, 401, 403, 404, 409, 412, 413, 422, 429, 500, 503)
TAGS = [
    {"name": "warnings", "description": "Early warnings, and what is said of them"},
    {"name": "responses", "description": "Runs of runbooks, and the switch that stops them"},
    {"name": "record", "description": "What came of warnings, and the ledger of all that was decided"},
    {"name": "plane", "description": "What is watched, and by which rules"},
    {"name": "health", "description": "The process itself"},
]
SEEN = {
    "name": "If-None-Match", "in": "header", "required": False, "schema": {"type": "string", "maxLength": 1000},
    "description": "the `ETag` of what is there already: 304 where it is still the same",
}  # fmt: skip
KEY = {
    "name": "Idempotency-Key", "in": "header", "required": False,
    "schema": {"type": "string", "pattern": "^[\\x21-\\x7e]{1,255}$"},
    "description": "names this request: sent again within a day, it changes nothing more and is answered the same",
}  # fmt: skip
TAG = {"ETag": {"schema": {"type": "string"}, "description": "marks this content"}}
LINK = {"Link": {"schema": {"type": "string"}, "description": 'leads to the next page, `rel="next"`; absent on the last one'}}
STREAM = "/api/v1/events"


def reader(app: FastAPI, tag: str, needs: Needs) -> Reads[Any]:
    """Makes routes that are read, for whoever may."""

    def read(path: str, shape: Any, summary: str) -> Callable[[Route], Route]:
        return app.get(path, response_model=shape, summary=summary, tags=[tag], dependencies=[Depends(needs)])

    return read


def described(app: FastAPI) -> None:
    """Let the application describe itself so."""

    def schema() -> dict[str, Any]:
        if app.openapi_schema is None:
            app.openapi_schema = _whole(app)
        return app.openapi_schema

    app.openapi = schema  # type: ignore[method-assign]


def _whole(app: FastAPI) -> dict[str, Any]:
    found = get_openapi(
        title=app.title, version=app.version, openapi_version="3.1.0", description=app.description, routes=app.routes, tags=TAGS
    )
    schemas = found["components"]["schemas"]
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    schemas |= problem.pop("$defs", {}) | {"Problem": problem}
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    found["components"]["responses"] = {f"Problem{n}": {"description": said, "content": content} for n, said in WRONG.items()}
    found["components"]["securitySchemes"] = {"token": {
        "type": "http", "scheme": "bearer",
        "description": "the daemon's token, or one of `aiops accounts`; to read, only where people log in",
    }}  # fmt: skip
    for path, methods in found["paths"].items():
        for method, one in methods.items():
            _operation(path, method, one)
    return found


def _operation(path: str, method: str, one: dict[str, Any]) -> None:
    read, api = method == "get", path.startswith("/api/")
    one["security"] = [{"token": []}] if not read else [{}, {"token": []}]
    answers = one["responses"]
    answers.pop("422", None)
    guarded = (401, 403, 500) if path in ("/metrics", "/-/reload") else ()
    for status in (READS if read else CHANGES) if api else guarded:
        answers[str(status)] = {"$ref": f"#/components/responses/Problem{status}"}
    if not api or path == STREAM:
        return
    parameters = one.setdefault("parameters", [])
    if read:
        parameters.append(SEEN)
        listed = any(p["name"] == "cursor" for p in parameters)
        answers["200"]["headers"] = TAG | LINK if listed else TAG
        answers["304"] = {"description": "it is as it was", "headers": TAG}
    else:
        parameters.append(KEY)
    one["parameters"] = sorted(parameters, key=lambda p: ("path", "query", "header").index(p["in"]))
