"""What people and other systems tell the daemon over HTTP: verdicts, actions, incidents. All of it needs a proof."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import partial
from typing import Annotated, Any, Literal

from fastapi import Body, Depends, FastAPI, HTTPException
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from aiops.core.records import Outcome
from aiops.daemon.daemon import Daemon
from aiops.outcomes.feedback import Word
from aiops.outcomes.incidents import incidents_in
from aiops.pipeline.desk import WHAT_AT_MOST, WHO_AT_MOST, Desk
from aiops.store.codec import to_json
from aiops.web.access.access import Access, Caller, Needs
from aiops.web.access.sight import Sight, sight_of
from aiops.web.api.answers import IfMatch, changed, unchanged
from aiops.web.api.shapes import Shape
from aiops.web.api.warnings import whole

LEDGER = {"acted": "action"}
"""What a statement is called in the ledger, where that is another word."""

By = Annotated[str, Field(max_length=WHO_AT_MOST, description="who says so, with the daemon's token; else whoever logged in")]


class Said(BaseModel):
    """A body that must say nothing else."""

    model_config = ConfigDict(extra="forbid")


class VerdictSaid(Said):
    """A person's verdict."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"verdict": "false", "by": "ann", "why": "a planned migration"}]})
    verdict: Literal["hit", "late", "false", "averted", "unjudgeable"] = Field(description="the verdict")
    by: By = ""
    failed_at: int | None = Field(None, ge=0, description="when it failed, epoch seconds")
    why: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


class ActionSaid(Said):
    """What a person did."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"what": "deleted old logs", "by": "ann"}]})
    what: str = Field(min_length=1, max_length=WHAT_AT_MOST, description="what was done, one sentence")
    by: By = ""
    at: float | None = Field(None, ge=0, description="when, epoch seconds; default: now")


class BySaid(Said):
    """Who it is."""

    by: By = ""


class FeedbackSaid(Said):
    """What a person thinks."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"word": "noise", "by": "ann", "note": "nightly backup"}]})
    word: Word = Field(description="what it was")
    by: By = ""
    note: str = Field("", max_length=WHAT_AT_MOST, description="one sentence")


class Heard(Shape):
    """Who said it of a warning."""

    warning_id: str
    by: str


class Acted(Shape):
    """What somebody did about a warning."""

    model_config = ConfigDict(extra="allow")
    warning_id: str
    by: str
    what: str


class FedBack(Shape):
    """What somebody thinks of a warning."""

    model_config = ConfigDict(extra="allow")
    warning_id: str
    by: str
    word: str


class Declared(Shape):
    """How many incidents there were, and the verdicts they gave."""

    incidents: int
    outcomes: list[Outcome]


ALERT = {"status": "firing", "labels": {"alertname": "DiskFull", "instance": "a"}, "startsAt": "2026-01-05T03:00:00Z"}
Incidents = Annotated[
    dict[str, Any],
    Body(
        description="a webhook of Alertmanager or PagerDuty, one incident, or `incidents`, several",
        examples=[{"version": "4", "alerts": [ALERT]}],
    ),
]


def who(caller: Caller, said: str) -> str:
    """Who speaks: whoever proved to be somebody; the daemon's own token speaks for whom it says."""
    return said if caller.via == "token" and said else caller.name


def take(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    see: Any = Depends(sight_of(daemon))
    kept = {name: f"said.{LEDGER.get(name, name)}" for name in ("verdict", "acted", "ack", "feedback", "unhush")}
    may = {name: Depends(Needs(access, "responder", audit, scope="team")) for name, audit in kept.items()}

    desk = partial(_desk, daemon)

    def still(warning_id: str, sight: Sight, if_match: str) -> AbstractContextManager[None]:
        return unchanged(if_match, lambda: whole(daemon, warning_id, sight))

    @app.post("/api/v1/warnings/{warning_id}/verdict", response_model=Outcome, summary="Judge an early warning",
              tags=["warnings"])  # fmt: skip
    def verdict(
        warning_id: str, said: VerdictSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["verdict"]
    ) -> Response:
        by = who(caller, said.by)
        with still(warning_id, sight, if_match):
            return changed(to_json(desk().verdict(warning_id, said.verdict, by, daemon.clock(), said.failed_at, said.why)))

    @app.post("/api/v1/warnings/{warning_id}/actions", response_model=Acted, summary="Record what was done",
              tags=["warnings"])  # fmt: skip
    def action(
        warning_id: str, said: ActionSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["acted"]
    ) -> Response:
        now = daemon.clock()
        with still(warning_id, sight, if_match):
            found = desk().acted(warning_id, said.what, who(caller, said.by), now if said.at is None else said.at, now)
        return changed({"warning_id": found.warning_id, "by": found.who, **found.body})

    @app.post("/api/v1/warnings/{warning_id}/ack", response_model=Heard, summary="Say that you look at it from now on",
              tags=["warnings"])  # fmt: skip
    def ack(
        warning_id: str, said: BySaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["ack"]
    ) -> Response:
        with still(warning_id, sight, if_match):
            found = desk().ack(warning_id, who(caller, said.by), daemon.clock())
        return changed({"warning_id": found.warning_id, "by": found.who})

    @app.post("/api/v1/warnings/{warning_id}/feedback", response_model=FedBack, summary="Say what it was worth",
              tags=["warnings"])  # fmt: skip
    def feedback(
        warning_id: str, said: FeedbackSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["feedback"]
    ) -> Response:
        with still(warning_id, sight, if_match):
            found = desk().feedback(warning_id, said.word, who(caller, said.by), daemon.clock(), said.note)
        return changed({"warning_id": found.warning_id, "by": found.who, **found.body})

    @app.post("/api/v1/warnings/{warning_id}/unhush", response_model=Heard, tags=["warnings"],
              summary="Let its series be told again that was called wrong")  # fmt: skip
    def unhush(
        warning_id: str, said: BySaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["unhush"]
    ) -> Response:
        with still(warning_id, sight, if_match):
            found = desk().unhush(warning_id, who(caller, said.by), daemon.clock())
        return changed({"warning_id": found.warning_id, "by": found.who})

    _incidents(app, daemon, access)


def _desk(daemon: Daemon) -> Desk:
    return Desk(daemon.store, {watch.card.name: watch.card for watch in daemon.rooms.watches}.values(), daemon.settings.hush)


def _incidents(app: FastAPI, daemon: Daemon, access: Access) -> None:
    may: Any = Depends(Needs(access, "responder", "said.incident", scope="all"))

    @app.post("/api/v1/incidents", response_model=Declared, summary="Declare incidents", tags=["warnings"])
    def incidents(body: Incidents, caller: Caller = may) -> Response:
        now = daemon.clock()
        try:
            found = incidents_in(body, now)
        except ValueError as e:
            raise HTTPException(422, str(e)) from None
        outcomes = [to_json(o) for incident in found for o in _desk(daemon).incident(incident, caller.name, now)]
        return changed({"incidents": len(found), "outcomes": outcomes})
