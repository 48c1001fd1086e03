"""Reading page by page: each page begins behind a row that is named, so that what comes in between moves nothing."""

from __future__ import annotations

import sqlalchemy as sa

from aiops.store import tables
from aiops.store.ledger import LedgerRow
from aiops.store.store import Store


class Pages:
    """Pages of a store. Each is read on its own; nothing is kept between two."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def head(self) -> int:
        """The number of the ledger's newest row; 0 while there is none."""
        with self._store._read() as connection:
            return int(connection.execute(sa.select(sa.func.max(tables.ledger.c.seq))).scalar() or 0)

    def ledger_after(self, seq: int, limit: int) -> list[LedgerRow]:
        """Rows of the ledger behind row `seq`, oldest first."""
        t = tables.ledger
        query = sa.select(t).where(t.c.seq > seq).order_by(t.c.seq).limit(limit)
        with self._store._read() as connection:
            rows = connection.execute(query).all()
        return [LedgerRow(r.seq, r.hash, r.at_ms / 1000, r.actor, r.action, r.object, r.detail) for r in rows]
