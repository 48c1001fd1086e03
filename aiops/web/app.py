"""The HTTP side: health, metrics, JSON and pages. What a route asks of whoever comes stands on the route."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException
from fastapi.responses import PlainTextResponse, Response

from aiops import __version__
from aiops.daemon.daemon import Daemon
from aiops.daemon.metrics import exposition, make_registry
from aiops.daemon.reloads import RELOAD
from aiops.store.answers import Answers
from aiops.web.access.access import Access, Caller, Needs
from aiops.web.access.guard import HEADERS, Guard
from aiops.web.access.sight import is_loopback
from aiops.web.api import events, problems, said, schema
from aiops.web.api import plane as api_plane
from aiops.web.api import record as api_record
from aiops.web.api import warnings as api
from aiops.web.api.once import Once
from aiops.web.api.pace import Pace, Paced
from aiops.web.api.responses import add_responses
from aiops.web.pages.pages import add_pages

NOT_READY: dict[str, Any] = {
    "description": "not yet, or not any more; the body names why",
    "content": {"application/json": {"schema": {"type": "object"}}},
}  # fmt: skip


def make_app(daemon: Daemon) -> FastAPI:
    """The application over a daemon. Raises AiopsError when its accounts cannot be read."""
    app = FastAPI(
        title="aiops", version=__version__, description="Early warnings that carry their own track record.",
        docs_url=None, redoc_url=None, generate_unique_id_function=lambda route: route.name,
    )  # fmt: skip
    settings = daemon.settings.web
    access = app.state.access = Access(daemon)
    app.state.answers, app.state.clock = Answers(daemon.store), daemon.clock
    app.router.route_class = Once
    app.add_middleware(Paced, access=access, pace=Pace(settings.requests_per_second, settings.burst))
    app.add_middleware(Guard, local=is_loopback(settings.listen.rpartition(":")[0]))
    problems.take(app, HEADERS)
    schema.described(app)
    _health(app, daemon, access)
    api.add_api(app, daemon, access)
    api_record.add_record(app, daemon, access)
    api_plane.add_plane(app, daemon, access)
    events.add_events(app, daemon, access)
    add_responses(app, daemon, access)
    said.take(app, daemon, access)
    add_pages(app, daemon, access)
    return app


def _health(app: FastAPI, daemon: Daemon, access: Access) -> None:
    registry = make_registry(daemon)

    @app.get("/-/healthy", response_class=PlainTextResponse, summary="The process is alive", tags=["health"])
    async def healthy() -> str:
        return "healthy\n"

    @app.get("/-/ready", summary="The first turns are done and not every source fails", tags=["health"],
             responses={503: NOT_READY})  # fmt: skip
    def ready(response: Response) -> dict[str, Any]:
        ok, body = daemon.board.ready()
        response.status_code = 200 if ok else 503
        return body

    look = [Depends(Needs(access, "viewer"))]

    @app.get("/metrics", response_class=PlainTextResponse, dependencies=look, summary="The daemon's own metrics", tags=["health"])
    def metrics(accept: Annotated[str, Header()] = "") -> Response:
        body, content_type = exposition(registry, accept)
        return Response(body, media_type=content_type)

    reloads: Any = Depends(Needs(access, "admin", RELOAD, scope="all"))

    @app.post("/-/reload", summary="Take up changed files", tags=["health"])
    async def reload(caller: Caller = reloads) -> dict[str, Any]:
        error = await asyncio.to_thread(daemon.reload, caller.name)
        if error:
            raise HTTPException(500, error)
        access.reread()
        return {"reloaded": True}
