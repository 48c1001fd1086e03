"""Step 1 of a turn: read what is missing, and no more, into the window."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aiops.core.labels import Labels
from aiops.core.records import Bools, Floats, Ints
from aiops.pipeline.mask import masked_at
from aiops.pipeline.watch import Watch
from aiops.telemetry.source import Answer

CHUNK_SAMPLES = 250_000
"""Samples asked for at once, so that memory stays bounded while history is read."""
HOUR_S = 3600
BACKFILL_SAMPLES = 6_000_000
"""Samples read at first sight at most: many series start with less history, one turn never reads for long."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The new columns of a turn: `values` and `masked` (n, m) over all rows in the window's order, at `time_s` (m,)."""

    time_s: Ints
    values: Floats
    masked: Bools
    partial: tuple[str, ...] = ()


def read(watch: Watch, now_s: int) -> Reading:
    """Read what the window misses up to `now_s` and append it. Raises SourceError; the window then stays as it was."""
    oldest = watch.source.oldest_s()
    missing = watch.window.missing(now_s, watch.card.history_s, oldest)
    if missing is None:
        return Reading(np.zeros(0, np.int64), np.zeros((watch.n, 0)), np.zeros((watch.n, 0), bool))
    start, end = missing
    many = watch.n
    if many == 0 and end > start:
        start, many = _first_sight(watch, start, end, oldest is not None)
    span = max(watch.step_s, CHUNK_SAMPLES // max(many, 1) * watch.step_s)
    answers = []
    while start <= end:
        stop = min(end, start + span - watch.step_s)
        answers.append(watch.source.fetch(watch.card.query, start, stop, watch.step_s, watch.card.unit))
        start = stop + watch.step_s
    return _kept(watch, answers)


def _first_sight(watch: Watch, start: int, end: int, oldest_known: bool) -> tuple[int, int]:
    """(where history worth reading begins, how many series there are now).

    A source that does not know its oldest sample is asked how many series there were, an hour apart: otherwise a young
    server would be asked for weeks of seconds that it does not have.
    """
    query, step = watch.card.query, watch.step_s
    many = len(watch.source.fetch(query, end, end, step).block.labels)
    start = max(start, end - BACKFILL_SAMPLES // max(many, 1) * step)
    hours = np.arange(-(-start // HOUR_S) * HOUR_S, end + 1, HOUR_S)
    if oldest_known or not many:
        return (start if many or oldest_known else end), many
    if not len(hours):
        return start, many
    found = watch.source.fetch(f"count({query})", int(hours[0]), int(hours[-1]), HOUR_S).block.values
    known = hours[np.isfinite(found).any(axis=0)] if len(found) else hours[:0]
    oldest = int(known[0] if len(known) else end) - HOUR_S
    return max(start, oldest // step * step), many


def _kept(watch: Watch, answers: list[Answer]) -> Reading:
    """Put what was read into the window, all at once: what the window had and this turn did not would never be learnt."""
    rows_of = []
    for answer in answers:
        labels = _labelled(watch, answer.block.labels)
        rows_of.append(watch.window.rows_for(labels, watch.shift_s(list(labels)) if watch.shift_s else 0))
    for rows, answer in zip(rows_of, answers, strict=True):
        watch.window.append(rows, answer.block.time_s, answer.block.values)
    watch.grow()
    watch.lineage = answers[-1].block.lineage
    time_s = np.concatenate([answer.block.time_s for answer in answers])
    partial = tuple(dict.fromkeys(note for answer in answers for note in answer.partial))
    return Reading(time_s, _side_by_side(watch.n, rows_of, answers), masked_at(watch, time_s), partial)


def _labelled(watch: Watch, labels: Sequence[Labels]) -> Sequence[Labels]:
    """Label sets with the source's external labels; what a series says itself counts. The same answer gives the same list."""
    if not watch.external_labels:
        return labels
    if watch.labelled is None or watch.labelled[0] is not labels:
        watch.labelled = labels, [{**watch.external_labels, **one} for one in labels]
    return watch.labelled[1]


def _side_by_side(n: int, rows_of: list[Ints], answers: list[Answer]) -> Floats:
    """(n, m) the answers' values in the window's rows, NaN where an answer lacks a row."""
    whole = np.arange(n)
    parts: list[Floats] = []
    for rows, answer in zip(rows_of, answers, strict=True):
        values = answer.block.values
        if not np.array_equal(rows, whole):
            values = np.full((n, len(answer.block.time_s)), np.nan)
            values[rows] = answer.block.values
        parts.append(values)
    return parts[0] if len(parts) == 1 else np.hstack(parts)
