"""Logging in and out with a browser: by name and password, by the key of the terminal, or where an identity provider says so."""

from __future__ import annotations

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from aiops.daemon.daemon import Daemon
from aiops.web.access.access import COOKIE, LEAVES, NOBODY, Access, Caller, Needs, fields, foreign
from aiops.web.access.oidc import add_oidc
from aiops.web.access.provider import Provider, Unreachable
from aiops.web.access.ways import Render as Render
from aiops.web.access.ways import admitted, inside
from aiops.web.api.problems import of_http


def add_login(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> None:
    """Add the ways in, and the way out."""
    provider = add_oidc(app, daemon, access, render)
    _login_first(app, access)

    def page(to: str, why: str = "", again: bool = False) -> str:
        facts = {"to": to, "why": why, "local": bool(access.people), "oidc": provider is not None, "anew": again}
        return render("login.html", NOBODY, facts)

    @app.get("/login", response_class=HTMLResponse, include_in_schema=False)
    def form(to: str = "/", again: bool = False) -> str:
        return page(inside(to), "What you are about to approve cannot be undone: log in again." if again else "", again)

    @app.post("/login", response_class=HTMLResponse, include_in_schema=False)
    async def enter(request: Request) -> Response:
        given = await _own_fields(request, daemon)
        name, to = given.get("name", ""), inside(given.get("to", "/"))
        wait = access.tries.wait_s(f"name {name}", f"from {request.client.host if request.client else ''}")
        if wait:
            return HTMLResponse(page(to, f"too many tries; wait {wait:.0f} s"), 429, {"Retry-After": f"{wait:.0f}"})
        cookie = await run_in_threadpool(access.login, name, given.get("password", ""))
        if cookie is None:
            return HTMLResponse(page(to, "name or password is wrong"), 401)
        return admitted(RedirectResponse(to, 303), daemon.settings.web, cookie)

    @app.get("/enter", response_class=HTMLResponse, include_in_schema=False)
    def door(key: str = "") -> str:
        return render("enter.html", NOBODY, {"key": key, "why": ""})

    @app.post("/enter", response_class=HTMLResponse, include_in_schema=False)
    async def opened(request: Request) -> Response:
        cookie = access.enter((await _own_fields(request, daemon)).get("key", ""))
        if cookie is None:
            why = "this key was used, or is too old; start the daemon again for another, or use the token"
            return HTMLResponse(render("enter.html", NOBODY, {"key": "", "why": why}), 401)
        return admitted(RedirectResponse("/", 303), daemon.settings.web, cookie)

    _ways_out(app, access, render, provider)


async def _own_fields(request: Request, daemon: Daemon) -> dict[str, str]:
    """The fields of a form of these pages: nobody is logged in by a page of somebody else."""
    if foreign(request, daemon.settings.web.external_url):
        raise HTTPException(403, "this form is not from a page of this service")
    return await fields(request)


def _ways_out(app: FastAPI, access: Access, render: Render, provider: Provider | None) -> None:
    leaves = Depends(Needs(access, "viewer", LEAVES))

    @app.post("/logout", response_class=HTMLResponse, include_in_schema=False)
    def leave(caller: Caller = leaves) -> Response:
        access.leave(caller)
        elsewhere = _elsewhere(provider)
        response: Response = RedirectResponse("/login", 303)
        if elsewhere:  # a link, for no form of these pages may lead away from them
            response = HTMLResponse(render("left.html", NOBODY, {"elsewhere": elsewhere}))
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response


def _elsewhere(provider: Provider | None) -> str:
    """Where to log out of the identity provider too; empty where there is no such place, or it cannot be asked."""
    try:
        return "" if provider is None else provider.way_out()
    except Unreachable:
        return ""


def _login_first(app: FastAPI, access: Access) -> None:
    """A page that somebody may not see yet leads to the login."""

    @app.exception_handler(401)
    async def _first(request: Request, error: HTTPException) -> Response:
        wants_page = "text/html" in request.headers.get("accept", "") and request.method == "GET" and access.guarded
        if wants_page:
            return RedirectResponse(f"/login?to={request.url.path}", 303)
        return await of_http(request, error)
