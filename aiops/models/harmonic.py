"""Trend and a few waves of a day and a week, fitted robustly to the last weeks of hourly means."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiops.core.records import Floats, Ints
from aiops.models import outlook
from aiops.models.conformal import Method
from aiops.models.medians import WEEK, median, usual

WINDOW = 336
DAILY, WEEKLY = 4, 3
RIDGE = 0.02
HUBER = 2.5
ROUNDS = 1
MAD = 1.4826


class HarmonicParams(outlook.OutlookParams):
    """Parameters of `Harmonic`."""


class Harmonic(outlook.ByHour[HarmonicParams]):
    """y(t) = a + b t + sum of 4 daily and 3 weekly waves + r(t), by ridge least squares on two weeks of hourly means.

    Weekly waves from two weeks of history on. Fitted twice: the second time residuals are cut off at 2.5 of their robust
    spread (Huber's pseudo-values), so that an incident weighs little; all rows share one factorised matrix. What is left
    at the end, r, fades as rho^h, rho its correlation from hour to hour. b is carried on as far as the history reaches back.
    The interval is split-conformal from rolling origins, see docs/models/combined.md. Below three days of history: a
    straight line on steps of 5 min. Units: the block's; leads in hours, up to 14 d; NaN, constant and short rows give no
    crossing.

    Source: harmonic regression (Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 3rd ed., 7.4 and 10.5);
    Huber 1981, Robust Statistics, 7.8, for the pseudo-values.

    >>> t = np.arange(240.0)
    >>> y = 10 + np.sin(2 * np.pi * t / 24)[None]
    >>> bool(abs(harmonic(y, {240: 6}, 24)[240][0] - y[0, :6]).max() < 0.1)
    True
    """

    Params = HarmonicParams

    @property
    def methods(self) -> Mapping[str, Method]:
        """Name to method."""
        return METHODS


def harmonic(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Forecasts of `y` (n, t) from each end as far as it says, knowing nothing that comes after it."""
    return {end: _fit(y[:, max(0, end - WINDOW) : end], season, ahead) for end, ahead in ends.items()}


def _fit(y: Floats, season: int, ahead: int) -> Floats:
    length = y.shape[1]
    basis = _basis(np.arange(length + ahead) - length + 1, season, length >= 2 * WEEK)
    x, future = basis[:length], basis[length:].astype(y.dtype)
    penalty = np.full(x.shape[1], RIDGE * length)
    penalty[:2] = 1e-9, 1e-3 * length
    projector = np.ascontiguousarray(np.linalg.solve(x.T @ x + np.diag(penalty), x.T)).astype(y.dtype)
    x = x.astype(y.dtype)
    middle = y[:, -1:]
    values = y - middle
    weights = _times(values, projector)
    rest = values - _times(weights, x)
    for _ in range(ROUNDS):
        spread = HUBER * _spread(rest, season)
        weights = _times(values - rest + np.clip(rest, -spread, spread), projector)
        rest = values - _times(weights, x)
    square = np.maximum((rest * rest).sum(axis=1), 1e-30)
    rho = np.clip((rest[:, 1:] * rest[:, :-1]).sum(axis=1) / square, 0.0, 0.99)
    fading = np.multiply.accumulate(np.repeat(rho[:, None], ahead, axis=1), axis=1)
    return np.asarray(middle + _times(weights, future) + rest[:, -1:] * fading)


def _spread(rest: Floats, season: int) -> Floats:
    """(n, 1) robust standard deviation: the median over hours of the median over days of what is left."""
    size = np.abs(rest)
    middle = median(np.ascontiguousarray(usual(size, season).T)) if season else np.median(size, axis=1)
    return np.asarray(MAD * middle[:, None], rest.dtype)


def _times(a: Floats, b: Floats) -> Floats:
    """(n, m) a (n, k) times b (m, k) turned; unlike a matrix product the same for a row alone and among others."""
    return np.asarray(np.einsum("nk,mk->nm", a, b))


def _basis(hour: Ints, season: int, weekly: bool) -> Floats:
    """(t, columns): 1, the trend in weeks, waves; `hour` counts from the end of the past, which is 0."""
    columns = [np.ones(len(hour)), np.minimum(hour, WINDOW) / WEEK]
    waves = [season / k for k in range(1, DAILY + 1)] if season else []
    waves += [7 * season / k for k in range(1, WEEKLY + 1)] if season and weekly else []
    for period in waves:
        columns += [np.cos(2 * np.pi * hour / period), np.sin(2 * np.pi * hour / period)]
    return np.ascontiguousarray(np.stack(columns, axis=1))


METHODS: dict[str, Method] = {"harmonic": harmonic}
