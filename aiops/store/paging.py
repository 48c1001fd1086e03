"""Reading page by page: each page begins behind a row that is named, so that what comes in between moves nothing."""

from __future__ import annotations

import json
from collections.abc import Hashable
from hashlib import blake2b
from typing import Any

import sqlalchemy as sa

from aiops.core.records import EarlyWarning, Outcome
from aiops.store import tables
from aiops.store.codec import outcome_from, warning_from
from aiops.store.ledger import LedgerRow
from aiops.store.response_rows import Run, run_from
from aiops.store.store import Store
from aiops.store.tx import REPLAYED

Place = tuple[int, str]
"""Where a row stands that is found by its time: epoch milliseconds, id."""


KEPT_AT_MOST = 5000
"""Warnings that are kept as they were read, each a few kilobytes."""
READ_AT_MOST = 32
"""Pages of warnings that are kept for as long as they are known to be true."""


class Pages:
    """Pages of a store, each read on its own. A warning whose text is what it was is not put together again: a search looks
    through thousands that are over, and those change no more."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, tuple[bytes, EarlyWarning]] = {}
        self._read: tuple[Hashable, dict[tuple[int, Place | None, str], list[tuple[Place, EarlyWarning]]]] = (None, {})

    def warnings(
        self, limit: int, after: Place | None, state: str = "", as_of: Hashable = None
    ) -> list[tuple[Place, EarlyWarning]]:
        """Warnings, newest first, behind one that opened then and has that id; as they were read under this `as_of`, if any."""
        if as_of is None:
            return self._read_warnings(limit, after, state)
        known = self._read
        if known[0] != as_of:
            known = self._read = as_of, {}
        read = known[1]
        found = read.get((limit, after, state))
        if found is None:
            found = self._read_warnings(limit, after, state)
            if len(read) < READ_AT_MOST:
                read[limit, after, state] = found
        return found

    def _read_warnings(self, limit: int, after: Place | None, state: str) -> list[tuple[Place, EarlyWarning]]:
        t = tables.warnings
        written = sa.cast(t.c.body, sa.Text).label("written")
        query = _behind(sa.select(t.c.id, t.c.opened_ms, written, t.c.verdict), t.c.opened_ms, t.c.id, after)
        if state:
            query = query.where(t.c.state == state)
        return [((r.opened_ms, r.id), self._warning(r.id, r.written, r.verdict)) for r in self._rows(query.limit(limit))]

    def _warning(self, warning_id: str, written: str, verdict: str | None) -> EarlyWarning:
        mark = blake2b(f"{verdict}\0{written}".encode("utf-8", "surrogatepass"), digest_size=16).digest()
        known = self._known.get(warning_id)
        if known is not None and known[0] == mark:
            return known[1]
        found = warning_from(json.loads(written)).having(verdict=verdict)
        if len(self._known) >= KEPT_AT_MOST:
            self._known.clear()
        self._known[warning_id] = mark, found
        return found

    def outcomes(self, limit: int, after: int | None) -> list[tuple[int, Outcome]]:
        """Current verdicts with their numbers, newest first, behind this number; none that a replay of the past gave."""
        t = tables.outcomes
        query = sa.select(t.c.seq, t.c.body).where(t.c.current == 1, t.c.key.not_like(f"{REPLAYED}%"))
        query = query.where(t.c.seq < after) if after is not None else query
        return [(row.seq, outcome_from(row.body)) for row in self._rows(query.order_by(t.c.seq.desc()).limit(limit))]

    def responses(self, limit: int, after: Place | None, state: str = "", warning_id: str = "") -> list[tuple[Place, Run]]:
        """Responses, newest first, behind one that began then and has that id."""
        t = tables.responses
        query = _behind(sa.select(t), t.c.made_ms, t.c.id, after)
        for column, wanted in ((t.c.state, state), (t.c.warning_id, warning_id)):
            query = query.where(column == wanted) if wanted else query
        return [((row.made_ms, row.id), run_from(row)) for row in self._rows(query.limit(limit))]

    def ledger(self, limit: int, before: int | None) -> list[LedgerRow]:
        """Rows of the ledger, newest first, before row number `before`."""
        return self._store.ledger_rows(limit, before)

    def ledger_after(self, seq: int, limit: int) -> list[LedgerRow]:
        """Rows of the ledger behind row `seq`, oldest first."""
        t = tables.ledger
        rows = self._rows(sa.select(t).where(t.c.seq > seq).order_by(t.c.seq).limit(limit))
        return [LedgerRow(r.seq, r.hash, r.at_ms / 1000, r.actor, r.action, r.object, r.detail) for r in rows]

    def ledger_hashes(self, seq: int, limit: int) -> list[str]:
        """The hashes of the rows of the ledger behind row `seq`, oldest first."""
        t = tables.ledger
        return [str(r.hash) for r in self._rows(sa.select(t.c.hash).where(t.c.seq > seq).order_by(t.c.seq).limit(limit))]

    def head(self) -> int:
        """The number of the ledger's newest row; 0 while there is none."""
        return int(self._rows(sa.select(sa.func.max(tables.ledger.c.seq)))[0][0] or 0)

    def _rows(self, query: Any) -> list[Any]:
        with self._store._read() as connection:
            return list(connection.execute(query))


def _behind(query: Any, time: Any, id_: Any, after: Place | None) -> Any:
    """Newest first, those of one instant by their ids, from behind a place on."""
    if after is not None:
        query = query.where(sa.or_(time < after[0], sa.and_(time == after[0], id_ > after[1])))
    return query.order_by(time.desc(), id_)
