"""A picture of one warning as SVG: left of its opening what was known, right of it what then happened."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aiops.backtest.shown import Shown
from aiops.core.axes import levels, lines, thinned, ticks, with_band
from aiops.web.reports.backtest_page import number

WIDE, HIGH = 860, 230
LEFT, RIGHT, TOP, BOTTOM = 62, 12, 14, 34
COLUMNS = 400
FAR = 4.0
"""A limit further away than this many heights of the data would make the data a flat line: it is named instead of drawn."""


def plot(one: Shown) -> Mapping[str, Any] | None:
    """Where what stands in the picture, in pixels; None without any sample.

    `before`, `after`: polylines; `band`: polygons; `limit`: polylines; `told` (x, width, y, dot x); `opened`, `crossed`: x.
    """
    if not np.isfinite(one.values).any():
        return None
    low, high, drawn = _heights(one)
    start, end = int(one.time_s[0]), max(int(one.time_s[-1]), int(one.time_s[0]) + 1)
    told = one.opened.first_crossing if one.opened is not None else None
    if told is not None:
        end = max(end, min(int(told.latest_s), end + (end - start) // 2))

    def x(time_s: float) -> float:
        return round(LEFT + (WIDE - LEFT - RIGHT) * min(max((time_s - start) / (end - start), 0.0), 1.0), 1)

    def y(value: float) -> float:
        return round(HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * min(max((value - low) / (high - low), -0.05), 1.05), 1)

    at = thinned(one.values, COLUMNS)
    split = int(np.searchsorted(one.time_s[at], one.at_s, side="right"))
    limits = one.limit[np.isfinite(one.limit)]
    found: dict[str, Any] = {
        "before": list(lines(one.time_s[at[:split]], one.values[at[:split]], x, y)),
        "after": list(lines(one.time_s[at[max(split - 1, 0) :]], one.values[at[max(split - 1, 0) :]], x, y)),
        "band": list(_bands(one, x, y)), "opened": x(one.at_s) if one.opened is not None else None,
        "crossed": [x(t) for t in one.crossings], "limit": list(lines(one.time_s, one.limit, x, y)) if drawn else [],
        "far": "" if drawn or not len(limits) else f"limit {number(float(limits[-1]))}, too far to be drawn",
        "x": [(x(t), label) for t, label in ticks(start, end)], "y": [(y(v), number(v)) for v in levels(low, high)],
        "open": _open(one, x, end),
    }  # fmt: skip
    if told is not None and drawn and len(limits):
        first = one.limit[min(int(np.searchsorted(one.time_s, one.at_s)), len(one.limit) - 1)]
        level = y(float(first if math.isfinite(first) else limits[-1]))
        found["told"] = (x(told.earliest_s), max(round(x(told.latest_s) - x(told.earliest_s), 1), 2.0), level, x(told.expected_s))
    return found


def _bands(one: Shown, x: Any, y: Any) -> Iterator[str]:
    at = thinned(np.where(np.isfinite(one.low) & np.isfinite(one.high), one.high, np.nan), COLUMNS)
    here = at[np.isfinite(one.low[at]) & np.isfinite(one.high[at])]
    if len(here) > 1:
        there = [f"{x(int(one.time_s[i]))},{y(float(one.high[i]))}" for i in here.tolist()]
        back = [f"{x(int(one.time_s[i]))},{y(float(one.low[i]))}" for i in reversed(here.tolist())]
        yield " ".join(there + back)


def _open(one: Shown, x: Any, end: int) -> tuple[float, float] | None:
    """(x, width) of the time in which the warning was open."""
    if one.opened is None:
        return None
    closed = end if one.last is None or one.last.closed_s is None else one.last.closed_s
    first = x(one.opened.opened_s)
    return first, round(max(x(closed) - first, 1.0), 1)


def _heights(one: Shown) -> tuple[float, float, bool]:
    """The lowest and the highest place of a picture, and whether the limit is inside of it."""
    some = one.values[np.isfinite(one.values)]
    low, high = float(some.min()), float(some.max())
    limits = one.limit[np.isfinite(one.limit)]
    height = (high - low) or abs(high) or 1.0
    near = len(limits) > 0 and float(limits.max()) - high <= FAR * height and low - float(limits.min()) <= FAR * height
    if near:
        low, high = min(low, float(limits.min())), max(high, float(limits.max()))
    height = (high - low) or abs(high) or 1.0
    low, high = with_band(low, high, one.low, one.high)
    return low - 0.04 * height, high + 0.08 * height, near
