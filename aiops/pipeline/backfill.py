"""Older history, spread over later turns: so that the first turn is quick and no turn reads for long.

The window takes each chunk at once. A detector learns in order, so an apprentice beside it goes through the older chunks and then
through everything newer, until it has come to where the detector is; then it takes its place. The newest columns come out of the
finest ring; what has left it meanwhile is read once more.
"""

from __future__ import annotations

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Floats, Ints
from aiops.pipeline import silences
from aiops.pipeline.evaluate import learn
from aiops.pipeline.feed import Feed
from aiops.pipeline.mask import masked_at
from aiops.pipeline.read import progress_of
from aiops.pipeline.rows import extended
from aiops.pipeline.watch import Apprentice, Watch
from aiops.symptoms import absence
from aiops.telemetry.halves import in_halves, unread
from aiops.telemetry.link import AWAY, Piece, Range

Notes = tuple[str, ...]

TURN_SAMPLES = 1_000_000
"""Samples of older history read in one turn at most."""
BUCKET_S = 3600
"""Chunks begin and end on the coarsest grid: a bucket is whole or not there."""
CHUNK_ROWS = 4096
"""Rows whose newest columns are copied at once."""


def fill_in(watch: Watch) -> Notes:
    """Read one chunk of what is still to be read of older history; remarks on what of it is not to be had.

    A source that is away is asked again in a later turn: nothing is lost by it. What it refuses is asked for in smaller pieces.
    """
    for feed in watch.feeds:
        todo = progress_of(watch, feed).todo
        if todo and feed.error is None:
            return _chunk(watch, feed, todo)
    return _catch_up(watch)


def missing(watch: Watch) -> int:
    """Seconds of history that are still to be read, over all feeds."""
    return sum(end - start + watch.step_s for feed in watch.feeds for start, end in progress_of(watch, feed).todo)


def _chunk(watch: Watch, feed: Feed, todo: list[Range]) -> Notes:
    start, stop = _next(watch, todo)
    piece, notes = _asked(watch, feed, start, stop)
    if piece is None:
        if notes:
            _done(watch, todo, start, stop)
        return notes
    rows = watch.rows_of_labels(piece.labels)
    watch.grow()
    if watch.detector is not None and watch.apprentice is None and start < watch.window.begin_s:
        watch.apprentice = Apprentice(
            watch.detector.initial(watch.n), 0, absence.initial(watch.n) if watch.tells_absence else {}
        )
    for at, values in piece.layers:  # the preferred first: the next ones fill its gaps
        watch.window.fill(rows if at is None else rows[at], piece.time_s, values)
    _done(watch, todo, start, stop)
    _teach(watch, feed, piece.time_s, *_leading(piece, rows))
    if watch.apprentice is not None:
        watch.apprentice.seen_s = max(watch.apprentice.seen_s, stop)
    return notes


def _next(watch: Watch, todo: list[Range]) -> Range:
    """The next chunk: the oldest where a detector learns in order, else the newest, which forecasts need first."""
    if watch.detector is not None:
        start, end = todo[0]
        return start, min(end, _stop(watch, start))
    start, end = todo[-1]
    buckets = (_stop(watch, start) - start) // BUCKET_S
    return max(start, (end // BUCKET_S - max(1, buckets)) * BUCKET_S // watch.step_s * watch.step_s + watch.step_s), end


def _done(watch: Watch, todo: list[Range], start: int, stop: int) -> None:
    """Take a chunk off what is still to be read."""
    if watch.detector is not None:
        todo[0] = (stop + watch.step_s, todo[0][1])
    else:
        todo[-1] = (todo[-1][0], start - watch.step_s)
    todo[:] = [(first, last) for first, last in todo if first <= last]


def _asked(watch: Watch, feed: Feed, start: int, stop: int) -> tuple[Piece | None, Notes]:
    """(what came of a range, remarks); None without any remark: the source is away."""
    card, step = watch.card, watch.step_s
    try:
        piece = in_halves(lambda first, last: feed.link.ask(card.query, first, last, step, card.unit), start, stop, step)
    except SourceError as e:
        return None, () if e.kind in AWAY else (unread(start, stop, e),)
    return piece, piece.partial


def _leading(piece: Piece, rows: Ints) -> tuple[Ints, Floats]:
    at, values = piece.layers[0]
    return (rows if at is None else rows[at]), values


def _stop(watch: Watch, start: int) -> int:
    """The last instant of the chunk that begins at `start`."""
    buckets = max(1, TURN_SAMPLES // max(watch.n, 1) * watch.step_s // BUCKET_S)
    return (start // BUCKET_S + buckets) * BUCKET_S // watch.step_s * watch.step_s


def _teach(watch: Watch, feed: Feed | None, time_s: Ints, rows: Ints, values: Floats) -> None:
    """Let the apprentice learn columns (k, t) of some rows, as far as it has not seen them; `feed`: whose, None = all."""
    learner = watch.apprentice
    if learner is None or watch.detector is None:
        return
    more = watch.n - len(next(iter(learner.state.values())))
    if more:
        learner.state = extended(learner.state, watch.detector.initial(more))
    new = time_s > learner.seen_s
    if new.any():
        masked = masked_at(watch, time_s[new])[rows]
        learn(watch, learner.state, rows, time_s[new], np.where(masked, np.nan, values[:, new]))
        silences.teach(watch, learner, feed, rows, time_s[new], values[:, new])


def _catch_up(watch: Watch) -> Notes:
    """Bring the apprentice through what is newer than the older history; once it is through, it takes over."""
    learner, window, step = watch.apprentice, watch.window, watch.step_s
    if learner is None:
        return ()
    begins, notes = window.end_s - (window.fine_count - 1) * step, Notes()
    if learner.seen_s + step < begins:
        notes = _read_again(watch, learner.seen_s + step, begins - step)
        if learner.seen_s + step < begins:  # in the next turn the ring begins later again
            return notes
    time_s = np.arange(max(begins, learner.seen_s + step), window.end_s + 1, step, dtype=np.int64)
    many = max(watch.n, 1) if watch.cohorts.names else CHUNK_ROWS  # what one row knows may be what another one starts from
    for first in range(0, watch.n, many):
        rows = np.arange(first, min(first + many, watch.n))
        _teach(watch, None, time_s, rows, window.value_at(rows, time_s))
    learner.seen_s = window.end_s
    if (watch.seen_s == window.end_s).all():  # else rows whose source is away would be taken for further than they are
        silences.take_over(watch, learner)
        watch.detector_state, watch.apprentice, watch.final = learner.state, None, None
    return notes


def _read_again(watch: Watch, start: int, end: int) -> Notes:
    """Columns that left the finest ring while older ones were read."""
    stop, notes = min(end, _stop(watch, start)), list[str]()
    for feed in watch.feeds:
        piece, more = _asked(watch, feed, start, stop)
        notes += more
        if piece is None and not more:
            return tuple(notes)
        if piece is not None:
            rows = watch.rows_of_labels(piece.labels)
            watch.grow()
            _teach(watch, feed, piece.time_s, *_leading(piece, rows))
    assert watch.apprentice is not None
    watch.apprentice.seen_s = stop
    return tuple(notes)
