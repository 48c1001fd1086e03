"""The tests inside runbooks: the file's own decisions on a virtual clock, with nothing but mocks."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiops.runbooks.expressions import evaluate_cel
from aiops.runbooks.match import Subject, context_of, refusals
from aiops.runbooks.plan import rendered_argv
from aiops.runbooks.schema import MODES, Runbook, RunbookTest

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class TestResult:
    """One test: `why` names what was expected and what came."""

    name: str
    ok: bool
    why: str = ""


@dataclass(slots=True)
class Run:
    """What a simulated run did."""

    matched: bool = True
    because: str = ""
    outcome: str = ""
    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    argv: dict[str, list[str]] = field(default_factory=dict)


def run_tests(runbook: Runbook) -> list[TestResult]:
    """Every test of a runbook."""
    return [_judge(test, simulate(runbook, test)) for test in runbook.tests]


def simulate(runbook: Runbook, test: RunbookTest) -> Run:
    """What the runbook would do with the world as the test mocks it."""
    s = test.symptom
    lead = s.lead_time
    subject = Subject(s.kind, s.signal, s.card, s.labels, lead, s.confidence, s.severity, float("inf"))
    refused = refusals(runbook, subject)
    if refused:
        return Run(matched=False, because=refused[0].line)
    run, mode = Run(), test.mode or runbook.mode
    if mode == "shadow":
        run.outcome = "shadowed"
        return run
    blocked = _guarded(runbook, test)
    if blocked:
        run.outcome, run.because = "blocked", blocked
        return run
    _steps(runbook, test, run, context_of(subject), MODES.index(mode))
    return run


def _guarded(runbook: Runbook, test: RunbookTest) -> str:
    for need in runbook.guards.require if runbook.guards else ():
        value = test.mocks.require.get(need.name)
        if value is None or not holds(value, need.expect):
            return need.name
    return ""


def holds(value: float, expect: str) -> bool:
    """Whether `value` fulfils an expectation such as `>= 0.20`."""
    op, _, number = expect.partition(" ")
    return _COMPARE[op](float(value), float(number))


def _steps(runbook: Runbook, test: RunbookTest, run: Run, context: dict[str, Any], mode: int) -> None:
    outputs: dict[str, Any] = context["steps"]
    approved = mode > MODES.index("approve")
    for step in runbook.steps:
        if step.if_ is not None and not evaluate_cel(step.if_, context):
            run.skipped.append(step.id)
            continue
        if step.effect == "write":
            if mode < MODES.index("approve"):
                run.outcome = "suggested"
                return
            if not approved:
                run.outcome = _asked(runbook, test)
                if run.outcome:
                    return
                approved = True
        if step.uses == "exec":
            run.argv[step.id] = rendered_argv(step.with_["argv"], context)[0]
        if step.uses == "compute":
            outputs[step.id] = {k: evaluate_cel(str(v), context) for k, v in step.with_.items()}
        else:
            outputs[step.id] = test.mocks.steps.get(step.id, {})
        run.ran.append(step.id)
        if float(outputs[step.id].get("rc", 0)) != 0:
            run.outcome = "needs_a_person"
            return
    run.outcome = _verified(runbook, test) if mode >= MODES.index("approve") else "suggested"


def _asked(runbook: Runbook, test: RunbookTest) -> str:
    """The outcome when nobody says yes in time; empty when somebody does."""
    expires = runbook.approval.expires if runbook.approval else 0.0
    times = {"deny": test.deny_after, "clear": test.clears_after, "yes": test.approve_after}
    known = sorted((at, what) for what, at in times.items() if at is not None and at <= expires)
    for _, what in known:
        if what == "deny":
            return "approval_denied"
        if what == "clear":
            return "cleared_before_action"
        return ""
    return "approval_expired"


def _verified(runbook: Runbook, test: RunbookTest) -> str:
    if runbook.verify is None:
        return "succeeded"
    for one in runbook.verify.all:
        got = test.mocks.verify.get(one.name)
        if got is None:
            good = runbook.verify.keep_if_unknown
        else:
            good = got == "clear" if one.forecast else holds(float(got), str(one.expect))
        if not good:
            return "undone" if any(s.undo for s in runbook.steps) else "verify_failed"
    return "succeeded"


def _judge(test: RunbookTest, run: Run) -> TestResult:
    expect = test.expect
    got: dict[str, Any] = {
        "matched": run.matched,
        "because": run.because,
        "outcome": run.outcome,
        "ran": run.ran,
        "skipped": run.skipped,
    }
    for name, value in got.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            return TestResult(test.name, False, f"{name}: expected {wanted!r}, got {value!r}")
    for step, wanted in expect.argv.items():
        if run.argv.get(step) != wanted:
            return TestResult(test.name, False, f"argv of {step}: expected {wanted!r}, got {run.argv.get(step)!r}")
    return TestResult(test.name, True)
