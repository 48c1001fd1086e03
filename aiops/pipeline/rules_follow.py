"""Before a turn of a card of rules: which rules its sources have now, and the history of comparisons that are new."""

from __future__ import annotations

import numpy as np

from aiops.core.errors import SourceError
from aiops.pipeline.backfill import TURN_SAMPLES
from aiops.pipeline.feed import Feed
from aiops.pipeline.read import progress_of
from aiops.pipeline.rules_rehearse import rehearse_rows
from aiops.pipeline.rules_watch import RulesWatch
from aiops.rules.followed import Rulebook, rulebook
from aiops.rules.served import Served, served_in
from aiops.telemetry.link import AWAY
from aiops.telemetry.parts import PartsLink

ASKED_EVERY_S = 15
"""How often at most the sources are asked for their rules."""
HOUR_S = 3600
NO_RULES = frozenset({"not_prometheus", "bad_query", "unsupported"})
"""What a server that evaluates no rules answers, for example VictoriaMetrics without vmalert."""


def follow_rules(watch: RulesWatch, now_s: int) -> None:
    """Take up the rules as they are now. Raises SourceError when a source whose rules are not known cannot be asked."""
    if watch.book_s is not None and 0 <= now_s - watch.book_s < max(ASKED_EVERY_S, watch.step_s):
        return
    served: dict[int, list[Served]] = {}
    for number, feed in enumerate(watch.feeds):
        found = _asked(watch, feed, number)
        if found is not None:
            served[number] = found
    alerts = watch.card.alerts
    book = rulebook(served, alerts.match if alerts is not None else ())
    watch.book_s = now_s
    if (book.names, _sources(book), _refused(book)) == (watch.book.names, _sources(watch.book), _refused(watch.book)):
        return
    for number, feed in enumerate(watch.feeds):
        if isinstance(feed.link, PartsLink):
            _turn_to(watch, feed, feed.link, book.parts_of(number), now_s)
    watch.book = book


def _asked(watch: RulesWatch, feed: Feed, number: int) -> list[Served] | None:
    """The rules of one source; as they were when it is away, none where it never had any."""
    had = [one.served for one in watch.book.followed if number in one.sources]
    try:
        entered = feed.link.breaker.enter()
        try:
            found = served_in(feed.link.source.alerting_rules(), feed.name)
            feed.link.breaker.well()
            return found
        except SourceError as e:
            if e.kind in AWAY - NO_RULES:
                feed.link.breaker.failed(e, entered)
            raise
        finally:
            feed.link.breaker.let_go()
    except SourceError as e:
        if had:
            return [*had, *(one for one, _, _ in watch.book.refused)]
        if e.kind in NO_RULES:
            return []
        if len(watch.feeds) == 1:
            feed.error = e
            raise
        return None


def _sources(book: Rulebook) -> list[frozenset[int]]:
    return [one.sources for one in book.followed]


def _refused(book: Rulebook) -> list[tuple[str, str, str]]:
    return [(one.rule.alert, one.rule.expr, why) for one, why, _ in book.refused]


def _turn_to(watch: RulesWatch, feed: Feed, link: PartsLink, parts: dict[str, str], now_s: int) -> None:
    """Ask for these parts from now on; those that are new have a history to be read, unless nothing was read yet at all."""
    new = parts.keys() - link.parts.keys()
    known = {part for part in new if watch.has_part(part)}  # an earlier life read them
    link.parts = parts
    for part in watch.late_parts.keys() - parts.keys():
        del watch.late_parts[part]
    if progress_of(watch, feed).read_s:
        watch.late_parts |= dict.fromkeys(new - known, now_s)


def catch_up(watch: RulesWatch, now_s: int) -> tuple[str, ...]:
    """Read a piece of the history of comparisons that came later than the others, the newest first; a piece a turn.

    Remarks on what of it is not to be had.
    """
    notes: tuple[str, ...] = ()
    for feed in watch.feeds:
        link = feed.link
        if not watch.late_parts or feed.error is not None or not isinstance(link, PartsLink) or not watch.window.end_s:
            continue
        end = min(watch.late_parts.values()) - watch.step_s
        due = [name for name, at in watch.late_parts.items() if at - watch.step_s == end]
        some = {name: link.parts[name] for name in due if name in link.parts}
        begin = max(watch.window.begin_s, now_s - watch.card.history_s)
        if end < begin or not some:
            watch.late_parts = {name: at for name, at in watch.late_parts.items() if name not in some}
            rehearse_rows(watch, np.array([row for name in some for row in watch.places(name)], np.int64), now_s)
            continue
        many = max(1, sum(watch.count_of(name) for name in some))
        span = max(1, TURN_SAMPLES // many) * watch.step_s
        start = max(begin, (end - span) // HOUR_S * HOUR_S + watch.step_s) // watch.step_s * watch.step_s
        try:
            piece = link.ask_parts(some, start, end, watch.step_s)
        except SourceError:
            continue
        rows = watch.rows_of_labels(piece.labels)
        watch.grow()
        for at, values in piece.layers:
            watch.window.fill(rows if at is None else rows[at], piece.time_s, values)
        found = np.isfinite(piece.layers[0][1]).any() if len(rows) else False
        for name in some:
            watch.late_parts[name] = start if found else begin
        notes += piece.partial
    return notes
