"""Responses over HTTP: read them, say yes or no, stop them. Who speaks is known by their proof."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends, FastAPI, HTTPException, Request, Response
from pydantic import ConfigDict, Field

from aiops.daemon.daemon import Daemon
from aiops.responses.people import NOTE_AT_MOST, Unheard
from aiops.responses.shown import as_json, whole_json
from aiops.responses.switch import turn, why_on
from aiops.responses.words import Word
from aiops.store.paging import Pages
from aiops.store.response_rows import Run
from aiops.web.access import approving
from aiops.web.access.access import Access, Caller, Needs
from aiops.web.access.sight import Sight, sight_of
from aiops.web.api.answers import IfMatch, answer, changed, encoded, tag_of, unchanged
from aiops.web.api.paged import Asked, asking, texts
from aiops.web.api.said import Said
from aiops.web.api.schema import reader
from aiops.web.api.shapes import Shape

Note = Annotated[str, Field(max_length=NOTE_AT_MOST, description="one sentence")]


class YesSaid(Said):
    """Yes."""

    plan_hash: str = Field("", max_length=64, description="only if this is still the plan that is asked about")
    confirm: str = Field("", max_length=100, description="the runbook's name, where nobody else looks at it")


class NoteSaid(Said):
    """A word without more."""

    note: Note = ""


class ResolvedSaid(NoteSaid):
    """What became of a step."""

    word: Word = Field(
        description="done: it took effect, go on; again: it did not, do it; undo: it took effect, take it and what was before it "
        "back; undo_before: it did not, take back what was done before; stop: leave it so. Those of `words` are heard"
    )


class SwitchSaid(Said):
    """The kill switch."""

    on: bool = Field(description="on: nothing more is begun")
    why: str = Field("", max_length=NOTE_AT_MOST, description="one sentence")


class ResponseStep(Shape):
    """One step of a response."""

    model_config = ConfigDict(extra="allow")
    id: str
    undo: bool
    state: str
    attempt: int
    begun_s: float | None
    until_s: float | None


class Question(Shape):
    """What was asked about a response."""

    n: int
    state: str
    plan_hash: str
    asked_s: float
    expires_s: float
    quorum: int
    votes: list[str]
    plan: list[dict[str, Any]] | None = None


class ResponseRow(Shape):
    """One run of a runbook for one warning. `target` and `why` are left out where they must not be seen, `episode_url`, the page
    of the warning, where nobody said under which address people reach this daemon (`web.external_url`)."""

    id: str
    runbook: str
    sha: str
    state: str
    mode: str
    card: str
    warning_id: str
    began_s: float
    changed_s: float
    until_s: float | None
    ended: bool
    team: str
    because: str
    target: dict[str, str] | None = None
    why: str | None = None
    episode_url: str | None = None


class WholeResponse(ResponseRow):
    """The same with its steps and questions."""

    summary: str
    asking: dict[str, Any] | None
    steps: list[ResponseStep]
    questions: list[Question]
    words: dict[str, str] = Field(description="what may be said by `resolve` where it needs a person, and what each would do")


class Switch(Shape):
    """Whether anything may be begun."""

    on: bool
    why: str


class Switched(Shape):
    """The kill switch as it is now."""

    on: bool
    changed: bool


def add_responses(app: FastAPI, daemon: Daemon, access: Access) -> None:
    """Add the routes."""
    pages, see = Pages(daemon.store), Depends(sight_of(daemon))
    read = reader(app, "responses", Needs(access, "viewer", scope="team"))

    @read("/api/v1/responses", list[ResponseRow], "Responses, newest first")
    def responses(asked: Asked = asking(daemon, 100), state: str = "", warning: str = "") -> Response:  # noqa: B008
        def keep(run: Run) -> Any:
            whole = _seen(daemon, run, asked.sight)
            row = None if whole is None else as_json(run, whole) | _page(daemon, run)
            return row if row is not None and asked.filter.fits(_facts(row)) else None

        return asked.answer(*asked.walked("responses", (int, str), lambda at, n: pages.responses(n, at, state, warning), keep))

    @read("/api/v1/responses/{run_id}", WholeResponse, "One response with its steps and questions")
    def response(request: Request, run_id: str, sight: Sight = see) -> Response:
        body = _whole(daemon, run_id, sight)
        if body is None:
            raise HTTPException(404, "no such response")
        return answer(request, body)

    _switch(app, daemon, access)
    _words(app, daemon, access)


def _switch(app: FastAPI, daemon: Daemon, access: Access) -> None:
    read = reader(app, "responses", Needs(access, "viewer"))
    may: Any = Depends(Needs(access, "responder", "kill_switch.on, kill_switch.off", scope="all"))
    runs = daemon.responding.runs

    def body() -> bytes:
        why = why_on(runs, daemon.settings.data_dir)
        return encoded({"on": bool(why), "why": why})

    @read("/api/v1/kill-switch", Switch, "Whether anything may be begun")
    def switch(request: Request) -> Response:
        return answer(request, body())

    @app.post("/api/v1/kill-switch", response_model=Switched, tags=["responses"],
              summary="Stop everything, or let it go on")  # fmt: skip
    def turned(said: SwitchSaid, if_match: IfMatch = "", caller: Caller = may) -> Response:
        with unchanged(if_match, body):
            done = turn(runs, daemon.settings.data_dir, said.on, caller.name, said.why, daemon.clock())
        return changed({"on": said.on, "changed": done}, body())


def _words(app: FastAPI, daemon: Daemon, access: Access) -> None:
    actions = ("approve", "deny", "cancel", "resolve")
    may = {action: Depends(Needs(access, "responder", "response.…", scope="team")) for action in actions}

    see: Any = Depends(sight_of(daemon))

    def heard(sight: Sight, if_match: str, word: Callable[..., Any], run_id: str, *more: Any) -> Response:
        try:
            with unchanged(if_match, lambda: _whole(daemon, run_id, sight)):
                word(run_id, *more)
        except Unheard as e:
            raise HTTPException(e.status, str(e)) from None
        body = _whole(daemon, run_id, sight)
        return Response(body or b"{}", headers={"ETag": tag_of(body or b"{}")}, media_type="application/json")

    @app.post("/api/v1/responses/{run_id}/approve", response_model=WholeResponse, tags=["responses"],
              summary="Say yes to the plan")  # fmt: skip
    def approve(
        run_id: str, said: YesSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["approve"]
    ) -> Response:
        def word(_: str) -> None:
            approving.approve(daemon, caller, run_id, said.plan_hash, said.confirm)

        return heard(sight, if_match, word, run_id)

    @app.post("/api/v1/responses/{run_id}/deny", response_model=WholeResponse, tags=["responses"],
              summary="Say no")  # fmt: skip
    def deny(
        run_id: str, said: NoteSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["deny"]
    ) -> Response:
        said_by = (caller.name, daemon.clock(), said.note, caller.groups)
        return heard(sight, if_match, daemon.responding.people.deny, run_id, *said_by)

    @app.post("/api/v1/responses/{run_id}/cancel", response_model=WholeResponse, tags=["responses"],
              summary="End it before its next step")  # fmt: skip
    def cancel(
        run_id: str, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["cancel"]
    ) -> Response:
        return heard(sight, if_match, daemon.responding.people.cancel, run_id, caller.name, daemon.clock())

    @app.post("/api/v1/responses/{run_id}/resolve", response_model=WholeResponse, tags=["responses"],
              summary="Say what became of a step")  # fmt: skip
    def resolve(
        run_id: str, said: ResolvedSaid, if_match: IfMatch = "", sight: Sight = see, caller: Caller = may["resolve"]
    ) -> Response:
        said_by = (caller.name, daemon.clock(), said.note, caller.groups)
        return heard(sight, if_match, daemon.responding.people.resolve, run_id, said.word, *said_by)


def _seen(daemon: Daemon, run: Run, sight: Sight) -> bool | None:
    """Whether a response may be seen whole, without what it is about, or (None) not at all: as its warning may be."""
    if sight.everything:
        return True
    warning = daemon.store.warning(run.warning_id)
    seen = None if warning is None else sight.warning(warning)
    return None if seen is None else seen == warning


def _whole(daemon: Daemon, run_id: str, sight: Sight) -> bytes | None:
    """One response as it is answered; None when there is none with this id that may be seen."""
    runs = daemon.responding.runs
    run = runs.run(run_id)
    whole = None if run is None else _seen(daemon, run, sight)
    if run is None or whole is None:
        return None
    return encoded(whole_json(run, runs.steps(run.id), runs.questions(run.id), whole) | _page(daemon, run))


def _page(daemon: Daemon, run: Run) -> dict[str, str]:
    """Where people see the warning that a response is about."""
    page = daemon.rooms.episode_url
    return {} if page is None else {"episode_url": page(run.warning_id)}


def _facts(row: dict[str, Any]) -> dict[str, str]:
    """What matchers see of a response."""
    return {**row.get("target", {}), **texts(row, "runbook", "state", "mode", "card", "team", "warning_id")}
