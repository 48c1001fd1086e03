"""The ring of one resolution: bucket k lives in slot k mod size, for a growing number of rows, in memory or in a mapped file."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

Rows = slice | NDArray[np.int64]
NEVER = -(2**62)
"""The stamp of a slot that was never used."""


class Ring:
    """`data` (capacity, parts, size) float32: mean, or mean, low, high, of buckets of `step_s`; `stamps` (size,): which bucket.

    Bucket k covers ((k - 1) * step_s, k * step_s]. A file holds the stamps and then the rows, so that it grows at its end:
    nothing is copied, and no row is in anonymous memory. A slot is emptied before it is stamped for a newer bucket, so that
    after a kill at any moment a slot that does not bear the stamp of the bucket it should hold is known to be newer.
    """

    def __init__(self, path: Path | None, step_s: int, size: int, parts: int) -> None:
        self.path, self.step_s, self.size, self.parts = path, step_s, size, parts
        self.data = np.empty((0, parts, size), np.float32)
        self.stamps = np.full(size, NEVER, np.int64)
        self._maps: list[np.memmap[tuple[int, ...], np.dtype[np.generic]]] = []

    @property
    def capacity(self) -> int:
        """For how many rows there is room."""
        return len(self.data)

    @property
    def _head_bytes(self) -> int:
        return 8 * self.size

    @property
    def _row_bytes(self) -> int:
        return 4 * self.parts * self.size

    def create(self, capacity: int) -> None:
        """Begin empty. Raises OSError when there is no space for the file."""
        if self.path is not None:
            self.path.write_bytes(self.stamps.tobytes())
        self.grow(capacity)

    def attach(self, rows: int) -> bool:
        """Take up the first `rows` rows of the file, whatever stands behind them; False when they are not all there."""
        assert self.path is not None
        try:
            if self.path.stat().st_size < self._head_bytes + rows * self._row_bytes:
                return False
        except OSError:
            return False
        self._map(rows)
        return True

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
        stamps = np.memmap(self.path, np.int64, "r+", shape=(self.size,))
        self._maps, self.stamps = [stamps], np.asarray(stamps)
        self.data = np.empty((0, self.parts, self.size), np.float32)
        if rows:
            data = np.memmap(self.path, np.float32, "r+", self._head_bytes, (rows, self.parts, self.size))
            self._maps.append(data)
            self.data = np.asarray(data)

    def slots(self, last: int, count: int) -> NDArray[np.int64]:
        """Slots of the `count` buckets up to bucket `last`, oldest first."""
        return np.arange(last - count + 1, last + 1) % self.size

    def claim(self, after: int, last: int) -> None:
        """Empty the slots of the buckets (after, last]: they are reused for newer time."""
        count = min(last - after, self.size)
        if count <= 0:
            return
        slots = last % self.size if count == 1 else self.slots(last, count)
        self.data[:, :, slots] = np.nan
        self.stamps[slots] = last if count == 1 else np.arange(last - count + 1, last + 1)

    def trust(self, last: int) -> None:
        """Empty every slot that holds another bucket than its one of those up to bucket `last`, and every infinite value."""
        expected = np.empty(self.size, np.int64)
        expected[self.slots(last, self.size)] = np.arange(last - self.size + 1, last + 1)
        wrong = np.flatnonzero(self.stamps != expected)
        self.data[:, :, wrong] = np.nan
        self.stamps[wrong] = expected[wrong]
        for start in range(0, self.capacity, 256):
            block = self.data[start : start + 256]
            np.copyto(block, np.nan, where=np.isinf(block))

    def take(self, part: int, rows: Rows, last: int, count: int) -> NDArray[np.float32]:
        """(rows, count) contiguous copy of the buckets up to bucket `last`, oldest first."""
        end = last % self.size
        first = (end - count + 1) % self.size
        block = self.data[:, part]
        if first <= end:
            return np.ascontiguousarray(block[rows, first : end + 1])
        return np.concatenate([block[rows, first:], block[rows, : end + 1]], axis=1)

    def checksum(self, rows: int) -> int:
        """CRC-32 of the stamps and of the first `rows` rows."""
        return zlib.crc32(self.data[:rows].data, zlib.crc32(self.stamps.data)) if rows else zlib.crc32(self.stamps.data)

    def flush(self) -> None:
        """Ask the system to write a mapped ring out."""
        for one in self._maps:
            one.flush()
