"""Ways that look at whole days: what makes them speak, when they say it will be, what keeps them silent."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models import days, paths
from aiops.models.course import Course
from aiops.models.growth import Growth
from aiops.models.quota import hours_since
from aiops.models.scene import oriented, scene_of
from tests.models.ways import NOON, Array, eta_hours, history, hours, scene

NOISE = 0.0005 * np.random.default_rng(0).normal(size=12 * 24 * 16)


# --- a clock ----------------------------------------------------------------------------------------------------------


def test_whole_percents_are_no_clock_though_their_half_days_gained_the_same() -> None:
    seen = scene(np.floor(20 + hours(96) / 6 + 0.01), 100.0)
    assert np.isfinite(days.clock(seen).eta_s[0])
    assert np.isnan(days.clock(seen, Course.of(seen).stairs).eta_s[0])


# --- days and weeks ---------------------------------------------------------------------------------------------------


def rhythm(t: Array) -> Array:
    return 0.5 * (1 + np.cos(2 * np.pi * t / 24))


def test_peaks_that_grow_daily_reach_the_limit_with_a_peak() -> None:
    t = hours(24 * 12)
    path = days.daily(scene((0.3 + 0.4 * rhythm(t)) * (1 + 0.05 * t / 24)), 7, 1.5)
    assert eta_hours(path) / 24 == pytest.approx(0.3 / (0.7 * 0.05), rel=0.1)


@pytest.mark.parametrize("count", [4, 5, 7, 10, 14])
def test_days_that_merely_scatter_are_silent(count: int) -> None:
    rng = np.random.default_rng(3)
    t = hours(24 * 16)
    size = (1 + 0.03 * rng.normal(size=(50, 20)))[:, ((t + 24 * 17) // 24).astype(int)]
    many = scene_of(history(0.2 + 0.65 * rhythm(t) * size), Limit.uniform(50, 1.0, True))[0]
    assert np.isnan(days.daily(many, count, 1.1).eta_s).all()


def test_days_that_stop_growing_level_off() -> None:
    t = hours(24 * 12)
    path = days.daily(scene(0.4 + 0.05 * np.minimum(t + 24 * 5, 24 * 3) / 24 + NOISE[: len(t)]), 7, 1.5)
    assert np.isnan(path.eta_s[0])


def test_a_few_deploys_are_steps_not_growth() -> None:
    t = hours(24 * 12)
    stairs = 0.3 + 0.12 * sum((t > -24 * day).astype(float) for day in (6.2, 4.3, 1.6)) + NOISE[: len(t)]
    assert np.isnan(days.daily(scene(stairs), 7, 1.5).eta_s[0])


def test_a_weekly_peak_that_grows_returns_on_its_day() -> None:
    t = hours(24 * 16)
    day = (NOON / 3600 + t) // 24 % 7
    size = np.where(day == 1, 1.0, 0.6)
    values = size * (0.3 + 0.5 * rhythm(t)) * (1 + 0.08 * t / 168)
    path = days.weekly(scene(values, 0.84), 2.1)
    since = (np.argmax(values[-7 * 288 :]) - 7 * 288) / 288
    assert eta_hours(path) / 24 == pytest.approx(14 + since, abs=1.0)  # it just misses the limit next week


def test_a_flat_week_is_silent() -> None:
    t = hours(24 * 16)
    size = np.where((NOON / 3600 + t) // 24 % 7 == 1, 1.0, 0.6)
    assert np.isnan(days.weekly(scene(size * (0.3 + 0.5 * rhythm(t)) + NOISE[: len(t)], 0.84), 2.1).eta_s[0])


# --- quota ------------------------------------------------------------------------------------------------------------


def quota(values: Array, end: int = NOON) -> paths.Path:
    limit = Limit(np.ones(1), np.ones(1, bool), np.full(1, np.nan), np.ones(1, np.int8))
    seen = history(values[None], end)
    high, low = oriented(seen.long, limit)
    since = hours_since(limit, np.array([end]), days.QUOTA_DAYS)
    return days.quota(high, low, scene_of(seen, limit)[0], since, np.zeros(1))


def test_a_quota_follows_the_usual_course_of_a_day() -> None:
    t = hours(24 * 4 + 12)
    course = ((t + 12 - 1e-6) % 24 / 24) ** 2
    values = course * np.where(t > -12, 2.0, 0.6)
    assert eta_hours(quota(values)) == pytest.approx(24 * np.sqrt(0.5) - 12, abs=0.4)
    assert np.isnan(quota(course * 0.6).eta_s[0])


@pytest.mark.parametrize(("clock", "total", "says"), [(12, 1.08, False), (12, 1.2, True), (20, 1.08, True), (20, 1.02, False)])
def test_a_quota_that_is_missed_by_little_is_told_of_when_most_of_the_day_is_over(clock: int, total: float, says: bool) -> None:
    t = hours(24 * 4 + clock)
    course = ((t + clock - 1e-6) % 24 / 24) ** 2
    found = eta_hours(quota(course * np.where(t > -clock, total, 0.6), NOON + 3600 * (clock - 12)))
    assert np.isfinite(found) == says


def test_a_quota_without_two_earlier_days_is_silent() -> None:
    t = hours(24 + 12)
    assert np.isnan(quota(((t + 12 - 1e-6) % 24 / 24) * np.where(t > -12, 2.0, 0.6)).eta_s[0])



# --- daily peaks ------------------------------------------------------------------------------------------------------


def busy(t: Array, growth: float) -> Array:
    """A rhythm with week-ends at half its height, growing by `growth` a day."""
    weekend = (NOON / 3600 + t) // 24 % 7 >= 5
    return (0.2 + 0.6 * rhythm(t + 6) * np.where(weekend, 0.5, 1.0)) * (1 + growth * t / 24)


def test_busy_days_that_get_busier_are_followed_over_quiet_week_ends() -> None:
    t = hours(24 * 12)
    path = days.peaks(scene(busy(t, 0.02) + NOISE[: len(t)], 0.9), 1.1)
    assert eta_hours(path) / 24 == pytest.approx((0.9 / 0.8 - 1) / 0.02, abs=1.6)


def test_days_of_a_steady_rhythm_do_not_speak_of_peaks() -> None:
    t = hours(24 * 12)
    assert np.isnan(days.peaks(scene(busy(t, 0.0) + NOISE[: len(t)], 0.84), 1.1).eta_s[0])


def test_a_slow_fill_without_a_rhythm_has_no_peaks() -> None:
    t = hours(24 * 12)
    assert np.isnan(days.peaks(scene(0.8 + 0.02 * t / 24 + NOISE[: len(t)], 0.9), 1.1).eta_s[0])


def test_too_few_days_say_nothing() -> None:
    short = scene(0.5 + 0.01 * hours(5))
    for path in (days.daily(short, 7, 1.1), days.weekly(short, 2.0), days.peaks(short, 1.1)):
        assert np.isnan(path.eta_s).all()


def test_days_alike_speak_though_few_hours_carry_them_and_uneven_ones_do_not() -> None:
    t = hours(24 * 12)
    nightly = 0.2 + 0.05 * np.floor((t + 24 * 12 + 3) / 24) + NOISE[: len(t)]
    few = np.array([False])
    assert np.isfinite(days.daily(scene(nightly), 7, 1.5, carried=few).eta_s[0])
    sizes = np.array([0, 3, 0, 1, 2, 0.2, 3, 0.3, 2, 1, 0.2, 2, 2])
    by_chance = 0.2 + 0.04 * np.cumsum(sizes)[np.floor((t + 24 * 12 + 3) / 24).astype(int)] + NOISE[: len(t)]
    assert np.isnan(days.daily(scene(by_chance), 10, 1.5, carried=few).eta_s[0])


def test_a_jump_amid_the_week_is_no_growth_from_week_to_week() -> None:
    t = hours(24 * 15)
    jumped = 0.3 + 0.2 * rhythm(t) + 0.001 * t / 24 + 0.1 * (t > -24 * 4.5) + NOISE[: len(t)]
    assert np.isnan(days.weekly(scene(jumped, 0.66), 4.0).eta_s[0])


def test_two_levels_are_a_step_and_a_line_is_none() -> None:
    k = np.arange(10.0)
    noise = 0.05 * np.random.default_rng(1).normal(size=10)
    rows = np.stack([(k > 5) + noise, 0.1 * k + noise, np.where(k == 3, np.nan, (k > 5) + noise), (k > 8) + noise, 0 * k])
    assert days.stepped(rows).tolist() == [True, False, True, False, False]


def test_peaks_that_rose_once_do_not_drift() -> None:
    t = hours(24 * 15)
    size = (1 + 0.01 * np.random.default_rng(2).normal(size=20))[((t + 24 * 16) // 24).astype(int)]
    jumped = (0.2 + 0.4 * rhythm(t + 6)) * size * (1 + 0.15 * np.clip(t / 24 + 8, 0, 2))
    drifts = (0.2 + 0.4 * rhythm(t + 6)) * size * (1 + 0.02 * (t / 24 + 15))
    assert np.isnan(days.peaks(scene(jumped, 0.9), 1.1).eta_s[0])
    assert np.isfinite(days.peaks(scene(drifts, 0.9), 1.1).eta_s[0])


def test_a_level_a_rise_and_a_level_have_settled_and_what_still_rises_has_not() -> None:
    k = np.arange(15.0)
    noise = 0.04 * np.random.default_rng(1).normal(size=15)
    settled = np.clip((k - 4) / 6, 0, 1) + noise
    rows = [settled, np.where(k % 7 == 2, np.nan, settled), np.where(k < 3, np.nan, settled), (k > 8) + noise]
    rows += [k / 15 + noise, np.clip((k - 8) / 6, 0, 1) + noise, k * k / 225 + noise, noise, 0 * k]
    rows.append(np.where(k < 11, np.nan, settled))
    expected = [True] * 4 + [False] * 6
    assert days.settled(np.stack(rows)).tolist() == expected
    assert [bool(days.settled(row[None])[0]) for row in rows] == expected


def test_a_line_of_noisy_peaks_is_seldom_taken_for_one_that_settled() -> None:
    k = np.arange(12.0)
    noise = np.random.default_rng(4).normal(size=(1000, 12))
    assert days.settled(k + 2.0 * noise).mean() < 0.05


def test_peaks_that_came_to_a_new_level_and_rest_there_do_not_drift() -> None:
    t = hours(24 * 15)
    size = (1 + 0.01 * np.random.default_rng(2).normal(size=20))[((t + 24 * 16) // 24).astype(int)]
    day = t / 24 + 15
    for growth, says in ((0.35 * np.clip((day - 6) / 5, 0, 1), False), (0.35 * day / 15, True)):
        seen = scene((0.2 + 0.4 * rhythm(t + 6)) * size * (1 + growth), 0.95)
        assert np.isfinite(days.peaks(seen, 1.1).eta_s[0]) == says
        assert says or paths.WHY[days.peaks(seen, 1.1).why[0]] == "levels off before the limit"


def test_a_week_that_came_to_a_new_level_is_no_growth_from_week_to_week() -> None:
    t = hours(24 * 15)
    day = t / 24 + 15
    for growth, says in ((0.35 * np.clip((day - 3) / 8, 0, 1), False), (0.35 * day / 15, True)):
        assert np.isfinite(days.weekly(scene((0.2 + 0.4 * rhythm(t + 6)) * (1 + growth), 0.95), 2.1).eta_s[0]) == says


def test_weeks_whose_last_days_gained_little_stand_still() -> None:
    t = hours(24 * 15)
    growing = 0.3 + 0.2 * rhythm(t) + 0.02 * t / 24 + NOISE[: len(t)]
    stopped = 0.3 + 0.2 * rhythm(t) + 0.02 * np.minimum(t / 24, -5) + NOISE[: len(t)]
    assert np.isfinite(days.weekly(scene(growing, 0.75), 4.0).eta_s[0])
    assert np.isnan(days.weekly(scene(stopped, 0.6), 4.0).eta_s[0])


def test_a_lift_between_two_weeks_is_no_growth_unless_the_days_differ_by_more() -> None:
    t = hours(24 * 15)
    lifted = 0.3 + 0.2 * rhythm(t) + 0.15 * (t > -24 * 7) + NOISE[: len(t)]
    busy = np.where((NOON / 3600 + t) // 24 % 7 == 1, 0.3, 0.0)
    assert np.isnan(days.weekly(scene(lifted, 0.8), 4.0).eta_s[0])
    assert np.isfinite(days.weekly(scene(lifted + busy, 1.1), 4.0).eta_s[0])


@pytest.mark.parametrize(
    "sizes",
    [
        (0.71, 0.75, 0.77, 0.80, 0.80, 0.81, 0.93, 0.90, 0.93, 0.93),
        (0.68, 0.70, 0.73, 0.735, 0.785, 0.80, 0.84, 0.845, 0.895, 0.898),
    ],
    ids=["by more than a day gains", "by more than half of it"],
)
def test_a_low_day_among_days_that_scatter_is_no_bend_of_their_peaks(sizes: tuple[float, ...]) -> None:
    t = hours(24 * 10)
    size = np.array(sizes)[np.floor((t + 240) / 24 - 1e-9).astype(int)]
    seen = scene((0.2 + 0.8 * rhythm(t + 12)) * size)
    levels = Growth.of(seen).levels
    assert levels[0]
    assert np.isfinite(days.peaks(seen, 1.1, levels).eta_s[0])


def test_peaks_that_scatter_and_bend_to_a_level_are_silent() -> None:
    t = hours(24 * 12)
    size = (1 + 0.02 * np.random.default_rng(11).normal(size=14))[np.floor((t + 24 * 12) / 24 - 1e-9).astype(int)]
    bends = (0.2 + 0.8 * rhythm(t + 12)) * (0.55 + 0.35 * (1 - np.exp(-(t + 24 * 12) / 72))) * size
    seen = scene(bends, float(bends.max()) + 0.06)
    assert np.isfinite(days.peaks(seen, 1.1).eta_s[0])
    assert np.isnan(days.peaks(seen, 1.1, np.array([True])).eta_s[0])
