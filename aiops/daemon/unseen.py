"""What the log says once the first turns are done: of cards whose query finds no series, or none with the labels they name."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping

import structlog

from aiops.daemon.board import WatchState
from aiops.models.card import CHALLENGER
from aiops.pipeline import Watch

log = structlog.get_logger()
EVENT = "cards that watch nothing: their query finds no series"
LACKING = "no series of a card has a label of its entity"


class Unseen:
    """Tells once of the watches of the same sources, when each had a good turn, which cards found no series there, and which
    found none with a label of their entity. Thread-safe.

    A word of a query that is written wrong, and an exporter that is not there, look the same to a PromQL server: an empty
    answer. Of sources in `sparing`, such as a host, nothing is said: it knows no rate before its second sample, and not every
    machine has all that is shipped.
    """

    def __init__(self, sparing: Collection[str] = ()) -> None:
        self._sparing, self._told, self._lock = frozenset(sparing), set[tuple[str, ...]](), threading.Lock()

    def done(self, sources: tuple[str, ...]) -> bool:
        """Whether nothing is to be said any more of the watches of these sources."""
        return sources in self._told or self._sparing.issuperset(sources)

    def look(self, states: Mapping[str, WatchState], watches: Mapping[str, Watch]) -> None:
        """Say what is to be said now of `watches` and their `states`, by their name; nothing of sources of which it was said."""
        with self._lock:
            together: dict[tuple[str, ...], dict[str, WatchState]] = {}
            for name, state in states.items():
                if not self.done(state.sources):
                    together.setdefault(state.sources, {})[name] = state
            done = [k for k, some in together.items() if all(one.last_success_s is not None for one in some.values())]
            self._told.update(done)
        for sources in done:
            own = {name: one for name, one in together[sources].items() if not one.card.endswith(CHALLENGER)}
            empty = sorted(one.card for one in own.values() if not sum(one.states.values()))
            source, write = ", ".join(sources), "the query as that source knows it, or drop the card"
            if empty:
                log.warning(EVENT, source=source, cards=", ".join(empty), write=write)
            for name in own.keys() & watches.keys():
                if lacks := watches[name].lacking_labels():
                    told = {"card": own[name].card, "label": ", ".join(lacks)}
                    log.warning(LACKING, source=source, **told, write="entity: labels that set its series apart")
