"""Merging: one value an instant, by preference, gaps filled; and whether sources agree, for long."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aiops.core.records import Floats, State
from aiops.telemetry.merge import Agreement, Layer, merged, no_agreement

NAN = np.nan


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, np.int64)


def test_the_preferred_value_counts_and_its_gaps_are_filled_from_the_next() -> None:
    second = Layer(1, rows(1, 0), 0, np.array([[7.0, 8.0, 9.0], [4.0, 5.0, 6.0]]))
    found = merged(2, 3, [Layer(0, rows(0), 0, np.array([[1.0, NAN, 3.0]])), second])
    np.testing.assert_array_equal(found.values, [[1, 5, 3], [7, 8, 9]])


def test_of_the_newest_column_both_values_and_whose_they_are_is_said() -> None:
    found = merged(3, 1, [Layer(4, rows(0, 1), 0, np.array([[1.0], [NAN]])), Layer(2, rows(0, 1), 0, np.array([[1.5], [2.5]]))])
    np.testing.assert_array_equal(found.first, [1, 2.5, NAN])
    np.testing.assert_array_equal(found.second, [1.5, NAN, NAN])
    assert found.first_of.tolist() == [4, 2, -1]
    assert found.second_of.tolist() == [2, -1, -1]


def test_a_layer_that_does_not_reach_the_newest_column_says_nothing_of_it() -> None:
    found = merged(1, 2, [Layer(0, rows(0), 0, np.array([[1.0]])), Layer(1, rows(0), 1, np.array([[2.0]]))])
    np.testing.assert_array_equal(found.values, [[1, 2]])
    assert found.first_of.tolist() == [1]


@given(
    hnp.arrays(float, (3, 4), elements=st.sampled_from([1.0, 2.0, NAN])),
    hnp.arrays(float, (3, 4), elements=st.sampled_from([5.0, NAN])),
)
def test_merging_is_taking_the_first_that_is_there(a: Floats, b: Floats) -> None:
    found = merged(3, 4, [Layer(0, rows(0, 1, 2), 0, a), Layer(1, rows(0, 1, 2), 0, b)])
    np.testing.assert_array_equal(found.values, np.where(np.isnan(a), b, a))


def observed(a: Floats, b: Floats, after_s: float = 600, tolerance: float = 0.05) -> tuple[list[bool], State]:
    """Two sources of one series, a minute apart: whether they lastingly disagree after each column."""
    agreement, state = Agreement(tolerance, after_s), no_agreement(1)
    out = []
    for j, (x, y) in enumerate(zip(a, b, strict=True)):
        found = merged(1, 1, [Layer(0, rows(0), 0, np.array([[x]])), Layer(1, rows(0), 0, np.array([[y]]))])
        agreement.observe(state, found, 60, 60 * j)
        out.append(bool(agreement.lasting(state, 60)[0]))
    return out, state


def test_a_lasting_difference_is_one_after_the_declared_time_and_shows_both_values() -> None:
    found, state = observed(np.full(20, 100.0), np.full(20, 120.0))
    assert found.index(True) == 9
    assert (state["first"][0], state["second"][0], state["since_s"][0]) == (100, 120, 0)


def test_noise_that_two_scrapes_see_at_different_moments_is_no_disagreement() -> None:
    rng = np.random.default_rng(3)
    found, _ = observed(rng.normal(100, 10, 500), rng.normal(100, 10, 500), tolerance=0.1)
    assert not any(found)


def test_a_difference_within_tolerance_is_none() -> None:
    assert not any(observed(np.full(100, 100.0), np.full(100, 104.0))[0])


def test_a_short_difference_is_forgotten() -> None:
    b = np.full(60, 100.0)
    b[20:23] = 130
    assert not any(observed(np.full(60, 100.0), b)[0])


def test_it_ends_when_they_agree_again() -> None:
    b = np.where(np.arange(60) < 20, 130.0, 100.0)
    found, _ = observed(np.full(60, 100.0), b)
    assert found[19]
    assert not found[-1]


@pytest.mark.parametrize("value", [0.0, -5.0, 1e300])
def test_equal_constants_agree(value: float) -> None:
    assert not any(observed(np.full(30, value), np.full(30, value))[0])


def test_columns_with_one_value_change_nothing() -> None:
    found, state = observed(np.full(30, 100.0), np.full(30, NAN))
    assert not any(found)
    assert state["apart"][0] == 0
