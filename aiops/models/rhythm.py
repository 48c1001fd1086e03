"""A steady rise under a daily rhythm: the course of earlier days is taken off, what is left must rise by day and by night.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools
from aiops.models.climb import JOB
from aiops.models.medians import usual
from aiops.models.paths import BEFORE, FAR, HOUR, NOTHING, UNDER_RHYTHM, UNEVEN, Path, Scene
from aiops.models.shape import Array, Sums, rise

DAY_H, DAYS, LEAST_DAYS = 24, 9, 3
"""The usual day is made of up to so many days before a window, of at least so many at each hour."""
WINDOWS: tuple[tuple[int, int], ...] = ((12, 6), (16, 8), (24, 8), (36, 6))
"""Hours of a window, and into how many parts of whole hours it is cut."""
REACH, AHEAD_D = 1.25, 3
"""So many windows are looked ahead, and so many days at most."""
DISTINCT, SHARE = 1.0, 0.15
"""There is a rhythm where the usual day varies so many times as much as earlier hours do about it, and spans this share of
the way."""
RECORD = 0.3
"""What is left stands above all that earlier hours left, by this share of their range."""
EITHER_H, EITHER = 3, 0.5
"""It gained this share of its pace in the hours in which the usual day rises, and in those in which it falls; so many of each."""
STANDS = 0.5
"""The level of this minute is still so much of what is left above the usual day: the newest hour may be over."""
NOISE, BRIDGED_H = 0.12, 3


@dataclass(frozen=True, slots=True, eq=False)
class Usual:
    """The usual day of m rows: `course` (m, 24), its last column the hour of day of the newest hour, NaN where it is not known;
    `rest` (m, t) by what earlier hours differed from it."""

    course: Array
    rest: Array

    @classmethod
    def of(cls, earlier: NDArray[np.float32]) -> Usual:
        """The median of each hour of the day over `earlier` hours (m, 24 DAYS); NaN with fewer than LEAST_DAYS."""
        days = earlier.reshape(len(earlier), DAYS, DAY_H).astype(np.float64)
        known = np.isfinite(days).sum(axis=1) >= LEAST_DAYS
        course = np.where(known, usual(earlier.astype(np.float64), DAY_H), np.nan)
        return cls(course, (days - course[:, None]).reshape(len(days), DAYS * DAY_H))


def ways(scene: Scene, silent: Bools, past_s: float) -> Iterator[Path]:
    """A path for each of WINDOWS; rows that are not `silent` are not looked at. `past_s`: how long ago the newest hour ended.

    The usual day is that before the day, or the two days, in which the window lies. A row speaks where the parts of what is left
    of the window rise one after the other as `rise` asks, above all that was left before, by day and by night (EITHER: a busy
    day rises with the rhythm and falls with it), and JOB of the way from the usual day lies behind. Time left: see `meets`.
    """
    n, skipped = len(scene.now), 0
    for hours, parts in WINDOWS:
        within = -(-hours // DAY_H) * DAY_H
        if skipped != within:
            skipped = within
            earlier = scene.hourly[:, -skipped - DAYS * DAY_H : -skipped]
            known = np.isfinite(earlier).sum(axis=1) >= LEAST_DAYS * DAY_H
            rows = np.flatnonzero(silent & known & (scene.room > 0))
            day = Usual.of(earlier[rows])
        eta, pace, why = np.full(n, np.nan), np.full(n, np.nan), np.full(n, NOTHING, np.int8)
        if len(rows):
            eta[rows], pace[rows], why[rows] = _judged(
                scene.hourly[rows, -hours:], day, scene.now[rows], scene.top[rows], past_s, parts
            )
        yield Path(eta, pace, float(hours * HOUR), UNDER_RHYTHM, why)


def _judged(
    values: NDArray[np.float32], day: Usual, level: Array, top: Array, past_s: float, parts: int
) -> tuple[Array, Array, NDArray[np.int8]]:
    """(seconds left or NaN, pace a second, why silent) of m rows at `level` by one window of hourly `values` (m, hours)."""
    hours, course, square = values.shape[1], day.course, day.rest * day.rest
    window = np.tile(course, (1, -(-hours // DAY_H)))[:, -hours:]
    left = values - window
    means = Sums.of(left, BRIDGED_H).means(hours, parts)
    part_s = hours * HOUR / parts
    with np.errstate(invalid="ignore", divide="ignore"):
        highest = course.max(axis=1)
        found = rise(means, np.maximum(top - highest - means[:, -1], 0.0), NOISE)
        pace = found.pace / part_s
        now = means[:, -1] + pace * (0.5 * part_s + past_s)
        eta = meets(course, now, pace, top, past_s)
        way = now + pace * eta
        varies = course.std(axis=1) >= DISTINCT * np.sqrt(np.nansum(square, axis=1) / np.isfinite(square).sum(axis=1))
        rhythm = varies & (highest - course.min(axis=1) >= SHARE * way)
        lasting = np.fmin(day.rest[:, 1:], day.rest[:, :-1])
        most, least = np.fmax.reduce(lasting, axis=1), np.fmin.reduce(lasting, axis=1)
        record = now > most + RECORD * (most - least)
        near = (eta <= REACH * hours * HOUR) & (now >= JOB * way) & (level - course[:, 0] >= STANDS * now)
        both = by_day_and_night(left, window, found.slope * parts / hours)
        rises = found.good & rhythm
    says = rises & record & both & near
    why = np.where(~both, UNEVEN, np.where(~record, BEFORE, FAR))
    return np.where(says, eta, np.nan), pace, np.where(rises & ~says, why, NOTHING).astype(np.int8)


def meets(course: Array, now: Array, pace: Array, top: Array, past_s: float) -> Array:
    """(m,) seconds until the usual day (m, 24) that comes again, and on it `now` + `pace` t, reach `top`; NaN: not in AHEAD_D.

    By hourly means, which stand for the middle of their hour, with straight lines between them; the next hour began `past_s` ago.
    """
    at_s = (np.arange(AHEAD_D * DAY_H) + 0.5) * HOUR - past_s
    level = np.tile(course, (1, AHEAD_D)) + now[:, None] + pace[:, None] * at_s
    beyond = level >= top[:, None]
    first, rows = beyond.argmax(axis=1), np.arange(len(course))
    before = np.maximum(first - 1, 0)
    step = np.where(first > 0, level[rows, first] - level[rows, before], np.inf)
    eta = at_s[before] + (top - level[rows, before]) / step * HOUR
    return np.where(beyond.any(axis=1), np.maximum(eta, 0.5 * HOUR), np.nan)


def by_day_and_night(left: Array, course: Array, slope: Array) -> Bools:
    """(m,) whether what is `left` (m, hours) gained EITHER of `slope` an hour both where the course rises and where it falls."""
    gains, moves = np.diff(left, axis=1), np.diff(course, axis=1)
    both = np.ones(len(slope), bool)
    for side in (moves > 0, moves < 0):
        here = side & np.isfinite(gains)
        count = here.sum(axis=1)
        both &= (count >= EITHER_H) & (np.where(here, gains, 0.0).sum(axis=1) >= EITHER * slope * count)
    return both
