"""The HTTP side: health, metrics, JSON and one page. Reading needs no credential; everything else needs the token."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from aiops import __version__
from aiops.core.errors import StoreError
from aiops.daemon.business import Business
from aiops.daemon.daemon import Daemon
from aiops.daemon.metrics import exposition, make_registry
from aiops.governance.policy import LOCAL
from aiops.outcomes.scorecard import By
from aiops.web import rules_view, said, view
from aiops.web.responses import add_responses
from aiops.web.sight import Sight, token_needed
from aiops.web.tap import add_tap

HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
Since = Annotated[float, Query(gt=0, le=10 * 366 * 86400, description="how far back, seconds")]
Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most, newest first")]


def make_app(daemon: Daemon) -> FastAPI:
    """The application over a daemon."""
    app = FastAPI(
        title="aiops", version=__version__, description="Early warnings that carry their own track record.",
        docs_url=None, redoc_url=None,
    )  # fmt: skip
    local = is_loopback(daemon.settings.web.listen.rpartition(":")[0])

    @app.middleware("http")
    async def _guard(request: Request, call_next: Any) -> Response:
        # a page in somebody's browser must not read a loopback service through a name that it controls
        if local and not is_loopback(_host_of(request.headers.get("host", ""))):
            response: Response = PlainTextResponse("this service answers under its loopback address only\n", 400)
        else:
            response = await call_next(request)
        response.headers.update(HEADERS)
        return response

    @app.exception_handler(StoreError)
    async def _store_fails(_request: Request, error: StoreError) -> Response:
        return JSONResponse({"detail": str(error)}, 503)

    _health(app, daemon)
    _api(app, daemon)
    said.take(app, daemon)
    add_responses(app, daemon, Depends(_sight(daemon)))
    _rules(app, daemon)
    _pages(app, daemon)
    return app


def is_loopback(host: str) -> bool:
    """Whether a host, an IPv6 address in brackets or not, is this machine's loopback."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _host_of(header: str) -> str:
    """The host of a Host header, without its port."""
    return header.partition("]")[0] if header.startswith("[") else header.partition(":")[0]


def _health(app: FastAPI, daemon: Daemon) -> None:
    registry = make_registry(daemon)

    @app.get("/-/healthy", response_class=PlainTextResponse, summary="The process is alive", tags=["health"])
    async def healthy() -> str:
        return "healthy\n"

    @app.get("/-/ready", summary="The first turns are done and not every source fails", tags=["health"])
    def ready(response: Response) -> dict[str, Any]:
        ok, body = daemon.board.ready()
        response.status_code = 200 if ok else 503
        return body

    @app.get("/metrics", response_class=PlainTextResponse, summary="The daemon's own metrics", tags=["health"])
    def metrics(accept: Annotated[str, Header()] = "") -> Response:
        body, content_type = exposition(registry, accept)
        return Response(body, media_type=content_type)

    @app.post("/-/reload", dependencies=[Depends(token_needed(daemon))], summary="Take up changed files", tags=["health"])
    async def reload() -> dict[str, Any]:
        error = await asyncio.to_thread(daemon.reload)
        if error:
            raise HTTPException(500, error)
        return {"reloaded": True}


def _sight(daemon: Daemon) -> Callable[[Request], Sight]:
    """What a client may see, by where it stands: a proxy before us stands for everybody behind it."""

    def of(request: Request) -> Sight:
        home = request.client is not None and is_loopback(request.client.host) and "x-forwarded-for" not in request.headers
        return Sight(daemon, LOCAL if home else daemon.rooms.gate.location("web"))

    return of


def _api(app: FastAPI, daemon: Daemon) -> None:
    see, business = Depends(_sight(daemon)), Business(daemon)

    @app.get("/api/v1/status", summary="Health, sources and learning", tags=["api"])
    def status() -> dict[str, Any]:
        return view.status(daemon)

    @app.get("/api/v1/cards", summary="Cards with the sources they watch, and what their confidence rests on", tags=["api"])
    def cards() -> list[dict[str, Any]]:
        return view.calibrated(daemon)

    @app.get("/api/v1/series", summary="Series that are watched, with their newest value and score", tags=["api"])
    def series(card: str = "", limit: Limit = 200, sight: Sight = see) -> list[dict[str, Any]]:
        return view.series(daemon, card, limit, sight)

    @app.get("/api/v1/warnings", summary="Early warnings", tags=["api"])
    def warnings(limit: Limit = 100, sight: Sight = see) -> list[dict[str, Any]]:
        return view.warnings(daemon, limit, sight)

    @app.get("/api/v1/warnings/{warning_id}", summary="One early warning with its verdict", tags=["api"])
    def warning(warning_id: str, sight: Sight = see) -> dict[str, Any]:
        found = view.warning(daemon, warning_id, sight)
        if found is None:
            raise HTTPException(404, "no such warning")
        return found

    @app.get("/api/v1/scorecard", summary="How warnings came out, by card, rule, entity, service or team", tags=["api"])
    def scorecard(by: By = "card", since: Since = view.SINCE_S, sight: Sight = see) -> list[dict[str, Any]]:
        return view.scorecard(daemon, by, since, sight)

    @app.get("/api/v1/stages", summary="Where cards stand, by which record, and what is missing for the next rung", tags=["api"])
    def stages(card: str = "") -> list[dict[str, Any]]:
        return view.stages(daemon, card)

    @app.get("/api/v1/report", summary="What warnings were worth and cost in 30 days, and verdicts on pilots", tags=["api"])
    def report() -> list[dict[str, Any]]:
        return [one.as_json() for one in business.reports()]

    @app.get("/api/v1/outcomes", summary="Verdicts", tags=["api"])
    def outcomes(limit: Limit = 100, sight: Sight = see) -> list[dict[str, Any]]:
        return view.outcomes(daemon, limit, sight)


def _rules(app: FastAPI, daemon: Daemon) -> None:
    @app.get("/api/v1/rules", summary="Alerting rules: those that are followed, with their records, and the others", tags=["api"])
    def rules() -> list[dict[str, Any]]:
        return rules_view.rules(daemon)


def _pages(app: FastAPI, daemon: Daemon) -> None:
    folder = Path(__file__).parent
    pages = Environment(loader=FileSystemLoader(folder / "templates"), autoescape=select_autoescape(default=True))
    see = Depends(_sight(daemon))
    style = (folder / "static" / "aiops.css").read_text()

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def overview(sight: Sight = see) -> str:
        return pages.get_template("overview.html").render(view.overview(daemon, sight))

    @app.get("/rules", response_class=HTMLResponse, include_in_schema=False)
    def all_rules() -> str:
        return pages.get_template("rules.html").render(rules_view.page(daemon))

    @app.get("/warnings/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    def one(warning_id: str, sight: Sight = see) -> str:
        found = view.page(daemon, warning_id, sight)
        if found is None:
            raise HTTPException(404, "no such warning")
        return pages.get_template("warning.html").render(found)

    add_tap(app, daemon, pages)

    @app.get("/static/aiops.css", include_in_schema=False)
    async def css() -> Response:
        return Response(style, media_type="text/css")
