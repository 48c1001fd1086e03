"""What a warning that waits remembers of its limits."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
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


def test_it_is_known_by_its_entity() -> None:
    assert Pending(warning(), ()).name == '{"instance":"a"}'
