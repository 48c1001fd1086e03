"""The default detector: jumps, level and spread on an adaptive heavy-tail scale, and a time-of-day profile."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Floats, Ints, Scores, State
from aiops.models.interface import Detector

HOURS = 24
WEEK_S = 7 * 86400.0
TINY = 1e-300


class SeasonalParams(Params):
    """Parameters of `Seasonal`."""

    short_s: float = Field(1800.0, gt=0, description="time constant of the short level, seconds")
    medium_s: float = Field(10800.0, gt=0, description="time constant of the medium level, seconds")
    memory_s: float = Field(259200.0, gt=0, description="time constant of the residuals' scale, seconds")
    warmup_s: float = Field(3600.0, gt=0, description="time learnt before anything is scored, seconds")
    warmup_points: int = Field(60, ge=8, description="points learnt before anything is scored")
    floor: float = Field(0.05, ge=0, description="smallest scale, as a share of the series' own standard deviation")
    profile_days: float = Field(3.0, gt=0, description="days after which the time-of-day profile takes part")
    cap: float = Field(200.0, gt=1, description="largest ratio of a residual to its scale that is told apart")


class Seasonal(Detector[SeasonalParams]):
    """p = min over residuals of (1 + r / s)^-3, with s = (E r^3)^(1/3) over the last days before the point.

    Residuals r of a point x: |x - short level|, |x - medium level|, the short spread, and |x - level at this hour of the
    day| once `profile_days` are known; every level is an exponentially weighted mean of what came before x. By Markov's
    inequality P(r >= c s) <= c^-3 whatever the distribution: scores mean the same for every series, and an episode raises
    the scale, so that repeats stop firing. s has a floor of `floor` times the series' own standard deviation.
    Needs `warmup_s` and `warmup_points`; before that p is NaN. NaN scores NaN and teaches nothing. A constant series scores
    p = 1 until it moves. Shapes: values (n, m), time_s (n, m).

    Source: Markov's inequality for the third moment (Feller 1971, An Introduction to Probability Theory II, V.7);
    exponentially weighted moments (Roberts 1959, Control Chart Tests Based on Geometric Moving Averages).

    >>> import numpy as np
    >>> detector = Seasonal(SeasonalParams(warmup_points=8, warmup_s=60), 60)
    >>> x = np.array([[1.0, 2, 1, 2, 1, 2, 1, 2, 1, 2, 40]])
    >>> p = detector.score(detector.initial(1), x, 60 * np.arange(11)[None, :]).p
    >>> bool(p[0, -1] < 0.05 < p[0, -2])
    True
    """

    Params = SeasonalParams

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        zeros = {name: np.zeros(n) for name in ("count", "short", "medium", "square", "mean", "power")}
        return zeros | {
            "cubes": np.zeros((n, 4)),
            "hours": np.zeros((n, HOURS), np.float32),
            "hour_count": np.zeros((n, HOURS), np.float32),
            "first_s": np.full(n, -1, np.int64),
        }

    def score(self, state: State, values: Floats, time_s: Ints) -> Scores:
        """Score, then learn, column by column; see the interface."""
        p = np.full(values.shape, np.nan)
        expected, width = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
        for j in range(values.shape[1]):
            x = np.asarray(values[:, j], np.float64)
            p[:, j], expected[:, j], width[:, j] = self._column(state, x, time_s[:, j])
        return Scores(p, expected, expected - width, expected + width)

    def ready(self, state: State) -> Floats:
        """Share of the warm-up that is done."""
        ready: Floats = np.minimum(1.0, state["count"] / self._warmup)
        return ready

    def threshold(self, budget_per_week: float) -> float:
        """The score (-log10 p) that a calm series passes `budget_per_week` times a week at most.

        Points closer than the short time constant are one look: L = a week / short_s looks, and P(score >= t) <= 10^-t by
        Markov's inequality, so t = log10(L / budget).
        """
        return max(0.5, math.log10(WEEK_S / self.params.short_s / max(budget_per_week, 1e-9)))

    @property
    def _warmup(self) -> float:
        return max(self.params.warmup_points, self.params.warmup_s / self.step_s)

    def _rate(self, count: Floats, tau_s: float) -> Floats:
        """Weight of a new point: 1 / (count + 1) while young, then 1 - exp(-step / tau)."""
        rate: Floats = np.maximum(1.0 - math.exp(-self.step_s / tau_s), 1.0 / (count + 1.0))
        return rate

    def _column(
        self, state: State, x: NDArray[np.float64], time_s: Ints
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        params, count = self.params, state["count"]
        here = np.isfinite(x)
        x = np.where(here, x, state["short"])
        hour = (time_s // 3600) % HOURS
        rows = np.arange(len(x))
        seasons = (time_s - state["first_s"]) >= params.profile_days * 86400
        known = seasons & (state["hour_count"][rows, hour] >= 2.0)
        a = self._rate(count, params.short_s)
        spread = np.sqrt(np.maximum((1 - a) * (state["square"] + a * (x - state["short"]) ** 2), 0.0))
        residuals = np.stack(
            [
                np.abs(x - state["short"]),
                np.abs(x - state["medium"]),
                spread,
                np.where(known, np.abs(x - state["hours"][rows, hour]), 0.0),
            ],
            axis=1,
        )
        resolution = np.maximum(1e-6 * np.abs(state["medium"]), TINY)
        floor = np.maximum(params.floor * np.sqrt(np.maximum(state["power"], 0.0)), resolution)
        scale = np.maximum(np.cbrt(state["cubes"]), floor[:, None])
        ratio = np.minimum(residuals / scale, params.cap)
        strongest = np.max(ratio, axis=1)
        scored = here & (count >= self._warmup)
        p = np.where(scored, (1.0 + strongest) ** -3.0, np.nan)
        expected = np.where(known, state["hours"][rows, hour], state["medium"])
        width = scale[:, 1] * 3.0
        self._learn(state, x, here, residuals, spread, hour, rows, time_s)
        return p, np.where(scored, expected, np.nan), np.where(scored, width, np.nan)

    def _learn(
        self,
        state: State,
        x: NDArray[np.float64],
        here: NDArray[np.bool_],
        residuals: NDArray[np.float64],
        spread: NDArray[np.float64],
        hour: Ints,
        rows: Ints,
        time_s: Ints,
    ) -> None:
        params, count = self.params, state["count"]
        a, b = self._rate(count, params.short_s), self._rate(count, params.medium_s)
        c = self._rate(count, params.memory_s)
        first = here & (state["first_s"] < 0)
        state["first_s"][first] = time_s[first]
        for name in ("short", "medium", "mean"):
            state[name][first] = x[first]
        weight = np.where(here & ~first, c, 0.0)
        state["cubes"] += weight[:, None] * (residuals**3 - state["cubes"])
        away = x - state["mean"]
        state["mean"] += weight * away
        state["power"] += weight * (away * away - state["power"])
        state["square"] = np.where(here, spread * spread, state["square"])
        state["short"] += np.where(here, a, 0.0) * (x - state["short"])
        state["medium"] += np.where(here, b, 0.0) * (x - state["medium"])
        seen = state["hour_count"][rows, hour]
        per_hour = 3600.0 / self.step_s
        slow = np.maximum(self.step_s / (params.memory_s / HOURS), 1.0 / (seen * per_hour + 1.0))
        old = state["hours"][rows, hour]
        state["hours"][rows, hour] = np.where(here, old + slow * (x - old), old)
        state["hour_count"][rows, hour] = np.where(here, seen + self.step_s / 3600.0, seen)
        count += here
