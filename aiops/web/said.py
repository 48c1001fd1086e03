"""What people and other systems tell the daemon over HTTP: verdicts, actions, incidents. All of it needs the token."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict, Field

from aiops.daemon.daemon import Daemon
from aiops.outcomes.feedback import Word
from aiops.outcomes.incidents import incidents_in
from aiops.pipeline.desk import WHAT_AT_MOST, WHO_AT_MOST, Desk, Unsaid
from aiops.store.codec import to_json
from aiops.web.sight import token_needed

By = Annotated[str, Field(min_length=1, max_length=WHO_AT_MOST, description="who says so")]


class Said(BaseModel):
    """A body that must say nothing else."""

    model_config = ConfigDict(extra="forbid")


class VerdictSaid(Said):
    """A person's verdict."""

    verdict: Literal["hit", "late", "false", "averted", "unjudgeable"] = Field(description="the verdict")
    by: By
    failed_at: int | None = Field(None, ge=0, description="when it failed, epoch seconds")
    why: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


class ActionSaid(Said):
    """What a person did."""

    what: str = Field(min_length=1, max_length=WHAT_AT_MOST, description="what was done, one sentence")
    by: By
    at: float | None = Field(None, ge=0, description="when, epoch seconds; default: now")


class AckSaid(Said):
    """Who looks at it."""

    by: By


class FeedbackSaid(Said):
    """What a person thinks."""

    word: Word = Field(description="what it was")
    by: By
    note: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


def take(app: FastAPI, daemon: Daemon) -> None:
    """Add the routes."""
    needs = [Depends(token_needed(daemon))]

    def desk() -> Desk:
        return Desk(daemon.store, {watch.card.name: watch.card for watch in daemon.rooms.watches}.values())

    @app.post("/api/v1/warnings/{warning_id}/verdict", dependencies=needs, summary="Judge an early warning", tags=["api"])
    def verdict(warning_id: str, said: VerdictSaid) -> dict[str, Any]:
        try:
            return dict(to_json(desk().verdict(warning_id, said.verdict, said.by, daemon.clock(), said.failed_at, said.why)))
        except Unsaid as e:
            raise HTTPException(422, str(e)) from None

    @app.post("/api/v1/warnings/{warning_id}/actions", dependencies=needs, summary="Record what was done", tags=["api"])
    def action(warning_id: str, said: ActionSaid) -> dict[str, Any]:
        now = daemon.clock()
        try:
            found = desk().acted(warning_id, said.what, said.by, now if said.at is None else said.at, now)
        except Unsaid as e:
            raise HTTPException(422, str(e)) from None
        return {"warning_id": found.warning_id, "by": found.who, **found.body}

    @app.post("/api/v1/warnings/{warning_id}/ack", dependencies=needs, summary="Say that you look at it from now on", tags=["api"])
    def ack(warning_id: str, said: AckSaid) -> dict[str, Any]:
        try:
            found = desk().ack(warning_id, said.by, daemon.clock())
        except Unsaid as e:
            raise HTTPException(422, str(e)) from None
        return {"warning_id": found.warning_id, "by": found.who}

    @app.post("/api/v1/warnings/{warning_id}/feedback", dependencies=needs, summary="Say what it was worth", tags=["api"])
    def feedback(warning_id: str, said: FeedbackSaid) -> dict[str, Any]:
        try:
            found = desk().feedback(warning_id, said.word, said.by, daemon.clock(), said.note)
        except Unsaid as e:
            raise HTTPException(422, str(e)) from None
        return {"warning_id": found.warning_id, "by": found.who, **found.body}

    @app.post("/api/v1/incidents", dependencies=needs, summary="Declare incidents", tags=["api"])
    def incidents(body: dict[str, Any]) -> dict[str, Any]:
        now = daemon.clock()
        try:
            found = incidents_in(body, now)
        except ValueError as e:
            raise HTTPException(422, str(e)) from None
        outcomes = [to_json(o) for incident in found for o in desk().incident(incident, "api", now)]
        return {"incidents": len(found), "outcomes": outcomes}
