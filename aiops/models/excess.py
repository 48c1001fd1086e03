"""What the last hours gained over the usual day: where that is steady, lines of hours are told by it and the usual day to come.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiops.core.records import Bools
from aiops.models.paths import DAY, EDGES, HOUR, RISES, Path, Scene
from aiops.models.rhythm import DAY_H, DAYS, LEAST_DAYS, Usual, meets
from aiops.models.shape import Array

LEAST_H = 3
"""So many hours at least have gained it alike; shorter windows see what began since."""
CLEARER = 4.0
"""The usual day and a steady gain leave so many times less of the last day's squares than a steady gain alone."""
BOUNDS = (0.78, 1.3)
"""Between what the bounds of the told time lie, as shares of it."""


def told(found: Sequence[Path], scene: Scene, past_s: float) -> list[Path]:
    """`found` with lines of LEAST_H to 24 h told by `reaches` where that says something; `past_s` as there."""
    lines = [path.name in (RISES, EDGES) and LEAST_H * HOUR <= path.window_s <= DAY for path in found]
    says = np.logical_or.reduce([np.isfinite(path.eta_s) for path, line in zip(found, lines, strict=True) if line])
    eta = reaches(scene, np.asarray(says, bool), past_s)
    if not np.isfinite(eta).any():
        return list(found)
    return [_by(path, eta) if line else path for path, line in zip(found, lines, strict=True)]


def reaches(scene: Scene, rows: Bools, past_s: float) -> Array:
    """(n,) seconds until the usual day come again, and what was gained over it carried on, meet the limit; NaN: see below.

    What each of the last 24 hours gained, less what the same hour usually gains, is taken for a steady gain that began LEAST_H to
    24 hours ago, whichever leaves the smallest squares. It is told where that is CLEARER than a steady gain since some hour
    without the usual day. `rows` (n,) are looked at; `past_s`: how long ago the newest hour ended. NaN: not clear, a gap in the
    last day, fewer than LEAST_DAYS before it, or not met in three days.
    """
    eta, last = np.full(len(rows), np.nan), scene.hourly[:, -DAY_H - 1 :]
    earlier = scene.hourly[:, -DAY_H * (DAYS + 1) : -DAY_H]
    known = np.isfinite(last).all(axis=1) & (np.isfinite(earlier).sum(axis=1) >= LEAST_DAYS * DAY_H)
    at = np.flatnonzero(rows & known & (scene.room > 0))
    if not len(at):
        return eta
    course, level = Usual.of(earlier[at]).course, last[at].astype(np.float64)
    gains = np.diff(level, axis=1)
    alone, _ = _steady(gains)
    rest, gain = _steady(gains - (course - np.roll(course, 1, axis=1)))
    with np.errstate(invalid="ignore", divide="ignore"):
        clear = (gain > 0) & (CLEARER * rest <= alone)
        pace = gain / HOUR
        over = level[:, -1] - course[:, -1] + pace * (0.5 * HOUR + past_s)
        eta[at] = np.where(clear, meets(course, over, pace, scene.top[at], past_s), np.nan)
    return eta


def _steady(gains: Array) -> tuple[Array, Array]:
    """((m,) squares that are left of hourly `gains` (m, 24) by a steady gain of the newest hours and none before, that gain)."""
    hours, rows = np.arange(LEAST_H, DAY_H + 1), np.arange(len(gains))
    sums = np.cumsum(gains[:, ::-1], axis=1)[:, LEAST_H - 1 :]
    explained = sums * sums / hours
    best = explained.argmax(axis=1)
    return (gains * gains).sum(axis=1) - explained[rows, best], sums[rows, best] / hours[best]


def _by(path: Path, eta: Array) -> Path:
    here = np.isfinite(path.eta_s) & np.isfinite(eta)
    return replace(path, eta_s=np.where(here, eta, path.eta_s), bounds=np.where(here[:, None], BOUNDS, path.own_bounds))
