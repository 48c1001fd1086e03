from __future__ import annotations

import numpy as np

from aiops.core.periods import Periods
from aiops.core.records import FIRST_PERIOD, Limit
from aiops.models import quota

HOUR, DAY = 3600, 86400
MIDDAY = 1_769_817_600 + 12 * HOUR
"""31 January 2026, 12:00 UTC."""
BERLIN = FIRST_PERIOD


def limits(resets: list[int]) -> Limit:
    n = len(resets)
    periods = (Periods("monthly", "Europe/Berlin"), Periods("daily", "Asia/Kolkata"))
    return Limit(np.ones(n), np.ones(n, bool), np.full(n, np.nan), np.array(resets, np.int8), periods)


def test_each_row_starts_again_by_its_own_clock() -> None:
    limit, now = limits([0, 1, 2, FIRST_PERIOD, FIRST_PERIOD + 1]), np.full(5, MIDDAY)
    assert quota.seconds_to_reset(limit, now).tolist() == [np.inf, 12 * HOUR, 12 * HOUR, 11 * HOUR, 6.5 * HOUR]
    assert (now[1:] - quota.begun_s(limit, now)[1:]).tolist() == [12 * HOUR, 30.5 * DAY, 30 * DAY + 13 * HOUR, 17.5 * HOUR]
    assert quota.begun_s(limit, now)[0] == -np.inf


def test_which_rows_start_again_each_day() -> None:
    assert quota.daily_rows(limits([0, 1, 2, FIRST_PERIOD, FIRST_PERIOD + 1])).tolist() == [False, True, False, False, True]


def test_hours_are_counted_from_the_first_whole_one_of_a_period() -> None:
    found = quota.hours_since(limits([1, FIRST_PERIOD + 1]), np.full(2, MIDDAY), 2)
    assert found.tolist() == [[12, 36, 60], [17, 41, 65]]


def test_a_day_on_which_clocks_change_has_another_length() -> None:
    berlin = (Periods("daily", "Europe/Berlin"),)
    limit = Limit(np.ones(1), np.ones(1, bool), np.full(1, np.nan), np.array([FIRST_PERIOD], np.int8), berlin)
    after = np.array([1_774_785_600])  # 29 March 2026, 12:00 UTC: this day has 23 hours, the next 24
    assert np.diff(quota.hours_since(limit, after + DAY, 2)[0]).tolist() == [23, 24]


def test_limits_joined_keep_their_periods() -> None:
    whole = Limit.uniform(0, np.nan, True).joined(limits([FIRST_PERIOD])).joined(limits([FIRST_PERIOD + 1]))
    assert (whole.resets.tolist(), len(whole.periods), len(whole.take([1]).periods)) == ([3, 4], 2, 2)
