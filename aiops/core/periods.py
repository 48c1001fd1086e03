"""Periods that begin anew by the clock of a time zone: of a day, a week, a month, a year, or by a cron."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np

from aiops.core.cron import Cron
from aiops.core.records import Ints
from aiops.core.zones import known_zone

NAMED = {"daily": "0 0 * * *", "weekly": "0 0 * * 1", "monthly": "0 0 1 * *", "yearly": "0 0 1 1 *"}
A_DAY_AT_MOST = 4
"""Nothing can be foreseen of what begins anew more often."""
SEARCHED = 9
"""Years in which a beginning is looked for: 29 February may be eight years away."""


@dataclass(frozen=True, slots=True)
class Periods:
    """Each period lasts from one instant that `text` names, a word of NAMED or a cron, to the next, on the clock of `time_zone`.

    A local time that a change of the clock leaves out counts as the instant after the change, one that comes twice as the first.
    Raises ValueError for what is neither, for an unknown zone, and for more than A_DAY_AT_MOST periods a day.

    >>> Periods("monthly", "Europe/Berlin").begun(np.array([1782900000])).tolist()  # 1 July 2026, 12:00 in Berlin
    [1782856800]
    """

    text: str
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        cron = _cron(self.text)
        if len(cron.minutes) * len(cron.hours) > A_DAY_AT_MOST:
            raise ValueError(f"{self.text!r} comes more than {A_DAY_AT_MOST} times a day: too often for anything to be foreseen")
        known_zone(self.time_zone)

    @property
    def daily(self) -> bool:
        """Whether exactly one begins each day."""
        cron = _cron(self.text)
        every = len(cron.days) == 31 and len(cron.months) == 12 and len(cron.weekdays) == 7
        return every and len(cron.minutes) * len(cron.hours) == 1

    def begun(self, time_s: Ints) -> Ints:
        """When the period of each instant (n,) began: (n,)."""
        starts = self._around(time_s)
        return starts[np.searchsorted(starts, time_s, side="right") - 1]

    def ends(self, time_s: Ints) -> Ints:
        """When the next period begins after each instant (n,): (n,)."""
        starts = self._around(time_s)
        return starts[np.searchsorted(starts, time_s, side="right")]

    def _around(self, time_s: Ints) -> Ints:
        """Every beginning from one before the first of some instants to one after the last."""
        if not len(time_s):
            return np.zeros(1, np.int64)
        low, high = int(time_s.min()), int(time_s.max())
        first, last = (datetime.fromtimestamp(at, UTC).year for at in (low, high))
        years = [_starts(self.text, self.time_zone, year) for year in range(first, last + 1)]
        for _ in range(SEARCHED):
            if not len(years[0]) or years[0][0] > low:
                first -= 1
                years.insert(0, _starts(self.text, self.time_zone, first))
            if not len(years[-1]) or years[-1][-1] <= high:
                last += 1
                years.append(_starts(self.text, self.time_zone, last))
        return np.concatenate(years)


@lru_cache(maxsize=256)
def _cron(text: str) -> Cron:
    return Cron.parse(NAMED.get(text, text))


@lru_cache(maxsize=512)
def _starts(text: str, zone: str, year: int) -> Ints:
    """Every beginning in a year of the local clock, epoch seconds, ascending."""
    days = np.arange(np.datetime64(f"{year}-01-01"), np.datetime64(f"{year + 1}-01-01")).astype(np.int64)
    cron = _cron(text)
    of_day = sorted(60 * hour + minute for hour in cron.hours for minute in cron.minutes)
    minutes = (days[:, None] * 1440 + np.array(of_day, np.int64)).ravel()
    local = 60 * minutes[cron.begins(minutes)]
    if zone == "UTC":
        return local
    clock = known_zone(zone)
    found = [int(datetime.fromtimestamp(at, UTC).replace(tzinfo=clock).timestamp()) for at in local.tolist()]
    return np.unique(np.array(found, np.int64))
