"""When what speaks now began, estimated from what is held: the rise towards a limit, or the departure from what is usual.

It is told beside when it became a symptom, and decides nothing.
"""

from __future__ import annotations

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, History, Resolution

HOUR, DAY = 3600, 86400
LEAST = 0.75
"""A rise began at least this share of the window that speaks ago."""
SMOOTH = 4
"""Values are means of so many columns, and steps back at least as long."""
SHORT_S = (6 * HOUR, DAY)
"""How far back the finest and the middle resolution are looked through; the same hours of earlier days say more than that."""
PAUSE = 3
"""A departure goes on over so many columns inside of what is usual."""


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
    and the middle resolution hold, on the side where they are now; NaN of rows inside, and where no range is known."""
    ago = np.full(len(low), np.nan)
    low, high = low - history.offset, high - history.offset
    for i in range(len(low)):
        for one in (history.fine, history.mid):
            began, through = _outside(one, i, float(low[i]), float(high[i]))
            ago[i] = np.fmax(ago[i], history.fine.end_s - began - history.fine.step_s)
            if not through:
                break
    return np.asarray(history.now_s - ago)


def _outside(one: Resolution, i: int, low: float, high: float) -> tuple[float, bool]:
    """(when the first bucket of the newest run outside began, whether the run goes back to the first bucket that is held)."""
    known = np.flatnonzero(np.isfinite(one.mean[i]))
    values = one.mean[i, known].astype(np.float64)
    if not len(values) or not low <= high:
        return np.nan, False
    newest = np.flatnonzero((values[-PAUSE:] > high) | (values[-PAUSE:] < low))
    if not len(newest):
        return np.nan, False
    out = values > high if values[-PAUSE:][newest[-1]] > high else values < low
    back = np.flatnonzero(out)[::-1]
    gaps = np.flatnonzero(-np.diff(back) > PAUSE + 1)
    first = int(back[gaps[0]] if len(gaps) else back[-1])
    return float(one.end_s - (one.mean.shape[1] - known[first]) * one.step_s), first < PAUSE


def _recent(one: Resolution, sign: Floats, most_s: int) -> tuple[NDArray[np.float64], Floats]:
    """(spans (k,) seconds, gains (n, k) over them up to now) at one resolution."""
    y = _means(one.mean * sign[:, None].astype(np.float32), SMOOTH)
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
    parts = sliding_window_view(values, width, axis=1)
    known = np.isfinite(parts).sum(axis=2)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nansum(parts, axis=2, dtype=np.float64) / np.where(known, known, np.nan))


def plain(began_s: float, edge: bool = False) -> dict[str, float | bool]:
    """As evidence: `began_s`, and `began_before` where it may be earlier."""
    known = {} if not np.isfinite(began_s) else {"began_s": float(began_s)}
    return known | ({"began_before": True} if known and edge else {})

