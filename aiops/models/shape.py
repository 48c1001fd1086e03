"""The shape of a window cut into equal blocks: is it a steady rise, and how fast does it go on?

Arrays are (n, …), one row a series; y rises towards the limit; NaN = gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints

Array = NDArray[np.float64]
SHORT = 6
"""Gaps of fewer columns change no mean enough to be worth bridging."""
EVEN = 0.4
"""The largest share of a rise that a single block may carry: more is a step."""
TYPICAL = 0.4
"""The median block carries at least this share of the mean block: fewer is a flight of steps."""
ONGOING = 0.2
"""The last block carries at least this share of the mean block: less has stopped."""

AHEAD = 1.5
"""Parts from the middle of the last third to now."""

GROWN = 1.5
"""A rise bends upwards when the gains of its last third are this much larger than those of the first, and grew evenly."""


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """Running sums along time: `total` (n, t + 1) float64 and `count` (n, t + 1), so that any block is one difference.

    `count` is None where no sample is missing; `seen` (n, t + 1) counts samples where gaps were bridged before, else None.
    """

    total: Array
    count: NDArray[np.float32] | None
    seen: NDArray[np.float32] | None = None

    @classmethod
    def of(cls, values: NDArray[Any], bridge: int = 0) -> Sums:
        """Sums of (n, t) values; gaps of up to `bridge` columns are straight lines, longer ones add nothing."""
        n, t = values.shape
        total = np.zeros((n, t + 1))
        present = np.isfinite(values)
        if present.all():
            np.cumsum(values, axis=1, out=total[:, 1:], dtype=np.float64)
            return cls(total, None)
        count = _counted(present)
        seen = None
        if bridge:
            rows = np.flatnonzero((count[:, SHORT:] == count[:, :-SHORT]).any(axis=1))
            if len(rows):
                values, seen = values.copy(), count
                values[rows] = straightened(values[rows], bridge)
                present = np.isfinite(values)
                count = _counted(present)
        np.cumsum(np.where(present, values, 0), axis=1, out=total[:, 1:], dtype=np.float64)
        return cls(total, count, seen)

    def means(self, columns: int, blocks: int, back: int = 0) -> Array:
        """(n, blocks) C-order means of equal parts of `columns` columns that end `back` columns before the last one.

        A part with fewer than half its samples is NaN, an inner one is then bridged; one without a column is NaN. Fewer columns
        than asked, or fewer than half of their samples, whatever was bridged before: all NaN.
        """
        end = self.total.shape[1] - 1 - back
        if end < columns:
            return np.full((len(self.total), blocks), np.nan)
        edges, widths = _parts(end, columns, blocks)
        sums = _between(self.total, edges)
        if self.count is None:
            with np.errstate(invalid="ignore", divide="ignore"):  # fewer columns than blocks: parts of none
                return sums / widths
        count = _between(self.count, edges)
        with np.errstate(invalid="ignore", divide="ignore"):
            means = sums / count
        means[count * 2 < columns / blocks] = np.nan
        seen = self.count if self.seen is None else self.seen
        means[(seen[:, end] - seen[:, end - columns]) * 2 < columns] = np.nan
        means = bridged(means)
        if columns < blocks:  # as in rows of a block without a gap
            means[:, widths == 0] = np.nan
        return means


@lru_cache(maxsize=4096)
def _parts(end: int, columns: int, blocks: int) -> tuple[Ints, Ints]:
    """(edges (blocks + 1,), widths (blocks,)) of equal parts of the `columns` before `end`; every look asks for the same ones."""
    edges = np.round(np.linspace(end - columns, end, blocks + 1)).astype(np.int64)
    widths = np.diff(edges)
    edges.flags.writeable = widths.flags.writeable = False
    return edges, widths


def _between(sums: NDArray[Any], edges: Ints) -> NDArray[Any]:
    at = sums.take(edges, axis=1)
    return np.asarray(at[:, 1:] - at[:, :-1])


def _counted(present: Bools) -> NDArray[np.float32]:
    n, t = present.shape
    count = np.zeros((n, t + 1), np.float32)
    np.cumsum(present, axis=1, out=count[:, 1:], dtype=np.float32)
    return count


def straightened(values: NDArray[Any], most: int) -> NDArray[Any]:
    """(n, t) with inner gaps of up to `most` columns filled by the straight line between the samples around them."""
    t = values.shape[1]
    present, at = np.isfinite(values), np.arange(t)
    last = np.maximum.accumulate(np.where(present, at, -1), axis=1)
    following = np.minimum.accumulate(np.where(present, at, t)[:, ::-1], axis=1)[:, ::-1]
    inner = ~present & (last >= 0) & (following < t) & (following - last <= most + 1)
    row, column = np.nonzero(inner)
    begin, end = last[row, column], following[row, column]
    share = (column - begin) / (end - begin)
    out = values.copy()
    out[row, column] = values[row, begin] * (1 - share) + values[row, end] * share
    return out


def bridged(blocks: Array) -> Array:
    """A single missing inner block becomes the mean of its neighbours."""
    gap = np.isnan(blocks[:, 1:-1])
    if not gap.any():
        return blocks
    out = blocks.copy()
    out[:, 1:-1] = np.where(gap, 0.5 * (blocks[:, :-2] + blocks[:, 2:]), blocks[:, 1:-1])
    return out


def line(blocks: Array) -> tuple[Array, Array, Array]:
    """Least-squares line through (n, b) equally spaced values: (slope per block, value at the last block, residual std)."""
    b = blocks.shape[1]
    x = np.arange(b) - (b - 1) / 2
    mean = blocks.mean(axis=1)
    # einsum, not @: each row is summed alone, so a row's result does not depend on how many rows there are
    slope = np.einsum("nb,b->n", blocks - mean[:, None], x) / float((x * x).sum())
    rest = blocks - mean[:, None] - slope[:, None] * x
    return slope, mean + slope * x[-1], np.sqrt(np.einsum("nb,nb->n", rest, rest) / b)


def bent(pace: Array, bend: Array, room: Array) -> Array:
    """Parts until `room` is covered at `pace` a part that grows by `bend` a part: (sqrt(pace^2 + 2 bend room) - pace) / bend."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(2.0 * room / (pace + np.sqrt(pace * pace + 2.0 * bend * room)))


@dataclass(frozen=True, slots=True, eq=False)
class Rise:
    """What (n, b) blocks say; all (n,). Paces are per block; `step`: one block carries most of the rise."""

    rises: Bools
    even: Bools
    open_ended: Bools
    total: Array
    slope: Array
    early: Array
    late: Array
    noise: Array
    bend: Array
    step: Bools

    @property
    def good(self) -> Bools:
        """A rise that is steady, not a step, still going on and not levelling off below the limit."""
        return np.asarray(self.rises & self.even & self.open_ended)

    def parts_to(self, room: Array) -> Array:
        """How many parts it takes to cover `room`: at the pace of the last third, faster where the gains have grown all along."""
        return np.where(self.bend > 0, bent(self.pace + AHEAD * self.bend, self.bend, room), room / self.pace)

    @property
    def pace(self) -> Array:
        """How fast it goes on: the last third, within half and three times the whole."""
        return np.clip(self.late, 0.5 * self.slope, 3.0 * self.slope)


def rise(blocks: Array, room: Array, noise_share: float, levels: Array | float = 1.5) -> Rise:
    """Judge (n, b) blocks; `room` (n,) is what is left to the limit.

    rises: all gains but one are positive, or all but two with a residual under `noise_share` of the whole rise.
    even: no block carries more than EVEN of the rise and the median block is typical. open-ended: the last block still
    rises, and gains that shrink geometrically would, summed up, still go `levels` times as far as the limit.
    """
    b = blocks.shape[1]
    gains = np.diff(blocks, axis=1)
    total = blocks[:, -1] - blocks[:, 0]
    slope, _, noise = line(blocks)
    third = (b - 1) // 2
    with np.errstate(invalid="ignore", divide="ignore"):
        ups = (gains > 0).sum(axis=1)
        rises = (ups >= b - 1) | ((ups >= b - 2) & (noise < noise_share * total) & (gains.min(axis=1) > -0.06 * total))
        rises &= slope > 0
        middle = np.sort(gains, axis=1)[:, (b - 1) // 2]
        even = (gains.max(axis=1) < EVEN * total) & (middle >= TYPICAL * total / (b - 1))
        early, late = gains[:, :third].mean(axis=1), gains[:, -third:].mean(axis=1)
        shrink = np.clip(late / early, 1e-3, 1.0) ** (1.0 / (b - 1 - third))
        still_to_come = np.where(shrink < 0.985, late * shrink / (1.0 - shrink), np.inf)
        open_ended = ~(still_to_come < levels * room) & (gains[:, -1] > ONGOING * total / (b - 1))
        middle_gain = gains[:, third : b - 1 - third].mean(axis=1)
        span = (b - 1) / 3
        first, second = middle_gain - early, late - middle_gain
        grown = (late > GROWN * early) & (np.minimum(first, second) > 0.4 * np.maximum(first, second))
        newest = 0.25 * (gains[:, -2:].sum(axis=1) - gains[:, -4:-2].sum(axis=1))  # what began amid the window is not bent
        bend = np.where(grown & (newest > 0.05 * late), np.minimum(np.minimum(first, second) / span, newest), 0.0)
    return Rise(rises, even, open_ended, total, slope, early, late, noise, bend, gains.max(axis=1) > 0.6 * total)
