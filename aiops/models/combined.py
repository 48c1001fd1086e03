"""The forecaster of hours to take when nothing speaks for another: several simple ones, weighed per series by how they did."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from aiops.core.records import Floats
from aiops.models import outlook
from aiops.models.conformal import Method
from aiops.models.harmonic import harmonic
from aiops.models.holt_winters import holt_winters
from aiops.models.medians import WEEK, median, usual, usual_week

USUAL_DAYS = 7
DRIFT_DAYS = 14


class CombinedParams(outlook.OutlookParams):
    """Parameters of `Combined`."""


class Combined(outlook.ByHour[CombinedParams]):
    """path(h) = weighted median over methods, weight = (smallest / own mean absolute error from rolling origins)^4.

    Methods: `last` value; `yesterday`; `usual_day` (median by hour of 7 days); `usual_week` (median by hour of the week,
    odd weeks left out); `drift` (yesterday, each hour moved by its median change from day to day in two weeks);
    `harmonic`; `holt_winters`. Up to 8 origins reach back 14 d, errors count over leads of up to 72 h. The interval is
    split-conformal from the same origins, per group of leads. Earliest, expected, latest: where its upper end, the path and
    its lower end first reach the limit; to an hour's mean is added how far its samples usually go beyond it, so that a peak
    is met at its hour.
    Forecast anew once an hour, six-hourly where the limit is out of reach. Units: the block's; hourly means, below three days of
    history steps of 5 min. NaN, constant, short rows and rows beyond their limit give no crossing, with the reason.

    Source: Bates & Granger 1969, The combination of forecasts; Lei et al. 2018, Distribution-free predictive inference for
    regression, for the interval; Hyndman & Athanasopoulos, Forecasting: Principles and Practice, 5.2 and 5.10.

    >>> Combined(CombinedParams(), 60).initial(2)["up"].tolist()
    [False, False]
    """

    Params = CombinedParams

    @property
    def methods(self) -> Mapping[str, Method]:
        """Name to method."""
        return METHODS


def _repeated(last: Floats, ahead: int) -> Floats:
    return last[:, np.arange(ahead) % last.shape[1]]


def last(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """The newest value."""
    return {end: _repeated(y[:, end - 1 : end], ahead) for end, ahead in ends.items()}


def yesterday(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """The last season again; without one the newest value."""
    return {end: _repeated(y[:, end - max(season, 1) : end], ahead) for end, ahead in ends.items()}


def usual_day(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """The median of the same place in the last seven seasons; without one the median of the last seven values."""
    return {end: _repeated(_usual(y[:, :end], max(season, 1)), ahead) for end, ahead in ends.items()}


def _usual(y: Floats, period: int) -> Floats:
    count = min(USUAL_DAYS, y.shape[1] // period)
    parts = y[:, y.shape[1] - count * period :].reshape(len(y), count, period)
    stack = np.ascontiguousarray(parts.transpose(1, 0, 2)).reshape(count, -1)
    return median(stack).reshape(len(y), period)


def week(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """The usual week; with less than a week and a day, the usual day."""
    out = {}
    for end, ahead in ends.items():
        enough = season and end >= WEEK + season
        out[end] = _repeated(usual_week(y[:, :end]), ahead) if enough else usual_day(y, {end: ahead}, season)[end]
    return out


def drift(y: Floats, ends: Mapping[int, int], season: int) -> dict[int, Floats]:
    """Yesterday, each step moved on by the median of what it gained from one season to the next in two weeks.

    Without a season: from the newest value on, by the median gain over a quarter of the past.
    """
    out: dict[int, Floats] = {}
    for end, ahead in ends.items():
        lag = season or max(end // 4, 1)
        gain = y[:, lag:end] - y[:, : end - lag]
        if season:
            pace: Floats = _repeated(usual(gain[:, -DRIFT_DAYS * lag :], lag), ahead)
            times = np.arange(ahead, dtype=y.dtype) // lag + 1
        else:
            pace = median(np.ascontiguousarray(gain.T))[:, None] / y.dtype.type(lag)
            times = np.arange(1, ahead + 1, dtype=y.dtype)
        out[end] = _repeated(y[:, end - max(season, 1) : end], ahead) + pace * times
    return out


METHODS: dict[str, Method] = {
    "last": last, "yesterday": yesterday, "usual_day": usual_day, "usual_week": week, "drift": drift,
    "harmonic": harmonic, "holt_winters": holt_winters,
}  # fmt: skip
