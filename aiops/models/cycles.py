"""Growth that is taken back in part, on a cycle: what whole cycles leave is its pace, and the last one comes again on top of it.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools
from aiops.models.paths import (
    COME_AGAIN,
    DAY,
    EDGES,
    FROM_DAY_TO_DAY,
    FROM_WEEK_TO_WEEK,
    HOUR,
    NOTHING,
    RECORD,
    RISES,
    Path,
    Scene,
    above_record,
)
from aiops.models.shape import Array

PERIODS = (24, 48, 72, 96, 168)
"""Hours of a cycle, shortest first."""
DAY_H, WEEK_H, AHEAD_H, BRIDGED_H, KNOWN = 24, 168, 336, 3, 0.8
BACK, TWICE = 0.25, 0.4
"""There is a cycle where this share of what came in it was taken back, and in the one before as well: the smaller of the two
falls is at least TWICE of the larger."""
LITTLE = 0.02
"""Who fell in two weeks by less than this share of its rise took nothing back."""
MISFIT, CLEARER = 0.2, 0.4
"""Hours of the last cycle stand as far above those of the one before as they do on average, give or take this share of what was
taken back; a longer cycle must fit so much better than any shorter one."""
OVERDUE = 0.3
"""What stands by this share of a fall higher than the cycle has it was not taken back when it should have been."""
MOST, ALIKE, BEGUN = 6, 0.6, 0.75
"""So many gains of cycles are looked at, newest first, as long as each is at least this share of the mean of the newer ones, and
they of it; the oldest is left out below BEGUN of the others: growth began amid it."""
LEAST_DAYS, LEAST, SPEAKS = 3, 2, 3
"""So many cycles of a day, of some days (of a week: one) have gained alike; to speak by themselves SPEAKS, not of a week."""
REACH, FARTHEST = 1.2, 2.0
"""So many times as long as these lasted is looked ahead; a line is told at most so many times as far away as it says itself."""
TOP, TOPS, TIMES = 0.75, 3, (0.75, 3.0)
"""Hours above this quantile of the last cycle are its tops; over up to so many cycles they gain so many times as much as all."""
OFF, ONE_OFF = (0.1, 0.6), 0.5
"""Within what, as a share, a gain may lie off the mean of those known, and by how much where only one is."""
EARLY, LATE = (0.45, 0.6), (1.3, 1.8)
"""Between what the bounds of the told time lie, as shares of it."""
LINES, SHORT_S, SHARE = (RISES, EDGES, FROM_DAY_TO_DAY, FROM_WEEK_TO_WEEK), 6.0 * HOUR, 0.25
"""Ways that know of no cycle: told by it where their window is so long, and this share of a cycle."""
UNEVEN, WIDE = 0.3, (0.6, 2.2)
"""Who fell within a week by this share of its rise, on no cycle, is told with these bounds."""
WINDOW_S = 3.0 * DAY


@dataclass(frozen=True, slots=True, eq=False)
class Cycles:
    """Of n rows, NaN where there is no cycle: `period_h`, how long one lasts; `gain`, what one leaves; `count`, how many gained
    alike; `eta_s`, NaN also where they do not reach the limit in AHEAD_H, `bounds` (n, 2) of it, as shares; `stands` (n,) rows
    whose last cycle stands above all that was before those; `uneven` (n,) rows that took much back (UNEVEN), on no cycle."""

    period_h: Array
    gain: Array
    count: Array
    eta_s: Array
    bounds: Array
    stands: Bools
    uneven: Bools

    @classmethod
    def of(cls, scene: Scene, past_s: float) -> Cycles:
        """The cycle that fits best; `past_s`: how long ago the newest hour ended. Who gave nothing back is not looked at."""
        n, level = len(scene.now), scene.long
        found, bounds = np.full((4, n), np.nan), np.full((n, 2), np.nan)
        least, stands = np.full(n, np.inf), np.zeros(n, bool)
        falls = (scene.room > 0) & _gave_back(level[:, -2 * WEEK_H :], scene.now, LITTLE)
        for period in PERIODS:
            known = np.isfinite(level[:, -2 * period :]).sum(axis=1) >= 2 * period - BRIDGED_H
            rows = np.flatnonzero(falls & known)
            if not len(rows) or level.shape[1] < 2 * period:
                continue
            cycle = Cycle.of(level[rows].astype(np.float64), scene.top[rows], period)
            with np.errstate(invalid="ignore"):
                better = cycle.fits & (cycle.misfit < CLEARER * least[rows])
            least[rows] = np.fmin(least[rows], cycle.misfit)
            at = rows[better]
            eta, bounds[at] = cycle.reaches(better, past_s)
            found[:, at] = np.full(len(at), float(period)), cycle.gain[better], cycle.count[better], eta
            stands[at] = cycle.stands[better]
        uneven = np.isnan(found[0]) & _gave_back(level[:, -WEEK_H:], scene.now, UNEVEN)
        period_h, gain, count, eta_s = found
        return cls(period_h, gain, count, eta_s, bounds, stands, uneven)

    def timed(self, path: Path) -> Path:
        """A path whose window is a good part of the cycle, or longer, told by it; what is `uneven` with WIDE bounds."""
        if path.window_s < SHORT_S or path.name not in LINES:
            return path
        if path.name == FROM_WEEK_TO_WEEK:
            fits = (self.period_h > DAY_H) & (self.period_h < WEEK_H)
        else:
            fits = path.window_s >= SHARE * HOUR * self.period_h
        here = np.isfinite(path.eta_s) & fits
        wide = self.uneven & (path.name != FROM_WEEK_TO_WEEK)
        if not (here | wide).any():
            return path
        usual = path.own_bounds
        bounds = np.where(here[:, None], self.bounds, np.where(wide[:, None] & np.isnan(usual), WIDE, usual))
        told = np.fmin(self.eta_s, FARTHEST * path.eta_s)  # NaN: cycles reach it later than is looked
        return replace(path, eta_s=np.where(here, told, path.eta_s), bounds=bounds)

    def goes_on(self, levels: Bools) -> Path:
        """What SPEAKS cycles of days left alike comes again, where it stands above all that was before them and no days bend to a
        level (`levels`)."""
        lasted_s = HOUR * self.period_h * self.count
        with np.errstate(invalid="ignore"):
            says = (self.count >= SPEAKS) & (self.period_h < WEEK_H) & (self.eta_s <= REACH * lasted_s) & self.stands & ~levels
        eta, why = np.where(says, self.eta_s, np.nan), np.full(len(says), NOTHING, np.int8)
        return Path(eta, self.gain / (self.period_h * HOUR), WINDOW_S, COME_AGAIN, why, self.bounds)


@dataclass(frozen=True, slots=True, eq=False)
class Cycle:
    """Of m rows, one period: the `last` cycle (m, period) hour by hour up to the `newest` hour, how far its hours lie off it,
    `away`, and as a share of a fall, `misfit`; what a cycle leaves, `gain`, by how many alike, `count`, give or take `off`, a
    share; whether there is such a cycle, `fits`, and `stands` as in `Cycles`."""

    last: Array
    newest: Array
    top: Array
    away: Array
    misfit: Array
    gain: Array
    count: Array
    off: Array
    fits: Bools
    stands: Bools

    @classmethod
    def of(cls, level: Array, top: Array, period: int) -> Cycle:
        """The cycle of `period` hours of hourly `level` (m, t), two of which are known, below `top` (m,)."""
        last, lap = level[:, -period:], 2 + period // 12  # a fall at the edge of a cycle is seen in both
        more = last - level[:, -2 * period : -period]
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = _mean(more)
            falls = _fall(level[:, -period - lap :]), _fall(level[:, -2 * period - lap : -period + lap])
            back, larger = np.fmin(*falls), np.fmax(*falls)
            away = _mean(np.abs(more - mean[:, None]))
            overdue = _mean(more[:, -max(3, period // 8) :]) - mean > OVERDUE * back
            gain, count, off = _gain(level, period)
            newest = _mean(more[:, -(period // 3) :])
            gain = np.where(newest > gain, 0.5 * (gain + newest), gain)  # growth that quickens, or began amid the last cycle
            gain = gain * _at_tops(level, period, count)
            fits = (back >= BACK * (back + gain)) & (back >= TWICE * larger) & ~overdue & (away < MISFIT * back)
            fits &= (gain > 0) & (count >= (LEAST_DAYS if period == DAY_H else LEAST if period < WEEK_H else 1))
            left = (top - np.fmax.reduce(last, axis=1)) / gain
            off = np.clip(off * np.sqrt(1.0 / count + 1.0 / np.maximum(left, 1.0)), *OFF)
            stands = _stands(level, top, period, count)
            return cls(last, level[:, -1], top, away, away / back, gain, count, off, fits, stands)

    def reaches(self, rows: Bools, past_s: float) -> tuple[Array, Array]:
        """Of `rows` (k of m): (seconds until the last cycle, coming again on top of what each leaves, reaches the limit; (k, 2)
        the same where it leaves as much more, or less, as it may, and hours lie as far off as they do: shares of it)."""
        gain, off, away = self.gain[rows], self.off[rows], self.away[rows]
        eta, early, late = (
            _walked(self.last[rows] + side * away[:, None], self.newest[rows], gain * (1.0 + side * off), self.top[rows], past_s)
            for side in (0.0, 1.0, -1.0)
        )
        late = np.where(np.isnan(late), LATE[1] * eta, late)
        return eta, np.stack([np.clip(early / eta, *EARLY), np.clip(late / eta, *LATE)], axis=1)


def _walked(last: Array, newest: Array, gain: Array, top: Array, past_s: float) -> Array:
    """(k,) seconds until hours that stand by `gain` a cycle above those of `last` (k, period) reach `top`; a mean stands for the
    middle of its hour, with straight lines between them."""
    cycles = -(-AHEAD_H // last.shape[1])
    coming = np.concatenate([last + (cycle + 1) * gain[:, None] for cycle in range(cycles)], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        there = coming >= top[:, None]
        at, rows = there.argmax(axis=1), np.arange(len(last))
        before = np.where(at > 0, coming[rows, np.maximum(at - 1, 0)], newest)
        into = np.clip((top - before) / (coming[rows, at] - before), 0.0, 1.0)
        eta = np.maximum((at - 0.5 + into) * HOUR - past_s, 0.5 * HOUR)
    return np.where(there.any(axis=1), eta, np.nan)


def _gain(level: Array, period: int) -> tuple[Array, Array, Array]:
    """(What a cycle leaves, by how many newest ones that gained alike, how far off it one may be, a share) of `level` (m, t)."""
    cycles = min(MOST + 1, level.shape[1] // period)
    parts = level[:, -cycles * period :].reshape(len(level), cycles, period)
    known = np.isfinite(parts).sum(axis=2)
    means = np.where(known >= KNOWN * period, np.nansum(parts, axis=2) / np.maximum(known, 1), np.nan)
    gains = np.diff(means, axis=1)[:, ::-1]
    goes, total, count = gains[:, 0] > 0, gains[:, 0].copy(), np.ones(len(level))
    used = np.zeros(gains.shape, bool)
    used[:, 0] = True
    for i in range(1, gains.shape[1]):
        mean = total / count
        goes = goes & (gains[:, i] >= ALIKE * mean) & (gains[:, i] <= mean / ALIKE)
        used[:, i], total, count = goes, np.where(goes, total + gains[:, i], total), count + goes
    rows, oldest = np.arange(len(level)), count.astype(np.int64) - 1
    first = gains[rows, oldest]
    amid = (count > 2) & (first < BEGUN * (total - first) / (count - 1))
    used[rows[amid], oldest[amid]] = False
    count = count - amid
    gain = np.where(used, gains, 0.0).sum(axis=1) / count
    scatter = np.sqrt((np.where(used, gains - gain[:, None], 0.0) ** 2).sum(axis=1) / np.maximum(count - 1, 1))
    return gain, count, np.where(count > 1, scatter / gain, ONE_OFF)


def _at_tops(level: Array, period: int, count: Array) -> Array:
    """(m,) how many times as much as all hours those gained that stand highest in the last cycle (TOP), within TIMES; against the
    same hours `count` cycles before, TOPS at most. The limit is met there."""
    last, out = level[:, -period:], np.ones(len(level))
    tops = last >= np.quantile(np.where(np.isfinite(last), last, -np.inf), TOP, axis=1)[:, None]
    for cycles in range(1, TOPS + 1):
        rows = np.flatnonzero(np.minimum(count, TOPS) == cycles)
        if len(rows):
            end = level.shape[1] - cycles * period
            more = last[rows] - level[rows, end - period : end]
            out[rows] = np.clip(_mean(np.where(tops[rows], more, np.nan)) / _mean(more), *TIMES)
    return np.where(np.isfinite(out), out, 1.0)


def _stands(level: Array, top: Array, period: int, count: Array) -> Bools:
    """(m,) whether the last cycle stands above all that was before `count` of them, by RECORD of its range."""
    cycles = level.shape[1] // period
    parts = level[:, -cycles * period :].reshape(len(level), cycles, period)
    high, low = np.fmax.reduce(parts, axis=2), np.fmin.reduce(parts, axis=2)
    at = cycles - 1 - count.astype(np.int64)
    rows, before = np.arange(len(level)), np.maximum(at, 0)
    highest, lowest = np.fmax.accumulate(high, axis=1)[rows, before], np.fmin.accumulate(low, axis=1)[rows, before]
    return np.asarray((at < 0) | above_record(high[:, -1], top, (highest, lowest), RECORD, 0.0))


def _fall(level: NDArray[Any]) -> Array:
    """(m,) how far (m, t) fell at most from what was before; gaps aside."""
    return np.asarray(np.fmax.reduce(np.fmax.accumulate(level, axis=1) - level, axis=1, initial=0.0))


def _gave_back(level: NDArray[np.float32], now: Array, share: float) -> Bools:
    """(n,) rows that fell within (n, t) by as much as a cycle asks at least of the way from their lowest level."""
    with np.errstate(invalid="ignore"):
        return np.asarray(_fall(level) >= share * (now - np.fmin.reduce(level, axis=1, initial=np.inf)))


def _mean(values: Array) -> Array:
    """(m,) mean of what is known of (m, k)."""
    known = np.isfinite(values)
    return np.asarray(np.where(known, values, 0.0).sum(axis=1) / known.sum(axis=1))
