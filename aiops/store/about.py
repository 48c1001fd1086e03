"""What there is about one early warning beside its row: who was told of it, and when."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from aiops.store import tables
from aiops.store.store import Store

AT_MOST = 200


@dataclass(frozen=True, slots=True)
class Told:
    """One message about a warning. `state`: queued, sent, dead; `sent_s`: when it was taken, else when it is tried next."""

    receiver: str
    event: str
    state: str
    attempts: int
    made_s: float
    next_s: float
    error: str


def messages_about(store: Store, warning_id: str) -> list[Told]:
    """Messages about a warning as far as the outbox still holds them, oldest first; renewals of what lasts are left out."""
    t = tables.outbox
    mine = t.c.dedup_key.startswith(f"{warning_id}:", autoescape=True)
    query = sa.select(t).where(mine, t.c.renewal == 0).order_by(t.c.seq).limit(AT_MOST)
    with store._read() as connection:
        rows = connection.execute(query).all()
    return [
        Told(r.receiver, str(r.payload.get("event", "")), r.state, r.attempts, r.created_ms / 1000, r.next_ms / 1000, r.error)
        for r in rows
    ]
