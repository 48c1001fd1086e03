"""The pages: rendered here, usable without a script; a browser logs in once and brings its session's mark with every form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from aiops.core.durations import rfc3339
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.web import boards, forms, rules_view, view
from aiops.web.access import COOKIE, NOBODY, Access, Caller, Needs, fields
from aiops.web.sight import Sight, sight_of
from aiops.web.tap import add_tap

FOLDER = Path(__file__).parent
NAV = (
    ("/", "Now"), ("/scorecard", "Scorecard"), ("/cards", "Cards"), ("/runbooks", "Runbooks"), ("/sources", "Sources"),
    ("/rules", "Rules"), ("/ledger", "Ledger"),
)  # fmt: skip
Before = Annotated[int | None, Query(ge=1, description="rows before this one")]
STATIC = {"aiops.css": "text/css"}
Render = Callable[..., str]


def add_pages(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the pages, what they load, and the login."""
    pages = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape(default=True))
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer"))

    def render(name: str, caller: Caller, facts: dict[str, Any]) -> str:
        known = {"now": rfc3339(daemon.clock()), "caller": caller, "nav": NAV, "people": bool(access.people)}
        return pages.get_template(name).render(known | facts)

    @app.exception_handler(401)
    async def _login_first(request: Request, error: HTTPException) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET" and bool(access.people)
        if wants_page:
            return RedirectResponse(f"/login?to={request.url.path}", 303)
        from fastapi.exception_handlers import http_exception_handler

        return await http_exception_handler(request, error)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def overview(sight: Sight = see, caller: Caller = look) -> str:
        return render("overview.html", caller, view.overview(daemon, sight))

    @app.get("/rules", response_class=HTMLResponse, include_in_schema=False)
    def all_rules(caller: Caller = look) -> str:
        return render("rules.html", caller, rules_view.page(daemon))

    @app.get("/warnings/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    def one(warning_id: str, said: str = "", sight: Sight = see, caller: Caller = look) -> str:
        found = view.page(daemon, warning_id, sight)
        if found is None:
            raise HTTPException(404, "no such warning")
        return render("warning.html", caller, found | {"words": forms.words(), "said": visible(said, 200)})

    _boards(app, daemon, access, render)
    forms.add_forms(app, daemon, access)

    _login(app, daemon, access, render)
    add_tap(app, daemon, pages)

    @app.get("/static/{name}", include_in_schema=False)
    async def static(name: str) -> Response:
        if name not in STATIC:
            raise HTTPException(404, "no such file")
        return Response((FOLDER / "static" / name).read_bytes(), media_type=STATIC[name])


def _boards(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> None:
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer"))
    audits = Depends(Needs(access, "viewer", auditor=True))

    @app.get("/scorecard", response_class=HTMLResponse, include_in_schema=False)
    def scorecard(sight: Sight = see, caller: Caller = look) -> str:
        return render("board.html", caller, boards.scorecard(daemon, sight))

    @app.get("/cards", response_class=HTMLResponse, include_in_schema=False)
    def cards(caller: Caller = look) -> str:
        return render("board.html", caller, boards.cards(daemon))

    @app.get("/runbooks", response_class=HTMLResponse, include_in_schema=False)
    def runbooks(caller: Caller = look) -> str:
        return render("board.html", caller, boards.runbooks(daemon))

    @app.get("/sources", response_class=HTMLResponse, include_in_schema=False)
    def sources(caller: Caller = look) -> str:
        return render("board.html", caller, boards.sources(daemon))

    @app.get("/ledger", response_class=HTMLResponse, include_in_schema=False)
    def ledger(before: Before = None, caller: Caller = audits) -> str:
        return render("board.html", caller, boards.ledger(daemon, before))


def _login(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> None:
    leaves = Depends(Needs(access, "viewer", "logout"))

    @app.get("/login", response_class=HTMLResponse, include_in_schema=False)
    def form(to: str = "/") -> str:
        return render("login.html", NOBODY, {"to": _inside(to), "why": ""})

    @app.post("/login", response_class=HTMLResponse, include_in_schema=False)
    async def enter(request: Request) -> Response:
        given = await fields(request)
        name, to = given.get("name", ""), _inside(given.get("to", "/"))
        wait = access.tries.wait_s(f"name {name}", f"from {request.client.host if request.client else ''}")
        if wait:
            again = render("login.html", NOBODY, {"to": to, "why": f"too many tries; wait {wait:.0f} s"})
            return HTMLResponse(again, 429, {"Retry-After": f"{wait:.0f}"})
        cookie = await run_in_threadpool(access.login, name, given.get("password", ""))
        if cookie is None:
            return HTMLResponse(render("login.html", NOBODY, {"to": to, "why": "name or password is wrong"}), 401)
        return _entered(daemon, cookie, to)

    @app.get("/enter", response_class=HTMLResponse, include_in_schema=False)
    def door(key: str = "") -> str:
        return render("enter.html", NOBODY, {"key": key, "why": ""})

    @app.post("/enter", response_class=HTMLResponse, include_in_schema=False)
    async def opened(request: Request) -> Response:
        cookie = access.enter((await fields(request)).get("key", ""))
        if cookie is None:
            why = "this key was used, or is too old; start the daemon again for another, or use the token"
            return HTMLResponse(render("enter.html", NOBODY, {"key": "", "why": why}), 401)
        return _entered(daemon, cookie, "/")

    @app.post("/logout", include_in_schema=False)
    async def leave(caller: Caller = leaves) -> Response:
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


def _entered(daemon: Daemon, cookie: str, to: str) -> Response:
    """On to a page, with the login kept on this device."""
    response, settings = RedirectResponse(to, 303), daemon.settings.web
    secure = settings.tls is not None or settings.url.startswith("https://")
    response.set_cookie(COOKIE, cookie, int(settings.session), httponly=True, samesite="strict", secure=secure)
    return response


def _inside(to: str) -> str:
    """A path of these pages; the first one where it would lead away."""
    parts = urlsplit(to)
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme else "/"
