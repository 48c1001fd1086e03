"""When what speaks now began, estimated from what is held: the rise towards a limit, or the departure from what is usual.

It is told beside when it became a symptom, and decides nothing.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, History, Ints, Resolution

HOUR, DAY = 3600, 86400
LEAST = 0.75
"""A rise began at least this share of the window that speaks ago."""
SMOOTH = 4
"""Values are means of so many columns, and steps back at least as long."""
SHORT_S = (6 * HOUR, DAY)
"""How far back the finest and the middle resolution are looked through; the same hours of earlier days say more than that."""
DAYS, LEAST_DAYS = 14, 5
"""Earlier days that say what is usual at an hour, at most and at least."""
AROUND, AT_ONCE = 2, 0.5
"""Columns on each side of a step, and the share of all that a row moved that it makes where it is told as a jump."""
PAUSE = 3
"""A departure goes on over so many columns inside of what is usual."""
ROWS = 512
"""Rows looked at at once."""


def rise(history: History, sign: Floats, window_s: Floats) -> tuple[NDArray[np.float64], Bools]:
    """(when a rise began, epoch seconds; whether that is where the history begins), (n,) each; NaN where nothing rose.

    It began where gain / sqrt(time) up to now is largest, the span that a random walk explains least. Within a day what the same
    hours of yesterday gained is taken off; beyond it whole days are compared, and the first one counts by its share of the pace
    of the others. `sign` (n,) 1 = up; `window_s` (n,) the window that speaks: it began LEAST of that, or a day, ago or earlier.
    """
    n, day, least = len(sign), _days(history, sign), np.fmin(LEAST * window_s, DAY)[:, None]
    best, ago = np.full(n, -np.inf), np.full(n, np.nan)
    for spans, gains in (_recent(history.fine, sign, SHORT_S[0]), _recent(history.mid, sign, SHORT_S[1]), day):
        if not len(spans):
            continue
        with np.errstate(invalid="ignore"):
            score = np.where((gains > 0) & (spans >= least), gains / np.sqrt(spans), -np.inf)
        at = score.argmax(axis=1)
        found = score[np.arange(n), at]
        better = found > best
        back = spans[at] + (_amid(gains, at) if spans[0] == DAY else 0.0)
        best, ago = np.where(better, found, best), np.where(better, back, ago)
    whole = history.now_s - history.first_s
    edge = np.isfinite(ago) & (ago >= whole - np.where(ago < DAY, 0.1 * ago, DAY))
    return history.now_s - np.minimum(ago, whole), edge


def departure(history: History, low: Floats, high: Floats) -> NDArray[np.float64]:
    """(n,) since when rows have been outside of `low` to `high` (n,), epoch seconds, walking back from now over what the finest
    and the middle resolution hold, on the side where they are now; NaN of rows inside, and where no range is known.

    That range is the one of now: a bucket counts if it is also at least half as far from what its own hour is on other days, at
    the median of LEAST_DAYS and more, as the newest is from the middle of the range.
    """
    out = np.full(len(low), np.nan)
    for start in range(0, len(low), ROWS):
        rows = slice(start, start + ROWS)
        bounds, usual = tuple((one[rows] - history.offset[rows])[:, None] for one in (low, high)), _usual(history.long.mean[rows])
        fine, through = _outside(history.fine, rows, bounds, usual, history.long)
        mid, _ = _outside(history.mid, rows, bounds, usual, history.long)
        began = np.where(through, np.fmin(fine, mid), fine)
        out[rows] = history.now_s[rows] - (history.fine.end_s - began - history.fine.step_s)
        out[rows] = np.maximum(out[rows], history.first_s[rows])  # a bucket began before the first sample in it
    return out


def jumps(history: History, began_s: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(by how much rows jumped where what they do began, the median of the hour before it), (n,) each, NaN where they did not:
    the step from the AROUND columns before to those after is at least AT_ONCE of the way from that median to the newest ones.
    `began_s` (n,): epoch seconds, as `departure` gives it.

    A pace over a span that holds such a step says how long ago it was, and nothing of where the row goes.
    """
    at_s = began_s - history.now_s + history.fine.end_s
    (fine, fine_from), (mid, mid_from) = _jumps(history.fine, at_s, 0), _jumps(history.mid, at_s, 1)
    found = np.isfinite(fine)
    return np.where(found, fine, mid), history.offset + np.where(found, fine_from, mid_from)


def _jumps(one: Resolution, at_s: NDArray[np.float64], skip: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The same at one resolution that holds the hour before `at_s` (n,); `skip` columns hold some of both sides."""
    y, hour = one.mean.astype(np.float64), max(HOUR // one.step_s, AROUND)
    n, t = y.shape
    with np.errstate(invalid="ignore"):
        at = t - 1 - np.floor((one.end_s - at_s) / one.step_s)
        held = (at >= hour) & (at + skip < t)
    out, level, rows = np.full(n, np.nan), np.full(n, np.nan), np.flatnonzero(held)
    if len(rows):
        first = at[rows].astype(np.int64)[:, None]
        before, after = (_columns(y[rows], first + np.arange(*ends)) for ends in ((-hour, 0), (skip, skip + AROUND)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # nothing but gaps: NaN
            step = np.nanmedian(after, axis=1) - np.nanmedian(before[:, -AROUND:], axis=1)
            median = np.nanmedian(before, axis=1)
            way = np.nanmedian(y[rows, -AROUND:], axis=1) - median
        jumped = step * np.sign(way) >= AT_ONCE * np.abs(way)
        out[rows], level[rows] = np.where(jumped, step, np.nan), np.where(jumped, median, np.nan)
    return out, level


def _columns(y: Floats, at: Ints) -> Floats:
    """(k, c) the columns `at` (k, c) of rows, NaN beyond the last."""
    return np.where(at < y.shape[1], np.take_along_axis(y, np.minimum(at, y.shape[1] - 1), axis=1), np.nan)


def _usual(hourly: Floats) -> Floats:
    """(n, 24) the median of each hour over the last DAYS days, the last hour that is over at the end; NaN below LEAST_DAYS."""
    days = min(DAYS, hourly.shape[1] // 24)
    if days < LEAST_DAYS:
        return np.full((len(hourly), 24), np.nan)
    known = hourly[:, hourly.shape[1] - 24 * days :].reshape(-1, days, 24).transpose(0, 2, 1).astype(np.float64)
    enough = np.isfinite(known).sum(axis=2) >= LEAST_DAYS
    out = np.full(enough.shape, np.nan)
    out[enough] = np.nanmedian(known[enough], axis=1)
    return out


def _outside(
    one: Resolution, rows: slice, bounds: tuple[Floats, ...], usual: Floats, long: Resolution
) -> tuple[NDArray[np.float64], Bools]:
    """(when the first bucket of the newest run outside began, NaN: there is none; whether it goes back to the first one that is
    held), (n,) each."""
    y, (low, high) = one.mean[rows].astype(np.float64), bounds
    n, t = y.shape
    if not t:
        return np.full(n, np.nan), np.ones(n, bool)
    ends_s = one.end_s - one.step_s * np.arange(t - 1, -1, -1)
    with np.errstate(invalid="ignore"):
        beyond = ((y > high) | (y < low)) & (low <= high)
        at = t - 1 - beyond[:, ::-1].argmax(axis=1)
        last, found = y[np.arange(n), at][:, None], np.asarray(beyond[:, -PAUSE:].any(axis=1))
        side = np.where(last > high, 1.0, -1.0)
        near = side * (y - usual[:, (23 - (long.end_s - ends_s) // long.step_s) % 24]) < 0.5 * side * (last - 0.5 * (low + high))
        out = np.where(side > 0, y > high, y < low) & ~near
    out[np.arange(n), at] = found  # what stands out now does, whatever its hour is
    return _run(out, np.isfinite(y), found, ends_s - one.step_s)


def _run(out: Bools, known: Bools, found: Bools, begins_s: Ints) -> tuple[NDArray[np.float64], Bools]:
    """The same of columns (n, t) that are `out`: the newest run goes on over PAUSE columns that are `known` and not out."""
    n = len(out)
    back, inside = out[:, ::-1], np.cumsum((known & ~out)[:, ::-1], axis=1)
    seen = np.maximum.accumulate(np.where(back, inside, -1), axis=1)
    before = np.concatenate([np.full((n, 1), -1), seen[:, :-1]], axis=1)
    over = np.logical_or.accumulate(back & (before >= 0) & (inside - before > PAUSE), axis=1)
    first = (back & ~over)[:, ::-1].argmax(axis=1)
    through = found & (np.cumsum(known, axis=1)[np.arange(n), first] <= PAUSE)
    return np.where(found, begins_s[first].astype(np.float64), np.nan), through


def _recent(one: Resolution, sign: Floats, most_s: int) -> tuple[NDArray[np.float64], Floats]:
    """(spans (k,) seconds, gains (n, k) over them up to now) at one resolution."""
    y = _means(one.mean[:, -((most_s + DAY) // one.step_s + SMOOTH) :] * sign[:, None].astype(np.float32), SMOOTH)
    columns = min(y.shape[1] - 1, most_s // one.step_s)
    if columns < SMOOTH:
        return np.zeros(0), np.zeros((len(y), 0))
    back = np.arange(SMOOTH, columns + 1)
    gains, day = y[:, -1:] - y[:, -1 - back], DAY // one.step_s
    if y.shape[1] > day + columns:
        with np.errstate(invalid="ignore"):
            gains = gains - np.nan_to_num(np.fmax(y[:, -1 - day, None] - y[:, -1 - day - back], 0.0))
    return back.astype(np.float64) * one.step_s, gains


def _days(history: History, sign: Floats) -> tuple[NDArray[np.float64], Floats]:
    """The same over whole days."""
    y = history.long.mean * sign[:, None].astype(np.float32)
    days = 24 * np.arange(1, (y.shape[1] - 1) // 24 + 1)
    gains = (y[:, -1:] - y[:, -1 - days]).astype(np.float64) if len(days) else np.zeros((len(y), 0))
    return days.astype(np.float64) * HOUR, gains


def _amid(gains: Floats, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """(n,) seconds by which a rise over days began before (+) or after (-) the whole day at `at` (n,), by its pace."""
    rows, last = np.arange(len(gains)), gains.shape[1] - 1
    whole, shorter = gains[rows, at], np.where(at > 0, gains[rows, np.maximum(at - 1, 0)], 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = np.where(at > 0, shorter / np.maximum(at, 1), whole)
        first = np.clip(np.nan_to_num((whole - shorter) / pace, nan=1.0), 0.0, 1.0)
        before = np.clip(np.nan_to_num((gains[rows, np.minimum(at + 1, last)] - whole) / pace), 0.0, 1.0)
    return np.asarray(DAY * (first - 1.0 + np.where(at < last, before, 0.0)))


def _means(values: Floats, width: int) -> Floats:
    """(n, t - width + 1) means of `width` columns, gaps left out; NaN where all are gaps."""
    if values.shape[1] < width:
        return np.zeros((len(values), 0))
    known = np.isfinite(values)
    sums = np.where(known, values, 0.0).astype(np.float64)
    total, count = (sum(one[:, i : one.shape[1] - width + 1 + i] for i in range(width)) for one in (sums, known.astype(np.int8)))
    return np.asarray(total / np.where(count, count, np.nan))


def plain(began_s: float, edge: bool = False) -> dict[str, float | bool]:
    """As evidence: `began_s`, and `began_before` where it may be earlier."""
    known = {} if not np.isfinite(began_s) else {"began_s": float(began_s)}
    return known | ({"began_before": True} if known and edge else {})

