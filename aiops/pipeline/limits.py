"""Limits that a card's query gives: asked with the samples of a turn, joined to its series by their labels."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Crossings, EarlyWarning
from aiops.pipeline.feed import Feed
from aiops.pipeline.watch import Watch
from aiops.telemetry.intake import Got
from aiops.telemetry.link import Piece

HELD_S, HELD_STEPS = 300, 3
"""A limit of which nothing newer is known still counts for so long."""
WAVERS = 0.02
"""A measured limit that moved by no more than this share is the same one to whoever judges."""


def asked(watch: Watch, feed: Feed, pieces: Sequence[Piece]) -> Piece | None:
    """What the limit's query says at the newest instant that was read; None where the limit is a number. Raises SourceError."""
    if not watch.limit_query or not pieces:
        return None
    newest = int(pieces[-1].time_s[-1])
    return feed.link.ask(watch.limit_query, newest, newest, watch.step_s, watch.card.unit)


def put(watch: Watch, got: Iterable[Got], now_s: int) -> None:
    """Bring `watch.limit` up to what was said; a limit of which nothing was said is unknown once it is older than HELD_S."""
    if not watch.limit_query:
        return
    state = watch.limits
    by_feed = {one.feed: one.limit for one in got if one.limit is not None}
    for number in reversed([i for i in watch.preferred if i in by_feed]):  # the preferred has the last word
        piece, feed = by_feed[number], watch.feeds[number]
        values, feed.limit_lineage = over(watch, piece, feed)[:, -1], piece.lineage
        known = np.isfinite(values)
        state["value"][known], state["at_s"][known] = values[known], now_s
    held = now_s - state["at_s"] <= max(HELD_S, HELD_STEPS * watch.step_s)
    value = np.where(held, state["value"], np.nan)
    if not np.array_equal(value, watch.limit.value, equal_nan=True):
        watch.limit = replace(watch.limit, value=value)


def moved(watch: Watch) -> bool:
    """Whether a limit has moved since the last look by so much that what was told of it is no longer true."""
    if not watch.limits:
        return False
    before = watch.limits["looked"]
    with np.errstate(invalid="ignore"):
        return bool(np.any(np.abs(watch.limit.value - before) > WAVERS * np.abs(before)))


def over(watch: Watch, piece: Piece, feed: Feed) -> NDArray[np.float64]:
    """(n, t) the limit of each row at each instant of `piece`, NaN = it says none; of several the one that is met first."""
    rule, window = watch.card.limit, watch.window
    assert rule is not None
    values = np.full((len(piece.labels), len(piece.time_s)), np.nan)
    for at, found in reversed(piece.layers):
        rows = slice(None) if at is None else at
        values[rows] = np.where(np.isfinite(found), found, values[rows])
    on = (*rule.on, *feed.link.labels) if rule.on else ()
    feed.limits.bring_up(window.labels[: watch.n], window.id, piece.labels, on)
    nothing = np.inf if rule.is_above else -np.inf
    out = np.full((watch.n, values.shape[1]), nothing)
    some = values[feed.limits.others]
    (np.minimum if rule.is_above else np.maximum).at(out, feed.limits.rows, np.where(np.isfinite(some), some, nothing))
    return np.where(np.isfinite(out), out, np.nan)


def looked(watch: Watch, found: Crossings) -> None:
    """A look was taken: remember at which limits; rows whose limit is not known say so."""
    if watch.limits:
        watch.limits["looked"] = watch.limit.value.copy()
        found.reason[np.isnan(watch.limit.value)] = "its limit is not known: the query of the limit has none for its labels"


def follow(watch: Watch, warning: EarlyWarning, number: int) -> EarlyWarning:
    """A warning that stands open while the limit moves is judged by what it told of the limit there is now, from then on."""
    pending = watch.pending.get(warning.id)
    if pending is None or not watch.limit_query or warning.kind != "exhaustion" or warning.crossing is None:
        return warning
    rows = watch.rows_of(number)
    if not pending.limit_changed(watch.limit, rows, WAVERS):
        return warning
    pending.limits, pending.compared = tuple(watch.limit.value[rows].tolist()), None
    return warning.having(first_crossing=warning.crossing, told_latest_s=warning.crossing.latest_s)
