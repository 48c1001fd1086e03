"""A growing floor under a ceiling that stays: each collection leaves more, until there is nothing left to collect.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints
from aiops.models.climb import GROWTH, JOB
from aiops.models.compound import LINES
from aiops.models.paths import AGES, COLLECTED, COMPOUNDS, DAY, HOUR, NOTHING, PARTS, Path, Scene, edges
from aiops.models.scene import Fine
from aiops.models.shape import Array, rise

HOURS, LONG_HOURS = (6, 8, 12, 16), (24, 36, 48, 72, 96, 144, 192)
"""Windows by means of 5 min, and by hours."""
REACH, LONG_H = (1.0, 1.3), 48
"""How many windows ahead they look; the second from LONG_H on."""
TEETH, FALL = 10, 0.5
"""So many falls from the ceiling, each by this share of what lies between it and the floor, are in a window: one in each part."""
LIFTED, SINKS = 0.4, 0.2
"""Towards the limit the ceiling moves by less than this share of what the floor gains (more is an `envelope`), away by less."""
NEAR = 0.5
"""The ceiling lies nearer to the limit than this share of the way from the lowest level known: where peaks are bound far below
it, what bounds them is the limit that counts."""
DAY_H, SAME = 24, 0.45
"""A row is looked at where its highest levels of two half days differ by no more than this share of what the day spans."""
NOISE, RECORD = 0.12, 0.25
"""The floor stands above all floors before, by this share of their range."""
LEAST_H = 6
"""A floor of the past is the lowest of at least so many hours."""
MEETS = 0.6
"""The limit is expected to be reached when the floor has come this share of the way from the ceiling to it."""
SINCE = 0.85
"""The floor of a part that rises was met so many parts before its end."""


def ways(scene: Scene, high: Fine, low: Fine) -> Iterator[Path]:
    """A path for each window. `high`, `low` (n, hours) of the long history.

    A row speaks where the floors of six parts rise as `rise` asks, above all floors before, while the ceiling stays (LIFTED,
    SINKS) and the level falls from it again and again (TEETH); JOB or GROWTH of the floor's way lies behind. Time left: the
    floor at its pace, to the level of MEETS. Rows without a day of history before the window: nothing.
    """
    n, some = len(scene.now), _candidates(scene, high, low)
    for hours in HOURS + LONG_HOURS:
        highs, lows, per_hour = (scene.high, scene.low, HOUR // scene.mid_step_s) if hours in HOURS else (high, low, 1)
        columns = hours * per_hour // PARTS * PARTS
        eta, pace = np.full(n, np.nan), np.full(n, np.nan)
        if len(some) and columns and lows.shape[1] > columns and low.shape[1] > hours:
            rows, floor, ceiling = toothed(scene, some, highs, lows, columns)
            if len(rows):
                eta[rows], pace[rows] = _judged(scene, rows, floor, ceiling, low[rows, :-hours], hours)
        yield Path(eta, pace, float(hours * HOUR), COLLECTED, np.full(n, NOTHING, np.int8))


def told(paths: list[Path], own: list[Path]) -> list[Path]:
    """`paths` and `own` ways, which speak in the place of lines through the level: that rises by half of what its floor does."""
    says = np.isfinite([path.eta_s for path in own]).any(axis=0)
    if says.any():
        lines = (*LINES, COMPOUNDS)
        paths = [replace(p, eta_s=np.where(says, np.nan, p.eta_s)) if p.name in lines else p for p in paths]
    return paths + own


def _candidates(scene: Scene, high: Fine, low: Fine) -> Ints:
    """Rows that can speak at all: highest in the last half day and in the one before by the same (SAME), NEAR the limit."""
    if high.shape[1] < DAY_H:
        return np.zeros(0, np.int64)
    halves = np.fmax.reduce(high[:, -DAY_H:].reshape(len(high), 2, DAY_H // 2), axis=2).astype(np.float64)
    with np.errstate(invalid="ignore"):
        span = halves.max(axis=1) - np.fmin.reduce(low[:, -DAY_H:], axis=1)
        near = scene.top - halves.max(axis=1) < NEAR * (scene.top - np.fmin.reduce(scene.floor, axis=1))
        return np.flatnonzero(near & (np.abs(halves[:, 1] - halves[:, 0]) <= SAME * span))


def toothed(scene: Scene, some: Ints, high: Fine, low: Fine, columns: int) -> tuple[Ints, Array, Array]:
    """(those of `some` (m,) that fall again and again in the last `columns`, from a ceiling that stays to a floor that rises;
    floor and ceiling (m, PARTS) of them)."""
    high, low = high[some, -columns - 1 :], low[some, -columns - 1 :]
    floor, ceiling = edges(low, high, columns)
    with np.errstate(invalid="ignore"):
        gain, lifted = floor[:, -1] - floor[:, 0], ceiling[:, -1] - ceiling[:, 0]
        stays = (lifted > -SINKS * gain) & (ceiling.max(axis=1) - ceiling.min(axis=1) < LIFTED * gain)
        lowest, top = np.fmin(scene.before(AGES[0])[1][some], floor[:, 0]), scene.top[some]
        stays &= top - ceiling[:, -1] < NEAR * (top - lowest)
        rows = np.flatnonzero(stays & ((np.diff(floor, axis=1) > 0).sum(axis=1) >= PARTS - 2))
    if len(rows):
        rows = rows[falls(high[rows], low[rows], columns, FALL * (ceiling[rows] - floor[rows]))]
    return some[rows], floor[rows], ceiling[rows]


def falls(high: Fine, low: Fine, columns: int, depth: Array) -> Bools:
    """(m,) whether the level fell by `depth` (m, PARTS) within two columns, TEETH times in `columns`, and in each part."""
    deep = np.repeat(depth, columns // PARTS, axis=1)
    high, before, low = high[:, -columns:], high[:, -columns - 1 : -1], low[:, -columns:]
    with np.errstate(invalid="ignore"):
        within = high - low >= deep
        falls = within | (before - low >= deep)
    falls[:, 1:] &= ~falls[:, :-1] | within[:, 1:]  # the same fall is not counted in two columns
    count = falls.reshape(len(high), PARTS, columns // PARTS).sum(axis=2)
    return np.asarray((count.min(axis=1) >= 1) & (count.sum(axis=1) >= TEETH))


def _judged(scene: Scene, rows: Ints, floor: Array, ceiling: Array, earlier: Fine, hours: int) -> tuple[Array, Array]:
    """(seconds left or NaN, pace a second) of m rows by floor and ceiling (m, PARTS); `earlier` (m, hours) lows before."""
    part_s, long = hours * HOUR / PARTS, hours >= LONG_H
    top, last = scene.top[rows], ceiling.max(axis=1)
    room = np.maximum(last + MEETS * (top - last) - floor[:, -1], 0.0)
    found = rise(floor, room, NOISE)
    past = _floors(earlier, max(-(-hours // PARTS), LEAST_H))
    with np.errstate(invalid="ignore", divide="ignore"):
        eta = (room / found.pace - SINCE) * part_s
        highest, lowest = np.fmax.reduce(past, axis=1), np.fmin.reduce(past, axis=1)
        record = np.isnan(highest) | (floor[:, -1] > highest + RECORD * (highest - lowest) + found.noise)
        way = floor[:, -1] - np.fmin(floor[:, 0], lowest)
        behind = way >= (GROWTH if long else JOB) * (way + room)
        near = eta <= REACH[long] * hours * HOUR
        says = found.good & record & behind & near & (room > 0) & (scene.age_s[rows] >= hours * HOUR + DAY)
        return np.where(says, np.maximum(eta, 0.5 * HOUR), np.nan), found.pace / part_s


def _floors(lows: NDArray[np.float32], width: int) -> NDArray[np.float32]:
    """(m, k) the lowest of each `width` hours in a row, every third of them; NaN where fewer are known."""
    if lows.shape[1] < width:
        return np.full((len(lows), 1), np.nan, np.float32)
    return np.asarray(np.fmin.reduce(sliding_window_view(lows, width, axis=1)[:, :: width // 3], axis=2))
