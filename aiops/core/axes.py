"""What pictures of series have in common: few enough points, round ticks, lines that a gap ends. Pure functions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from aiops.core.durations import rfc3339
from aiops.core.records import Ints

Row = NDArray[np.float64]
Place = Callable[[float], float]
STEPS = (60, 300, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800)
TICKS_AT_MOST = 7


def thinned(values: Row, columns: int) -> Ints:
    """Ascending indices of the points that are drawn: all where they are few, else the lowest and the highest of each column."""
    count = len(values)
    if count <= 2 * columns:
        return np.arange(count)
    out = {0, count - 1}
    for part in np.array_split(np.arange(count), columns):
        some = part[np.isfinite(values[part])]
        out |= {int(part[0])} if not len(some) else {int(some[np.argmin(values[some])]), int(some[np.argmax(values[some])])}
    return np.array(sorted(out), np.int64)


def ticks(start: int, end: int, most: int = TICKS_AT_MOST) -> Iterator[tuple[int, str]]:
    """(instant, label) along the time axis: round times of day, the date where it changes."""
    longest = STEPS[-1] * -(-(end - start) // (STEPS[-1] * most))
    step = next((s for s in STEPS if (end - start) / s <= most), longest)
    day = ""
    for at in range(-(-start // step) * step, end + 1, step):
        said = rfc3339(at)
        date, hour = said[5:10], said[11:16]
        yield at, hour if date == day else date if hour == "00:00" else f"{date} {hour}"
        day = date


def lines(time_s: Ints, values: Row, x: Place, y: Place) -> Iterator[str]:
    """Polylines, each ended by a gap."""
    points: list[str] = []
    for at, value in zip(time_s.tolist(), values.tolist(), strict=True):
        if math.isfinite(value):
            points.append(f"{x(at)},{y(value)}")
        elif points:
            yield " ".join(points)
            points = []
    if points:
        yield " ".join(dict.fromkeys(points))


def levels(low: float, high: float) -> Iterator[float]:
    """Round values between two."""
    rough = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(rough)) if rough > 0 else 1.0
    step = next(power * f for f in (1, 2, 2.5, 5, 10) if power * f >= rough)
    first = math.ceil(low / step)
    yield from (round(step * i, 12) for i in range(first, math.floor(high / step) + 1))


def with_band(low: float, high: float, below: Row, above: Row) -> tuple[float, float]:
    """The lowest and the highest place with a band in it, as far as it takes no more than half of the height beyond either."""
    height = (high - low) or abs(high) or 1.0
    least, most = below[np.isfinite(below)], above[np.isfinite(above)]
    if len(least):
        low = max(min(low, float(least.min())), low - height / 2)
    if len(most):
        high = min(max(high, float(most.max())), high + height / 2)
    return low, high
