"""Step 1 of a turn: read what is missing, and no more, from every source, into one window."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from aiops.config.counters import metrics_of, raw_counter
from aiops.core.errors import SourceError, said
from aiops.core.records import Bools, Floats, Ints, Remark
from aiops.core.text import visible
from aiops.pipeline import limits
from aiops.pipeline.feed import Feed
from aiops.pipeline.mask import masked_at
from aiops.pipeline.quarantine import refuse
from aiops.pipeline.reading import Late, Reading
from aiops.pipeline.revise import provisional, put_final
from aiops.pipeline.watch import Watch
from aiops.telemetry.breaker import Resting
from aiops.telemetry.intake import Got, Kept, LabelsOf, Taken
from aiops.telemetry.link import AWAY, Link, Piece, Range
from aiops.telemetry.merge import Layer, Merged, merged
from aiops.telemetry.window_base import Progress

CHUNK_SAMPLES = 250_000
"""Samples asked for at once, so that memory stays bounded while history is read."""
HOUR_S = 3600
BACKFILL_SAMPLES = 6_000_000
"""Samples read at first sight at most; what is older comes in later turns, so that no turn reads for long."""


def read(watch: Watch, now_s: int) -> Reading:
    """Read what the window misses up to `now_s` and append it. Raises SourceError when no source could be asked; the window
    then stays as it was. A source that fails beside others costs the rows that only it delivers their new columns.
    """
    found = _ask_all(watch, now_s)
    errors = [one for one in found if isinstance(one, SourceError)]
    for feed, one in zip(watch.feeds, found, strict=True):
        feed.error = one if isinstance(one, SourceError) else None
    if len(errors) == len(found):
        raise next((e for e in errors if not isinstance(e, Resting)), errors[0])
    got = tuple(one for one in found if isinstance(one, Got) and one.pieces)
    taken = Taken(now_s, watch.judged_s, got, tuple(i for i, one in enumerate(found) if not isinstance(one, SourceError)))
    if watch.intake is not None and not watch.done_until(now_s):  # turns that are lived again are there, or cannot be
        watch.intake.append(taken, watch.identity, watch.window.labels, watch.rows_of_labels)
    return take_in(watch, taken)


def progress_of(watch: Watch, feed: Feed) -> Progress:
    """How far a feed was read."""
    return watch.window.progress.setdefault(feed.name, Progress())


def _ask_all(watch: Watch, now_s: int) -> list[Got | SourceError]:
    """What each feed gave, or why it could not; each source has threads and a deadline of its own."""
    if len(watch.feeds) == 1:
        return [_ask(watch, 0, now_s)]
    with ThreadPoolExecutor(len(watch.feeds)) as pool:
        return list(pool.map(lambda i: _ask(watch, i, now_s), range(len(watch.feeds))))


def _ask(watch: Watch, number: int, now_s: int) -> Got | SourceError:
    feed = watch.feeds[number]
    try:
        entered = feed.rest.enter()
    except Resting as error:
        return error
    try:
        pieces, older = _pieces(watch, feed, now_s)
        final = provisional(watch, feed, pieces)
        limit = limits.asked(watch, feed, pieces)
    except SourceError as error:
        if error.kind not in AWAY:  # those are the link's to remember, for all cards
            feed.rest.failed(error, entered)
        return error if isinstance(error, Resting) else said(error)
    finally:
        feed.rest.let_go()
    feed.rest.well()
    return Got(number, pieces, older, final, limit)


def _pieces(watch: Watch, feed: Feed, now_s: int) -> tuple[list[Piece], Range | None]:
    card, link, step = watch.card, feed.link, watch.step_s
    oldest = link.source.oldest_s()
    missing = watch.window.missing(feed.name, now_s, card.history_s, oldest)
    if missing is None:
        return [], None
    start, end = missing
    older: Range | None = None
    many = watch.n
    if end > start:
        first = start
        if not progress_of(watch, feed).read_s:
            first, many = _first_sight(watch, feed, start, end, oldest is not None)
        affordable = max(1, BACKFILL_SAMPLES // max(many, watch.n, 1))  # a small new source stands beside all other rows
        start = max(first, end - (affordable - 1) * step)
        if start > first:  # on the coarsest grid, so that every bucket comes whole from one side
            start = min(-(-start // HOUR_S) * HOUR_S // step * step + step, end)
        older = (first, start - step) if start > first else None
    span = max(1, CHUNK_SAMPLES * link.shares // max(many, 1)) * step
    edges = [start, *range((start // span + 1) * span, end + 1, span), end + step]  # the same for every card that asks the same
    ranges = [(a, b - step) for a, b in itertools.pairwise(edges)]
    if len(ranges) == 1:
        return [link.ask(card.query, start, end, step, card.unit)], older
    # of a source that failed one asks first: to those beside it the breaker would still tell the old error
    tried = [link.ask(card.query, *ranges.pop(0), step, card.unit)] if link.breaker.error is not None else []
    futures = link.submit(card.query, ranges, step, card.unit)
    try:
        return tried + [future.result() for future in futures], older
    finally:
        for future in futures:
            future.cancel()


def _first_sight(watch: Watch, feed: Feed, start: int, end: int, oldest_known: bool) -> tuple[int, int]:
    """(where there is history, how many series there are now).

    A source that does not know its oldest sample is asked how many series there were, an hour apart: otherwise a young
    server would be asked for weeks of seconds that it does not have.
    """
    query, step, link = watch.card.query, watch.step_s, feed.link
    many = len(link.ask(query, end, end, step).labels)
    _refuse_raw_counters(query, link)  # after it answered: one that is away is waited for once
    hours = np.arange(-(-start // HOUR_S) * HOUR_S, end + 1, HOUR_S)
    if oldest_known or not many:
        return (start if many or oldest_known else end), many
    if not len(hours):
        return start, many
    found = link.ask(link.counted(query), int(hours[0]), int(hours[-1]), HOUR_S).layers[0][1]
    known = hours[np.isfinite(found).any(axis=0)] if len(found) else hours[:0]
    oldest = int(known[0] if len(known) else end) - HOUR_S
    return max(start, oldest // step * step), many


def _refuse_raw_counters(query: str, link: Link) -> None:
    """Raises SourceError bad_query when the source says that something asked for raw is a counter."""
    metrics = metrics_of(query)
    types = link.source.types(metrics) if metrics else {}
    raw = raw_counter(query, types) if types else None
    if raw is not None:
        raise SourceError(link.name, "bad_query", visible(raw.message))


def take_in(watch: Watch, taken: Taken) -> Reading:
    """Put what was read into the window, all at once: what the window had and this turn did not would never be learnt."""
    got, window, step = taken.got, watch.window, watch.step_s
    if not got:
        return Reading(np.zeros(0, np.int64), np.zeros((watch.n, 0)), np.zeros((watch.n, 0), bool))
    places = {id(piece): watch.rows_of_labels(piece.labels) for one in got for piece in one.pieces}
    had = int(watch.seen_s.max(initial=0))
    watch.grow()
    start = min(int(one.pieces[0].time_s[0]) for one in got)
    end = max(int(one.pieces[-1].time_s[-1]) for one in got)
    time_s = np.arange(start, end + 1, step, dtype=np.int64)
    values, questions = refuse(watch, time_s, _merged(watch, got, places, time_s))
    everywhere = np.arange(watch.n)
    old = time_s <= window.end_s if window.end_s else np.zeros(len(time_s), bool)
    if old.any():
        window.fill(everywhere, time_s[old], values[:, old])
    if not old.all():
        window.append(everywhere, time_s[~old], values[:, ~old])
    for one in got:
        feed = watch.feeds[one.feed]
        progress = progress_of(watch, feed)
        progress.read_s = int(one.pieces[-1].time_s[-1])
        progress.todo += [one.older] if one.older else []
        feed.lineage, feed.partial = one.pieces[-1].lineage, _notes(one.pieces)
        feed.link.newest_s = max(feed.link.newest_s, progress.read_s)
        for piece in one.pieces:
            feed.sees(watch.n, places[id(piece)])
    limits.put(watch, got, end)
    finals = [put_final(watch, watch.feeds[one.feed], one.final) for one in got if one.final is not None]
    watch.trace()
    held = held_of(watch, taken.asked)
    new, notes = time_s > had, _said(watch, got) + tuple(map(Remark, questions))
    return Reading(
        time_s[new], values[:, new], masked_at(watch, time_s[new]), notes, held,
        _late(watch, time_s[~new], values[:, ~new], held), min(finals, default=0),
    )


def again(watch: Watch, kept: Kept, labels: LabelsOf) -> Reading | None:
    """Take in once more what an earlier life did; None when it does not fit what is known."""
    watch.rows_of_labels(kept.new)
    taken = kept.taken(labels)
    return None if taken is None else take_in(watch, taken)


def _notes(pieces: Iterable[Piece]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(note for piece in pieces for note in piece.partial))


def _said(watch: Watch, got: Sequence[Got]) -> tuple[str, ...]:
    """What the sources noted, each by its name where there are several."""
    by_name = len(watch.feeds) > 1
    return tuple(
        type(note)(f"{watch.feeds[one.feed].name}: {note}") if by_name else note for one in got for note in _notes(one.pieces)
    )


def _merged(watch: Watch, got: Sequence[Got], places: dict[int, Ints], time_s: Ints) -> Floats:
    """(n, t) one value for each series and instant; how far the sources agree is remembered."""
    whole = got[0].pieces[0]
    if len(got) == len(got[0].pieces) == len(whole.layers) == 1 and np.array_equal(places[id(whole)], np.arange(watch.n)):
        return whole.layers[0][1]
    by_feed = {one.feed: one for one in got}
    layers, copies = [], 0
    for number in (i for i in watch.preferred if i in by_feed):
        for piece in by_feed[number].pieces:
            copies = max(copies, len(piece.layers))
            column = (int(piece.time_s[0]) - int(time_s[0])) // watch.step_s
            rows = places[id(piece)]
            layers += [Layer(number, rows if at is None else rows[at], column, found) for at, found in piece.layers]
    found = merged(watch.n, len(time_s), layers)
    if len(got) > 1 or copies > 1:
        _compare(watch, found, int(time_s[-1]))
    return found.values


def _compare(watch: Watch, found: Merged, now_s: int) -> None:
    watch.disputed = True
    watch.agreement.observe(watch.dispute, found, watch.step_s, now_s)


def held_of(watch: Watch, asked: Sequence[int]) -> Bools | None:
    """(n,) rows that none of the feeds that answered is known to deliver; None when all feeds answered."""
    if len(asked) == len(watch.feeds):
        return None
    held = np.ones(watch.n, bool)
    for number in asked:
        seen = watch.feeds[number].seen
        held[: len(seen)] &= ~seen
    return held


def _late(watch: Watch, time_s: Ints, values: Floats, held: Bools | None) -> tuple[Late, ...]:
    """Older columns that the models of some rows have not seen yet."""
    if not len(time_s):
        return ()
    out = []
    behind = watch.seen_s < time_s[-1]
    if held is not None:
        behind &= ~held
    behind &= np.isfinite(values).any(axis=1)
    for seen_s in np.unique(watch.seen_s[behind]).tolist():
        rows, columns = np.flatnonzero(behind & (watch.seen_s == seen_s)), time_s > seen_s
        times = time_s[columns]
        out.append(Late(rows, times, values[np.ix_(rows, columns)], masked_at(watch, times)[rows]))
    return tuple(out)
