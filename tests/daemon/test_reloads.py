"""What the ledger says of a reload; a store that cannot be written breaks none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from aiops.daemon.reloads import RELOAD, WHY_AT_MOST, keep
from aiops.store import Store


def test_who_asked_and_why_it_was_refused_are_kept_and_bounded(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    keep(store, "ann", "", 60.0)
    keep(store, "a" * 1000, "x" * 10_000, 61.0)
    refused, good = store.ledger_rows(2)
    assert (good.actor, good.action, good.detail) == ("ann", RELOAD, {"ok": True})
    assert (len(refused.actor), refused.detail["ok"], len(refused.detail["why"])) == (128, False, WHY_AT_MOST)
    assert store.verify_ledger().ok
    store.close()


def test_a_store_that_cannot_be_written_breaks_no_reload(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("ALTER TABLE ledger RENAME TO gone")
        connection.commit()
        keep(store, "ann", "", 60.0)
        assert connection.execute("SELECT count(*) FROM gone").fetchone() == (1,), "the first row alone"
    store.close()
