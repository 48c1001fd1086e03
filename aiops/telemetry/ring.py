"""The ring of one resolution: bucket k lives in slot k mod size, for a growing number of rows, in memory or in a mapped file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = slice | NDArray[np.int64]
Slots = NDArray[np.int64]
NEVER = -(2**62)
"""The stamp of a slot that was never used."""
_EMPTY_BITS = np.uint32(0x7FC00000)
"""How a gap is written: the canonical NaN."""
CHUNK_ROWS = 256


class Ring:
    """`data` (capacity, parts, size) float32: mean, or mean, low, high, of buckets of `step_s`; `stamps` (size,): which bucket.

    Bucket k covers ((k - 1) * step_s, k * step_s]. A file holds the stamps, the sums, and then the rows, so that it grows at its
    end: nothing is copied, and no row is in anonymous memory. A slot is emptied before it is stamped for a newer bucket, so that
    after a kill at any moment a slot that does not bear the stamp of the bucket it should hold is known to be newer.

    `sums` (size,) uint64, of a file only: for each slot the sum, over rows and parts, of the bits that differ from an empty
    value's, taken as whole numbers. One flipped bit anywhere changes one of them, and an empty row adds nothing.
    """

    def __init__(self, path: Path | None, step_s: int, size: int, parts: int) -> None:
        self.path, self.step_s, self.size, self.parts = path, step_s, size, parts
        self.data = np.empty((0, parts, size), np.float32)
        self.stamps = np.full(size, NEVER, np.int64)
        self.sums: NDArray[np.uint64] | None = None if path is None else np.zeros(size, np.uint64)
        self._maps: list[np.memmap[tuple[int, ...], np.dtype[np.generic]]] = []
        self.overtaken = NEVER
        """The newest bucket whose slot a newer one had taken when the file was taken up."""

    @property
    def capacity(self) -> int:
        """For how many rows there is room."""
        return len(self.data)

    @property
    def _head_bytes(self) -> int:
        return 16 * self.size

    @property
    def _row_bytes(self) -> int:
        return 4 * self.parts * self.size

    def create(self, capacity: int) -> None:
        """Begin empty. Raises OSError when there is no space for the file."""
        if self.path is not None:
            assert self.sums is not None
            self.path.write_bytes(self.stamps.tobytes() + self.sums.tobytes())
        self.grow(capacity)

    def anew(self, capacity: int) -> None:
        """Begin empty in the place of a file that is no good. Raises OSError when there is no space for it."""
        self._maps, self.data = [], np.empty((0, self.parts, self.size), np.float32)
        self.stamps, self.sums = np.full(self.size, NEVER, np.int64), np.zeros(self.size, np.uint64)
        self.create(capacity)

    def attach(self, rows: int, last: int, clean: bool) -> Slots | None:
        """Take up a file that holds the buckets up to bucket `last` of at least `rows` rows; None when they are not all there.

        Slots that hold another bucket than they should, or other bits than were written, are emptied; returned are the buckets
        up to `last` that were lost by that, and not merely overwritten by newer ones, as happens unless the end was `clean`.
        """
        assert self.path is not None
        try:
            there = (self.path.stat().st_size - self._head_bytes) // self._row_bytes
        except OSError:
            return None
        if there < rows:
            return None
        self._map(there)
        assert self.sums is not None
        damaged = self._added_up(slice(0, there)) != self.sums
        expected = np.empty(self.size, np.int64)
        expected[self.slots(last, self.size)] = np.arange(last - self.size + 1, last + 1)
        strange = self.stamps != expected
        newer = (self.stamps > last) & (self.stamps % self.size == expected % self.size) & (not clean)
        lost = (damaged | strange) & ~newer & (self.stamps != NEVER)
        self.empty(np.flatnonzero(damaged | strange))
        self.stamps[:] = expected
        self.overtaken = int(expected[newer].max(initial=NEVER))
        return np.sort(expected[lost])

    def grow(self, capacity: int) -> None:
        """Make room for more rows. Raises OSError when there is no space; the ring then stays as it was."""
        more = capacity - self.capacity
        if more <= 0:
            return
        if self.path is None:
            fresh = np.full((more, self.parts, self.size), np.nan, np.float32)
            self.data = np.concatenate([self.data, fresh]) if self.capacity else fresh
            return
        empty = np.full((1, self.parts, self.size), np.nan, np.float32).tobytes()
        with self.path.open("r+b") as f:  # written, not mapped: a full disk is an error here, and a fault there
            f.seek(self._head_bytes + self.capacity * self._row_bytes)
            for _ in range(more):
                f.write(empty)
        self._map(capacity)

    def _map(self, rows: int) -> None:
        assert self.path is not None
        head = np.memmap(self.path, np.int64, "r+", shape=(2 * self.size,))
        self._maps, self.stamps = [head], np.asarray(head[: self.size])
        self.sums = np.asarray(head[self.size :]).view(np.uint64)
        self.data = np.empty((0, self.parts, self.size), np.float32)
        if rows:
            data = np.memmap(self.path, np.float32, "r+", self._head_bytes, (rows, self.parts, self.size))
            self._maps.append(data)
            self.data = np.asarray(data)

    def begin(self, last: int) -> None:
        """Stamp the slots of an empty ring for the buckets up to bucket `last`."""
        self.stamps[self.slots(last, self.size)] = np.arange(last - self.size + 1, last + 1)

    def slots(self, last: int, count: int) -> Slots:
        """Slots of the `count` buckets up to bucket `last`, oldest first."""
        return np.arange(last - count + 1, last + 1) % self.size

    def claim(self, after: int, last: int) -> None:
        """Empty the slots of the buckets (after, last]: they are reused for newer time."""
        count = min(last - after, self.size)
        if count <= 0:
            return
        slots = self.slots(last, count)
        self.empty(slots)
        self.stamps[slots] = np.arange(last - count + 1, last + 1)

    def empty(self, slots: Slots) -> None:
        """Empty some slots."""
        if len(slots) == 1:
            self.data[:, :, int(slots[0])] = np.nan
        else:
            self.data[:, :, slots] = np.nan
        if self.sums is not None:
            self.sums[slots] = 0

    def put(self, part: int, rows: Rows, slots: Slots, values: NDArray[np.float32]) -> None:
        """Put `values` (k, s) of different `rows` (k) into different `slots` (s,)."""
        block = self.data[:, part]
        if len(slots) == 1:  # one column is written a thousand times for each time that several are
            column = block[:, int(slots[0])]
            before = column[rows].copy()[:, None]
            column[rows] = values[:, 0]
        else:
            where = _places(rows, slots)
            before = block[where]
            block[where] = values
        if self.sums is not None:
            self.sums[slots] += _bits(values) - _bits(before)

    def cells(self, part: int, rows: Rows, slots: Slots) -> NDArray[np.float32]:
        """(k, s) copy of what some rows have in some slots."""
        block = self.data[:, part]
        return block[rows, int(slots[0])].copy()[:, None] if len(slots) == 1 else block[_places(rows, slots)]

    def empty_rows(self, rows: NDArray[np.int64]) -> None:
        """Empty some rows whole."""
        if len(rows):
            if self.sums is not None:
                self.sums -= self._added_up(rows)
            self.data[rows] = np.nan

    @property
    def other(self) -> Path:
        """Where rows that are numbered anew are written, beside the file in use."""
        assert self.path is not None
        name = self.path.name.split(".")[0]
        return self.path.with_name(f"{name}.other.ring" if self.path.name == f"{name}.ring" else f"{name}.ring")

    def write_other(self, kept: NDArray[np.int64]) -> None:
        """Write these rows, ascending and numbered anew, to `other`. Raises OSError when there is no space for them."""
        assert self.sums is not None
        gone = np.ones(self.capacity, bool)
        gone[kept] = False
        sums = self.sums - self._added_up(np.flatnonzero(gone))
        with self.other.open("wb") as f:
            f.write(self.stamps.tobytes() + sums.tobytes())
            for start in range(0, len(kept), CHUNK_ROWS):
                f.write(self.data[kept[start : start + CHUNK_ROWS]].tobytes())
            f.flush()
            os.fsync(f.fileno())

    def keep_only(self, kept: NDArray[np.int64]) -> None:
        """Keep these rows; a file's are those of `other`, and its room is given back."""
        if self.path is None:
            self.data = self.data[kept]
            return
        old, self.path = self.path, self.other
        self._map(len(kept))
        old.unlink()

    def take(self, part: int, rows: Rows, last: int, count: int) -> NDArray[np.float32]:
        """(rows, count) contiguous copy of the buckets up to bucket `last`, oldest first."""
        first = (last - count + 1) % self.size
        block = self.data[:, part]
        if first + count <= self.size:
            return np.ascontiguousarray(block[rows, first : first + count])
        return np.concatenate([block[rows, first:], block[rows, : first + count - self.size]], axis=1)

    def flush(self) -> None:
        """Ask the system to write a mapped ring out."""
        for one in self._maps:
            one.flush()

    def _added_up(self, rows: Rows) -> NDArray[np.uint64]:
        """(size,) what `sums` should be over some rows."""
        total = np.zeros(self.size, np.uint64)
        numbers = np.arange(*rows.indices(self.capacity)) if isinstance(rows, slice) else rows
        for start in range(0, len(numbers), CHUNK_ROWS):
            part = self.data[numbers[start : start + CHUNK_ROWS]]
            total += _bits(part.reshape(-1, self.size))
        return total


def _places(rows: Rows, slots: Slots) -> tuple[Any, ...]:
    return (rows, slots) if isinstance(rows, slice) else np.ix_(rows, slots)


def _bits(values: NDArray[np.float32]) -> NDArray[np.uint64]:
    """(s,) the sum down each column of (k, s) of the bits that differ from an empty value's."""
    found: NDArray[np.uint64] = (np.ascontiguousarray(values).view(np.uint32) ^ _EMPTY_BITS).sum(axis=0, dtype=np.uint64)
    return found
