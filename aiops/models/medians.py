"""Medians of many small samples at once, and the usual day and week of a series made of them.

A sorting network compares whole arrays, so a median of k values costs k log^2 k / 4 minima and maxima over contiguous memory
and no branch; what the middle does not need is left out.

Source: K. Batcher, Sorting networks and their applications (1968): odd-even merge sort.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from aiops.core.records import Bools, Floats

COLUMNS = 16384
"""Columns worked on at once: 35 rows of them stay near the core."""
FEW = 1 / 16
"""Up to this share of columns with gaps these are done apart from the others."""
DAY, WEEK = 24, 168


@cache
def network(k: int) -> tuple[tuple[int, int, bool, bool], ...]:
    """Comparators (i, j, keep the smaller in i, keep the larger in j) in order, that bring the middle of k values into place."""
    pairs: list[tuple[int, int]] = []
    size = 1 << max(k - 1, 0).bit_length()
    step = 1
    while step < size:
        stride = step
        while stride:
            for start in range(stride % step, size - stride, 2 * stride):
                places = range(start, min(start + stride, size - stride, k - stride))
                pairs += [(i, i + stride) for i in places if i // (2 * step) == (i + stride) // (2 * step)]
            stride //= 2
        step *= 2
    needed, kept = {(k - 1) // 2, k // 2}, []
    for i, j in reversed(pairs):
        if i in needed or j in needed:
            kept.append((i, j, i in needed, j in needed))
            needed |= {i, j}
    return tuple(reversed(kept))


def median(stack: Floats) -> Floats:
    """(m,) medians over the first axis of `stack` (k, m), NaN left out: bit for bit what numpy's nanmedian gives.

    A column without a value is NaN. `stack` is not changed. Raises ValueError when k is 0.

    >>> median(np.array([[1.0, 5.0], [np.nan, 7.0], [2.0, 6.0]])).tolist()
    [1.5, 6.0]
    """
    k, m = stack.shape
    if not k:
        raise ValueError("no median of nothing")
    out = np.empty(m, stack.dtype)
    work = np.empty((k + 2, min(m, COLUMNS)), stack.dtype)
    for start in range(0, m, COLUMNS):
        part, place = stack[:, start : start + COLUMNS], out[start : start + COLUMNS]
        missing = np.isnan(part)
        gaps = np.flatnonzero(missing.any(axis=0))
        if len(gaps) <= part.shape[1] * FEW:
            work[:k, : part.shape[1]] = part
            lower, upper = _middle(work[: k + 1, : part.shape[1]])
            place[:] = lower if k % 2 else (lower + upper) / stack.dtype.type(2)
            if len(gaps):
                place[gaps] = _with_gaps(part[:, gaps], missing[:, gaps], work)
        else:
            place[:] = _with_gaps(part, missing, work)
    return out


def _middle(work: Floats) -> tuple[Floats, Floats]:
    """The lower and the upper value in the middle of each column; the last row is for use, and all is overwritten."""
    k = len(work) - 1
    rows, free = list(work[:k]), work[k]
    for i, j, low, high in network(k):
        a, b = rows[i], rows[j]
        if low and high:
            np.minimum(a, b, out=free)
            np.maximum(a, b, out=b)
            rows[i], free = free, a
        elif low:
            np.minimum(a, b, out=a)
        else:
            np.maximum(a, b, out=b)
    return rows[(k - 1) // 2], rows[k // 2]


def _with_gaps(part: Floats, missing: Bools, work: Floats) -> Floats:
    """Medians of columns with gaps: half of these are put below everything and half above, so that the middle stays."""
    k, m = part.shape
    even = k + k % 2
    rows = work[: even + 1, :m]
    kind = np.uint8 if k < 255 else np.int32
    gaps = missing.sum(axis=0, dtype=kind)
    below, seen = (gaps + kind(k % 2)) // kind(2), np.zeros(m, kind)
    high, low = part.dtype.type(np.inf), part.dtype.type(-np.inf)
    for row, values, gone in zip(rows, part, missing, strict=False):
        np.add(seen, gone, out=seen, casting="unsafe")
        np.fmin(values, high, out=row)  # a gap becomes the other
        np.copyto(row, low, where=gone & (seen <= below))
    if k % 2:
        rows[k] = np.inf
    lower, upper = _middle(rows)
    with np.errstate(invalid="ignore"):
        out = np.where((k - gaps) % 2, lower, (lower + upper) / part.dtype.type(2))
    out[gaps == k] = np.nan
    return out


def usual(values: Floats, period: int) -> Floats:
    """(n, period) the median of each place of a period over the whole periods that `values` (n, t) ends with.

    The last column is the last place. NaN where there was never a value. Raises ValueError when t is below one period.
    """
    n, t = values.shape
    count = t // period
    if not count:
        raise ValueError("less than one period")
    parts = values[:, t - count * period :].reshape(n, count, period)
    stack = np.ascontiguousarray(parts.transpose(1, 0, 2)).reshape(count, n * period)
    return median(stack).reshape(n, period)


def usual_week(values: Floats) -> Floats:
    """(n, 168) the usual week: as `usual`, without weeks that differ from it more than three times as much as the median week.

    `values` (n, t) hourly. A week without samples differs by nothing. Raises ValueError when t is below a week.
    """
    n, t = values.shape
    first = usual(values, WEEK)
    count = t // WEEK
    if count < 3:
        return first
    parts = np.ascontiguousarray(values[:, t - count * WEEK :].reshape(n, count, WEEK))
    away = np.abs(parts - first[:, None, :])
    known = np.isfinite(away)
    differs = np.where(known, away, 0).sum(axis=2) / np.maximum(known.sum(axis=2), 1)
    odd = differs > 3 * median(np.ascontiguousarray(differs.T))[:, None]
    rows = np.flatnonzero(odd.any(axis=1))
    if len(rows):
        rest = np.where(odd[rows][:, :, None], np.nan, parts[rows]).astype(values.dtype)
        first[rows] = usual(rest.reshape(len(rows), count * WEEK), WEEK)
    return first
