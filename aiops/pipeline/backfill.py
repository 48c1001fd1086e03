"""Older history, spread over later turns: so that the first turn is quick and no turn reads for long.

The window takes each chunk at once. A detector learns in order, so an apprentice beside it goes through the older chunks and then
through everything newer, until it has come to where the detector is; then it takes its place. The newest columns come out of the
finest ring; what has left it meanwhile is read once more.
"""

from __future__ import annotations

import numpy as np

from aiops.core.errors import SourceError
from aiops.core.records import Floats, Ints
from aiops.pipeline.evaluate import learn
from aiops.pipeline.mask import masked_at
from aiops.pipeline.read import progress_of
from aiops.pipeline.rows import extended
from aiops.pipeline.watch import Apprentice, Feed, Watch
from aiops.telemetry.link import Piece, Range

TURN_SAMPLES = 1_000_000
"""Samples of older history read in one turn at most."""
BUCKET_S = 3600
"""Chunks begin and end on the coarsest grid: a bucket is whole or not there."""
CHUNK_ROWS = 4096
"""Rows whose newest columns are copied at once."""


def fill_in(watch: Watch) -> int:
    """Read one chunk of what is still to be read of older history; how many samples came, 0 = none are missing, or not now.

    A source that fails is asked again in a later turn: nothing is lost by it.
    """
    for feed in watch.feeds:
        todo = progress_of(watch, feed).todo
        if todo and feed.error is None:
            return _chunk(watch, feed, todo)
    return _catch_up(watch)


def missing(watch: Watch) -> int:
    """Seconds of history that are still to be read, over all feeds."""
    return sum(end - start + watch.step_s for feed in watch.feeds for start, end in progress_of(watch, feed).todo)


def _chunk(watch: Watch, feed: Feed, todo: list[Range]) -> int:
    start, stop = _next(watch, todo)
    piece = _asked(watch, feed, start, stop)
    if piece is None:
        if feed.link.breaker.error is None:  # it is not away: this range it will never answer
            _done(watch, todo, start, stop)
        return 0
    rows = watch.rows_of_labels(piece.labels)
    watch.grow()
    if watch.detector is not None and watch.apprentice is None and start < watch.window.begin_s:
        watch.apprentice = Apprentice(watch.detector.initial(watch.n), 0)
    for at, values in piece.layers:  # the preferred first: the next ones fill its gaps
        watch.window.fill(rows if at is None else rows[at], piece.time_s, values)
    _done(watch, todo, start, stop)
    _teach(watch, piece.time_s, *_leading(piece, rows))
    if watch.apprentice is not None:
        watch.apprentice.seen_s = max(watch.apprentice.seen_s, stop)
    return sum(values.size for _, values in piece.layers)


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


def _asked(watch: Watch, feed: Feed, start: int, stop: int) -> Piece | None:
    try:
        return feed.link.ask(watch.card.query, start, stop, watch.step_s, watch.card.unit)
    except SourceError:
        return None


def _leading(piece: Piece, rows: Ints) -> tuple[Ints, Floats]:
    at, values = piece.layers[0]
    return (rows if at is None else rows[at]), values


def _stop(watch: Watch, start: int) -> int:
    """The last instant of the chunk that begins at `start`."""
    buckets = max(1, TURN_SAMPLES // max(watch.n, 1) * watch.step_s // BUCKET_S)
    return (start // BUCKET_S + buckets) * BUCKET_S // watch.step_s * watch.step_s


def _teach(watch: Watch, time_s: Ints, rows: Ints, values: Floats) -> None:
    """Let the apprentice learn columns (k, t) of some rows, as far as it has not seen them."""
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


def _catch_up(watch: Watch) -> int:
    """Bring the apprentice through what is newer than the older history; once it is through, it takes over."""
    learner, window, step = watch.apprentice, watch.window, watch.step_s
    if learner is None:
        return 0
    begins = window.end_s - (window.fine_count - 1) * step
    if learner.seen_s + step < begins:
        return _read_again(watch, learner.seen_s + step, begins - step)
    time_s = np.arange(max(begins, learner.seen_s + step), window.end_s + 1, step, dtype=np.int64)
    many = max(watch.n, 1) if watch.cohorts.names else CHUNK_ROWS  # what one row knows may be what another one starts from
    for first in range(0, watch.n, many):
        rows = np.arange(first, min(first + many, watch.n))
        _teach(watch, time_s, rows, window.value_at(rows, time_s))
    learner.seen_s = window.end_s
    if (watch.seen_s == window.end_s).all():  # else rows whose source is away would be taken for further than they are
        watch.detector_state, watch.apprentice, watch.final = learner.state, None, None
    return 0


def _read_again(watch: Watch, start: int, end: int) -> int:
    """Columns that left the finest ring while older ones were read."""
    stop, asked = min(end, _stop(watch, start)), 0
    for feed in watch.feeds:
        piece = _asked(watch, feed, start, stop)
        if piece is None:
            return asked
        rows = watch.rows_of_labels(piece.labels)
        watch.grow()
        _teach(watch, piece.time_s, *_leading(piece, rows))
        asked += piece.layers[0][1].size
    assert watch.apprentice is not None
    watch.apprentice.seen_s = stop
    return asked
