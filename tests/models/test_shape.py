from __future__ import annotations

import numpy as np
import pytest

from aiops.models.shape import Sums, bridged, line, rise, straightened


def judged(*blocks: float, room: float = 1.0) -> object:
    return rise(np.array([blocks], float), np.array([room]), 0.12)


def test_means_of_equal_parts_end_where_asked() -> None:
    sums = Sums.of(np.arange(12.0)[None])
    assert sums.means(8, 4).tolist() == [[4.5, 6.5, 8.5, 10.5]]
    assert sums.means(8, 4, back=4).tolist() == [[0.5, 2.5, 4.5, 6.5]]


def test_more_columns_than_there_are_give_nothing() -> None:
    assert np.isnan(Sums.of(np.zeros((2, 5))).means(6, 2)).all()


def test_parts_of_fewer_columns_than_blocks_may_hold_none_and_say_nothing() -> None:
    means = Sums.of(np.arange(4.0)[None]).means(4, 8)[0]
    assert np.isfinite(means).any()
    assert not np.isinf(means).any()


def test_a_part_needs_half_its_samples_and_a_lone_inner_gap_is_bridged() -> None:
    values = np.arange(12.0)[None].copy()
    values[0, [0, 4, 5]] = np.nan
    means = Sums.of(values).means(12, 6)
    np.testing.assert_allclose(means, [[1.0, 2.5, 4.5, 6.5, 8.5, 10.5]])
    values[0, [0, 1]] = np.nan
    assert np.isnan(Sums.of(values).means(12, 6)[0, 0])


def test_two_gaps_in_a_row_are_not_bridged() -> None:
    assert np.isnan(bridged(np.array([[1.0, np.nan, np.nan, 4.0]]))[0, 1:3]).all()


def test_rows_with_and_without_gaps_are_summed_alike() -> None:
    values = np.random.default_rng(0).normal(size=(3, 40))
    gappy = values.copy()
    gappy[2, 3] = np.nan
    np.testing.assert_allclose(Sums.of(values).means(40, 8)[:2], Sums.of(gappy).means(40, 8)[:2])
    assert np.array_equal(Sums.of(values[:2]).means(6, 8), Sums.of(gappy).means(6, 8)[:2], equal_nan=True)


def test_half_of_a_window_is_asked_for_whatever_the_gaps_of_other_rows() -> None:
    values = np.arange(96.0).repeat(2).reshape(96, 2).T.copy()
    values[:, ::2], values[:, 1], values[1, 20:40] = np.nan, np.nan, np.nan
    both = Sums.of(values, 30).means(96, 8)
    assert np.isnan(both[0]).all()
    assert np.array_equal(Sums.of(values[:1], 30).means(96, 8), both[:1], equal_nan=True)


def test_a_line_has_its_slope_its_end_and_its_scatter() -> None:
    slope, end, noise = line(np.array([[1.0, 3.0, 5.0, 7.0], [1.0, -1.0, 1.0, -1.0]]))
    assert slope[0] == pytest.approx(2.0)
    assert end[0] == pytest.approx(7.0)
    assert noise[0] == pytest.approx(0.0)
    assert noise[1] > 0.8


@pytest.mark.parametrize(
    ("blocks", "rises", "even", "open_ended"),
    [
        ((0, 1, 2, 3, 4, 5, 6, 7), True, True, True),
        ((0, 0.1, 0.2, 0.3, 6.7, 6.8, 6.9, 7), True, False, False),  # one step
        ((0, 2.2, 2.3, 4.6, 4.7, 6.8, 6.9, 7), True, False, False),  # a flight of steps
        ((0, 4, 6, 7, 7.5, 7.75, 7.87, 7.93), True, False, False),  # halves again and again
        ((0, 1, 2, 3, 4, 5, 6, 6.05), True, True, False),  # has stopped
        ((7, 6, 5, 4, 3, 2, 1, 0), False, False, False),
        ((0, 3, 0, 3, 0, 3, 0, 3), False, False, True),
        ((0, 1, 2, 3, np.nan, np.nan, 6, 7), False, False, True),
    ],
)
def test_a_rise_is_judged_by_its_shape(blocks: tuple[float, ...], rises: bool, even: bool, open_ended: bool) -> None:
    found = judged(*blocks, room=10.0)
    assert (bool(found.rises[0]), bool(found.even[0])) == (rises, even)
    assert bool(found.open_ended[0]) == open_ended
    assert bool(found.good[0]) == (rises and even and open_ended)


def test_gains_that_shrink_but_reach_the_limit_are_no_plateau() -> None:
    blocks = np.cumsum([0, 1, 0.95, 0.9, 0.86, 0.81, 0.77, 0.74])
    assert bool(judged(*blocks, room=2.0).open_ended[0])
    assert not bool(judged(*blocks, room=20.0).open_ended[0])


def test_a_straight_rise_goes_on_at_its_pace_and_a_bent_one_faster() -> None:
    straight = judged(*range(8), room=4.0)
    assert straight.parts_to(np.array([4.0]))[0] == pytest.approx(4.0)
    bent = judged(*(0.1 * np.arange(8) ** 2), room=4.0)
    linear = 4.0 / bent.pace[0]
    exact = np.sqrt((4.9 + 4.0) / 0.1) - 7
    assert exact * 0.9 < bent.parts_to(np.array([4.0]))[0] < linear


def test_inner_gaps_up_to_a_length_become_straight_lines() -> None:
    values = np.arange(20.0)[None].copy()
    values[0, [0, 3, 4, 5, 10, 11, 12, 13, 19]] = np.nan
    out = straightened(values, 3)[0]
    np.testing.assert_allclose(out[3:6], [3, 4, 5])
    assert np.isnan(out[[0, 10, 13, 19]]).all()


def test_a_long_gap_in_a_straight_rise_leaves_its_means_straight() -> None:
    values = np.arange(96.0)[None].copy()
    values[0, 30:57] = np.nan
    assert np.isnan(Sums.of(values).means(96, 8)).any()
    np.testing.assert_allclose(Sums.of(values, bridge=36).means(96, 8), Sums.of(np.arange(96.0)[None]).means(96, 8))


def test_a_window_that_is_mostly_a_bridged_gap_says_nothing() -> None:
    values = np.arange(96.0)[None].copy()
    values[0, 60:84] = np.nan
    sums = Sums.of(values, bridge=36)
    assert np.isnan(sums.means(40, 8)).all()
    assert np.isfinite(sums.means(60, 8)).all()
