"""A recording as a source for backtests: entities that share nothing, laid side by side on one shared clock.

Each entity keeps its own clock: own = shared + shift. Shifts are whole hours plus the entity's phase on its step, so that
buckets of every resolution fall where they would fall if the entity were replayed alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from aiops.backtest.annexes import BEFORE_ALL, LimitRule
from aiops.core.labels import Labels
from aiops.core.params import Params
from aiops.core.records import Block, Floats, Ints, Limit, Lineage
from aiops.telemetry.source import Answer, ReadLimits, Source

HOUR = 3600


class ReplayParams(Params):
    """A replay has no parameters: it is made from arrays."""


@dataclass(frozen=True, slots=True, eq=False)
class Lane:
    """One entity: `values` (metrics, t) on a regular grid of its own clock that begins at `start_s`."""

    entity: str
    metrics: tuple[str, ...]
    start_s: int
    step_s: int
    values: Floats
    emit_from_s: int = BEFORE_ALL
    limits: Mapping[str, LimitRule] = field(default_factory=dict)

    @property
    def phase_s(self) -> int:
        """Own clock minus shared clock."""
        day = -(-24 * HOUR // self.step_s) * self.step_s
        if HOUR % self.step_s:  # such a grid meets no hour: every lane simply begins at the same instant
            return self.start_s - day
        return self.start_s // HOUR * HOUR + self.start_s % self.step_s - day

    @property
    def first(self) -> int:
        """The shared instant of the first column."""
        return self.start_s - self.phase_s

    @property
    def end_s(self) -> int:
        """The instant of the last column on its own clock."""
        return int(self.start_s + (self.values.shape[1] - 1) * self.step_s)


def on_grid(time_s: Ints, values: Floats, step_s: int) -> tuple[int, Floats]:
    """Samples (t,), (metrics, t) in time order onto a regular grid: (start, values (metrics, columns)).

    A sample lands on the first grid instant not before it, so that nothing is known early; the last one wins.
    """
    start = int(time_s[0])
    slot = -(-(time_s - start) // step_s)
    grid = np.full((len(values), int(slot[-1]) + 1), np.nan)
    grid[:, slot] = values
    return start, grid


class ReplaySource(Source[ReplayParams]):
    """Answers every query with the series of its lanes, whatever the query says."""

    Params = ReplayParams

    def __init__(self, lanes: Sequence[Lane], limited_only: bool = False) -> None:
        super().__init__("replay", ReplayParams(), ReadLimits())
        self.step_s = lanes[0].step_s
        labels: list[Labels] = []
        rules: list[LimitRule | None] = []
        shifts, places = [], []
        self.first_s = min(lane.first for lane in lanes)
        self.last_s = max(lane.first + (lane.values.shape[1] - 1) * self.step_s for lane in lanes)
        columns = (self.last_s - self.first_s) // self.step_s + 1
        for lane in lanes:
            for i, metric in enumerate(lane.metrics):
                if limited_only and metric not in lane.limits:
                    continue
                labels.append({"entity": lane.entity, "metric": metric})
                shifts.append(lane.phase_s)
                rules.append(lane.limits.get(metric))
                places.append((lane, i))
        self.values = np.full((len(labels), columns), np.nan, np.float64)
        for row, (lane, i) in enumerate(places):
            at = (lane.first - self.first_s) // self.step_s
            self.values[row, at : at + lane.values.shape[1]] = lane.values[i]
        self.shifts = np.array(shifts, np.int64)
        self.rules = rules
        self.labels = tuple(labels)

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """The columns start … end; nothing before the recording or after it."""
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        a, b = (start_s - self.first_s) // step_s, (end_s - self.first_s) // step_s + 1
        values = np.full((len(self.labels), len(times)), np.nan)
        low, high = max(a, 0), min(b, self.values.shape[1])
        if high > low:
            values[:, low - a : high - a] = self.values[:, low:high]
        return Answer(Block(self.labels, times, values, unit, Lineage("replay", query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return f"{len(self.labels)} series replayed"

    def oldest_s(self) -> int:
        """The first shared instant."""
        return self.first_s

    def shift_of(self, labels: Sequence[Labels]) -> Ints:
        """(n,) own clock minus shared clock; labels are this source's own, in order."""
        return self.shifts

    def limit_at(self, now_s: int) -> Limit:
        """The limits in force at the shared instant `now_s`, as far as known by then."""
        n = len(self.rules)
        value, above = np.full(n, np.nan), np.ones(n, bool)
        capacity, resets = np.full(n, np.nan), np.zeros(n, np.int8)
        for i, (rule, shift) in enumerate(zip(self.rules, self.shifts.tolist(), strict=True)):
            if rule is not None:
                value[i], above[i] = rule.at(now_s + shift), rule.above
                capacity[i], resets[i] = rule.capacity, rule.resets
        return Limit(value, above, capacity, resets)

    def limit_instants(self) -> set[int]:
        """The shared grid instants at which some limit changes."""
        return {
            -(-math.ceil(at - shift) // self.step_s) * self.step_s
            for rule, shift in zip(self.rules, self.shifts.tolist(), strict=True)
            if rule is not None
            for at, _ in rule.steps
        }
