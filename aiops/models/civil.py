"""Clocks of people: the time of day where a service is used, and which days are free."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np

from aiops.core.records import Bools, Ints
from aiops.core.zones import known_zone

DAY_S, QUARTER_S = 86400, 900
MONDAY = 3
"""The first day of 1970 was a Thursday: (days since then + 3) % 7 is 0 on Mondays."""


class Civil:
    """Local time and free days of a time zone: `zone` by its IANA name, `weekend` as weekdays (0 = Monday), `holidays` as dates.

    Clocks are shifted in quarters of an hour, so an offset is looked up once a quarter. Raises ValueError for an unknown zone.

    >>> import numpy as np
    >>> civil = Civil("Europe/Berlin", (5, 6), [date(2026, 12, 25)])
    >>> local_s, free = civil.at(np.array([1782864000, 1798156800]))
    >>> (local_s % DAY_S // 3600).tolist(), free.tolist()
    ([2, 1], [False, True])
    """

    def __init__(self, zone: str, weekend: Iterable[int], holidays: Iterable[date]) -> None:
        self._zone = None if zone == "UTC" else known_zone(zone)
        self._weekend = np.zeros(7, bool)
        self._weekend[list(weekend)] = True
        self._holidays = np.array(sorted((day - date(1970, 1, 1)).days for day in holidays), np.int64)

    def at(self, time_s: Ints) -> tuple[Ints, Bools]:
        """Instants (n,) as seconds of the local clock since 1970, and whether each is on a free day."""
        local_s = time_s
        if self._zone is not None and len(time_s):
            quarters, place = np.unique(time_s // QUARTER_S, return_inverse=True)
            offsets = [offset_s(self._zone, quarter) for quarter in quarters.tolist()]
            local_s = time_s + np.array(offsets, np.int64)[place]
        day = local_s // DAY_S
        free = self._weekend[(day + MONDAY) % 7]
        if len(self._holidays):
            free = free | np.isin(day, self._holidays)
        return local_s, free


@lru_cache(maxsize=4096)
def offset_s(zone: ZoneInfo, quarter: int) -> int:
    """How far local time is ahead of UTC in a quarter of an hour since 1970; 0 where no calendar reaches."""
    try:
        offset = datetime.fromtimestamp(quarter * QUARTER_S, UTC).astimezone(zone).utcoffset()
    except (OverflowError, OSError, ValueError):
        return 0
    return 0 if offset is None else int(offset.total_seconds())
