"""Two replicas, people, crashes, pauses, lost answers, jumping clocks, edits, the kill switch, in any order that comes to mind.

The world keeps its own count of effects and of what was said; after every move the store is held against it. At the end
everything that disturbs stops, and everything must come to an end.
"""

from __future__ import annotations

import shutil
import tempfile
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from aiops.config.responses import ResponseSettings
from aiops.core.errors import NotifyError, RetryLater
from aiops.notify.interface import Notifier
from aiops.notify.relay import Relay
from aiops.responses.interface import Call, Result
from aiops.responses.people import Unheard
from aiops.responses.view import UNDO
from aiops.responses.words import WORDS, doubtful
from aiops.runbooks import Runbook
from aiops.store import Store
from aiops.store.response_rows import Run
from tests.responses.rig import READ, WRITE, Count, CountParams, Replica, Rig, book, early, load, no_answer

TTL_S, REVISIONS = 15.0, 3
SCRAPE_S = 60.0
"""What queries see is as old as the last scrape."""
CHECK = {"promql": "done{$target}", "expect": "response.value >= 1"}
BACK = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}, "timeout": "1m"}
PLAIN = {k: v for k, v in WRITE.items() if k not in ("idempotent", "irreversible")}
BACKS: dict[str, dict[str, Any]] = {
    "once": BACK,
    "idempotent": {**BACK, "idempotent": True, "retry": {"attempts": 2, "backoff": "5s"}},
    "checked": {**BACK, "check": {**CHECK, "promql": "back{$target}"}},
}


@cache
def books(undo: str, edit: int) -> list[Runbook]:
    """Two runbooks: one asks, one acts by itself; `undo` is the class of what takes them back. Read once: that is what costs."""
    asks = book(READ, {**PLAIN, "idempotent": True, "undo": BACKS[undo]}, name="asks", summary=f"Something is mended: {edit}.")
    acts = book({**PLAIN, "check": CHECK, "undo": BACKS[undo]}, name="acts", mode="auto", target_by=["instance", "job"])
    with tempfile.TemporaryDirectory() as folder:
        return [load(Path(folder), one) for one in (asks, acts)]


EDGES: dict[str, set[str]] = {
    "matched": {"guarded", "blocked", "shadowed", "cleared_before_action", "cancelled"},
    "guarded": {"running", "awaiting_approval", "suggested", "blocked", "cleared_before_action", "approval_expired",
                "needs_a_person", "cancelled", "target_gone"},
    "awaiting_approval": {"awaiting_approval", "running", "suggested", "blocked", "cleared_before_action", "approval_expired",
                          "approval_denied", "cancelled"},
    "running": {"running", "awaiting_approval", "verifying", "undoing", "needs_a_person", "target_gone", "suggested", "blocked",
                "cleared_before_action", "approval_expired", "cancelled"},
    "verifying": {"verifying", "succeeded", "verify_failed", "undoing", "cancelled"},
    "undoing": {"undoing", "undone", "needs_a_person", "cancelled"},
    "needs_a_person": {"running", "undoing", "cancelled"},
    "cancelled": {"undoing"},
}  # fmt: skip


KEPT = """
SELECT (SELECT count(*) FROM ledger), (SELECT coalesce(sum(version + 1), 0) FROM responses),
       (SELECT coalesce(sum(version + 1), 0) FROM approvals)
"""


class Died(BaseException):
    """The process is gone."""


class Target(Count):
    """What the steps act on: it counts, it can refuse an old epoch, and now and then it does not behave."""

    def __init__(self) -> None:
        super().__init__()
        self.effects: Counter[str] = Counter()
        self.at_s: defaultdict[str, list[float]] = defaultdict(list)
        self.misbehaves: list[str] = []
        self.before: list[Any] = []
        self.machine: Any = None

    def run(self, call: Call, now_s: float) -> Result:
        writes = call.step_id == "fix"
        how = self.misbehaves.pop() if self.misbehaves and writes else "ok"
        if self.before and writes:
            self.before.pop()()
        if how == "dies before":
            raise Died
        if call.epoch < self.fences.get(call.idem_key, 0):
            return Result("failed", why="fenced", effect=False)
        if how == "refuses":
            return Result("failed", why="refused", effect=False)
        if how == "gone":
            return Result("gone", why="no such host")
        if how == "lost before":
            return Result("unknown", why="the connection broke")
        self.effects[call.idem_key] += 1
        self.at_s[call.idem_key].append(self.machine.rig.clock.now)
        self.machine.took_effect(call)
        if how == "dies after":
            raise Died
        return Result("unknown", why="the answer was lost") if how == "lost after" else Result("done", {"rc": 0})


HOWS = ["ok", "dies before", "dies after", "refuses", "gone", "lost before", "lost after"]


class Pager(Notifier[CountParams]):
    """Takes messages, or not."""

    Params = CountParams

    def __init__(self) -> None:
        super().__init__("pager", CountParams())
        self.got: Counter[str] = Counter()
        self.how = "ok"

    def send(self, message: Any, dedup_key: str, now_s: float) -> None:
        how, self.how = self.how, "ok"
        if how == "away":
            raise RetryLater("away")
        if how == "refuses":
            raise NotifyError("refused")
        self.got[dedup_key] += 1
        if how == "lost":
            raise RetryLater("the answer was lost")


class Responding(RuleBasedStateMachine):
    """The world and what must hold in it."""

    @initialize(undo=st.sampled_from(list(BACKS)))
    def begin(self, undo: str) -> None:
        self.folder = Path(tempfile.mkdtemp())
        self.store = Store.open("sqlite://", None)
        groups = {"sre": ["ann", "bob"]}
        self.rig = Rig(self.folder, self.store, ResponseSettings.model_validate({"ceiling": "auto", "groups": groups}))
        self.target, self.pager = Target(), Pager()
        self.rig.count, self.target.machine = self.target, self
        self.relay = Relay(self.store, {"pager": self.pager})
        self.undo, self.edit = undo, 0
        self.rig.books = books(undo, 0)
        self.mono = {"a": 0.0, "b": 0.0}
        self.lives = 0
        self.replicas = {name: self.born(name) for name in "ab"}
        self.room: list[float] = [0.3]
        self.tells = True
        self.killed = False
        self.again: Counter[str] = Counter()
        self.said_done: set[str] = set()
        self.late: list[str] = []
        self.wrong: list[str] = []
        self.seen: Any = None
        self.symptom(1)

    def born(self, name: str) -> Replica:
        self.lives += 1
        one = self.rig.replica(f"{name}{self.lives}", monotonic=lambda: self.mono[name])
        told = {"done{$target}": self.effects, "back{$target}": lambda run: self.effects(run, back=True)}
        one.world.numbers |= {"free{$target}": lambda run: self.room, **told}
        return one

    def effects(self, run: Run, back: bool = False) -> list[float]:
        """How often the steps of a response had taken effect, or were taken back, at the last scrape, where the target tells."""
        if not self.tells:
            raise no_answer()
        rows = [row for row in self.rig.runs.steps(run.id) if (row.idx >= UNDO) == back]
        scraped = self.rig.clock.now // SCRAPE_S * SCRAPE_S
        return [float(sum(at <= scraped for row in rows for at in self.target.at_s[row.idem_key]))]

    def took_effect(self, call: Call) -> None:
        run = self.rig.runs.run(call.run_id)
        assert run is not None
        row = next(r for r in self.rig.runs.steps(run.id) if r.idem_key == call.idem_key)
        if row.state in ("DONE", "FAILED", "UNKNOWN") and row.klass != "pure":
            self.late.append(f"{row.klass} step in {row.state}")
        asks = any(q.state == "used" for q in self.rig.runs.questions(run.id))
        if row.klass != "pure" and run.mode == "approve" and not asks:
            self.wrong.append("changed something without a yes")

    def tick(self, name: str) -> None:
        try:
            self.replicas[name].tick(self.rig.clock.now)
        except Died:
            self.replicas[name] = self.born(name)

    def passes(self, seconds: float) -> None:
        self.rig.clock.now += seconds
        for name in self.mono:
            self.mono[name] += seconds

    @rule(number=st.integers(1, 3))
    def symptom(self, number: int) -> None:
        known = self.store.warning(f"{number:016x}")
        if known is None:
            self.rig.warn(early(number, self.rig.clock.now))

    @rule(number=st.integers(1, 3))
    def clears(self, number: int) -> None:
        if self.store.warning(f"{number:016x}") is not None:
            self.rig.clear(number)

    @rule(name=st.sampled_from("ab"))
    def looks(self, name: str) -> None:
        self.tick(name)

    @rule(seconds=st.sampled_from([1.0, 6.0, 20.0, 120.0, 1300.0]))
    def time_passes(self, seconds: float) -> None:
        self.passes(seconds)

    @rule(seconds=st.sampled_from([-7200.0, -60.0, 60.0, 7200.0]))
    def clock_jumps(self, seconds: float) -> None:
        self.rig.clock.now += seconds

    @rule(name=st.sampled_from("ab"))
    def crashes(self, name: str) -> None:
        self.replicas[name] = self.born(name)

    @rule(how=st.sampled_from(HOWS))
    def next_effect(self, how: str) -> None:
        self.target.misbehaves[:] = [how]

    @rule(name=st.sampled_from("ab"), suspended=st.booleans())
    def sleeps_before_its_next_effect(self, name: str, suspended: bool) -> None:
        """While it sleeps the other takes the lease; if the machine is suspended, its own clock stands still."""
        other = "b" if name == "a" else "a"

        def other_goes_on() -> None:
            self.passes(TTL_S + 5)
            if suspended:
                self.mono[name] -= TTL_S + 5
            self.target.before.clear()
            self.tick(other)

        self.target.before[:] = [other_goes_on]
        self.tick(name)
        self.target.before.clear()

    @rule(who=st.sampled_from(["ann", "bob", "eve"]), word=st.sampled_from(["approve", "approve", "approve", "deny", "cancel"]))
    def says(self, who: str, word: str) -> None:
        people = self.replicas["a"].people
        for run in self.rig.runs.active():
            try:
                getattr(people, word)(run.id, who, self.rig.clock.now)
            except Unheard:
                continue
            if who == "eve" and word != "cancel":
                self.wrong.append("eve was heard")
            return

    @rule(word=st.sampled_from(WORDS))
    def resolves(self, word: Any) -> None:
        for run in [*self.rig.runs.newest(state="needs_a_person"), *self.rig.runs.newest(state="cancelled")]:
            row = doubtful(self.rig.runs.steps(run.id))
            try:
                self.replicas["a"].people.resolve(run.id, word, "ann", self.rig.clock.now)
            except Unheard:
                continue
            if row is not None and word == "again":
                self.again[row.idem_key] += 1
            if row is not None and word in ("done", "undo"):
                self.said_done.add(row.idem_key)
            return

    @rule(on=st.booleans())
    def kill_switch(self, on: bool) -> None:
        self.rig.runs.switch(on, "ann", "drill", self.rig.clock.now)
        self.killed = on

    @rule()
    def edited(self) -> None:
        """Another revision of the file: what has begun goes on as it was matched."""
        self.edit = (self.edit + 1) % REVISIONS
        self.rig.books = books(self.undo, self.edit)
        for replica in self.replicas.values():
            replica.responder.runbooks = self.rig.books

    @rule()
    def what_ended_long_ago_is_deleted(self) -> None:
        self.rig.runs.prune(self.rig.clock.now - 3600.0, self.rig.clock.now - 3600.0)

    @rule(room=st.sampled_from([[0.3], [0.1], []]), tells=st.booleans())
    def the_world_changes(self, room: list[float], tells: bool) -> None:
        self.room, self.tells = room, tells

    @rule(how=st.sampled_from(["ok", "away", "lost", "refuses"]))
    def messages_go_out(self, how: str) -> None:
        self.pager.how = how
        self.relay.run_once(self.rig.clock.now)

    @precondition(lambda self: self.killed)
    @rule(name=st.sampled_from("ab"))
    def nothing_begins_while_it_is_on(self, name: str) -> None:
        before = Counter(self.target.effects)
        self.tick(name)
        assert self.target.effects == before

    @invariant()
    def what_must_hold_holds(self) -> None:
        """Looked at again where something that is kept, or that took effect, is not as it was at the last look."""
        assert (self.late, self.wrong) == ([], [])
        with self.store._read() as c:
            kept = c.exec_driver_sql(KEPT).fetchone()
        seen = kept, self.target.effects.total(), self.again.total(), len(self.said_done)
        if seen != self.seen:
            self.seen = seen
            runs = self.rig.runs.newest(1000)
            assert max(Counter((run.runbook, run.warning_id) for run in runs).values(), default=1) == 1
            for run in runs:
                self.nothing_is_done_twice(run)
                self.a_yes_counts_once_and_for_what_was_shown(run)

    def nothing_is_done_twice(self, run: Run) -> None:
        for row in self.rig.runs.steps(run.id):
            times = self.target.effects[row.idem_key]
            if row.klass in ("once", "checked"):
                assert times <= 1 + self.again[row.idem_key], f"{row.klass} step took effect {times} times"
            if row.state == "DONE" and row.klass != "pure" and row.idem_key not in self.said_done:
                assert times, f"{row.klass} step is done and never took effect"

    def a_yes_counts_once_and_for_what_was_shown(self, run: Run) -> None:
        used = [q for q in self.rig.runs.questions(run.id) if q.state == "used"]
        assert len(used) <= 1
        assert all(q.plan_hash == run.plan_hash for q in used)
        assert all(set(q.votes) <= {"ann", "bob"} for q in used)

    def teardown(self) -> None:
        if not hasattr(self, "rig"):
            return
        try:
            self.comes_to_an_end()
        finally:
            self.store.close()
            shutil.rmtree(self.folder)

    def comes_to_an_end(self) -> None:
        self.target.misbehaves.clear()
        self.tells, self.room = True, [0.3]
        self.rig.runs.switch(False, "ann", "over", self.rig.clock.now)
        for _ in range(300):  # a clock that was set back by hours lets deadlines and leases last as much longer
            for name in "ab":
                self.tick(name)
            self.passes(300.0)
            self.relay.run_once(self.rig.clock.now)
            if not self.rig.runs.active() and not self.store.counts().get("outbox.queued"):
                break
        assert [run.state for run in self.rig.runs.active()] == []
        self.what_must_hold_holds()
        self.what_was_told_and_recorded_fits()

    def what_was_told_and_recorded_fits(self) -> None:
        assert self.store.verify_ledger().ok
        went: dict[str, list[str]] = defaultdict(list)
        with self.store._read() as c:
            for action, run in c.exec_driver_sql("SELECT action, object FROM ledger WHERE action LIKE 'response.%' ORDER BY seq"):
                went[run].append(action.removeprefix("response."))
            rows = c.exec_driver_sql("SELECT dedup_key, state FROM outbox").fetchall()
        for run, said in went.items():
            states = [state for state in said if state not in ("yes", "approved", "denied")]
            bad = [pair for pair in pairwise(states) if pair[1] not in EDGES.get(pair[0], set()) | {pair[0]}]
            assert bad == [], f"{run}: {states}"
        assert all(self.pager.got[key] for key, state in rows if state == "sent")
        assert {state for _, state in rows} <= {"sent", "dead"}
        for run in self.rig.runs.newest(1000):
            if run.state in ("needs_a_person", "undone", "verify_failed"):
                assert any(key.startswith(f"{run.id}:{run.state}:") for key, _ in rows), f"nobody heard of {run.state}"


QUICK = settings(
    max_examples=50, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def test_in_any_order_everything_holds() -> None:
    run_state_machine_as_test(Responding, settings=QUICK)


@pytest.mark.long
def test_in_many_more_orders_everything_holds() -> None:
    run_state_machine_as_test(Responding, settings=settings(QUICK, max_examples=5000, stateful_step_count=60))
