"""A runbook as the engine sees it: the room of runbooks knows how its parts are read, the engine what is done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from aiops.core.durations import seconds
from aiops.core.programs import WRITTEN
from aiops.responses.procedure import (
    Asking,
    Klass,
    Limits,
    Procedure,
    Rendered,
    Requirement,
    StepFacts,
    Unclear,
    Verifying,
)
from aiops.runbooks.check_action import NO_EFFECT
from aiops.runbooks.check_exec import written
from aiops.runbooks.expressions import LOOK_UP, NotEvaluated, NotKnown, evaluate_cel, holds_true, render, resolve
from aiops.runbooks.plan import Refuses, anything, asks, rendered_argv, rendered_host, rendered_url, shown
from aiops.runbooks.schema import Runbook, Step, Undo, Verification
from aiops.runbooks.simulate import holds

READ_TIMEOUT_S, UNDO_TIMEOUT_S = 30.0, 300.0
"""Of a step that says none, and of one that takes another back and says none."""
SETTLES_S = 120.0
"""What a query sees is as old as the last scrape: two of them at the interval that Prometheus has by default."""


def snapshot_of(runbook: Runbook) -> dict[str, Any]:
    """A runbook as it is kept with a response: the revision that was matched counts, whatever becomes of the file."""
    return {"sha": runbook.sha, "runbook": runbook.model_dump(mode="json", by_alias=True, exclude_unset=True)}


def runbook_of(snapshot: Mapping[str, Any]) -> Runbook:
    """The runbook of a snapshot. Raises Unclear when this version no longer takes it."""
    try:
        found = Runbook.model_validate(snapshot["runbook"])
    except ValidationError as e:
        raise Unclear(f"the runbook as it was kept cannot be read any more: {str(e).splitlines()[0]}") from e
    found.came_of("", snapshot["sha"])
    return found


def procedure_of(runbook: Runbook) -> Procedure:
    """What the engine needs to know of a runbook."""
    approval, verify = runbook.approval, runbook.verify
    return Procedure(
        runbook.name, runbook.sha, runbook.mode, _limits(runbook), Reading(runbook),
        tuple(_step(step) for step in runbook.steps),
        tuple(Requirement(r.name, r.promql, r.expect) for r in (runbook.guards.require if runbook.guards else ())),
        None if approval is None else Asking(approval.for_, tuple(approval.from_), runbook.quorum, approval.expires),
        None if verify is None else Verifying(verify.within, tuple(map(_verification, verify.all)), verify.keep_if_unknown),
        runbook.owner.team,
    )  # fmt: skip


def _limits(runbook: Runbook) -> Limits:
    guards, kind = runbook.guards, ",".join(sorted(runbook.target_by))[:256]
    if guards is None:
        return Limits(kind)
    runs, targets = guards.max_runs, guards.max_targets
    return Limits(
        kind, guards.cooldown or 0.0, runs.count if runs else None, runs.per if runs else 0.0,
        targets.count if targets else None, targets.percent if targets else None, targets.per if targets else 0.0,
        tuple(guards.skip_during),
    )  # fmt: skip


def klass_of(step: Step) -> Klass:
    """What may be done with a step when it is not known whether it took effect."""
    return _klass(step, step.effect == "write")


def _klass(one: Step | Undo, writes: bool) -> Klass:
    if not writes:
        return "pure"
    if one.check is not None:
        return "checked"
    return "idempotent" if one.idempotent else "once"


def _step(step: Step) -> StepFacts:
    retry, wait = step.retry, seconds(str(step.with_["for"])) if step.uses == "wait" else None
    return StepFacts(
        step.id, step.uses, step.effect == "write", klass_of(step), step.timeout or READ_TIMEOUT_S,
        retry.attempts if retry else 1, retry.backoff if retry else 1.0, step.output, step.if_ is not None, bool(step.idempotent),
        wait, _settles_s(step), None if step.undo is None else _undo(step.id, step.undo),
    )  # fmt: skip


def _undo(step_id: str, undo: Undo) -> StepFacts:
    retry, writes = undo.retry, undo.uses not in NO_EFFECT
    return StepFacts(
        step_id, undo.uses, writes, _klass(undo, writes), undo.timeout or UNDO_TIMEOUT_S,
        retry.attempts if retry else 1, retry.backoff if retry else 1.0, repeatable=bool(undo.idempotent),
        settles_s=_settles_s(undo),
    )  # fmt: skip


def _settles_s(one: Step | Undo) -> float:
    return SETTLES_S if one.check is not None and one.check.promql is not None else 0.0


def _verification(one: Verification) -> Requirement:
    return Requirement(one.name, one.promql or "", one.expect or "", one.for_, one.forecast is not None)


class Reading:
    """How the look-ups, conditions and queries of one runbook are read."""

    def __init__(self, runbook: Runbook) -> None:
        self._runbook, self._steps = runbook, runbook.steps

    def condition(self, index: int, context: Mapping[str, Any]) -> bool:
        """Whether a step is to be done at all. Raises Unclear."""
        text = self._steps[index].if_
        return text is None or _holds(text, context)

    def given(self, index: int, context: Mapping[str, Any]) -> Rendered:
        """What the action of a step is given. Raises Unclear."""
        return rendered(self._steps[index].uses, self._steps[index].with_, context)

    def undo(self, index: int, context: Mapping[str, Any]) -> Rendered:
        """What the action that takes a step back is given. Raises Unclear."""
        undo = self._steps[index].undo
        if undo is None:
            raise Unclear("nothing takes it back")
        return rendered(undo.uses, undo.with_, context)

    def _action(self, index: int, undo: bool) -> Step | Undo:
        step = self._steps[index]
        return step.undo if undo and step.undo is not None else step

    def check(self, index: int, context: Mapping[str, Any], undo: bool = False) -> tuple[str, Rendered]:
        """(`uses`, what it is given) of the question whether a step is done, or taken back, already. Raises Unclear."""
        uses, given = asks(self._action(index, undo))
        if not uses:
            raise Unclear("it has no check")
        return uses, rendered(uses, given, context)

    def checked(self, index: int, context: Mapping[str, Any], response: Any, undo: bool = False) -> bool:
        """Whether the answer says that it is. Raises Unclear."""
        check = self._action(index, undo).check
        if check is None:
            raise Unclear("it has no check")
        return _holds(check.expect, {**context, "response": response})

    def holds(self, value: float, expect: str) -> bool:
        """Whether a number fulfils an expectation such as `>= 0.20`; NaN fulfils none."""
        return value == value and holds(value, expect)

    def plan(self, indexes: Sequence[int], context: Mapping[str, Any], refuses: Refuses = anything) -> list[dict[str, Any]]:
        """These steps as they would be done now, in words and whole; what depends on a later step's output is named so."""
        return [self._shown(self._steps[index], context, refuses) for index in indexes]

    def _shown(self, step: Step, context: Mapping[str, Any], refuses: Refuses) -> dict[str, Any]:
        if not self._skipped(step, context):
            return {**shown(step, context, refuses), "with": render(step.with_, context)}
        what = "skipped: its condition is false"
        return {"id": step.id, "uses": step.uses, "effect": step.effect or "read", "what": what, "known": True, "skipped": True}

    @staticmethod
    def _skipped(step: Step, context: Mapping[str, Any]) -> bool:
        """Whether a step is surely not done; a condition that cannot be told yet may still hold."""
        try:
            return step.if_ is not None and not holds_true(step.if_, context)
        except NotEvaluated:
            return False


def rendered(uses: str, with_: Mapping[str, Any], context: Mapping[str, Any]) -> Rendered:
    """What an action is given, every look-up replaced, and why it must not be called so. Raises Unclear where a look-up finds
    nothing, as the output of a step that was skipped."""
    _known(with_ if uses not in ("compute", "promql") else {}, context)
    if uses == "compute":
        return Rendered({name: _cel(value, context) if isinstance(value, str) else value for name, value in with_.items()})
    if uses == "promql":
        return Rendered({"query": with_["query"]})  # `$target` is filled for each source when it is asked
    given, refused = dict(render(with_, context)), ""
    if uses == "exec":
        given["argv"], refused = rendered_argv(with_["argv"], context)
        given[WRITTEN] = [list(one.parts) for one in written(with_["argv"])]
        host, elsewhere = rendered_host(with_.get("host", ""), context)
        given |= {"host": host} if "host" in with_ else {}
        refused = refused or elsewhere
    if "url" in with_:
        given["url"], refused = rendered_url(with_["url"], context)
    return Rendered(given, refused)


def _known(value: Any, context: Mapping[str, Any]) -> None:
    """Every look-up finds something: what is sent never holds a placeholder."""
    if isinstance(value, Mapping):
        for one in value.values():
            _known(one, context)
    elif isinstance(value, list | tuple):
        for one in value:
            _known(one, context)
    elif isinstance(value, str):
        for found in LOOK_UP.finditer(value):
            try:
                resolve(found[1], context)
            except NotKnown as e:
                raise Unclear(f"{found[1]} is not known: {e}") from e


def _holds(text: str, context: Mapping[str, Any]) -> bool:
    try:
        return holds_true(text, context)
    except NotEvaluated as e:
        raise Unclear(str(e)) from e


def _cel(text: str, context: Mapping[str, Any]) -> Any:
    try:
        return evaluate_cel(text, context)
    except NotEvaluated as e:
        raise Unclear(str(e)) from e
