"""Growth from day to day: what goes on alike, what bends to a level below the limit, and what the forecaster says of both."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.growth import Growth
from aiops.models.paths import PEAKS, RISES, Path
from aiops.models.scene import scene_of
from tests.models.ways import Array, history, hours, scene

T = hours(24 * 12)
RHYTHM = 0.5 * (1 + np.cos(2 * np.pi * T / 24))


def growth(values: Array, limit: float = 1.0) -> tuple[bool, bool]:
    found = Growth.of(scene(values, limit))
    return bool(found.alike[0]), bool(found.levels[0])


def to_a_level(day: float, level: float = 0.8) -> Array:
    """From 0.2 towards `level`; it began `day` days ago and comes to a third of the rest in a day and a half."""
    return 0.2 + (level - 0.2) * (1 - np.exp(-np.clip(T / 24 + day, 0, None) / 1.5))


@pytest.mark.parametrize("swing", [0.0, 0.3])
def test_a_straight_growth_goes_on_alike_whatever_the_rhythm_of_its_days(swing: float) -> None:
    assert growth(0.6 + 0.04 * T / 24 + swing * RHYTHM) == (True, False)


@pytest.mark.parametrize("swing", [0.0, 0.15])
def test_a_growth_that_bends_to_a_level_below_the_limit_levels_off(swing: float) -> None:
    assert growth(to_a_level(4, 0.75) + swing * RHYTHM) == (False, True)


def test_the_same_bend_is_no_obstacle_where_the_limit_lies_below_its_level() -> None:
    assert not growth(to_a_level(2), 0.75)[1]


def test_a_growth_that_doubles_does_not_level_off() -> None:
    assert growth(0.1 * 2.0 ** ((T + 24 * 6) / 48), 2.0) == (True, False)


def test_a_day_without_gain_levels_off_and_a_first_day_of_gain_does_not() -> None:
    stopped = 0.3 + 0.05 * np.clip(T + 24 * 5, 0, 24 * 3.5) / 24
    begun = 0.3 + 0.2 * np.clip(T + 24, 0, None) / 24
    assert growth(stopped) == (False, True)
    assert growth(begun) == (False, False)


def test_a_day_off_that_comes_every_week_is_not_judged() -> None:
    t = hours(24 * 13)
    day = np.floor((t + 24 * 13) / 24)
    off = np.where(np.isin(day, (5, 12)), 0.7, 1.0)  # today, and today a week ago
    rising = 0.4 + 0.02 * t / 24 + 0.3
    assert not growth(rising * off)[1]
    assert growth(rising * np.where(day == 12, 0.7, 1.0))[1]


def test_young_rows_and_gaps_are_neither() -> None:
    assert growth(0.6 + 0.04 * hours(40) / 24) == (False, False)
    assert growth(np.full(len(T), np.nan)) == (False, False)


def test_a_row_depends_on_itself_alone() -> None:
    rows = np.stack([0.6 + 0.04 * T / 24, to_a_level(4), np.full(len(T), 0.5), np.where(T < -60, np.nan, 0.5 + 0.01 * T)])
    together = Growth.of(scene_of(history(rows), Limit.uniform(4, 1.0, True))[0])
    assert list(zip(together.alike.tolist(), together.levels.tolist(), strict=True)) == [growth(row) for row in rows]


def said(values: Array, limit: float = 1.0) -> tuple[Array, str]:
    """(hours told, reason) at one look."""
    model = Exhaustion(ExhaustionParams(pending_s=0), 300)
    seen = history(values[None])
    told = model.crossings(model.initial(1), seen, Limit.uniform(1, limit, True), 21 * 86400.0)
    return (told.time_s[0] - seen.now_s[0]) / 3600, str(told.reason[0])


# --- growth that quickens ---------------------------------------------------------------------------------------------

SQUARE = 0.9 * (np.clip(T + 84, 0, None) / 120) ** 2
"""It began three and a half days ago and reaches 0.9 in one and a half."""


def bend(values: Array) -> float:
    return float(Growth.of(scene(values)).bend[0])


@pytest.mark.parametrize("swing", [0.0, 0.02])
def test_a_day_gains_more_than_the_day_before_where_growth_is_a_square(swing: float) -> None:
    assert bend(SQUARE + swing * RHYTHM) == pytest.approx(2 * 0.9 * (24 / 120) ** 2, rel=0.15)


@pytest.mark.parametrize(
    "values",
    [
        0.3 + 0.005 * np.clip(T + 100, 0, None),  # straight
        0.3 + 0.002 * np.clip(T + 100, 0, None) + 0.01 * np.clip(T + 11, 0, None),  # another pace since eleven hours
        0.3 + 0.005 * np.clip(T + 20, 0, None),  # began yesterday
        to_a_level(3),
        0.5 + 0.3 * RHYTHM,
        np.full(len(T), np.nan),
    ],
)
def test_what_goes_on_jumps_begins_bends_or_swings_does_not_quicken(values: Array) -> None:
    assert bend(values) == 0


def test_growth_that_quickens_is_told_sooner_by_its_bend() -> None:
    noise = 0.0005 * np.random.default_rng(0).normal(size=len(T))
    times, reason = said(SQUARE + 0.02 * RHYTHM + noise, 0.9)
    assert times[1] == pytest.approx(36, rel=0.1), reason
    steady, _ = said(0.9 / 120 * np.clip(T + 84, 0, None) + noise, 0.9)
    assert steady[1] == pytest.approx(36, rel=0.05)


def test_ways_of_part_of_a_day_and_of_peaks_are_told_as_they_are_and_none_by_less_than_its_share() -> None:
    found, one = Growth.of(scene(SQUARE)), np.ones(1)
    for name, window_h, share in ((RISES, 24, 1.0), (PEAKS, 336, 1.0), (RISES, 48, 0.6)):
        path = found.sooner(Path(1e7 * one, one, window_h * 3600.0, name, np.zeros(1, np.int8)), 10 * one)
        assert path.eta_s[0] == pytest.approx(share * 1e7)


def test_users_that_join_until_all_are_there_are_not_told_as_growth_without_end() -> None:
    joined = 1 / (1 + np.exp(-(T + 72) / 24))
    times, reason = said((0.4 + 0.35 * joined) * (0.6 + 0.4 * RHYTHM), 0.95)
    assert np.isnan(times).all()
    assert reason == "levels off before the limit"


def test_growth_alike_from_day_to_day_is_told_from_farther_away() -> None:
    noise = 0.0005 * np.random.default_rng(0).normal(size=len(T))
    times, _ = said(0.2 + 0.8 / 190 * np.clip(T + 80, 0, None) + noise)
    assert times[1] == pytest.approx(110, rel=0.05)  # beyond 1.4 windows of 72 h
