"""One response as it stands in the store, with its runbook: read anew before every decision, never remembered."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from aiops.config.responses import Mode
from aiops.responses.procedure import Asking, Procedure, StepFacts
from aiops.store.codec import to_json
from aiops.store.response_rows import Question, Run, StepChange, StepRow
from aiops.store.tx import Statement

UNDO = 1000
"""Journal lines from here on take steps back."""
CLOSED = ("DONE", "SKIPPED")
ALL = -1
"""The scope of a yes that holds for all steps that follow."""


def idem_key(run_id: str, idx: int) -> str:
    """What names one step of one response, the same over all attempts: SHA-256 of both."""
    return hashlib.sha256(f"{run_id}|{idx}".encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class View:
    """A response, its runbook, its journal and its questions, all read at one moment. `mode`: how far it may go now."""

    run: Run
    procedure: Procedure
    steps: Mapping[int, StepRow]
    questions: Sequence[Question]
    mode: Mode = "suggest"

    @property
    def context(self) -> dict[str, Any]:
        """What look-ups and conditions see: the warning as it was matched, and the output of every step that is done."""
        return context_with(self, {})

    def forward(self) -> list[StepRow]:
        """The lines of the steps themselves, in order."""
        return [row for idx, row in sorted(self.steps.items()) if idx < UNDO]

    def backward(self) -> list[StepRow]:
        """The lines that take steps back, in the order in which that is done."""
        return [row for idx, row in sorted(self.steps.items()) if idx >= UNDO]

    def next_step(self) -> StepRow | None:
        """The first line that is not closed, of what is being done: steps, or taking them back."""
        lines = self.backward() if self.run.state == "undoing" else self.forward()
        return next((row for row in lines if row.state not in CLOSED), None)

    def facts_of(self, row: StepRow) -> StepFacts:
        """What the runbook says of a line's step, or of what takes it back."""
        facts = self.procedure.steps[self.procedure.index(row.step_id)]
        return facts.undo if row.idx >= UNDO and facts.undo is not None else facts

    def open_indexes(self) -> list[int]:
        """The steps that are still to be done."""
        return [row.idx for row in self.forward() if row.state not in CLOSED]

    def wrote(self) -> bool:
        """Whether a step that changes something has begun at least once."""
        return any(self.facts_of(row).write and row.attempt for row in self.forward())

    def looked(self) -> list[StepRow]:
        """The lines of steps that are done and only looked."""
        done = [row for row in self.forward() if row.state == "DONE"]
        return [row for row in done if not self.facts_of(row).write and self.facts_of(row).uses not in ("compute", "wait")]

    def question(self) -> Question | None:
        """The newest question."""
        return self.questions[-1] if self.questions else None

    def allowed(self, idx: int) -> bool:
        """Whether somebody said yes to this step, and the response began by it."""
        return any(q.state == "used" and q.scope in (ALL, idx) for q in self.questions)

    def asking_for(self, row: StepRow) -> Asking | None:
        """Who must be asked before this step; None when nobody must."""
        asking, facts = self.procedure.asking, self.facts_of(row)
        if self.mode != "approve" or asking is None or self.allowed(row.idx):
            return None
        return asking if facts.write or asking.scope in ("every_step", "run") else None

    def needed_s(self) -> float:
        """How long the steps that still change something may take."""
        return sum(self.procedure.steps[i].timeout_s for i in self.open_indexes() if self.procedure.steps[i].write)


def context_with(view: View, outputs: Mapping[str, Any]) -> dict[str, Any]:
    """The context of a response with some outputs in the place of those that its journal holds."""
    done = {row.step_id: row.result.get("output", {}) for row in view.forward() if row.state == "DONE"}
    return {**view.run.facts["context"], "steps": {**done, **outputs}}


def plan_hash(view: View, plan: Sequence[Mapping[str, Any]]) -> str:
    """What a yes is bound to: runbook, target and every step exactly as it would be done."""
    bound = [view.run.runbook, view.run.sha, view.run.facts["context"]["target"], list(plan)]
    return hashlib.sha256(json.dumps(to_json(bound), sort_keys=True).encode("utf-8", "surrogatepass")).hexdigest()


def lines_of(run_id: str, procedure: Procedure) -> list[StepRow]:
    """The journal of a response that has done nothing yet."""
    return [StepRow(i, step.id, step.klass, idem_key(run_id, i)) for i, step in enumerate(procedure.steps)]


def undo_lines(view: View) -> list[StepRow]:
    """The journal of taking back what was done: newest first."""
    done = [(row, view.facts_of(row).undo) for row in reversed(view.forward()) if row.state == "DONE"]
    back = [(row, undo) for row, undo in done if undo is not None]
    return [
        StepRow(UNDO + i, row.step_id, undo.klass, idem_key(view.run.id, UNDO + row.idx)) for i, (row, undo) in enumerate(back)
    ]


def acted(run: Run, row: StepRow, now_s: float) -> Statement:
    """What the warning hears of a step that changed something: its verdict may depend on it."""
    what = f"{run.runbook}: {row.step_id}{' taken back' if row.idx >= UNDO else ''}"
    body = {"what": what, "at_s": now_s, "begun_s": now_s if row.begun_s is None else row.begun_s, "response": run.id}
    return Statement("action", run.card, f"{run.id}:{row.idx}", run.warning_id, now_s, f"{run.runbook}@{run.sha}", body)


def changed(row: StepRow, **to: Any) -> StepChange:
    """A line's change, to be made only while it stands as it was read."""
    return StepChange(row, replace(row, **to))
