"""All rows at once: the same as formula by formula."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.rules import formula as by_one
from aiops.rules.formula import Formula, Many, Missing, One
from aiops.rules.program import program

N = 12


def made(rng: np.random.Generator, depth: int) -> Formula:
    """Any formula, as deep as it may be."""
    if depth == 0 or rng.random() < 0.3:
        return Missing("x") if rng.random() < 0.1 else One(int(rng.integers(N)))
    op = str(rng.choice(["and", "or", "unless"]))
    return Many(op, tuple(made(rng, depth - 1) for _ in range(int(rng.integers(2, 5)))))


@pytest.mark.parametrize("seed", range(20))
def test_all_rows_at_once_are_what_each_formula_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    formulas = [made(rng, 4) for _ in range(60)]
    times = np.sort(rng.uniform(0, 100, (N, 3)), axis=1)
    times[rng.random(N) < 0.4] = np.nan
    holds = rng.random(N) < 0.5
    found = program(formulas, N)
    assert found.holding(holds).tolist() == [bool(by_one.holding(one, holds[None])[0]) for one in formulas]
    np.testing.assert_array_equal(found.crossing(times), np.stack([by_one.crossing(one, times[None])[0] for one in formulas]))


def test_some_rows_alone() -> None:
    formulas = [One(0), Many("and", (One(0), One(1))), Missing("x")]
    holds = np.array([True, True])
    assert program(formulas, 2).only(np.array([1, 2])).holding(holds).tolist() == [True, False]


def test_nothing_at_all() -> None:
    assert program([], 0).holding(np.zeros(0, bool)).shape == (0,)
    assert program([], 0).crossing(np.zeros((0, 3))).shape == (0, 3)
