"""A source as the plane uses it: bounded, shared between cards, gated, and left alone for a while when it fails."""

from __future__ import annotations

import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Block, Floats, Ints, Lineage
from aiops.core.remembered import LabelSets, Remembered
from aiops.telemetry.breaker import Breaker
from aiops.telemetry.identity import Identities, identities, with_external
from aiops.telemetry.source import Answer, Source

AWAY = frozenset({"unreachable", "timeout", "auth", "not_prometheus", "server_error"})
"""Kinds of errors that say something of the source, not of what it was asked."""
SHARED_COLUMNS, SHARED_ANSWERS = 2, 64
"""Answers of so few columns are kept for other cards while they are the newest, so many at most."""
SHARED_BYTES, SHARED_S = 64 * 2**20, 300.0
"""Longer ones only where other cards are known to ask the same: until they did, for so long, or until the room is needed."""
Admit = Callable[[Block], Block]
Range = tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """What one source said of the instants `time_s` (t,). `labels` (k,): identities. `layers`: (rows (m,) of `labels`, None = all
    in order; values (m, t)), the preferred first; more than one only where the source holds copies of one series.
    """

    labels: LabelSets
    time_s: Ints
    layers: tuple[tuple[Ints | None, Floats], ...]
    lineage: Lineage
    partial: tuple[str, ...] = ()


@dataclass(slots=True)
class _Kept:
    """An answer, or one under way, kept for `left` more askers, since `at_s`."""

    future: Future[Piece]
    left: int
    at_s: float
    size: int = 0


def _as_is(block: Block) -> Block:
    return block


class Link:
    """One source: its name, its external labels, its place among others, and what holds it in bounds.

    Higher `priority` is preferred. `lateness_s`: how late a sample may come and still count. `admit` decides what of a block
    may be used. One outage is one outage for all cards: see `Breaker`.
    """

    def __init__(
        self, source: Source[Any], labels: Mapping[str, str] | None = None, priority: int = 0, lateness_s: float = 0.0,
        admit: Admit = _as_is, without: Iterable[str] = (), pause_s: float = 1.0, clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self.source, self.labels, self.priority, self.lateness_s = source, dict(labels or {}), priority, lateness_s
        self.breaker, self._clock = Breaker(clock, pause_s), clock
        self.newest_s = 0
        self.at_once = source.limits.queries if source.concurrent else 1
        self._slots = threading.BoundedSemaphore(self.at_once)
        self._admit = admit
        self._external: Remembered[LabelSets] = Remembered(functools.partial(with_external, self.labels))
        self._identify: Remembered[Identities] = Remembered(functools.partial(identities, frozenset(without)))
        self._lock = threading.Lock()
        self._askers: Counter[tuple[str, int]] = Counter()
        self._recent: dict[tuple[str, int, int, int], _Kept] = {}
        self._pool: ThreadPoolExecutor | None = None

    @property
    def name(self) -> str:
        """The source's."""
        return self.source.name

    def expect(self, query: str, step_s: int) -> None:
        """One more card will ask this query at this step."""
        self._askers[query, step_s] += 1

    @property
    def shares(self) -> int:
        """Over how many queries the samples of one answer are spread: so many more may be asked for at once."""
        return 1

    def counted(self, query: str) -> str:
        """A query that has a value wherever this one has series."""
        return f"count({query})"

    def ask(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Piece:
        """What the source says; cards that ask for the same instants share one fetch. Raises SourceError."""
        others = self._askers[query, step_s] - 1
        if end_s - start_s < SHARED_COLUMNS * step_s:
            others = SHARED_ANSWERS
        if others <= 0:
            return self._asked(query, start_s, end_s, step_s, unit)
        name = query, start_s, end_s, step_s
        with self._lock:
            self._forget(end_s, step_s)
            kept = self._recent.get(name)
            mine = kept is None
            if kept is None:
                kept = self._recent[name] = _Kept(Future(), others, self._clock())
            else:
                kept.left -= 1
                if not kept.left:
                    del self._recent[name]
        if mine:
            self._answer(kept, name, unit)
        return kept.future.result()

    def _answer(self, kept: _Kept, name: tuple[str, int, int, int], unit: str) -> None:
        """Ask, for all that wait for it; a failure is theirs too, and is not kept."""
        query, start_s, end_s, step_s = name
        try:
            piece = self._asked(query, start_s, end_s, step_s, unit)
            kept.size = sum(values.nbytes for _, values in piece.layers)
            kept.future.set_result(piece)
        except SourceError as e:
            kept.future.set_exception(e)
        finally:
            if not kept.future.done():
                kept.future.set_exception(SourceError(self.name, "internal", "the read that was waited for failed"))
            if kept.future.exception() is not None:
                with self._lock:
                    self._recent.pop(name, None)

    def submit(self, query: str, ranges: Sequence[Range], step_s: int, unit: str) -> list[Future[Piece]]:
        """Ask for several ranges, as many at once as the source allows, on the source's own threads."""
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self.at_once, thread_name_prefix=f"source {self.name}")
        return [self._pool.submit(self.ask, query, start, end, step_s, unit) for start, end in ranges]

    def close(self) -> None:
        """Let go of threads and connections."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
        self.source.close()

    def _forget(self, end_s: int, step_s: int) -> None:
        """Let go of what nobody will ask for any more, or what takes too much room."""
        now, newest = self._clock(), [one for one in self._recent if one[2] - one[1] < SHARED_COLUMNS * one[3]]
        old = [one for one in newest if one[3] == step_s and one[2] < end_s] + newest[: max(0, len(newest) - SHARED_ANSWERS)]
        old += [one for one, kept in self._recent.items() if not 0 <= now - kept.at_s <= SHARED_S]
        for one in old:
            self._recent.pop(one, None)
        size = sum(kept.size for kept in self._recent.values())
        for one in list(self._recent):
            if size <= SHARED_BYTES:
                return
            size -= self._recent.pop(one).size

    def _asked(self, query: str, start_s: int, end_s: int, step_s: int, unit: str) -> Piece:
        with self._slots:
            entered, began = self.breaker.enter(), time.perf_counter()
            try:
                answer = self.source.fetch(query, start_s, end_s, step_s, unit)
                self.breaker.well()
            except SourceError as e:
                self.source.spent.add(queries=1, seconds=time.perf_counter() - began)
                if e.kind in AWAY:
                    self.breaker.failed(e, entered)
                else:
                    self.breaker.well()
                raise
            finally:
                self.breaker.let_go()
            samples = int(np.count_nonzero(~np.isnan(answer.block.values)))
            took = time.perf_counter() - began
            self.source.spent.add(queries=1, seconds=took, samples=samples, partial=bool(answer.partial))
        return self._piece(answer)

    def _piece(self, answer: Answer) -> Piece:
        block, labels = answer.block, self._external(tuple(answer.block.labels))
        block = self._admit(block if labels is block.labels else replace(block, labels=labels))
        found = self._identify(block.labels)
        layers: tuple[tuple[Ints | None, Floats], ...] = ((None, block.values),)
        if found.layers is not None:
            layers = tuple((rows, block.values[series]) for series, rows in found.layers)
        return Piece(found.labels, block.time_s, layers, block.lineage, answer.partial)
