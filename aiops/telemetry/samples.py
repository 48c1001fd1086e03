"""Samples in memory, for sources that have no server: series that share their instants stand in one frame."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels, Matcher, matches_all

Array = NDArray[np.float64]
Millis = NDArray[np.int64]
Series = tuple[dict[str, str], Array, Array]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """n series sampled at the same instants: `time_ms` (t,) ascending, `values` (n, t), every sample there (NaN is a value)."""

    labels: list[dict[str, str]]
    time_ms: Millis
    values: Array


class Samples(Protocol):
    """Something that holds samples."""

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """Series (labels with __name__) that fulfil all matchers, cut to [start_ms, end_ms]; without samples: left out."""


class FixedSamples:
    """Samples that do not change, such as a recording's: (labels with __name__, times (t,) in seconds, values (t,)) each."""

    def __init__(self, series: Iterable[Series]) -> None:
        grouped: dict[tuple[str, bytes], list[Series]] = defaultdict(list)
        for one in series:
            labels, times, _ = one
            grouped[labels.get("__name__", ""), times.tobytes()].append(one)
        self._by_name: dict[str, list[Frame]] = defaultdict(list)
        for (name, _), members in grouped.items():
            time_ms = np.round(members[0][1] * 1000).astype(np.int64)
            self._by_name[name].append(Frame([m[0] for m in members], time_ms, np.array([m[2] for m in members])))

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """See `Samples`."""
        names = [m.value for m in matchers if m.name == "__name__" and m.op == "="]
        groups = [self._by_name.get(names[0], [])] if names else list(self._by_name.values())
        out = []
        for frame in (frame for group in groups for frame in group):
            rows = [i for i, labels in enumerate(frame.labels) if matches_all(matchers, labels)]
            a, b = np.searchsorted(frame.time_ms, [start_ms, end_ms + 1])
            if rows and b > a:
                out.append(Frame([frame.labels[i] for i in rows], frame.time_ms[a:b], frame.values[rows, a:b]))
        return out


class LiveSamples:
    """A bounded ring of collections, all series of one collection at one instant; a series without a kept sample is forgotten."""

    def __init__(self, keep: int) -> None:
        self._keep = keep
        self._row: dict[tuple[tuple[str, str], ...], int] = {}
        self._labels: list[dict[str, str]] = []
        self._time_ms = np.zeros(keep, np.int64)
        self._values = np.full((keep, 64), np.nan)
        self._count = 0
        self._matching: dict[tuple[Matcher, ...], tuple[int, NDArray[np.int64]]] = {}

    @property
    def first_s(self) -> float | None:
        """The oldest collection that is kept."""
        return float(self._time_ms[self._slots()[0]]) / 1000 if self._count else None

    @property
    def last_s(self) -> float | None:
        """The newest collection."""
        return float(self._time_ms[(self._count - 1) % self._keep]) / 1000 if self._count else None

    def add(self, time_s: float, found: Iterable[tuple[Labels, float]]) -> None:
        """Add one collection; it must be newer than the last one, else it is dropped."""
        if self.last_s is not None and time_s <= self.last_s:
            return
        slot = self._count % self._keep
        self._values[slot] = np.nan
        for labels, value in found:
            row = self._row_of(labels)
            self._values[slot, row] = value
        self._time_ms[slot] = round(time_s * 1000)
        self._count += 1

    def _row_of(self, labels: Labels) -> int:
        name = tuple(labels.items())
        row = self._row.get(name)
        if row is None:
            if len(self._labels) == self._values.shape[1]:
                self._make_room()
            row = self._row[name] = len(self._labels)
            self._labels.append(dict(labels))
        return row

    def _make_room(self) -> None:
        """Forget series that left long ago (a device, a mount); only when that frees too little, widen."""
        alive = ~np.isnan(self._values).all(axis=0)
        if alive.mean() > 0.75:
            self._values = np.hstack([self._values, np.full(self._values.shape, np.nan)])
            return
        kept = np.flatnonzero(alive)
        values = np.full(self._values.shape, np.nan)
        values[:, : len(kept)] = self._values[:, kept]
        self._values = values
        self._labels = [self._labels[i] for i in kept]
        self._row = {tuple(labels.items()): i for i, labels in enumerate(self._labels)}
        self._matching.clear()

    def _slots(self) -> NDArray[np.int64]:
        slots = np.arange(min(self._count, self._keep))
        return (slots + self._count) % self._keep if self._count > self._keep else slots

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """See `Samples`."""
        rows = self._rows(tuple(matchers))
        slots = self._slots()
        times = self._time_ms[slots]
        a, b = np.searchsorted(times, [start_ms, end_ms + 1])
        times, values = times[a:b], np.ascontiguousarray(self._values[slots[a:b]][:, rows].T)
        here = ~np.isnan(values)
        whole = here.all(axis=1)
        if whole.all():
            return [Frame([self._labels[i] for i in rows], times, values)] if len(rows) and len(times) else []
        patterns: dict[bytes, list[int]] = defaultdict(list)
        for i in np.flatnonzero(here.any(axis=1)):
            patterns[here[i].tobytes()].append(int(i))
        return [
            Frame(
                [self._labels[rows[i]] for i in members], times[here[members[0]]], values[members][:, here[members[0]]]
            )
            for members in patterns.values()
        ]

    def _rows(self, matchers: tuple[Matcher, ...]) -> NDArray[np.int64]:
        """Rows that fulfil the matchers; only series unseen since the last time are looked at."""
        seen, rows = self._matching.get(matchers, (0, np.zeros(0, np.int64)))
        if seen < len(self._labels):
            fresh = [i for i in range(seen, len(self._labels)) if matches_all(matchers, self._labels[i])]
            rows = np.concatenate([rows, np.array(fresh, np.int64)])
            self._matching[matchers] = len(self._labels), rows
        return rows
