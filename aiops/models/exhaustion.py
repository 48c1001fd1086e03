"""The default forecaster: when does a series reach its limit, judged over several windows."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Bools, Crossings, Forecast, History, Ints, Limit, Resolution, State
from aiops.models import paths
from aiops.models.interface import Forecaster

Array = NDArray[np.float64]
MID_WINDOWS_S = (5400, 10800, 21600, 43200, 86400, 172800, 259200)
LONG_WINDOWS_S = (604800, 1209600)
FAST_STEP_S = 15


class ExhaustionParams(Params):
    """Parameters of `Exhaustion`."""

    level: float = Field(0.8, gt=0, lt=1, description="stated coverage of the interval")
    pending: int = Field(3, ge=1, description="looks in a row that must agree before a row speaks")
    patience: int = Field(6, ge=1, description="looks in a row without evidence before a row falls silent")
    reach: float = Field(4.0, gt=0, description="how many windows ahead a rise is carried on")
    early: float = Field(0.65, gt=0, le=1, description="earliest = now + early * the soonest time found")
    late: float = Field(1.7, ge=1, description="latest = now + late * the longest time found")


class Exhaustion(Forecaster[ExhaustionParams]):
    """Time to a limit = (limit - level now) / pace, where some window shows a steady rise; several ways may speak.

    run: the means of eight parts of a window (1.5 h to 14 d; two minutes and more where the step is 15 s or less) all rise,
    no single step carries the gain, the rise does not level off below the limit, and the level is above everything before
    the window. envelope: floor and ceiling of a sawtooth rise together. daily: each day's peak is above the day before's.
    A row speaks after `pending` looks that agree and falls silent after `patience` without evidence. The interval runs from
    the soonest to the longest time that the agreeing windows give, widened by `early` and `late`; a longer window that
    disagrees by silence lowers the confidence. Units: seconds; the limit is compared in float64. Constant, empty, NaN: NaN
    with the reason. A quantity that resets before it would cross does not cross.

    Source: several-window trend agreement after Zou et al. 2017, time-to-exhaustion rules in the node-exporter mixin;
    least squares per part (Draper & Smith 1998, Applied Regression Analysis, chapter 1).

    >>> Exhaustion(ExhaustionParams(), 60).initial(2)["pending"].tolist()
    [0, 0]
    """

    Params = ExhaustionParams

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {
            "pending": np.zeros(n, np.int16),
            "quiet": np.zeros(n, np.int16),
            "up": np.zeros(n, bool),
            "expected_s": np.full(n, np.nan),
            "limit": np.full(n, np.nan),
            "slope": np.zeros(n),
            "window_s": np.zeros(n),
        }

    def screen(self, state: State, latest: Array, limit: Limit, now_s: Ints) -> Bools:
        """(n,) rows that need a look: those with a sample now and a limit, not beyond it, or speaking already."""
        with np.errstate(invalid="ignore"):
            inside = np.where(limit.above, latest < limit.value, latest > limit.value)
        return np.asarray(inside | state["up"])

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """See the interface; one look."""
        n = len(history.offset)
        sign = np.where(limit.above, 1.0, -1.0)
        top = sign * (limit.value - history.offset)
        now, fresh = self._now(history, sign)
        found = self._paths(history, sign, now, top)
        etas = np.stack([p.eta_s for p in found], axis=1)
        etas[~(fresh & (now < top))] = np.nan
        spoke = np.isfinite(etas)
        any_path = spoke.any(axis=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # rows where no way speaks are NaN on purpose
            soonest, longest, middle = np.nanmin(etas, axis=1), np.nanmax(etas, axis=1), np.nanmedian(etas, axis=1)
        at_reset = seconds_to_reset(history.now_s, limit.resets)
        any_path &= (middle <= horizon_s) & ~(middle > at_reset)
        best = np.where(any_path, np.argmin(np.where(spoke, np.abs(etas - middle[:, None]), np.inf), axis=1), 0)
        rows = np.arange(n)
        slope = sign * np.stack([p.slope for p in found], axis=1)[rows, best]
        window = np.array([p.window_s for p in found])[best]
        speaks = self._patience(state, any_path, fresh, now < top, limit.value)
        expected = self._smoothed(state, history.now_s + middle, any_path, speaks)
        count = spoke.sum(axis=1)
        kept = any_path | (state["slope"] == 0)
        state["slope"][:] = np.where(kept, np.nan_to_num(slope), state["slope"])
        state["window_s"][:] = np.where(kept, window, state["window_s"])
        left = np.maximum(expected - history.now_s, 0.0)
        early = np.where(any_path, np.minimum(soonest, left), left) * self.params.early
        late = np.where(any_path, np.maximum(longest, left), left) * self.params.late
        times = np.stack([history.now_s + early, expected, history.now_s + late], axis=1)
        times[~speaks] = np.nan
        confidence = np.where(speaks, np.clip(0.45 + 0.1 * count, 0.3, 0.9), np.nan)
        reason = self._reasons(found, best, any_path, speaks, fresh, now, top)
        return Crossings(
            times,
            self.params.level,
            confidence,
            np.where(speaks, state["slope"], np.nan),
            np.where(speaks, state["window_s"], np.nan),
            reason,
        )

    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """The last level carried on at the last known pace; the band is the spread of the recent past, growing as sqrt(t)."""
        recent = history.fine.mean[:, -min(72, history.fine.mean.shape[1]) :].astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            last = np.nan_to_num(np.nanmean(recent[:, -3:], axis=1))
            spread = np.nan_to_num(np.nanstd(np.diff(recent, axis=1), axis=1))
        ahead = np.maximum(time_s - history.now_s.max(initial=0), 0)[None, :]
        mean = (history.offset + last)[:, None] + state["slope"][:, None] * ahead
        z = float(np.sqrt(2.0) * _erfinv(level))
        half = z * spread[:, None] * np.sqrt(1.0 + ahead / self.step_s)
        return Forecast(time_s, mean, mean - half, mean + half, level)

    def _now(self, history: History, sign: Array) -> tuple[Array, Bools]:
        """Oriented level now (median of the last three samples) and whether there is a recent sample."""
        last = history.fine.mean[:, -3:]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            level = np.nanmedian(last.astype(np.float64), axis=1)
        return sign * level, np.isfinite(level)

    def _paths(self, history: History, sign: Array, now: Array, top: Array) -> list[paths.Path]:
        reach, found = self.params.reach, []
        if self.step_s <= FAST_STEP_S:
            found += self._fast(history.fine, sign, now, top)
        mid_high, mid_low = _oriented(history.mid, sign)
        mid_mean = _times(history.mid.mean, sign)
        low = _nanmin(mid_low)
        for window_s in MID_WINDOWS_S:
            k = window_s // history.mid.step_s
            if mid_mean.shape[1] < k:
                break
            before = _nanmax(mid_high[:, : mid_high.shape[1] - k])
            enough = mid_mean.shape[1] - k >= 86400 // history.mid.step_s
            found.append(
                paths.run(mid_mean[:, -k:], history.mid.step_s, now, top, reach, before, window_s >= 21600, 0.0, low)
            )
            if window_s >= 43200:
                found.append(paths.envelope(mid_low[:, -k:], mid_high[:, -k:], history.mid.step_s, top, reach, before))
            del enough
        long_high, _ = _oriented(history.long, sign)
        long_mean = _times(history.long.mean, sign)
        for window_s in LONG_WINDOWS_S:
            k = window_s // history.long.step_s
            if long_mean.shape[1] >= k:
                before = _nanmax(long_high[:, : long_high.shape[1] - k])
                found.append(paths.run(long_mean[:, -k:], history.long.step_s, now, top, reach, before, True, 0.0, low))
        found.append(paths.daily(long_high, history.long.step_s, top, 4, 6.0))
        return found

    def _fast(self, fine: Resolution, sign: Array, now: Array, top: Array) -> list[paths.Path]:
        """Minutes instead of hours, where the step is short: looks ahead at most two windows."""
        values, out = _times(fine.mean, sign), []
        low = _nanmin(values)
        for window_s, share in ((120, 0.0), (360, 0.0), (1080, 0.66), (3240, 0.66)):
            k = max(24, window_s // self.step_s)
            if values.shape[1] < k:
                break
            before = _nanmax(values[:, : values.shape[1] - k])
            out.append(paths.run(values[:, -k:], self.step_s, now, top, 2.0, before, True, share, low))
        return out

    def _patience(self, state: State, evidence: Bools, fresh: Bools, inside: Bools, limit: Array) -> Bools:
        changed = state["limit"] != limit
        state["limit"][:] = limit
        state["pending"][:] = np.where(
            evidence & ~changed, np.minimum(state["pending"] + 1, 1000), evidence.astype(np.int16)
        )
        state["quiet"][:] = np.where(evidence, 0, state["quiet"] + fresh)
        up = state["up"]
        starts = state["pending"] >= self.params.pending
        up[:] = (starts | (up & (state["quiet"] < self.params.patience))) & inside & ~(changed & up)
        return up.copy()

    def _smoothed(self, state: State, expected: Array, evidence: Bools, speaks: Bools) -> Array:
        """Expected times move by half of what each look adds, so that people can follow."""
        old = state["expected_s"]
        mixed = np.where(np.isfinite(old), 0.5 * old + 0.5 * expected, expected)
        state["expected_s"][:] = np.where(evidence, mixed, np.where(speaks, old, np.nan))
        return np.asarray(state["expected_s"].copy())

    def _reasons(
        self, found: list[paths.Path], best: Ints, any_path: Bools, speaks: Bools, fresh: Bools, now: Array, top: Array
    ) -> NDArray[np.object_]:
        texts = np.array([f"{p.name} over {_span(p.window_s)}" for p in found] or [""], dtype=object)
        out = np.where(any_path & len(found) > 0, texts[best], "no steady rise")
        out = np.where(speaks & ~any_path, "the rise paused", out)
        out = np.where(any_path & ~speaks, "too early to say", out)
        with np.errstate(invalid="ignore"):
            out = np.where(now >= top, "already beyond the limit", out)
        out = np.where(~np.isfinite(top), "no limit", out)
        return np.asarray(np.where(~fresh, "no sample now", out), dtype=object)


def seconds_to_reset(now_s: Ints, resets: NDArray[np.int8]) -> Array:
    """(n,) seconds until the quantity starts again; infinite where it never does. UTC days and months."""
    out = np.full(len(now_s), np.inf)
    out[resets == 1] = 86400 - now_s[resets == 1] % 86400
    monthly = resets == 2
    if monthly.any():
        month = now_s[monthly].astype("datetime64[s]").astype("datetime64[M]") + 1
        out[monthly] = month.astype("datetime64[s]").astype(np.int64) - now_s[monthly]
    return out


def _times(values: NDArray[np.float32], sign: Array) -> NDArray[np.float32]:
    return values * sign.astype(np.float32)[:, None]


def _oriented(resolution: Resolution, sign: Array) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(high, low) when up is towards the limit."""
    down = (sign < 0)[:, None]
    high = np.where(down, -resolution.low, resolution.high)
    low = np.where(down, -resolution.high, resolution.low)
    return high, low


def _nanmax(values: NDArray[np.float32]) -> Array:
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    return np.asarray(np.fmax.reduce(values, axis=1), np.float64)


def _nanmin(values: NDArray[np.float32]) -> Array:
    if not values.shape[1]:
        return np.full(len(values), np.nan)
    return np.asarray(np.fmin.reduce(values, axis=1), np.float64)


def _span(window_s: float) -> str:
    return f"{window_s / 60:.0f} min" if window_s < 7200 else f"{window_s / 3600:.0f} h"


def _erfinv(level: float) -> float:
    from statistics import NormalDist

    return NormalDist().inv_cdf(0.5 + level / 2) / 2**0.5
