"""Spans of one query put together again."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.labels import key
from aiops.core.records import Block, Lineage
from aiops.scan.ask import Wanted
from aiops.scan.parts import chosen, joined, split


def block(names: str, begin: int, end: int, first: float = 0.0) -> Block:
    time_s = np.arange(begin, end + 1, 300)
    values = np.arange(len(names) * len(time_s), dtype=np.float64).reshape(len(names), -1) + first
    return Block(tuple({"i": name} for name in names), time_s, values, "1", Lineage("s", "q", begin, end, data_class="secret"))


@pytest.mark.parametrize("count", [1, 2, 3, 5, 7, 100])
def test_spans_hold_every_instant_once(count: int) -> None:
    wanted = Wanted("up", 600, 600 + 300 * 22, 300)
    spans = split(wanted, count)
    assert [at for one in spans for at in range(one.start_s, one.end_s + 1, 300)] == list(range(600, 600 + 300 * 22 + 1, 300))
    assert len(spans) <= count
    assert {(one.query, one.step_s) for one in spans} == {("up", 300)}


def test_a_series_is_where_it_was() -> None:
    found = joined([block("ab", 0, 300), block("cb", 600, 900, 10.0)], np.arange(0, 901, 300))
    assert [one["i"] for one in found.labels] == ["a", "b", "c"]
    np.testing.assert_array_equal(
        found.values, [[0, 1, np.nan, np.nan], [2, 3, 12, 13], [np.nan, np.nan, 10, 11]]
    )  # fmt: skip
    assert (found.lineage.start_s, found.lineage.end_s, found.lineage.data_class) == (0, 900, "secret")


def test_another_grid_is_refused() -> None:
    with pytest.raises(ValueError, match="another grid"):
        joined([block("a", 100, 400)], np.arange(0, 901, 300))


def test_only_those_that_are_wanted_are_kept() -> None:
    found = chosen(block("abc", 0, 300), {key({"i": "c"}), key({"i": "a"}), key({"i": "z"})})
    assert [one["i"] for one in found.labels] == ["a", "c"]
    np.testing.assert_array_equal(found.values, [[0, 1], [4, 5]])
    assert chosen(found, set()).values.shape == (0, 2)
