"""The engine: it looks at what stands in the store and does the next thing, one durable decision after another.

It remembers nothing between two looks, so a restart, another replica or a person's word change only what it finds next time.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable

import structlog

from aiops.core.errors import StoreError
from aiops.core.plan_text import plan_line
from aiops.responses.asking import Asks, refused_in
from aiops.responses.desk import Tools
from aiops.responses.doing import Doing
from aiops.responses.guarding import Guarding, Hindrance
from aiops.responses.procedure import Unclear, at_least
from aiops.responses.shown import found_lines
from aiops.responses.verifying import Verifies
from aiops.responses.view import View, changed
from aiops.responses.words import IN_DOUBT
from aiops.store.response_rows import StepRow

log = structlog.get_logger()


class Engine:
    """Carries responses on, `at_once` of them beside each other on threads of their own; 0 = in the caller's thread."""

    def __init__(self, tools: Tools, at_once: int = 4) -> None:
        self.tools, self.at_once = tools, at_once
        self._doing = Doing(tools)
        self._guarding = Guarding(tools)
        self._asks = Asks(tools, self._guarding, self._doing)
        self._verifies = Verifies(tools, self._doing)
        self._waiting: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._taken: set[str] = set()
        self._workers: list[threading.Thread] = []
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._handlers: dict[str, Callable[[View], bool]] = {
            "matched": self._guarding.guard,
            "guarded": self._step,
            "running": self._step,
            "awaiting_approval": self._asks.wait,
            "verifying": self._verifies.look,
            "undoing": self._verifies.take_back,
        }

    def tick(self) -> int:
        """Carry on every response that has not ended; how many there are. Raises StoreError. Does nothing without the lease."""
        if not self.tools.lease.held():
            return 0
        active = self.tools.runs.active()
        for run in active:
            if self.at_once:
                self._offer(run.id)
            else:
                self.advance(run.id)
        return len(active)

    def _offer(self, run_id: str) -> None:
        """Let the next free thread carry it on, unless one does so already: nobody waits behind what takes long."""
        with self._changed:
            if run_id in self._taken or self._stopping.is_set():
                return
            self._taken.add(run_id)
            self._waiting.put(run_id)
            if len(self._workers) < min(self.at_once, len(self._taken)):
                thread = threading.Thread(target=self._work, name=f"responses {len(self._workers)}", daemon=True)
                self._workers.append(thread)
                thread.start()

    def _work(self) -> None:
        while run_id := self._waiting.get():
            try:
                self.advance(run_id)
            except StoreError as e:
                log.error("a response cannot be carried on", response=run_id, error=str(e))
            except BaseException:  # the edge of a thread: it costs this response this look; the next finds a step by its intent
                log.error("a response could not be carried on", response=run_id, exc_info=True)
            finally:
                self._let_go(run_id)

    def _let_go(self, run_id: str) -> None:
        """A thread has done what it could for a response."""
        with self._changed:
            self._taken.discard(run_id)
            self._changed.notify_all()

    def settle(self, patience_s: float) -> bool:
        """Wait until everything that was offered was carried on as far as it goes now; whether it was in time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._taken, patience_s)

    def advance(self, run_id: str) -> None:
        """Do everything that can be done for one response now. Raises StoreError."""
        while not self._stopping.is_set() and self.tools.lease.held():
            view = self.tools.view(run_id)
            if view is None or view.run.ended or not self._turn(view):
                return

    def _turn(self, view: View) -> bool:
        """One decision; False when there is nothing to decide now."""
        row = view.next_step()
        if row is None or row.state != "INTENT":
            if view.run.body.get("cancel"):
                return self.tools.end(view, "cancelled", f"{view.run.body['cancel']} cancelled it", "cancelled")
            if self._overdue(view):
                return self._late(view)
        return self._handlers[view.run.state](view)

    def _overdue(self, view: View) -> bool:
        """Questions and verification mind their own time."""
        own = ("awaiting_approval", "verifying")
        return view.run.state not in own and view.run.deadline_s is not None and self.tools.clock() > view.run.deadline_s

    def _late(self, view: View) -> bool:
        why = f"it was {view.run.state} for too long"
        if view.wrote():
            return self.tools.page(view, why, "deadline")
        return self.tools.end(view, "blocked", why, "deadline", f"{view.run.runbook} did nothing: {why}")

    def _step(self, view: View) -> bool:
        row = view.next_step()
        if row is None:
            return self._all_done(view)
        if row.state == "INTENT":
            return self._doing.recover(view, row)
        if row.state != "PENDING":
            return self.tools.page(view, f"{row.step_id} {IN_DOUBT.get(row.state, f'is {row.state.lower()}')}", row.step_id)
        try:
            return self._pending(view, row)
        except Unclear as e:
            if view.wrote():
                return self.tools.give_up(view, f"{row.step_id}: {e}", row.step_id)
            return self.tools.end(view, "needs_a_person", f"{row.step_id}: {e}", row.step_id, f"{view.run.runbook}: {e}")

    def _all_done(self, view: View) -> bool:
        if not at_least(view.mode, "approve") and not view.wrote():
            return self._suggest(view, "what only reads was done")
        return self.tools.decide(view, "verifying") if view.procedure.verify else self._verifies.look(view)

    def _suggest(self, view: View, why: str) -> bool:
        """Nothing is changed; what was found by looking is told with what would be done."""
        found = found_lines(view.looked())
        plan = self.tools.plan(view, view.open_indexes(), view.context)
        would = [f"would do {plan_line(one)}" for one in plan]
        suggests = f" and suggests {', '.join(one['id'] for one in plan)}" if plan else ""
        tell = f"{view.run.runbook} looked{suggests}" if found else ""
        return self.tools.end(view, "suggested", why, tell=tell, lines=[*found, *would])

    def _pending(self, view: View, row: StepRow) -> bool:
        """The next step, which has not begun."""
        tools, facts = self.tools, view.facts_of(row)
        if view.run.body.get("retry_at_s", 0.0) > tools.clock():
            return False
        if facts.conditional and not row.attempt and not view.procedure.language.condition(row.idx, view.context):
            return tools.skip(view, row, "its condition is false")
        if facts.write and not at_least(view.mode, "approve"):
            if view.wrote():  # taking it back would change something too
                return tools.page(view, f"its mode is {view.mode} now, and part of it is done", row.step_id)
            return self._suggest(view, f"its mode is {view.mode}: what changes something is only shown")
        asking = view.asking_for(row)
        if asking is not None:
            return self._asks.ask(view, asking, row)
        if facts.write and (found := self._against(view, row)) is not None:
            return tools.end(view, found.state, found.why, found.because)
        return not tools.stopped() and self._do(view, row)

    def _against(self, view: View, row: StepRow) -> Hindrance | None:
        """What stands against the first change, at the last moment."""
        if view.mode == "approve" and not view.allowed(row.idx):
            return Hindrance("suggested", "approval", "it names nobody who may approve it")
        if view.wrote():
            return None
        refused = refused_in(self.tools.plan(view, view.open_indexes(), view.context))
        if refused is not None:  # nothing is begun that could not be ended
            return Hindrance("blocked", str(refused["id"]), f"{refused['id']}: {refused['refused']}")
        return self._guarding.outside(view) or self._guarding.required(view)

    def _do(self, view: View, row: StepRow) -> bool:
        """Everything is settled: do it."""
        tools, facts, language = self.tools, view.facts_of(row), view.procedure.language
        if facts.wait_s is not None:
            return self._wait(view, row, facts.wait_s)
        rendered = language.given(row.idx, view.context)
        if rendered.refused:
            if view.wrote():
                return tools.give_up(view, f"{row.step_id}: {rendered.refused}", row.step_id)
            return tools.end(view, "blocked", rendered.refused, row.step_id, f"{view.run.runbook}: {rendered.refused}")
        if facts.uses == "compute":
            return tools.decide(view, "running", steps=(changed(row, state="DONE", result={"output": dict(rendered.given)}),))
        return self._doing.begin(view, row, rendered)

    def _wait(self, view: View, row: StepRow, wait_s: float) -> bool:
        """A pause that goes on over restarts: its end stands in the journal."""
        now = self.tools.clock()
        if row.deadline_s is None:
            return self.tools.decide(view, "running", steps=(changed(row, begun_s=now, deadline_s=now + wait_s),))
        return now >= row.deadline_s and self.tools.decide(view, "running", steps=(changed(row, state="DONE"),))

    def stop(self, patience_s: float = 5.0) -> None:
        """Begin nothing more, and wait a moment for what runs; what goes on longer is known to the next start by its intent."""
        self._stopping.set()
        self.settle(patience_s)
        for _ in self._workers:
            self._waiting.put("")
