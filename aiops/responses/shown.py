"""A response for programs and for people."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from aiops.core.durations import rfc3339
from aiops.core.plan_text import plan_line
from aiops.core.text import several, visible
from aiops.responses.view import UNDO
from aiops.responses.words import offered, offers
from aiops.store.response_rows import Question, Run, StepRow

TEXT_AT_MOST, FOUND_AT_MOST = 2000, 8


def as_json(run: Run, whole: bool = True) -> dict[str, Any]:
    """One response as a row; without what it is about where that must not be seen."""
    about = {"target": dict(run.facts["context"]["target"]), "why": run.body.get("why", "")} if whole else {}
    return {
        "id": run.id, "runbook": run.runbook, "sha": run.sha, "state": run.state, "mode": run.mode, "card": run.card,
        "warning_id": run.warning_id, "began_s": run.made_s, "changed_s": run.changed_s, "until_s": run.deadline_s,
        "ended": run.ended, "team": run.facts["team"], "because": run.body.get("because", ""), **about,
    }  # fmt: skip


def whole_json(run: Run, steps: Sequence[StepRow], questions: Sequence[Question], whole: bool = True) -> dict[str, Any]:
    """One response with its journal and its questions."""
    return {
        **as_json(run, whole), "summary": run.facts["summary"], "asking": run.facts.get("asking"),
        "steps": [_step(row, whole) for row in steps], "questions": [_question(q, whole) for q in questions],
        "words": dict(offered(run, steps)) if whole else {},
    }  # fmt: skip


def _step(row: StepRow, whole: bool) -> dict[str, Any]:
    said = {"with": dict(row.given), "result": dict(row.result.get("output", {})), "why": row.why} if whole else {}
    return {
        "id": row.step_id, "undo": row.idx >= UNDO, "class": row.klass, "state": row.state, "attempt": row.attempt,
        "begun_s": row.begun_s, "until_s": row.deadline_s, **said,
    }  # fmt: skip


def _question(q: Question, whole: bool) -> dict[str, Any]:
    plan = {"plan": [dict(one) for one in q.plan]} if whole else {}
    return {
        "n": q.n, "state": q.state, "plan_hash": q.plan_hash, "asked_s": q.asked_s, "expires_s": q.expires_s,
        "quorum": q.quorum, "votes": list(q.votes), **plan,
    }  # fmt: skip


def row_line(run: Run) -> str:
    """One response as a line of a table."""
    target = visible(" ".join(v for v in run.facts["context"]["target"].values() if v), 40)
    return f"{run.id}  {rfc3339(run.made_s)}  {run.state:21}  {run.runbook:28}  {target}"


HEAD = f"{'ID':16}  {'BEGAN':20}  {'STATE':21}  {'RUNBOOK':28}  TARGET"


def lines(run: Run, steps: Sequence[StepRow], questions: Sequence[Question]) -> Iterator[str]:
    """One response for people: what it is about, where it stands, what was done, what is asked."""
    why = run.body.get("why", "")
    target = ", ".join(f"{k}={v}" for k, v in run.facts["context"]["target"].items())
    yield f"{run.id}  {run.runbook}@{run.sha}  {run.state}{': ' + visible(why, 400) if why else ''}"
    yield f"about:    warning {run.warning_id} of {run.card} [{visible(target)}], mode {run.mode}, of {run.facts['team']}"
    until = f", {run.state.replace('_', ' ')} until {rfc3339(run.deadline_s)} at the latest" if run.deadline_s else ""
    yield f"began:    {rfc3339(run.made_s)}{until}"
    for row in steps:
        what = f"{row.step_id}{' (taken back)' if row.idx >= UNDO else ''}"
        tried = f", tried {row.attempt} times" if row.attempt > 1 else ""
        yield f"step:     {what:20} {row.state.lower()} ({row.klass}{tried}){': ' + visible(row.why, 400) if row.why else ''}"
        if row.given:
            yield f"          {visible(_call(row.given), 400)}"
        yield from (f"          | {line}" for line in output_lines(row.result.get("output", {})))
    for q in questions:
        yield f"asked:    {', '.join(run.facts['asking']['who'])} until {rfc3339(q.expires_s)}: {_answer(q)}"
        yield from (f"          {plan_line(one)}" for one in q.plan)
    yield from (f"say:      {line}" for line in offers(run, steps))


def _call(given: Mapping[str, Any]) -> str:
    if "argv" in given:
        host = f"on {given['host']}: " if given.get("host") else ""
        return host + shlex.join(map(str, given["argv"]))
    return ", ".join(f"{k}: {v}" for k, v in given.items())


def output_lines(output: Mapping[str, Any]) -> list[str]:
    """What a step put out, in lines."""
    text = str(output.get("stdout", output.get("text", ""))) or ", ".join(f"{k}: {v}" for k, v in output.items())
    return [visible(line.expandtabs()) for line in text[:TEXT_AT_MOST].splitlines()[:20]]


def found_lines(rows: Iterable[StepRow]) -> list[str]:
    """What steps that only looked have found, each line behind its step; at most FOUND_AT_MOST lines of a step."""
    out: list[str] = []
    for row in rows:
        output = row.result.get("output", {})
        found = output_lines(output) if any(value for name, value in output.items() if name != "rc") else []
        out += [f"{visible(row.step_id)} found: {line}" for line in found[:FOUND_AT_MOST]]
        if len(found) > FOUND_AT_MOST:
            out.append(f"{visible(row.step_id)} found: and {several(len(found) - FOUND_AT_MOST, 'line')} more")
    return out


def _answer(q: Question) -> str:
    if q.state == "waiting":
        return f"{len(q.votes)} of {q.quorum} said yes" if q.votes else "nobody has answered yet"
    return f"{q.state}{' by ' + ', '.join(q.votes) if q.votes else ''}"
