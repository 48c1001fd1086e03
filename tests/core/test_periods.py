from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest

from aiops.core.periods import Periods


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


def said(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@pytest.mark.parametrize(
    ("text", "zone", "now", "begun", "ends"),
    [
        ("daily", "UTC", "2026-03-04T05:00+00:00", "2026-03-04T00:00+00:00", "2026-03-05T00:00+00:00"),
        ("daily", "America/Los_Angeles", "2026-03-08T20:00+00:00", "2026-03-08T08:00+00:00", "2026-03-09T07:00+00:00"),
        ("weekly", "Europe/Berlin", "2026-03-29T12:00+00:00", "2026-03-22T23:00+00:00", "2026-03-29T22:00+00:00"),
        ("monthly", "Europe/Berlin", "2026-10-31T23:30+00:00", "2026-10-31T23:00+00:00", "2026-11-30T23:00+00:00"),
        ("yearly", "UTC", "2026-07-01T00:00+00:00", "2026-01-01T00:00+00:00", "2027-01-01T00:00+00:00"),
        ("30 18 15 * *", "Asia/Kolkata", "2026-02-01T00:00+00:00", "2026-01-15T13:00+00:00", "2026-02-15T13:00+00:00"),
        ("0 0 29 2 *", "UTC", "2026-07-01T00:00+00:00", "2024-02-29T00:00+00:00", "2028-02-29T00:00+00:00"),
    ],
)  # fmt: skip
def test_a_period_lasts_from_one_instant_of_its_clock_to_the_next(text: str, zone: str, now: str, begun: str, ends: str) -> None:
    periods, instant = Periods(text, zone), np.array([at(now)])
    assert said(int(periods.begun(instant)[0])) == said(at(begun))
    assert said(int(periods.ends(instant)[0])) == said(at(ends))


def test_an_instant_at_which_a_period_begins_belongs_to_it() -> None:
    first = at("2026-05-01T00:00+00:00")
    assert Periods("monthly").begun(np.array([first - 1, first])).tolist() == [at("2026-04-01T00:00+00:00"), first]


def test_a_time_that_a_change_of_clocks_leaves_out_counts_as_the_one_after_it() -> None:
    morning = Periods("30 2 * * *", "Europe/Berlin")
    noon = np.array([at("2026-03-29T12:00+02:00")])
    assert said(int(morning.begun(noon)[0])) == said(at("2026-03-29T03:30+02:00"))


def test_a_time_that_comes_twice_counts_once() -> None:
    night = Periods("30 2 * * *", "Europe/Berlin")
    begun = night.begun(np.array([at("2026-10-25T00:45+00:00"), at("2026-10-25T01:45+00:00")]))
    assert begun.tolist() == [at("2026-10-25T00:30+00:00")] * 2


def test_instants_of_different_years_each_have_their_period() -> None:
    found = Periods("yearly").begun(np.array([at("2020-05-01T00:00+00:00"), at("2026-05-01T00:00+00:00")]))
    assert found.tolist() == [at("2020-01-01T00:00+00:00"), at("2026-01-01T00:00+00:00")]


@pytest.mark.parametrize(
    ("text", "daily"),
    [("daily", True), ("15 6 * * *", True), ("weekly", False), ("0 0,12 * * *", False), ("0 0 * * mon-fri", False)],
)
def test_whether_one_begins_each_day(text: str, daily: bool) -> None:
    assert Periods(text).daily is daily


@pytest.mark.parametrize(
    ("text", "zone", "why"),
    [
        ("fortnightly", "UTC", "5"), ("* * * * *", "UTC", "too often"), ("daily", "Mars/Olympus", "IANA"),
        ("0 0 31 2 *", "UTC", "never"),
    ],
)
def test_what_is_no_period_is_refused_with_the_reason(text: str, zone: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Periods(text, zone)
