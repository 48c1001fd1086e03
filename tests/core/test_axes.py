"""What pictures have in common: points that are few and true, ticks that are round."""

from __future__ import annotations

import numpy as np

from aiops.core.axes import levels, lines, thinned, ticks, with_band


def test_what_is_thinned_keeps_its_extremes_and_ends() -> None:
    values = np.random.default_rng(1).normal(0, 1, 10_000)
    values[[4321, 7654]] = 99.0, -99.0
    at = thinned(values, 100)
    assert {0, 4321, 7654, 9999} <= set(at.tolist())
    assert len(at) <= 202
    assert (np.diff(at) > 0).all()


def test_ticks_are_round_and_few_whatever_the_span() -> None:
    for span in (60, 3600, 86400, 7 * 86400, 400 * 86400):
        found = list(ticks(1_767_571_230, 1_767_571_230 + span))
        assert 1 <= len(found) <= 8
        assert all(at % 60 == 0 for at, _ in found)


def test_fewer_ticks_are_had_by_asking() -> None:
    assert len(list(ticks(1_767_571_230, 1_767_571_230 + 86400, 3))) <= 4


def test_a_line_ends_at_a_gap_and_goes_on_behind_it() -> None:
    values = np.array([1.0, 2.0, np.nan, 3.0])
    assert list(lines(np.arange(4), values, lambda t: t, lambda v: v)) == ["0,1.0 1,2.0", "3,3.0"]


def test_levels_are_round_and_inside() -> None:
    assert list(levels(0.03, 0.91)) == [0.25, 0.5, 0.75]


def test_a_band_widens_a_picture_by_half_of_its_height_at_most() -> None:
    nan = np.full(3, np.nan)
    assert with_band(0.0, 2.0, nan, nan) == (0.0, 2.0)
    assert with_band(0.0, 2.0, np.array([np.nan, -0.5]), np.array([1.0, 2.5])) == (-0.5, 2.5)
    assert with_band(0.0, 2.0, np.array([-9.0]), np.array([99.0])) == (-1.0, 3.0)
    assert with_band(0.0, 2.0, np.array([0.5]), np.array([1.0])) == (0.0, 2.0)
