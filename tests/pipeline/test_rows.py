"""Arrays with one row a series: what comes later is appended, what was there stays."""

from __future__ import annotations

import numpy as np

from aiops.pipeline.rows import extended, more_crossings, no_crossings


def test_state_grows_at_its_end() -> None:
    old = {"a": np.array([1.0, 2.0]), "gone": np.array([9.0, 9.0])}
    found = extended(old, {"a": np.array([3.0]), "b": np.zeros((1, 2))})
    assert found["a"].tolist() == [1.0, 2.0, 3.0]
    assert found["b"].shape == (1, 2)
    assert set(found) == {"a", "b"}
    assert old["a"].tolist() == [1.0, 2.0]


def test_what_crosses_nothing_says_why() -> None:
    found = no_crossings(3, "far from the limit")
    assert np.isnan(found.time_s).all()
    assert found.time_s.shape == (3, 3)
    assert list(found.reason) == ["far from the limit"] * 3


def test_rows_that_are_new_know_nothing_yet() -> None:
    first = more_crossings(None, 2)
    first.time_s[:] = 7.0
    found = more_crossings(first, 1)
    assert found.time_s[:2].tolist() == [[7.0] * 3] * 2
    assert np.isnan(found.time_s[2]).all()
    assert list(found.reason) == ["too little history"] * 3
