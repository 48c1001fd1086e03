"""All rows at once: the same as formula by formula."""

from __future__ import annotations

import math

import numpy as np
import pytest

from aiops.core.records import Bools, Floats
from aiops.rules.formula import Formula, Many, Missing, One
from aiops.rules.program import program

N = 12


def made(rng: np.random.Generator, depth: int) -> Formula:
    """Any formula, as deep as it may be."""
    if depth == 0 or rng.random() < 0.3:
        return Missing("x") if rng.random() < 0.1 else One(int(rng.integers(N)))
    op = str(rng.choice(["and", "or", "unless"]))
    return Many(op, tuple(made(rng, depth - 1) for _ in range(int(rng.integers(2, 5)))))


def holding(formula: Formula, holds: Bools) -> bool:
    """Of one formula at one instant, as it stands."""
    if isinstance(formula, One):
        return bool(holds[formula.series])
    if isinstance(formula, Missing):
        return False
    parts = [holding(part, holds) for part in formula.parts]
    return {"and": all(parts), "or": any(parts), "unless": parts[0] and not any(parts[1:])}[formula.op]


def crossing(formula: Formula, times: Floats) -> list[float]:
    """Earliest, expected, latest of one formula at one instant, as it stands."""
    if isinstance(formula, One):
        return [float(at) for at in times[formula.series]]
    if isinstance(formula, Missing):
        return [math.nan] * 3
    parts = [crossing(part, times) for part in formula.parts]
    if formula.op == "unless":
        return [math.nan] * 3 if any(part[1] <= parts[0][1] for part in parts[1:]) else parts[0]
    columns = [[part[i] for part in parts] for i in range(3)]
    if formula.op == "and":
        return [math.nan if any(map(math.isnan, one)) else max(one) for one in columns]
    return [min((at for at in one if not math.isnan(at)), default=math.nan) for one in columns]


@pytest.mark.parametrize("seed", range(20))
def test_all_rows_at_once_are_what_each_formula_gives(seed: int) -> None:
    rng = np.random.default_rng(seed)
    formulas: list[Formula] = [made(rng, 4) for _ in range(60)]
    times = np.sort(rng.uniform(0, 100, (N, 7, 3)), axis=2)
    times[rng.random((N, 7)) < 0.4] = np.nan
    holds = rng.random((N, 7)) < 0.5
    found = program(formulas, N)
    for look in range(7):
        assert found.holding(holds[:, look]).tolist() == [holding(one, holds[:, look]) for one in formulas]
        np.testing.assert_array_equal(found.crossing(times[:, look]), [crossing(one, times[:, look]) for one in formulas])


def test_looks_beside_each_other_are_what_each_look_gives() -> None:
    rng = np.random.default_rng(3)
    found = program([made(rng, 3) for _ in range(40)], N)
    times, holds = np.sort(rng.uniform(0, 100, (N, 5, 3)), axis=2), rng.random((N, 5)) < 0.5
    np.testing.assert_array_equal(found.holding(holds), np.stack([found.holding(one) for one in holds.T], axis=1))
    apart = np.stack([found.crossing(times[:, look]) for look in range(5)], axis=1)
    np.testing.assert_array_equal(found.crossing(times), apart)


def test_some_rows_alone() -> None:
    formulas: list[Formula] = [One(0), Many("and", (One(0), One(1))), Missing("x")]
    holds = np.array([True, True])
    assert program(formulas, 2).only(np.array([1, 2])).holding(holds).tolist() == [True, False]


def test_nothing_at_all() -> None:
    assert program([], 0).holding(np.zeros(0, bool)).shape == (0,)
    assert program([], 0).crossing(np.zeros((0, 3))).shape == (0, 3)


def there(formula: Formula, has: Bools) -> bool:
    """Whether there is what one formula needs, as it stands."""
    if isinstance(formula, One):
        return bool(has[formula.series])
    if isinstance(formula, Missing):
        return False
    parts = [there(part, has) for part in formula.parts]
    return {"and": all(parts), "or": any(parts), "unless": parts[0]}[formula.op]


@pytest.mark.parametrize("seed", range(5))
def test_what_is_needed_is_there_as_formula_by_formula(seed: int) -> None:
    rng = np.random.default_rng(seed)
    formulas = [made(rng, 4) for _ in range(60)]
    has = rng.random(N) < 0.6
    assert program(formulas, N).there(has).tolist() == [there(one, has) for one in formulas]


def test_what_follows_unless_bars_nothing_by_being_there() -> None:
    both = program([Many("unless", (One(0), One(1)))], 2)
    assert both.there(np.array([True, True])).tolist() == [True]
    assert both.holding(np.array([True, True])).tolist() == [False]
