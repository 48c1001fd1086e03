"""After a first crossing: who is at its limit already is told of no more, who crosses it once a day is told of the next time.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiops.core.records import Bools, History, Ints, Limit
from aiops.models.days import rising
from aiops.models.paths import AGAIN, DAY, FROM_WEEK_TO_WEEK, HOUR, PEAKS, WEEKLY_TOPS, Path, Scene, path_of
from aiops.models.quota import begun_s
from aiops.models.scene import DAYS, Fine, oriented
from aiops.models.shape import Array

APART, TOUCHES, ONCE_H = 0.5, 2, 12
"""What a way says is no news where so many hours touched the limit within this share of the time that it says is left, or of its
window; one is enough within that share of the time and ONCE_H: longer ago it may be a stray sample."""
REST_S = 3.0 * HOUR
"""A rhythm rests at least this long between two of its peaks."""
ALIKE, WINDOW_S = 3, float(DAYS * DAY)
"""So many days say at which hours the next one crosses; whether they rise, all that are known."""
RHYTHMS = (PEAKS, FROM_WEEK_TO_WEEK, WEEKLY_TOPS, AGAIN)


@dataclass(frozen=True, slots=True, eq=False)
class Touched:
    """Rows that were at their limit or beyond it in the last DAYS days: which `rows` (k,), how long `ago_s` (k,), the `highs`
    (k, 24 DAYS) of their hours, in how many of the last i hours they touched it, `times` (k, 24 DAYS + 1); `top` (k,), and the
    seconds since the last whole hour, `past_s` (k,)."""

    rows: Ints
    ago_s: Array
    highs: Fine
    times: Ints
    top: Array
    past_s: Array
    n: int
    quiet_s: float

    @classmethod
    def of(cls, history: History, limit: Limit, scene: Scene, quiet_s: float) -> Touched:
        """What touched its limit, by every resolution; before the period of a quota began nothing counts. `quiet_s`: how long
        nothing is said after a touch; 0: no touch counts."""
        parts, top = [history.fine, history.mid, history.long], scene.top.astype(np.float32)  # as exact as what is known
        highs = [oriented(part, limit)[0][:, -24 * DAYS * HOUR // part.step_s :] for part in parts]
        with np.errstate(invalid="ignore"):
            touched = [(high >= top[:, None]).any(axis=1) for high in highs] if quiet_s else [np.zeros(len(scene.now), bool)]
        rows = np.flatnonzero(np.logical_or.reduce(touched))
        begun, now, ago = begun_s(limit.take(rows), history.now_s[rows]), history.now_s[rows], np.full(len(rows), np.inf)
        for part, high in zip(parts, highs, strict=True):
            ends = now[:, None] // part.step_s * part.step_s - part.step_s * np.arange(high.shape[1] - 1, -1, -1)
            with np.errstate(invalid="ignore"):
                at = (high[rows] >= top[rows, None]) & (ends - part.step_s >= begun[:, None])
            ago = np.fmin(ago, np.where(at, now[:, None] - ends, np.inf).min(axis=1, initial=np.inf))
        hours = np.full((len(rows), 24 * DAYS), np.nan, np.float32)
        hours[:, 24 * DAYS - high.shape[1] :] = np.where(ends - HOUR >= begun[:, None], high[rows], np.nan)
        times = np.zeros((len(rows), 24 * DAYS + 1), np.int64)
        times[:, 1:] = np.cumsum((hours >= top[rows, None])[:, ::-1], axis=1)
        return cls(rows, ago, hours, times, scene.top[rows], (now % HOUR).astype(np.float64), len(scene.now), quiet_s)

    @property
    def lately(self) -> Bools:
        """(n,) rows that touched it in the last `quiet_s`."""
        out = np.zeros(self.n, bool)
        out[self.rows] = self.ago_s < self.quiet_s
        return out

    def held_against(self, path: Path) -> Path:
        """A path, silent where the limit was touched in the last `quiet_s`, or as often as APART says; a rhythm within REST_S,
        and that of peaks for a day: what crossed yesterday is told of by `again`."""
        if not len(self.rows):
            return path
        eta = path.eta_s[self.rows]
        if path.name in RHYTHMS:
            silent = self.ago_s < (REST_S if path.name != PEAKS else DAY + REST_S)
        else:
            share = APART * np.nan_to_num(eta)
            spans = np.stack([np.maximum(share, APART * path.window_s), np.fmin(share, ONCE_H * HOUR)], axis=1)
            hours = np.clip(spans // HOUR, 0, 24 * DAYS).astype(np.int64)
            often, once = np.take_along_axis(self.times, hours, axis=1).T
            silent = (self.ago_s < self.quiet_s) | (often >= TOUCHES) | (once > 0)
        left = path.eta_s.copy()
        left[self.rows] = np.where(silent, np.nan, eta)
        return replace(path, eta_s=left)

    def again(self) -> Path:
        """What crossed its limit within the last day, and whose daily peaks rise, crosses again in the hour in which the highs of
        the last three days, each lifted by what the days since add, reach it by their median; the same day a week ago, where it
        is known and lifted alike, came as near.
        """
        eta, pace = np.full(self.n, np.nan), np.full(self.n, np.nan)
        if len(self.rows):
            found, gain = self._coming()
            eta[self.rows], pace[self.rows] = found, gain / DAY
        return path_of(np.isfinite(eta), eta, pace, WINDOW_S, AGAIN, np.zeros(self.n))

    def _coming(self) -> tuple[Array, Array]:
        days = self.highs.reshape(len(self.rows), DAYS, 24).astype(np.float64)
        rises, gain = rising(np.fmax.reduce(days, axis=2))
        lifted = days[:, -1 : -ALIKE - 1 : -1] + gain[:, None, None] * np.arange(1, ALIKE + 1)[:, None]
        coming = np.median(lifted, axis=1)  # NaN where one of them is unknown
        with np.errstate(invalid="ignore", divide="ignore"):
            reached = coming >= self.top[:, None]
            same = np.logical_and.accumulate(reached, axis=1) & (self.ago_s < DAY / 2)[:, None]  # the peak that is not over yet
            reached &= ~same
            week = np.fmax.reduce(days[:, -7], axis=1) + 7.0 * gain
            says = rises & reached.any(axis=1) & ~(week < self.top) & (self.ago_s < DAY)
            hour = np.argmax(reached, axis=1)
            rows = np.arange(len(hour))
            last = coming[rows, np.maximum(hour - 1, 0)]
            into = np.where(hour > 0, (self.top - last) / (coming[rows, hour] - last), 0.5)
        eta = np.maximum((hour + np.clip(into, 0.0, 1.0)) * HOUR - self.past_s, 60.0)
        return np.where(says, eta, np.nan), gain
