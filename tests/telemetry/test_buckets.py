"""Buckets: mean, min and max of columns, gaps left out."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from aiops.core.records import Floats
from aiops.telemetry.buckets import summary


@given(hnp.arrays(np.float32, (4, 7), elements=st.sampled_from([1.0, 2.5, -3.0, float("nan")])))
def test_a_bucket_is_the_mean_min_and_max_of_what_is_there(columns: Floats) -> None:
    mean, low, high = summary(columns.astype(np.float32))
    for i, row in enumerate(columns):
        there = row[np.isfinite(row)]
        if not len(there):
            assert np.isnan([mean[i], low[i], high[i]]).all()
            continue
        assert mean[i] == pytest.approx(there.mean(), rel=1e-6)
        assert (low[i], high[i]) == (there.min(), there.max())


def test_one_column_is_itself() -> None:
    column = np.array([[1.5], [np.nan]], np.float32)
    for part in summary(column):
        np.testing.assert_array_equal(part, column[:, 0])
