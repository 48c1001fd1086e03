"""Ways that look at whole days: drift from day to day and from week to week, and today's course of a quota.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints
from aiops.models.course import carriers
from aiops.models.paths import (
    BEFORE,
    CLOCK,
    COURSE,
    DAY,
    FADES,
    FAR,
    FROM_DAY_TO_DAY,
    FROM_WEEK_TO_WEEK,
    HOUR,
    LEVELS,
    NOTHING,
    PEAKS,
    RECORD,
    STILL_TO_COME,
    UNEVEN,
    Path,
    Scene,
    above_record,
    path_of,
)
from aiops.models.shape import Array, bent, line

ALIKE = 0.8
"""Days are alike when as many carried the rise, by `carriers`, as this share of them."""
EVERY_DAY = 0.25
"""From week to week all days but one must gain this share of what the median day gains: a jump amid the week is no growth."""
WITHIN = 0.5
"""Growth from week to week is growth within a week as well: at least this share of it must be seen there where it is large."""
SLOWEST = 0.98
"""Peaks that bend shrink their gains by at least this from one three days to the next."""
RISING = 2.5
"""Kendall's z from which peaks that crossed the limit rise: six days at least, all in order."""
DROWNED = 0.5
"""Days scatter where they do so by this share of what a day gains: a low day is then as likely chance as a bend."""
STEPPED = 0.5
"""Two levels fit better than a line where they leave less than this share of its squared rest: a step, no growth."""
SETTLED, SETTLED_DAYS = 5.0, 3
"""Peaks have settled where a level, a rise of any length and a level of so many days fit better, by this F, than what goes on."""
QUOTA_DAYS = 7
"""So many earlier days say what the course of a quota usually is."""
WEEKS = 3
"""How many weeks ahead `weekly` looks at most."""


def daily(
    scene: Scene, days: int, reach: float, stopped: Bools | bool = False, carried: Bools | bool = True,
    levels: Bools | bool = False, farther: Array | float = 1.0,
) -> Path:  # fmt: skip
    """Means and peaks of whole days drift up together; the peaks' line meets the limit.

    The slope must stand out of the days' scatter the more, the farther the limit is: t > 2.5 + 4 * (time left / window);
    twice that for less than a week with a week before it, four times without, since a week has a rhythm too. Where few hours
    carried the rise (not `carried`), its days must be alike: it may come by night, but not by chance. `levels`: what `Growth`
    says of the row; `farther` (n,) times `reach` is how far it looks.
    """
    window_s = float(days * DAY)
    means, peaks = scene.day_mean[:, -days:], scene.day_peak[:, -days:]
    slope, _, noise = line(means)
    up, end, peak_noise = line(peaks)
    gains, peak_gains = np.diff(means, axis=1), np.diff(peaks, axis=1)
    spread = np.sqrt(((np.arange(days) - (days - 1) / 2) ** 2).sum() * (days - 2) / days)
    half = (days - 1) // 2
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
        even &= (carriers(gains) >= ALIKE * (days - 1)) | carried
        ups = (peak_gains > 0).sum(axis=1) >= (days - 2 if days < 7 else 0.6 * (days - 1))
        early, late = gains[:, :half].mean(axis=1), gains[:, -half:].mean(axis=1)
        shrink = np.clip(late / early, 1e-3, 1.0) ** (1.0 / (days - 1 - half))
        bends = (late * shrink / (1.0 - shrink) < STILL_TO_COME * eta / DAY * up) & (early - late > FADES * noise)
        a, b, c = gains[:, -3], gains[:, -2], gains[:, -1]
        bends |= (a > b) & (b > c) & (c > 0) & (c * np.sqrt(c / a) / (1.0 - np.sqrt(c / a)) < STILL_TO_COME * eta / DAY * up)
        ongoing = (c > 0.3 * mean_gain) & ~(late < 0.5 * early) & ~bends & np.logical_not(levels)
        record = above_record(peaks[:, -1], scene.top, scene.before(24 * days), scene.margin - 0.5 * RECORD, 0.0)
        rises = clear & ups & (eta > 0)
        near = eta <= reach * farther * window_s
        quicker = (late > 1.5 * early) & (late - early > FADES * noise)
        bend = (late - early) / (days - 1 - half)
        sooner = bent(late + bend * (0.5 * half + 0.5), bend, scene.top - np.maximum(end, peaks[:, -1])) * DAY
        eta = np.where(quicker, np.maximum(sooner, 0.2 * eta), eta)
    says = rises & even & ongoing & record & near & np.logical_not(stopped)
    silent = np.where(~ongoing, LEVELS, np.where(~even, UNEVEN, np.where(~record, BEFORE, FAR)))
    return path_of(says, eta, pace, window_s, FROM_DAY_TO_DAY, np.where(rises & ~says, silent, NOTHING))


def stepped(values: Array) -> Bools:
    """(n,) rows of (n, k) that two levels, each of two columns or more, fit better than a line (STEPPED); NaN = left out."""
    here = np.isfinite(values)
    x = np.where(here, np.arange(values.shape[1], dtype=np.float64), np.nan)
    with np.errstate(invalid="ignore", divide="ignore"):
        count = here.sum(axis=1).astype(np.float64)
        dx = np.where(here, x - (np.nansum(x, axis=1) / count)[:, None], 0.0)
        dy = np.where(here, values - (np.nansum(values, axis=1) / count)[:, None], 0.0)
        spread, product, whole = (dx * dx).sum(axis=1), (dx * dy).sum(axis=1), (dy * dy).sum(axis=1)
        line_rest = whole - product * product / spread
        first, first_sum = np.cumsum(here, axis=1)[:, :-1], np.cumsum(dy, axis=1)[:, :-1]
        last = count[:, None] - first
        between = first_sum * first_sum * (1.0 / first + 1.0 / last)  # what a step after each column explains
        between = np.where((first >= 2) & (last >= 2), between, 0.0)
        return np.asarray(whole - between.max(axis=1) < STEPPED * line_rest)


def settled(values: Array) -> Bools:
    """(n,) rows of (n, k) that rose from one level to another and rest there: that shape fits better, by an F test (SETTLED),
    than a line, or a level and a line from some column on. Two columns or more lie before the rise, SETTLED_DAYS behind it;
    NaN = left out."""
    here, x = np.isfinite(values).astype(np.float64), np.arange(values.shape[1], dtype=np.float64)
    since = np.maximum(x - x[:, None], 0.0)  # (k, k) columns since each; a rise is two of them, one less the other
    begin, end = np.triu_indices(len(x), 1)
    count, width = here.sum(axis=1), x[end] - x[begin]
    with np.errstate(invalid="ignore", divide="ignore"):
        y = np.where(here > 0, values - (np.nansum(values, axis=1) / count)[:, None], 0.0)
        product, total, square = ((a[:, None] * b).sum(axis=2) for a, b in ((y, since), (here, since), (here, since * since)))
        spread = square[:, begin] - square[:, end] - 2.0 * width * total[:, end]
        spread -= (total[:, begin] - total[:, end]) ** 2 / count[:, None]
        explained = (product[:, begin] - product[:, end]) ** 2 / spread
        seen = np.cumsum(here, axis=1)
        known = (seen[:, begin] >= 2) & (seen[:, -1:] - seen[:, end - 1] >= SETTLED_DAYS)
        most = np.where(known, explained, 0.0).max(axis=1)
        line = product[:, 0] ** 2 / (square[:, 0] - total[:, 0] ** 2 / count)
        late = np.fmax.reduce(explained[:, end == len(x) - 1], axis=1)  # a rise that goes on has one parameter less, a line two
        better = np.minimum(0.5 * (most - line), most - late)
        rest = (y * y).sum(axis=1) - most
        return np.asarray((count > 4) & ((count - 4) * better > SETTLED * rest))


def weekly(scene: Scene, reach: float, levels: Bools | bool = False) -> Path:
    """Each day stands above the same day a week ago, and so does the week's peak: every coming day is the same day of last
    week and what a week adds; the first one that reaches the limit reaches it at the hour of its peak.

    The mean gain must be 3 times as large as its scatter over the week allows, 6 times beyond half of `reach` weeks; all days
    but one must gain EVERY_DAY of the median day's gain; and the last three days must have gained half of what the first three
    did, or the weeks stand still. Nor is anything said of a row whose days bend to a level (`levels`: see `Growth`), or whose
    peaks have `settled` on one.

    Two weeks cannot tell growth from a step between them, but for its size: a week that adds more than the days of the week
    before differ by is a step, unless that week itself had risen at WITHIN of that pace.
    """
    means, peaks = scene.day_mean, scene.day_peak
    before = means[:, -14:-7]
    gains = means[:, -7:] - before
    peak, old_peak = peaks[:, -7:].max(axis=1), peaks[:, -14:-7].max(axis=1)
    known = np.isfinite(peaks[:, -14:]).all(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = peak - old_peak
        mean, scatter = gains.mean(axis=1), gains.std(axis=1)
        weeks = (scene.top - peak) / gain
        needed = np.where(weeks <= 0.5 * reach, 3.0, 6.0)
        shrinks = gains[:, -3:].mean(axis=1) < 0.5 * gains[:, :3].mean(axis=1)
        ordered = np.sort(gains, axis=1)
        every = ordered[:, 1] >= EVERY_DAY * ordered[:, 3]
        grew = (mean <= before.max(axis=1) - before.min(axis=1)) | (7 * line(before)[0] >= WITHIN * mean)
        clear = known & ~shrinks & every & (mean * np.sqrt(7) > needed * scatter) & (gain > 0) & (ordered[:, 1] > 0) & grew
        coming = peaks[:, -7:, None] + gain[:, None, None] * np.arange(1, WEEKS + 1)
        coming = coming.transpose(0, 2, 1).reshape(len(peak), 7 * WEEKS)  # one column a day, from the next 24 h on
        day = np.argmax(coming >= scene.top[:, None], axis=1)
        within = (coming >= scene.top[:, None]).any(axis=1)
        eta = day * DAY + (np.take_along_axis(scene.peak_hour[:, -7:], day[:, None] % 7, 1)[:, 0] + 0.5) * HOUR
    says = clear & (weeks > 0) & (weeks <= reach) & within
    levels = levels | _at_rest(says, peaks)
    silent = np.where(says & levels, LEVELS, NOTHING)
    return path_of(says & np.logical_not(levels), eta, gain / (7 * DAY), 14.0 * DAY, FROM_WEEK_TO_WEEK, silent)


def peaks(scene: Scene, reach: float, levels: Bools | bool = False) -> Path:
    """Daily peaks, and means, that drift up under a daily rhythm: Kendall's test says whether, Sen's slope how fast.

    Days far below the others (week-ends) are left out. 8 days at least, so that a rising week is not a trend: what stands
    above the day before must stand above the same day a week ago by half as much as seven such days. The limit is met at
    the hour of the peak, on the day when the line and half of its scatter reach it. Two levels (`stepped`) are no drift.
    `levels` as in `weekly`; of days that scatter as much as they gain only together with `_slackens`. Peaks that have `settled`
    drift no more, though their days stand in order for weeks yet.

    Source: Sen 1968, Estimates of the regression coefficient based on Kendall's tau, J. Am. Stat. Assoc. 63.
    """
    high, mean = scene.day_peak, scene.day_mean
    used = np.isfinite(high) & _usual(high)
    count = used.sum(axis=1)
    slope, end, scatter, z = _sen(np.where(used, high, np.nan))
    _, _, _, z_mean = _sen(np.where(used, mean, np.nan))
    pair = used[:, 7:] & used[:, :-7]
    with np.errstate(invalid="ignore", divide="ignore"):
        week = np.where(pair, high[:, 7:] - high[:, :-7], 0.0).sum(axis=1) / pair.sum(axis=1)
        left = (scene.top - end - 0.5 * scatter) / slope
        swing = np.where(used, high - mean, 0.0).sum(axis=1) / count
        known = np.isfinite(high).sum(axis=1)
        needed = np.where(left <= 0.5 * known, 2.2, 2.8)
        clear = (z >= needed) & (z_mean >= 2.0) & (week >= 3.5 * slope) & (count >= 6) & (known >= 8) & (swing > 2.0 * slope)
        clear &= _same_hour(scene.peak_hour, used, count) & ~stepped(np.where(used, high, np.nan))
        day = np.maximum(np.round(left), 1.0)
        eta = (day - 1) * DAY + (scene.peak_hour[:, -1] + 0.5) * HOUR
        says = clear & (slope > 0) & (left <= reach * known)
    levels = (levels & ~(_scatters(high, slope) & ~_slackens(high, scene.top))) | _at_rest(says, high)
    silent = np.where(says & levels, LEVELS, NOTHING)
    return path_of(says & np.logical_not(levels), eta, slope / DAY, 14.0 * DAY, PEAKS, silent)


def rising(high: Array) -> tuple[Bools, Array]:
    """(whether peaks of days (n, d) rise, quiet days left out, by Kendall's test; Sen's slope)."""
    used = np.isfinite(high) & _usual(high)
    slope, _, _, z = _sen(np.where(used, high, np.nan))
    return (z >= RISING) & (slope > 0), slope


def _scatters(high: Array, slope: Array) -> Bools:
    """(n,) whether peaks (n, d) scatter from day to day by as much as `slope` (n,), what a day gains (DROWNED): a single low day
    says nothing of a bend then. By second differences, so that a curve is no scatter."""
    bends = np.diff(high, 2, axis=1)
    squares, count = np.where(np.isfinite(bends), bends, 0.0) ** 2, np.isfinite(bends).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.sqrt(squares.sum(axis=1) / (6.0 * count)) > DROWNED * slope)


def _at_rest(says: Bools, high: Array) -> Bools:
    """(n,) of the rows that say something those whose usual peaks (n, d) have `settled`."""
    out, rows = np.zeros(len(says), bool), np.flatnonzero(says)
    if len(rows):
        out[rows] = settled(np.where(_usual(high[rows]), high[rows], np.nan))
    return out


def _slackens(high: Array, top: Array) -> Bools:
    """(n,) whether peaks (n, d) bend to a level below `top` (n,) by the means of three times three days: the gain of the
    last over that of the one before is the share by which gains shrink on."""
    parts = [high[:, -9 + k : high.shape[1] - 6 + k] for k in (0, 3, 6)]
    with np.errstate(invalid="ignore", divide="ignore"):  # where no day is known there is no mean
        first, middle, last = (np.nansum(part, axis=1) / np.isfinite(part).sum(axis=1) for part in parts)
        shrink = np.clip((last - middle) / (middle - first), 0.0, SLOWEST)
        return np.asarray((last - middle) * shrink / (1.0 - shrink) < top - last)


def _same_hour(hour: Ints, used: Bools, count: Ints) -> Bools:
    """(n,) seven in ten of the days peak within three hours of their usual hour, and that not at the very end of a day."""
    usual = _median(np.where(used, hour, np.nan))
    near = used & (np.abs(hour - usual[:, None]) <= 3)
    return np.asarray((near.sum(axis=1) >= 0.7 * count) & (usual < 22))


def _usual(high: Array) -> Bools:
    """(n, d) days that do not lie far below the others: at least their median less three times the usual distance from it."""
    middle = _median(high)
    away = _median(np.abs(high - middle[:, None]))
    with np.errstate(invalid="ignore"):
        return np.asarray(high >= (middle - 3.0 * away)[:, None])


def _median(values: Array) -> Array:
    """(n,) median of what is there in each row of (n, k); NaN where nothing is."""
    ordered = np.sort(values, axis=1)
    last = np.maximum(np.isfinite(values).sum(axis=1) - 1, 0)
    rows = np.arange(len(values))
    return np.asarray(0.5 * (ordered[rows, last // 2] + ordered[rows, (last + 1) // 2]))


def _sen(values: Array) -> tuple[Array, Array, Array, Array]:
    """(Sen's slope per column, level of the last column, scatter about the line, Kendall's z) of (n, k) with gaps."""
    columns = np.arange(values.shape[1], dtype=np.float64)
    first, second = np.triu_indices(values.shape[1], 1)
    gains = values[:, second] - values[:, first]
    count = np.isfinite(values).sum(axis=1).astype(np.float64)
    slope = _median(gains / (columns[second] - columns[first]))
    rest = values - slope[:, None] * (columns - columns[-1])
    end = _median(rest)
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.nansum(np.sign(gains), axis=1) / np.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    return slope, end, 1.4826 * _median(np.abs(rest - end[:, None])), z


def clock(scene: Scene, stairs: Bools | bool = False) -> Path:
    """What comes nearer by the same amount in each of the last four half days (a certificate's time left), however far it is.

    Whole percents may do so by chance: of `stairs` (see `Course`) nothing is said.
    """
    marks = np.stack([scene.level(12 * i, 1) for i in range(4, -1, -1)], axis=1)
    gains = np.diff(marks, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = gains.mean(axis=1)
        exact = (gains.min(axis=1) > 0) & (gains.max(axis=1) - gains.min(axis=1) < 2e-3 * mean)
        record = above_record(scene.now, scene.top, scene.before(48), scene.margin, 0.0)
        pace = mean / (12 * HOUR)
        eta = scene.room / pace
    return path_of(exact & record & (eta > 0) & np.logical_not(stairs), eta, pace, 2.0 * DAY, CLOCK, np.zeros(len(eta)))


def quota(
    high: NDArray[np.float32], low: NDArray[np.float32], scene: Scene, since: NDArray[np.int64], past_s: Array
) -> Path:
    """A quantity that starts again every day: today's course against the usual one by this hour gives today's total.

    `high`, `low` (n, hours) hourly; `since` (n, days + 1) whole hours since the last reset, and since those of the days before:
    a day on which clocks change has 23 or 25; `past_s` (n,) what has gone since the last whole hour. Needs two earlier days and
    a tenth of a usual day behind it; speaks when the total would pass the limit by a tenth, later in the day by as much less as
    of the day is left.
    """
    n, t = high.shape
    hour, hours_since, days = np.arange(24), since[:, 0], since.shape[1] - 1
    back = t - since[:, 1:, None] + hour
    inside = (back >= 0).all(axis=2)
    flat = np.clip(back, 0, t - 1).reshape(n, days * 24)
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
        eta = np.maximum((ahead + 1 - np.nan_to_num(inner) - hours_since) * HOUR - past_s, 0.1 * HOUR)
        says = (count >= 2) & (hours_since >= 2) & (behind >= 0.1) & (wanted < 1.0 - 0.1 * (1.0 - behind)) & (ahead >= at)
        pace = scene.room / eta
    return path_of(says, eta, pace, float(DAY), COURSE, np.zeros(n))
