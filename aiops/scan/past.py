"""The past of many leaves' series on one 5-minute grid, and what the default forecaster says of it at one look after another."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops import plugins
from aiops.core.records import Block, Bools, Floats, History, Ints, Limit, Resolution
from aiops.models.interface import Forecaster
from aiops.models.trend import trend
from aiops.rules.compiler import Leaf
from aiops.rules.steps import few
from aiops.telemetry.buckets import summary

STEP_S, HOUR = 300, 3600
FINE, MID, LONG = 72, 864, 840
"""Columns of the three resolutions that a model receives: 6 h, 3 d, 35 d."""
AN_HOUR = HOUR // STEP_S
CHUNK_ROWS = 2000
TRIAL_LOOKS = 40
"""After so many looks it is known how long the others will take."""


def grid(end_s: int, span_s: int) -> tuple[int, int]:
    """(first, last) instant of a grid that ends by `end_s` and begins right after a full hour, so that hours are whole."""
    last = end_s // STEP_S * STEP_S
    return (last - span_s) // HOUR * HOUR + STEP_S, last


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """n series of leaves at `time_s` (t,): `values` (n, t), NaN = no sample; `leaves` (n,) which comparison each belongs to.

    `limit` is NaN where nothing is forecast: of gates, and of what takes too few values. Raises ValueError when t < 1.
    """

    time_s: Ints
    values: NDArray[np.float64]
    labels: tuple[Mapping[str, str], ...]
    leaves: tuple[Leaf, ...]
    spans: Mapping[Leaf, tuple[int, int]]
    limit: Limit
    forecast: Bools
    few: Bools
    offset: NDArray[np.float64]
    relative: NDArray[np.float32]
    hourly: tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]
    first_s: Ints

    @classmethod
    def of(cls, leaves: Iterable[Leaf], blocks: Mapping[str, Block], time_s: Ints) -> Past:
        """The series of `leaves`, whose expressions' blocks are given; those without one have no series."""
        spans, labels, whose, parts = dict[Leaf, tuple[int, int]](), list[Mapping[str, str]](), list[Leaf](), list[Floats]()
        for leaf in dict.fromkeys(leaves):
            block = blocks.get(leaf.expr)
            if block is None:
                continue
            spans[leaf] = len(labels), len(labels) + len(block.labels)
            labels += block.labels
            whose += [leaf] * len(block.labels)
            parts.append(block.values)
        values = np.concatenate([np.zeros((0, len(time_s))), *parts]).astype(np.float64)
        there = np.isfinite(values)
        first = np.where(there.any(axis=1), np.argmax(there, axis=1), 0)
        offset = np.nan_to_num(values[np.arange(len(values)), first])
        with np.errstate(over="ignore"):
            relative = (values - offset[:, None]).astype(np.float32)
        relative[~np.isfinite(relative)] = np.nan
        role = np.array([leaf.role == "forecast" for leaf in whose], bool)
        steps = np.array([leaf.steps for leaf in whose], bool)
        rare, counted = np.zeros(len(whose), bool), np.flatnonzero(role & steps)
        rare[counted] = few(values[counted])
        forecast = role & ~rare
        at = np.array([leaf.limit for leaf in whose], np.float64)
        above = np.array([leaf.op in (">", ">=") for leaf in whose], bool)
        limit = Limit(np.where(forecast, at, np.nan), above, np.full(len(whose), np.nan), np.zeros(len(whose), np.int8))
        return cls(
            time_s, values, tuple(labels), tuple(whose), spans, limit, forecast, rare, offset, relative, _hours(relative),
            time_s[first],
        )  # fmt: skip

    def series_of(self, leaf: Leaf) -> Sequence[tuple[int, Mapping[str, str]]]:
        """The rows of a leaf, and their labels."""
        first, end = self.spans.get(leaf, (0, 0))
        return [(row, self.labels[row]) for row in range(first, end)]

    def holds(self, inclusive: Bools) -> Bools:
        """(t, n) whether each comparison is true; `inclusive` (n,): also on the limit, whatever its operator."""
        out = np.zeros((len(self.time_s), len(self.leaves)), bool)
        for leaf, (first, end) in self.spans.items():
            values = self.values[first:end].T
            with np.errstate(invalid="ignore"):
                true = _COMPARE[leaf.op](values, leaf.limit)
                true |= inclusive[first:end] & (values == leaf.limit)
            out[:, first:end] = true & ~np.isnan(values)
        return out

    def history(self, rows: Ints, column: int) -> History:
        """What was known of `rows` at one column."""
        now = int(self.time_s[column])
        hours = (now - (int(self.time_s[0]) - STEP_S)) // HOUR
        fine, mid = (self.relative[rows, max(0, column + 1 - count) : column + 1] for count in (FINE, MID))
        mean, low, high = (part[rows, max(0, hours - LONG) : hours] for part in self.hourly)
        return History(
            Resolution(STEP_S, now, fine, fine, fine), Resolution(STEP_S, now, mid, mid, mid),
            Resolution(HOUR, now // HOUR * HOUR, mean, low, high),
            self.offset[rows], np.full(len(rows), now, np.int64), np.minimum(self.first_s[rows], now),
        )  # fmt: skip


_COMPARE: Mapping[str, Callable[..., Bools]] = {
    ">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal, "==": np.equal, "!=": np.not_equal,
}  # fmt: skip


def _hours(relative: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    n, t = relative.shape
    whole = t // AN_HOUR
    mean, low, high = summary(relative[:, : whole * AN_HOUR].reshape(n * whole, AN_HOUR))
    return mean.reshape(n, whole), low.reshape(n, whole), high.reshape(n, whole)


@dataclass(frozen=True, slots=True, eq=False)
class Told:
    """What was said of n series at L looks, oldest first: `look_s` (L,), `time_s` (L, n, 3) NaN = silent; of the last look
    also `slope` (n,) a second, `window_s` (n,) and `reason` (n,).
    """

    look_s: Ints
    time_s: NDArray[np.float64]
    slope: NDArray[np.float64]
    window_s: NDArray[np.float64]
    reason: NDArray[np.object_]


def default_forecaster() -> Forecaster[Any]:
    """The default exhaustion forecaster for the grid's step."""
    kind = plugins.load("forecasters", "exhaustion")
    made: Forecaster[Any] = kind(kind.Params(), STEP_S)
    return made


def replay(past: Past, columns: Ints, horizon_s: float, until: float = np.inf) -> Told | None:
    """Ask the forecaster at each of `columns`, from the second hour on, knowing nothing newer.

    None when it would not be done by the monotonic instant `until`.
    """
    n, began = len(past.leaves), time.monotonic()
    forecaster = default_forecaster()
    state = forecaster.initial(n)
    told = Told(
        past.time_s[columns], np.full((len(columns), n, 3), np.nan), np.full(n, np.nan), np.full(n, np.nan),
        np.full(n, "not forecast", dtype=object),
    )  # fmt: skip
    for look, column in enumerate(columns.tolist()):
        if look == TRIAL_LOOKS and began + (time.monotonic() - began) * len(columns) / look > until:
            return None
        if time.monotonic() > until:
            return None
        now = np.full(n, past.time_s[column])
        wanted = forecaster.screen(state, past.values[:, column], past.limit, now) & past.forecast
        rows = np.flatnonzero(past.forecast if column == columns[-1] else wanted)
        for first in range(0, len(rows), CHUNK_ROWS):
            part = rows[first : first + CHUNK_ROWS]
            some = {name: array[part] for name, array in state.items()}
            found = forecaster.crossings(some, past.history(part, column), past.limit.take(part), horizon_s)
            for name, array in some.items():
                state[name][part] = array
            told.time_s[look, part] = found.time_s
            told.slope[part], told.window_s[part], told.reason[part] = found.slope, found.window_s, found.reason
    return told


def trends(past: Past, span_s: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(slope a second, level at each instant), both (n, t), of the least-squares line through the last `span_s`; see `trend`."""
    slope, level = trend(past.values - past.offset[:, None], span_s // STEP_S, STEP_S)
    return slope, level + past.offset[:, None]
