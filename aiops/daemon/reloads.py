"""What the ledger says of a reload: who asked for it, and what came of it."""

from __future__ import annotations

from contextlib import suppress

from aiops.core.errors import StoreError
from aiops.store import Store

RELOAD = "config.reload"
WHY_AT_MOST = 500


def keep(store: Store, who: str, error: str, now_s: float) -> None:
    """Keep one row; where the store cannot be written the reload has been all the same, and the log says so."""
    with suppress(StoreError), store.transaction() as tx:
        tx.record(who[:128], RELOAD, "", {"ok": not error, **({"why": error[:WHY_AT_MOST]} if error else {})}, now_s)
