"""What a selector sees at each instant of a grid: the newest sample, or a function of the samples of a range.

Arrays: `frame.values` (n, t), the grid (g,) in milliseconds, results (n, g); `here` (g,) says where there is a result.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from aiops.telemetry.samples import Array, Frame, Millis

Bools = NDArray[np.bool_]
Edges = tuple[NDArray[np.int64], NDArray[np.int64]]


def instants(frame: Frame, grid_ms: Millis, lookback_ms: int) -> tuple[Array, Bools]:
    """(values (n, g), here (g,)): the newest sample not older than the look-back, that age included."""
    index = np.searchsorted(frame.time_ms, grid_ms, side="right") - 1
    at = np.maximum(index, 0)
    return frame.values[:, at], (index >= 0) & (grid_ms - frame.time_ms[at] <= lookback_ms)


def ranged(name: str, frame: Frame, grid_ms: Millis, span_ms: int) -> tuple[Array, Bools]:
    """(values (n, g), here (g,)) of one of `RANGE_FUNCTIONS` over [instant - span, instant], both ends included."""
    first = np.searchsorted(frame.time_ms, grid_ms - span_ms, side="left")
    last = np.searchsorted(frame.time_ms, grid_ms, side="right")
    if name in ("rate", "increase"):
        here = last - first >= 2
        return _extrapolated(frame, first, last, here, grid_ms, span_ms, name == "rate"), here
    return _OVER_TIME[name](frame.values, (first, last)), last > first


def _extrapolated(
    frame: Frame, first: Millis, last: Millis, here: Bools, grid_ms: Millis, span_ms: int, per_second: bool
) -> Array:
    """increase and rate: the rise with counter resets, stretched to the range but not below zero.

    r = v_b - v_a + sum of the values before each drop, times (sampled + reach to start + reach to end) / sampled, where a
    reach is the distance to the end of the range, or half the mean distance of samples if that is farther than 1.1 of it;
    the reach to the start ends where the counter would have been 0. Source: Prometheus, promql/functions.go.
    """
    values = frame.values
    if len(frame.time_ms) < 2:
        return np.full((len(values), len(grid_ms)), np.nan)
    before = np.zeros(values.shape)
    before[:, 1:] = np.where(np.diff(values) < 0, values[:, :-1], 0.0)
    a, b = np.where(here, first, 0), np.where(here, last - 1, 1)
    lost = _windowed(np.add, before, (a + 1, b + 1), 0.0)
    start = values[:, a]
    rise = values[:, b] - start + lost
    sampled = (frame.time_ms[b] - frame.time_ms[a]) / 1000
    between = sampled / (b - a)
    to_start = (frame.time_ms[a] - (grid_ms - span_ms)) / 1000
    to_end = (grid_ms - frame.time_ms[b]) / 1000
    rises = (rise > 0) & (start >= 0)
    to_zero = np.where(rises, sampled * (start / np.where(rises, rise, 1.0)), np.inf)
    to_start = np.minimum(to_start, to_zero)
    reach = np.where(to_start < between * 1.1, to_start, between / 2)
    factor = (sampled + reach + np.where(to_end < between * 1.1, to_end, between / 2)) / sampled
    return np.asarray(rise * (factor / (span_ms / 1000) if per_second else factor))


def _windowed(how: np.ufunc, values: Array, edges: Edges, nothing: float) -> Array:
    """`how` reduced over values[:, a:b] for each pair of edges; what stands for an empty window means nothing."""
    both = np.empty(2 * len(edges[0]), np.int64)
    both[0::2], both[1::2] = edges
    padded = np.concatenate([values, np.full((len(values), 1), nothing)], axis=1)
    out: Array = how.reduceat(padded, both, axis=1)[:, 0::2]
    return out


def _sum(values: Array, edges: Edges) -> Array:
    return _windowed(np.add, values, edges, 0.0)


def _count(values: Array, edges: Edges) -> Array:
    return np.broadcast_to((edges[1] - edges[0]).astype(np.float64), (len(values), len(edges[0]))).copy()


_OVER_TIME: dict[str, Callable[[Array, Edges], Array]] = {
    "avg_over_time": lambda values, edges: _sum(values, edges) / (edges[1] - edges[0]),
    "min_over_time": lambda values, edges: _windowed(np.fmin, values, edges, np.nan),
    "max_over_time": lambda values, edges: _windowed(np.fmax, values, edges, np.nan),
    "sum_over_time": _sum,
    "count_over_time": _count,
    "last_over_time": lambda values, edges: values[:, np.maximum(edges[1] - 1, 0)],
}
RANGE_FUNCTIONS = frozenset({"rate", "increase", *_OVER_TIME})
