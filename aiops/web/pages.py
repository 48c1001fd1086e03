"""The pages: rendered here, usable without a script; a browser logs in once and brings its session's mark with every form."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, select_autoescape

from aiops.core.durations import rfc3339
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.web import boards, forms, rules_view, view
from aiops.web.access import Access, Caller, Needs
from aiops.web.login import Render, add_login
from aiops.web.sight import Sight, sight_of
from aiops.web.tap import add_tap

FOLDER = Path(__file__).parent
NAV = (
    ("/", "Now"), ("/scorecard", "Scorecard"), ("/cards", "Cards"), ("/runbooks", "Runbooks"), ("/sources", "Sources"),
    ("/rules", "Rules"), ("/ledger", "Ledger"),
)  # fmt: skip
Before = Annotated[int | None, Query(ge=1, description="rows before this one")]
STATIC = {"aiops.css": "text/css"}


def add_pages(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the pages, what they load, and the login."""
    pages = Environment(loader=FileSystemLoader(FOLDER / "templates"), autoescape=select_autoescape(default=True))
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer"))

    def render(name: str, caller: Caller, facts: dict[str, Any]) -> str:
        known = {"now": rfc3339(daemon.clock()), "caller": caller, "nav": NAV, "people": bool(access.people)}
        return pages.get_template(name).render(known | facts)

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

    add_login(app, daemon, access, render)
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
