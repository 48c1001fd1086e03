"""Medians of many small samples, and the usual day and week."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from aiops.models.medians import COLUMNS, WEEK, median, network, usual, usual_week


def numpys(x: np.ndarray) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a column without a value
        return np.nanmedian(x, axis=0)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("k", [*range(1, 42), 61, 100])
def test_median_is_numpys_to_the_bit(k: int, dtype: type) -> None:
    rng = np.random.default_rng(k)
    smooth = rng.normal(size=(k, 200)) * 10.0 ** rng.integers(-20, 20, 200)
    whole = np.concatenate([smooth, rng.integers(0, 3, (k, 200))], axis=1).astype(dtype)
    np.testing.assert_array_equal(median(whole), np.median(whole, axis=0))
    gaps = np.where(rng.random(whole.shape) < 0.4, np.nan, whole).astype(dtype)
    np.testing.assert_array_equal(median(gaps), numpys(gaps))


def test_infinite_values_are_values() -> None:
    x = np.array([[np.inf, -np.inf, np.nan], [1.0, 2.0, np.inf], [np.inf, 3.0, np.nan]])
    assert median(x).tolist() == [np.inf, 2.0, np.inf]


def test_a_column_does_not_depend_on_the_others() -> None:
    x = np.random.default_rng(0).normal(size=(28, COLUMNS + 77)).astype(np.float32)
    np.testing.assert_array_equal(median(x)[-5:], median(x[:, -5:]))
    np.testing.assert_array_equal(median(x), np.median(x, axis=0))


def test_the_input_is_left_alone() -> None:
    x = np.random.default_rng(0).normal(size=(9, 50))
    x.setflags(write=False)
    median(x)


def test_what_the_middle_does_not_need_is_left_out() -> None:
    assert len(network(35)) < 220
    assert network(1) == ()
    assert network(2) == ((0, 1, True, True),)


def test_nothing_has_no_median() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median(np.zeros((0, 3)))
    with pytest.raises(ValueError, match="period"):
        usual(np.zeros((1, 10)), 24)


def test_the_usual_day_is_the_median_by_hour() -> None:
    x = np.random.default_rng(1).normal(size=(7, 24 * 35 + 5)).astype(np.float32)
    want = np.median(x[:, 5:].reshape(7, 35, 24), axis=1)
    np.testing.assert_array_equal(usual(x, 24), want)


def test_a_week_unlike_the_others_does_not_count() -> None:
    rng = np.random.default_rng(2)
    base = np.tile(rng.normal(size=(1, WEEK)), (1, 4)) + 0.01 * rng.normal(size=(1, 4 * WEEK))
    bad = base.copy()
    bad[:, WEEK : 2 * WEEK] += 50
    kept = np.concatenate([base[:, :WEEK], base[:, 2 * WEEK :]], axis=1)
    np.testing.assert_array_equal(usual_week(bad), usual(kept, WEEK))
    assert not np.array_equal(usual_week(bad), usual(bad, WEEK))
