"""Early warnings as rows of a list: each made once for as long as it is as it was, however many lists it stands in."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import NamedTuple

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning
from aiops.daemon.daemon import Daemon
from aiops.notify.message import facts_of
from aiops.store.codec import to_json
from aiops.web.access.sight import Sight
from aiops.web.api.answers import encoded

ROWS_AT_MOST = 10_000


class Row(NamedTuple):
    """A warning as it is sent, and what matchers see of it."""

    facts: Labels
    body: bytes


class Rows:
    """Rows by warning, and by what a caller may see of it, which follows from the daemon's files alone."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon, self._rooms = daemon, daemon.rooms
        self._made: dict[Hashable, dict[str, tuple[EarlyWarning, Row | None]]] = {}

    def of(self, sight: Sight) -> Callable[[EarlyWarning], Row | None]:
        """A function: the row of a warning for a caller, None where it must not be seen. What is the same object is as it was."""
        if self._rooms is not self._daemon.rooms:
            self._rooms, self._made = self._daemon.rooms, {}
        mine = self._made.setdefault(sight.same, {})

        def row(one: EarlyWarning) -> Row | None:
            known = mine.get(one.id)
            if known is not None and known[0] is one:
                return known[1]
            seen = sight.warning(one)
            made = None if seen is None else Row(facts_of(seen), encoded(to_json(seen)))
            if known is None and sum(map(len, self._made.values())) >= ROWS_AT_MOST:
                for some in list(self._made.values()):
                    some.clear()
            mine[one.id] = one, made
            return made

        return row
