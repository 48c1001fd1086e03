"""The responses to a warning as its page shows them: what is asked, by when, with which plan; what was done and taken back; what
may be said where a person is needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiops.core.durations import rfc3339, text
from aiops.core.plan_text import plan_line
from aiops.core.records import EarlyWarning
from aiops.core.text import visible
from aiops.daemon.daemon import Daemon
from aiops.responses.people import editor_of
from aiops.responses.procedure import Unclear
from aiops.responses.shown import found_lines
from aiops.responses.view import UNDO
from aiops.responses.words import offered
from aiops.store.response_rows import Question, Run, StepRow

SHOWN_AT_MOST = 5


def asked(daemon: Daemon, warning: EarlyWarning) -> list[dict[str, Any]]:
    """Its responses, newest first."""
    runs = daemon.responding.runs
    return [_response(daemon, run) for run in runs.newest(SHOWN_AT_MOST, warning_id=warning.id)]


def _response(daemon: Daemon, run: Run) -> dict[str, Any]:
    runs = daemon.responding.runs
    waiting = [q for q in runs.questions(run.id) if q.state == "waiting"]
    steps = runs.steps(run.id)
    question = waiting[-1] if waiting and run.state == "awaiting_approval" else None
    asking = run.facts.get("asking") or {}
    return {
        "id": run.id, "runbook": run.runbook, "state": run.state.replace("_", " "), "ended": run.ended,
        "why": visible(str(run.body.get("why", "")), 400), "waits": question is not None,
        "plan": list(_plan(question)) or list(_would(daemon, run)), "hash": "" if question is None else question.plan_hash,
        "words": list(offered(run, steps).items()),
        "who": visible(", ".join(asking.get("who", ())), 200), "votes": _votes(question),
        "alone": daemon.responding.people.alone, "editor": editor_of(run),
        "until": "" if question is None else _until(question, daemon.clock()), "steps": list(_steps(steps)),
        "found": found_lines(row for row in steps if row.state == "DONE" and row.klass == "pure"),
    }  # fmt: skip


def _plan(question: Question | None) -> Iterator[str]:
    yield from map(plan_line, question.plan if question is not None else ())


def _would(daemon: Daemon, run: Run) -> Iterator[str]:
    """What is only suggested, as its message has it: the steps that were not done, with what looking found in them."""
    if run.state != "suggested":
        return
    try:
        view = (tools := daemon.responding.engine.tools).view(run.id)
    except Unclear:  # another version of the program kept it
        return
    if view is not None:
        yield from (f"would do {plan_line(one)}" for one in tools.plan(view, view.open_indexes(), view.context))


def _votes(question: Question | None) -> str:
    return "" if question is None or question.quorum < 2 else f"{len(question.votes)} of {question.quorum} said yes."


def _until(question: Question, now_s: float) -> str:
    return f"{rfc3339(question.expires_s)} (in {text(max(0.0, question.expires_s - now_s))})"


def _steps(rows: list[StepRow]) -> Iterator[str]:
    """What was done, and what was or will be taken back; a step that has not begun stands in the plan."""
    for row in rows:
        back = row.idx >= UNDO
        if back or row.state != "PENDING":
            what = f"{visible(row.step_id)}{', taking it back' if back else ''}"
            tried = f", tried {row.attempt} times" if row.attempt > 1 else ""
            yield f"{what}: {row.state.lower()}{tried}{f': {visible(row.why, 200)}' if row.why else ''}"
