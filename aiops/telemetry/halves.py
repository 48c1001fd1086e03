"""A range that a source does not answer in one piece: asked for in halves, and what is not to be had is named."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import Labels, key
from aiops.core.records import Floats, Ints, Remark
from aiops.core.text import visible
from aiops.telemetry.link import AWAY, Piece

SMALLEST_S = 3600
"""A range of up to this is not halved any more."""

Ask = Callable[[int, int], Piece]


def in_halves(ask: Ask, start_s: int, end_s: int, step_s: int) -> Piece:
    """What `ask` gives of [start_s, end_s], in one piece or in several put together, with a remark on each span that is missing.

    Raises SourceError when the source is away, and when it refuses the newest hour as well: then it is not the size.
    """
    try:
        return ask(start_s, end_s)
    except SourceError as e:
        if e.kind in AWAY or end_s - start_s <= SMALLEST_S:
            raise
    ask((end_s - SMALLEST_S) // step_s * step_s + step_s, end_s)
    pieces, lost = _halves(ask, start_s, end_s, step_s)
    whole = joined(pieces, np.arange(start_s, end_s + 1, step_s, dtype=np.int64))
    return replace(whole, partial=(*whole.partial, *lost))


def _halves(ask: Ask, start_s: int, end_s: int, step_s: int) -> tuple[list[Piece], list[Remark]]:
    middle = (start_s + end_s) // 2 // step_s * step_s
    pieces, lost = list[Piece](), list[Remark]()
    for first, last in ((start_s, middle), (middle + step_s, end_s)):
        try:
            pieces.append(ask(first, last))
        except SourceError as e:
            if e.kind in AWAY:
                raise
            if last - first <= SMALLEST_S:
                lost.append(unread(first, last, e))
                continue
            more, gone = _halves(ask, first, last, step_s)
            pieces += more
            lost += gone
    return pieces, lost


def unread(start_s: int, end_s: int, error: SourceError) -> Remark:
    """What is said of a span that could not be read."""
    start, end = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ") for at in (start_s, end_s))
    return Remark(visible(f"history from {start} to {end} is missing: {error.kind}: {error.message}", 400))


def joined(pieces: Sequence[Piece], time_s: Ints) -> Piece:
    """Pieces of other instants of one query as one on `time_s` (t,): where a series is in some of them only, NaN.

    Raises ValueError without any piece.
    """
    if not pieces:
        raise ValueError("nothing to put together")
    place, labels = dict[str, int](), list[Labels]()
    for piece in pieces:
        for one in piece.labels:
            if place.setdefault(key(one), len(labels)) == len(labels):
                labels.append(one)
    rows = [np.array([place[key(one)] for one in piece.labels], np.int64) for piece in pieces]
    depth = max(len(piece.layers) for piece in pieces)
    layers = tuple(_layer(pieces, rows, i, (len(labels), len(time_s)), time_s) for i in range(depth))
    notes = tuple(dict.fromkeys(note for piece in pieces for note in piece.partial))
    lineage = replace(pieces[-1].lineage, start_s=int(time_s[0]), end_s=int(time_s[-1]), partial=notes)
    return Piece(tuple(labels), time_s, layers, lineage, notes)


def _layer(
    pieces: Sequence[Piece], rows: Sequence[Ints], depth: int, shape: tuple[int, int], time_s: Ints
) -> tuple[Ints | None, Floats]:
    values, there = np.full(shape, np.nan), np.zeros(shape[0], bool)
    for piece, mine in zip(pieces, rows, strict=True):
        if depth >= len(piece.layers):
            continue
        at, found = piece.layers[depth]
        chosen = mine if at is None else mine[at]
        column = int(np.searchsorted(time_s, piece.time_s[0]))
        values[chosen, column : column + found.shape[1]] = found
        there[chosen] = True
    return (None, values) if depth == 0 else (np.flatnonzero(there), values[there])
