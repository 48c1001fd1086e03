"""Lines through the last columns, against numpy's."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.trend import trend


def test_the_line_is_that_of_least_squares_through_the_samples_of_the_window() -> None:
    rng = np.random.default_rng(1)
    values = 5 + rng.normal(0, 1, (3, 200)).cumsum(axis=1)
    values[1, 50:90:3] = np.nan
    slope, level = trend(values, 60, 60)
    x = 60.0 * np.arange(200)
    for row in range(3):
        for t in (80, 120, 199):
            here = np.arange(t - 59, t + 1)[np.isfinite(values[row, t - 59 : t + 1])]
            wanted = np.polyfit(x[here] - x[t], values[row, here], 1)
            assert slope[row, t] == pytest.approx(wanted[0], rel=1e-6)
            assert level[row, t] == pytest.approx(wanted[1], rel=1e-6)


def test_one_sample_makes_no_line() -> None:
    assert np.isnan(trend(np.array([[1.0, np.nan, np.nan]]), 3, 60)[0]).all()
