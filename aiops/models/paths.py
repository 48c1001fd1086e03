"""Ways in which a series can be on its way to a limit; each looks at all rows at once.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools
from aiops.models.shape import Array, Rise, Sums, bridged, line, rise

HOUR, DAY = 3600, 86400
BLOCKS, PARTS = 8, 6
AGES = (2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 96, 120, 168, 240, 336)
"""Hours: how old a level must be to count as the past of a window."""
RECORD = 0.2
"""A rise must stand above all that was before its window, by this share of the range seen there."""
FADES = 1.2
NEW = 0.6
"""In a window of up to a day this share of the rise must be new: not made at the same time yesterday as well."""

NOTHING, FAR, BEFORE, UNEVEN, LEVELS, SAWTOOTH = range(6)
WHY = (
    "no steady rise",
    "rises, but the limit is too far away to tell",
    "rises, but not above where it has been before",
    "a step, not a steady rise",
    "levels off below the limit",
    "sawtooth, floor flat",
)


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """What one way says about n rows: `eta_s` (n,) seconds to the limit, NaN = nothing; `pace` (n,) per second.

    `why` (n,) int8 indexes WHY: what kept a row silent.
    """

    eta_s: Array
    pace: Array
    window_s: float
    name: str
    why: NDArray[np.int8]


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What every way needs to know of n rows, oriented: the level now, the limit, how long a row is known, and its past.

    `mid` sums of 5-min means, `low` and `high` (n, t) of the same; `record` and `floor` (n, len(AGES)): the highest and
    lowest level older than each age that lasted for two hours; `day_mean`, `day_peak` (n, 15) of 24 h that end now, oldest first.
    """

    now: Array
    top: Array
    age_s: Array
    mid_step_s: int
    mid: Sums
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    record: NDArray[np.float32]
    floor: NDArray[np.float32]
    day_mean: Array
    day_peak: Array

    @property
    def room(self) -> Array:
        """What is left to the limit."""
        return np.asarray(self.top - self.now)

    def before(self, hours: int) -> tuple[Array, Array]:
        """(highest, lowest) level that is older than `hours` (one of AGES); NaN where there is nothing."""
        at = AGES.index(hours)
        return self.record[:, at].astype(np.float64), self.floor[:, at].astype(np.float64)


def _above_record(level: Array, highest: Array, lowest: Array, least: Array | float) -> Bools:
    with np.errstate(invalid="ignore"):
        return np.asarray(np.isnan(highest) | (level > highest + np.maximum(RECORD * (highest - lowest), least)))


def _path(says: Bools, eta: Array, pace: Array, window_s: float, name: str, why: NDArray[Any]) -> Path:
    return Path(np.where(says, eta, np.nan), pace, window_s, name, why.astype(np.int8))


def _why(found: Rise, room: Array, record: Bools, near: Bools) -> NDArray[Any]:
    silent = np.where(~found.open_ended, LEVELS, np.where(~found.even, UNEVEN, np.where(~record, BEFORE, FAR)))
    with np.errstate(invalid="ignore"):
        silent = np.where(found.step, UNEVEN, silent)
        silent = np.where(found.total < 0.15 * room, FAR, silent)  # too small to have a shape
    return np.where(found.rises & ~(found.good & record & near), silent, NOTHING)


def run(scene: Scene, hours: float, reach: float, young_reach: float) -> Path:
    """A steady rise of the means of eight parts of the last `hours`, above everything before, most of it new today.

    `reach`: how many windows ahead it may look. A window under 48 h needs a day of history before it, so that a daily
    rhythm would have been seen; a younger row speaks only when its whole history (6 h and more) is one tight line,
    and then up to `young_reach` windows ahead.
    """
    window_s, k = hours * HOUR, round(hours * HOUR / scene.mid_step_s)
    found = rise(scene.mid.means(k, BLOCKS), scene.room, 0.12)
    highest, lowest = scene.before(int(np.ceil(hours)))
    record = _above_record(scene.now, highest, lowest, 2.0 * found.noise)
    known = scene.age_s - window_s >= (DAY if hours < 48 else 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = found.pace / (window_s / BLOCKS)
        eta = scene.room / pace
        good = found.good & (eta > 0)
        if hours <= 24:
            day = DAY // scene.mid_step_s
            yesterday = scene.mid.means(k, BLOCKS, day)
            good &= ~(found.total - (yesterday[:, -1] - yesterday[:, 0]) < NEW * found.total)
        whole = (hours >= 6) & (scene.age_s < 1.35 * window_s) & (found.noise < 0.05 * found.total)
        whole &= found.late > 0.8 * found.early
        near = eta <= reach * window_s
        eta = found.parts_to(scene.room) * (window_s / BLOCKS)
        says = good & ((known & record & near) | (whole & ~known & (eta <= young_reach * window_s)))
    return _path(says, eta, pace, window_s, "steadily nearer to the limit", _why(found, scene.room, record, near))


def envelope(scene: Scene, hours: int, reach: float) -> Path:
    """Floor and ceiling of a sawtooth rise together, as steadily as `run` asks of means; the ceiling meets the limit."""
    n, k, window_s = len(scene.now), hours * HOUR // scene.mid_step_s // PARTS * PARTS, float(hours * HOUR)
    if scene.low.shape[1] < k:
        nothing = np.full(n, np.nan)
        return _path(np.zeros(n, bool), nothing, nothing, window_s, "both edges of a sawtooth nearer to the limit", np.zeros(n))
    floor = bridged(np.fmin.reduce(scene.low[:, -k:].reshape(n, PARTS, -1), axis=2).astype(np.float64))
    ceiling = bridged(np.fmax.reduce(scene.high[:, -k:].reshape(n, PARTS, -1), axis=2).astype(np.float64))
    room = scene.top - ceiling[:, -1]
    low, high = rise(floor, room, 0.15), rise(ceiling, room, 0.15)
    highest, lowest = scene.before(hours)
    record = _above_record(ceiling[:, -1], highest, lowest, 0.0)
    known = scene.age_s - window_s >= (DAY if hours < 48 else 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = (high.slope > 0.4 * low.slope) & (high.slope < 2.5 * low.slope)
        pace = 0.5 * (low.late + high.late) / (window_s / PARTS)
        eta = room / pace
        good = low.good & high.good & alike & record & known & (pace > 0) & (eta > 0)
        if hours <= 24:
            good &= _new_today(scene, k, high.total)
        swing = ceiling[:, -1] - floor[:, -1]
        near = eta <= reach * window_s
        eta = 0.5 * (low.parts_to(room) + high.parts_to(room)) * (window_s / PARTS)
        saw = (np.abs(low.total) < 0.15 * swing) & (swing > 0.35 * scene.room) & np.isfinite(swing)
    return _path(
        good & near, eta, pace, window_s, "both edges of a sawtooth nearer to the limit", np.where(saw, SAWTOOTH, NOTHING)
    )


def _new_today(scene: Scene, columns: int, total: Array) -> Bools:
    n, day = len(scene.now), DAY // scene.mid_step_s
    if scene.high.shape[1] < columns + day:
        return np.ones(n, bool)
    first = np.fmax.reduce(scene.high[:, -columns - day : -columns - day + columns // PARTS], axis=1)
    last = np.fmax.reduce(scene.high[:, -day - columns // PARTS : -day], axis=1)
    with np.errstate(invalid="ignore"):
        return np.asarray(~(total - (last - first) < NEW * total))


def daily(scene: Scene, days: int, reach: float) -> Path:
    """Means and peaks of whole days drift up together; the peaks' line meets the limit.

    The slope must stand out of the days' scatter the more, the farther the limit is: t > 2.5 + 4 * (time left / window);
    twice that for less than a week with a week before it, four times without, since a week has a rhythm too.
    """
    window_s = float(days * DAY)
    means, peaks = scene.day_mean[:, -days:], scene.day_peak[:, -days:]
    slope, _, noise = line(means)
    up, end, peak_noise = line(peaks)
    gains, peak_gains = np.diff(means, axis=1), np.diff(peaks, axis=1)
    spread = np.sqrt(((np.arange(days) - (days - 1) / 2) ** 2).sum() * (days - 2) / days)
    half = (days - 1) // 2
    highest, lowest = scene.before(24 * days)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = up / DAY
        eta = (scene.top - np.maximum(end, peaks[:, -1])) / pace
        needed = 2.5 + 4.0 * eta / window_s
        if days < 7:
            needed *= np.where(scene.age_s >= (7 + days) * DAY, 2.0, 4.0)
        clear = (slope * spread > 1.2 * needed * noise) & (up * spread > 0.6 * needed * peak_noise) & (slope > 0) & (up > 0)
        most = {4: 0.6, 5: 0.6, 7: 0.4, 10: 0.35, 14: 0.3}[days] * (days - 1)
        mean_gain = gains.mean(axis=1)
        middle = np.sort(gains, axis=1)
        middle = 0.5 * (middle[:, (days - 2) // 2] + middle[:, (days - 1) // 2])
        steps = (middle < 0.4 * mean_gain) & (gains.min(axis=1) > -0.3 * mean_gain)
        even = (gains.max(axis=1) < most * slope) & (peak_gains.max(axis=1) < most * up) & ~steps
        ups = (peak_gains > 0).sum(axis=1) >= (days - 2 if days < 7 else 0.6 * (days - 1))
        early, late = gains[:, :half].mean(axis=1), gains[:, -half:].mean(axis=1)
        shrink = np.clip(late / early, 1e-3, 1.0) ** (1.0 / (days - 1 - half))
        levels = (late * shrink / (1.0 - shrink) < 1.5 * eta / DAY * up) & (early - late > FADES * noise)
        a, b, c = gains[:, -3], gains[:, -2], gains[:, -1]
        levels |= (a > b) & (b > c) & (c > 0) & (c * np.sqrt(c / a) / (1.0 - np.sqrt(c / a)) < 1.5 * eta / DAY * up)
        ongoing = (c > 0.3 * mean_gain) & ~(late < 0.5 * early) & ~levels
        record = np.isnan(highest) | (peaks[:, -1] > highest + 0.5 * RECORD * (highest - lowest))
        rises = clear & ups & (eta > 0)
        near = eta <= reach * window_s
        quicker = (late > 1.5 * early) & (late - early > FADES * noise)
        eta = np.where(quicker, eta * np.clip(slope / late, 0.3, 1.0), eta)
    says = rises & even & ongoing & record & near
    silent = np.where(~ongoing, LEVELS, np.where(~even, UNEVEN, np.where(~record, BEFORE, FAR)))
    return _path(says, eta, pace, window_s, "nearer to the limit from day to day", np.where(rises & ~says, silent, NOTHING))


def weekly(scene: Scene, reach: float) -> Path:
    """Each day stands above the same day a week ago, and so does the week's peak: it will return higher, on its day.

    The mean gain must be 3 times as large as its scatter over the week allows, 6 times beyond half of `reach` weeks.
    """
    means, peaks = scene.day_mean, scene.day_peak
    gains = means[:, -7:] - means[:, -14:-7]
    peak, old_peak = peaks[:, -7:].max(axis=1), peaks[:, -14:-7].max(axis=1)
    known = np.isfinite(peaks[:, -14:]).all(axis=1)
    since_peak = 6 - np.where(known, np.argmax(np.where(np.isfinite(peaks[:, -7:]), peaks[:, -7:], -np.inf), axis=1), 6)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = peak - old_peak
        mean, scatter = gains.mean(axis=1), gains.std(axis=1)
        weeks = (scene.top - peak) / gain
        needed = np.where(weeks <= 0.5 * reach, 3.0, 6.0)
        clear = known & ((gains > 0).sum(axis=1) >= 6) & (mean * np.sqrt(7) > needed * scatter) & (gain > 0)
        eta = np.maximum(np.ceil(weeks) * 7 - since_peak - 0.5, 0.25) * DAY
    says = clear & (weeks > 0) & (weeks <= reach)
    return _path(says, eta, gain / (7 * DAY), 14.0 * DAY, "nearer to the limit from week to week", np.zeros(len(peak)))


def fast(
    fine: Sums, scene: Scene, before: tuple[Array, Array], columns: int, step_s: int, behind: float, tight: bool
) -> Path:
    """`run` in minutes, for steps of seconds: the same shape, above everything before, with no rhythm to wait for.

    `behind`: the share of the way from the window's first part to the limit that must lie behind; `tight`: every part must
    carry half of the mean part, so that the window holds nothing but the rise. It must be going on right now: the last
    sixteenth of the window gains at least half of what its pace promises over the one before.
    """
    window_s = float(columns * step_s)
    means = fine.means(columns, BLOCKS)
    found = rise(means, scene.room, 0.12)
    record = _above_record(scene.now, *before, 2.0 * found.noise)
    end = max(2, columns // (2 * BLOCKS))
    last = fine.means(2 * end, 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = found.pace / (window_s / BLOCKS)
        eta = scene.room / pace
        going = last[:, 1] - last[:, 0] >= 0.5 * pace * end * step_s
        near = (eta > 0) & going & (scene.now - means[:, 0] >= behind * (scene.top - means[:, 0]))
        if tight:
            near &= np.diff(means, axis=1).min(axis=1) >= 0.5 * found.total / (BLOCKS - 1)
    why = _why(found, scene.room, record, near)
    return _path(found.good & record & near, eta, pace, window_s, "steadily nearer to the limit", why)


def quota(
    high: NDArray[np.float32], low: NDArray[np.float32], scene: Scene, hours_since: NDArray[np.int64], days: int = 7
) -> Path:
    """A quantity that starts again every day: today's course against the usual one by this hour gives today's total.

    `high`, `low` (n, hours) hourly; `hours_since` (n,) whole hours since the last reset. Needs two earlier days and a tenth
    of a usual day behind it; speaks when the total would pass the limit by a tenth.
    """
    n, t = high.shape
    hour = np.arange(24)
    back = t - hours_since[:, None, None] - DAY // HOUR * np.arange(1, days + 1)[None, :, None] + hour
    inside = (back >= 0).all(axis=2)
    flat = np.clip(back, 0, t - 1).reshape(n, -1)
    course = np.take_along_axis(high, flat, 1).reshape(n, days, 24).astype(np.float64)
    base = np.take_along_axis(low, flat, 1).reshape(n, days, 24)[:, :, 0].astype(np.float64)
    inside &= np.isfinite(course).sum(axis=2) >= 22
    course = np.where(inside[:, :, None], np.fmax.accumulate(course, axis=2) - base[:, :, None], np.nan)
    count = inside.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.nansum(course / course[:, :, -1:], axis=1) / count[:, None]
        at = np.clip(hours_since - 1, 0, 23)
        rows = np.arange(n)
        behind = share[rows, at]
        start = np.take_along_axis(low, np.clip(t - hours_since, 0, t - 1)[:, None], 1)[:, 0].astype(np.float64)
        used = np.take_along_axis(high, np.full((n, 1), t - 1), 1)[:, 0].astype(np.float64) - start
        total = used / behind
        wanted = (scene.top - start) / total
        ahead = np.argmax(share >= wanted[:, None], axis=1)
        step = share[rows, ahead] - share[rows, np.maximum(ahead - 1, 0)]
        inner = np.clip((share[rows, ahead] - wanted) / np.where(step > 0, step, np.nan), 0.0, 1.0)
        eta = np.maximum(ahead + 1 - np.nan_to_num(inner) - hours_since, 0.1) * HOUR
        says = (count >= 2) & (hours_since >= 2) & (behind >= 0.1) & (wanted < 0.9) & (ahead >= at)
        pace = scene.room / eta
    return _path(says, eta, pace, float(DAY), "today's course passes the limit", np.zeros(n))
