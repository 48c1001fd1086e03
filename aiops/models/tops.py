"""The week's one top, at the same hour of each week, that grows from week to week: Sunday's backup.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools
from aiops.models.paths import DAY, HOUR, NOTHING, WEEKLY_TOPS, Path, Scene
from aiops.models.shape import Array

WEEK_H, TOPS, AHEAD = 168, 4, 2
"""So many tops must be known, and so many weeks are looked ahead."""
AROUND_H = 2
EVENLY, LARGE, THERE = 0.6, 0.05, 0.3
"""The smallest gain is at least this share of the largest, their mean this share of the week's range; no hour of a week stands
above what was there at the hour of the top by more than this share of a gain."""


def weekly_tops(scene: Scene, high: NDArray[np.float32], silent: Bools, past_s: float) -> Path:
    """The top of the last week and what stood at its hour one, two and three weeks before gained alike: the coming weeks are the
    last one and that gain more; the first hour that reaches the limit is told. Only rows that are `silent` otherwise.

    `high` (n, hours) of the long history, which ended `past_s` ago. Two gains could be chance, three that differ by less than
    EVENLY at the hour of the week's top are none.
    """
    n = len(scene.now)
    eta, pace = np.full(n, np.nan), np.full(n, np.nan)
    least_h = (TOPS - 1) * WEEK_H + AROUND_H
    rows = np.flatnonzero(silent & (scene.age_s > least_h * HOUR) & (scene.room > 0))
    if len(rows) and high.shape[1] > least_h + 1:
        eta[rows], pace[rows] = _judged(high[rows], scene.top[rows], past_s)
    return Path(eta, pace, TOPS * 7.0 * DAY, WEEKLY_TOPS, np.full(n, NOTHING, np.int8))


def _judged(high: NDArray[np.float32], top: Array, past_s: float) -> tuple[Array, Array]:
    """(seconds left or NaN, pace a second) of m rows."""
    hourly = np.full((len(high), TOPS * WEEK_H), np.nan)
    count = min(high.shape[1] - 1, TOPS * WEEK_H)
    hourly[:, -count:] = np.fmin(high[:, 1:], high[:, :-1])[:, -count:]  # what two hours in a row reach
    weeks = hourly.reshape(len(high), TOPS, WEEK_H)
    best = np.fmax.reduce(weeks, axis=2)
    rows, last = np.arange(len(high)), weeks[:, -1]
    at = np.argmax(last == best[:, -1:], axis=1)
    hours = np.clip(at[:, None] + np.arange(-AROUND_H, AROUND_H + 1), 0, WEEK_H - 1)
    there = np.fmax.reduce(weeks[rows[:, None, None], np.arange(TOPS)[:, None], hours[:, None]], axis=2)
    gains = np.diff(there, axis=1)
    with np.errstate(invalid="ignore"):
        gain = gains.mean(axis=1)
        says = (gain > 0) & (gain >= LARGE * (best[:, -1] - np.fmin.reduce(last, axis=1)))
        says &= gains.min(axis=1) >= EVENLY * gains.max(axis=1)
        says &= (best <= there + THERE * gain[:, None]).all(axis=1)
        coming = np.concatenate([last + (week + 1) * gain[:, None] for week in range(AHEAD)], axis=1) >= top[:, None]
    says &= coming.any(axis=1)
    eta = np.maximum((coming.argmax(axis=1) - 0.5) * HOUR - past_s, 0.5 * HOUR)  # amid the first of the two hours in a row
    return np.where(says, eta, np.nan), gain / (7 * DAY)
