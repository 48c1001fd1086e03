"""The pages: rendered here, usable without a script; a browser logs in once and brings its session's mark with every form."""

from __future__ import annotations

import shlex
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Query
from fastapi.responses import HTMLResponse

from aiops.config.settings import Settings, default_data_dir
from aiops.core.durations import rfc3339
from aiops.core.text import visible
from aiops.daemon.business import Business
from aiops.daemon.daemon import Daemon
from aiops.web.access.access import Access, Caller, Needs
from aiops.web.access.login import Render, add_login
from aiops.web.access.sight import Sight, sight_of
from aiops.web.pages import boards, episode, forms, ledger_page, report_page, rules_view, runbook_page, view
from aiops.web.pages.static_files import add_static
from aiops.web.pages.tap import add_tap
from aiops.web.pages.templating import environment

NAV = (
    ("/", "Now"), ("/scorecard", "Scorecard"), ("/cards", "Cards"), ("/runbooks", "Runbooks"), ("/sources", "Sources"),
    ("/rules", "Rules"), ("/report", "Report"), ("/ledger", "Ledger"),
)  # fmt: skip
LIVE = {
    "overview.html": "sse:warning.opened, sse:warning.closed, sse:warning.changed, sse:response.changed, sse:switch.changed",
    "warning.html": "sse:warning.closed, sse:warning.changed, sse:response.changed", "board.html": "sse:card.changed",
}  # fmt: skip
"""Which events show a page anew; without a script, and where no stream comes through, it is loaded again now and then."""
POLL = "30s"
Before = Annotated[int | None, Query(ge=1, description="rows before this one")]


def add_pages(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the pages, what they load, and the login. `app.state.commands`: what commands on pages carry, None: none are shown."""
    pages = environment()
    app.state.told, app.state.commands = lambda: ("", POLL), _where(daemon.settings)
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer", scope="team"))

    def render(name: str, caller: Caller, facts: dict[str, Any]) -> str:
        note, poll = app.state.told()
        known = {"now": rfc3339(daemon.clock()), "caller": caller, "nav": NAV, "people": access.guarded,
                 "commands": app.state.commands}  # fmt: skip
        return pages.get_template(name).render(known | {"live": LIVE.get(name), "note": note, "poll": poll} | facts)

    @app.get("/", response_class=HTMLResponse, include_in_schema=False)
    def overview(sight: Sight = see, caller: Caller = look) -> str:
        return render("overview.html", caller, view.overview(daemon, sight))

    @app.get("/rules", response_class=HTMLResponse, include_in_schema=False)
    def all_rules(caller: Caller = look) -> str:
        return render("rules.html", caller, rules_view.page(daemon))

    @app.get("/warnings/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    def one(warning_id: str, said: str = "", sight: Sight = see, caller: Caller = look) -> Any:
        found = episode.page(daemon, warning_id, sight)
        if found is None:
            return HTMLResponse(render("missing.html", caller, {"what": "warning", "id": warning_id}), 404)
        return render("warning.html", caller, found | {"words": forms.words(), "said": visible(said, 200)})

    _boards(app, daemon, access, render)
    forms.add_forms(app, daemon, access)

    add_login(app, daemon, access, render)
    add_tap(app, daemon, render)
    add_static(app)


def _where(settings: Settings) -> str:
    """What a command must be told so that it reads this daemon's store and no other."""
    if settings.store.url or settings.data_dir == default_data_dir():
        return ""
    return f" --data-dir {shlex.quote(str(settings.data_dir))}"


def _boards(app: FastAPI, daemon: Daemon, access: Access, render: Render) -> None:
    business = Business(daemon)
    see, look = Depends(sight_of(daemon)), Depends(Needs(access, "viewer", scope="team"))
    audits, plain, whole = (
        Depends(Needs(access, "viewer", auditor=True, scope="all")), Depends(Needs(access, "viewer")),
        Depends(Needs(access, "viewer", scope="all")),
    )  # fmt: skip

    @app.get("/scorecard", response_class=HTMLResponse, include_in_schema=False)
    def scorecard(sight: Sight = see, caller: Caller = look) -> str:
        return render("board.html", caller, boards.scorecard(daemon, sight, business.reports() if caller.teams is None else ()))

    @app.get("/cards", response_class=HTMLResponse, include_in_schema=False)
    def cards(caller: Caller = plain) -> str:
        return render("board.html", caller, boards.cards(daemon))

    @app.get("/runbooks", response_class=HTMLResponse, include_in_schema=False)
    def runbooks(sight: Sight = see, caller: Caller = look) -> str:
        return render("board.html", caller, boards.runbooks(daemon, sight))

    @app.get("/runbooks/{runbook}", response_class=HTMLResponse, include_in_schema=False)
    def one(runbook: str, sight: Sight = see, caller: Caller = look) -> Any:
        found = runbook_page.page(daemon, runbook, sight)
        if found is None:
            return HTMLResponse(render("missing.html", caller, {"what": "runbook", "id": runbook}), 404)
        return render("runbook.html", caller, found)

    @app.get("/sources", response_class=HTMLResponse, include_in_schema=False)
    def sources(caller: Caller = plain) -> str:
        return render("board.html", caller, boards.sources(daemon))

    @app.get("/report", response_class=HTMLResponse, include_in_schema=False)
    def report(caller: Caller = whole) -> str:
        return render("worth.html", caller, report_page.page(business.reports()))

    @app.get("/ledger", response_class=HTMLResponse, include_in_schema=False)
    def ledger(before: Before = None, caller: Caller = audits) -> str:
        return render("board.html", caller, ledger_page.ledger(daemon, before))
