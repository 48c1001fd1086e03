"""Answers that would be too large in one piece: asked for in spans of time, of each only the series that are wanted kept."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.labels import key
from aiops.core.records import Block, Ints
from aiops.scan.ask import Reader, Wanted

SPAN_SERIES = 75
"""14 days of so many series are one answer: larger ones take a busy server too long."""


def in_spans(reader: Reader, wanted: Wanted, series: int, keys: Collection[str], until: float) -> Block | SourceError | None:
    """What a query with about `series` series gives of those named by `keys`; why not; None where `until` came first."""
    spans, select = split(wanted, -(-series // SPAN_SERIES)), partial(chosen, keys=keys)
    read = reader.read(spans, until, select=select)
    late = [span for span, one in read.items() if isinstance(one, SourceError) and one.kind == "timeout"]
    read |= reader.read(late, until, select=select)  # by now fewer are asked at once
    blocks = [one for one in read.values() if isinstance(one, Block)]
    if len(blocks) < len(spans):
        return next((one for one in read.values() if isinstance(one, SourceError)), None)
    return joined(blocks, np.arange(wanted.start_s, wanted.end_s + 1, wanted.step_s))


def split(wanted: Wanted, count: int) -> list[Wanted]:
    """The same instants in `count` spans, in order; no more spans than instants.

    >>> split(Wanted("up", 0, 1200, 300), 2)
    [Wanted(query='up', start_s=0, end_s=600, step_s=300), Wanted(query='up', start_s=900, end_s=1200, step_s=300)]
    """
    instants = (wanted.end_s - wanted.start_s) // wanted.step_s + 1
    size = -(-instants // max(1, count))
    firsts = range(wanted.start_s, wanted.end_s + 1, size * wanted.step_s)
    return [wanted._replace(start_s=at, end_s=min(at + (size - 1) * wanted.step_s, wanted.end_s)) for at in firsts]


def chosen(block: Block, keys: Collection[str]) -> Block:
    """The series whose `labels.key` is among `keys`, in their order."""
    rows = [i for i, labels in enumerate(block.labels) if key(labels) in keys]
    return Block(tuple(block.labels[i] for i in rows), block.time_s, block.values[rows], block.unit, block.lineage)


def joined(parts: Sequence[Block], time_s: Ints) -> Block:
    """Spans of one query put together on `time_s` (t,); where a series is in some of them only, NaN.

    Raises ValueError for an instant that is not on it.
    """
    place: dict[str, int] = {}
    labels: list[Mapping[str, str]] = []
    for part in parts:
        for one in part.labels:
            if place.setdefault(key(one), len(labels)) == len(labels):
                labels.append(one)
    values = np.full((len(labels), len(time_s)), np.nan)
    for part in parts:
        columns = np.searchsorted(time_s, part.time_s)
        if not np.array_equal(np.take(time_s, columns, mode="clip"), part.time_s):
            raise ValueError("a span has instants of another grid")
        rows = np.array([place[key(one)] for one in part.labels], np.int64)
        values[np.ix_(rows, columns)] = part.values
    lineage = replace(parts[0].lineage, start_s=int(time_s[0]), end_s=int(time_s[-1]))
    return Block(tuple(dict(one) for one in labels), time_s, values, parts[0].unit, lineage)
