"""The course of a day: what is learnt of blocks, between them, on free days, and for rows with clocks of their own."""

from __future__ import annotations

from datetime import date

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.civil import Civil
from aiops.models.profile import DAY_S, FREE_DAYS, Profile

MONDAY = 1_699_833_600
"""The 13th of November 2023, at midnight in UTC."""
BLOCK_S, STEP_S = 21600, 300


def profile(block_s: int = BLOCK_S, step_s: int = STEP_S, holidays: tuple[date, ...] = ()) -> Profile:
    return Profile(block_s, step_s, 0.1, Civil("UTC", (5, 6), holidays))


def taught(days: int, one: Profile, means: np.ndarray, n: int = 2) -> State:
    """The state of n rows after so many days from MONDAY on, whose blocks had these means; free days are 10 above."""
    state = {**one.initial(n), "block": np.zeros(n, np.int64)}
    for day in range(days):
        for slot, mean in enumerate(means.tolist()):
            state["block"][:] = (MONDAY + day * DAY_S) // BLOCK_S + slot
            one.learn(state, np.arange(n), np.full(n, mean + 10.0 * (day % 7 in (5, 6))))
    return state


def test_it_says_nothing_before_two_days_and_more_with_each() -> None:
    one, means = profile(), np.array([1.0, 2.0, 3.0, 4.0])
    at = np.full(2, MONDAY + DAY_S + BLOCK_S // 2 - STEP_S // 2)
    found = [float(one.at(taught(days, one, means), at)[0]) for days in (1, 2, 4)]
    assert found == [0.0, pytest.approx(1 / 3), pytest.approx(0.6)]


def test_between_the_middles_of_two_blocks_it_goes_straight() -> None:
    one = profile()
    state = taught(4, one, np.array([1.0, 2.0, 3.0, 4.0]))
    middle = MONDAY + BLOCK_S // 2 - STEP_S // 2
    found = [float(one.at(state, np.full(2, middle + part * BLOCK_S // 4))[0]) for part in range(5)]
    np.testing.assert_allclose(found, 0.6 * np.linspace(1.0, 2.0, 5), rtol=1e-3)


def test_free_days_add_what_they_have_taught() -> None:
    one, means = profile(), np.zeros(4)
    at = MONDAY + BLOCK_S // 2
    young, known = taught(7, one, means), taught(7 * (FREE_DAYS + 1), one, means)
    saturday = np.full(2, at + 5 * DAY_S)
    assert one.at(young, saturday)[0] == pytest.approx(0.0, abs=1e-6)
    assert one.at(known, saturday)[0] > 5.0
    assert one.at(known, np.full(2, at + 7 * DAY_S))[0] == pytest.approx(0.0, abs=1e-6)
    again = profile(holidays=(date(2023, 11, 15),))
    assert again.at(known, np.full(2, at + 2 * DAY_S))[0] == one.at(known, saturday)[0]


def test_rows_that_share_a_clock_get_what_each_gets_alone() -> None:
    one = profile()
    state = taught(21, one, np.array([1.0, 5.0, 2.0, 4.0]), 7)
    for day in (0, 5):
        shared = np.full(7, MONDAY + day * DAY_S + 12345)
        apart = shared + STEP_S * np.arange(7)
        alone = {name: array[3:4] for name, array in state.items()}
        for clocks in (shared, apart):
            assert one.at(state, clocks)[3] == one.at(alone, clocks[3:4])[0]
    assert len(one.place(state, shared)[0]) == 1
    assert len(one.place(state, apart)[0]) == 7


def test_around_a_block_are_the_lowest_and_the_highest_of_three() -> None:
    one = profile()
    state = taught(4, one, np.array([1.0, 5.0, 2.0, 4.0]))
    low, high = one.around(state, np.array([1]), np.array([MONDAY // BLOCK_S + 2]))
    assert (low[0], high[0]) == (pytest.approx(1.2), pytest.approx(3.0))


def test_a_day_of_one_block_has_no_course() -> None:
    one = profile(DAY_S, DAY_S)
    state = {**one.initial(3), "block": np.zeros(3, np.int64)}
    one.learn(state, np.arange(3), np.ones(3))
    assert one.at(state, np.full(3, MONDAY)).tolist() == [0.0] * 3
    assert [array.tolist() for array in one.around(state, np.arange(3), np.zeros(3, np.int64))] == [[0.0] * 3] * 2
