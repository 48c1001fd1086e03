"""What forecasters of hours learn from."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import History
from aiops.models.hourly import LENGTHS, YOUNG_LENGTHS, Past, filled, pasts
from tests.models.hours import history_of


def one(history: History) -> Past:
    (past,) = pasts(history, np.array([0]))
    return past


@pytest.mark.parametrize(("hours", "length"), [(840, 840), (839, 744), (100, 96), (72, 72)])
def test_a_row_has_the_longest_length_that_its_history_fills(hours: int, length: int) -> None:
    past = one(history_of(np.arange(float(hours))[None]))
    assert past.values.shape == (1, length)
    assert (past.step_s, past.season) == (3600, 24)


def test_values_are_relative_to_the_newest_and_no_larger_than_two() -> None:
    x = 1e12 + 1e9 * np.sin(np.arange(200.0))[None]
    past = one(history_of(x))
    assert past.values[0, -1] == 0
    assert np.abs(past.values).max() <= 2
    back = past.base[:, None] + past.scale[:, None] * past.values
    np.testing.assert_allclose(back, x[:, -past.values.shape[1] :], rtol=1e-9)


@pytest.mark.parametrize("hours", [30, 47, 48, 60, 71])
def test_below_three_days_the_five_minutes_are_taken(hours: int) -> None:
    past = one(history_of(np.arange(float(hours))[None], mid=np.arange(12.0 * hours)[None]))
    assert (past.step_s, past.season) == (300, 0)
    assert past.values.shape[1] == max(n for n in YOUNG_LENGTHS if n <= 12 * hours)
    assert past.ends


@pytest.mark.parametrize("gone", [slice(-3, None), slice(60, 100), slice(None)])
def test_a_row_that_ended_or_is_mostly_gaps_is_left_out(gone: slice) -> None:
    x = np.arange(100.0)[None]
    x[0, gone] = np.nan
    assert pasts(history_of(x), np.array([0])) == []


def test_gaps_are_bridged_by_straight_lines() -> None:
    x = np.array([[np.nan, 2.0, np.nan, np.nan, 5.0, np.nan], [1.0, 1.0, 1.0, 1.0, 1.0, 1.0]])
    assert filled(x).tolist() == [[2.0, 2.0, 3.0, 4.0, 5.0, 5.0], [1.0] * 6]
    assert np.isnan(filled(np.full((1, 3), np.nan))).all()


@pytest.mark.parametrize("length", LENGTHS)
def test_every_origin_has_two_days_behind_it_and_a_known_future(length: int) -> None:
    past = one(history_of(np.arange(float(length))[None]))
    assert all(48 <= end < length for end in past.ends)
    assert past.ends
