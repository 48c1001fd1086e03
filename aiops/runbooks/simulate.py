"""The tests inside runbooks: the file's own decisions on a virtual clock, with nothing but mocks."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiops.core.durations import seconds, text
from aiops.runbooks.expressions import NotEvaluated, evaluate_cel, holds_true
from aiops.runbooks.held import Held, Ran, held_back
from aiops.runbooks.match import Refusal, Subject, context_of, refusals
from aiops.runbooks.plan import describe, rendered_argv, shown, unknown_given
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
READ_TIMEOUT_S = 30.0
"""Of a step that says none."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test: `why` names what was expected and what came."""

    name: str
    ok: bool
    why: str = ""


@dataclass(slots=True)
class Run:
    """What a simulated run did. `why` says in words what stopped it, `at_s` how long it had taken by then."""

    refused: list[Refusal] = field(default_factory=list)
    outcome: Outcome | None = None
    because: str = ""
    why: str = ""
    ran: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    argv: dict[str, list[str]] = field(default_factory=dict)
    at_s: float = 0.0

    def ends(self, outcome: Outcome, because: str = "", why: str = "") -> None:
        """Stop here."""
        self.outcome, self.because, self.why = outcome, because, why


def run_tests(runbook: Runbook) -> list[Verdict]:
    """Every test of a runbook, in order."""
    return [_judge(test, simulate(runbook, test)) for test in runbook.tests]


def simulate(runbook: Runbook, test: RunbookTest) -> Run:
    """What the runbook would do with the world as the test mocks it, on a clock that stands at the match and goes on with waits,
    with what steps take (`takes` in a mock), with answers and with verification.

    Where the process dies (`crash_at`), after the effect of a step and before its result is kept, a step that reads or may be
    repeated is done again; one with a check is found to be done, and what it gave is not known any more.
    The warning has been open for `open_for`, by default for as long as `for` asks. Answers count from the moment somebody is
    asked, `clears_after` from the first question, or from the match where nobody is asked.
    """
    s = test.symptom
    opened = float("inf") if s.open_for is None else s.open_for
    subject = Subject(s.kind, s.signal, s.card, s.labels, s.lead_time, s.confidence, s.severity, opened)
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
    context = context_of(subject, runbook.target_by)
    held = _held(runbook, test, context["target"]) if MODES.index(mode) >= _APPROVE else None
    if held is not None:
        run.ends("blocked", held.because, held.why)
        return run
    _Steps(runbook, test, run, context, MODES.index(mode)).go()
    return run


def _held(runbook: Runbook, test: RunbookTest, target: Mapping[str, str]) -> Held | None:
    """The limit that the test's earlier runs leave no room under. What only reads has none, a gone target costs nothing."""
    if not any(step.effect == "write" for step in runbook.steps):
        return None
    runs = (one for one in test.earlier if one.outcome != "target_gone")
    return held_back(
        runbook, target, 0.0,
        [Ran({**target, **r.target}, -r.ago, r.took - r.ago, r.outcome == "succeeded", r.came_back) for r in runs],
    )  # fmt: skip


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
    asked_s: float | None = None
    wrote: bool = False

    def go(self) -> None:
        try:
            for step in self.runbook.steps:
                self._step(step)
                if self.run.outcome is not None:
                    return
        except NotEvaluated as e:
            self._given_up("", str(e), "needs_a_person")
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
            self._ask(step)
        elif step.effect == "write" and not self.wrote:
            self._before_the_first_change()
        if self.run.outcome is None:
            self._do(step)

    def _must_ask(self, step: Step) -> bool:
        if self.mode != _APPROVE or self.runbook.approval is None:
            return False
        every = self.runbook.approval.for_ == "every_step"
        return every or (not self.approved and (step.effect == "write" or self.runbook.approval.for_ == "run"))

    def _before_the_first_change(self) -> None:
        if self.mode == _APPROVE and self.runbook.approval is None:
            self.run.ends("suggested", "approval", "it names nobody who may approve it")
            return
        self._refused(self._open())
        clears = self.test.clears_after
        if self.run.outcome is None and clears is not None and self.run.at_s >= (self.asked_s or 0.0) + clears:
            self.run.ends("cleared_before_action")

    def _open(self) -> list[Step]:
        return [step for step in self.runbook.steps if step.id not in (*self.run.ran, *self.run.skipped)]

    def _refused(self, steps: Sequence[Step]) -> None:
        """Nobody is asked for what would be refused, and nothing of it begun; a step that may be skipped refuses nothing yet."""
        for step in steps:
            one = shown(step, self.context)
            if one.get("refused") and (one["known"] or step.if_ is None) and not self._is_skipped(step):
                self._given_up(step.id, str(one["refused"]), "needs_a_person" if self.wrote else "blocked")
                return

    def _is_skipped(self, step: Step) -> bool:
        try:
            return step.if_ is not None and not holds_true(step.if_, self.context)
        except NotEvaluated:
            return False

    def _ask(self, step: Step) -> None:
        """Who answers first: yes, no, or the warning that goes away. Nothing is ever approved by waiting."""
        approval, run = self.runbook.approval, self.run
        assert approval is not None
        expires = self._expires_s()
        self._refused([step] if approval.for_ == "every_step" else self._open())
        if run.outcome is not None:
            return
        if self.asked_s is None:
            self.asked_s = run.at_s
        clears = self.test.clears_after
        gone = None if clears is None else max(0.0, self.asked_s + clears - run.at_s)
        yes = self.test.approve_after if self.test.approvers >= (approval.quorum or 1) else None
        times = {"deny": self.test.deny_after, "clear": gone, "yes": yes}
        known = sorted((at, what) for what, at in times.items() if at is not None and at <= expires)
        after, answer = known[0] if known and expires > 0 else (expires, "")
        run.at_s += after
        if answer == "yes":
            self.approved = True
        elif answer:
            self._not_allowed("approval_denied" if answer == "deny" else "cleared_before_action")
        elif yes is None and self.test.approve_after is not None:
            self._not_allowed("approval_expired", f"{self.test.approvers} of {approval.quorum} said yes within {text(expires)}")
        else:
            self._not_allowed("approval_expired", f"nobody answered within {text(expires)}")

    def _not_allowed(self, outcome: Outcome, why: str = "") -> None:
        """Nobody lets it go on; whether what an earlier answer let it do stays is for a person to say."""
        self.run.ends("needs_a_person" if self._undoable() else outcome, why=why)

    def _expires_s(self) -> float:
        """How long a question stands: as the file says, but never until it is too late for the steps that still write."""
        assert self.runbook.approval is not None
        expires, lead = self.runbook.approval.expires, self.test.symptom.lead_time
        if lead is None:
            return expires
        needed = sum(s.timeout or 0.0 for s in self._open() if s.effect == "write")
        return max(0.0, min(expires, lead - self.run.at_s - needed))

    def _do(self, step: Step) -> None:
        outputs: dict[str, Any] = self.context["steps"]
        if step.uses == "exec":
            self.run.argv[step.id], _ = rendered_argv(step.with_["argv"], self.context)
        unknown = next(unknown_given(step, self.context), "")
        refused = "" if step.uses == "compute" else describe(step, self.context)[1]
        if unknown or refused:
            why = f"{step.id}: {unknown} is not known" if unknown else refused
            self.run.argv.pop(step.id, None)
            self._given_up(step.id, why, "needs_a_person" if unknown or self.wrote else "blocked")
            return
        if step.uses == "compute":
            outputs[step.id] = {name: _computed(value, self.context) for name, value in step.with_.items()}
        else:
            outputs[step.id] = _output(step, self.test.mocks.steps.get(step.id, {}))
        self.run.ran.append(step.id)
        self.wrote = self.wrote or step.effect == "write"
        self._came_of(step, outputs)

    def _came_of(self, step: Step, outputs: dict[str, Any]) -> None:
        gone, failed = _failed(outputs[step.id])
        took, most = _takes_s(step, self.test.mocks.steps.get(step.id, {})), step.timeout or READ_TIMEOUT_S
        if took > most and step.uses != "wait":
            gone, failed = False, f"stopped at its deadline: it takes {text(took)} and may {text(most)}"
        if failed and step.retry is not None and not gone:
            self.run.at_s += sum(step.retry.backoff * 2**i for i in range(step.retry.attempts - 1))
        self.run.at_s += min(took, most) if step.uses != "wait" else took
        if step.id == self.test.crash_at and step.check is not None and not failed:
            outputs[step.id] = {"checked": True}
        if gone:
            self._given_up(step.id, failed, "target_gone", but=step)
        elif failed and step.effect == "write":  # what it has left, a person must see
            self.run.ends("needs_a_person", step.id, f"{step.id}: {failed}")
        elif failed:
            self._given_up(step.id, f"{step.id}: {failed}", "needs_a_person")

    def _verified(self) -> None:
        """Everything must hold for as long as it says, in time; what no data can tell is good only where the file says so."""
        verify, mocks = self.runbook.verify, self.test.mocks.verify
        keep = verify is not None and verify.keep_if_unknown
        for one in verify.all if verify else ():
            got, within = mocks.get(one.name), verify.within if verify else 0.0
            good = keep if got is None else _good(one.expect, got)
            if good and one.for_ > within and not keep:
                good, got = False, f"{got}, not for {text(one.for_)} within {text(within)}"
            if not good:
                self.run.at_s += within
                self._given_up(one.name, f"{one.name!r} got {'no data' if got is None else got}", "verify_failed")
                return
            if one.for_ <= within:
                self.run.at_s = max(self.run.at_s, one.for_)
        self.run.ends("succeeded")

    def _undoable(self, but: Step | None = None) -> list[Step]:
        """What was done and can be taken back, newest first."""
        steps = reversed(self.runbook.steps)
        return [step for step in steps if step.undo is not None and step.id in self.run.ran and step is not but]

    def _given_up(self, because: str, why: str, otherwise: Outcome, but: Step | None = None) -> None:
        """What did not help, or will surely not come to its end, is taken back, newest first; a person is called where that
        cannot be, and where there is nothing to take back it ends as `otherwise`. `but`: a step that did nothing."""
        done = self._undoable(but)
        for step in done:
            assert step.undo is not None
            unknown = next(unknown_given(step.undo, self.context), "")
            refused = "" if step.undo.uses == "compute" else describe(step.undo, self.context)[1]
            if unknown or refused:
                why = refused or f"{unknown} is not known"
                self.run.ends("needs_a_person", step.id, f"{step.id} cannot be taken back: {why}")
                return
        self.run.ends("undone" if done else otherwise, because, why)


def _output(step: Step, mocked: Mapping[str, Any]) -> dict[str, Any]:
    """What a step gives, as its mock says; a query without a value has no data."""
    given = {name: value for name, value in mocked.items() if name != "takes"}
    if step.uses != "promql":
        return given
    return {"values": [given["value"]], **given} if "value" in given else {"no_data": True}


def _takes_s(step: Step, mocked: Mapping[str, Any]) -> float:
    """How long a step takes: a wait for as long as it says, others as their mock does, else no time."""
    said = step.with_["for"] if step.uses == "wait" else mocked.get("takes", "0s")
    return seconds(str(said))


def _computed(value: Any, context: Mapping[str, Any]) -> Any:
    return evaluate_cel(value, context) if isinstance(value, str) else value


def _failed(output: Mapping[str, Any]) -> tuple[bool, str]:
    """(whether the target is gone, why the step failed): by its exit code `rc` or HTTP `status`."""
    if output.get("no_data"):
        return False, "no data"
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
