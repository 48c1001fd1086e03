"""Leaks under a daily rhythm: told by what earlier days' course leaves, where a busy day and restless days are not."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import HOUR, UNDER_RHYTHM
from aiops.models.rhythm import Usual, meets
from tests.models.ways import NOON, Array, history, hours

DAYS, LIMIT = 9.0, 95.0
MODEL = Exhaustion(ExhaustionParams(), 300)


def by_day(t: Array) -> Array:
    """0 to 1, highest at 14 h; `t` in hours before a noon."""
    return np.asarray(0.5 * (1 + np.cos(2 * np.pi * (t - 2) / 24)))


def pool(until: float, leaks_for: float, pace: float = 2.2, seed: int = 3) -> Array:
    """Connections up to `until` hours after a noon: 12 to 37 by the hour of day, and what leaks since `leaks_for` hours."""
    t = hours(24 * DAYS) + until
    clean = 12 + 25 * by_day(t) + pace * np.maximum(t - until + leaks_for, 0.0)
    return np.asarray(clean + 0.4 * np.sqrt(clean) * np.random.default_rng(seed).normal(size=len(t)))


def told(values: Array, until: float, limit: float = LIMIT, above: bool = True) -> tuple[list[str], Array]:
    """(names of the ways that speak, hours that they say are left) at `until` hours after a noon."""
    seen = MODEL.evidence(history(values[None], NOON + round(until * HOUR)), Limit.uniform(1, limit, above))
    spoke = np.flatnonzero(np.isfinite(seen.eta_s[0]))
    return [seen.paths[i].name for i in spoke], seen.eta_s[0, spoke] / HOUR


def hours_to_limit(until: float, leaks_for: float, pace: float = 2.2) -> float:
    t = np.arange(0, 72, 1 / 12)
    return float(t[np.argmax(12 + 25 * by_day(until + t) + pace * (leaks_for + t) >= LIMIT)])


@pytest.mark.parametrize("until", [3, 9, 15, 18, 21])
@pytest.mark.parametrize("downwards", [False, True])
def test_a_leak_under_a_daily_rhythm_is_told_to_the_hour_of_its_rhythm(until: int, downwards: bool) -> None:
    sign = -1 if downwards else 1
    ways, left = told(sign * pool(until, 18), until, sign * LIMIT, not downwards)
    assert set(ways) == {UNDER_RHYTHM}
    assert np.median(left) == pytest.approx(hours_to_limit(until, 18), rel=0.05)


@pytest.mark.parametrize("times", [1.4, 1.8])
@pytest.mark.parametrize("since", [4, 12, 20, 34])
def test_a_busy_day_is_no_leak_at_any_of_its_hours(times: float, since: int) -> None:
    for until in range(0, 24, 2):
        t = hours(24 * DAYS) + until
        clean = 12 + 25 * by_day(t) * np.where(t > until - since, times, 1.0)
        values = clean + np.sqrt(clean) * np.random.default_rng(until).normal(size=len(t))
        assert UNDER_RHYTHM not in told(values, until, 80.0)[0]


def test_a_day_that_rises_no_higher_than_days_before_did_is_no_leak() -> None:
    for until in range(0, 24, 3):
        t = hours(24 * DAYS) + until
        level = np.interp(t, until + np.arange(-24 * DAYS, 1, 24), [5, 45, 20, 50, 10, 40, 15, 50, 10, 45])
        values = 12 + 40 * by_day(t) + level + np.random.default_rng(until).normal(0, 1, len(t))
        assert UNDER_RHYTHM not in told(values, until, 110.0)[0]


def test_a_restart_ends_it_before_the_hour_is_over() -> None:
    values = pool(15 + 1 / 4, 24)
    assert UNDER_RHYTHM in told(values, 15 + 1 / 4)[0]
    values[-3:] -= 2.2 * 24
    assert UNDER_RHYTHM not in told(values, 15 + 1 / 4)[0]


def test_what_is_told_by_day_stands_through_the_night_until_it_comes() -> None:
    state, limit, said = MODEL.initial(1), Limit.uniform(1, LIMIT, True), []
    values = pool(64, 58, 1.4)
    for look in range(80):  # each half hour, from the second noon on, when the leak is 18 h old
        now, end = NOON + 24 * HOUR + 1800 * look, len(values) - 12 * 40 + 6 * look
        seen = MODEL.evidence(history(values[None, :end], now), limit)
        said.append(np.isfinite(MODEL.told(state, seen, np.array([now]), limit, 14 * 86400.0).time_s[0, 1]))
        if values[:end].max() >= LIMIT:
            break
    begins = said.index(True)
    assert len(said) - begins > 40
    assert all(said[begins:-1])


def test_rows_side_by_side_say_what_each_says_alone() -> None:
    rows = [pool(15, 24), pool(15, 0), pool(15, 30, 1.8, 7), np.full(len(pool(15, 24)), 20.0)]
    limit = Limit.uniform(4, LIMIT, True)
    together = MODEL.evidence(history(np.stack(rows), NOON + 15 * HOUR), limit).eta_s
    for i, row in enumerate(rows):
        alone = MODEL.evidence(history(row[None], NOON + 15 * HOUR), Limit.uniform(1, LIMIT, True)).eta_s
        np.testing.assert_array_equal(together[i], alone[0])
    assert np.isfinite(together[0]).any()
    assert not np.isfinite(together[1]).any()


def test_the_usual_day_is_a_median_and_needs_three_days() -> None:
    days = np.full((2, 9, 24), np.nan, np.float32)
    days[0, :4] = [[1], [2], [3], [50]]
    days[1, :2] = 1
    usual = Usual.of(days.reshape(2, -1))
    assert usual.course[0].tolist() == [2.5] * 24
    assert np.isnan(usual.course[1]).all()


def test_a_course_meets_the_limit_at_its_peak_or_where_its_floor_does() -> None:
    course = np.zeros((3, 24))
    course[:, 11] = 10.0  # the twelfth hour from now
    hours_left = meets(course, np.zeros(3), np.array([0.0, 0.1, 1.0]) / HOUR, np.array([10.5, 10.5, 9.0]), 0.0) / HOUR
    assert np.isnan(hours_left[0])
    assert hours_left[1] == pytest.approx(11.4, abs=0.1)
    assert hours_left[2] == pytest.approx(9.0, abs=0.5)
