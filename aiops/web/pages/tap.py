"""One tap: the link in a message leads to a page with the title of its warning and a button, that it was wrong; and other words.

The link is the credential: it is made for one warning, is good for one word on it, once, for some days, and opens nothing else.
"""

from __future__ import annotations

from typing import Any

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from aiops.core.durations import rfc3339
from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.daemon.token import link_holds
from aiops.notify.wording import title
from aiops.outcomes.feedback import WORDS
from aiops.pipeline.desk import Desk, Unsaid
from aiops.web.access.access import NOBODY, fields, foreign
from aiops.web.access.sight import Sight, standing_of
from aiops.web.access.ways import Render
from aiops.web.pages.forms import words

BY, WRONG = "by link", "noise"
GONE = "This link is not whole, or too old"


def add_tap(app: FastAPI, daemon: Daemon, render: Render) -> None:
    """Add the page and what it posts to."""
    stands = Depends(standing_of(daemon))

    def warning_of(warning_id: str, key: str) -> EarlyWarning | None:
        """The warning that a link is of; None for a link that is not whole, or over."""
        if not link_holds(key, daemon.token, warning_id, daemon.clock()):
            return None
        found = daemon.store.warning(warning_id)
        return found if found is not None and found.id == warning_id else None

    def page(warning: EarlyWarning | None, key: str, sight: Sight, why: str = "") -> str:
        """What may be read where the reader stands; without a warning only why."""
        seen = None if warning is None else sight.warning(warning)
        what = "an early warning" if seen is None else title(seen, daemon.clock())
        facts: dict[str, Any] = {"id": "" if warning is None else warning.id, "key": key, "what": what, "why": why}
        facts["words"] = [(word, said) for word, said in words() if word != WRONG]
        return render("feedback.html", NOBODY, facts)

    @app.get("/feedback/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    def ask(warning_id: str, key: str = "", sight: Sight = stands) -> HTMLResponse:
        found = warning_of(warning_id, key)
        return HTMLResponse(page(found, key, sight, "" if found else GONE), 200 if found else 404)

    @app.post("/feedback/{warning_id}", response_class=HTMLResponse, include_in_schema=False)
    async def take(warning_id: str, request: Request, key: str = "", sight: Sight = stands) -> HTMLResponse:
        found = await run_in_threadpool(warning_of, warning_id, key)
        if found is None:
            return HTMLResponse(page(None, "", sight, GONE), 401)
        if foreign(request, daemon.settings.web.external_url):
            raise HTTPException(403, "this form is not from a page of this service")
        word = (await fields(request)).get("word", WRONG)
        if word not in WORDS:
            return HTMLResponse(page(found, key, sight, "There is no such word"), 422)
        try:
            desk = Desk(daemon.store, (), daemon.settings.hush)
            said = await run_in_threadpool(desk.feedback, found.id, word, BY, daemon.clock(), "", True)
        except Unsaid:
            return HTMLResponse(page(found, "", sight, "This link was used: a word was said of it"), 409)
        until = said.body.get("hush_until_s")
        quiet = "" if until is None else f". Nothing is told of this series until {rfc3339(until)}; its page takes that back"
        what = "it was wrong" if word == WRONG else word.replace("_", " ")
        return HTMLResponse(page(found, "", sight, f"Kept: {what}{quiet}"))
