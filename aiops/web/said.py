"""What people and other systems tell the daemon over HTTP: verdicts, actions, incidents. All of it needs a proof."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.responses import JSONResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from aiops.daemon.daemon import Daemon
from aiops.outcomes.feedback import Word
from aiops.outcomes.incidents import incidents_in
from aiops.pipeline.desk import WHAT_AT_MOST, WHO_AT_MOST, Desk, Unsaid
from aiops.store.codec import to_json
from aiops.web.access import Access, Caller, Needs

By = Annotated[str, Field(max_length=WHO_AT_MOST, description="who says so, with the daemon's token; else whoever logged in")]


class Said(BaseModel):
    """A body that must say nothing else."""

    model_config = ConfigDict(extra="forbid")


class VerdictSaid(Said):
    """A person's verdict."""

    verdict: Literal["hit", "late", "false", "averted", "unjudgeable"] = Field(description="the verdict")
    by: By = ""
    failed_at: int | None = Field(None, ge=0, description="when it failed, epoch seconds")
    why: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


class ActionSaid(Said):
    """What a person did."""

    what: str = Field(min_length=1, max_length=WHAT_AT_MOST, description="what was done, one sentence")
    by: By = ""
    at: float | None = Field(None, ge=0, description="when, epoch seconds; default: now")


class AckSaid(Said):
    """Who looks at it."""

    by: By = ""


class FeedbackSaid(Said):
    """What a person thinks."""

    word: Word = Field(description="what it was")
    by: By = ""
    note: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


def who(caller: Caller, said: str) -> str:
    """Who speaks: whoever proved to be somebody; the daemon's own token speaks for whom it says."""
    return said if caller.via == "token" and said else caller.name


def take(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    actions = ("verdict", "acted", "ack", "feedback", "incident")
    may = {action: Depends(Needs(access, "responder", f"said.{action}")) for action in actions}

    def desk() -> Desk:
        return Desk(daemon.store, {watch.card.name: watch.card for watch in daemon.rooms.watches}.values())

    @app.exception_handler(Unsaid)
    async def _cannot_be_said(_request: Request, error: Unsaid) -> Response:
        return JSONResponse({"detail": str(error)}, 422)

    @app.post("/api/v1/warnings/{warning_id}/verdict", summary="Judge an early warning", tags=["api"])
    def verdict(warning_id: str, said: VerdictSaid, caller: Caller = may["verdict"]) -> dict[str, Any]:
        by = who(caller, said.by)
        return dict(to_json(desk().verdict(warning_id, said.verdict, by, daemon.clock(), said.failed_at, said.why)))

    @app.post("/api/v1/warnings/{warning_id}/actions", summary="Record what was done", tags=["api"])
    def action(warning_id: str, said: ActionSaid, caller: Caller = may["acted"]) -> dict[str, Any]:
        now = daemon.clock()
        found = desk().acted(warning_id, said.what, who(caller, said.by), now if said.at is None else said.at, now)
        return {"warning_id": found.warning_id, "by": found.who, **found.body}

    @app.post("/api/v1/warnings/{warning_id}/ack", summary="Say that you look at it from now on", tags=["api"])
    def ack(warning_id: str, said: AckSaid, caller: Caller = may["ack"]) -> dict[str, Any]:
        found = desk().ack(warning_id, who(caller, said.by), daemon.clock())
        return {"warning_id": found.warning_id, "by": found.who}

    @app.post("/api/v1/warnings/{warning_id}/feedback", summary="Say what it was worth", tags=["api"])
    def feedback(warning_id: str, said: FeedbackSaid, caller: Caller = may["feedback"]) -> dict[str, Any]:
        found = desk().feedback(warning_id, said.word, who(caller, said.by), daemon.clock(), said.note)
        return {"warning_id": found.warning_id, "by": found.who, **found.body}

    @app.post("/api/v1/incidents", summary="Declare incidents", tags=["api"])
    def incidents(body: dict[str, Any], caller: Caller = may["incident"]) -> dict[str, Any]:
        now = daemon.clock()
        try:
            found = incidents_in(body, now)
        except ValueError as e:
            raise HTTPException(422, str(e)) from None
        outcomes = [to_json(o) for incident in found for o in desk().incident(incident, caller.name, now)]
        return {"incidents": len(found), "outcomes": outcomes}
