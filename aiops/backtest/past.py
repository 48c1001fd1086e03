"""What a source knows of the past, read once: kept on disk a query at a time, and a source that says it again.

A backtest asks the same instants of the same queries turn by turn, and so do its workers: a server is asked once for all of it.
What is read never says anything of later than is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.core.errors import SourceError
from aiops.core.folders import write_whole
from aiops.core.labels import key
from aiops.core.records import Block, Floats, Ints, Lineage
from aiops.core.remembered import LabelSets
from aiops.telemetry.link import AWAY
from aiops.telemetry.source import Answer, ReadLimits, Source

CHUNK_SAMPLES, COLUMNS_AT_MOST = 250_000, 10_000
"""What is asked for at once."""
SLAB = 512
"""Columns that are held in memory: turns ask for one after the other."""
HOUR_S = 3600
TOO_MUCH = frozenset({"too_many_points", "too_many_series", "too_many_bytes", "timeout"})
"""Errors after which half as much is asked for."""
Part = tuple[int, LabelSets, Floats]
Mark = Callable[[float], None]


@dataclass(slots=True, eq=False)
class Kept:
    """One query at one step: `values` (n, t) on disk, from `start_s` on; `first` (n,) the first column with a sample."""

    labels: LabelSets
    start_s: int
    step_s: int
    values: NDArray[np.float64]
    first: Ints
    _slab: tuple[int, NDArray[np.float64]] = field(default_factory=lambda: (0, np.zeros((0, 0))))
    _seen: tuple[LabelSets, Ints | None] | None = None

    def block(self, source: str, query: str, start_s: int, end_s: int, unit: str) -> Block:
        """The columns start … end of the series that were seen by then; nothing before it begins or after it ends."""
        times = np.arange(start_s, end_s + 1, self.step_s, dtype=np.int64)
        labels, rows = self._by((end_s - self.start_s) // self.step_s)
        low, high = (start_s - self.start_s) // self.step_s, (end_s - self.start_s) // self.step_s + 1
        a, b = max(low, 0), min(high, self.values.shape[1])
        out = np.full((len(labels), len(times)), np.nan)
        if b > a and len(labels):
            found = self._columns(a, b)
            out[:, a - low : b - low] = found if rows is None else found[rows]
        return Block(labels, times, out, unit, Lineage(source, query, start_s, end_s))

    def _columns(self, a: int, b: int) -> Floats:
        if b - a > SLAB:
            return self.values[:, a:b]
        at, slab = self._slab
        if not at <= a or b > at + len(slab):
            at = a
            slab = np.ascontiguousarray(self.values[:, a : a + SLAB].T)
            self._slab = at, slab
        return slab[a - at : b - at].T

    def _by(self, column: int) -> tuple[LabelSets, Ints | None]:
        """Series seen by a column, None = all; the very same tuple while they are the same."""
        rows = np.flatnonzero(self.first <= column)
        if self._seen is None or len(self._seen[0]) != len(rows):
            whole = len(rows) == len(self.labels)
            self._seen = (self.labels, None) if whole else (tuple(self.labels[i] for i in rows.tolist()), rows)
        return self._seen


class PastSource(Source[Any]):
    """Says what `inner` says of [begin_s, until_s], and asks it each query only once, also in a later run over `folder`.

    Raises SourceError as `inner` does.
    """

    def __init__(self, inner: Source[Any], folder: Path, begin_s: int, until_s: int) -> None:
        super().__init__(inner.name, inner.params, ReadLimits(samples=2**62))
        self.inner, self.folder, self.begin_s, self.until_s = inner, folder, begin_s, until_s
        self.notes: dict[str, None] = {}
        self._kept: dict[tuple[str, int], Kept] = {}
        self._rules: bytes | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`."""
        return Answer(self.kept(query, step_s).block(self.name, query, start_s, end_s, unit))

    def kept(self, query: str, step_s: int, mark: Mark = lambda _: None) -> Kept:
        """All of one query; `mark` hears which share of it was read. Raises SourceError."""
        name = query, step_s
        if name not in self._kept:
            start = -(-self._begins(query) // step_s) * step_s
            mark_of = "\0".join((self.name, query, str(step_s), str(start), str(self.until_s)))
            path = self.folder / hashlib.sha256(mark_of.encode()).hexdigest()[:24]
            found = _taken_up(path, start, step_s)
            self._kept[name] = self._read(path, query, start, step_s, mark) if found is None else found
        return self._kept[name]

    def _begins(self, query: str) -> int:
        """From where on there may be something: a server that does not know is asked how many series there were each hour."""
        known = self.folder / hashlib.sha256(f"{self.name}\0{query}\0{self.begin_s}\0{self.until_s}".encode()).hexdigest()[:24]
        if known.exists():
            return int(known.read_text())
        found, oldest = self.begin_s, self._inner_oldest()
        if oldest is not None:
            found = max(found, oldest)
        else:
            hours = -(-self.begin_s // HOUR_S) * HOUR_S
            try:
                block = self.inner.fetch(f"count({query})", hours, max(hours, self.until_s // HOUR_S * HOUR_S), HOUR_S).block
                some = np.flatnonzero(np.isfinite(block.values).any(axis=0))
                found = max(found, int(block.time_s[some[0]]) - HOUR_S) if len(some) else found
            except SourceError as e:
                if e.kind in AWAY:
                    raise
        known.write_text(str(found))
        return found

    def probe(self) -> str:
        """What there is."""
        return f"{len(self._kept)} queries kept of {self.name}"

    def oldest_s(self) -> int:
        """The first sample of what was read, or where the inner source says that it begins."""
        inner = self._inner_oldest()
        begins = [int(one.first.min()) * one.step_s + one.start_s for one in self._kept.values() if len(one.first)]
        return max(self.begin_s, inner if inner is not None else min(begins, default=self.begin_s))

    def _inner_oldest(self) -> int | None:
        """What the inner source said once: a recording reads all of itself to say it."""
        path = self.folder / hashlib.sha256(f"{self.name}\0oldest\0{self.begin_s}\0{self.until_s}".encode()).hexdigest()[:24]
        if not path.exists():
            found = self.inner.oldest_s()
            path.write_text("" if found is None else str(found))
        said = path.read_text()
        return int(said) if said else None

    def types(self, metrics: Collection[str]) -> Mapping[str, str]:
        """See `Source.types`."""
        return self.inner.types(metrics)

    def alerting_rules(self) -> bytes:
        """The rules as they are now: what they were is not known."""
        if self._rules is None:
            self._rules = self.inner.alerting_rules()
        return self._rules

    def close(self) -> None:
        """Let go of the inner source."""
        self.inner.close()

    def _read(self, path: Path, query: str, start: int, step: int, mark: Mark) -> Kept:
        end = self.until_s // step * step
        columns = max(0, (end - start) // step + 1)
        row: dict[str, int] = {}
        labels: list[Any] = []
        parts: list[tuple[int, Ints, Path]] = []
        for number, (at, found, values) in enumerate(self._parts(query, start, end, step)):
            for one in found:
                if row.setdefault(key(one), len(labels)) == len(labels):
                    labels.append(one)
            part = path.with_suffix(f".{number}.npy")
            np.save(part, values)
            parts.append((at, np.array([row[key(one)] for one in found], np.int64), part))
            mark((at + values.shape[1]) / columns)
        return _put(path, labels, parts, start, step, columns)

    def _parts(self, query: str, start: int, end: int, step: int) -> Iterator[Part]:
        """(first column, label sets, values) of one stretch after the other, some asked for at once."""
        if self.inner.oldest_s() is not None and not self.inner.concurrent:  # it is here already: one answer is in its own order
            yield from self._asked(query, start, end, step, start)
            return
        looks = sorted({start, (start + end) // 2 // step * step, end})
        many = max(len(self.inner.fetch(query, at, at, step).block.labels) for at in looks)
        span = min(COLUMNS_AT_MOST, max(1, CHUNK_SAMPLES // max(many, 1))) * step
        starts = list(range(start, end + 1, span))
        at_once = self.inner.limits.queries if self.inner.concurrent else 1
        with ThreadPoolExecutor(at_once) as pool:
            waiting: list[Future[list[Part]]] = []
            for first in starts + [None] * (2 * at_once):
                if first is not None:
                    last = min(first + span - step, end)
                    waiting.append(pool.submit(lambda a, b: list(self._asked(query, a, b, step, start)), first, last))
                if waiting and (first is None or len(waiting) > 2 * at_once):
                    yield from waiting.pop(0).result()

    def _asked(self, query: str, first: int, last: int, step: int, start: int) -> Iterator[Part]:
        """One answer, or those of its halves where it would be too large."""
        try:
            answer = self.inner.fetch(query, first, last, step)
        except SourceError as e:
            if e.kind not in TOO_MUCH or last == first:
                raise
            middle = (first + last) // 2 // step * step
            yield from self._asked(query, first, middle, step, start)
            yield from self._asked(query, middle + step, last, step, start)
            return
        self.notes |= dict.fromkeys(answer.partial)
        yield (first - start) // step, tuple(answer.block.labels), answer.block.values


def _put(path: Path, labels: list[Any], parts: list[tuple[int, Ints, Path]], start: int, step: int, columns: int) -> Kept:
    """Join the parts on disk; series without any sample are left out."""
    raw = path.with_suffix(".part")
    first = np.full(len(labels), columns, np.int64)
    shape = max(1, len(labels)), max(1, columns)
    whole = np.lib.format.open_memmap(raw, "w+", np.float64, shape)
    for i in range(shape[0]):
        whole[i] = np.nan
    for at, rows, part in parts:
        values = np.load(part, allow_pickle=False)
        if len(rows):
            whole[rows, at : at + values.shape[1]] = values
            there = np.isfinite(values)
            some = np.where(there.any(axis=1), at + np.argmax(there, axis=1), columns)
            first[rows] = np.minimum(first[rows], some)
        part.unlink()
    whole.flush()
    del whole
    raw.replace(path.with_suffix(".npy"))
    facts = {"start_s": start, "step_s": step, "labels": labels, "first": first.tolist()}
    write_whole(path.with_suffix(".json"), orjson.dumps(facts))  # last: whatever is described is whole
    found = _taken_up(path, start, step)
    assert found is not None
    return found


def _taken_up(path: Path, start: int, step: int) -> Kept | None:
    """What an earlier run has read; None when there is nothing whole."""
    try:
        facts = orjson.loads(path.with_suffix(".json").read_bytes())
        values = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError):
        return None
    first = np.array(facts["first"], np.int64)
    some = first < values.shape[1]
    labels = tuple(one for one, there in zip(facts["labels"], some.tolist(), strict=True) if there)
    rows = values[: len(first)]
    return Kept(labels, start, step, rows if some.all() else rows[some], first[some])
