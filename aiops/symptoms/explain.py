"""The numbers behind a forecast, for people: how fast it moves over several spans, and what speaks against it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.durations import text
from aiops.core.quantity import quantity
from aiops.core.records import Bools, Floats, History, Limit, Resolution

SPANS_S = (3600, 6 * 3600, 86400, 3 * 86400, 7 * 86400)
"""Spans over which the pace is told, as far as there is history."""
PARTS = 8
"""A pace is that from the mean of the first to that of the last of so many parts of a span: single samples hardly move it."""
QUARTER = 3
"""Buckets of the middle resolution in a quarter of an hour."""
DAYS, LEAST_DAYS = 14, 5
"""How many earlier days say what is usual at an hour, at most and at least."""
SLOW, FEW, BACK_S = 0.5, 0.9, 86400.0
"""Slower than this share of the pace that is told; fewer samples than this share; how long ago a level was reached before."""
ROUNDING = 1e-6
"""Values are held to this share of what they are relative to, or better: so far below 0 is 0."""
USUAL = ("expected", "usual_low", "usual_high")


@dataclass(frozen=True, slots=True)
class Moved:
    """What was `said` of a strange row in the stretch of time numbered `look`, and what tells whether it is true of a newer one.

    `sign`: 1 = it is out upwards. It stands as far out as it did before where sign * value is above `edge` and at most `reach`.
    `positive`: it never was below 0.
    """

    look: int
    said: dict[str, Any]
    sign: float
    edge: float
    reach: float
    positive: bool

    def of(self, value: float, usual: Sequence[float]) -> dict[str, Any]:
        """The same of the newest `value`, and of what is `usual` (USUAL) now what is other than the model has it."""
        more: dict[str, Any] = {}
        if self.said["against"] and not self.edge < self.sign * value <= self.reach:
            more["against"] = []
        if self.positive and not value < 0:
            more |= {name: 0.0 for name, one in zip(USUAL, usual, strict=True) if one < 0}
        return {**self.said, **more} if more else self.said


def paces(history: History) -> Floats:
    """(n, len(SPANS_S)) change per second over each span that ends now, NaN where there is too little history.

    (mean of the last eighth - mean of the first eighth) / the time between their middles.
    """
    out = np.full((len(history.now_s), len(SPANS_S)), np.nan)
    for j, span_s in enumerate(SPANS_S):
        resolution = _finest(history, span_s)
        columns = span_s // resolution.step_s
        if resolution.mean.shape[1] < columns or columns < PARTS:
            continue
        part = columns // PARTS
        first, last = resolution.mean[:, -columns:][:, :part], resolution.mean[:, -part:]
        out[:, j] = (_mean(last) - _mean(first)) / ((columns - part) * resolution.step_s)
    return out


def usual(history: History) -> tuple[Floats, Floats]:
    """(lowest, highest) usual value (n,) at this hour of the day: the 10 and 90 % quantiles of the lows and the highs of the same
    hour on up to DAYS earlier days; NaN where fewer than LEAST_DAYS have one."""
    long, n = history.long, len(history.now_s)
    columns = long.mean.shape[1] - 24 * np.arange(1, DAYS + 1)
    columns = columns[columns >= 0]
    out = np.full((2, n), np.nan)
    known = np.flatnonzero(np.isfinite(long.mean[:, columns]).sum(axis=1) >= LEAST_DAYS)
    if len(known):
        part = np.ix_(known, columns)
        out[0, known] = _quantile(long.low[part].astype(np.float64), 0.1) + history.offset[known]
        out[1, known] = _quantile(long.high[part].astype(np.float64), 0.9) + history.offset[known]
    return out[0], out[1]


def _quantile(values: Floats, share: float) -> Floats:
    """(n,) quantiles of the known values of each row of (n, k), at least one: bit for bit numpy's nanquantile, which goes row by
    row."""
    ordered, rows = np.sort(values, axis=1), np.arange(len(values))  # NaN last
    last = np.isfinite(values).sum(axis=1) - 1
    place = share * last
    left = np.floor(place).astype(np.int64)
    low, high, into = ordered[rows, left], ordered[rows, np.minimum(left + 1, last)], place - left
    return np.asarray(np.where(into >= 0.5, high - (high - low) * (1.0 - into), low + (high - low) * into))


def middle(history: History) -> Floats:
    """(n,) the median of the hours, NaN where there is none: what is expected follows a level, and this does not."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but gaps: NaN
        return np.asarray(np.nanmedian(history.long.mean, axis=1) + history.offset)


def windows(pace: NDArray[np.float64], agrees_with: float, unit: str) -> list[str]:
    """Of one series: its paces (len(SPANS_S),) in the direction of `agrees_with`, as texts with the change an hour."""
    known = [(span, float(p)) for span, p in zip(SPANS_S, pace.tolist(), strict=True) if np.isfinite(p)]
    return [f"{text(span)}: {quantity(p * 3600, unit)} an hour" for span, p in known if p * agrees_with > 0]


def against(
    history: History, limit: Limit, pace: Floats, slope: Floats, coverage: Floats, window_s: Floats, why: NDArray[np.object_]
) -> list[list[str]]:
    """Of each of n rows, what speaks against its crossing: spans that move otherwise, a level that was reached before, gaps.

    `pace` (n, spans) as `paces` gives it, `slope` (n,) told, per second; `coverage` (n,) share of samples in `window_s` (n,);
    `why` (n,) what its forecaster says now: a pause is told.
    """
    sign = np.where(limit.above, 1.0, -1.0)
    before = reached_before(history, sign)
    out = []
    for i in range(len(slope)):
        said, slow = [], False
        for span, p in zip(SPANS_S, pace[i].tolist(), strict=True):
            if np.isfinite(p) and np.isfinite(slope[i]) and p * sign[i] < SLOW * slope[i] * sign[i]:
                back = p * sign[i] < 0
                if back or not slow:  # of what began a moment ago all longer spans are slow: once is enough
                    moved = "the other way" if back else f"at {p / slope[i]:.0%} of that pace"
                    said.append(f"over the last {text(span)} it moved {moved}")
                slow |= not back
        if np.isfinite(before[i]) and before[i] >= BACK_S:
            said.append(f"it stood there {text(float(before[i]))} ago and did not go on")
        if coverage[i] < FEW:
            said.append(f"{1 - coverage[i]:.0%} of the samples of its {text(float(window_s[i]))} are missing")
        if why[i] == "it comes no nearer for now":
            said.append("of late it came no nearer")
        out.append(said)
    return out


def still(history: History) -> NDArray[np.float64]:
    """(n,) seconds for which rows that move in nearly every quarter of an hour have held their newest value exactly, as far as
    the finest and the middle resolution know; gaps do not end it. 0 for rows that often stand still, or have no sample now."""
    fine, mid, n = history.fine, history.mid, len(history.now_s)
    if not fine.mean.shape[1] or mid.mean.shape[1] < PARTS * QUARTER:
        return np.zeros(n)
    newest = fine.mean[:, -1:]
    here = (fine.mean != newest) & np.isfinite(fine.mean)
    before = ((mid.low != newest) | (mid.high != newest)) & np.isfinite(mid.mean)
    lately = here.any(axis=1)
    held = np.where(
        lately, here[:, ::-1].argmax(axis=1) * fine.step_s, before[:, ::-1].argmax(axis=1) * mid.step_s + fine.end_s - mid.end_s
    )
    moves = np.concatenate([np.zeros((n, 1), bool), mid.mean[:, 1:] != mid.mean[:, :-1]], axis=1) | (mid.low != mid.high)
    quarters = mid.mean.shape[1] // QUARTER
    moved, known = (
        one[:, -quarters * QUARTER :].reshape(n, quarters, QUARTER).any(axis=2) for one in (moves, np.isfinite(mid.mean))
    )
    known &= mid.end_s - np.arange(quarters, 0, -1) * QUARTER * mid.step_s < fine.end_s - held[:, None]
    restless = (moved & known).sum(axis=1) >= FEW * np.maximum(known.sum(axis=1), PARTS)
    return np.where(restless & np.isfinite(newest[:, 0]), np.maximum(held - fine.step_s, 0), 0).astype(np.float64)


def _finest(history: History, span_s: int) -> Resolution:
    """The finest resolution that holds the span, else the longest."""
    held = [r for r in (history.fine, history.mid, history.long) if r.mean.shape[1] * r.step_s >= span_s]
    return held[0] if held else history.long


def _mean(values: Floats) -> NDArray[np.float64]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # nothing but gaps: NaN
        return np.asarray(np.nanmean(values, axis=1), np.float64)


def positive(history: History) -> Bools:
    """(n,) which rows were never below 0, as far as is known."""
    least = np.full(len(history.now_s), np.inf)
    for one in (history.fine, history.mid, history.long):
        if one.low.shape[1]:
            least = np.fmin(least, np.fmin.reduce(one.low, axis=1).astype(np.float64))
    return np.asarray(least + history.offset >= -ROUNDING * np.abs(history.offset))


def reached_before(history: History, sign: Floats, daily: bool = True) -> NDArray[np.float64]:
    """(n,) of rows that move up, or down by `sign` (n,): seconds since an hour whose worst value was at least as far as the
    newest, BACK_S ago or earlier; NaN without a newest. Not `daily`: hours at which most days bring it as far are left out."""
    long, n = history.long, len(sign)
    out = np.full(n, np.nan)
    back = int(BACK_S // long.step_s)
    columns = long.mean.shape[1]
    if columns <= back:
        return out
    worst = np.where(sign[:, None] > 0, long.high, -long.low)[:, : columns - back]
    newest = history.fine.mean[:, -1] * sign if history.fine.mean.shape[1] else out  # one sample, as that hour's worst is
    with np.errstate(invalid="ignore"):
        there = worst >= newest[:, None]
    if not daily:
        days = there[:, there.shape[1] % 24 :].reshape(n, -1, 24)
        most = np.count_nonzero(days, axis=1) > days.shape[1] / 2
        there &= ~most[:, (np.arange(there.shape[1]) - there.shape[1]) % 24]
    last = there.shape[1] - 1 - np.argmax(there[:, ::-1], axis=1)
    found = there.any(axis=1)
    out[found] = (columns - 1 - last[found]) * long.step_s
    return out
