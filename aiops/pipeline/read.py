"""Step 1 of a turn: read what is missing, and no more, into the window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops.core.labels import Labels
from aiops.core.records import Bools, Floats, Ints
from aiops.pipeline.mask import masked_at
from aiops.pipeline.watch import Watch

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
    times, values, partial = [], [], []
    while start <= end:
        stop = min(end, start + span - watch.step_s)
        time_s, part, notes = _fetch(watch, start, stop)
        times.append(time_s)
        values.append(part)
        partial += [note for note in notes if note not in partial]
        start = stop + watch.step_s
    rows = watch.n
    padded = [np.vstack([v, np.full((rows - len(v), v.shape[1]), np.nan)]) if len(v) < rows else v for v in values]
    time_s = np.concatenate(times)
    return Reading(time_s, np.hstack(padded), masked_at(watch, time_s), tuple(partial))


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


def _fetch(watch: Watch, start: int, end: int) -> tuple[Ints, Floats, tuple[str, ...]]:
    answer = watch.source.fetch(watch.card.query, start, end, watch.step_s, watch.card.unit)
    block = answer.block
    labels: list[Labels] = list(block.labels)
    if watch.external_labels:
        labels = [{**watch.external_labels, **one} for one in labels]
    rows = watch.window.rows_for(labels, watch.shift_s(labels) if watch.shift_s else 0)
    watch.window.append(rows, block.time_s, block.values)
    watch.grow()
    watch.lineage = block.lineage
    if len(rows) == watch.n and np.array_equal(rows, np.arange(watch.n)):
        return block.time_s, block.values, answer.partial
    values = np.full((watch.n, len(block.time_s)), np.nan)
    values[rows] = block.values
    return block.time_s, values, answer.partial
