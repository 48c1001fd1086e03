"""Random histories of warnings, failures, actions and people: nothing is judged twice at once, nothing falls between."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.records import CROSSED, GONE, Crossing, EarlyWarning, Outcome
from aiops.outcomes import settle as law
from aiops.store import Store, tables
from aiops.store.codec import outcome_from
from tests.outcomes.made import STEP, failure, warning

END = 400
"""A history lasts so many steps; after it time goes on until everything must be judged."""


@dataclass
class History:
    """What happens to the entities of one card, in steps: episodes one after another on each, and failures."""

    episodes: list[EarlyWarning]
    failures: list[law.Failure]
    acted: dict[str, int] = field(default_factory=dict)
    said: list[tuple[int, str, str]] = field(default_factory=list)
    coverage: float = 1.0


@st.composite
def histories(draw: st.DrawFn) -> History:
    episodes: list[EarlyWarning] = []
    failures: list[law.Failure] = []
    for entity in ("a", "b"):
        for kind in ("exhaustion", "anomaly"):
            at = draw(st.integers(0, 60))
            while at < END and draw(st.booleans()):
                length, ahead, wide = draw(st.integers(0, 80)), draw(st.integers(1, 60)), draw(st.integers(0, 40))
                first = Crossing((at + ahead) * STEP, (at + ahead + wide / 2) * STEP, (at + ahead + wide) * STEP)
                told = first if kind == "exhaustion" else None
                episodes.append(warning(
                    at * STEP, kind == "exhaustion", id=f"{entity}{kind}{at}", fingerprint=entity + kind, kind=kind,
                    entity={"instance": entity}, closed_s=(at + length) * STEP, closed_why=GONE, first_crossing=told,
                    told_latest_s=None if told is None else told.latest_s, horizon_s=draw(st.integers(0, 120)) * STEP,
                    told_s=draw(st.none() | st.just(at * STEP)),
                ))  # fmt: skip
                at += length + draw(st.integers(1, 60))
        failures += [failure(t * STEP, entity) for t in draw(st.sets(st.integers(0, END), max_size=6))]
    ids = [w.id for w in episodes]
    acted = draw(st.dictionaries(st.sampled_from(ids), st.integers(0, END), max_size=3)) if ids else {}
    people = st.tuples(st.integers(0, 2 * END), st.sampled_from(ids or [""]), st.sampled_from(["hit", "false", "unjudgeable"]))
    said = draw(st.lists(people, max_size=4)) if ids else []
    return History(episodes, failures, acted, said, draw(st.sampled_from([1.0, 0.5])))


class Life:
    """Lives a history step by step, as a turn does, with a real store."""

    def __init__(self, history: History) -> None:
        self.h, self.store = history, Store.open("sqlite://", None)
        self.closed: dict[str, int] = {}
        self.judged: dict[str, Outcome] = {}
        self.standing: list[law.Failure] = []

    def at(self, one: EarlyWarning, now: int) -> EarlyWarning:
        """An episode as it is known at `now`."""
        if one.id in self.closed:
            return one.having(state="closed", closed_s=self.closed[one.id], closed_why=CROSSED)
        over = one.closed_s is not None and one.closed_s <= now
        return one.having(state="closed") if over else one.having(state="open", closed_s=None, closed_why="")

    def put(self, outcome: Outcome) -> None:
        with self.store.transaction() as tx:
            tx.put_outcome(outcome)
        if outcome.warning_id:
            self.judged[outcome.warning_id] = outcome

    def step(self, now: int) -> None:
        begun = [self.at(w, now) for w in self.h.episodes if w.opened_s <= now]
        for one in (f for f in self.h.failures if f.at_s == now):
            here = [w for w in begun if w.entity == one.entity]
            acted = {w.id for w in here if self.h.acted.get(w.id, 10**9) * STEP <= now}
            free = [w for w in here if w.id not in self.judged]
            standing = any(law.stands_at(w, now) for w in here if w.id in self.judged)
            found = law.on_failure(one, free, now, acted, standing)
            if not found:
                self.standing.append(one)
            for outcome in found:
                self.put(outcome)
            self.closed |= {w.id: now for w in here if w.state == "open" and w.kind == "exhaustion"}
        for w in begun:
            acts = self.h.acted.get(w.id, 10**9) * STEP <= now
            if w.id not in self.judged:
                outcome = law.at_deadline(self.at(w, now), now, law.Evidence(self.h.coverage, acted=acts, changed=acts))
                if outcome is not None:
                    self.put(outcome)
        for at, who, said in self.h.said:
            one_ = next((w for w in begun if w.id == who), None)
            if at * STEP == now and one_ is not None:
                self.put(law.by_person(one_, said, "ann", now))  # type: ignore[arg-type]

    def rows(self) -> list[Any]:
        with self.store._reader.connect() as connection:
            return list(connection.execute(tables.outcomes.select().order_by(tables.outcomes.c.seq)))


@settings(max_examples=60, deadline=None)
@given(histories())
def test_every_warning_has_one_current_verdict_and_every_failure_is_warned_of_or_missed(history: History) -> None:
    life = Life(history)
    last = max([END * STEP, *(int(law.until_s(w)) + 2 * STEP for w in history.episodes)])
    times = {f.at_s for f in history.failures} | {at * STEP for at, _, _ in history.said}
    for w in history.episodes:
        closed = w.closed_s or 0
        times |= {w.opened_s, closed, closed + 3 * STEP, int(law.until_s(w)) + 1}
    for now in sorted({*times, last}):
        life.step(now)
        current = Counter(row.key for row in life.rows() if row.current)
        assert set(current.values()) <= {1}
    outcomes = life.store.outcomes(limit=10_000)
    assert {o.warning_id for o in outcomes if o.warning_id} == {w.id for w in history.episodes}, "one for each warning"
    by_daemon = [o for o in _first_verdicts(life) if o.failed_s is not None]
    settled = Counter((o.entity["instance"], o.failed_s) for o in by_daemon)
    for one in history.failures:
        count = settled[one.entity["instance"], one.at_s]
        assert count == (0 if one in life.standing else 1), "warned of once, or missed; else a judged warning stood there"
    assert max(Counter(o.warning_id for o in by_daemon if o.warning_id).values(), default=1) == 1
    _names_what_it_supersedes(life.rows())
    life.store.close()


def _first_verdicts(life: Life) -> list[Outcome]:
    """What the daemon judged, also where a person has superseded it."""
    return [o for row in life.rows() if (o := outcome_from(row.body)).judged_by == "daemon"]


def _names_what_it_supersedes(rows: list[Any]) -> None:
    """The verdicts on one thing follow each other: each names the one before it, and the last is the current one."""
    chains: dict[str, list[Any]] = {}
    for row in rows:
        chains.setdefault(row.key, []).append(row)
    for chain in chains.values():
        assert [row.supersedes for row in chain] == [None, *(row.seq for row in chain[:-1])]
        assert [row.current for row in chain] == [0] * (len(chain) - 1) + [1]
