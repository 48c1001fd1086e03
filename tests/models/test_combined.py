"""The combined forecaster, from hours to crossings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit, State
from aiops.models.combined import METHODS, Combined, CombinedParams
from aiops.models.state_files import StateLoss, read_state, save_state
from tests.models.hours import NOW, history_of

HOUR, DAY = 3600, 86400
T = np.arange(840.0)


def model() -> Combined:
    return Combined(CombinedParams(), 60)


def told(hourly: np.ndarray, limit: Limit, horizon: float = 7 * DAY, spread: float = 0.0) -> tuple[Crossings, State]:
    m = model()
    state = m.initial(len(hourly))
    return m.crossings(state, history_of(hourly, spread=spread), limit, horizon), state


def growing_peaks() -> np.ndarray:
    """A peak of four hours a day, from 10:00 on, that grows by one a day; the floor stays at 10."""
    hour = (np.arange(NOW - 840 * HOUR, NOW, HOUR) // HOUR) % 24
    day = np.arange(840) // 24
    return np.where((hour >= 10) & (hour < 14), 20.0 + day, 10.0)[None]


def test_growing_peaks_cross_at_the_hour_of_the_peak() -> None:
    found, _ = told(growing_peaks(), Limit.uniform(1, 56.5, True))
    expected = found.time_s[0, 1]
    assert NOW + 1 * DAY < expected < NOW + 5 * DAY
    assert 9.0 <= expected % DAY / HOUR <= 14.0


def test_a_season_below_the_limit_stays_silent() -> None:
    y = 50 + 20 * np.sin(2 * np.pi * T / 24)[None]
    found, _ = told(y, Limit.uniform(1, 75.0, True))
    assert np.isnan(found.time_s).all()
    assert found.reason[0].startswith("stays inside by ")


def test_a_daily_peak_that_reaches_the_limit_is_told_for_the_next_peak() -> None:
    y = 50 + 20 * np.sin(2 * np.pi * T / 24)[None]
    found, _ = told(y, Limit.uniform(1, 69.0, True))
    assert NOW < found.time_s[0, 1] < NOW + DAY


def test_samples_go_beyond_the_mean_of_their_hour() -> None:
    y = 50 + 20 * np.sin(2 * np.pi * T / 24)[None]
    limit = Limit.uniform(1, 75.0, True)
    assert np.isnan(told(y, limit)[0].time_s).all()
    assert np.isfinite(told(y, limit, spread=8.0)[0].time_s).all()


@pytest.mark.parametrize("above", [True, False])
def test_a_ramp_crosses_when_it_must(above: bool) -> None:
    y = (0.25 * T)[None] * (1 if above else -1)
    limit = Limit.uniform(1, (1 if above else -1) * (0.25 * 839 + 18), above)
    found, _ = told(y, limit)
    early, expected, late = found.time_s[0] - NOW
    assert early < 71.5 * HOUR < late
    assert expected == pytest.approx(71.5 * HOUR, rel=0.15)
    assert found.slope[0] == pytest.approx((0.25 if above else -0.25) / HOUR, rel=0.15)


def test_intervals_of_ramps_hold_the_crossing_about_as_often_as_stated() -> None:
    rng = np.random.default_rng(0)
    n = 300
    y = 100 + 0.2 * np.arange(1200.0) + 4 * np.sin(2 * np.pi * np.arange(1200) / 24) + rng.normal(size=(n, 1200))
    walk = np.cumsum(0.15 * rng.normal(size=(n, 1200)), axis=1)
    y += walk
    past, future = y[:, :840], y[:, 840:]
    top = past[:, -24:].max(axis=1) + 15
    limit = Limit(top, np.ones(n, bool), np.full(n, np.nan), np.zeros(n, np.int8))
    found, _ = told(past, limit, 10 * DAY)
    really = np.argmax(future >= top[:, None], axis=1) * HOUR + NOW + HOUR / 2
    said = np.isfinite(found.time_s[:, 1])
    assert said.mean() > 0.9
    inside = (found.time_s[said, 0] <= really[said]) & (really[said] <= found.time_s[said, 2])
    assert 0.6 < inside.mean() < 0.97


def test_rows_in_another_order_are_the_same_rows() -> None:
    rng = np.random.default_rng(1)
    y = np.cumsum(rng.normal(size=(40, 840)), axis=1)
    y[::5, :500] = np.nan
    y[3, 100:130] = np.nan
    limit = Limit.uniform(40, 60.0, True)
    order = rng.permutation(40)
    (a, state), (b, other) = told(y, limit), told(y[order], limit)
    np.testing.assert_array_equal(a.time_s[order], b.time_s)
    assert all(np.array_equal(state[k][order], other[k], equal_nan=True) for k in state)


def test_it_goes_on_from_the_disk_as_if_nothing_had_happened(tmp_path: Any) -> None:
    y = np.cumsum(np.random.default_rng(2).normal(size=(20, 845)), axis=1)
    limit, m = Limit.uniform(20, 50.0, True), model()
    state = m.initial(20)
    m.crossings(state, history_of(y[:, :840]), limit, 7 * DAY)
    save_state(tmp_path, "forecaster", state, {})
    back = read_state(tmp_path, "forecaster", {})
    assert not isinstance(back, StateLoss)
    later = history_of(y[:, 5:], now=NOW + 5 * HOUR)
    one, two = (m.crossings(s, later, limit, 7 * DAY) for s in (state, back))
    np.testing.assert_array_equal(one.time_s, two.time_s)
    assert all(np.array_equal(state[k], back[k], equal_nan=True) for k in state)


def test_odd_rows_are_silent_and_say_why() -> None:
    y = np.stack([np.full(840, 3.0), np.full(840, np.nan), T / 10, T / 10, np.where(T < 830, np.nan, T)])
    limit = Limit(np.array([9, 9, np.nan, 50.0, 9e9]), np.ones(5, bool), np.full(5, np.nan), np.zeros(5, np.int8))
    found, _ = told(y, limit)
    assert np.isnan(found.time_s).all()
    assert found.reason.tolist()[1:] == ["no sample now", "no limit", "already beyond the limit", "too little history"]


def test_whole_numbers_and_huge_numbers_are_forecast() -> None:
    y = np.stack([np.round(T / 50), 1e15 + 1e12 * T, 1e-12 * T])
    top = np.array([18.2, 1e15 + 1e12 * 900, 1e-12 * 900])
    found, _ = told(y, Limit(top, np.ones(3, bool), np.full(3, np.nan), np.zeros(3, np.int8)))
    assert np.isfinite(found.time_s).all()
    assert found.time_s[1:, 1] - NOW == pytest.approx(60 * HOUR, rel=0.15)


def test_a_young_series_is_forecast_from_its_five_minutes_no_further_than_it_is_old() -> None:
    mid = np.arange(288.0)[None] / 12
    history = history_of(mid[:, 11::12], mid=mid)
    m = model()
    near = m.crossings(m.initial(1), history, Limit.uniform(1, 24.0 + 10, True), 7 * DAY)
    far = m.crossings(m.initial(1), history, Limit.uniform(1, 24.0 + 40, True), 7 * DAY)
    assert near.time_s[0, 1] - NOW == pytest.approx(10 * HOUR, rel=0.2)
    assert np.isnan(far.time_s).all()


def test_only_rows_that_could_cross_are_looked_at_between_two_hours() -> None:
    rng = np.random.default_rng(3)
    y = np.stack([50 + rng.normal(size=840), 50 + rng.normal(size=840)])
    limit = Limit(np.array([54.0, 5000.0]), np.ones(2, bool), np.full(2, np.nan), np.zeros(2, np.int8))
    m = model()
    state, latest = m.initial(2), y[:, -1]
    now = np.full(2, NOW)
    assert m.screen(state, latest, limit, now).all()
    m.crossings(state, history_of(y), limit, 3 * DAY)
    assert m.screen(state, latest, limit, now + 300).tolist() == [False, False]
    assert m.screen(state, latest, limit, now + 3600).tolist() == [True, False]
    assert m.screen(state, latest, limit, now + 6 * 3600).tolist() == [True, True]


@pytest.mark.parametrize("hours", [6, 24, 47, 48, 60, 71, 72, 80])
def test_a_series_of_any_age_from_hours_on_is_forecast(hours: int) -> None:
    mid = np.arange(12.0 * hours)[None] / 12
    m, history = model(), history_of(mid[:, 11::12], mid=mid[:, -864:])
    found = m.crossings(m.initial(1), history, Limit.uniform(1, hours + 4.0, True), 7 * DAY)
    assert found.time_s[0, 1] - NOW == pytest.approx(4 * HOUR, abs=HOUR)


@pytest.mark.parametrize("name", METHODS)
def test_no_method_knows_what_comes_after_an_end(name: str) -> None:
    y = np.random.default_rng(4).normal(size=(3, 400)).astype(np.float32)
    other = y.copy()
    other[:, 300:] = 1e6
    ends = {250: 72, 300: 72, 400: 72}
    a, b = METHODS[name](y, ends, 24), METHODS[name](other, ends, 24)
    for end in (250, 300):
        np.testing.assert_array_equal(a[end], b[end])
        assert a[end].shape == (3, 72)


def test_the_usual_week_knows_the_weekend() -> None:
    week = np.where(np.arange(168) < 120, 10.0, 2.0)
    y = np.tile(week, 5)[None].astype(np.float32)
    np.testing.assert_array_equal(METHODS["usual_week"](y, {840: 168}, 24)[840][0], week)
