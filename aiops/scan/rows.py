"""From what was said of series to the rows of a rule: when each fires, why not, and how near it is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.durations import text
from aiops.core.quantity import quantities, quantity
from aiops.core.records import Bools
from aiops.rules.compiler import Leaf
from aiops.rules.formula import Formula, Many, Missing, One, leading, members, rows_of, shown
from aiops.rules.program import program
from aiops.rules.served import Active, Naming, Served
from aiops.rules.unit import unit_of
from aiops.scan.past import STEP_S, Past, Told, trends
from aiops.scan.record import Record

DAY = 86400
STATES = ("firing", "pending", "expected", "silent")
TREND_S = 6 * 3600
GONE_COLUMNS = 3
"""Without a sample in so many a series is gone: an alert on it cannot fire as things are."""
SILENT_SHOWN = 5
"""Silent rows of one rule that people are shown; programs get all."""
FARTHEST_S = 14 * DAY
"""A silent row's line of 6 h that reaches the limit later than this says nothing of how near it is."""
NO_RECORD = Record()
State = tuple[str, tuple[float, float, float] | None, str]
"""State, earliest, expected and latest firing, reason."""


@dataclass(frozen=True, slots=True)
class Guard:
    """A part of a rule that is not forecast: whether it lets the rule fire now, and how often it changed in a day."""

    expr: str
    holds: bool
    flips: int


@dataclass(frozen=True, slots=True)
class Row:
    """One label set of a rule's result, or a rule without any (`state` empty, unread or refused, `reason` why).

    `times_s` earliest, expected, latest firing; `now` and `limit` are those of the comparison that decides, `leaf`.
    `recent`: what decides over the last day, one value each 5 min, the newest last. `near` orders rows: state, seconds left (for
    silent rows as its line of 6 h goes), distance in daily ranges.
    """

    served: Served
    state: str
    labels: Mapping[str, str] = field(default_factory=dict)
    reason: str = ""
    leaf: Leaf | None = None
    now: float | None = None
    limit: float | None = None
    times_s: tuple[float, float, float] | None = None
    slope_per_s: float | None = None
    history_s: float | None = None
    guards: tuple[Guard, ...] = ()
    near: tuple[int, float, float] = (9, math.inf, math.inf)
    record: Record = NO_RECORD
    recent: NDArray[np.float64] | None = field(default=None, compare=False, repr=False)

    @property
    def unit(self) -> str:
        """The UCUM unit of `now` and `limit`; "1" where none is known."""
        return "1" if self.leaf is None else unit_of(self.leaf.expr)

    def numbers(self) -> tuple[str, str, str]:
        """`now`, the limit behind its operator and the change an hour, with their unit; empty for what is not known."""
        per_hour = None if self.slope_per_s is None else self.slope_per_s * 3600
        now, limit = quantities((self.now, self.limit), self.unit)
        known = [one is not None and math.isfinite(one) for one in (self.now, self.limit, per_hour)]
        said = now, "" if self.leaf is None else f"{self.leaf.op} {limit}", quantity(per_hour, self.unit)
        first, second, third = (one if there else "" for one, there in zip(said, known, strict=True))
        return first, second, third

    def as_json(self) -> dict[str, Any]:
        """As one object; times are epoch seconds."""
        rule, times = self.served.rule, self.times_s or (None, None, None)
        return {
            "alert": rule.alert, "group": rule.group, "file": rule.file, "expr": rule.expr, "labels": dict(self.labels),
            "forecastable": self.served.compiled.forecastable, "state": self.state, "reason": self.reason or None,
            "now": self.now, "limit": self.limit, "unit": self.unit,
            "earliest_at": _whole(times[0]), "expected_at": _whole(times[1]), "latest_at": _whole(times[2]),
            "slope_per_hour": None if self.slope_per_s is None else self.slope_per_s * 3600,
            "history_s": self.history_s, "for_s": rule.for_s,
            "guards": [{"expr": one.expr, "holds": one.holds, "flips": one.flips} for one in self.guards],
            "record": self.record.as_json(),
        }  # fmt: skip


def _whole(time_s: float | None) -> int | None:
    return None if time_s is None else round(time_s)


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A past, what was said of it at `columns`, and which comparisons were true when."""

    past: Past
    told: Told
    holds: Bools
    columns: NDArray[np.int64]
    times: NDArray[np.float64]
    slope: NDArray[np.float64]

    @classmethod
    def of(cls, past: Past, told: Told, columns: NDArray[np.int64], targets: frozenset[Leaf]) -> View:
        """`targets`: leaves that count as reached on the limit already."""
        inclusive = np.array([leaf in targets for leaf in past.leaves], bool)
        holds = past.holds(inclusive)
        times = np.where(holds[columns][:, :, None], told.look_s[:, None, None], told.time_s)
        line = trends(past, TREND_S)[0][:, -1] if len(past.leaves) else np.zeros(0)
        return cls(past, told, holds, columns, times, line)

    def formulas(self, served: Served) -> Iterator[tuple[dict[str, str], Formula]]:
        """The rows of a rule's result."""
        assert served.compiled.condition is not None
        yield from rows_of(served.compiled.condition, self.past.series_of).values()

    def known_s(self, formula: Formula) -> float:
        """How far back something is known of what is forecast in a row, seconds."""
        own = _forecast_members(formula, self.past)
        first = min((int(self.past.first_s[one]) for one in own), default=int(self.past.time_s[0]))
        return float(self.past.time_s[-1] - first)


def rows(view: View, served: Served, now_s: float) -> Iterator[tuple[Row, Formula]]:
    """The rows of one rule, each with what makes it fire."""
    naming = Naming(served.rule)
    active = {naming.of_alert(one.labels): one for one in served.active}
    found = list(view.formulas(served))
    all_rows = program([formula for _, formula in found], len(view.past.leaves))
    true, told = all_rows.holding(view.holds[-1]), all_rows.crossing(view.times[-1])
    there = all_rows.there(np.asarray(np.isfinite(view.past.values[:, -GONE_COLUMNS:]).any(axis=1)))
    for i, (labels, formula) in enumerate(found):
        known = active.get(naming.of_series(labels))
        state = _state(served, bool(true[i]), told[i], known, now_s)
        why = "" if there[i] or state[0] not in ("expected", "silent") else _gone(view, formula, state[0] == "silent")
        if why:
            state = "silent", None, why
        yield _row(view, served, labels, formula, state, now_s), formula


def _gone(view: View, formula: Formula, every: bool) -> str:
    """What is said of a row where series of what is forecast are not there any more, `every` one of them; else nothing."""
    there = np.isfinite(view.past.values[_forecast_members(formula, view.past)])
    lacks = ~there[:, -GONE_COLUMNS:].any(axis=1)
    if not lacks.any() or (every and not lacks.all()):
        return ""
    seen = np.flatnonzero(there[lacks].any(axis=0))
    silent_s = int(view.past.time_s[-1] - view.past.time_s[seen[-1]]) if len(seen) else DAY
    return f"no sample for {text(silent_s)}: what became of it is unknown"


def _row(
    view: View, served: Served, labels: Mapping[str, str], formula: Formula, found: State, now_s: float
) -> Row:
    past = view.past
    guards = tuple(guards_of(formula, view))
    lead = leading(formula, view.times[-1, :, 1], past.forecast)
    state, times, reason = found
    if lead is None:
        few = any(past.few[one] for one in _forecast_members(formula, past))
        reason = reason or ("moves in steps, and took too few values to be forecast" if few else "no series of it now")
        return Row(served, state, labels, reason, guards=guards, times_s=times, near=(STATES.index(state), math.inf, math.inf))
    series = lead[1]
    leaf, known = past.leaves[series], past.values[series, -DAY // STEP_S :]
    there = known[np.isfinite(known)]
    latest = float(known[-1]) if np.isfinite(known[-1]) else None
    speaks = math.isfinite(view.told.window_s[series])
    slope = float(view.told.slope[series] if speaks else view.slope[series])
    if state == "silent" and not reason:
        reason = _why(view, formula, series, guards)
    used = view.told.window_s[series] if speaks else past.time_s[-1] - past.first_s[series]
    return Row(
        served, state, labels, reason, leaf, latest, leaf.limit, times, slope if math.isfinite(slope) else None,
        float(used) if len(there) else 0.0, guards, _near(state, times, latest, leaf.limit, slope, there, now_s), recent=known,
    )  # fmt: skip


def _state(
    served: Served, true: bool, told: NDArray[np.float64], active: Active | None, now_s: float
) -> State:
    """Of a row: what the server says goes first."""
    if served.compiled.target is not None:
        return _predicting(served, true, told, active)
    if (active is not None and active.state == "firing") or (true and not served.hold_s):
        return "firing", None, "" if true else "it fires, though its newest value is not beyond the limit"
    if true or active is not None:
        since = active.since_s if active is not None else now_s
        at = max(now_s, since + served.hold_s)
        return "pending", (at, at, at), ""
    if math.isfinite(told[1]):
        first, middle, last = (float(one) + served.hold_s for one in told)
        return "expected", (first, middle, last), ""
    return "silent", None, ""


def _predicting(
    served: Served, true: bool, told: NDArray[np.float64], active: Active | None
) -> State:
    """Of a rule that predicts by itself: it is about what it predicts, not about its own word."""
    fires = "the rule itself says so now" if active is not None and active.state == "firing" else ""
    if true:
        return "firing", None, "what it predicts is there"
    if not math.isfinite(told[1]):
        return "silent", None, fires and f"{fires}; the forecast does not"
    first, middle, last = (float(one) for one in told)
    return "expected", (first, middle, last), fires


def _why(view: View, formula: Formula, series: int, guards: tuple[Guard, ...]) -> str:
    """Why a row is silent: what its series says, or the guard that keeps it from firing."""
    if math.isfinite(view.times[-1, series, 1]):
        closed = next((one.expr for one in guards if not one.holds), None)
        return f"a guard does not let it fire: {closed}" if closed else "another part of it is not on its way"
    return str(view.told.reason[series])


def guards_of(formula: Formula, view: View, wanted: bool = True) -> Iterator[Guard]:
    """The parts that are not forecast, in order; what follows `unless` must not be true."""
    if isinstance(formula, Missing):
        yield Guard(f"{formula.what} (is not there)", not wanted, 0)
    elif isinstance(formula, One):
        leaf = view.past.leaves[formula.series]
        if leaf.role == "gate":
            true = view.holds[-DAY // STEP_S :, formula.series]
            name = shown(leaf) if wanted else f"unless {shown(leaf)}"
            yield Guard(name, bool(true[-1]) == wanted, int(np.count_nonzero(true[1:] != true[:-1])))
    elif isinstance(formula, Many):
        for place, part in enumerate(formula.parts):
            yield from guards_of(part, view, wanted and not (formula.op == "unless" and place))


def _forecast_members(formula: Formula, past: Past) -> list[int]:
    return [one for one in members(formula) if past.leaves[one].role == "forecast"]


def _near(
    state: str, times: tuple[float, float, float] | None, latest: float | None, limit: float, slope: float,
    there: NDArray[np.float64], now_s: float,
) -> tuple[int, float, float]:  # fmt: skip
    place = STATES.index(state)
    if latest is None:
        return place, math.inf, math.inf
    room = limit - latest
    spread = float(there.max() - there.min()) or abs(limit) or 1.0
    if times is not None:
        return place, times[1] - now_s, abs(room) / spread
    left_s = room / slope if state == "silent" and math.isfinite(slope) and slope != 0 else math.inf
    return place, left_s if 0 <= left_s <= FARTHEST_S else math.inf, abs(room) / spread


def without_rows(served: Served, state: str, reason: str) -> Row:
    """The row of a rule that has none."""
    return Row(served, state, reason=reason, near=(len(STATES), math.inf, math.inf))


def nearest(ranked: Sequence[Row], most: int) -> tuple[list[Row], int]:
    """(rows to be shown, how many silent ones are left out): at most `most`, and of one rule SILENT_SHOWN silent ones.

    Else a rule with a thousand calm rows hides all others.
    """
    silent: Counter[tuple[str, str, str]] = Counter()
    found: list[Row] = []
    for row in ranked:
        if row.state == "silent":
            rule = row.served.rule.group, row.served.rule.alert, row.served.rule.expr
            silent[rule] += 1
            if silent[rule] > SILENT_SHOWN:
                continue
        found.append(row)
    return found[:most], sum(max(0, count - SILENT_SHOWN) for count in silent.values())
