"""The last three days hour by hour: rises carried by few hours, and rises that stand still."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.course import Course, carriers
from tests.models.test_paths import NOISE
from tests.models.ways import Array, hours, scene


def course(values: Array) -> Course:
    return Course.of(scene(values))


def test_carriers_count_equal_gains_and_ignore_falls() -> None:
    np.testing.assert_allclose(carriers(np.array([[2.0, 2, 2, 2, -9], [1.0, np.nan, 1, 0, 0]])), [4.0, 2.0])


def test_nothing_carried_nothing() -> None:
    assert carriers(np.zeros((1, 5))).tolist() == [0.0]


def test_a_straight_rise_is_carried_by_all_of_its_hours() -> None:
    straight = course(0.2 + 0.005 * (hours(96) + 96))
    assert all(straight.carried(span)[0] for span in (3, 8, 16, 24, 72))
    assert straight.carried_daily[0]


def test_three_loads_in_two_days_are_carried_by_few() -> None:
    t = hours(96)
    loads = 0.3 + 0.1 * sum((np.clip(t + at, 0, 0.5) / 0.5 for at in (44.0, 30.0, 5.0)), np.zeros(len(t)))
    found = course(loads)
    assert not found.carried(48)[0]
    assert not found.carried_daily[0]


def test_a_roll_out_in_three_quick_steps_is_carried_by_few_half_hours() -> None:
    t = hours(96)
    steps = 0.3 + sum(
        (size * np.clip(t + at, 0, 0.3) / 0.3 for at, size in ((6, 0.08), (4, 0.1), (1, 0.12))), np.zeros(len(t))
    )
    assert not course(steps).carried(8)[0]


def test_a_fill_that_reached_its_retention_stands_still() -> None:
    t = hours(24 * 5)
    assert course(0.8 + 0.005 * np.minimum(t + 7, 0) + NOISE[: len(t)]).halted[0]


@pytest.mark.parametrize(
    "values",
    [
        0.8 + 0.005 * np.minimum(hours(120) + 2, 0),  # only two hours ago
        0.5 + 0.003 * hours(120) + 0.1 * (hours(120) / 5 % 1.0),  # a sawtooth that rises
        0.5 + 0.002 * hours(120) + 0.1 * np.cos(2 * np.pi * hours(120) / 24),  # the top of a daily rhythm
        np.floor(50 + 0.12 * hours(120)),  # whole percents, one in 8 h
        np.full(12 * 120, 0.5),
    ],
)
def test_what_still_moves_or_never_did_does_not_stand_still(values: Array) -> None:
    assert not course(values).halted[0]


def test_stairs_are_whole_steps_and_stand_as_long_as_they_like() -> None:
    rise = 50 + hours(120) / 4.5 + 0.05  # a whole percent in four and a half hours, and none for the last seven
    held = np.minimum(rise, rise[-1] - 7 / 4.5)
    whole, smooth = course(np.floor(held)), course(held)
    assert whole.stairs[0]
    assert not whole.halted[0]
    assert smooth.halted[0]
    assert not smooth.stairs[0]


def test_a_row_without_samples_is_no_stairs() -> None:
    assert not course(np.full(12 * 80, np.nan)).stairs[0]


def test_a_short_history_says_neither() -> None:
    young = course(0.2 + 0.02 * (hours(20) + 20))
    assert not young.halted[0]
    assert young.carried(24)[0]
