"""Samples that come late: what was read within a source's lateness is provisional, is read once more when it is final, and is
scored again.

Reading it at every turn would ask for a sample again and again; reading it once more, a lateness at a time, asks twice.
"""

from __future__ import annotations

import numpy as np

from aiops.core.records import Ints, State
from aiops.pipeline.evaluate import learn
from aiops.pipeline.feed import Feed
from aiops.pipeline.mask import masked_at
from aiops.pipeline.quarantine import refused
from aiops.pipeline.rows import extended
from aiops.pipeline.watch import Apprentice, Watch
from aiops.telemetry.link import Piece


def lateness(watch: Watch, feed: Feed) -> int:
    """How late a sample of a feed may come, in whole steps; 0 = never."""
    return -(-int(feed.link.lateness_s) // watch.step_s) * watch.step_s


def provisional(watch: Watch, feed: Feed, pieces: list[Piece]) -> Piece | None:
    """What was provisional and is final by now, read once more; None when nothing is due. Raises SourceError."""
    late = lateness(watch, feed)
    if not late or not pieces:
        return None
    end = int(pieces[-1].time_s[-1])
    if not feed.final_s:  # what an earlier life, or the first sight, read is taken as it is
        feed.final_s = end
    if end - feed.final_s < 2 * late:
        return None
    return feed.link.ask(watch.card.query, feed.final_s + watch.step_s, end - late, watch.step_s, watch.card.unit)


def put_final(watch: Watch, feed: Feed, piece: Piece) -> int:
    """Put final samples in the place of provisional ones, unless a preferred feed delivers the series; up to which instant."""
    rows = watch.rows_of_labels(piece.labels)
    watch.grow()
    mine = np.ones(watch.n, bool)
    for number in watch.preferred:
        other = watch.feeds[number]
        if other is feed:
            break
        mine[: len(other.seen)] &= ~other.seen
    for depth, (at, values) in enumerate(piece.layers):
        here = rows if at is None else rows[at]
        values = np.where(refused(watch, int(piece.time_s[-1]))[here, None], np.nan, values)
        own = mine[here] if depth == 0 else np.zeros(len(here), bool)
        watch.window.fill(here[own], piece.time_s, values[own], replace=True)
        watch.window.fill(here[~own], piece.time_s, values[~own])
    feed.final_s = int(piece.time_s[-1])
    return feed.final_s


def score_again(watch: Watch, final_s: int) -> None:
    """Take the detector back to where everything was final, and through what is final now and what is provisional still."""
    if watch.detector is None or watch.final is None or not watch.n:
        return
    state = watch.final.state
    more = watch.n - len(next(iter(state.values())))
    if more:
        state = extended(state, watch.detector.initial(more))
    newest = int(watch.seen_s.max(initial=0))
    _through(watch, state, _instants(watch, watch.final.seen_s, final_s))
    watch.final = Apprentice(_copied(state), final_s)
    _through(watch, state, _instants(watch, final_s, newest))
    behind = watch.seen_s < newest  # their source is away: they stand still
    for name, array in state.items():
        array[behind] = watch.detector_state[name][behind]
    watch.detector_state = state


def remember_final(watch: Watch) -> None:
    """Begin to keep the state as of the newest column, where samples may come late and nothing is kept yet."""
    if watch.detector is None or watch.final is not None or not watch.n:
        return
    if any(lateness(watch, feed) for feed in watch.feeds):
        watch.final = Apprentice(_copied(watch.detector_state), int(watch.seen_s.max()))


def _instants(watch: Watch, after_s: int, to_s: int) -> Ints:
    return np.arange(after_s + watch.step_s, to_s + 1, watch.step_s, dtype=np.int64)


def _through(watch: Watch, state: State, time_s: Ints) -> None:
    if len(time_s):
        values = watch.window.value_at(np.arange(watch.n), time_s)
        learn(watch, state, slice(0, watch.n), time_s, np.where(masked_at(watch, time_s), np.nan, values))


def _copied(state: State) -> State:
    return {name: array.copy() for name, array in state.items()}
