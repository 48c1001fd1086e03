"""What is remembered of label sets: by the object, and only so much."""

from __future__ import annotations

import functools

import pytest

from aiops.core import remembered as module
from aiops.core.remembered import KNOWN_AT_MOST, Remembered
from aiops.telemetry.identity import with_external


def test_a_tuple_is_looked_at_once_and_another_with_equal_content_again() -> None:
    calls: list[tuple[object, ...]] = []
    remembered = Remembered(lambda labels: calls.append(labels) or len(labels))
    one, other = ({"a": "1"},), ({"a": "1"},)
    assert [remembered(one), remembered(one), remembered(other)] == [1, 1, 1]
    assert len(calls) == 2


def test_only_so_many_tuples_are_remembered() -> None:
    remembered = Remembered(functools.partial(with_external, {"x": "y"}))
    first = ({"a": "1"},)
    made = remembered(first)
    for i in range(KNOWN_AT_MOST):
        remembered(({"a": str(i)},))
    assert remembered(first) is not made


def test_only_so_many_label_sets_are_kept_however_few_the_tuples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SETS_AT_MOST", 10)
    calls: list[int] = []
    remembered = Remembered(lambda labels: calls.append(len(labels)))
    tuples = [tuple({"a": f"{k}-{i}"} for i in range(4)) for k in range(4)]
    for one in tuples:
        remembered(one)
    remembered(tuples[-1])
    assert len(calls) == 4
    remembered(tuples[0])
    assert len(calls) == 5, "it was let go of"
    large = tuple({"a": str(i)} for i in range(50))
    remembered(large)
    remembered(large)
    assert calls.count(50) == 1, "the newest is kept, however large"
