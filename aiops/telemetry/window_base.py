"""What a window is made of: rows, their rings at three resolutions, and how far each feed was read."""

from __future__ import annotations

import uuid
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels
from aiops.core.records import Ints
from aiops.telemetry.buckets import summary
from aiops.telemetry.ring import Ring
from aiops.telemetry.window_file import ROW_ARRAYS

FINE_SPAN_S, MID_STEP_S, MID_COUNT, LONG_STEP_S, LONG_COUNT = 6 * 3600, 300, 864, 3600, 840
_EMPTY = {"offset": 0, "newest_s": -1, "first_s": -1, "shift_s": 0}


@dataclass(slots=True)
class Progress:
    """Up to where a feed was read, and which older ranges (first, last instant) are still to be read."""

    read_s: int = 0
    todo: list[tuple[int, int]] = field(default_factory=list)


def rings_of(folder: Path | None, step_s: int) -> tuple[Ring, ...]:
    """The rings of a window, not opened yet: fine, mid, long."""
    sizes = (("fine", step_s, max(FINE_SPAN_S // step_s, 72), 1), ("mid", MID_STEP_S, MID_COUNT, 3))
    return tuple(
        Ring(None if folder is None else folder / f"{name}.ring", max(step, step_s), size, parts)
        for name, step, size, parts in (*sizes, ("long", LONG_STEP_S, LONG_COUNT, 3))
    )


class WindowBase:
    """Rows and rings without samples yet; `Window` reads and writes them, `window_recovery` takes up what was kept."""

    offset: NDArray[np.float64]
    newest_s: Ints
    first_s: Ints
    shift_s: Ints

    def __init__(self, folder: Path | None, step_s: int, query: str = "") -> None:
        self.step_s, self.folder, self.query = step_s, folder, query
        self.id = uuid.uuid4().hex
        self.labels: list[Labels] = []
        self.end_s = self.begin_s = 0
        self.rebuilt, self.begun_anew = "", False
        self.progress: dict[str, Progress] = {}
        self._row: dict[str, int] = {}
        rings = rings_of(folder, step_s)
        self._fine, self._coarse = rings[0], rings[1:]
        for name, kind in ROW_ARRAYS.items():
            setattr(self, name, np.zeros(0, kind))

    @property
    def _rings(self) -> tuple[Ring, ...]:
        return self._fine, *self._coarse

    @property
    def n(self) -> int:
        """How many series are known."""
        return len(self.labels)

    def _reserve(self, capacity: int) -> None:
        for ring in self._rings:
            ring.grow(capacity)
        for name, fill in _EMPTY.items():
            old = getattr(self, name)
            new = np.full(max(capacity, len(old)), fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def _close(self, ring: Ring, after_s: int, to_s: int, but: Container[int] = ()) -> None:
        """Make the buckets of a coarse ring of (after_s, to_s], all `but` some, from the finest as far as it reaches back."""
        step, wide = self.step_s, ring.step_s
        oldest = -(-(to_s // step - self._fine.size) * step // wide) + 1
        for number in range(max(after_s // wide + 1, oldest), to_s // wide + 1):
            if number in but:
                continue
            last = number * wide // step
            columns = self._fine.take(0, slice(0, self.n), last, last - (number - 1) * wide // step)
            slot = np.array([number % ring.size])
            for part, values in enumerate(summary(columns)):
                ring.put(part, slice(0, self.n), slot, values[:, None])
