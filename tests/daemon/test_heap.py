"""What lasts is left out of later collections, and what is over is freed all the same."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest

from aiops.daemon import heap


class Node:
    """Something that may refer to itself."""

    me: Node


def a_circle() -> Node:
    one = Node()
    one.me = one
    return one


@pytest.fixture(autouse=True)
def in_earnest(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """With all that pytest has, which is left out again afterwards."""
    monkeypatch.setattr(heap, "gc", gc)
    yield
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def test_what_lasts_is_not_looked_at_again() -> None:
    lasting = [a_circle() for _ in range(1000)]
    heap.settle()
    assert gc.get_freeze_count() > len(lasting)
    assert not any(isinstance(one, Node) for one in gc.get_objects())


def test_what_is_over_is_freed_a_circle_at_the_next_time() -> None:
    alone, circle = Node(), a_circle()
    gone = [weakref.ref(alone), weakref.ref(circle)]
    heap.settle()
    del alone, circle
    gc.collect()
    assert [one() is None for one in gone] == [True, False]
    heap.settle()
    assert [one() is None for one in gone] == [True, True]
