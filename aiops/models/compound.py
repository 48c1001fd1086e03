"""Growth that compounds: equal pieces of time gain in a steady ratio, as where what waits makes more wait.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints
from aiops.models.paths import (
    BLOCKS,
    COMPOUNDS,
    DAY,
    EDGES,
    FROM_DAY_TO_DAY,
    HOUR,
    NEW,
    NOTHING,
    RISES,
    Path,
    Scene,
    above_record,
)
from aiops.models.shape import Array

HOURS = (2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72)
"""Windows of eight parts."""
DAYS = (7, 10)
"""Windows of whole days, one part each."""
TIMES = (1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 48.0)
"""So many times the gain of the first part the last one may gain: once is the straight line."""
BEGUN = (0.5, 1.5, 3.0, 5.5, 10.5)
"""A square may have begun so many parts before the middle of the first one."""
POLES = (1.5, 2.5, 4.0, 8.0)
"""And a growth that gets out of hand at a moment may have so many parts until then."""
BREAKS, POWERS = (1.0, 2.0, 3.0, 4.0, 5.0), (1.0, 1.5, 2.0, 2.5)
"""What speaks against it: calm for so many parts, and then a line, or one that quickens by such a power of time."""
ROUGH = 0.01
"""No shape is believed to be met closer than this, as a share of the rise."""
CURVED, CLOSE = 3.0, 0.04
"""It compounds as far as shapes are believed whose last part gains CURVED times what the first one does, where the means lie as
close to the shapes as CLOSE of the rise."""
BUSY_H, BUSIER, BUSY = (4, 8, 72), 6.0, 0.5
"""Windows, from the first to the last, in which a growth of quiet and busy hours bends as much as one that compounds: they want
BUSIER instead of CURVED, and from the second on are believed by BUSY at most, or every Monday would compound."""
AGAIN, WEEK_D = 0.4, 7
"""No window as long, at the same hours of the week before, gained so much of what this one does."""
SURE, SOME = 0.9, 0.5
"""Believed so far it is told in the place of a straight line; from SOME on the line is moved towards it."""
APART = 0.12
"""How well a time is known at best: deviation of its logarithm."""
REACH, BEHIND = 1.0, 0.18
"""Told by itself up to so many windows ahead, with this share of the way behind it: jobs that end by themselves seldom do so."""
PEAKS = 0.6
"""Peaks gain at least this share of what means gain: a floor that rises under a ceiling that stays is another thing."""
LEAN, EARLY, LATE = 0.08, 1.28, 1.9
"""By the logarithm it is told so much later than the shapes say, with bounds so many deviations before and after: growth that
began amid a window, by a power of time, looks quicker than it is."""
LINES = (RISES, EDGES, FROM_DAY_TO_DAY)
"""Ways that go by a straight line, or one bent a little: told in their place where it compounds."""


@dataclass(frozen=True, slots=True, eq=False)
class Shapes:
    """Curves over a window cut into parts: growth at a steady ratio (`growth` a part; the first is the straight line), squares
    that began at `begins`, 1 / (time to one of `poles`), and `powers` of the time since `breaks`. `basis` (k, parts) of mean 0
    and length 1, `size` (k,) the length that one of each has, `times` (k,) how much more the last part gains than the first;
    the window ends at `end`."""

    basis: Array
    size: Array
    end: float
    growth: Array
    begins: Array
    poles: Array
    breaks: Array
    powers: Array
    times: Array

    def before(self, lag: float) -> Array:
        """(k,) how much of each there was `lag` parts ago, as a share; of all but growth at a ratio taken for nothing."""
        out = np.zeros(len(self.size))
        out[1 : len(self.growth)] = self.growth[1:] ** -lag
        return out

    def parts_to(self, more: Array) -> Array:
        """(m, k) parts from the window's end until each has grown by `more` (m, k)."""
        e, s = len(self.growth), len(self.begins)
        out = np.empty_like(more)
        since, left = self.end - self.begins, self.poles - self.end
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            out[:, 0] = more[:, 0]
            out[:, 1:e] = np.log1p(more[:, 1:e] * self.growth[1:] ** -self.end) / np.log(self.growth[1:])
            out[:, e : e + s] = np.sqrt(since * since + more[:, e : e + s]) - since
            p = e + s + len(left)
            out[:, e + s : p] = left - 1.0 / (1.0 / left + more[:, e + s : p])
            grown = self.end - self.breaks
            out[:, p:] = (grown**self.powers + more[:, p:]) ** (1.0 / self.powers) - grown
        return out


@cache
def shapes(parts: int) -> Shapes:
    """The shapes over so many parts; the last one ends half a part after its middle."""
    x, end = np.arange(parts, dtype=np.float64), parts - 0.5
    growth = np.array(TIMES) ** (1.0 / (parts - 2))
    begins, poles = -np.array(BEGUN), end + np.array(POLES)
    calm = [at for at in BREAKS if at <= parts - 3]
    breaks, powers = np.repeat(calm, len(POWERS)), np.tile(POWERS, len(calm))
    broken = np.maximum(x - breaks[:, None], 0.0) ** powers[:, None]
    curves = np.concatenate([growth[:, None] ** x, (x - begins[:, None]) ** 2, 1.0 / (poles[:, None] - x), broken])
    curves[0] = x
    gains = np.diff(curves, axis=1)
    times = np.where(
        np.arange(len(curves)) < len(curves) - len(broken), gains[:, -1] / np.maximum(gains[:, 0], 1e-9), 0.0
    )
    curves -= curves.mean(axis=1, keepdims=True)
    size = np.sqrt((curves * curves).sum(axis=1))
    return Shapes(curves / size[:, None], size, end, growth, begins, poles, breaks, powers, times)


@dataclass(frozen=True, slots=True, eq=False)
class Fit:
    """What the shapes say of (m, parts) means, all (m,): `middle` of the logarithms of the parts until some room is covered, each
    shape counted by how far it is believed; their deviation `spread`; `noise`, the rest about the shapes; `belief`, how far those
    are believed that compound."""

    middle: Array
    spread: Array
    noise: Array
    belief: Array

    def take(self, rows: Bools) -> Fit:
        """Some of the rows."""
        return Fit(self.middle[rows], self.spread[rows], self.noise[rows], self.belief[rows])

    @classmethod
    def of(cls, means: Array, room: Array, lag: float = np.inf, least: float = CURVED) -> Fit:
        """Of means that rise. A shape is believed by (rest² + parts (ROUGH rise)²) ** (-(parts - 1) / 2): the likelihood of
        Student for noise that is not known. `lag`: what was so many parts ago has been taken off the means."""
        parts, known = means.shape[1], shapes(means.shape[1])
        total = (means[:, -1] - means[:, 0])[:, None]
        y = (means - means.mean(axis=1, keepdims=True)) / total
        # einsum, not @: each row is summed alone, so a row's result does not depend on how many rows there are
        amount = np.einsum("mb,kb->mk", y, known.basis)
        rest = np.maximum(np.einsum("mb,mb->m", y, y)[:, None] - amount * amount, 0.0)
        weight = np.where(amount > 0, (rest + parts * ROUGH**2) ** (-0.5 * (parts - 1)), 0.0)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            weight /= weight.sum(axis=1, keepdims=True)
            more = room[:, None] / total * known.size * (1.0 - known.before(lag)) / amount
            log = np.log(np.maximum(np.where(weight > 0, known.parts_to(more), 1.0), 1e-3))
        middle = (weight * log).sum(axis=1)
        spread = np.sqrt((weight * (log - middle[:, None]) ** 2).sum(axis=1) + APART**2)
        noise = total[:, 0] * np.sqrt((weight * rest).sum(axis=1) / parts)
        return cls(middle, spread, noise, (weight * (known.times >= least * 0.999)).sum(axis=1))


@dataclass(frozen=True, slots=True, eq=False)
class Compound:
    """Of n rows and k windows: how far it is believed that a row compounds, `belief` (n, k), 0 below SOME; the logarithm of the
    seconds left, `log_s` (n, k), and its deviation `spread` (n, k); whether it is `enough` (n, k) to be told by itself;
    `window_s` (k,)."""

    belief: Array
    log_s: Array
    spread: Array
    enough: Bools
    window_s: Array

    @classmethod
    def of(cls, scene: Scene) -> Compound:
        """What every window says; one that is not above all before it, by means and peaks, says nothing."""
        windows = np.array([HOUR * hours for hours in HOURS] + [DAY * days for days in DAYS], dtype=np.float64)
        shape = (len(scene.now), len(windows))
        out = cls(np.zeros(shape), np.zeros(shape), np.ones(shape), np.zeros(shape, bool), windows)
        for at, (hours, rows, means, level, lag) in enumerate(_windows(scene)):
            if not len(rows):
                continue
            room, total = np.maximum(scene.top[rows] - level, 0.0), means[:, -1] - means[:, 0]
            busy = BUSY_H[0] <= hours <= BUSY_H[-1]
            fit = Fit.of(means, room, lag, BUSIER if busy else CURVED)
            if BUSY_H[1] <= hours <= BUSY_H[-1]:
                fit = replace(fit, belief=np.where(fit.belief >= SURE, BUSY, 0.0))
            highest, lowest = scene.before(hours)
            with np.errstate(invalid="ignore", divide="ignore"):
                says = (fit.belief >= SOME) & (fit.noise <= CLOSE * total) & (room > 0)
                past = highest[rows], lowest[rows]
                says &= above_record(level, scene.top[rows], past, scene.margin[rows], 2.0 * fit.noise)
                log_s = fit.middle + np.log(windows[at] / means.shape[1])
                near = (log_s <= np.log(REACH * windows[at])) & (total >= BEHIND * (total + room))
            rows, fit, log_s = rows[says], fit.take(says), log_s[says]
            out.belief[rows, at], out.log_s[rows, at], out.spread[rows, at] = fit.belief, log_s, fit.spread
            out.enough[rows, at] = near[says] & (fit.belief >= SURE)
        return out

    def told(self, paths: list[Path], scene: Scene, bounds_of: Callable[[Path], tuple[float, float]]) -> list[Path]:
        """`paths`, and where a row compounds for SURE its own in the place of LINES, once a window is enough or a line speaks;
        lines of rows that only may are moved towards it: exp(belief log t + (1 - belief) log t of the line).

        t: the mean of the logarithms of what the windows say that are sure, or of all where none is, each counted by
        1 / spread²; its deviation is theirs and that between them. Earliest and latest of what is moved are those of both;
        `bounds_of` a line: its earliest and latest, as shares of its time.
        """
        belief = self.belief.max(axis=1)
        if not belief.any():
            return paths
        middle, ends, surest = self._times(belief >= SURE)
        lines = np.logical_or.reduce([np.isfinite(path.eta_s) for path in paths if path.name in LINES])
        says = (belief >= SURE) & (self.enough.any(axis=1) | lines)
        out = []
        for path in paths:
            if path.name in LINES:
                path = _moved(path, belief, middle, ends, bounds_of(path))
                path = replace(path, eta_s=np.where(says, np.nan, path.eta_s))
            out.append(path)
        bounds = np.exp(ends - middle[:, None])
        for at in np.unique(surest[says]).tolist():
            eta = np.where(says & (surest == at), np.exp(middle), np.nan)
            why = np.full(len(eta), NOTHING, np.int8)
            out.append(Path(eta, scene.room / eta, float(self.window_s[at]), COMPOUNDS, why, bounds))
        return out

    def _times(self, sure: Bools) -> tuple[Array, Array, Ints]:
        """(logarithm of the seconds left (n,), of earliest and latest (n, 2), the window known best (n,)); of `sure` rows by the
        windows that are."""
        weight = np.where(self.belief >= np.where(sure, SURE, SOME)[:, None], 1.0 / self.spread**2, 0.0)
        weight /= np.maximum(weight.sum(axis=1, keepdims=True), 1e-300)
        middle = (weight * self.log_s).sum(axis=1)
        variance = (weight * ((self.log_s - middle[:, None]) ** 2 + self.spread**2)).sum(axis=1)
        middle = middle + LEAN
        ends = middle[:, None] + np.sqrt(variance)[:, None] * np.array([-EARLY, LATE])
        return middle, ends, weight.argmax(axis=1)


def _moved(line: Path, belief: Array, middle: Array, ends: Array, usual: tuple[float, float]) -> Path:
    """A line whose time is moved towards that of what compounds as far as that is believed; other rows as they are."""
    rows = np.flatnonzero((belief > 0) & np.isfinite(line.eta_s))
    if not len(rows):
        return line
    own = np.log(line.eta_s[rows])
    eta, bounds = line.eta_s.copy(), line.own_bounds.copy()
    log = belief[rows] * middle[rows] + (1.0 - belief[rows]) * own
    eta[rows] = np.exp(log)
    bounds[rows, 0] = np.exp(np.minimum(own + np.log(usual[0]), ends[rows, 0]) - log)
    bounds[rows, 1] = np.exp(np.maximum(own + np.log(usual[1]), ends[rows, 1]) - log)
    return replace(line, eta_s=eta, bounds=bounds)


def _windows(scene: Scene) -> Iterator[tuple[int, Ints, Array, Array, float]]:
    """Of each window: hours, which rows (m,) bend upwards in it, their means (m, parts), the level from which the limit is met
    (m,), and how many parts ago what has been taken off was.

    Up to a day the same hours of yesterday are taken off, so that no rhythm of the day bends them, and less than NEW of the rise
    may have been made then too. Windows of whole days meet the limit by their peaks.
    """
    day = DAY // scene.mid_step_s
    for hours in HOURS:
        k, within = round(hours * HOUR / scene.mid_step_s), hours <= 24
        means = scene.mid.means(k, BLOCKS)
        rows = _bent(means, scene.room) if k >= BLOCKS else np.zeros(0, np.int64)  # steps longer than a part say nothing
        if hours < 48:
            rows = rows[scene.age_s[rows] >= hours * HOUR + DAY]
        left = means[rows]
        if len(rows):
            high, part, total = scene.high[rows, -k:], k // BLOCKS, left[:, -1] - left[:, 0]
            good = np.fmax.reduce(high[:, -part:], axis=1) - np.fmax.reduce(high[:, :part], axis=1) >= PEAKS * total
            if within:
                usual = scene.mid.means(k, BLOCKS, day)[rows]
                good &= ~(total - (usual[:, -1] - usual[:, 0]) < NEW * total)
                left = left - usual
            good &= ~(_most_before(scene.hourly[rows], hours) >= AGAIN * total)
            rows, left = rows[good], left[good]
        yield hours, rows, left, scene.now[rows], 24 * BLOCKS / hours if within else np.inf
    for days in DAYS:
        means, peaks = scene.day_mean[:, -days:], scene.day_peak[:, -days:]
        rows = _bent(means, scene.room)
        rows = rows[peaks[rows, -1] - peaks[rows, 0] >= PEAKS * (means[rows, -1] - means[rows, 0])]
        yield 24 * days, rows, means[rows], np.fmax(peaks[rows, -1], means[rows, -1]), np.inf


def _most_before(hourly: NDArray[np.float32], hours: int) -> Array:
    """(m,) the most that (m, hours) means gained over as many hours that ended whole days ago, up to a week; NaN: not known."""
    ends = -1 - 24 * np.arange(-(-hours // 24), WEEK_D + 1)
    return np.asarray(np.fmax.reduce(hourly[:, ends] - hourly[:, ends - hours], axis=1), np.float64)


def _bent(means: Array, room: Array) -> Ints:
    """Rows whose (n, parts) means gain more in the second half than in the first and more in the last quarter than in the one
    before; the others need no shapes."""
    half = means.shape[1] // 2
    with np.errstate(invalid="ignore"):
        first, last = means[:, -half - 1] - means[:, 0], means[:, -1] - means[:, -half - 1]
        newest, before = means[:, -1] - means[:, -3], means[:, -3] - means[:, -5]
        return np.flatnonzero(
            (last > np.maximum(1.3 * first, -first))
            & (newest > 1.1 * before)
            & (before > 0)
            & (last > 0.05 * room)
            & (room > 0)
        )
