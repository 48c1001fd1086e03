"""Samples in memory, for sources that have no server: bounded series of (time, value), found by matchers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels, Matcher, key, matches_all

Array = NDArray[np.float64]
Series = tuple[dict[str, str], Array, Array]


class Samples(Protocol):
    """Something that holds samples."""

    def select(self, matchers: Sequence[Matcher], start_s: float, end_s: float) -> list[Series]:
        """Series (labels with __name__, times, values) that fulfil all matchers, cut to (start_s, end_s]."""


def cut(labels: dict[str, str], times: Array, values: Array, start_s: float, end_s: float) -> Series:
    """One series cut to (start_s, end_s]."""
    a, b = np.searchsorted(times, [start_s, end_s], side="right")
    return labels, times[a:b], values[a:b]


class FixedSamples:
    """Samples that do not change, such as a recording's."""

    def __init__(self, series: Iterable[Series]) -> None:
        self._by_name: dict[str, list[Series]] = defaultdict(list)
        for labels, times, values in series:
            self._by_name[labels.get("__name__", "")].append((labels, times, values))

    def select(self, matchers: Sequence[Matcher], start_s: float, end_s: float) -> list[Series]:
        """See `Samples`."""
        names = [m.value for m in matchers if m.name == "__name__" and m.op == "="]
        groups = [self._by_name.get(names[0], [])] if names else list(self._by_name.values())
        return [
            cut(labels, times, values, start_s, end_s)
            for group in groups
            for labels, times, values in group
            if matches_all(matchers, labels)
        ]


class LiveSamples:
    """A bounded ring of collections, all series of one collection at one instant."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._row: dict[str, int] = {}
        self._labels: list[dict[str, str]] = []
        self._times = np.full(keep, np.nan)
        self._values = np.full((keep, 64), np.nan)
        self._count = 0

    @property
    def first_s(self) -> float | None:
        """The oldest collection that is kept."""
        return float(self._order()[0][0]) if self._count else None

    @property
    def last_s(self) -> float | None:
        """The newest collection."""
        return float(self._times[(self._count - 1) % self._keep]) if self._count else None

    def add(self, time_s: float, found: Iterable[tuple[Labels, float]]) -> None:
        """Add one collection; it must be newer than the last one, else it is dropped."""
        if self.last_s is not None and time_s <= self.last_s:
            return
        slot = self._count % self._keep
        self._values[slot] = np.nan
        for labels, value in found:
            row = self._row_of(labels)
            self._values[slot, row] = value
        self._times[slot] = time_s
        self._count += 1

    def _row_of(self, labels: Labels) -> int:
        name = key(labels)
        row = self._row.get(name)
        if row is None:
            row = self._row[name] = len(self._labels)
            self._labels.append(dict(labels))
            if row >= self._values.shape[1]:
                self._values = np.hstack([self._values, np.full(self._values.shape, np.nan)])
        return row

    def _order(self) -> tuple[Array, NDArray[np.int64]]:
        slots = np.arange(min(self._count, self._keep))
        if self._count > self._keep:
            slots = (slots + self._count) % self._keep
        return self._times[slots], slots

    def select(self, matchers: Sequence[Matcher], start_s: float, end_s: float) -> list[Series]:
        """See `Samples`."""
        times, slots = self._order()
        a, b = np.searchsorted(times, [start_s, end_s], side="right")
        times, slots = times[a:b], slots[a:b]
        out = []
        for row, labels in enumerate(self._labels):
            if matches_all(matchers, labels):
                values = self._values[slots, row]
                here = ~np.isnan(values)
                out.append((labels, times[here], values[here]))
        return out
