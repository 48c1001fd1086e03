"""What happened to an early warning, in order: opened, told, acknowledged, asked, done, ended, judged."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from aiops.core.durations import rfc3339, text
from aiops.core.records import BY_DAEMON, EarlyWarning, Outcome
from aiops.core.text import times, visible
from aiops.daemon.daemon import Daemon
from aiops.store import Statement
from aiops.store.about import Told, messages_about
from aiops.store.response_rows import Question, Run, StepRow
from aiops.web.pages.view import clock

SAID_AT_MOST = 300
EVENTS = {
    "opened": "that it opened", "worsened": "that it got worse", "spread": "that it is on more", "repeated": "that it lasts",
    "closed": "how it ended", "judged": "what became of it",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Happened:
    """One thing: when, epoch seconds, and in words. `mark`: good, bad or nothing."""

    at_s: float
    said: str
    mark: str = ""

    @property
    def at(self) -> str:
        """When, as text."""
        return rfc3339(self.at_s)


def thread(daemon: Daemon, warning: EarlyWarning, outcome: Outcome | None, whole: bool) -> list[Happened]:
    """Everything that is known to have happened, oldest first; what people and steps said only where it may be seen `whole`."""
    found = [
        *_own(warning, outcome), *(_told(one) for one in messages_about(daemon.store, warning.id)),
        *(_said(one, whole) for one in daemon.store.statements(warning_id=warning.id)),
        *(one for run in daemon.responding.runs.newest(warning_id=warning.id) for one in _run(daemon, run, whole)),
    ]  # fmt: skip
    return sorted(found, key=lambda one: one.at_s)


def _own(warning: EarlyWarning, outcome: Outcome | None) -> Iterator[Happened]:
    first = warning.first_crossing
    told = f"; expected then for {clock(first.expected_s, warning)}" if first is not None else ""
    yield Happened(warning.opened_s, f"opened{told}")
    if warning.turned_s is not None:
        yield Happened(warning.turned_s, "what is measured left its course after something was done", "good")
    if warning.stale_since_s is not None:
        yield Happened(warning.stale_since_s, "its sources went away: nothing newer is known", "bad")
    if outcome is not None and outcome.failed_s is not None:
        yield Happened(outcome.failed_s, "what it warned of came", "bad")
    if warning.closed_s is not None:
        why = visible(warning.closed_why, SAID_AT_MOST)
        yield Happened(warning.closed_s, f"ended{why and ': ' + why}")
    if outcome is not None:
        lead = "" if outcome.lead_s is None else f", {text(outcome.lead_s)} ahead"
        by = "" if outcome.judged_by == BY_DAEMON else f" by {visible(outcome.judged_by, 80)}"
        mark = "good" if outcome.verdict in ("hit", "averted") else "bad" if outcome.verdict in ("false", "late") else ""
        yield Happened(outcome.settled_s, f"judged{by}: {outcome.verdict}{lead}", mark)


def _told(one: Told) -> Happened:
    what = EVENTS.get(one.event, one.event)
    if one.state == "sent":
        return Happened(one.made_s, f"{one.receiver} was told {what}")
    if one.state == "dead":
        return Happened(one.made_s, f"{one.receiver} could not be told {what}: {visible(one.error, SAID_AT_MOST)}", "bad")
    tried = f", tried {times(one.attempts)}: {visible(one.error, SAID_AT_MOST)}" if one.attempts else ""
    return Happened(one.made_s, f"{one.receiver} is to be told {what}{tried}", "bad" if one.attempts else "")


def _said(one: Statement, whole: bool) -> Happened:
    body, who = one.body, visible(one.who, 80)
    text_ = {
        "ack": "looks at it", "action": f"did something: {body.get('what', '')}",
        "verdict": f"judged it {body.get('verdict', '')}",
        "feedback": f"said: {str(body.get('word', '')).replace('_', ' ')}", "unhush": "lets it be told again",
    }.get(one.kind, one.kind)  # fmt: skip
    note = body.get("note") or body.get("why") or ""
    said = f"{text_} ({note})" if note and whole else text_
    shown = said if whole or one.kind != "action" else "did something"
    return Happened(float(body.get("at_s", one.said_s)), f"{who} {visible(shown, SAID_AT_MOST)}")


def _answer(one: Question) -> str:
    """What people said to a question; a no is the last vote."""
    who = visible(", ".join(one.votes), SAID_AT_MOST)
    if one.state == "denied":
        return f"; {visible(one.votes[-1], 80)} said no" if one.votes else "; it was denied"
    return f"; {who} said yes" if who else {"expired": "; nobody answered"}.get(one.state, "")


def _step(run: Run, row: StepRow, whole: bool) -> Happened:
    why = f": {visible(row.why, SAID_AT_MOST)}" if row.why and whole else ""
    mark = "good" if row.state == "DONE" else "bad" if row.state in ("FAILED", "UNKNOWN") else ""
    return Happened(row.begun_s or 0.0, f"{run.runbook}, step {visible(row.step_id)}: {row.state.lower()}{why}", mark)


def _run(daemon: Daemon, run: Run, whole: bool) -> Iterator[Happened]:
    runs = daemon.responding.runs
    steps = runs.steps(run.id)
    yield Happened(run.made_s, f"{run.runbook} matched ({run.mode})")
    yield from (_step(run, row, whole) for row in steps if row.klass == "pure" and row.begun_s is not None)
    for one in runs.questions(run.id):  # at one instant: after what was looked at, before what a yes lets it do
        yield Happened(one.asked_s, f"{run.runbook}: asked for a yes until {rfc3339(one.expires_s)}{_answer(one)}")
    yield from (_step(run, row, whole) for row in steps if row.klass != "pure" and row.begun_s is not None)
    if run.ended:
        why = visible(str(run.body.get("why", "")), SAID_AT_MOST) if whole else ""
        mark = {"succeeded": "good", "needs_a_person": "bad", "verify_failed": "bad"}.get(run.state, "")
        yield Happened(run.changed_s, f"{run.runbook}: {run.state.replace('_', ' ')}{f': {why}' if why else ''}", mark)
