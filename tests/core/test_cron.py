"""Five cron fields: which minutes they name, checked against a calendar walked minute by minute."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core.cron import LONGEST_S, Cron


def epoch(*date: int) -> int:
    return int(datetime(*date, tzinfo=UTC).timestamp())  # type: ignore[misc]


def begins(text: str, *date: int) -> bool:
    return bool(Cron.parse(text).begins(np.array([epoch(*date) // 60]))[0])


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("0 3 * * *", (2026, 3, 4, 3, 0)),
        ("*/20 3 * * *", (2026, 3, 4, 3, 40)),
        ("5-10/2 * * * *", (2026, 3, 4, 3, 9)),
        ("0 0 29 feb *", (2028, 2, 29, 0, 0)),
        ("0 0 * * sun", (2026, 3, 1, 0, 0)),
        ("0 0 * * 7", (2026, 3, 1, 0, 0)),
        ("0 0 * * 0", (2026, 3, 1, 0, 0)),
        ("0 0 13 * fri", (2026, 3, 6, 0, 0)),
        ("0 0 13 * fri", (2026, 3, 13, 0, 0)),
        ("59 23 31 dec *", (2026, 12, 31, 23, 59)),
    ],
)
def test_it_begins(text: str, date: tuple[int, ...]) -> None:
    assert begins(text, *date)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("0 3 * * *", (2026, 3, 4, 3, 1)),
        ("0 3 * * *", (2026, 3, 4, 2, 0)),
        ("0 0 29 feb *", (2026, 3, 1, 0, 0)),
        ("0 0 * * mon-fri", (2026, 3, 1, 0, 0)),
        ("0 0 13 * fri", (2026, 3, 5, 0, 0)),
        ("0 0 */2 * fri", (2026, 3, 4, 0, 0)),
    ],
)
def test_it_does_not_begin(text: str, date: tuple[int, ...]) -> None:
    assert not begins(text, *date)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("0 3 * *", "4 fields"),
        ("60 3 * * *", "minute: '60' is not between 0 and 59"),
        ("0 24 * * *", "hour"),
        ("0 0 0 * *", "day"),
        ("0 0 * 13 *", "month"),
        ("0 0 * * 8", "weekday"),
        ("0 0 * * funday", "weekday"),
        ("*/0 * * * *", "no step"),
        ("10-5 * * * *", "backwards"),
        ("@daily", "1 fields"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("١ 0 * * *", "minute"),
    ],
)
def test_what_is_no_cron_is_refused_by_field(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Cron.parse(text)


def test_a_span_lasts_from_its_minute_on_and_not_longer() -> None:
    cron, at = Cron.parse("0 3 * * *"), epoch(2026, 3, 4, 3, 0)
    times = at + np.array([-1, 0, 1, 2399, 2400])
    assert cron.lasts(times, 2400).tolist() == [False, True, True, True, False]


def test_a_span_reaches_over_midnight_and_over_the_month() -> None:
    cron = Cron.parse("0 22 31 jan *")
    assert cron.lasts(np.array([epoch(2026, 2, 1, 1, 59), epoch(2026, 2, 1, 2, 0)]), 4 * 3600).tolist() == [True, False]


def test_a_span_is_never_longer_than_a_week() -> None:
    cron, at = Cron.parse("0 0 1 * *"), epoch(2026, 3, 1, 0, 0)
    assert cron.lasts(np.array([at + LONGEST_S - 1, at + LONGEST_S]), 10.0 * LONGEST_S).tolist() == [True, False]


def test_instants_in_any_order_and_none_at_all() -> None:
    cron, at = Cron.parse("0 3 * * *"), epoch(2026, 3, 4, 3, 0)
    assert cron.lasts(np.array([at + 86400, at - 60, at]), 60).tolist() == [True, False, True]
    assert cron.lasts(np.zeros(0, np.int64), 60).tolist() == []


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["0 3 * * *", "*/17 1-4 * * mon", "30 12 1 * *", "0 0 13 * fri", "5 5 28-31 2,3 *"]),
    st.integers(epoch(2026, 1, 1), epoch(2028, 12, 31)),
    st.integers(1, 6 * 3600),
)
def test_it_agrees_with_a_walk_back_minute_by_minute(text: str, now: int, for_s: int) -> None:
    cron = Cron.parse(text)
    minute = datetime.fromtimestamp(now - now % 60, UTC)
    walked = False
    while now - minute.timestamp() < for_s:
        walked |= _named(cron, minute)
        minute -= timedelta(minutes=1)
    assert bool(cron.lasts(np.array([now]), for_s)[0]) == walked


def _named(cron: Cron, at: datetime) -> bool:
    day, weekday = at.day in cron.days, at.isoweekday() % 7 in cron.weekdays
    here = at.minute in cron.minutes and at.hour in cron.hours and at.month in cron.months
    return here and (day or weekday if cron.either_day else day and weekday)
