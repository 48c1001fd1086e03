"""When quantities that start again do so: quotas of a day, a month, or of whatever period their limit names."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import FIRST_PERIOD, Bools, Calendar, Ints, Limit

Array = NDArray[np.float64]
DAILY, MONTHLY = 1, 2
DAY, HOUR = 86400, 3600


def begun_s(limit: Limit, now_s: Ints) -> Array:
    """(n,) when the period of each row began, epoch seconds; minus infinity where nothing starts again."""
    out = np.full(len(now_s), -np.inf)
    daily, monthly = limit.resets == DAILY, limit.resets == MONTHLY
    out[daily] = now_s[daily] // DAY * DAY
    out[monthly] = _seconds(_month(now_s[monthly]))
    for rows, periods in _others(limit):
        out[rows] = periods.begun(now_s[rows])
    return out


def seconds_to_reset(limit: Limit, now_s: Ints) -> Array:
    """(n,) seconds until the quantity starts again; infinite where it never does."""
    out = np.full(len(now_s), np.inf)
    daily, monthly = limit.resets == DAILY, limit.resets == MONTHLY
    out[daily] = DAY - now_s[daily] % DAY
    out[monthly] = _seconds(_month(now_s[monthly]) + 1) - now_s[monthly]
    for rows, periods in _others(limit):
        out[rows] = periods.ends(now_s[rows]) - now_s[rows]
    return out


def daily_rows(limit: Limit) -> Bools:
    """(n,) rows that start again once a day."""
    out: Bools = limit.resets == DAILY
    for rows, periods in _others(limit):
        out[rows] = periods.daily
    return out


def hours_since(limit: Limit, now_s: Ints, days: int) -> Ints:
    """(n, days + 1) whole hours from the beginning of this period, and of the `days` ones before it, to the last whole hour."""
    out = np.zeros((len(now_s), days + 1), np.int64)
    at = now_s
    for column in range(days + 1):
        found = begun_s(limit, at)
        begun = np.where(np.isfinite(found), found, at // DAY * DAY).astype(np.int64)
        out[:, column] = now_s // HOUR + (-begun) // HOUR
        at = begun - np.int64(1)
    return out


def _others(limit: Limit) -> Iterator[tuple[Ints, Calendar]]:
    for number, periods in enumerate(limit.periods):
        rows = np.flatnonzero(limit.resets == FIRST_PERIOD + number)
        if len(rows):
            yield rows, periods


def _month(now_s: Ints) -> NDArray[np.datetime64]:
    return now_s.astype("datetime64[s]").astype("datetime64[M]")


def _seconds(month: NDArray[np.datetime64]) -> Ints:
    return month.astype("datetime64[s]").astype(np.int64)
