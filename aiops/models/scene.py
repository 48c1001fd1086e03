"""From a history to a scene: oriented towards the limit, with its past summed up once for all ways."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, History, Ints, Limit, Resolution
from aiops.models.paths import AGES, HOUR, Scene
from aiops.models.quota import begun_s
from aiops.models.shape import Array, Sums

DAYS, HOURLY = 15, 336
DAY_HOURS = 16
"""A day with fewer hours present says nothing."""

BRIDGED_S = 3 * HOUR
"""A gap of up to this long is taken for a straight line."""
FALL = 0.4
MARGINS = (0.2, 0.6, 0.5, 0.4, 0.3, 0.2)
"""Shares of its range by which a row must stand above its record, after no, one, two … falls."""

LARGEST = 1e37
"""History is float32 relative to an offset: a limit that is farther from it than this is not followed."""
CAME_NEAR, FELL_BACK, LIVES_THERE = 0.15, 0.5, 0.25
"""An hour in which the limit was crossed ends what is past when its mean was this near, as a share of the way from the lowest
level (a spike that goes beyond it does not), when half of that way was fallen back afterwards, and when not a quarter of all
hours was as near below the limit: there noise crosses it."""

Fine = NDArray[np.float32]


def scene_of(history: History, limit: Limit) -> tuple[Scene, Bools, Array]:
    """(scene, rows (n,) with one of the last three samples, the lowest oriented level known (n,)).

    The level now is the median of the last three samples. Of a quantity that resets, only what came after the last reset
    counts; rows without resets are not touched. What was before the limit was last crossed is no past above which a rise must
    stand: what failed once may fail again in the same way. A limit farther than LARGEST from the first sample: `top` is NaN.
    """
    sign = np.where(limit.above, 1.0, -1.0)
    now = sign * _median3(history.fine.mean[:, -3:].astype(np.float64))
    mid_high, mid_low = oriented(history.mid, limit)
    mid_mean = _turned(history.mid.mean, limit)
    high, low = oriented(history.long, limit)
    mean = _turned(history.long.mean, limit)
    again = np.flatnonzero(limit.resets)
    if len(again):
        begin = begun_s(limit.take(again), history.now_s[again])
        mid_high, mid_low, mid_mean = (_since(a, history.mid, history, again, begin) for a in (mid_high, mid_low, mid_mean))
        high, low, mean = (_since(a, history.long, history, again, begin) for a in (high, low, mean))
    with np.errstate(over="ignore", invalid="ignore"):
        top = sign * (limit.value - history.offset)
        top = np.where(np.abs(top) <= LARGEST, top, np.nan)
    floor, ever = _lasting(low, np.fmax), low
    all_low = np.fmin.reduce(floor, axis=1)
    high, low = _since_crossed(high, low, mean, top)
    record, floor = _lasting(high, np.fmin), floor if low is ever else _lasting(low, np.fmax)
    margin = _margin(high, low)
    day_mean, day_peak, peak_hour = _days(mean, record)
    record, floor = _older(record, np.fmax), _older(floor, np.fmin)
    lowest = np.fmin(all_low, np.fmin.reduce(mid_low, axis=1)) if mid_low.shape[1] else all_low
    mid = Sums.of(mid_mean, BRIDGED_S // history.mid.step_s)
    scene = Scene(
        now, top, (history.now_s - history.first_s).astype(np.float64),
        history.mid.step_s, mid, mid_low, mid_high, record, floor, margin, day_mean, day_peak, peak_hour,
        _padded(mean, HOURLY), mean,
    )  # fmt: skip
    return scene, np.isfinite(now), np.asarray(np.fmin(lowest, _lowest_fine(history, sign)), np.float64)


def oriented(resolution: Resolution, limit: Limit) -> tuple[Fine, Fine]:
    """(high, low) when up is towards the limit."""
    down = ~limit.above
    if not down.any():
        return resolution.high, resolution.low
    if down.all():
        return -resolution.low, -resolution.high
    turned = down[:, None]
    return np.where(turned, -resolution.low, resolution.high), np.where(turned, -resolution.high, resolution.low)


def _turned(values: Fine, limit: Limit) -> Fine:
    return values if limit.above.all() else values * np.where(limit.above, 1.0, -1.0).astype(np.float32)[:, None]


def _median3(last: Array) -> Array:
    """(n,) median of up to three values, NaN = none."""
    count = np.isfinite(last).sum(axis=1)
    ordered = np.sort(last, axis=1)  # NaN last
    rows = np.arange(len(last))
    at = np.maximum(count - 1, 0)
    return np.asarray(0.5 * (ordered[rows, at // 2] + ordered[rows, (at + 1) // 2]))


def _lowest_fine(history: History, sign: Array) -> Array:
    fine = history.fine.mean
    if history.fine.step_s >= history.mid.step_s or not fine.shape[1]:
        return np.full(len(sign), np.nan)
    recent = fine[:, -(2 * HOUR // history.fine.step_s) :]
    lowest = np.where(sign > 0, np.fmin.reduce(recent, axis=1), -np.fmax.reduce(recent, axis=1))
    return np.asarray(lowest, np.float64)


def _since(values: Fine, resolution: Resolution, history: History, rows: Ints, begin: Array) -> Fine:
    """Values with those of `rows` that began before `begin` (len(rows),) taken out."""
    out = values.copy()
    step = resolution.step_s
    end = history.now_s[rows] // step * step
    starts = end[:, None] - step * np.arange(values.shape[1], 0, -1)
    out[rows] = np.where(starts >= begin[:, None], values[rows], np.nan)
    return out


def _since_crossed(high: Fine, low: Fine, mean: Fine, top: Array) -> tuple[Fine, Fine]:
    """(high, low) (n, t) without what was until a row last crossed its limit, coming near it as a whole, and fell back from it.

    It came near by the mean of the hour that crossed or by the highest of the hour before; it falls as long as each hour's mean
    lies below that of the hour before. A crossing counts once it is over: the row fell back by half of the way (FELL_BACK). A row
    that lives just below the limit (LIVES_THERE) crosses it by noise, and keeps its past.
    """
    if not high.shape[1]:
        return high, low
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(np.fmax.reduce(high, axis=1) >= top)
        if not len(rows):
            return high, low
        highest, level, limit = high[rows], mean[rows], top[rows, None]
        way = limit - np.fmin.reduce(low[rows], axis=1)[:, None]
        near = limit - CAME_NEAR * way
        came = level >= near
        lives = (came & (level < limit)).sum(axis=1) > LIVES_THERE * np.isfinite(level).sum(axis=1)
        came[:, 1:] |= highest[:, :-1] >= near
        fell = level <= limit - FELL_BACK * way
        over = np.logical_or.accumulate(fell[:, ::-1], axis=1)[:, ::-1] & ~lives[:, None]
        hours = np.arange(high.shape[1])
        last = np.where((highest >= limit) & came & over, hours, -1).max(axis=1)[:, None]  # -1: it never did
        ends = (level[:, 1:] >= level[:, :-1]) & (hours[1:] > last)
    back = np.argmax(np.pad(ends, ((0, 0), (0, 1)), constant_values=True), axis=1)[:, None]  # the last hour of the fall
    gone = (hours <= np.maximum(last, back)) & (last >= 0)
    high, low = high.copy(), low.copy()
    high[rows], low[rows] = np.where(gone, np.nan, highest), np.where(gone, np.nan, low[rows])
    return high, low


def _lasting(values: Fine, inner: np.ufunc) -> Fine:
    """(n, t - 1): what two hours in a row reach, so that a lone hour's spike does not count."""
    return np.asarray(inner(values[:, :-1], values[:, 1:])) if values.shape[1] > 1 else values


def _older(values: Fine, outer: np.ufunc) -> Fine:
    """(n, len(AGES)): the extreme of everything older than each age; NaN where there is nothing."""
    columns = values.shape[1]
    known = [age for age in AGES if age < columns]
    out = np.full((len(values), len(AGES)), np.nan, np.float32)
    if known:
        edges = [0, *(columns - age for age in reversed(known[1:]))]
        parts = outer.reduceat(values[:, : columns - known[0]], edges, axis=1)
        out[:, : len(known)] = outer.accumulate(parts, axis=1)[:, ::-1]
    return out


def _margin(high: Fine, low: Fine) -> Array:
    """(n,) how far above its record a row must stand, as a share of its range: more where it fell back once or a few times.

    A fall is FALL of the whole range within two hours. One cycle says little of how far the next one goes; many say it well.
    """
    if high.shape[1] < 3:
        return np.full(len(high), MARGINS[0])
    with np.errstate(invalid="ignore", over="ignore"):
        span = np.fmax.reduce(high, axis=1) - np.fmin.reduce(low, axis=1)
        falls = high[:, :-2] - low[:, 2:] > FALL * span[:, None]
    count = (falls[:, 1:] & ~falls[:, :-1]).sum(axis=1) + falls[:, 0]
    return np.asarray(np.asarray(MARGINS)[np.minimum(count, len(MARGINS) - 1)], np.float64)


def _days(mean: Fine, high: Fine) -> tuple[Array, Array, Ints]:
    """(n, DAYS) mean, peak and the peak's hour of 24 hours each, ending now; NaN for a day with fewer than DAY_HOURS hours."""
    n, hours = mean.shape[0], DAYS * 24
    mean, high = (_padded(a, hours).reshape(n, DAYS, 24) for a in (mean, high))
    present = np.isfinite(mean)
    count = present.sum(axis=2)
    enough = count >= DAY_HOURS
    total = np.where(present, mean, 0).sum(axis=2, dtype=np.float64)
    means = np.where(enough, total / np.maximum(count, 1), np.nan)
    peaks = np.fmax.reduce(high, axis=2)
    hour = np.argmax(high == peaks[:, :, None], axis=2)
    return means, np.where(enough, peaks, np.nan).astype(np.float64), hour


def _padded(values: Fine, columns: int) -> Fine:
    """The last `columns` columns, with gaps in front where there are fewer."""
    missing = columns - values.shape[1]
    if missing <= 0:
        return values[:, -columns:]
    return np.concatenate([np.full((len(values), missing), np.nan, np.float32), values], axis=1)
