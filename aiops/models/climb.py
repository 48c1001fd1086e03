"""How long a rise has lasted, and whether enough of its way lies behind it to say that it goes on.

Most of what rises for hours is a job that ends by itself; what has risen for two days and nights is growth.
"""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools
from aiops.models.paths import HOUR, Scene
from aiops.models.shape import Array

WIDTHS = (1, 6, 12)
"""A rise is looked for in the level, and in its floors over so many hours, since a sawtooth hides it."""
SHORT, DAYS = np.arange(1, 24), 24 * np.arange(1, 14)
"""Hours ago a rise may have begun: within a day, compared with what the same hours of yesterday gained; else whole days."""
JOB_H, GROWTH_H, YOUNG_H = 24.0, 48.0, 72.0
JOB, GROWTH = 0.47, 0.4
"""The share of the way that must lie behind a rise of up to JOB_H, and of GROWTH_H and more (YOUNG_H where there was no calm as
long before it); between them a straight line."""


def far_enough(scene: Scene) -> Bools:
    """(n,) whether enough of the way from where a rise began to the limit lies behind it, for how long it has lasted.

    It began where gain / sqrt(hours) is largest, the span that a random walk explains least; by the level or by one of its
    floors (WIDTHS), whichever says more. Rows without a rise, or without history: False.
    """
    ago = scene.hourly[:, ::-1].astype(np.float64)
    enough = np.zeros(len(ago), bool)
    for width in WIDTHS:
        floor = _floors(ago, width)
        now = floor[:, 0] if width > 1 else scene.now
        high = np.fmax(scene.now, np.fmax.reduce(ago[:, :width], axis=1)) if width > 1 else scene.now
        hours, gain = _longest(now, floor)
        with np.errstate(invalid="ignore", divide="ignore"):
            behind = gain / (gain + scene.top - high)
            growth_h = np.where(scene.age_s < 2.0 * HOUR * hours, YOUNG_H, GROWTH_H)
            needed = JOB + (GROWTH - JOB) * np.clip((hours - JOB_H) / (growth_h - JOB_H), 0.0, 1.0)
            enough |= behind >= needed
    return enough


def _floors(ago: Array, width: int) -> Array:
    """(n, t - width + 1) the lowest of each `width` columns beside each other; NaN = none is known."""
    floor, covered = ago, 1
    while covered < width:  # two spans that overlap or touch make a longer one
        step = min(covered, width - covered)
        floor, covered = np.fmin(floor[:, :-step], floor[:, step:]), covered + step
    return floor


def _longest(now: Array, ago: Array) -> tuple[Array, Array]:
    """(hours, gain) of the rise to `now` (n,) from `ago` (n, hours ago) that stands out most; the gain is at least 0.

    Of days, the first one counts by its share of what the others gained on average: the rise may have begun amid it.
    """
    rows = np.arange(len(ago))
    with np.errstate(invalid="ignore", divide="ignore"):
        yesterday = np.fmax(ago[:, 24, None] - ago[:, 24 + SHORT], 0.0)
        gains = np.concatenate([now[:, None] - ago[:, SHORT] - np.nan_to_num(yesterday), now[:, None] - ago[:, DAYS]], axis=1)
        hours = np.concatenate([SHORT, DAYS]) + 0.5  # a mean of an hour stands for its middle
        best = np.where(np.isfinite(gains), gains / np.sqrt(hours), -np.inf).argmax(axis=1)
        gain, later = gains[rows, best], gains[rows, np.maximum(best - 1, len(SHORT))]
        first = (gain - later) / (later / (best - len(SHORT)))
    missing = np.where(best > len(SHORT), 24.0 * (1.0 - np.clip(np.nan_to_num(first, nan=1.0), 0.0, 1.0)), 0.0)
    return hours[best] - missing, np.where(gain > 0, gain, 0.0)
