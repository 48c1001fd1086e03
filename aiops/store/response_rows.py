"""The rows of responses: what they hold, and how they are read and written."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiops.store.codec import to_json
from aiops.store.tx import Statement, ms

ENDED = (
    "succeeded", "verify_failed", "undone", "needs_a_person", "blocked", "approval_denied", "approval_expired",
    "cleared_before_action", "target_gone", "suggested", "shadowed", "cancelled",
)  # fmt: skip
"""States in which nothing more is done by itself."""
CAME_TO = ("succeeded", "verify_failed", "undone", "needs_a_person")
"""Ends that say something of the runbook: it did what it is for, or it did not."""
STATES = ("matched", "guarded", "awaiting_approval", "running", "verifying", "undoing", *ENDED)
WHY_AT_MOST = 500


@dataclass(frozen=True, slots=True)
class Run:
    """One response. `snapshot`: the runbook as it was matched; `facts`: what it is about; `body`: what changes while it runs."""

    id: str
    key: str
    runbook: str
    sha: str
    target: str
    warning_id: str
    card: str
    mode: str
    state: str
    made_s: float
    changed_s: float
    deadline_s: float | None
    snapshot: Mapping[str, Any]
    facts: Mapping[str, Any]
    body: Mapping[str, Any] = field(default_factory=dict)
    plan_hash: str = ""
    version: int = 0

    @property
    def ended(self) -> bool:
        """Whether nothing more is done by itself."""
        return self.state in ENDED


@dataclass(frozen=True, slots=True)
class StepRow:
    """One line of a response's journal. `epoch`: of the lease under which its intent was written; `given`: as it was rendered."""

    idx: int
    step_id: str
    klass: str
    idem_key: str
    state: str = "PENDING"
    epoch: int = 0
    attempt: int = 0
    begun_s: float | None = None
    deadline_s: float | None = None
    given: Mapping[str, Any] = field(default_factory=dict)
    result: Mapping[str, Any] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True, slots=True)
class StepChange:
    """A step's new line, where the old one still stands as it was read; with `new` there is no old one."""

    old: StepRow
    new: StepRow


@dataclass(frozen=True, slots=True)
class Question:
    """What people are asked: this plan, until then. `scope`: the step it is for, -1 = all that follow. `votes`: who said yes."""

    n: int
    scope: int
    plan_hash: str
    asked_s: float
    expires_s: float
    quorum: int
    plan: Sequence[Mapping[str, Any]] = ()
    state: str = "waiting"
    votes: tuple[str, ...] = ()
    version: int = 0


@dataclass(frozen=True, slots=True)
class Charge:
    """What a response counts for: limits are held over these. `good`: it ended well; `back`: its symptom came back too soon."""

    run_id: str
    runbook: str
    target: str
    kind: str
    at_s: float
    cooldown_s: float
    ended_s: float | None = None
    good: bool = False
    back: bool = False
    waived: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """A message for the outbox. `withheld`: what the data policy held back of it, for the ledger; of all of it where there is no
    payload, and then nothing is sent."""

    receiver: str
    group: str
    dedup_key: str
    payload: Mapping[str, Any]
    withheld: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Decision:
    """What becomes of a response. `body` is laid over what is there; `unless_killed`: not while the switch is on."""

    run: Run
    state: str
    why: str
    steps: tuple[StepChange, ...] = ()
    new_steps: tuple[StepRow, ...] = ()
    body: Mapping[str, Any] = field(default_factory=dict)
    plan_hash: str | None = None
    deadline_s: float | None = None
    ask: Question | None = None
    question: tuple[Question, Question] | None = None
    messages: tuple[Message, ...] = ()
    said: tuple[Statement, ...] = ()
    detail: Mapping[str, Any] = field(default_factory=dict)
    unless_killed: bool = False


def ms_or_none(time_s: float | None) -> int | None:
    """Milliseconds, where there is a time."""
    return None if time_s is None else ms(time_s)


def _s(time_ms: int | None) -> float | None:
    return None if time_ms is None else time_ms / 1000


def run_row(run: Run) -> dict[str, Any]:
    """A response as its row."""
    return {
        "id": run.id, "key": run.key, "runbook": run.runbook, "sha": run.sha, "target": run.target, "warning_id": run.warning_id,
        "card": run.card, "mode": run.mode, "state": run.state, "version": run.version, "plan_hash": run.plan_hash,
        "made_ms": ms(run.made_s), "changed_ms": ms(run.changed_s), "deadline_ms": ms_or_none(run.deadline_s),
        "snapshot": to_json(run.snapshot), "facts": to_json(run.facts), "body": to_json(run.body),
    }  # fmt: skip


def run_from(row: Any) -> Run:
    """The response of a row."""
    return Run(
        row.id, row.key, row.runbook, row.sha, row.target, row.warning_id, row.card, row.mode, row.state, row.made_ms / 1000,
        row.changed_ms / 1000, _s(row.deadline_ms), row.snapshot, row.facts, row.body, row.plan_hash, row.version,
    )


def step_row(step: StepRow) -> dict[str, Any]:
    """A step as its row, without the response's id."""
    return {
        "idx": step.idx, "step_id": step.step_id, "klass": step.klass, "state": step.state, "epoch": step.epoch,
        "attempt": step.attempt, "idem_key": step.idem_key, "begun_ms": ms_or_none(step.begun_s),
        "deadline_ms": ms_or_none(step.deadline_s), "given": to_json(step.given), "result": to_json(step.result),
        "why": step.why[:WHY_AT_MOST],
    }  # fmt: skip


def step_from(row: Any) -> StepRow:
    """The step of a row."""
    return StepRow(
        row.idx, row.step_id, row.klass, row.idem_key, row.state, row.epoch, row.attempt, _s(row.begun_ms), _s(row.deadline_ms),
        row.given, row.result, row.why,
    )


def question_row(one: Question) -> dict[str, Any]:
    """A question as its row, without the response's id."""
    return {
        "n": one.n, "scope": one.scope, "plan_hash": one.plan_hash, "state": one.state, "version": one.version,
        "asked_ms": ms(one.asked_s), "expires_ms": ms(one.expires_s), "quorum": one.quorum, "plan": to_json(list(one.plan)),
        "votes": list(one.votes),
    }  # fmt: skip


def question_from(row: Any) -> Question:
    """The question of a row."""
    return Question(
        row.n, row.scope, row.plan_hash, row.asked_ms / 1000, row.expires_ms / 1000, row.quorum, tuple(row.plan), row.state,
        tuple(row.votes), row.version,
    )


def charge_row(one: Charge) -> dict[str, Any]:
    """A charge as its row."""
    return {
        "run_id": one.run_id, "runbook": one.runbook, "target": one.target, "kind": one.kind, "at_ms": ms(one.at_s),
        "ended_ms": ms_or_none(one.ended_s), "cooldown_ms": ms(one.cooldown_s), "good": int(one.good), "back": int(one.back),
        "waived": int(one.waived),
    }  # fmt: skip


def charge_from(row: Any) -> Charge:
    """The charge of a row."""
    return Charge(
        row.run_id, row.runbook, row.target, row.kind, row.at_ms / 1000, row.cooldown_ms / 1000, _s(row.ended_ms),
        bool(row.good), bool(row.back), bool(row.waived),
    )
