"""A watch over the alerting rules of its sources: its rows are comparisons, its entities the alerts that they can raise."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels, key
from aiops.core.records import Bools, EarlyWarning, Ints, Limit, State, SymptomKind
from aiops.core.remembered import Remembered
from aiops.pipeline.watch import Watch
from aiops.rules.compiler import Leaf
from aiops.rules.followed import Followed, Rulebook, part_name
from aiops.rules.formula import Formula, Rows, members, rows_of
from aiops.rules.program import Program, program
from aiops.symptoms import guards
from aiops.telemetry.parts import PART, part_of

OPS = (">", "<", ">=", "<=", "==", "!=")


class Row(NamedTuple):
    """One label set of a rule's result, and what makes it fire; `entity`: the number of its alert."""

    rule: Followed
    labels: Labels
    formula: Formula
    entity: int


def _fresh(n: int) -> State:
    """What is remembered of n rows. `since_s`: since when the condition holds, NaN = it does not. `told_s` (n, 3): the firing as
    last told, from `lead`, the series that decides. `silent_s`: for how long
    what it needs has had no sample. `over`, `inside`, `known`: as `beyond` of a limit, of rules that predict."""
    return {
        **guards.initial(n), "since_s_true": np.full(n, np.nan), "told_s": np.full((n, 3), np.nan),
        "lead": np.full(n, -1, np.int64), "speaks": np.zeros(n, bool), "silent_s": np.zeros(n, np.int64),
        "over": np.zeros(n, bool), "inside": np.zeros(n, np.int32), "known": np.zeros(n, bool),
    }  # fmt: skip


@dataclass(slots=True)
class Built:
    """What was made of the rules and the series that are known: R `rows`, their `program`, `hold_s` and `predicts` (R,); of the
    n series which comparison each belongs to, as an operator's number and a limit; `forecast` (n,), `inclusive` (n,)."""

    rows: list[Row]
    program: Program
    hold_s: NDArray[np.float64]
    predicts: Bools
    entity: Ints
    op: NDArray[np.int8]
    limit: NDArray[np.float64]
    forecast: Bools
    inclusive: Bools
    steps: Bools


@dataclass(slots=True)
class RulesWatch(Watch):
    """See the module. `fires` (entities,) whether each alert fired at the newest instant of which that is known.

    `few` (n,): what moves in steps takes too few values to be forecast, as counted at `few_s`; None: rows are new.
    `crossed` (n, 3): how often each comparison crossed its limit, how often of a sudden, days looked at; see `rules_record`.
    """

    book: Rulebook = field(default_factory=Rulebook)
    book_s: int | None = None
    built: Built | None = None
    state: State = field(default_factory=lambda: _fresh(0))
    fires: Bools = field(default_factory=lambda: np.zeros(0, bool))
    late_parts: dict[str, int] = field(default_factory=dict)
    few: Bools = field(default_factory=lambda: np.zeros(0, bool))
    few_s: int | None = None
    crossed: NDArray[np.float64] = field(default_factory=lambda: np.zeros((0, 3)))
    counted_s: int = 0
    counted_to: int = 0
    _of: tuple[int, int, str] = (0, 0, "")
    _known: dict[str, tuple[tuple[int, ...], Rows]] = field(default_factory=dict)
    _places: dict[str, list[int]] = field(default_factory=dict)
    _placed: tuple[str, int] = ("", 0)

    def _entity(self, labels: Labels, row: int) -> int:
        """A series has no entity of its own."""
        return 0

    def _limit_for(self, fresh: list[Labels]) -> Limit:
        """What is known of limits comes with `build`."""
        return self.limit.joined(Limit.uniform(len(fresh), math.nan, True))

    def number_anew(self, entities: Ints) -> None:
        """Rows were let go: everything that counts them is made again."""
        self.entity_of = np.zeros(self.n, np.int64)
        self.rows_of_labels = Remembered(self._rows_of_labels)
        self.few, self.crossed, self.counted_s = np.zeros(0, bool), np.zeros((0, 3)), 0
        self._placed, self._known = ("", 0), {}

    def grow(self) -> None:
        """As any watch; what is strange about an alert is never looked at."""
        Watch.grow(self)
        self.gates.pop("anomaly", None)

    def resume(self, had: int = 0) -> None:
        """Take up open warnings; those whose rows are not known yet when they are built."""
        if self.built is not None:
            self._take_up(range(len(self.built.rows)))

    def entity_now(self, number: int, now_s: int) -> int:
        """All entities live on the shared clock."""
        return now_s

    def rows_of(self, number: int) -> Ints:
        """The series that an alert depends on."""
        if self.built is None:
            return np.zeros(0, np.int64)
        mine = np.flatnonzero(self.built.entity == number).tolist()
        return np.array(sorted({one for i in mine for one in members(self.built.rows[i].formula)}), np.int64)

    def could_fire(self, number: int, there: Bools) -> bool:
        """Whether there is what an alert needs to fire, of `there` (n,) whether each series is."""
        if self.built is None:
            return False
        mine = self.built.program.only(np.flatnonzero(self.built.entity == number))
        return bool(mine.there(there[: mine.n]).any())

    def held_entities(self, held: Bools) -> Bools:
        """(entities,) whether all series of an alert are held."""
        out = np.zeros(len(self.entities), bool)
        if self.built is not None and held.any():
            free = self.built.program.there(~held)
            out[self.built.entity] = True
            out[self.built.entity[free]] = False
        return out

    def quieten(self, kind: SymptomKind, number: int) -> None:
        """Let nothing of an entity be a symptom."""
        if self.built is not None:
            mine = self.built.entity == number
            self.state["active"][mine], self.state["bits"][mine] = False, 0

    def entity_labels(self) -> Iterator[Labels]:
        """The alerts."""
        return iter(self.entities)

    def gone(self) -> Bools:
        """(n,) series that no rule asks for any more."""
        out = np.zeros(self.n, bool)
        if self.built is not None:
            out[: len(self.built.op)] = self.built.op[: self.n] < 0
        return out

    def has_part(self, name: str) -> bool:
        """Whether series of a part are known."""
        return self.count_of(name) > 0

    def count_of(self, name: str) -> int:
        """How many series of a part are known."""
        return len(self.places(name))

    def places(self, name: str) -> Sequence[int]:
        """The rows of the series of a part."""
        self._place()
        return self._places.get(name, ())

    def alert_number(self, entity: Labels) -> int:
        """The number of an alert; a new one where it is not known."""
        name = key(entity)
        if name not in self._entity_number:
            self._entity_number[name] = len(self.entities)
            self.entities.append(entity)
            self.fires = np.append(self.fires, False)
        return self._entity_number[name]

    def rule_of(self, number: int) -> Followed | None:
        """The rule that can raise an alert."""
        if self.built is not None:
            mine = np.flatnonzero(self.built.entity == number)
            if len(mine):
                return self.built.rows[int(mine[0])].rule
        entity = self.entities[number]
        return next((one for one in self.book.followed if _raises(one, entity)), None)

    def build(self) -> Built:
        """Bring `built` up to the rules and the series that are known; what was remembered of rows stays theirs."""
        of = id(self.book), self.n, self.window.id
        if self.built is not None and self._of == of:
            return self.built
        old = self.built.rows if self.built is not None else []
        self._place()
        rows = [row for one in self.book.followed for row in self._rows_of(one)]
        self.built, self.few_s = self._made(rows), None
        self._of = of
        self._carry(old)
        return self.built

    def _place(self) -> None:
        """Which rows of the window each part has."""
        window, count = self._placed
        if window != self.window.id:
            self._places, count = {}, 0
        for i in range(count, self.n):
            self._places.setdefault(part_of(self.window.labels[i]), []).append(i)
        self._placed = self.window.id, self.n

    def _rows_of(self, rule: Followed) -> Iterator[Row]:
        compiled = rule.served.compiled
        assert compiled.condition is not None
        counts = tuple(len(self._places.get(part_name(leaf), ())) for leaf in compiled.leaves)
        known = self._known.get(rule.name)
        if known is None or known[0] != counts:
            seen = self._seen_by(rule)

            def series_of(leaf: Leaf) -> Sequence[tuple[int, Labels]]:
                places = self._places.get(part_name(leaf), ())
                return [(i, _plain(self.window.labels[i])) for i in places if seen is None or seen[i]]

            known = self._known[rule.name] = counts, rows_of(compiled.condition, series_of)
        for labels, formula in known[1].values():
            yield Row(rule, labels, formula, self.alert_number(rule.entity(labels)))

    def _seen_by(self, rule: Followed) -> Bools | None:
        """(n,) series that a rule's sources deliver; None = all."""
        if len(self.feeds) == 1:
            return None
        out = np.zeros(self.n, bool)
        for number in rule.sources:
            seen = self.feeds[number].seen
            out[: len(seen)] |= seen
        return out

    def _made(self, rows: list[Row]) -> Built:
        n = self.n
        op, limit = np.full(n, -1, np.int8), np.full(n, np.nan)
        forecast, inclusive, steps, above = (np.zeros(n, bool) for _ in range(4))
        targets = {part_name(leaf) for one in self.book.followed if one.predicts for leaf in one.served.compiled.leaves}
        for name, leaf in self.book.parts.items():
            at = self._places.get(name, [])
            op[at], limit[at], above[at] = OPS.index(leaf.op), leaf.limit, leaf.op in (">", ">=")
            forecast[at], inclusive[at], steps[at] = leaf.role == "forecast", name in targets, leaf.steps
        if len(self.few) < n:
            self.few = np.concatenate([self.few, np.ones(n - len(self.few), bool)])
        self.limit = Limit(
            np.where(forecast & ~(steps & self.few), limit, np.nan), above, np.full(n, np.nan), np.zeros(n, np.int8)
        )
        return Built(
            rows, program([row.formula for row in rows], n), np.array([row.rule.served.hold_s for row in rows], np.float64),
            np.array([row.rule.predicts for row in rows], bool), np.array([row.entity for row in rows], np.int64), op, limit,
            forecast, inclusive, steps,
        )  # fmt: skip

    def _carry(self, old: list[Row]) -> None:
        """Give each row what was remembered of it."""
        assert self.built is not None
        place = {(row.rule.name, key(row.labels)): i for i, row in enumerate(old)}
        rows = self.built.rows
        back = np.array([place.get((row.rule.name, key(row.labels)), -1) for row in rows], np.int64)
        state = _fresh(len(rows))
        for name, array in self.state.items():
            state[name][back >= 0] = array[back[back >= 0]]
        self.state = state
        self._take_up(np.flatnonzero(back < 0).tolist())

    def _take_up(self, some: Iterable[int]) -> None:
        """Rows that an open warning tells of are active: a restart ends no episode."""
        assert self.built is not None
        for i in some if self.resuming else ():
            row, state = self.built.rows[i], self.state
            symptom = self.resuming.pop(key(self.entities[row.entity]), None)
            if symptom is None or symptom.evidence.get("rule") != row.rule.name or symptom.crossing is None:
                continue
            state["active"][i], state["since_s"][i], state["bits"][i] = True, symptom.since_s, 1
            crossing = symptom.crossing
            state["told_s"][i] = crossing.earliest_s, crossing.expected_s, crossing.latest_s
            state["lead"][i] = next((one for one in members(row.formula) if self.built.forecast[one]), -1)

    def limit_changed(self, warning: EarlyWarning) -> bool:
        """Whether the rule of a warning is another one now, or gone."""
        told = warning.symptoms[0].evidence.get("rule") if warning.symptoms else None
        return self.book_s is not None and told is not None and told not in self.book.names


def _plain(labels: Labels) -> dict[str, str]:
    return {name: value for name, value in labels.items() if name != PART}


def _raises(rule: Followed, entity: Labels) -> bool:
    return entity.get("alertname") == rule.alert and all(entity.get(name, "") == text for name, text in rule.own.items() if text)

