"""Buckets: the mean, min and max of the columns of a finer grid, gaps left out."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints

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


def bucketed(columns: Floats, starts: Ints) -> Three:
    """(mean, low, high) (n, b) of columns (n, t) in b buckets that begin at the columns `starts` (b,); infinite = missing."""
    present = np.isfinite(columns)
    values = np.where(present, columns, np.nan)
    count = np.add.reduceat(present, starts, axis=1, dtype=np.int64)
    with np.errstate(invalid="ignore", over="ignore"):
        mean = np.add.reduceat(np.where(present, columns, 0.0), starts, axis=1) / count
        low, high = (how.reduceat(values, starts, axis=1) for how in (np.fmin, np.fmax))
        three = tuple(np.asarray(one, np.float32) for one in (mean, low, high))
    for one in three:
        one[~np.isfinite(one)] = np.nan
    return three[0], three[1], three[2]
