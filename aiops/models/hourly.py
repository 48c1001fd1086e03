"""From a history to what a forecaster of hours learns from: rows of one length, without gaps, and rolling origins."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops.core.records import Bools, Floats, History, Ints, Resolution
from aiops.models.medians import DAY

LENGTHS = (72, 96, 120, 144, 168, 192, 240, 288, 336, 432, 504, 600, 672, 744, 840)
"""Hours a past may have: rows share one of them, so that everything else is computed for many rows at once. An origin wants two
days behind it, so there are three in the shortest."""
YOUNG_LENGTHS = (12, 18, 24, 36, 48, 72, 96, 144, 192, 288, 576)
"""Steps of 5 min a past may have where there are not three days of hours yet."""
PRESENT = 0.7
"""Share of a past that must hold samples."""
STALE = 3
"""With no sample in so many last steps nothing is said."""
ORIGINS = 8
BACK = 336
"""Rolling origins lie at most this many steps back, and at most half of the past."""


@dataclass(frozen=True, slots=True, eq=False)
class Past:
    """Some rows of a history: `rows` (k,), `values` (k, t) float32 without gaps, `step_s`, `season` in steps (0: none).

    True value = `base` + `scale` * value, both (k,) float64; the newest value is 0, none is beyond -2 … 2.
    """

    rows: Ints
    values: Floats
    base: Floats
    scale: Floats
    step_s: int
    season: int

    @property
    def ends(self) -> list[int]:
        """Where pasts end that forecasts are tried from, the nearest first; the future of each is known."""
        t = self.values.shape[1]
        apart = max(min(t // 2, BACK) // ORIGINS, 1)
        first = 2 * self.season if self.season else 4
        return [end for end in (t - apart * k for k in range(1, ORIGINS + 1)) if end >= first]


def pasts(history: History, rows: Ints) -> list[Past]:
    """The pasts of `rows` (k,): hours where three days of them are known, else steps of 5 min; rows with too little: in none."""
    found, left = _of(history.long, history.offset, rows, LENGTHS, DAY)
    young, _ = _of(history.mid, history.offset, rows[left], YOUNG_LENGTHS, 0)
    return found + young


def _of(resolution: Resolution, offset: Floats, rows: Ints, lengths: tuple[int, ...], season: int) -> tuple[list[Past], Bools]:
    """(pasts, which of the rows have none)."""
    values = resolution.mean[rows]
    known = np.isfinite(values)
    t = values.shape[1]
    left = np.ones(len(rows), bool)
    if not t:
        return [], left
    available = np.where(known.any(axis=1), t - known.argmax(axis=1), 0)
    place = np.searchsorted(np.array(lengths), available, side="right") - 1
    fresh = known[:, -STALE:].any(axis=1)
    found = []
    for i in np.unique(place[(place >= 0) & fresh]).tolist():
        length = lengths[i]
        some = np.flatnonzero((place == i) & fresh)
        some = some[known[some, -length:].mean(axis=1) >= PRESENT]
        if len(some):
            left[some] = False
            x = filled(values[some, -length:]).astype(np.float64)
            base, largest = x[:, -1], np.abs(x).max(axis=1)
            scale = np.where(largest > 0, largest, 1.0)
            relative = ((x - base[:, None]) / scale[:, None]).astype(np.float32)
            found.append(Past(rows[some], relative, base + offset[rows[some]], scale, resolution.step_s, season))
    return found, left


def filled(values: Floats) -> Floats:
    """(n, t) with every gap bridged by a straight line, the ends by the nearest value; a row without any value stays NaN.

    >>> filled(np.array([[np.nan, 1.0, np.nan, 3.0]])).tolist()
    [[1.0, 1.0, 2.0, 3.0]]
    """
    gaps = np.flatnonzero(~np.isfinite(values).all(axis=1))
    if not len(gaps):
        return values
    x = values[gaps]
    t = x.shape[1]
    known, at = np.isfinite(x), np.arange(t)
    before = np.maximum.accumulate(np.where(known, at, -1), axis=1)
    after = np.minimum.accumulate(np.where(known, at, t)[:, ::-1], axis=1)[:, ::-1]
    first, last = np.where(before < 0, after, before), np.where(after >= t, before, after)
    low = np.take_along_axis(x, np.clip(first, 0, t - 1), axis=1)
    high = np.take_along_axis(x, np.clip(last, 0, t - 1), axis=1)
    share = (at - first) / np.maximum(last - first, 1)
    out = values.copy()
    out[gaps] = np.where(known, x, low + np.where(last > first, share, 0.0) * (high - low))
    return out
