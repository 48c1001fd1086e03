"""The default detector on series whose right answer is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.seasonal import HUGE, Seasonal, SeasonalParams

DAY = 86400


def clock(n: int, count: int, step: int, start: int = 1_700_000_000) -> np.ndarray:
    return np.broadcast_to(start // step * step + step * np.arange(count), (n, count)).astype(np.int64)


def score(x: np.ndarray, step: int = 60, **params: float) -> np.ndarray:
    """-log10 p of (t,) or (n, t)."""
    x = np.atleast_2d(x)
    detector = Seasonal(SeasonalParams(**params), step)
    return -np.log10(detector.score(detector.initial(len(x)), x, clock(*x.shape, step)).p)


def noise(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=count)


@pytest.mark.parametrize("step", [5, 60, 300, 3600])
def test_a_jump_stands_out_at_every_step(step: int) -> None:
    x = 10 + noise(1500)
    x[-1] += 60
    s = score(x, step)[0]
    assert s[-1] > 2.0
    assert s[-1] > np.nanmax(s[:-1]) + 0.5


@pytest.mark.parametrize("step", [5, 60, 300])
def test_calm_noise_stays_far_below_what_a_jump_reaches(step: int) -> None:
    x = np.stack([noise(6000, seed) for seed in range(20)])
    detector = Seasonal(SeasonalParams(), step)
    p = detector.score(detector.initial(20), x, clock(20, 6000, step)).p
    entity = EntityIndex(np.arange(20)).combine(p)
    assert np.nanmax(entity) < 1.9


def test_the_score_of_a_block_does_not_depend_on_how_often_it_is_sampled() -> None:
    fine = score(noise(20000), 15)[0]
    coarse = score(noise(20000)[::20], 300)[0]
    assert abs(np.nanpercentile(fine[-10000:], 99.9) - np.nanpercentile(coarse[-500:], 98)) < 0.25


def test_points_before_the_warm_up_are_not_scored_and_ready_tells_how_far_it_is() -> None:
    detector = Seasonal(SeasonalParams(), 60)
    state = detector.initial(1)
    p = detector.score(state, noise(59)[None], clock(1, 59, 60)).p
    assert np.isnan(p).all()
    assert 0 < detector.ready(state)[0] < 1
    later = clock(1, 200, 60, 1_700_000_000 + 59 * 60)
    assert np.isfinite(detector.score(state, noise(200)[None], later).p[0, -1])
    assert detector.ready(state)[0] == 1


def test_no_look_ahead() -> None:
    x = noise(800)
    changed = x.copy()
    changed[500:] += 1000
    np.testing.assert_array_equal(score(x)[0, :500], score(changed)[0, :500])


def test_what_repeats_stops_firing() -> None:
    x = noise(5 * 1440)
    x[1000::240] += 30
    s = score(x)[0, 1000::240]
    assert s[0] > 2.0
    assert s[-5:].max() < 1.8  # six times in 96 blocks: 3 log10(1 + 16^(1/3)) = 1.64, and noise


def test_a_lasting_incident_is_seen_again_after_it_ended_and_calm_returned() -> None:
    x = noise(12 * 1440)
    x[2000:2400] += 20
    x[-60:] += 30
    s = score(x)[0]
    assert s[2000] > 2.0
    assert s[-60:].max() > 1.7


def test_the_end_of_an_excursion_is_less_strange_than_its_beginning() -> None:
    x = noise(6 * 1440)
    x[-200:-190] += 30
    s = score(x)[0]
    assert s[-200] > 2.0
    assert s[-190] < s[-200] - 0.5


def test_a_small_lasting_departure_is_seen_as_drift_though_no_point_of_it_stands_out() -> None:
    x = noise(6 * 1440)
    x[-40:] += 3.0
    s = score(x)[0]
    assert s[-40:].max() > np.nanmax(s[-1440:-40]) + 0.2
    without = {"shift_s": 1e9, "creep_s": 1e9}
    assert score(x, **without)[0, -40:].max() > score(x, recent_s=1.0, **without)[0, -40:].max() + 0.1


def test_a_daily_routine_becomes_expected() -> None:
    count = 12 * 288
    time = clock(1, count, 300)
    daily = np.where((time[0] % DAY) // 3600 == 3, 50.0, 10.0)
    detector = Seasonal(SeasonalParams(), 300)
    scores = detector.score(detector.initial(1), (daily + 0.5 * noise(count))[None], time)
    at = np.flatnonzero((time[0] % DAY) == 3 * 3600 + 1800)[-1]
    assert abs(scores.expected[0, at] - 50) < 15
    assert abs(scores.expected[0, at + 72] - 10) < 5
    onsets = np.flatnonzero((time[0] % DAY) == 3 * 3600)
    assert -np.log10(scores.p[0, onsets[-1]]) < 1.4
    assert -np.log10(scores.p[0, onsets[1]]) > 1.55


MONDAY = 1_699_833_600
"""A Monday, 00:00 UTC, in winter."""


def office(weeks: int, step: int, start: int = MONDAY, offset_s: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(time, value): loaded from 8 to 18 on workdays of a clock that is `offset_s` ahead, quiet otherwise."""
    time = start + step * np.arange(weeks * 7 * DAY // step)
    local = time + offset_s
    busy = ((local - MONDAY) // DAY % 7 < 5) & (local % DAY // 3600 >= 8) & (local % DAY // 3600 < 18)
    return time, np.where(busy, 100.0, 10.0) + noise(len(time))


def expected(time: np.ndarray, x: np.ndarray, step: int, **params: object) -> np.ndarray:
    detector = Seasonal(SeasonalParams(**params), step)
    return detector.score(detector.initial(1), x[None], time[None]).expected[0]


def test_free_days_have_a_course_of_their_own_once_three_of_them_were_seen() -> None:
    time, x = office(6, 900)
    around, day = time % DAY // 3600 == 9, (time - MONDAY) // DAY
    off = np.abs(expected(time, x, 900) - x)
    no_weekend = np.abs(expected(time, x, 900, weekend=()) - x)
    saturday = around & (day == 5 * 7 + 5)
    assert off[saturday].max() < 20 < 40 < no_weekend[saturday].max()
    assert off[around & (day == 5 * 7 + 3)].max() < 15


def test_a_holiday_follows_the_course_of_a_weekend() -> None:
    time, x = office(6, 900)
    day = (time - MONDAY) // DAY
    wednesday = day == 5 * 7 + 2
    x = np.where(wednesday, 10.0 + noise(len(time), 1), x)
    at = wednesday & (time % DAY // 3600 == 9)
    date = np.datetime64("1970-01-01") + int(time[at][0] // DAY)
    assert np.abs(expected(time, x, 900, holidays=[str(date)]) - x)[at].max() < 15
    assert np.abs(expected(time, x, 900) - x)[at].max() > 40


def test_the_course_follows_the_clock_of_its_zone_from_the_day_it_changes() -> None:
    start = 1_709_510_400  # a Monday; clocks of Berlin go forward 27 days later
    time = start + 900 * np.arange(5 * 7 * 96)
    summer = time >= 1_711_846_800
    local = time + np.where(summer, 7200, 3600)
    x = np.where((local % DAY // 3600 >= 8) & (local % DAY // 3600 < 18), 100.0, 10.0) + noise(len(time))
    at = (time >= 1_711_929_600) & (time < 1_711_929_600 + 5 * DAY) & (local % DAY // 900 == 33)
    params = {"weekend": ()}
    assert np.abs(expected(time, x, 900, time_zone="Europe/Berlin", **params) - x)[at].max() < 15
    assert np.abs(expected(time, x, 900, **params) - x)[at][0] > 40


def test_a_series_that_always_moves_and_stands_still_is_strange_after_an_hour_or_two_and_while_it_lasts() -> None:
    x = np.round(noise(5 * 1440), 4)
    x[-480:] = x[-481]
    s = score(x)[0]
    assert np.nanmax(s[-1400:-480]) < 1.4
    assert s[-480 + 30] < 1.5
    assert s[-480 + 120] > 1.5
    assert (s[-360:] > 1.7).all()


@pytest.mark.parametrize("values", ["constant", "rare"])
def test_a_series_that_seldom_moves_may_stand_still(values: str) -> None:
    x = np.zeros(4 * 1440)
    if values == "rare":
        x[::97] = 1.0
    s = score(x)[0]
    assert np.nanmax(s[-1000:-500]) < 1.4


def test_a_rare_event_is_weak_evidence_from_the_first_one_on_but_many_at_once_are_not() -> None:
    x = np.zeros(8 * 1440)
    x[np.random.default_rng(1).integers(2 * 1440, len(x) - 200, 30)] = 1.0
    x[-20] = 6.0
    s = score(x)[0]
    first, last = np.flatnonzero(x == 1.0)[[0, -1]]
    assert s[first] < 1.45
    assert s[last] < 1.45
    assert s[-20] > 2.5


@pytest.mark.parametrize("unit", [1.0, 0.0033])
def test_on_a_series_that_was_always_zero_one_event_is_weak_and_events_that_go_on_are_strong(unit: float) -> None:
    x = np.zeros((2, 14 * 288 + 12))
    x[0, 14 * 288] = unit
    x[1, 14 * 288 :] = unit
    s = score(x, 300)[:, 14 * 288 :]
    assert s[0].max() == pytest.approx(3 * np.log10(3), abs=0.01)
    assert s[1, 3] > 2.0
    assert s[1].max() > 3.0


def test_a_burst_that_comes_first_is_strong_where_events_are_counted() -> None:
    x = np.zeros(14 * 288 + 1)
    x[-1] = 20.0
    assert score(x, 300)[0, -1] > 4.0


def episodes(x: np.ndarray, step: int) -> list[np.ndarray]:
    """Of each row, taken for an entity of its own, the first points of what warns at a budget of one a week."""
    detector = Seasonal(SeasonalParams(), step)
    time = clock(*x.shape, step, MONDAY)
    found = detector.score(detector.initial(len(x)), x, time)
    score = EntityIndex(np.arange(len(x))).combine(found.p, found.recent)
    budget, fires = Budget(detector.threshold, 1.0), np.zeros(x.shape, bool)
    state = budget.initial(len(x))
    for j in range(x.shape[1]):
        budget.learn(state, score[:, j], time[:, j])
        fires[:, j] = np.nan_to_num(score[:, j], nan=-1.0) >= budget.theta(state)
    begins = [np.flatnonzero(row) for row in fires]
    return [at[np.diff(at, prepend=-9999) * step > 1800] for at in begins]


@pytest.mark.parametrize("events", ["counts", "rates"])
def test_events_of_one_to_six_a_week_stay_within_a_budget_of_one_a_week(events: str) -> None:
    rng, weeks = np.random.default_rng(2), 6
    rate = np.repeat([1.0, 2.0, 6.0], 8)[:, None] / (7 * 96)
    x = rng.poisson(rate, (24, weeks * 7 * 96)).astype(float)
    if events == "rates":
        x *= (1 + 0.05 * rng.random(x.shape)) / 900
    found = [len(one) for one in episodes(x, 900)]
    assert sum(found) < 0.5 * len(x) * weeks


def test_a_drift_is_warned_of_within_days_and_goes_on_being_strange_though_it_lasts() -> None:
    step, day = 900, 96
    time = np.arange(42 * day)
    calm = 100 + 20 * np.sin(2 * np.pi * time / day) + 3 * np.random.default_rng(3).normal(size=(2, len(time)))
    for a_day, days in ((3.0, 8), (6.0, 5)):
        drift = a_day * np.maximum(0.0, time / day - 28)
        for begins in episodes(calm + drift, step):
            assert ((begins >= 28 * day) & (begins < (28 + days) * day)).any()
    s = score(calm[:1] + 6.0 * np.maximum(0.0, time / day - 28), step)
    assert (s[:, 35 * day :] > 2.0).mean() > 0.95


def test_neither_a_level_that_settles_nor_one_that_wanders_goes_on_warning() -> None:
    step, day, rng = 900, 96, np.random.default_rng(4)
    time = np.arange(42 * day)
    calm = 100 + 20 * np.sin(2 * np.pi * time / day) + 3 * rng.normal(size=(8, len(time)))
    settled = episodes(calm + np.where(time >= 28 * day, 60.0, 0.0), step)
    assert all(((one >= 28 * day) & (one < 29 * day)).any() and (one >= 31 * day).sum() <= 1 for one in settled)
    walks = episodes(calm + rng.normal(size=calm.shape).cumsum(axis=1), step)
    assert sum(len(one) for one in walks) <= 6 * len(walks)


def test_a_batch_of_every_friday_is_quiet_after_three_weeks_and_one_on_another_day_is_not() -> None:
    step, day = 900, 96
    time = np.arange(7 * 7 * day)
    hour, weekday, week = time % day // 4, time // day % 7, time // (7 * day)
    x = 100 + 20 * np.sin(2 * np.pi * time / day) + 3 * np.random.default_rng(5).normal(size=(3, len(time)))
    batch = (hour >= 8) & (hour < 12)
    x += 60.0 * (batch & (weekday == 4))
    x[1] += 60.0 * (batch & (weekday == 2) & (week == 6))
    x[2] += 200.0 * (batch & (weekday == 4) & (week == 6))
    of_week = [np.bincount(one // (7 * day), minlength=7) for one in episodes(x, step)]
    assert all((one[:3] >= 1).all() and one[3:6].sum() == 0 for one in of_week)
    assert [one[6] for one in of_week[:2]] == [0, 1]
    assert 1 <= of_week[2][6] <= 2, "its start, and perhaps its end"


def test_the_band_of_what_was_never_below_zero_ends_there() -> None:
    x = np.stack([np.abs(noise(3000)), noise(3000)])
    detector = Seasonal(SeasonalParams(), 60)
    found = detector.score(detector.initial(2), x, clock(2, 3000, 60))
    known = np.isfinite(found.lower[0])
    assert (found.lower[0, known] >= 0).all()
    assert (found.lower[0, known] <= found.expected[0, known]).all()
    assert (found.lower[1, known] < 0).all()


def test_the_usual_range_is_that_before_the_episode_until_the_series_is_calm_again() -> None:
    """Ten hours of a constant, of a wave and of noise that stand elsewhere; then they are back."""
    step, day, rng = 300, 288, np.random.default_rng(6)
    time = np.arange(10 * day)
    wave = 100 + 20 * np.sin(2 * np.pi * time / day)
    x = np.stack([np.full(len(time), 7.0), wave + rng.normal(size=len(time)), 50 + rng.normal(size=len(time))])
    usual, strange = x.copy(), (time >= 8 * day) & (time < 8 * day + 120)
    x[:, strange] *= 2.5
    detector = Seasonal(SeasonalParams(), step)
    found = detector.score(detector.initial(3), x, clock(3, len(time), step))
    width = (found.upper - found.lower)[:, 8 * day - 1]
    for row, (own, most) in enumerate(zip(usual, (1e-6, 16.0, 4.0), strict=True)):
        told = found.expected[row, strange]
        assert np.abs(told - own[strange]).max() < most
        assert (found.lower[row, strange] <= own[strange] + most).all()
        assert (found.upper[row, strange] >= own[strange] - most).all()
        assert (found.upper - found.lower)[row, strange].max() < 1.5 * width[row] + 1e-6
    assert np.ptp(found.expected[1, strange]) > 8, "the course of the day goes on"
    assert (found.recent[:, -1] > 0.05).all()
    assert (found.expected[:, -1] != found.expected[:, 8 * day]).all(), "what is calm again is told as it is known now"


def test_missing_points_teach_nothing() -> None:
    x = noise(600)
    detector = Seasonal(SeasonalParams(), 60)
    state = detector.initial(1)
    detector.score(state, x[None], clock(1, 600, 60))
    before = {k: v.copy() for k, v in state.items()}
    at = clock(1, 3, 60, int(clock(1, 600, 60)[0, -1]) + 60)
    same_block = at // 900 == (at[0, 0] - 60) // 900
    gaps = np.array([[np.nan, np.inf, 10 * HUGE]])[:, same_block[0]]
    assert np.isnan(detector.score(state, gaps, at[same_block][None]).p).all()
    for name, array in before.items():
        np.testing.assert_array_equal(array, state[name], err_msg=name)


def test_a_constant_series_is_calm_until_it_moves() -> None:
    x = np.full(500, 7.25)
    x[-1] = 9
    s = score(x)[0]
    assert np.nanmax(s[:-1]) == 0
    assert s[-1] > 3


def test_expected_and_bounds_are_in_the_unit_of_the_series() -> None:
    detector = Seasonal(SeasonalParams(), 60)
    scores = detector.score(detector.initial(1), 1e6 + 100 * noise(3000)[None], clock(1, 3000, 60))
    assert abs(scores.expected[0, -1] - 1e6) < 100
    inside = (scores.lower[0] < 1e6) & (scores.upper[0] > 1e6)
    assert inside[200:].all()
    assert 100 < scores.upper[0, -1] - scores.expected[0, -1] < 2000


@pytest.mark.parametrize("step", [1, 7, 5, 60, 420, 1800, 3600, 7200, 2 * DAY])
def test_every_step_works_and_state_stays_small(step: int) -> None:
    detector = Seasonal(SeasonalParams(), step)
    state = detector.initial(2)
    p = detector.score(state, np.stack([noise(400), noise(400, 1)]), clock(2, 400, step)).p
    assert sum(array.nbytes for array in state.values()) / 2 < 3072
    if 400 * step > 7200:
        assert np.isfinite(p[:, -1]).all()


@pytest.mark.parametrize("course", [0.0, 3.0])
def test_a_drift_of_days_is_strange_while_it_lasts_though_each_day_is_like_the_one_before(course: float) -> None:
    step, day = 900, 96
    time = np.arange(40 * day)
    rng = np.random.default_rng(0)
    calm = rng.normal(size=(12, len(time))) + course * np.sin(2 * np.pi * time / day)
    drift = 2.0 * np.maximum(0, time - 28 * day) / day
    usual, drifting = score(calm, step), score(calm + drift, step)
    for days in (4, 6, 8):
        at = slice((28 + days) * day, (29 + days) * day)
        assert np.median(drifting[:, at]) > np.median(usual[:, at]) + 0.6
    unanchored = score(calm + drift, step, anchor_s=86400.0)
    last = slice(34 * day, 36 * day)
    assert np.median(drifting[:, last]) > np.median(unanchored[:, last]) + 0.5


def test_a_daily_course_is_learnt_apart_from_a_drift() -> None:
    step, day = 900, 96
    time = np.arange(40 * day)
    course = 3.0 * np.sin(2 * np.pi * time / day)
    detector = Seasonal(SeasonalParams(), step)
    state = detector.initial(1)
    detector.score(state, (course + 2.0 * time / day)[None], clock(1, len(time), step, 1_699_920_000))
    assert np.ptp(state["profile"]) == pytest.approx(6.0, abs=2.5)
    assert abs(state["profile"].mean()) < 2.5  # of 80 it has drifted, no more than a day's part


def test_recent_is_the_smallest_p_of_ten_to_fifteen_minutes() -> None:
    x, time = noise(600), clock(1, 600, 60)
    x[500] += 40
    detector = Seasonal(SeasonalParams(), 60)
    found = detector.score(detector.initial(1), x[None], time)
    assert found.recent is not None
    p, recent = found.p[0], found.recent[0]
    for at in range(480, 540):
        part = time[0] // 300
        inside = (part[: at + 1] >= part[at] - 2) & (np.arange(at + 1) <= at)
        assert recent[at] == p[: at + 1][inside].min()


def test_a_smaller_budget_asks_for_a_higher_score() -> None:
    detector = Seasonal(SeasonalParams(), 60)
    assert detector.threshold(0.1) > detector.threshold(1) > detector.threshold(10) > 0
    assert detector.threshold(1e9) > 0
    assert np.isfinite(detector.threshold(0))
