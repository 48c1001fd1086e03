"""The window store: a card's history at three resolutions, read once, kept on disk.

The step itself for 6 h, 5 min (mean, min, max) for 3 d, 1 h (mean, min, max) for 35 d; float32 relative to a per-series
float64 offset. Coarse buckets are made from the finest ring when they close, so a late sample only has to be put there.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.core.labels import Labels, key
from aiops.core.records import Floats, History, Ints, Resolution
from aiops.telemetry.ring import Ring

FINE_SPAN_S, MID_STEP_S, MID_COUNT, LONG_STEP_S, LONG_COUNT = 6 * 3600, 300, 864, 3600, 840
VERSION = 1


class Window:
    """History of one card's series; see `open`."""

    def __init__(self, folder: Path | None, step_s: int, capacity: int) -> None:
        self.step_s, self.folder = step_s, folder
        self.labels: list[Labels] = []
        self.end_s = self.begin_s = 0
        self.rebuilt = ""
        self._row: dict[str, int] = {}
        self._last: tuple[Any, Ints] | None = None
        fine = max(FINE_SPAN_S // step_s, 72)
        self._fine = Ring(folder, "fine", step_s, fine, 1, capacity)
        self._coarse = [
            Ring(folder, name, max(step, step_s), count, 3, capacity)
            for name, step, count in (("mid", MID_STEP_S, MID_COUNT), ("long", LONG_STEP_S, LONG_COUNT))
        ]
        self.offset = np.zeros(capacity)
        self.newest_s = np.full(capacity, -1, np.int64)
        self.first_s = np.full(capacity, -1, np.int64)
        self.shift_s = np.zeros(capacity, np.int64)

    @classmethod
    def open(cls, folder: Path | None, step_s: int, capacity: int = 64) -> Window:
        """A window in memory (None) or on disk; missing, damaged or differently shaped files give an empty one.

        `rebuilt` then says why.
        """
        if folder is None:
            return cls(None, step_s, capacity)
        folder.mkdir(parents=True, exist_ok=True)
        meta = _read_meta(folder)
        if isinstance(meta, str):
            window = cls(folder, step_s, capacity)
            window.rebuilt = meta
            return window
        window = cls.__new__(cls)
        window._from(folder, step_s, meta)
        if window.rebuilt:
            why, window = window.rebuilt, cls(folder, step_s, capacity)
            window.rebuilt = why
        return window

    def _from(self, folder: Path, step_s: int, meta: dict[str, Any]) -> None:
        capacity = int(meta["capacity"])
        rings = _unopened(folder, step_s)
        self.rebuilt = ""
        if meta["step_s"] != step_s or meta["version"] != VERSION:
            self.rebuilt = "written for another step or version"
            return
        if not all(ring.attach(capacity) for ring in rings):
            self.rebuilt = "a ring is missing or has another shape"
            return
        if meta["clean"] and [ring.checksum() for ring in rings] != meta["checksums"]:
            self.rebuilt = "a ring's checksum does not fit"
            return
        self.step_s, self.folder = step_s, folder
        self._fine, self._coarse = rings[0], rings[1:]
        self.labels = list(meta["labels"])
        self._row = {key(labels): i for i, labels in enumerate(self.labels)}
        self._last = None
        self.end_s, self.begin_s = int(meta["end_s"]), int(meta["begin_s"])
        arrays = np.load(folder / "rows.npz", allow_pickle=False)
        self.offset, self.newest_s = arrays["offset"], arrays["newest_s"]
        self.first_s, self.shift_s = arrays["first_s"], arrays["shift_s"]
        _write_meta(folder, meta | {"clean": False, "checksums": []})

    @property
    def n(self) -> int:
        """How many series are known."""
        return len(self.labels)

    def rows_for(self, labels: Sequence[Labels], shift_s: Ints | int = 0) -> Ints:
        """Row numbers of label sets; unseen ones get new rows. The very same label objects again cost nothing."""
        if self._last is not None and len(self._last[0]) == len(labels):
            known, rows = self._last
            if all(a is b for a, b in zip(known, labels, strict=True)):
                return rows
        names = [key(one) for one in labels]
        fresh = [i for i, name in enumerate(names) if name not in self._row]
        shifts = np.broadcast_to(np.asarray(shift_s, np.int64), (len(labels),))
        if fresh:
            self._ensure(self.n + len(fresh))
        for i in fresh:
            if names[i] in self._row:
                continue
            row = self._row[names[i]] = self.n
            self.labels.append(dict(labels[i]))
            self.shift_s[row] = shifts[i]
        rows = np.array([self._row[name] for name in names], np.int64)
        self._last = (list(labels), rows)
        return rows

    def _ensure(self, rows: int) -> None:
        capacity = len(self.offset)
        if rows <= capacity:
            return
        while capacity < rows:
            capacity *= 2
        for ring in (self._fine, *self._coarse):
            ring.grow(capacity)
        for name, fill in (("offset", 0), ("newest_s", -1), ("first_s", -1), ("shift_s", 0)):
            old = getattr(self, name)
            new = np.full(capacity, fill, old.dtype)
            new[: len(old)] = old
            setattr(self, name, new)

    def append(self, rows: Ints, time_s: Ints, values: Floats) -> None:
        """Put `values` (len(rows), t) at the grid instants `time_s` (t,), ascending; NaN = gap.

        Newer columns advance the window for all rows; columns not older than the finest ring are replaced.
        """
        if not len(time_s):
            return
        half = max(1, self._fine.size // 2)
        for start in range(0, len(time_s), half):
            self._put(rows, time_s[start : start + half], values[:, start : start + half])

    def _put(self, rows: Ints, time_s: Ints, values: Floats) -> None:
        self._begin(rows, time_s, values)
        old_end = self.end_s
        if int(time_s[-1]) > self.end_s:
            self._advance(int(time_s[-1]))
        kept = time_s > self.end_s - self._fine.size * self.step_s
        times = time_s[kept]
        if not len(times):
            return
        relative = (values[:, kept] - self.offset[rows][:, None]).astype(np.float32)
        slots = times // self.step_s % self._fine.size
        block = self._fine.data[0]
        if len(slots) == 1:
            block[rows, slots[0]] = relative[:, 0]
        else:
            block[np.ix_(rows, slots)] = relative
        for ring in self._coarse:
            self._close(ring, min(old_end, int(times[0]) - 1), self.end_s)

    def _begin(self, rows: Ints, time_s: Ints, values: Floats) -> None:
        finite = np.isfinite(values)
        some = finite.any(axis=1)
        first = np.argmax(finite, axis=1)
        last = values.shape[1] - 1 - np.argmax(finite[:, ::-1], axis=1)
        fresh = some & (self.first_s[rows] < 0)
        if fresh.any():
            at = rows[fresh]
            self.offset[at] = values[fresh, first[fresh]]
            self.first_s[at] = time_s[first[fresh]]
        at = rows[some]
        self.newest_s[at] = np.maximum(self.newest_s[at], time_s[last[some]])
        if self.begin_s == 0 or int(time_s[0]) < self.begin_s:
            self.begin_s = int(time_s[0])

    def _advance(self, to_s: int) -> None:
        if self.end_s == 0:
            self.end_s = to_s - self._fine.size * self.step_s
        self._fine.clear(self.end_s, to_s)
        self.end_s = to_s

    def _close(self, ring: Ring, after_s: int, to_s: int) -> None:
        """Make the buckets of a coarse ring that end in (after_s, to_s] from the finest ring."""
        width = ring.step_s // self.step_s
        first = max(after_s // ring.step_s + 1, (to_s - self._fine.size * self.step_s) // ring.step_s + 2)
        for number in range(first, to_s // ring.step_s + 1):
            slot = number % ring.size
            columns = self._fine.take(0, slice(0, self.n), number * ring.step_s, width)
            mean, low, high = _summary(columns)
            ring.data[0, : self.n, slot], ring.data[1, : self.n, slot], ring.data[2, : self.n, slot] = mean, low, high

    def missing(self, now_s: int, history_s: int, oldest_s: int | None) -> tuple[int, int] | None:
        """The aligned range (start, end) still to be read at `now_s`; None when nothing is missing."""
        end = now_s // self.step_s * self.step_s
        farthest = end - min(history_s, LONG_STEP_S * LONG_COUNT) // self.step_s * self.step_s
        start = farthest if self.end_s == 0 else max(self.end_s + self.step_s, farthest)
        if oldest_s is not None:
            start = max(start, -(-oldest_s // self.step_s) * self.step_s)
        start = min(start, end) if self.end_s == 0 else start
        return None if start > end else (start, end)

    def history(self, rows: slice | Ints | None, now_s: int) -> History:
        """Copies of some rows' history, oldest first, ending at `now_s`."""
        chosen: slice | Ints = slice(0, self.n) if rows is None else rows
        end = now_s // self.step_s * self.step_s
        if end > self.end_s:
            old = self.end_s
            self._advance(end)
            for ring in self._coarse:
                self._close(ring, old, end)
        fine = self._resolution(self._fine, chosen, end)
        mid, long = (self._resolution(ring, chosen, end) for ring in self._coarse)
        shift = self.shift_s[: self.n][chosen]
        return History(
            fine, mid, long, self.offset[: self.n][chosen], now_s + shift, self.first_s[: self.n][chosen] + shift
        )

    def _resolution(self, ring: Ring, rows: slice | Ints, end_s: int) -> Resolution:
        end = end_s // ring.step_s * ring.step_s
        count = int(np.clip(end // ring.step_s - (self.begin_s - 1) // ring.step_s, 1, ring.size))
        mean = ring.take(0, rows, end, count)
        if ring.parts == 1:
            return Resolution(ring.step_s, end, mean, mean, mean)
        return Resolution(ring.step_s, end, mean, ring.take(1, rows, end, count), ring.take(2, rows, end, count))

    def latest(self, now_s: int) -> NDArray[np.float64]:
        """(n,) values at the grid instant `now_s`; NaN where there is none."""
        end = now_s // self.step_s * self.step_s
        if not self.end_s - self._fine.size * self.step_s < end <= self.end_s:
            return np.full(self.n, np.nan)
        column = self._fine.data[0, : self.n, end // self.step_s % self._fine.size]
        return self.offset[: self.n] + column.astype(np.float64)

    @property
    def fine_count(self) -> int:
        """How many columns the finest resolution holds."""
        return self._fine.size

    def newest(self, columns: int) -> tuple[Ints, NDArray[np.float64]]:
        """The last `columns` of the finest resolution: (time_s (columns,), values (n, columns)), oldest first."""
        time_s = self.end_s - self.step_s * np.arange(columns - 1, -1, -1, dtype=np.int64)
        values = self._fine.take(0, slice(0, self.n), self.end_s, columns).astype(np.float64)
        return time_s, self.offset[: self.n, None] + values

    def coverage(self, rows: Ints, start_s: int, end_s: int) -> NDArray[np.float64]:
        """Share of grid points present in (start_s, end_s] per row, from the finest resolution that reaches back."""
        for ring in (self._fine, *self._coarse):
            end = min(end_s, self.end_s) // ring.step_s * ring.step_s
            count = -(-(end - start_s) // ring.step_s)
            if count <= 0:
                return np.ones(len(rows))
            if count < ring.size - (self.end_s - end) // ring.step_s:
                present = np.isfinite(ring.take(0, rows, end, count)).mean(axis=1)
                asked = max(count, (end_s - start_s) // ring.step_s)
                share: NDArray[np.float64] = present * count / asked
                return share
        return np.zeros(len(rows))

    def save(self) -> None:
        """Write everything out; the description is replaced in one step, so a crash leaves the old or the new one."""
        if self.folder is None:
            return
        rings = (self._fine, *self._coarse)
        for ring in rings:
            ring.flush()
        temporary = self.folder / "rows.tmp.npz"
        np.savez(temporary, offset=self.offset, newest_s=self.newest_s, first_s=self.first_s, shift_s=self.shift_s)
        os.replace(temporary, self.folder / "rows.npz")
        meta = {
            "version": VERSION,
            "step_s": self.step_s,
            "capacity": len(self.offset),
            "labels": [dict(x) for x in self.labels],
            "end_s": self.end_s,
            "begin_s": self.begin_s,
            "clean": False,
            "checksums": [],
        }
        _write_meta(self.folder, meta)

    def close(self) -> None:
        """Save, with checksums: nothing will be written until the next `open`."""
        if self.folder is None:
            return
        self.save()
        meta = _read_meta(self.folder)
        if isinstance(meta, dict):
            sums = [ring.checksum() for ring in (self._fine, *self._coarse)]
            _write_meta(self.folder, meta | {"clean": True, "checksums": sums})


def _unopened(folder: Path, step_s: int) -> list[Ring]:
    """The three rings of a folder, not yet attached and without making files."""
    rings = []
    sizes = (("fine", step_s, max(FINE_SPAN_S // step_s, 72), 1), ("mid", MID_STEP_S, MID_COUNT, 3))
    for name, step, size, parts in (*sizes, ("long", LONG_STEP_S, LONG_COUNT, 3)):
        ring = Ring(None, name, max(step, step_s), size, parts, 0)
        ring._folder = folder
        rings.append(ring)
    return rings


def _summary(columns: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(mean, low, high) along the last axis, NaN where all are missing."""
    if columns.shape[1] == 1:
        return columns[:, 0], columns[:, 0], columns[:, 0]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an empty bucket is a gap, not a mistake
        mean = np.nanmean(columns, axis=1, dtype=np.float64).astype(np.float32)
        low, high = np.fmin.reduce(columns, axis=1), np.fmax.reduce(columns, axis=1)
        return np.asarray(mean), np.asarray(low), np.asarray(high)


def _read_meta(folder: Path) -> dict[str, Any] | str:
    try:
        meta: dict[str, Any] = orjson.loads((folder / "meta.json").read_bytes())
    except FileNotFoundError:
        return "new"
    except (OSError, orjson.JSONDecodeError):
        return "its description cannot be read"
    wanted = {"version", "step_s", "capacity", "labels", "end_s", "begin_s", "clean", "checksums"}
    return meta if wanted <= set(meta) and (folder / "rows.npz").exists() else "its description is incomplete"


def _write_meta(folder: Path, meta: dict[str, Any]) -> None:
    temporary = folder / "meta.tmp"
    with temporary.open("wb") as f:
        f.write(orjson.dumps(meta))
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, folder / "meta.json")
