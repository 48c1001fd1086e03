"""Several queries of one source, read as if they were one: each series says which part of it it is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import Labels
from aiops.core.records import Floats, Ints, Lineage
from aiops.core.remembered import LabelSets
from aiops.telemetry.link import AWAY, Link, Piece

PART = "aiops_part"
"""The label that names the part."""
COUNTED = 5
"""So many parts are asked at which hours they had series: that is how far back there is anything."""


class PartsLink(Link):
    """What `base` says of each of `parts` (name to query), side by side; a query of several names is asked once.

    A part that the source refuses is left out and stands in `errors` (query to error); one that cannot be asked at all raises,
    as the source is away then.
    """

    def __init__(self, base: Link, query: str) -> None:
        super().__init__(base.source, base.labels, base.priority, base.lateness_s)
        self.base, self.query, self.breaker, self.at_once = base, query, base.breaker, base.at_once
        self.parts: Mapping[str, str] = {}
        self.errors: dict[str, SourceError] = {}
        self._fan: ThreadPoolExecutor | None = None
        self._marked: dict[str, tuple[LabelSets, LabelSets]] = {}
        self._joined: tuple[tuple[int, ...], LabelSets] = ((), ())

    def expect(self, query: str, step_s: int) -> None:
        """Nobody else asks for all parts at once."""

    def counted(self, query: str) -> str:
        """See `Link.counted`."""
        some = ["up", *dict.fromkeys(self.parts.values())][: COUNTED + 1]
        return " or ".join(f"count({one})" for one in some)

    def ask(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Piece:
        """All parts; any other query as it is. Raises SourceError."""
        if query != self.query:
            return self.base.ask(query, start_s, end_s, step_s, unit)
        return self.ask_parts(self.parts, start_s, end_s, step_s, unit)

    def ask_parts(self, parts: Mapping[str, str], start_s: int, end_s: int, step_s: int, unit: str = "1") -> Piece:
        """Some parts. Raises SourceError."""
        if self._fan is None:
            self._fan = ThreadPoolExecutor(self.at_once, thread_name_prefix=f"parts {self.name}")
        queries = list(dict.fromkeys(parts.values()))
        asked = [self._fan.submit(self.base.ask, one, start_s, end_s, step_s, unit) for one in queries]
        found: dict[str, Piece] = {}
        try:
            for query, future in zip(queries, asked, strict=True):
                try:
                    found[query] = future.result()
                    self.errors.pop(query, None)
                except SourceError as e:
                    if e.kind in AWAY:
                        raise
                    self.errors[query] = e
        finally:
            for future in asked:
                future.cancel()
        self.base.newest_s = max(self.base.newest_s, end_s)
        time_s = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        there = [(name, found[query]) for name, query in parts.items() if query in found]
        return self._side_by_side(there, time_s)

    def close(self) -> None:
        """Let go of threads; the source is the base's."""
        for pool in (self._pool, self._fan):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def _side_by_side(self, there: Sequence[tuple[str, Piece]], time_s: Ints) -> Piece:
        start, end = int(time_s[0]), int(time_s[-1])
        if not there:
            return Piece((), time_s, ((None, np.zeros((0, len(time_s)))),), Lineage(self.name, self.query, start, end))
        notes = tuple(dict.fromkeys(note for _, piece in there for note in piece.partial))
        lineage = replace(there[0][1].lineage, query=self.query, partial=notes)
        depth = max(len(piece.layers) for _, piece in there)
        layers = tuple(_layer(there, i, len(time_s)) for i in range(depth))
        return Piece(self._labels(there), time_s, layers, lineage, notes)

    def _labels(self, there: Sequence[tuple[str, Piece]]) -> LabelSets:
        """The very same tuple while no part's series change."""
        marked = [self._mark(name, piece.labels) for name, piece in there]
        who = tuple(id(one) for one in marked)
        if who != self._joined[0]:
            self._joined = who, tuple(labels for one in marked for labels in one)
        return self._joined[1]

    def _mark(self, name: str, labels: LabelSets) -> LabelSets:
        known = self._marked.get(name)
        if known is None or known[0] is not labels:
            known = self._marked[name] = labels, tuple({**one, PART: name} for one in labels)
        return known[1]


def part_of(labels: Labels) -> str:
    """Which part a series is of."""
    return labels.get(PART, "")


def _layer(there: Sequence[tuple[str, Piece]], depth: int, columns: int) -> tuple[Ints | None, Floats]:
    """One layer of all pieces: their rows, one piece after the other."""
    rows: list[Ints] = []
    values: list[Floats] = [np.zeros((0, columns))]
    first = 0
    whole = depth == 0
    for _, piece in there:
        if depth < len(piece.layers):
            at, found = piece.layers[depth]
            whole &= at is None
            rows.append(first + (np.arange(len(piece.labels)) if at is None else at))
            values.append(found)
        first += len(piece.labels)
    return None if whole else np.concatenate(rows), np.concatenate(values)
