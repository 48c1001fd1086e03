"""What the log says once the first turns are done: cards that watch nothing, because their query finds no series."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

import structlog

from aiops.daemon.board import WatchState
from aiops.models.card import CHALLENGER

log = structlog.get_logger()
EVENT = "cards that watch nothing: their query finds no series"


class Unseen:
    """Tells once of the watches of the same sources, when each had a good turn, which cards found no series there. Thread-safe.

    A word of a query that is written wrong, and an exporter that is not there, look the same to a PromQL server: an empty
    answer. Of sources in `sparing`, such as a host, nothing is said: it knows no rate before its second sample, and not every
    machine has all that is shipped.
    """

    def __init__(self, sparing: Collection[str] = ()) -> None:
        self._sparing, self._told, self._lock = frozenset(sparing), set[tuple[str, ...]](), threading.Lock()

    def look(self, watches: Mapping[str, WatchState]) -> None:
        """Say what is to be said now of `watches`, by their name; nothing of sources of which it was said."""
        with self._lock:
            together: dict[tuple[str, ...], list[WatchState]] = {}
            for state in watches.values():
                if state.sources not in self._told:
                    together.setdefault(state.sources, []).append(state)
            done = {names: states for names, states in together.items() if all(one.last_success_s is not None for one in states)}
            self._told |= done.keys()
        for names, states in done.items():
            empty = sorted({one.card for one in states if not sum(one.states.values()) and not one.card.endswith(CHALLENGER)})
            if empty and not self._sparing.issuperset(names):
                write = "the query as that source knows it, or drop the card"
                log.warning(EVENT, source=", ".join(names), cards=", ".join(empty), write=write)
