"""Clocks of people: offsets, summer time, weekends, holidays."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from aiops.core.zones import known_zone
from aiops.models.civil import Civil


@pytest.mark.parametrize("zone", ["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns", "Australia/Lord_Howe"])
def test_local_time_and_weekends_are_those_of_the_calendar_all_year(zone: str) -> None:
    instants = [datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=1 + 97 * i) for i in range(5000)]
    local_s, free = Civil(zone, (5, 6), ()).at(np.array([int(at.timestamp()) for at in instants]))
    for at, seconds, weekend in zip(instants, local_s.tolist(), free.tolist(), strict=True):
        there = at.astimezone(ZoneInfo(zone))
        assert datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None) == there.replace(tzinfo=None)
        assert weekend == (there.weekday() >= 5)


def test_a_holiday_lasts_from_midnight_to_midnight_there() -> None:
    civil = Civil("Asia/Tokyo", (), [date(2026, 11, 23)])
    begin = int(datetime(2026, 11, 22, 15, tzinfo=UTC).timestamp())
    times = begin + np.array([-1, 0, 86399, 86400])
    assert civil.at(times)[1].tolist() == [False, True, True, False]


def test_instants_no_calendar_reaches_have_no_offset() -> None:
    far = np.array([10**14])
    np.testing.assert_array_equal(Civil("Europe/Berlin", (), ()).at(far)[0], far)


@pytest.mark.parametrize("name", ["Mars/Olympus", "../zone", "", "Europe"])
def test_what_is_no_zone_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no time zone"):
        known_zone(name)
