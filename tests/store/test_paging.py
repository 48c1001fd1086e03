"""Page by page: what comes in between moves nothing."""

from __future__ import annotations

from pathlib import Path

from aiops.store import Store
from aiops.store.paging import Pages


def store_with(tmp_path: Path, rows: int) -> Store:
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        for number in range(rows):
            tx.record("daemon", "made", str(number), {}, 1000.0 + number)
    return store


def test_the_ledger_is_read_on_from_a_row(tmp_path: Path) -> None:
    store = store_with(tmp_path, 5)  # behind its first row, the genesis
    pages = Pages(store)
    assert pages.head() == 6
    assert [row.object for row in pages.ledger_after(3, 2)] == ["2", "3"]
    assert [row.seq for row in pages.ledger_after(5, 10)] == [6]
    assert pages.ledger_after(6, 10) == []
    store.close()
