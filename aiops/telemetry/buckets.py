"""Buckets: the mean, min and max of the columns of a finer grid, gaps left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints
from aiops.telemetry.ring import Ring

Three = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


def summary(columns: NDArray[np.float32]) -> Three:
    """(mean, low, high) (n,) of the columns (n, t) of one bucket, NaN where all are missing."""
    if columns.shape[1] == 1:
        return columns[:, 0], columns[:, 0], columns[:, 0]
    by_column = np.ascontiguousarray(columns.T)  # numpy goes along many rows five times as fast as along few columns
    low, high = by_column[0].copy(), by_column[0].copy()
    for column in by_column[1:]:
        np.fmin(low, column, out=low)
        np.fmax(high, column, out=high)
    present = ~np.isnan(by_column)
    with np.errstate(invalid="ignore"):  # an empty bucket is a gap; and unlike warnings' filters this is each thread's own
        mean = np.where(present, by_column, 0).sum(axis=0, dtype=np.float64) / present.sum(axis=0)
        return mean.astype(np.float32), low, high


def last_of_each(rows: Ints, values: Floats) -> tuple[Ints, Floats]:
    """Rows (k,) and their values (k, t) with each row once: the last one that is given of it."""
    if len(rows) < 2 or bool((np.diff(rows) > 0).all()):
        return rows, values
    kept, place = np.unique(rows[::-1], return_index=True)
    return (rows, values) if len(kept) == len(rows) else (kept, values[::-1][place])


def join(
    ring: Ring, step_s: int, rows: Ints, time_s: Ints, columns: Floats, first_s: Ints, span_s: tuple[int, int], replace: bool
) -> None:  # fmt: skip
    """Put columns (k, t) of the grid of `step_s`, relative to the rows' offsets, into those buckets of a coarse ring that have
    ended and that the finest ring, which reaches over `span_s` (after, to], does not hold whole.

    Of a bucket that is empty the columns are all there is. One that has a value keeps it, but for two cases: with `replace`, and
    columns that cover it whole, it becomes what they make of it; and where all of them are older than `first_s` (k,), a row's
    first sample until now (-1 = none), it is joined with them, by the number of instants on each side.
    """
    wide, last = ring.step_s, span_s[1] // ring.step_s
    number = -(-time_s // wide)
    held = (number > last - ring.size) & (number <= last) & ((number - 1) * wide < span_s[0])
    if not held.any():
        return
    number, time_s, columns = number[held], time_s[held], columns[:, held]
    starts = np.flatnonzero(np.diff(number, prepend=number[0] - 1))
    bucket = number[starts]
    ends = np.append(starts[1:], len(number)) - 1
    count, mean, low, high = _bucketed(columns, starts)
    had = np.stack([ring.cells(part, rows, bucket % ring.size) for part in range(ring.parts)])
    empty, some = np.isnan(had[0]), np.isfinite(mean)
    whole = ends - starts + 1 >= bucket * wide // step_s - (bucket - 1) * wide // step_s
    before = (first_s >= 0)[:, None] & (time_s[ends][None, :] < first_s[:, None]) & ~empty
    later = np.maximum(bucket * wide // step_s - first_s[:, None] // step_s + 1, 1)
    weighted = (mean * count + had[0] * later) / (count + later)
    both = (weighted, np.fmin(low, had[1]), np.fmax(high, had[2]))
    taken, joined = some & (empty | (replace & whole)), some & before
    for part, (new, with_old) in enumerate(zip((mean, low, high), both, strict=True)):
        ring.put(part, rows, bucket % ring.size, np.where(taken, new, np.where(joined, with_old, had[part])).astype(np.float32))


def _bucketed(columns: Floats, starts: Ints) -> tuple[Ints, Floats, Floats, Floats]:
    """(count, mean, low, high) (k, b) of columns (k, t) in b buckets that begin at the columns `starts`; what float32 cannot hold
    is missing."""
    with np.errstate(invalid="ignore", over="ignore"):
        values = columns.astype(np.float32).astype(np.float64)
        present = np.isfinite(values)
        count = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
        mean = np.add.reduceat(np.where(present, values, 0.0), starts, axis=1) / count
        values[~present] = np.nan
        return count, mean, np.fmin.reduceat(values, starts, axis=1), np.fmax.reduceat(values, starts, axis=1)
