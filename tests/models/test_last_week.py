"""What the week before did in the same hours, and lost again: held against windows of days."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models import paths
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.last_week import LastWeek
from tests.models.ways import Array, history, hours, scene

NOISE = 0.001 * np.random.default_rng(4).normal(size=12 * 24 * 16)


def piles_up(days: float, week_end: float = -0.16, more: Array | float = 0.0) -> Array:
    """A desk whose claims pile up by `more` + 0.09 a working day, four times as much by day as is cleared by night, and shrink
    on week-ends; it began on a Monday, `days` ago."""
    t = hours(24 * days)
    day = (t - t[0]) / 24
    rate = np.where(day % 7 < 5, 0.09 + more + 0.45 * np.cos(2 * np.pi * (day % 1 - 0.5)), week_end)
    return np.asarray(np.cumsum(rate) / 288 + 0.2 + NOISE[: len(t)])


def told(values: Array, limit: float = 1.0) -> Array:
    """Hours that the ways which speak say are left, at the end of `values`."""
    model = Exhaustion(ExhaustionParams(), 300)
    eta = model.evidence(history(values[None]), Limit.uniform(1, limit, True)).eta_s[0]
    return np.asarray(eta[np.isfinite(eta)] / 3600)


@pytest.mark.parametrize("day", [4.75, 5.0])
def test_what_the_week_before_gained_alike_and_lost_again_is_not_told_the_second_time(
    day: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = piles_up(7 + day)
    assert len(told(values)) == 0
    monkeypatch.setattr(LastWeek, "held_against", lambda self, path: path)
    assert len(told(values)) > 0


def test_hours_without_samples_do_not_make_it_forgotten() -> None:
    values = piles_up(11.75)
    assert len(told(values)) == 0
    for hour in (3, 50, 168 + 30):
        values[-12 * hour : -12 * (hour - 2)] = np.nan
    assert len(told(values)) == 0


def test_a_rhythm_of_days_that_grows_is_nothing_lost_again() -> None:
    t = hours(24 * 12.5)
    grows = (0.25 + 0.3 * (1 + np.cos(2 * np.pi * t / 24))) * (1 + 0.02 * t / 24) + NOISE[: len(t)]
    assert len(told(grows)) > 0


def test_the_first_week_is_told_since_nothing_says_what_its_end_brings() -> None:
    assert len(told(piles_up(4.5), 0.9)) > 0


def test_what_gains_far_more_than_the_week_before_is_told() -> None:
    t = hours(24 * 11.5)
    assert len(told(piles_up(11.5, more=np.where(t > -24 * 4.5, 0.15, 0.0)), 1.8)) > 0


def test_what_the_week_before_kept_is_no_evidence_against() -> None:
    assert len(told(piles_up(11.5, week_end=0.02), 1.35)) > 0


def test_a_limit_that_this_week_reaches_as_the_one_before_would_is_told() -> None:
    values = piles_up(11.5)
    seen = scene(values, float(values[-1]) + 0.05)
    day = np.array([24.0 * paths.HOUR])
    path = paths.path_of(np.array([True]), day, day, 3.0 * paths.DAY, paths.RISES, np.zeros(1))
    assert np.isfinite(LastWeek.of(seen).held_against(path).eta_s[0])
    held = LastWeek.of(scene(values, float(values[-1]) + 0.5)).held_against(path)
    assert np.isnan(held.eta_s[0])
    assert paths.WHY[held.why[0]] == "rose alike a week ago, and fell back again"


def test_windows_of_a_day_and_ways_of_their_own_are_left_alone() -> None:
    week = LastWeek.of(scene(piles_up(11.5), 1.5))
    one = np.ones(1)
    for window_s, name in ((paths.DAY, paths.RISES), (14 * paths.DAY, paths.FROM_WEEK_TO_WEEK), (2 * paths.DAY, paths.CLOCK)):
        path = paths.path_of(np.array([True]), one * 3600, one, float(window_s), name, np.zeros(1))
        assert week.held_against(path) is path


def test_rows_of_less_than_a_week_and_a_day_are_like_no_week_before() -> None:
    assert not LastWeek.of(scene(piles_up(8.5), 1.5)).alike[0]
    assert not LastWeek.of(scene(np.full(12 * 24 * 15, 0.5), 1.5)).alike[0]


def in_office_hours(days: float, more: float = 0.0) -> Array:
    """Growth of 0.05 a working day, from 8 to 18, since a Monday so many days ago; `more` of it in the last week."""
    t = hours(24 * days)
    day = (t - t[0]) / 24
    busy = (day % 7 < 5) & (day % 1 > 8 / 24) & (day % 1 < 18 / 24)
    rate = np.where(busy, 0.05 * 24 / 10, 0.0) * np.where(t > -168, 1 + more, 1.0)
    return np.asarray(np.cumsum(rate) / 288 + 0.2 + 0.0002 * np.random.default_rng(1).normal(size=len(t)))


@pytest.mark.parametrize("day", [14.5, 17.7, 19.5, 20.9])
def test_growth_on_working_days_is_told_to_the_hour_through_the_week_end(day: float) -> None:
    """The limit is met at noon of the second working day of the fourth week."""
    left = told(in_office_hours(day), 0.2 + 0.05 * 16.4)
    assert len(left) > 0
    assert np.median(left) == pytest.approx(24 * (22.5 - day), abs=2.0)


def test_two_weeks_that_gained_unlike_do_not_say_when() -> None:
    assert np.isfinite(LastWeek.of(scene(in_office_hours(19.5))).again_s[0])
    assert np.isnan(LastWeek.of(scene(in_office_hours(19.5, 0.3))).again_s[0])
