"""The tests inside runbooks: the file's own decisions on a virtual clock, with nothing but mocks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiops.core.durations import text
from aiops.runbooks.expressions import NotEvaluated, evaluate_cel, holds_true
from aiops.runbooks.match import Refusal, Subject, context_of, refusals
from aiops.runbooks.plan import rendered_argv
from aiops.runbooks.schema import MODES, Outcome, Runbook, RunbookTest, Step

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}
_APPROVE = MODES.index("approve")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test: `why` names what was expected and what came."""

    name: str
    ok: bool
    why: str = ""


@dataclass(slots=True)
class Run:
    """What a simulated run did. `why` says in words what stopped it."""

    refused: list[Refusal] = field(default_factory=list)
    outcome: Outcome | None = None
    because: str = ""
    why: str = ""
    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    argv: dict[str, list[str]] = field(default_factory=dict)

    def ends(self, outcome: Outcome, because: str = "", why: str = "") -> None:
        """Stop here."""
        self.outcome, self.because, self.why = outcome, because, why


def run_tests(runbook: Runbook) -> list[Verdict]:
    """Every test of a runbook, in order."""
    return [_judge(test, simulate(runbook, test)) for test in runbook.tests]


def simulate(runbook: Runbook, test: RunbookTest) -> Run:
    """What the runbook would do with the world as the test mocks it, on a clock that stands at the warning's opening.

    Where the process dies (`crash_at`), after the effect of a step and before its result is kept, a step that reads or may be
    repeated is done again; one with a check is found to be done, and what it gave is not known any more.
    The warning has been open for as long as `for` asks. Times in the test count from the moment somebody is asked.
    """
    s = test.symptom
    subject = Subject(s.kind, s.signal, s.card, s.labels, s.lead_time, s.confidence, s.severity, float("inf"))
    run, mode = Run(refusals(runbook, subject)), test.mode or runbook.mode
    if run.refused:
        return run
    if mode == "shadow":
        run.ends("shadowed")
        return run
    for need in runbook.guards.require if runbook.guards else ():
        value = test.mocks.require.get(need.name)
        if value is None or not holds(value, need.expect):
            got = "no data" if value is None else f"{value:g}"
            run.ends("blocked", need.name, f"{need.name!r} wants {need.expect} and got {got}")
            return run
    _Steps(runbook, test, run, context_of(subject, runbook.target_by), MODES.index(mode)).go()
    return run


def holds(value: float, expect: str) -> bool:
    """Whether `value` fulfils an expectation such as `>= 0.20`."""
    op, _, number = expect.partition(" ")
    return _COMPARE[op](float(value), float(number))


@dataclass(slots=True)
class _Steps:
    """The steps of one run, in order."""

    runbook: Runbook
    test: RunbookTest
    run: Run
    context: dict[str, Any]
    mode: int
    approved: bool = False

    def go(self) -> None:
        try:
            for step in self.runbook.steps:
                self._step(step)
                if self.run.outcome is not None:
                    return
        except NotEvaluated as e:
            self.run.ends("needs_a_person", why=str(e))
            return
        if self.mode < _APPROVE:
            self.run.ends("suggested")
        else:
            self._verified()

    def _step(self, step: Step) -> None:
        if step.if_ is not None and not holds_true(step.if_, self.context):
            self.run.skipped.append(step.id)
            return
        if step.effect == "write" and self.mode < _APPROVE:
            self.run.ends("suggested")
            return
        if self._must_ask(step):
            self._ask()
        if self.run.outcome is None:
            self._do(step)

    def _must_ask(self, step: Step) -> bool:
        if self.mode != _APPROVE or self.runbook.approval is None:
            return False
        every = self.runbook.approval.for_ == "every_step"
        return every or (not self.approved and (step.effect == "write" or self.runbook.approval.for_ == "run"))

    def _ask(self) -> None:
        """Who answers first: yes, no, or the warning that goes away. Nothing is ever approved by waiting."""
        expires = self._expires_s()
        times = {"deny": self.test.deny_after, "clear": self.test.clears_after, "yes": self.test.approve_after}
        known = sorted((at, what) for what, at in times.items() if at is not None and at <= expires)
        answer = known[0][1] if known else ""
        if answer == "yes":
            self.approved = True
        elif answer == "deny":
            self.run.ends("approval_denied")
        elif answer == "clear":
            self.run.ends("cleared_before_action")
        else:
            self.run.ends("approval_expired", why=f"nobody answered within {text(expires)}")

    def _expires_s(self) -> float:
        """How long a question stands: as the file says, but never until it is too late for the steps that still write."""
        assert self.runbook.approval is not None
        expires, lead = self.runbook.approval.expires, self.test.symptom.lead_time
        if lead is None:
            return expires
        done = {*self.run.ran, *self.run.skipped}
        needed = sum(s.timeout or 0.0 for s in self.runbook.steps if s.effect == "write" and s.id not in done)
        return max(0.0, min(expires, lead - needed))

    def _do(self, step: Step) -> None:
        outputs: dict[str, Any] = self.context["steps"]
        if step.uses == "exec":
            self.run.argv[step.id], refused = rendered_argv(step.with_["argv"], self.context)
            if refused:
                self.run.ends("blocked", step.id, refused)
                return
        if step.uses == "compute":
            outputs[step.id] = {name: _computed(value, self.context) for name, value in step.with_.items()}
        else:
            outputs[step.id] = self.test.mocks.steps.get(step.id, {})
        self.run.ran.append(step.id)
        gone, failed = _failed(outputs[step.id])
        if step.id == self.test.crash_at and step.check is not None and not failed:
            outputs[step.id] = {"checked": True}
        if gone:
            self.run.ends("target_gone", step.id, failed)
        elif failed:
            self.run.ends("needs_a_person", step.id, f"{step.id}: {failed}")

    def _verified(self) -> None:
        verify, mocks = self.runbook.verify, self.test.mocks.verify
        for one in verify.all if verify else ():
            got = mocks.get(one.name)
            good = (verify.keep_if_unknown if verify else False) if got is None else _good(one.expect, got)
            if not good:
                undone = any(s.undo and s.id in self.run.ran for s in self.runbook.steps)
                why = f"{one.name!r} got {'no data' if got is None else got}"
                self.run.ends("undone" if undone else "verify_failed", one.name, why)
                return
        self.run.ends("succeeded")


def _computed(value: Any, context: Mapping[str, Any]) -> Any:
    return evaluate_cel(value, context) if isinstance(value, str) else value


def _failed(output: Mapping[str, Any]) -> tuple[bool, str]:
    """(whether the target is gone, why the step failed): by its exit code `rc` or HTTP `status`."""
    rc, status = output.get("rc", 0), output.get("status", 200)
    if rc != 0:
        return False, f"exit code {rc}"
    return status in (404, 410), f"status {status}" if isinstance(status, int) and status >= 400 else ""


def _good(expect: str | None, got: Any) -> bool:
    """Whether a verification's mocked answer is good: `clear` of a forecast, a number of a query."""
    if expect is None:
        return bool(got == "clear")
    number = isinstance(got, int | float) and not isinstance(got, bool)
    return number and holds(float(got), expect)


def _judge(test: RunbookTest, run: Run) -> Verdict:
    expect = test.expect
    if expect.matched is not None and expect.matched != (not run.refused):
        return Verdict(test.name, False, f"matched: expected {_word(expect.matched)}, got {_word(not run.refused)}{_why(run)}")
    got: dict[str, Any] = {"outcome": run.outcome, "ran": run.ran, "skipped": run.skipped}
    if expect.because is not None and expect.because not in [r.line for r in run.refused] + [run.because]:
        return Verdict(test.name, False, f"because: expected {expect.because!r}, got {_because(run)}{_why(run)}")
    for name, value in got.items():
        wanted = getattr(expect, name)
        if wanted is not None and wanted != value:
            return Verdict(test.name, False, f"{name}: expected {wanted!r}, got {value!r}{_why(run)}")
    for step, wanted in expect.argv.items():
        if run.argv.get(step) != wanted:
            return Verdict(test.name, False, f"argv of {step}: expected {wanted!r}, got {run.argv.get(step)!r}{_why(run)}")
    return Verdict(test.name, True)


def _word(value: bool) -> str:
    return "true" if value else "false"


def _because(run: Run) -> str:
    lines = ", ".join(repr(r.line) for r in run.refused)
    return lines or repr(run.because)


def _why(run: Run) -> str:
    """What stopped the run, with the two values that were compared."""
    lines = "; ".join(f"{r.line} wants {r.wanted}, not {r.got or 'none'}" for r in run.refused)
    why = lines or run.why
    return f" ({why})" if why else ""
