"""Functions of label sets that are called once while the label sets are the same object."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from aiops.core.labels import Labels

T = TypeVar("T")
LabelSets = tuple[Labels, ...]
KNOWN_AT_MOST = 256
"""Tuples of label sets that are remembered: a source has as many queries in use."""
SETS_AT_MOST = 300_000
"""Label sets in all of them: while series come and go each turn brings another tuple."""


class Remembered(Generic[T]):
    """A function of a tuple of label sets that is called once for each tuple *object*. Thread-safe.

    A source hands on the very same tuple while a query's series stay the same, so that looking is all it costs.
    """

    def __init__(self, make: Callable[[LabelSets], T]) -> None:
        self._make = make
        self._known: OrderedDict[int, tuple[LabelSets, T]] = OrderedDict()
        self._sets, self._lock = 0, threading.Lock()

    def __call__(self, labels: LabelSets) -> T:
        """What `make` says of this tuple."""
        known = self._known.get(id(labels))
        if known is not None and known[0] is labels:
            return known[1]
        made = self._make(labels)
        with self._lock:
            if id(labels) not in self._known:
                self._sets += len(labels)
            self._known[id(labels)] = labels, made
            while len(self._known) > KNOWN_AT_MOST or (self._sets > SETS_AT_MOST and len(self._known) > 1):
                _, (old, _) = self._known.popitem(last=False)
                self._sets -= len(old)
        return made
