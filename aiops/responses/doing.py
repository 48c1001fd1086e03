"""Doing one step: its intent is kept before the effect begins, its result after, and what is not known is never guessed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from aiops.responses.desk import Tools, asked
from aiops.responses.interface import Call, Result
from aiops.responses.procedure import Rendered, StepFacts, Unclear, at_least
from aiops.responses.settling import LOOKS_EVERY_S, LOOKS_FOR_S, Settling
from aiops.responses.view import UNDO, View, changed, undo_lines
from aiops.store.response_rows import StepRow

RECOVERIES = 5
"""So often a step that never came to a result is begun again after a crash; one that brings its process down ends so."""
CHECK_S, TRIES = 30.0, 3
ENDS_S = 60.0
"""So long after its deadline the end of a step that goes on by itself is waited for."""
Again = tuple[str, str]
NOT_DONE = "not done"
AGAIN = ("again", NOT_DONE)
"""What lets a step be tried once more; the second is the word of its check."""


class Doing:
    """Begins steps, records what came of them, and finds out what became of those whose process died."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._asked: dict[str, float] = {}

    def begin(self, view: View, row: StepRow, rendered: Rendered, recovered: bool = False) -> bool:
        """Keep the intent under this replica's epoch, then do it and record what came of it."""
        tools, now = self._tools, self._tools.clock()
        limit = view.facts_of(row).timeout_s
        intent = changed(
            row, state="INTENT", epoch=tools.lease.epoch, attempt=row.attempt + 1, begun_s=now, deadline_s=now + limit,
            given=rendered.given, result={}, why="begun again after a crash" if recovered else "",
        )  # fmt: skip
        state = "undoing" if row.idx >= UNDO else "running"
        if not tools.decide(view, state, steps=(intent,), unless_killed=True):
            return False
        fresh = tools.view(view.run.id)
        if fresh is None or not tools.lease.held():
            return False
        return self._keep(fresh, fresh.steps[row.idx], self.effect(fresh, fresh.steps[row.idx], limit))

    def _keep(self, view: View, row: StepRow, result: Result) -> bool:
        """Record what came of a step that this replica began; a person may have said something about the response meanwhile."""
        for _ in range(TRIES):
            fresh = self._tools.view(view.run.id)
            if fresh is None or fresh.steps[row.idx] != row:
                return False
            if self.record(fresh, row, result):
                return True
        return False

    def effect(self, view: View, row: StepRow, limit_s: float) -> Result:
        """Let the action do it."""
        facts = view.facts_of(row)
        if facts.uses == "promql":
            return self._query(view, row.given)
        try:
            action = self._tools.actions.of(facts.uses)
        except Unclear as e:
            return Result("failed", why=str(e), effect=False)
        return action.run(self._call(view, row, limit_s, facts.output), self._tools.clock())

    def _query(self, view: View, given: Mapping[str, Any]) -> Result:
        try:
            values = asked(self._tools, str(given["query"]), view)
        except Unclear as e:
            return Result("failed", why=str(e), effect=False)
        if not values:
            return Result("failed", why="no data", effect=False)
        return Result("done", {"value": values[0], "values": values})

    def _call(self, view: View, row: StepRow, limit_s: float, output: Any, given: Mapping[str, Any] | None = None) -> Call:
        tools = self._tools
        return Call(
            view.run.id, row.step_id, row.idem_key, tools.lease.epoch, limit_s, row.given if given is None else given, output,
            tools.secret,
        )  # fmt: skip

    def record(self, view: View, row: StepRow, result: Result) -> bool:
        """Keep what came of a step, as its class allows."""
        facts, undoing = view.facts_of(row), row.idx >= UNDO
        settling = Settling.of(row)
        if settling is None and _to_settle(row, facts, result):
            return self._settle(view, row, facts, result)
        if result.end == "done":
            seen = settling is None or not undoing
            return self._done(view, row, result.output) if seen else self._taken_back(view, row, result)
        if result.end == "gone" and not undoing:
            step = changed(row, state="FAILED", why=result.why)
            if undo_lines(view):
                return self._tools.give_up(view, f"{row.step_id}: the target is gone", row.step_id, steps=(step,))
            name = view.run.runbook
            return self._tools.end(view, "target_gone", result.why, row.step_id, f"{name}: the target is gone", steps=(step,))
        again, why = self._again(view, row, facts, result)
        if again == "done":
            return self._done(view, row, {"checked": True})
        if again == "unknown":
            return self._unknown(view, row, why)
        if again in AGAIN and row.attempt < facts.attempts:
            body = {"retry_at_s": self._tools.clock() + facts.backoff_s * 2 ** (row.attempt - 1)}
            return self._tools.decide(view, view.run.state, steps=(changed(row, state="PENDING", why=why),), body=body)
        if self._unequipped(view, row, facts, result):
            return self._tools.skip(view, row, why)
        failed = changed(row, state="FAILED", why=why, result={"output": dict(result.output)})
        if undoing:
            return self._tools.page(view, f"{row.step_id} taking it back failed: {why}", row.step_id, steps=(failed,))
        nothing = row.klass == "pure" or not result.effect or again == NOT_DONE
        ends = self._tools.give_up if nothing else self._tools.page  # what one that failed midway has left, a person must see
        return ends(view, f"{row.step_id} failed: {why}", row.step_id, steps=(failed,))

    def _settle(self, view: View, row: StepRow, facts: StepFacts, known: Result | None) -> bool:
        """Let nothing late begin, and put the check off until what it sees is younger than the step."""
        with suppress(Unclear):
            self._fence(view, row, facts)
        now, late = self._tools.clock(), self._tools.world.late_s(view.run)
        asks = now + facts.settles_s + late if facts.settles_s else now
        off = Settling(asks, max(row.deadline_s or now, asks + LOOKS_FOR_S), known)
        return self._tools.decide(view, view.run.state, steps=(off.put_off(row),))

    def _due(self, row: StepRow, settling: Settling) -> bool:
        """Whether it is time to ask, again where what was taken back is not seen yet."""
        now, last = self._tools.clock(), self._asked.get(row.idem_key)
        if now < settling.from_s or (last is not None and 0 <= now - last < LOOKS_EVERY_S and now < settling.until_s):
            return False
        self._asked[row.idem_key] = now
        return True

    def _taken_back(self, view: View, row: StepRow, result: Result) -> bool:
        """What takes a step back has ended well: it is taken back when its check says so, in time."""
        settling, (again, why) = Settling.of(row), self._checked(view, row, "it ended well")
        if again != "done" and settling is not None and self._tools.clock() < settling.until_s:
            return False
        self._asked.pop(row.idem_key, None)
        if again == "done":
            return self._done(view, row, {**result.output, "checked": True})
        if again != NOT_DONE:
            return self._unknown(view, row, why)
        failed = changed(row, state="FAILED", why=why, result={"output": dict(result.output)})
        return self._tools.page(view, f"{row.step_id} taking it back failed: {why}", row.step_id, steps=(failed,))

    def _unequipped(self, view: View, row: StepRow, facts: StepFacts, result: Result) -> bool:
        """Whether a look that never began can be left out: where nothing may be changed, what cannot be looked at here (a program
        that the configuration does not list) keeps nobody from what is suggested, and calls nobody."""
        looks = row.klass == "pure" and not facts.write and facts.uses != "promql" and row.idx < UNDO
        return looks and not result.effect and not at_least(view.mode, "approve") and not view.wrote()

    def _again(self, view: View, row: StepRow, facts: StepFacts, result: Result) -> Again:
        """(done | again | not done | unknown | failed, why) of a step that did not end well."""
        why = result.why or result.end
        if not result.effect or row.klass in ("pure", "idempotent"):
            tried = row.attempt < facts.attempts
            return ("unknown" if result.end == "unknown" and row.klass == "idempotent" and not tried else "again"), why
        if row.klass == "checked":
            return self._checked(view, row, why)
        return ("unknown" if result.end == "unknown" else "failed"), why

    def _checked(self, view: View, row: StepRow, why: str) -> Again:
        """Fence, so that nothing late can change the answer; then ask whether it is done."""
        facts, language, undo = view.facts_of(row), view.procedure.language, row.idx >= UNDO
        index = view.procedure.index(row.step_id)
        try:
            self._fence(view, row, facts)
            uses, rendered = language.check(index, view.context, undo)
            if rendered.refused:
                raise Unclear(rendered.refused)
            done = language.checked(index, view.context, self._answer(view, row, uses, rendered.given), undo)
        except Unclear as e:
            if facts.repeatable:
                return "again", why
            return "unknown", f"{why}; whether it is done cannot be told: {e}"
        return ("done", why) if done else (NOT_DONE, f"{why}; its check says that it is not {'taken back' if undo else 'done'}")

    def _fence(self, view: View, row: StepRow, facts: StepFacts) -> bool:
        return self._tools.actions.of(facts.uses).fence(self._call(view, row, CHECK_S, facts.output))

    def _answer(self, view: View, row: StepRow, uses: str, given: Mapping[str, Any]) -> Any:
        """What a check finds: of a URL its JSON, of a program what it put out, of a query its value. Raises Unclear."""
        if uses == "promql":
            result = self._query(view, given)
        else:
            call = self._call(view, row, CHECK_S, "json" if uses == "http" else "text", given)
            asked_apart = replace(call, idem_key=f"{call.idem_key}.check")  # what it leaves is not what the step leaves
            result = self._tools.actions.of(uses).run(asked_apart, self._tools.clock())
        told = result.end == "done" or (uses == "exec" and result.end == "failed" and result.effect and "rc" in result.output)
        if not told:  # a program that ended has answered, whatever its exit code: `grep -q` says no with 1
            raise Unclear(result.why or result.end)
        return result.output.get("json", result.output) if uses == "http" else result.output

    def recover(self, view: View, row: StepRow) -> bool:
        """An intent whose process is dead, or whose result was not kept: fence, look for its result, else go by its class."""
        tools, facts = self._tools, view.facts_of(row)
        if facts.uses in ("promql",):
            return self._begin_again(view, row, facts)
        settling = Settling.of(row)
        if settling is not None and not self._due(row, settling):
            return False
        if settling is not None and settling.known is not None:
            return self.record(view, row, settling.known)
        try:
            fenced = self._fence(view, row, facts)
            action = tools.actions.of(facts.uses)
            call = self._call(view, row, CHECK_S, facts.output)
            found = action.harvest(call)
            in_time = row.deadline_s is not None and tools.clock() < row.deadline_s + ENDS_S
            if found is None and in_time and action.busy(call):
                return False  # it goes on without the daemon that began it: its end is waited for
        except Unclear as e:
            return self._unknown(view, row, str(e))
        if found is not None:
            return self.record(view, row, found)
        if row.klass == "checked" and settling is None and facts.settles_s:
            return self._settle(view, row, facts, None)
        return self._by_class(view, row, facts, fenced)

    def _by_class(self, view: View, row: StepRow, facts: StepFacts, fenced: bool) -> bool:
        """What is done with a step that left no result."""
        died = "the process died while it ran"
        if row.klass in ("pure", "idempotent"):
            return self._begin_again(view, row, facts)
        if row.klass == "checked":
            again, why = self._checked(view, row, died)
            if again == "done":
                return self._done(view, row, {"checked": True})
            return self._begin_again(view, row, facts) if again in AGAIN else self._unknown(view, row, why)
        late = "" if fenced else "; it may still take effect, for its target cannot refuse it"
        return self._unknown(view, row, f"{died}{late}")

    def _begin_again(self, view: View, row: StepRow, facts: StepFacts) -> bool:
        """The same key again, with what it was given the first time."""
        if row.attempt >= facts.attempts + RECOVERIES:
            return self._unknown(view, row, f"it was begun {row.attempt} times and never came to an end")
        if self._tools.stopped():
            return False
        return self.begin(view, row, Rendered(row.given), recovered=True)

    def _done(self, view: View, row: StepRow, output: Mapping[str, Any]) -> bool:
        undoing = row.idx >= UNDO
        done = changed(row, state="DONE", result={"output": dict(output)}, why="")
        said = self._tools.acted(view, row) if view.facts_of(row).write else ()
        return self._tools.decide(view, "undoing" if undoing else "running", steps=(done,), said=said)

    def _unknown(self, view: View, row: StepRow, why: str) -> bool:
        """Only a person may say what became of it."""
        what = "was taken back" if row.idx >= UNDO else "took effect"
        what = f"whether {row.step_id} {what} is not known: {why}; look, then say so"
        return self._tools.page(view, what, row.step_id, steps=(changed(row, state="UNKNOWN", why=why),))


def _to_settle(row: StepRow, facts: StepFacts, result: Result) -> bool:
    """Whether a check is to be asked that cannot tell yet: a query of a step that did not end well, any of what took one back."""
    if row.klass != "checked":
        return False
    undoing = row.idx >= UNDO
    if result.end == "done":
        return undoing
    return facts.settles_s > 0 and result.effect and (undoing or result.end != "gone")
