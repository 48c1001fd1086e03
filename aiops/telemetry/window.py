"""The window store: a card's history at three resolutions, read once, kept on disk.

The step itself for 6 h, 5 min (mean, min, max) for 3 d, 1 h (mean, min, max) for 35 d; float32 relative to a per-series
float64 offset. Coarse buckets are made from the finest ring when they close, so a late sample only has to be put there.

On disk the rings are mapped files that are always as new as the process was; the description is written by `save`. After a
kill what is newer than the description, or belongs to rows it does not know, is forgotten and read again from the source.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from aiops.core.errors import SourceError, StoreError
from aiops.core.labels import Labels, key
from aiops.core.records import Floats, History, Ints, Resolution
from aiops.telemetry import anchor, window_file
from aiops.telemetry.buckets import join, last_of_each
from aiops.telemetry.ring import Ring
from aiops.telemetry.window_base import LONG_COUNT, LONG_STEP_S, Progress, WindowBase
from aiops.telemetry.window_file import ROW_ARRAYS, Description
from aiops.telemetry.window_recovery import take_up

MOST_ROWS = 200_000
"""Series a window ever knows: each costs about 22 kB on disk."""


class Window(WindowBase):
    """History of one card's series; see `open`."""

    @classmethod
    def open(cls, folder: Path | None, step_s: int, capacity: int = 8, query: str = "") -> Window:
        """A window in memory (None) or on disk; missing or damaged files, and those of another query, give an empty one.

        `rebuilt` then says why; `window_recovery` says what else is taken up again. Series silent for longer than the longest
        resolution reaches back are forgotten here. Raises StoreError when the folder cannot be written.
        """
        window = cls(folder, step_s, query)
        try:
            if folder is not None:
                folder.mkdir(parents=True, exist_ok=True)
                found = window_file.read(folder)
                window.rebuilt = found if isinstance(found, str) else take_up(window, found)
                if not window.rebuilt:
                    window._forget_the_silent()
                    window._reserve(max(capacity, window.n))
                    window._describe()  # as not clean any more
                    window._drop_others()
                    return window
                why, window = window.rebuilt, cls(folder, step_s, query)
                window.rebuilt = why
                (folder / window_file.NAME).unlink(missing_ok=True)  # it describes none of what follows
            for ring in window._rings:
                ring.create(capacity)
            window._reserve(capacity)
            if folder is not None:
                window._drop_others()
        except OSError as e:
            raise StoreError(f"{folder}: history cannot be kept there: {e.strerror}") from e
        return window

    def _forget_the_silent(self) -> None:
        """Free the rows of series that left before the longest resolution begins."""
        silent = self.silent(self.end_s - LONG_STEP_S * LONG_COUNT)
        if len(silent):
            self.keep_only(np.setdiff1d(np.arange(self.n), silent))

    def silent(self, before_s: int) -> Ints:
        """Rows whose newest sample is older than that; one that never had any is none of them."""
        newest = self.newest_s[: self.n]
        return np.flatnonzero((newest >= 0) & (newest < before_s))

    def keep_only(self, kept: Ints) -> None:
        """Keep these rows, ascending, numbered anew under a new `id`; the room of the others is given back.

        A kill leaves the old numbering or the new one, whole. Raises StoreError when there is no space to write the rows beside
        the old ones; nothing is changed then.
        """
        labels, rows = [self.labels[i] for i in kept.tolist()], {name: getattr(self, name)[kept] for name in ROW_ARRAYS}
        new_id = uuid.uuid4().hex
        if self.folder is not None:
            names = [ring.other.name for ring in self._rings]
            plain = [dict(one) for one in labels]
            try:
                for ring in self._rings:
                    ring.write_other(kept)
                window_file.write(self.folder, replace(self._description(), id=new_id, labels=plain, rows=rows, rings=names))
            except OSError as e:
                self._drop_others()
                raise StoreError(f"{self.folder}: no room to let go of series: {e.strerror}") from e
        for ring in self._rings:
            ring.keep_only(kept)
        self.id, self.labels = new_id, labels
        self._row = {key(one): i for i, one in enumerate(labels)}
        for name, array in rows.items():
            setattr(self, name, array)

    def _drop_others(self) -> None:
        for ring in self._rings:
            ring.other.unlink(missing_ok=True)

    def rows_for(self, labels: Sequence[Labels], shift_s: Ints | int = 0) -> Ints:
        """Row numbers of label sets; unseen ones get new rows.

        Raises SourceError too_many_series past MOST_ROWS, StoreError when there is no space for their history.
        """
        names = [key(one) for one in labels]
        fresh = {name: i for i, name in enumerate(names) if name not in self._row}
        if fresh:
            self._ensure(self.n + len(fresh))
        shifts = np.broadcast_to(np.asarray(shift_s, np.int64), (len(labels),))
        for name, i in fresh.items():
            row = self._row[name] = self.n
            self.labels.append(labels[i])
            self.shift_s[row] = shifts[i]
        return np.array([self._row[name] for name in names], np.int64)

    def _ensure(self, rows: int) -> None:
        if rows > MOST_ROWS:
            message = f"{rows} series were seen, more than {MOST_ROWS}; narrow the query, or drop the label that keeps changing"
            raise SourceError(self.folder.name if self.folder else "window", "too_many_series", message)
        capacity = len(self.offset)
        if rows <= capacity:
            return
        try:
            self._reserve(max(rows, capacity + capacity // 8))
        except OSError as e:
            raise StoreError(f"{self.folder}: no room for the history of {rows} series: {e.strerror}") from e

    def append(self, rows: Ints, time_s: Ints, values: Floats) -> None:
        """Put `values` (len(rows), t) at the grid instants `time_s` (t,), ascending; NaN and infinite = gap.

        Newer columns advance the window for all rows; columns not older than the finest ring are replaced.
        """
        rows, values = last_of_each(rows, values)
        at, half = 0, max(1, self._fine.size // 2)
        while at < len(time_s):
            part = slice(at, at + half)
            self._begin(rows, time_s[part], values[:, part])
            part = slice(at, at + self._anchored(rows, time_s[part], values[:, part]))
            self._put(rows, time_s[part], values[:, part])
            at = min(part.stop, len(time_s))

    def _anchored(self, rows: Ints, time_s: Ints, values: Floats) -> int:
        """How many of these columns can be put as rows are held now; offsets that the first of them asks for are moved first."""
        old = int((time_s <= self.end_s).sum())
        some = np.flatnonzero(anchor.lost(values[:, old:], self.offset[rows]).any(axis=1))
        if not len(some):
            return len(time_s)
        at, fresh = 0, values[some, old:]
        while not old + at:  # twice at most: who has moved asks for nothing in that column
            mine = rows[some]
            held = self._fine.take(0, mine, self.end_s // self.step_s, self._fine.size)
            at, wants = anchor.asked_for(fresh, self.offset[mine], held)
            if not old + at:
                self._move(mine[wants], fresh[wants, 0])
        return old + at

    def _move(self, rows: Ints, offset: Floats) -> None:
        """Hold rows relative to other offsets. A kill in between leaves them empty, and never read by the wrong offset."""
        held = [anchor.moved(ring, rows, self.offset[rows], offset) for ring in self._rings]
        for ring in self._rings:
            ring.empty_rows(rows)
        self.offset[rows] = offset
        self.save()
        for ring, data in zip(self._rings, held, strict=True):
            for part in range(ring.parts):
                ring.put(part, rows, np.arange(ring.size), data[:, part])

    def _put(self, rows: Ints, time_s: Ints, values: Floats) -> None:
        old_end = self.end_s
        if int(time_s[-1]) > self.end_s:
            self._advance(int(time_s[-1]))
        kept = time_s > self.end_s - self._fine.size * self.step_s
        times = time_s[kept]
        if not len(times):
            return
        with np.errstate(over="ignore"):
            relative = (values[:, kept] - self.offset[rows][:, None]).astype(np.float32)
        relative[~np.isfinite(relative)] = np.nan
        self._fine.put(0, rows, times // self.step_s % self._fine.size, relative)
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
        earlier = some & ((self.first_s[rows] < 0) | (self.first_s[rows] > time_s[first]))
        self.first_s[rows[earlier]] = time_s[first[earlier]]
        at = rows[some]
        self.newest_s[at] = np.maximum(self.newest_s[at], time_s[last[some]])
        if self.begin_s == 0 or int(time_s[0]) < self.begin_s:
            self.begin_s = int(time_s[0])

    def _advance(self, to_s: int) -> None:
        if self.end_s == 0:
            self.end_s = to_s - self._fine.size * self.step_s
            for ring in self._rings:  # older history may come later, into buckets that nothing claims
                ring.begin(self.end_s // ring.step_s)
        hop, old = self.end_s + self._fine.size // 2 * self.step_s, self.end_s
        if to_s > hop:  # a long gap would wipe out the samples of buckets that are not closed yet
            self._claim(hop)
            for ring in self._coarse:
                self._close(ring, old, hop)
        self._claim(to_s)

    def _claim(self, to_s: int) -> None:
        for ring in self._rings:
            ring.claim(self.end_s // ring.step_s, to_s // ring.step_s)
        self.end_s = to_s

    def missing(self, feed: str, now_s: int, history_s: int, oldest_s: int | None) -> tuple[int, int] | None:
        """The aligned range (start, end) that `feed` has still to be asked for at `now_s`; None when nothing is missing."""
        end = now_s // self.step_s * self.step_s
        read_s = self.progress.setdefault(feed, Progress()).read_s
        farthest = end - min(history_s, LONG_STEP_S * LONG_COUNT) // self.step_s * self.step_s
        start = farthest if read_s == 0 else max(read_s + self.step_s, farthest)
        if oldest_s is not None:
            start = max(start, -(-oldest_s // self.step_s) * self.step_s)
        start = min(start, end) if read_s == 0 else start
        return None if start > end else (start, end)

    def history(self, rows: slice | Ints | None, now_s: int) -> History:
        """Copies of some rows' history, oldest first, ending at `now_s`: of an earlier instant what has not been overwritten."""
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

    def middle(self, rows: Ints, now_s: int) -> Resolution:
        """The 5-minute resolution of some rows alone, up to `now_s`."""
        return self._resolution(self._coarse[0], rows, min(now_s, self.end_s) // self.step_s * self.step_s)

    def _resolution(self, ring: Ring, rows: slice | Ints, end_s: int) -> Resolution:
        last = end_s // ring.step_s
        kept = ring.size - max(0, self.end_s // ring.step_s - last)
        count = max(0, min(max(last - (self.begin_s - 1) // ring.step_s, 1), kept))
        mean = ring.take(0, rows, last, count)
        end = last * ring.step_s
        if ring.parts == 1:
            return Resolution(ring.step_s, end, mean, mean, mean)
        return Resolution(ring.step_s, end, mean, ring.take(1, rows, last, count), ring.take(2, rows, last, count))

    def latest(self, now_s: int) -> NDArray[np.float64]:
        """(n,) values at the grid instant `now_s`; NaN where there is none."""
        end = now_s // self.step_s * self.step_s
        if not self.end_s - self._fine.size * self.step_s < end <= self.end_s:
            return np.full(self.n, np.nan)
        column = self._fine.data[: self.n, 0, end // self.step_s % self._fine.size]
        return self.offset[: self.n] + column.astype(np.float64)

    def fill(self, rows: Ints, time_s: Ints, values: Floats, replace: bool = False) -> None:
        """Put columns (k, t) at grid instants (t,), ascending: finite values fill gaps, or with `replace` take the place of
        what is there. Coarse buckets are made again from the finest ring as far as it reaches back; where it does not,
        `buckets.join` says what one becomes: exactly what its samples make of it, if a chunk holds all of them, or all that
        are older than what is there.
        """
        rows, values = last_of_each(rows, values)
        reach = self.end_s - self._fine.size * self.step_s
        inside = time_s > reach
        if self.end_s and not inside.all():
            first_s = self.first_s[rows]
            self._begin(rows, time_s, values)
            parted = time_s <= reach + max(LONG_STEP_S, self.step_s)  # also buckets that only begin before the finest ring
            relative = values[:, parted] - self.offset[rows][:, None]
            for ring in self._coarse:
                join(ring, self.step_s, rows, time_s[parted], relative, first_s, (reach, self.end_s), replace)
        else:
            inside[:] = True
        if inside.any():
            time_s, values = time_s[inside], values[:, inside]
            had = self.value_at(rows, time_s)
            self.append(rows, time_s, np.where(np.isfinite(values) & (replace | np.isnan(had)), values, had))

    def value_at(self, rows: Ints, time_s: Ints) -> NDArray[np.float64]:
        """(k, t) values of the finest resolution at instants `time_s` (t,); NaN where it has none."""
        held = (time_s > self.end_s - self._fine.size * self.step_s) & (time_s <= self.end_s)
        block = self._fine.cells(0, rows, time_s // self.step_s % self._fine.size)
        return np.where(held, self.offset[rows][:, None] + block, np.nan)

    @property
    def fine_count(self) -> int:
        """How many columns the finest resolution holds."""
        return self._fine.size

    def newest(self, columns: int) -> tuple[Ints, NDArray[np.float64]]:
        """The last `columns` of the finest resolution: (time_s (columns,), values (n, columns)), oldest first."""
        time_s = self.end_s - self.step_s * np.arange(columns - 1, -1, -1, dtype=np.int64)
        values = self._fine.take(0, slice(0, self.n), self.end_s // self.step_s, columns).astype(np.float64)
        return time_s, self.offset[: self.n, None] + values

    def coverage(self, rows: Ints, start_s: int, end_s: int) -> NDArray[np.float64]:
        """Share of grid points present in (start_s, end_s] per row, from the finest resolution that reaches back."""
        for ring in self._rings:
            end = min(end_s, self.end_s) // ring.step_s * ring.step_s
            count = -(-(end - start_s) // ring.step_s)
            if count <= 0:
                return np.ones(len(rows))
            if count < ring.size - (self.end_s - end) // ring.step_s:
                present = np.isfinite(ring.take(0, rows, end // ring.step_s, count)).mean(axis=1)
                asked = max(count, (end_s - start_s) // ring.step_s)
                share: NDArray[np.float64] = present * count / asked
                return share
        return np.zeros(len(rows))

    def save(self) -> None:
        """Write everything out; the description is replaced in one step, so a kill leaves the old or the new one."""
        if self.folder is not None:
            for ring in self._rings:
                ring.flush()
            self._describe()

    def close(self) -> None:
        """Save, as complete: nothing will be written until the next `open`."""
        if self.folder is not None:
            self.save()
            window_file.write(self.folder, replace(self._description(), clean=True))

    def _describe(self) -> None:
        assert self.folder is not None
        window_file.write(self.folder, self._description())

    def _description(self) -> Description:
        rows = {name: getattr(self, name)[: self.n] for name in ROW_ARRAYS}
        labels = [dict(x) for x in self.labels]
        progress = {feed: (one.read_s, one.todo) for feed, one in self.progress.items()}
        rings = [ring.path.name for ring in self._rings if ring.path is not None]
        return Description(self.id, self.step_s, self.query, self.end_s, self.begin_s, labels, rows, progress, rings)
