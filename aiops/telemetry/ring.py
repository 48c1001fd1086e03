"""The ring of one resolution: (rows, size) float32, slot = (time // step) mod size, in memory or memory-mapped."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray


class Ring:
    """`parts` arrays (mean, or mean, low, high) of `size` buckets of `step_s` for a growing number of rows."""

    def __init__(self, folder: Path | None, name: str, step_s: int, size: int, parts: int, capacity: int) -> None:
        self.step_s, self.size, self.parts = step_s, size, parts
        self._folder, self._name = folder, name
        self.data = self._make(capacity)

    @property
    def path(self) -> Path | None:
        """The file, None in memory."""
        return None if self._folder is None else self._folder / f"{self._name}.npy"

    def _make(self, capacity: int) -> NDArray[np.float32]:
        shape = (self.parts, capacity, self.size)
        if self.path is None:
            return np.full(shape, np.nan, np.float32)
        temporary = self.path.with_suffix(".new")
        data = np.lib.format.open_memmap(temporary, mode="w+", dtype=np.float32, shape=shape)
        data[...] = np.nan
        data.flush()
        temporary.replace(self.path)
        return data

    def attach(self, capacity: int) -> bool:
        """Take up the file on disk; False when it is missing or has another shape."""
        if self.path is None or not self.path.exists():
            return False
        try:
            data = np.lib.format.open_memmap(self.path, mode="r+")
        except (ValueError, OSError):
            return False
        if data.dtype != np.float32 or data.shape != (self.parts, capacity, self.size):
            return False
        self.data = data
        return True

    def grow(self, capacity: int) -> None:
        """Make room for more rows."""
        old = self.data
        self.data = self._make(capacity)
        self.data[:, : old.shape[1]] = old

    def slots(self, end_s: int, count: int) -> NDArray[np.int64]:
        """Slots of the `count` buckets that end at `end_s`, oldest first."""
        last = end_s // self.step_s
        return np.arange(last - count + 1, last + 1) % self.size

    def clear(self, after_s: int, to_s: int) -> None:
        """Forget the buckets in (after_s, to_s]: they are reused for newer time."""
        count = min((to_s - after_s) // self.step_s, self.size)
        if count == 1:
            self.data[:, :, to_s // self.step_s % self.size] = np.nan
        elif count > 0:
            self.data[:, :, self.slots(to_s, count)] = np.nan

    def take(self, part: int, rows: slice | NDArray[np.int64], end_s: int, count: int) -> NDArray[np.float32]:
        """(rows, count) contiguous copy of the buckets that end at `end_s`, oldest first."""
        last = end_s // self.step_s % self.size
        first = (last - count + 1) % self.size
        block = self.data[part]
        if first <= last:
            return np.ascontiguousarray(block[rows, first : last + 1])
        return np.concatenate([block[rows, first:], block[rows, : last + 1]], axis=1)

    def checksum(self) -> int:
        """CRC-32 of everything in the ring."""
        return zlib.crc32(np.ascontiguousarray(self.data).data)

    def flush(self) -> None:
        """Ask the system to write a mapped ring out."""
        if isinstance(self.data, np.memmap):
            self.data.flush()
