"""Additive exponential smoothing with a damped trend and a day's season, its rates chosen for each row."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiops.core.records import Floats
from aiops.models import outlook
from aiops.models.conformal import Method

GRID = tuple(
    (level, trend, damped, season)
    for level in (0.05, 0.2, 0.5, 0.9)
    for trend, damped in ((0.0, 0.0), (0.05, 0.995))
    for season in (0.0, 0.05, 0.2)
)
"""(alpha, beta, phi, gamma)."""
PLAIN = tuple((level, trend, damped, 0.0) for level in (0.1, 0.3, 0.6, 0.9) for trend, damped in ((0.0, 0.0), (0.1, 0.995)))
"""Where there is no season."""
FORGET = 0.5 ** (1 / 168)
"""One-step errors count half after a week."""
FIRST_DAYS = 3


class HoltWintersParams(outlook.OutlookParams):
    """Parameters of `HoltWinters`."""


class HoltWinters(outlook.ByHour[HoltWintersParams]):
    """e = y - (l + phi b + s); l += phi b + alpha e; b = phi b + alpha beta e; s += gamma (1 - alpha) e, hour by hour.

    24 settings of (alpha, beta, phi, gamma) run side by side over every row; each row speaks with the one whose one-step
    absolute errors are smallest, older errors counting half a week by week. The season of 24 hours starts as the mean of the
    first three days. y(h) = l + (phi + … + phi^h) b + s(h). The interval is split-conformal from rolling origins, see
    docs/models/combined.md. Below three days of history: the same without season on steps of 5 min. Units: the block's; leads
    in hours, up to 14 d; NaN, constant and short rows give no crossing.

    Source: Gardner & McKenzie 1985, Forecasting trends in time series; Hyndman et al. 2008, Forecasting with Exponential
    Smoothing, 2.5 (error correction form of A,Ad,A).

    >>> y = np.tile(np.arange(24.0), 5)[None]
    >>> holt_winters(y, {120: 3}, 24)[120].round(6).tolist()
    [[0.0, 1.0, 2.0]]
    """

    Params = HoltWintersParams

    @property
    def methods(self) -> Mapping[str, Method]:
        """Name to method."""
        return METHODS


def holt_winters(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Forecasts of `y` (n, t) from each end as far as it says, knowing nothing that comes after it: one pass over the past."""
    n = len(y)
    alpha, beta, phi, gamma = (np.array(c, y.dtype)[:, None] for c in zip(*(GRID if season else PLAIN), strict=True))
    middle, settings, period = y[:, :1], len(alpha), max(season, 1)
    x = np.ascontiguousarray((y - middle).T)
    days = min(FIRST_DAYS, min(ends) // period) if season else 1
    first, pace, usual = _start(y[:, : days * period] - middle, days, period)
    level, trend = np.repeat(first[None], settings, axis=0), np.repeat(pace[None], settings, axis=0)
    seasons = np.repeat(np.ascontiguousarray(usual.T)[:, None, :], settings, axis=1)
    out, error = {}, np.zeros((settings, n), y.dtype)
    slow, fast = gamma * (1 - alpha), alpha * beta
    sums = np.cumsum(phi ** np.arange(1, max(ends.values()) + 1, dtype=y.dtype), axis=1)
    for i in range(max(ends)):
        s = seasons[i % period]
        trend *= phi
        level += trend
        e = x[i] - level - s
        if i >= days * period:
            error *= FORGET
            error += np.abs(e)
        level += alpha * e
        trend += fast * e
        s += slow * e
        if i + 1 in ends:
            best = np.argmin(error, axis=0), np.arange(n)
            lead = np.arange(ends[i + 1])
            carried = sums[best[0], : len(lead)] * trend[best][:, None]
            repeated = seasons[:, best[0], best[1]].T[:, (i + 1 + lead) % period]
            out[i + 1] = middle + level[best][:, None] + carried + repeated
    return out


def _start(y: Floats, days: int, period: int) -> tuple[Floats, Floats, Floats]:
    """(level (n,) before the first step, trend (n,) a step, season (n, period)) of the first days (n, days * period)."""
    parts = y.reshape(len(y), days, period)
    daily = parts.mean(axis=2)
    pace = (daily[:, -1] - daily[:, 0]) / (period * max(days - 1, 1))
    level = y.mean(axis=1) - pace * (y.shape[1] + 1) / 2
    line = level[:, None] + pace[:, None] * np.arange(1, y.shape[1] + 1, dtype=y.dtype)
    return level, pace, (y - line).reshape(parts.shape).mean(axis=1)


METHODS: dict[str, Method] = {"holt_winters": holt_winters}
