"""After a first crossing: who is at its limit is told of no more, who crosses it once a day is told of the next time."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

HOUR, DAY = 3600, 86400
MONDAY = 1_767_571_200
MONTHLY = 2
Array = np.ndarray


def told(
    values: Array, from_day: float, limit: Limit | None = None, every: int = 6, **params: float
) -> tuple[Array, Array, Crossings]:
    """(times, expected (looks, n), the last answer) of looks from a day on, at every sixth of `values` (n, t) 5 min apart."""
    values = np.atleast_2d(values)
    n, count = values.shape
    window, model = Window.open(None, 300, n), Exhaustion(ExhaustionParams(**params), 300)
    rows, state = window.rows_for([{"row": str(row)} for row in range(n)]), model.initial(n)
    times = MONDAY + 300 * np.arange(count, dtype=np.int64)
    done, at, out = 0, [], []
    for i in range(round(from_day * 288), count, every):
        window.append(rows, times[done : i + 1], values[:, done : i + 1])
        done = i + 1
        said = model.crossings(state, window.history(rows, int(times[i])), limit or Limit.uniform(n, 1.0, True), 14 * DAY)
        at.append(times[i])
        out.append(said.time_s[:, 1])
    return np.array(at), np.array(out), said


def days(count: float) -> Array:
    return np.arange(round(count * 288)) / 288


def rhythm(t: Array, peak: float, growth: float, at: float) -> Array:
    """A daily rhythm with its peak at an hour, whose peaks grow by `growth` a day and reach 1 on day `at`."""
    return (0.3 + 0.35 * (1 + np.cos(2 * np.pi * (t - peak / 24)))) * (1 + growth * (t - at))


def crossings(values: Array) -> Array:
    """The first instant of each day's crossings."""
    at = MONDAY + 300 * (np.flatnonzero((values[1:] >= 1) & (values[:-1] < 1)) + 1)
    return at[np.unique(at // DAY, return_index=True)[1]]


# --- who is at its limit is told of no more ---------------------------------------------------------------------------


@pytest.mark.parametrize("tooth_h", [1.0, 3.0])
def test_a_saw_that_touches_its_limit_at_each_tooth_is_told_once(tooth_h: float) -> None:
    t = days(10.5)
    level = 0.25 + 0.06 * t + 0.2 * (t * 24 / tooth_h % 1) + 0.004 * np.random.default_rng(1).normal(size=len(t))
    first = MONDAY + 300 * int(np.argmax(level >= 1))
    at, expected, last = told(level, 8)
    said = np.isfinite(expected[:, 0])
    assert said[(at > first - 0.5 * DAY) & (at < first - HOUR)].all()
    assert not said[at > first].any()
    assert last.reason[0] in ("at its limit already: it was there not long ago", "already beyond the limit")


def test_of_rules_a_touch_is_no_failure_yet() -> None:
    t = days(8)
    level = 0.15 + 0.1 * t
    level[6 * 288 : 6 * 288 + 2] = 1.0
    at, expected, _ = told(level, 5.5)
    touched = (at > MONDAY + 6 * DAY + 600) & (at < MONDAY + 6 * DAY + HOUR)
    assert not np.isfinite(expected[touched]).any()
    at, expected, _ = told(level, 5.5, touched_s=0.0)
    assert np.isfinite(expected[touched]).all()


def test_a_stray_sample_at_the_limit_costs_a_slow_rise_no_more_than_half_a_day() -> None:
    t = days(8)
    level = 0.15 + 0.085 * t + 0.002 * np.random.default_rng(2).normal(size=len(t))
    level[6 * 288] = 1.0
    at, expected, _ = told(level, 5.5)
    said, since = np.isfinite(expected[:, 0]), (at - MONDAY - 6 * DAY) / HOUR
    assert said[(since > -11) & (since < 0)].all()
    assert not said[(since >= 0) & (since < 11)].any()
    assert said[since > 14].all()


def test_what_a_quota_reached_before_its_period_began_is_past() -> None:
    t = days(40)  # from Monday 5 January on: the limit is reached at the end of January, and again on 11 February
    month = np.where(t < 27, t + 4, t - 27)
    level = month / np.where(t < 27, 28, 15.0)
    limit = Limit(np.ones(1), np.ones(1, bool), np.full(1, np.nan), np.full(1, MONTHLY, np.int8))
    at, expected, _ = told(level, 33.5, limit)
    assert np.isfinite(expected[at > MONDAY + 35 * DAY]).all()


# --- who crosses it once a day is told of the next time ---------------------------------------------------------------


@pytest.mark.parametrize("peak", [2.0, 14.0])
def test_a_peak_that_crossed_yesterday_and_grows_is_told_to_cross_again_at_its_hour(peak: float) -> None:
    t = days(20)
    level = rhythm(t, peak, 0.03, 16) * (1 + 0.004 * np.random.default_rng(3).normal(size=len(t)))
    comes = crossings(level)
    at, expected, _ = told(level, 16)
    for crossing in comes[(comes > MONDAY + 17.5 * DAY)]:
        before = (at > crossing - 14 * HOUR) & (at < crossing - HOUR)
        assert np.abs(expected[before, 0] - crossing).max() < 1.5 * HOUR


def test_the_end_of_a_days_tooth_comes_earlier_from_day_to_day() -> None:
    t = days(20)
    level = 0.2 + 0.3 * (t % 1) + 0.033 * t
    comes = crossings(level)
    at, expected, _ = told(level, 15.5)
    assert len(comes) >= 3
    for crossing in comes[1:]:
        before = (at > crossing - 6 * HOUR) & (at < crossing - HOUR)
        assert np.abs(expected[before, 0] - crossing).max() < HOUR


def test_a_peak_that_does_not_grow_is_not_told_to_cross_again() -> None:
    t = days(20)
    lifts = np.tile([1.01, 0.98, 1.015, 1.0, 0.97], 4)
    level = rhythm(t, 14, 0.0, 0) * np.repeat(lifts, 288)
    _, expected, _ = told(level, 15)
    assert len(crossings(level)) > 5
    assert not np.isfinite(expected).any()


def test_work_days_that_cross_say_nothing_of_the_week_end() -> None:
    t = days(21)
    level = rhythm(t, 13, 0.02, 16) * np.where(np.floor(t) % 7 < 5, 1.0, 0.6)
    at, expected, _ = told(level, 16)
    day = (at - MONDAY) / DAY
    assert np.isfinite(expected[(day > 18.0) & (day < 18.3), 0]).all()  # Friday morning
    assert not np.isfinite(expected[(day > 19.0) & (day < 20.5), 0]).any()


def test_rows_do_not_depend_on_each_other() -> None:
    t = days(18.4)
    many = np.stack([rhythm(t, peak, 0.03, 16) for peak in (2.0, 14.0, 21.0)] + [0.2 + 0.045 * t])
    _, together, _ = told(many, 17.5, every=24)
    _, turned, _ = told(many[::-1], 17.5, every=24)
    assert np.array_equal(together, turned[:, ::-1], equal_nan=True)
    for row in range(4):
        assert np.array_equal(told(many[row], 17.5, every=24)[1][:, 0], together[:, row], equal_nan=True)
