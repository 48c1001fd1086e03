"""What a person does on a page: a word on a warning, a yes or a no to a response. Plain forms; each leads back to its page."""

from __future__ import annotations

from typing import Any, cast
from urllib.parse import quote

from fastapi import Depends, FastAPI, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from aiops.core.durations import rfc3339
from aiops.daemon.daemon import Daemon
from aiops.outcomes.feedback import WORDS
from aiops.pipeline.desk import Desk, Unsaid
from aiops.responses.people import Unheard
from aiops.web.access import approving
from aiops.web.access.access import Access, Caller, Needs, fields

HEARD = {
    "approve": "Your yes was heard; what comes of it stands below", "deny": "Your no was heard",
    "cancel": "Heard: it ends before its next step", "resolve": "Your word was heard; what comes of it stands below",
}  # fmt: skip
SAID = {
    "noise": "Not real", "expected": "Known, planned", "early": "Too early", "late": "Too late", "duplicate": "Told twice",
    "wrong_target": "Wrong target", "unimportant": "Right but unimportant",
}  # fmt: skip
"""What stands on a button; the word itself is what is kept."""


def add_forms(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add what the forms post to."""
    says, answers = (Depends(Needs(access, "responder", action, scope="team")) for action in ("said.…", "response.…"))

    @app.post("/warnings/{warning_id}/said", include_in_schema=False)
    async def said(warning_id: str, request: Request, caller: Caller = says) -> Response:
        given = await fields(request)
        desk = Desk(daemon.store, (), daemon.settings.hush)
        word, note, now = given.get("word", ""), given.get("note", ""), daemon.clock()
        try:
            if word in ("ack", "unhush"):
                await run_in_threadpool(getattr(desk, word), warning_id, caller.name, now)
                return _back(warning_id, "Kept: you look at it" if word == "ack" else "It is told again")
            found = await run_in_threadpool(desk.feedback, warning_id, cast(Any, word), caller.name, now, note)
        except Unsaid as e:
            return _back(warning_id, str(e))
        until = found.body.get("hush_until_s")
        quiet = "" if until is None else f"; nothing is told of this series until {rfc3339(until)}"
        return _back(warning_id, f"Kept: {shown(word).lower()}{quiet}")

    @app.post("/warnings/{warning_id}/responses/{run_id}", include_in_schema=False)
    async def answer(warning_id: str, run_id: str, request: Request, caller: Caller = answers) -> Response:
        given = await fields(request)
        word = given.get("answer", "")
        try:
            await run_in_threadpool(_answer, daemon, caller, run_id, given)
        except approving.LogInAgain as e:
            return _again(warning_id) if access.guarded else _back(warning_id, str(e))
        except Unheard as e:
            return _back(warning_id, str(e))
        return _back(warning_id, HEARD.get(word, "Nothing was said"))


def _answer(daemon: Daemon, caller: Caller, run_id: str, given: dict[str, str]) -> None:
    """Take an answer about a response. Raises Unheard and LogInAgain."""
    people, word, now, note = daemon.responding.people, given.get("answer", ""), daemon.clock(), given.get("note", "")
    if word == "approve":
        approving.approve(daemon, caller, run_id, given.get("plan", ""), given.get("confirm", ""))
    elif word == "deny":
        people.deny(run_id, caller.name, now, note, caller.groups)
    elif word == "cancel":
        people.cancel(run_id, caller.name, now)
    elif word == "resolve":
        people.resolve(run_id, cast(Any, given.get("word", "")), caller.name, now, note, caller.groups)


def shown(word: str) -> str:
    """What stands on the button of a word."""
    return SAID.get(word, word.replace("_", " ").capitalize())


def words() -> list[tuple[str, str]]:
    """(what is posted, what stands on the button)."""
    return [(word, shown(word)) for word in WORDS]


def _again(warning_id: str) -> Response:
    return RedirectResponse(f"/login?again=true&to=/warnings/{quote(warning_id, safe='')}", 303)


def _back(warning_id: str, said: str) -> Response:
    return RedirectResponse(f"/warnings/{quote(warning_id, safe='')}?said={quote(said[:200], safe='')}", 303)
