"""Hours by the clock of a time zone: where clocks change, the hours of a history are put where people have them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import History, Ints, Resolution
from aiops.core.zones import known_zone
from aiops.models.civil import offset_s

HOUR = 3600
Fine = NDArray[np.float32]


def localised(history: History, time_zone: str) -> History:
    """The history with its hours (`long`) on the clock of a zone, ending as before: every 24th column is the same local hour.

    An hour that is left out in spring is a gap; of two that are one in autumn the mean, the lowest and the highest are taken.
    Where no clock was changed, and for UTC, it is the very same. What is younger than hours stays as it is.
    """
    long = history.long
    if time_zone == "UTC" or long.step_s != HOUR or not long.mean.size:
        return history
    parts = {name: getattr(long, name) for name in ("mean", "low", "high")}
    for end in np.unique(history.now_s // HOUR).tolist():
        columns = _columns(time_zone, end, long.mean.shape[1])
        if columns is None:
            continue
        rows = np.flatnonzero(history.now_s // HOUR == end)
        moved = _moved(long, rows, columns)
        for name, values in moved.items():
            parts[name] = parts[name].copy() if parts[name] is getattr(long, name) else parts[name]
            parts[name][rows] = values
    return history if parts["mean"] is long.mean else replace(history, long=replace(long, **parts))


@lru_cache(maxsize=256)
def _columns(time_zone: str, end: int, count: int) -> Ints | None:
    """(count,) the column of each of the hours that end with hour `end`, the older the smaller; None where nothing moves."""
    zone = known_zone(time_zone)
    hours = np.arange(end - count, end, dtype=np.int64)
    offset = np.array([offset_s(zone, 4 * hour) for hour in hours.tolist()], np.int64)
    shift = np.rint((offset - offset[-1]) / HOUR).astype(np.int64)
    return np.arange(count) + shift if shift.any() else None


def _moved(long: Resolution, rows: Ints, columns: Ints) -> dict[str, Fine]:
    """The arrays of some rows with each column at its new place; what would stand before the first is left out."""
    count = long.mean.shape[1]
    first, again = np.ones(len(columns), bool), np.zeros(len(columns), bool)
    again[1:] = columns[1:] <= columns[:-1]
    first &= ~again & (columns >= 0) & (columns < count)
    again &= (columns >= 0) & (columns < count)
    out = {}
    for name, join in (("mean", _mean), ("low", np.fmin), ("high", np.fmax)):
        values = getattr(long, name)[rows]
        moved = np.full(values.shape, np.nan, np.float32)
        moved[:, columns[first]] = values[:, first]
        moved[:, columns[again]] = join(moved[:, columns[again]], values[:, again])
        out[name] = moved
    return out


def _mean(one: Fine, other: Fine) -> Fine:
    both = 0.5 * (one + other)
    return np.asarray(np.where(np.isnan(both), np.where(np.isnan(one), other, one), both), np.float32)
