"""Many queries of one source, read as if they were one: each series says which part of it it is.

Short queries are asked together, as `label_replace(a, …) or label_replace(b, …)`, each marked by a label of its own: a thousand
small answers cost more in requests than in samples. One that the source refuses is asked alone from then on, at nobody's cost.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from urllib.parse import quote

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import Labels
from aiops.core.records import Floats, Ints, Lineage, Remark
from aiops.core.remembered import LabelSets
from aiops.core.text import visible
from aiops.telemetry.halves import in_halves, unread
from aiops.telemetry.link import AWAY, Link, Piece

PART, QUERY = "aiops_part", "aiops_query"
"""The label that names the part; the one that tells queries apart that are asked together."""
COUNTED = 5
"""So many parts are asked at which hours they had series: that is how far back there is anything."""
TOGETHER, LONGEST, COLUMNS = 8, 4000, 120
"""Queries asked together at most, their length as it stands in a URL (proxies take 8 kB), and instants: more are asked alone."""
SHARES = 16


@dataclass(frozen=True, slots=True, eq=False)
class _Group:
    """What one request gave for its queries, in order; `place`: query to the rows (k,) of the answer that are its."""

    piece: Piece
    place: Mapping[str, Ints]


@dataclass(frozen=True, slots=True, eq=False)
class _Order:
    """How answers, one below the other, become the whole: `take` (n,) their rows; the very same while no label set changes."""

    of: tuple[object, ...]
    labels: LabelSets
    take: Ints


class PartsLink(Link):
    """What `base` says of each of `parts` (name to query), one after the other; a query of several names is asked once.

    A part that the source refuses is left out and stands in `errors` (query to error); one that cannot be asked at all raises,
    as the source is away then.
    """

    def __init__(self, base: Link, query: str) -> None:
        super().__init__(base.source, base.labels, base.priority, base.lateness_s)
        self.base, self.query, self.breaker, self.at_once = base, query, base.breaker, base.at_once
        self.parts: Mapping[str, str] = {}
        self.errors: dict[str, SourceError] = {}
        self._fan: ThreadPoolExecutor | None = None
        self._alone: set[str] = set()
        self._places: dict[tuple[str, ...], tuple[LabelSets, Mapping[str, Ints]]] = {}
        self._order = _Order((), (), np.zeros(0, np.int64))

    @property
    def shares(self) -> int:
        """See `Link.shares`."""
        return min(SHARES, max(1, len(self.parts)))

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
        time_s = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        queries = list(dict.fromkeys(parts.values()))
        groups = list(_together(queries, self._alone)) if len(time_s) <= COLUMNS else [(one,) for one in queries]
        asked = [self._fan.submit(self._group, one, start_s, end_s, step_s, unit) for one in groups]
        found: list[_Group] = []
        try:
            for future in asked:
                found += future.result()
        finally:
            for future in asked:
                future.cancel()
        self.base.newest_s = max(self.base.newest_s, end_s)
        return self._whole(parts, found, time_s, self._refused(queries, start_s, end_s))

    def _refused(self, queries: Sequence[str], start_s: int, end_s: int) -> tuple[str, ...]:
        """What is said of parts whose history was asked for and refused."""
        found = [(one, self.errors[one]) for one in queries if end_s > start_s and one in self.errors]
        return tuple(Remark(f"{visible(one, 200)}: {unread(start_s, end_s, error)}") for one, error in found)

    def close(self) -> None:
        """Let go of threads; the source is the base's."""
        for pool in (self._pool, self._fan):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def _group(self, queries: tuple[str, ...], start_s: int, end_s: int, step_s: int, unit: str) -> list[_Group]:
        """What was answered to some queries: together, or alone where that is refused."""
        text = queries[0] if len(queries) == 1 else " or ".join(_marked(i, one) for i, one in enumerate(queries))

        def ask(first_s: int, last_s: int) -> Piece:
            return self.base.ask(text, first_s, last_s, step_s, unit)

        try:
            piece = ask(start_s, end_s) if len(queries) > 1 else in_halves(ask, start_s, end_s, step_s)
        except SourceError as e:
            if e.kind in AWAY:
                raise
            if len(queries) == 1:
                self.errors[queries[0]] = e
                return []
            self._alone.update(queries)
            return [found for one in queries for found in self._group((one,), start_s, end_s, step_s, unit)]
        for one in queries:
            self.errors.pop(one, None)
        return [_Group(piece, self._placed(queries, piece.labels))]

    def _placed(self, queries: tuple[str, ...], labels: LabelSets) -> Mapping[str, Ints]:
        if len(queries) == 1:
            return {queries[0]: np.arange(len(labels))}
        known = self._places.get(queries)
        if known is None or known[0] is not labels:
            rows: dict[str, list[int]] = {one: [] for one in queries}
            for row, one in enumerate(labels):
                rows[queries[int(one[QUERY])]].append(row)
            known = self._places[queries] = labels, {one: np.array(at, np.int64) for one, at in rows.items()}
        return known[1]

    def _whole(self, parts: Mapping[str, str], found: Sequence[_Group], time_s: Ints, refused: tuple[str, ...]) -> Piece:
        start, end = int(time_s[0]), int(time_s[-1])
        if not found:
            lineage = Lineage(self.name, self.query, start, end, partial=refused)
            return Piece((), time_s, ((None, np.zeros((0, len(time_s)))),), lineage, refused)
        pieces = [one.piece for one in found]
        order = self._ordered(parts, found)
        notes = tuple(dict.fromkeys([*(note for piece in pieces for note in piece.partial), *refused]))
        lineage = replace(pieces[0].lineage, query=self.query, partial=notes)
        layers = tuple(_layer(pieces, depth, order.take) for depth in range(max(len(piece.layers) for piece in pieces)))
        return Piece(order.labels, time_s, layers, lineage, notes)

    def _ordered(self, parts: Mapping[str, str], found: Sequence[_Group]) -> _Order:
        of: tuple[object, ...] = (parts, *(one.piece.labels for one in found))
        known = self._order.of
        if len(of) == len(known) and all(a is b for a, b in zip(of, known, strict=True)):
            return self._order
        names: dict[str, list[str]] = {}
        for name, query in parts.items():
            names.setdefault(query, []).append(name)
        take, labels, first = [np.zeros(0, np.int64)], list[Labels](), 0
        for one in found:
            for query, rows in one.place.items():
                for name in names[query]:
                    take.append(first + rows)
                    labels += (_as_part(one.piece.labels[row], name) for row in rows.tolist())
            first += len(one.piece.labels)
        order = _Order(of, tuple(labels), np.concatenate(take))
        if parts is self.parts:
            self._order = order
        return order


def part_of(labels: Labels) -> str:
    """Which part a series is of."""
    return labels.get(PART, "")


def _as_part(labels: Labels, name: str) -> Labels:
    return {**{k: v for k, v in labels.items() if k != QUERY}, PART: name}


def _marked(number: int, query: str) -> str:
    return f'label_replace({query}, "{QUERY}", "{number}", "", "")'


def _together(queries: Iterable[str], alone: set[str]) -> Iterator[tuple[str, ...]]:
    """Queries that are asked together."""
    some, size = list[str](), 0
    for one in queries:
        length = len(quote(_marked(0, one))) + 8
        if one in alone or length > LONGEST:
            yield (one,)
            continue
        if some and (len(some) == TOGETHER or size + length > LONGEST):
            yield tuple(some)
            some, size = [], 0
        some.append(one)
        size += length
    if some:
        yield tuple(some)


def _layer(pieces: Sequence[Piece], depth: int, take: Ints) -> tuple[Ints | None, Floats]:
    """One layer of all answers: its rows of the whole, None = all of them in order."""
    values, there, whole = [], [], True
    for piece in pieces:
        rows, found = piece.layers[depth] if depth < len(piece.layers) else (np.zeros(0, np.int64), np.zeros((0, 0)))
        if rows is None:
            values.append(found)
            there.append(np.ones(len(found), bool))
            continue
        whole = False
        spread, has = np.full((len(piece.labels), len(piece.time_s)), np.nan), np.zeros(len(piece.labels), bool)
        if len(rows):
            spread[rows], has[rows] = found, True
        values.append(spread)
        there.append(has)
    every: Floats = np.concatenate(values)[take]
    if whole:
        return None, every
    mine = np.flatnonzero(np.concatenate(there)[take])
    return mine, every[mine]
