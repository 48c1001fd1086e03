"""What a second opinion looks at: how far the blocks of the last days lie from the usual course of the day, in own scales."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, History, Resolution
from aiops.models.medians import DAY, usual

HOUR = 3600
BUCKETS = 3
"""Buckets of the middle resolution (5 min) that make a block."""
BLOCKS, FEWEST = 288, 48
"""Blocks that are looked at, at most and at least: three days, and half a day."""
HELD = 4
"""The newest blocks, that nothing is learnt from: what is judged is not taken for usual."""
DAYS = 14
"""Days whose hours make the usual course; the newest day of them is left out."""
LARGEST = 50.0
"""Largest departure that is told apart, in scales."""
PARTS = 3
"""Mean, lowest and highest of a block."""


def departures(history: History) -> NDArray[np.float32] | None:
    """(n, blocks, 3) mean, lowest and highest departure of each block from the usual course of the day, in the row's own scale.

    The newest block ends with the newest bucket. NaN: a gap, or a row that never moved. None: too short for an opinion.
    """
    blocks = _blocks(history.mid)
    if blocks is None:
        return None
    course = _course(history, blocks.shape[1])
    away = blocks - course[:, :, None]
    calm = away[:, :-HELD, 0]
    middle = _median(calm)
    away -= middle[:, None, None]
    distance = np.abs(away[:, :-HELD, 0])
    scale = np.maximum(1.4826 * _median(distance), 0.3 * _mean(distance))
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = away / np.where(scale > 0, scale, np.nan)[:, None, None]
    return np.clip(ratio, -LARGEST, LARGEST).astype(np.float32)


def _blocks(one: Resolution) -> Floats | None:
    """(n, blocks, 3) of the middle resolution, oldest first."""
    count = min(one.mean.shape[1] // BUCKETS, BLOCKS)
    if count < FEWEST:
        return None
    last = count * BUCKETS

    def cut(values: Floats) -> Floats:
        return values[:, values.shape[1] - last :].astype(np.float64).reshape(len(values), count, BUCKETS)

    low, high = np.fmin.reduce(cut(one.low), axis=2), np.fmax.reduce(cut(one.high), axis=2)
    return np.stack([_mean(cut(one.mean)), low, high], axis=2)


def _course(history: History, count: int) -> Floats:
    """(n, count) the usual value at the middle of each block, on straight lines between the middles of hours; 0 while there are
    not three days of hours."""
    long = history.long
    hours = long.mean[:, -(DAYS + 1) * DAY : -DAY].astype(np.float64)
    if hours.shape[1] < 2 * DAY:
        return np.zeros((len(long.mean), count))
    day = usual(hours, DAY)
    day = np.where(np.isfinite(day), day, _median(day)[:, None])
    newest = long.end_s // HOUR - DAY  # the hour in which the last column of `day` ends
    width = BUCKETS * history.mid.step_s
    middle_s = history.mid.end_s - width * (np.arange(count - 1, -1, -1) + 0.5)
    place = middle_s / HOUR + 0.5 - newest - 1  # in columns of `day`, whose last one is -1
    before = np.floor(place).astype(np.int64)
    share = place - before
    return day[:, before % DAY] * (1 - share) + day[:, (before + 1) % DAY] * share


def _mean(values: Floats) -> Floats:
    """Means over the last axis, NaN left out."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(known, values, 0).sum(axis=-1) / known.sum(axis=-1))


def _median(values: Floats) -> Floats:
    """Medians over the last axis, NaN left out; NaN where there is nothing. A few long rows: a sort takes 0.1 ms for 96 of them,
    the network of `medians`, made for many short ones, 3 ms."""
    ordered, many = np.sort(values, axis=-1), np.isfinite(values).sum(axis=-1, keepdims=True)
    low, high = (np.take_along_axis(ordered, np.maximum(at, 0), axis=-1) for at in ((many - 1) // 2, many // 2 - (many == 0)))
    return np.asarray(0.5 * (low + high))[..., 0]
