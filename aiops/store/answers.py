"""What was answered to requests that name themselves by a key: kept for a day, so that the same again changes nothing more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from aiops.core.errors import AiopsError
from aiops.store import tables
from aiops.store.store import Store
from aiops.store.tx import ms

KEPT_S = 86400.0
KEYS_OF_ONE = 10_000
"""Keys of one caller that are kept at once: more would be a way to fill the disk."""
BEGUN = 0
"""The status of a request that is being worked on, or was when the process ended."""


class Full(AiopsError):
    """A caller has as many keys as one may have."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is known of a key: the digest of the request that first used it, and what was answered; `status` BEGUN: not yet."""

    request: str
    status: int
    body: str
    media_type: str
    at_s: float


class Answers:
    """Answers in a store, by who asked and the key they gave."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, caller: str, key: str, request: str, now_s: float) -> Answer | None:
        """Claim a key for a request; None: it is this one's to be worked on, else what is known of the key.

        Of several at once one gets it. What is older than a day is forgotten first. Raises Full.
        """
        t = tables.answers
        row = {"caller": caller, "key": key, "request": request, "at_ms": ms(now_s)}
        row |= {"status": BEGUN, "body": "", "media_type": ""}
        with self._store.transaction() as tx:
            tx._connection.execute(sa.delete(t).where(t.c.at_ms <= ms(now_s - KEPT_S)))
            claim = tx._insert(t).values(row).on_conflict_do_nothing(index_elements=["caller", "key"])
            if tx._connection.execute(claim).rowcount:
                many = sa.select(sa.func.count()).select_from(t).where(t.c.caller == caller)
                if tx._connection.execute(many).scalar_one() > KEYS_OF_ONE:
                    raise Full(f"{caller} has used {KEYS_OF_ONE} keys within a day")  # and with it the claim is gone
                return None
            found = tx._connection.execute(sa.select(t).where(_mine(caller, key))).one()
        return Answer(found.request, found.status, found.body, found.media_type, found.at_ms / 1000)

    def finish(self, caller: str, key: str, status: int, body: str, media_type: str) -> None:
        """Keep what was answered."""
        values = {"status": status, "body": body, "media_type": media_type}
        with self._store.transaction() as tx:
            tx._connection.execute(sa.update(tables.answers).where(_mine(caller, key)).values(values))

    def drop(self, caller: str, key: str) -> None:
        """Forget a key: nothing was changed, so it may be tried again."""
        with self._store.transaction() as tx:
            tx._connection.execute(sa.delete(tables.answers).where(_mine(caller, key)))


def _mine(caller: str, key: str) -> Any:
    t = tables.answers
    return (t.c.caller == caller) & (t.c.key == key)
