"""Random lives of one disk through the judging of a real watch and a real store: at every instant each warning has at most one
current verdict, in the end exactly one; no failure is neither warned of nor missed."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import BY_DAEMON, CAME, CROSSED, GONE, EarlyWarning
from aiops.outcomes import settle as law
from aiops.pipeline import Changes
from aiops.pipeline.desk import Desk, Unsaid
from aiops.pipeline.hear import hear
from aiops.pipeline.judge import crossed_rows, settle
from aiops.store import Store, tables
from aiops.store.codec import outcome_from
from tests.pipeline.made import STEP_S, reading
from tests.pipeline.test_judge_edges import GAP, HORIZON, IN, OUT, Made

STEPS = st.lists(st.sampled_from([IN] * 12 + [OUT, GAP]), min_size=1, max_size=25)
DEEDS = st.sampled_from(["open", "open", "withdraw", "act", "hit", "false", "unjudgeable", "tell"])
HISTORIES = st.lists(st.tuples(DEEDS, STEPS), min_size=1, max_size=8)


class Life(Made):
    """The same with everything kept as a turn keeps it, and with a person who says things."""

    def __init__(self, store: Store) -> None:
        super().__init__(store)
        self.desk, self.number, self.crossings = Desk(store, [self.watch.card]), 0, list[int]()
        self.warnings: dict[str, EarlyWarning] = {}
        self.stood: set[int] = set()

    @property
    def open(self) -> EarlyWarning | None:
        return self.watch.open.get("f")

    def step(self, value: float) -> None:
        self.now += STEP_S
        changes, new = Changes("disk", "made", self.now), reading(self.watch, [[value]], self.now)
        crossed = crossed_rows(self.watch, new)
        hear(self.watch, self.now, self.rooms, changes)
        if crossed and self.open is not None:
            self.end(self.open, CROSSED)
        for at in crossed.values():
            self.crossings.append(at)
            judged = {o.warning_id for o in self.rooms.store.outcomes(limit=10_000)}
            if any(law.stands_at(w, at) for w in self.warnings.values() if w.id in judged):
                self.stood.add(at)
        settle(self.watch, crossed, self.now, self.rooms, changes)
        with self.rooms.store.transaction() as tx:
            for outcome in changes.outcomes:
                tx.put_outcome(outcome)
        self.watch.judged_s = self.now
        assert set(Counter(row.key for row in self.rows() if row.current).values()) <= {1}

    def deed(self, what: str) -> None:
        if what == "open" and self.open is None:
            self.number += 1
            self.keep(self.warn(self.number, 5 + self.number, 20 + self.number, told_s=None))
        elif what == "withdraw" and self.open is not None:
            self.end(self.open, GONE)
        elif what == "tell" and self.open is not None:
            told = self.open.having(told_s=self.now)
            self.watch.open["f"] = told
            self.keep(told)
            if told.id in self.watch.pending:
                self.watch.pending[told.id].warning = told
        elif self.number and what in ("act", "hit", "false", "unjudgeable"):
            with suppress(Unsaid):
                if what == "act":
                    self.desk.acted(f"w{self.number}", "something", "ann", self.now, self.now)
                else:
                    self.desk.verdict(f"w{self.number}", what, "ann", self.now)  # type: ignore[arg-type]

    def end(self, one: EarlyWarning, why: str) -> None:
        self.close(one, why)
        self.keep(one.having(state="closed", closed_s=self.now, updated_s=self.now, closed_why=why))

    def keep(self, one: EarlyWarning) -> None:
        self.warnings[one.id] = one
        with self.rooms.store.transaction() as tx:
            tx.put_warning(one)

    def rows(self) -> list[Any]:
        with self.rooms.store._reader.connect() as connection:
            return list(connection.execute(tables.outcomes.select().order_by(tables.outcomes.c.seq)))


@settings(max_examples=40, deadline=None)
@given(HISTORIES)
def test_every_warning_has_one_verdict_and_every_failure_is_warned_of_or_missed(history: list[tuple[str, list[float]]]) -> None:
    store = Store.open("sqlite://", None)
    life = Life(store)
    for deed, values in history:
        life.deed(deed)
        for value in values:
            life.step(value)
    if life.open is not None:
        life.end(life.open, GONE)
    for _ in range(int(1.2 * HORIZON / STEP_S) + 12):
        life.step(IN)
    assert life.watch.pending == {}
    current = store.outcomes(limit=10_000)
    assert Counter(o.warning_id for o in current if o.warning_id) == dict.fromkeys(life.warnings, 1)
    known = [outcome_from(row.body) for row in life.rows()]
    by_daemon = [o.failed_s for o in known if o.judged_by == BY_DAEMON and o.verdict in (*CAME, "missed")]
    for at in life.crossings:
        assert by_daemon.count(at) == 1 or (by_daemon.count(at) == 0 and at in life.stood), "once, or what was judged stood there"
    assert set(by_daemon) <= set(life.crossings)
    store.close()
