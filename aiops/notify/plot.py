"""The picture on the page of a warning, as SVG: what was measured, what is usual, the limit, and the way that leads to it.

Lines stand in a box that is stretched to any width, texts beside it at shares of that width, so that they are as legible on a
phone as on a desk.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from markupsafe import Markup

from aiops.core.axes import levels, lines, ticks, with_band
from aiops.core.quantity import quantities, quantity, scales, size_of
from aiops.notify.arrays import Arrays, Row

WIDE, HIGH = 1000, 260
TOP, BOTTOM = 22, 40
TICKS = 4
FAR = 3.0
"""A limit further away than this many heights of the data is named and not drawn; one that a crossing was told of always is."""
AHEAD_AT_MOST = 1.5
"""What lies ahead takes at most this many times the room of what was measured."""


def picture(found: Arrays) -> dict[str, Any]:
    """What stands where: x in 0-1000 of the box and as a share of the width (`…_at`, percent), y in pixels of HIGH."""
    low, high, near = heights(found)
    start, end = int(found.time_s[0]), _end(found)

    def x(time_s: float) -> float:
        return round(WIDE * min(max((time_s - start) / max(end - start, 1), 0.0), 1.0), 1)

    def y(value: float) -> float:
        return round(HIGH - BOTTOM - (HIGH - TOP - BOTTOM) * min(max((value - low) / (high - low), 0.0), 1.0), 1)

    limit = math.isfinite(found.limit)
    return {
        "wide": WIDE, "high": HIGH, "top": TOP, "bottom": HIGH - BOTTOM,
        "lines": _whole(lines(found.time_s, found.values, x, y)),
        "band": _whole(_bands(found.time_s, found.low, found.high, x, y)),
        "cone": _whole(_bands(found.ahead_s, found.lower, found.upper, x, y)),
        "ahead": _whole(lines(found.ahead_s, found.mean, x, y)),
        "limit": y(found.limit) if limit and near else None,
        "limit_said": quantity(found.limit, found.unit) if limit else "",
        "x": [_tick(at, label, x(at)) for at, label in ticks(start, end, TICKS) if 4 <= x(at) / 10 <= 96],
        "y": [(y(level), said) for level, said in _levels(low, high, found.unit)],
        "now": _mark(x(found.now_s)) if len(found.ahead_s) else None, "opened": _mark(x(found.opened_s), found.opened_s > start),
        "failed": None if found.failed_s is None else _mark(x(found.failed_s), start <= found.failed_s <= end),
        "told": _told(found, x, y, end) if limit and near else None, "data": data(found),
    }  # fmt: skip


def _whole(points: Iterable[str]) -> list[Markup]:
    """Numbers alone, so they are markup: text from outside would be cut where it is long."""
    return [Markup(one) for one in points]


def data(found: Arrays) -> dict[str, Any]:
    """What the script draws from: the arrays without the labels, and in which sizes their unit is shown."""
    return {name: value for name, value in found.as_json().items() if name != "labels"} | {"scales": scales(found.unit)}


def heights(found: Arrays) -> tuple[float, float, bool]:
    """The lowest and the highest place of the picture, and whether the limit is inside of it."""
    some = found.values[np.isfinite(found.values)]
    low, high = float(some.min()), float(some.max())
    height = (high - low) or abs(high) or 1.0
    near = len(found.ahead_s) > 0 or (found.limit - high <= FAR * height and low - found.limit <= FAR * height)
    if near and math.isfinite(found.limit):
        low, high = min(low, found.limit), max(high, found.limit)
    low, high = with_band(low, high, found.low, found.high)
    height = (high - low) or abs(high) or 1.0
    return low - 0.06 * height, high + 0.06 * height, near and math.isfinite(found.limit)


def _end(found: Arrays) -> int:
    """The last instant that is shown."""
    last, past = found.now_s, found.now_s - int(found.time_s[0])
    if not len(found.ahead_s):
        return max(last, int(found.time_s[0]) + 1)
    return int(min(float(found.ahead_s[-1]) + 0.04 * past, last + AHEAD_AT_MOST * max(past, 1)))


def _told(found: Arrays, x: Any, y: Any, end: int) -> Mapping[str, Any] | None:
    """The interval that was told, as a bar on the limit; `beyond`: it reaches further than what is shown."""
    c = found.crossing
    if c is None or c.earliest_s > end:
        return None
    first, last = x(c.earliest_s), x(c.latest_s)
    return {
        "x": first, "width": max(round(last - first, 1), 3.0), "y": y(found.limit), "at": round(x(c.expected_s) / 10, 2),
        "inside": c.expected_s <= end, "beyond": c.latest_s > end,
    }  # fmt: skip


def _mark(at: float, inside: bool = True) -> Mapping[str, Any] | None:
    """A vertical line; its text stands on the side where there is room."""
    return {"x": at, "at": round(at / 10, 2), "left": at > 0.7 * WIDE} if inside else None


def _tick(at_s: int, label: str, x: float) -> Mapping[str, Any]:
    date, _, hour = label.rpartition(" ")
    return {"x": x, "at": round(x / 10, 2), "hour": hour, "date": date}


def _levels(low: float, high: float, unit: str) -> Iterator[tuple[float, str]]:
    """Values that are round in what their unit is shown in, each with its own text."""
    size = size_of(max(abs(low), abs(high)), unit)
    found = [level * size for level in levels(low / size, high / size)]
    return zip(found, quantities(found, unit), strict=True)


def _bands(time_s: Any, low: Row, high: Row, x: Any, y: Any) -> Iterator[str]:
    """Polygons between two lines, each ended by a gap."""
    known = np.isfinite(low) & np.isfinite(high)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], known, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        if last - first > 1:
            there = [f"{x(float(time_s[i]))},{y(float(high[i]))}" for i in range(first, last)]
            back = [f"{x(float(time_s[i]))},{y(float(low[i]))}" for i in range(last - 1, first - 1, -1)]
            yield " ".join(there + back)
