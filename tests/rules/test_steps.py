"""How many values something takes that moves in steps."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.rules.steps import FEW_VALUES, few


@pytest.mark.parametrize(("count", "rare"), [(1, True), (FEW_VALUES, True), (FEW_VALUES + 1, False)])
def test_distinct_values_are_counted_whatever_their_order_and_number(count: int, rare: bool) -> None:
    rng = np.random.default_rng(1)
    values = rng.permutation(np.repeat(rng.normal(size=count), 20))
    assert few(values[None])[0] == rare


def test_gaps_and_infinite_values_are_none() -> None:
    values = np.array([[np.nan, np.inf, -np.inf, *range(FEW_VALUES)], [np.nan] * (FEW_VALUES + 3)])
    assert few(values).tolist() == [True, True]
    assert few(np.zeros((0, 5))).shape == (0,)
    assert few(np.zeros((2, 0))).tolist() == [True, True]
