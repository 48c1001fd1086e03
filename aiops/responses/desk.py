"""What all parts of the engine work with, and how they decide: one place that writes, compares and tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from aiops.responses.catalogue import Actions
from aiops.responses.lease import Lease
from aiops.responses.procedure import Unclear, at_least, lowest
from aiops.responses.view import View, acted, changed, undo_lines
from aiops.responses.words import offers
from aiops.responses.world import World
from aiops.store.response_rows import Decision, Message, StepRow
from aiops.store.responses import Responses
from aiops.store.tx import Statement

SLACK_S = 600.0
"""What a response may take beyond the times its steps are given, before it is no longer let go on."""


@dataclass(slots=True)
class Bounds:
    """What the configuration bounds for all runbooks: responses on one target in an hour, and how many per cent of all targets
    may show a symptom before it is no longer a matter of single targets."""

    loop: int = 6
    storm_percent: float = 50.0


@dataclass(slots=True)
class Tools:
    """Everything the engine works with. `secret` gives a secret's value by its name."""

    runs: Responses
    lease: Lease
    world: World
    actions: Actions
    clock: Callable[[], float]
    secret: Callable[[str], str] = field(default=lambda name: "", repr=False)
    bounds: Bounds = field(default_factory=Bounds)

    def view(self, run_id: str) -> View | None:
        """A response as it stands now."""
        run = self.runs.run(run_id)
        if run is None:
            return None
        steps = {row.idx: row for row in self.runs.steps(run_id)}
        mode = lowest(run.mode, self.world.mode(run))  # type: ignore[arg-type]
        return View(run, self.world.procedure(run.snapshot), steps, self.runs.questions(run_id), mode)

    def plan(self, view: View, indexes: Sequence[int], context: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Steps as they would be done now, with what the configuration says against them."""
        return view.procedure.language.plan(indexes, context, self.actions.refuses)

    def decide(self, view: View, state: str, why: str = "", **more: Any) -> bool:
        """Keep a decision under this replica's lease; False when it was not kept. The deadline of a state that lasts stays."""
        more.setdefault("deadline_s", view.run.deadline_s if state == view.run.state else deadline_s(view, state, self.clock()))
        return self.runs.decide(Decision(view.run, state, why, **more), self.lease.epoch, self.clock())

    def end(
        self, view: View, state: str, why: str, because: str = "", tell: str = "", lines: Sequence[str] = (), **more: Any
    ) -> bool:
        """End a response; `tell` is the title of a message that says so. What was only to look disturbs nobody by failing."""
        body = {**more.pop("body", {}), "because": because}
        heard = at_least(view.run.mode, "approve") or view.wrote() or state == "suggested"
        messages = self.told(view, state, tell, lines or ([why] if why else [])) if tell and heard else ()
        return self.decide(view, state, why, body=body, messages=messages, deadline_s=None, **more)

    def page(self, view: View, why: str, because: str = "", **more: Any) -> bool:
        """Hand over to a person, who is told."""
        run, rows = replace(view.run, state="needs_a_person"), dict(view.steps)
        rows |= {change.new.idx: change.new for change in more.get("steps", ())}
        lines = [why, *offers(run, [rows[idx] for idx in sorted(rows)])]
        return self.end(view, run.state, why, because, f"{run.runbook} needs a person: {why}", lines, **more)

    def give_up(self, view: View, why: str, because: str, **more: Any) -> bool:
        """What will not come to its end, though nothing of it is in doubt, is not left half done: what was done before is taken
        back; a person is called where nothing takes it back, or its mode lets nothing be changed any more."""
        if undo_lines(view) and at_least(view.mode, "approve"):
            return self.back(view, why, because, f"{view.run.runbook} cannot go on, and is taken back: {why}", **more)
        return self.page(view, why, because, **more)

    def back(self, view: View, why: str, because: str, title: str, **more: Any) -> bool:
        """Begin to take back what was done, newest first, and tell so."""
        until = deadline_s(view, "undoing", self.clock())
        body = {"because": because, "back": why}
        return self.decide(
            view, "undoing", why, new_steps=tuple(undo_lines(view)), body=body, deadline_s=until,
            messages=self.told(view, "undoing", title), **more,
        )  # fmt: skip

    def told(self, view: View, event: str, title: str, lines: Sequence[str] = (), key: str = "") -> tuple[Message, ...]:
        """The messages to everybody who is to hear of something."""
        return self.world.messages(view.run, event, title, lines, self.clock(), key)

    def acted(self, view: View, row: StepRow) -> tuple[Statement, ...]:
        """What says that something was done about the warning: its verdict may depend on it."""
        return (acted(view.run, row, self.clock()),)

    def skip(self, view: View, row: StepRow, why: str) -> bool:
        """A step that is not to be done."""
        return self.decide(view, "running", steps=(changed(row, state="SKIPPED", why=why),))

    def stopped(self) -> str:
        """Why nothing may be begun now; empty = it may."""
        by = self.runs.killed()
        return f"the kill switch is on ({by['who']}: {by['why']})" if by is not None else self.world.killed()


def deadline_s(view: View, state: str, now_s: float) -> float | None:
    """Until when a state may last: no state lasts for ever."""
    p = view.procedure
    if state in ("matched", "guarded"):
        return now_s + SLACK_S
    if state == "running":
        return now_s + SLACK_S + sum(p.steps[i].longest_s for i in view.open_indexes())
    if state == "verifying":
        return now_s + (p.verify.within_s if p.verify else 0.0)
    if state == "undoing":
        return now_s + SLACK_S + sum(s.undo.longest_s for s in p.steps if s.undo)
    return None


def asked(tools: Tools, promql: str, view: View) -> list[float]:
    """What a query gives. Raises Unclear."""
    if not promql:
        raise Unclear("no query")
    return tools.world.values(promql, view.run, tools.clock())
