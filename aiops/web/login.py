"""Logging in and out with a browser: by name and password, by the key of the terminal, or where an identity provider says so."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exception_handlers import http_exception_handler
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from aiops.daemon.daemon import Daemon
from aiops.web.access import COOKIE, NOBODY, Access, Caller, Needs, fields

Render = Callable[..., str]


def add_login(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> None:
    """Add the ways in, and the way out."""
    leaves = Depends(Needs(access, "viewer", "logout"))

    _login_first(app, access)

    @app.get("/login", response_class=HTMLResponse, include_in_schema=False)
    def form(to: str = "/") -> str:
        return render("login.html", NOBODY, {"to": inside(to), "why": ""})

    @app.post("/login", response_class=HTMLResponse, include_in_schema=False)
    async def enter(request: Request) -> Response:
        given = await fields(request)
        name, to = given.get("name", ""), inside(given.get("to", "/"))
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


def _login_first(app: FastAPI, access: Access) -> None:
    """A page that somebody may not see yet leads to the login."""

    @app.exception_handler(401)
    async def _first(request: Request, error: HTTPException) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET" and bool(access.people)
        if wants_page:
            return RedirectResponse(f"/login?to={request.url.path}", 303)
        return await http_exception_handler(request, error)


def _entered(daemon: Daemon, cookie: str, to: str) -> Response:
    """On to a page, with the login kept on this device."""
    response, settings = RedirectResponse(to, 303), daemon.settings.web
    secure = settings.tls is not None or settings.external_url.startswith("https://")
    response.set_cookie(COOKIE, cookie, int(settings.session), httponly=True, samesite="strict", secure=secure)
    return response


def inside(to: str) -> str:
    """A path of these pages; the first one where it would lead away.

    >>> inside("/rules"), inside("//evil.example")
    ('/rules', '/')
    """
    parts = urlsplit(to)
    return to if to.startswith("/") and not to.startswith(("//", "/\\")) and not parts.netloc and not parts.scheme else "/"
