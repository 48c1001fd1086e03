"""What a warning that waits remembers of its limits."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.entity import EntityIndex
from aiops.pipeline.pending import Pending
from tests.outcomes.made import warning


@pytest.mark.parametrize(
    ("then", "now", "changed"),
    [
        ((0.05, 0.1), [0.05, 0.1], False), ((0.05, 0.1), [0.05, 0.2], True), ((0.05,), [0.05, 0.2], False),
        ((float("nan"),), [float("nan")], False), ((float("nan"),), [0.05], True),
    ],
)  # fmt: skip
def test_another_limit_of_the_same_rows_is_a_change(then: tuple[float, ...], now: list[float], changed: bool) -> None:
    pending, limit = Pending(warning(), then), Limit.uniform(len(now), 0.0, False)
    limit.value[:] = now
    assert pending.limit_changed(limit, np.arange(len(now))) is changed
    assert pending.limit_changed(limit, np.arange(len(now))) is False, "the same object is looked at once"


def test_its_rows_are_looked_for_when_rows_came_or_went() -> None:
    pending, asked = Pending(warning(), ()), list[int]()

    def find() -> np.ndarray:
        asked.append(1)
        return np.array([len(asked)])

    first, second = EntityIndex(np.array([0])), EntityIndex(np.array([0, 0]))
    found = [int(pending.rows(index, find)[0]) for index in (first, first, second, second, None, None)]
    assert found == [1, 1, 2, 2, 3, 4]


def test_it_is_known_by_its_entity() -> None:
    assert Pending(warning(), ()).name == '{"instance":"a"}'
