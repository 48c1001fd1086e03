"""Responses over HTTP: read them, say yes or no, stop them. Who speaks is known by their proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Query
from pydantic import Field

from aiops.daemon.daemon import Daemon
from aiops.governance.policy import LOCAL
from aiops.responses.people import NOTE_AT_MOST, Unheard, Word
from aiops.responses.shown import as_json, whole_json
from aiops.responses.switch import turn, why_on
from aiops.store.response_rows import Run
from aiops.web.access import Access, Caller, Needs
from aiops.web.said import Said
from aiops.web.sight import Sight, sight_of

Limit = Annotated[int, Query(ge=1, le=1000, description="how many at most, newest first")]
Note = Annotated[str, Field(max_length=NOTE_AT_MOST, description="one sentence")]


class YesSaid(Said):
    """Yes."""

    plan_hash: str = Field("", max_length=64, description="only if this is still the plan that is asked about")


class NoteSaid(Said):
    """A word without more."""

    note: Note = ""


class ResolvedSaid(NoteSaid):
    """What became of a step."""

    word: Word = Field(description="done: it took effect; again: it did not, do it; stop: leave it so")


class SwitchSaid(Said):
    """The kill switch."""

    on: bool = Field(description="on: nothing more is begun")
    why: str = Field("", max_length=NOTE_AT_MOST, description="one sentence")


def add_responses(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    runs, see, look = daemon.responding.runs, Depends(sight_of(daemon)), [Depends(Needs(access, "viewer"))]
    switches: Any = Depends(Needs(access, "responder", "responses.kill_switch"))

    @app.get("/api/v1/responses", dependencies=look, summary="Responses", tags=["api"])
    def responses(state: str = "", warning: str = "", limit: Limit = 100, sight: Sight = see) -> list[dict[str, Any]]:
        found = ((run, _seen(daemon, run, sight)) for run in runs.newest(limit, state, warning))
        return [as_json(run, whole) for run, whole in found if whole is not None]

    @app.get("/api/v1/responses/{run_id}", dependencies=look, summary="One response with its steps and questions", tags=["api"])
    def response(run_id: str, sight: Sight = see) -> dict[str, Any]:
        run = runs.run(run_id)
        whole = None if run is None else _seen(daemon, run, sight)
        if run is None or whole is None:
            raise HTTPException(404, "no such response")
        return whole_json(run, runs.steps(run.id), runs.questions(run.id), whole)

    @app.get("/api/v1/kill-switch", dependencies=look, summary="Whether anything may be begun", tags=["api"])
    def switch() -> dict[str, Any]:
        why = why_on(runs, daemon.settings.data_dir)
        return {"on": bool(why), "why": why}

    @app.post("/api/v1/kill-switch", summary="Stop everything, or let it go on", tags=["api"])
    def turned(said: SwitchSaid, caller: Caller = switches) -> dict[str, Any]:
        changed = turn(runs, daemon.settings.data_dir, said.on, caller.name, said.why, daemon.clock())
        return {"on": said.on, "changed": changed}

    _words(app, daemon, access)


def _words(app: FastAPI, daemon: Daemon, access: Access) -> None:
    actions = ("approve", "deny", "cancel", "resolve")
    may = {action: Depends(Needs(access, "responder", f"response.{action}")) for action in actions}

    def heard(word: Callable[..., Any], run_id: str, *more: Any) -> dict[str, Any]:
        try:
            word(run_id, *more)
        except Unheard as e:
            raise HTTPException(e.status, str(e)) from None
        runs = daemon.responding.runs
        run = runs.run(run_id)
        return {} if run is None else whole_json(run, runs.steps(run.id), runs.questions(run.id))

    @app.post("/api/v1/responses/{run_id}/approve", summary="Say yes to the plan", tags=["api"])
    def approve(run_id: str, said: YesSaid, caller: Caller = may["approve"]) -> dict[str, Any]:
        return heard(daemon.responding.people.approve, run_id, caller.name, daemon.clock(), said.plan_hash)

    @app.post("/api/v1/responses/{run_id}/deny", summary="Say no", tags=["api"])
    def deny(run_id: str, said: NoteSaid, caller: Caller = may["deny"]) -> dict[str, Any]:
        return heard(daemon.responding.people.deny, run_id, caller.name, daemon.clock(), said.note)

    @app.post("/api/v1/responses/{run_id}/cancel", summary="End it before its next step", tags=["api"])
    def cancel(run_id: str, caller: Caller = may["cancel"]) -> dict[str, Any]:
        return heard(daemon.responding.people.cancel, run_id, caller.name, daemon.clock())

    @app.post("/api/v1/responses/{run_id}/resolve", summary="Say what became of a step", tags=["api"])
    def resolve(run_id: str, said: ResolvedSaid, caller: Caller = may["resolve"]) -> dict[str, Any]:
        return heard(daemon.responding.people.resolve, run_id, said.word, caller.name, daemon.clock(), said.note)


def _seen(daemon: Daemon, run: Run, sight: Sight) -> bool | None:
    """Whether a response may be seen whole, without what it is about, or (None) not at all: as its warning may be."""
    if sight.location == LOCAL:
        return True
    warning = daemon.store.warning(run.warning_id)
    seen = None if warning is None else sight.warning(warning)
    return None if seen is None else seen == warning
