"""An array without its owner is the same array."""

from __future__ import annotations

import sys

import numba
import numpy as np

from aiops.telemetry.fast_arrays import borrowed


@numba.njit
def doubled(values: np.ndarray, places: int) -> float:
    inside = borrowed(values)
    for i in range(places):
        inside[i] *= 2
    return inside.sum() + len(inside) + inside.shape[0]


def test_what_is_written_into_it_stands_in_the_array() -> None:
    values = np.arange(5.0)
    assert doubled(values, 3) == 23.0
    assert values.tolist() == [0, 2, 4, 3, 4]


def test_it_leaves_the_owner_s_count_as_it_was() -> None:
    values = np.arange(5.0)
    doubled(values, 0)
    before = sys.getrefcount(values)
    for _ in range(10):
        doubled(values, 5)
    assert sys.getrefcount(values) == before
    assert values[4] == 4 * 2**10
