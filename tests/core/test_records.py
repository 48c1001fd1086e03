"""The records that pass between rooms."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from aiops.core import records
from aiops.core.records import Block, Limit, Lineage

LINEAGE = Lineage("prod", "up", 0, 120)


def block(values: np.ndarray, time_s: list[int], n: int = 1) -> Block:
    return Block(tuple({"i": str(i)} for i in range(n)), np.array(time_s, np.int64), values, "1", LINEAGE)


def test_a_block_cannot_be_written_to() -> None:
    made = block(np.zeros((1, 3)), [0, 60, 120])
    with pytest.raises(ValueError, match="read-only"):
        made.values[0, 0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        made.time_s[0] = 1


@pytest.mark.parametrize("shape", [(2, 3), (1, 2), (3,)])
def test_a_block_whose_values_do_not_fit_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="do not fit 1 series of 3 points"):
        block(np.zeros(shape), [0, 60, 120])


def test_a_block_has_a_regular_grid() -> None:
    with pytest.raises(ValueError, match="regular"):
        block(np.zeros((1, 3)), [0, 60, 121])


def test_a_block_may_be_empty_in_either_direction() -> None:
    assert block(np.zeros((0, 3)), [0, 60, 120], n=0).values.shape == (0, 3)
    assert block(np.zeros((1, 0)), []).values.shape == (1, 0)


def test_limits_of_some_rows() -> None:
    limit = Limit.uniform(3, 0.05, above=False)
    limit.value[1] = 7.0
    some = limit.take([1, 2])
    assert some.value.tolist() == [7.0, 0.05]
    assert not some.above.any()
    assert np.isnan(some.capacity).all()


OWN = [k for k in vars(records).values() if dataclasses.is_dataclass(k) and k.__module__ == records.__name__]


@pytest.mark.parametrize("kind", OWN, ids=lambda k: k.__name__)
def test_records_are_frozen_and_slotted(kind: type) -> None:
    assert kind.__dataclass_params__.frozen  # type: ignore[attr-defined]
    assert "__slots__" in vars(kind)
