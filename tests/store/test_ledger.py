"""The hash chain: any change of any row is found and named."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.store import Store
from aiops.store.ledger import GENESIS, row_hash
from tests.store.samples import JSON

TRIGGERS = ("ledger_no_update", "ledger_no_delete", "ledger_no_replace")
COLUMNS = ("prev_hash", "hash", "at_ms", "actor", "action", "object", "detail")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose ledger has six rows, closed."""
    folder = tmp_path_factory.mktemp("ledger")
    store = Store.open("", folder)
    for i in range(5):
        with store.transaction() as tx:
            tx.record(
                "daemon",
                "warning.opened",
                f"w{i}",
                {"n": i, "share": 0.1 * i, "who": "ä", "x": [True, None]},
                100.0 + i,
            )
    store.close()
    return folder / "aiops.db"


@pytest.fixture
def path(original: Path, tmp_path: Path) -> Path:
    """A copy of it, with the triggers gone: whoever owns the file can do that."""
    copy = tmp_path / "aiops.db"
    with closing(sqlite3.connect(original)) as source, closing(sqlite3.connect(copy)) as target:
        source.backup(target)
        for name in TRIGGERS:
            target.execute(f"DROP TRIGGER {name}")
        target.commit()
    return copy


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            assert connection.execute(statement).rowcount
        connection.commit()


def first_bad(path: Path) -> int | None:
    store = Store.reading("", path.parent)
    try:
        found = store.verify_ledger()
    finally:
        store.close()
    assert found.ok == (found.first_bad is None) == (not found.why)
    return found.first_bad


def test_an_untouched_ledger_is_whole(path: Path) -> None:
    store = Store.reading("", path.parent)
    found = store.verify_ledger()
    store.close()
    assert (found.ok, found.rows, found.first_bad) == (True, 6, None)
    assert found.head != GENESIS


def flips(connection: sqlite3.Connection) -> Iterator[tuple[str, int, object, object]]:
    """(column, seq, value, the value with one bit of one byte turned) for every byte of every row."""
    for column in COLUMNS:
        for seq, before, raw in connection.execute(
            f"SELECT seq, {column}, CAST({column} AS BLOB) FROM ledger"
        ).fetchall():
            for at in range(len(raw)):
                after = raw[:at] + bytes([raw[at] ^ (1 << at % 7)]) + raw[at + 1 :]
                yield column, seq, before, after


def test_one_bit_of_any_byte_of_any_row_is_found_at_that_row(path: Path) -> None:
    store, tried = Store.reading("", path.parent), 0
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        for column, seq, before, after in list(flips(connection)):
            kind = "INTEGER" if column == "at_ms" else "TEXT"
            connection.execute(f"UPDATE ledger SET {column} = CAST(? AS {kind}) WHERE seq = ?", (after, seq))
            connection.commit()
            found = store.verify_ledger()
            assert (found.ok, found.first_bad) == (False, seq), (column, seq, after)
            connection.execute(f"UPDATE ledger SET {column} = ? WHERE seq = ?", (before, seq))
            connection.commit()
            tried += 1
    assert store.verify_ledger().ok
    store.close()
    assert tried > 1000


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize(
    "value", ["NULL", "x'00ff'", "CAST(x'ff80' AS TEXT)", "''", "7e300", "-1", "'[' || hex(zeroblob(9)) || ']'"]
)
def test_a_value_of_another_kind_is_found(path: Path, column: str, value: str) -> None:
    with closing(
        sqlite3.connect(path)
    ) as connection:  # the columns refuse NULL: whoever owns the file takes that away, too
        connection.execute("CREATE TABLE loose AS SELECT * FROM ledger")
        connection.execute("DROP TABLE ledger")
        connection.execute("ALTER TABLE loose RENAME TO ledger")
        connection.commit()
    assert first_bad(path) is None
    change(path, f"UPDATE ledger SET {column} = {value} WHERE seq = 3")
    assert first_bad(path) is not None


@pytest.mark.parametrize("seq", range(1, 6))
def test_a_row_taken_out_is_found(path: Path, seq: int) -> None:
    change(path, f"DELETE FROM ledger WHERE seq = {seq}")
    assert first_bad(path) == seq + 1
    change(path, f"UPDATE ledger SET seq = seq - 1 WHERE seq > {seq}")
    assert first_bad(path) == seq


@pytest.mark.parametrize("seq", range(1, 7))
def test_a_row_put_in_is_found(path: Path, seq: int) -> None:
    change(
        path, f"UPDATE ledger SET seq = -seq WHERE seq > {seq}", "UPDATE ledger SET seq = 1 - seq WHERE seq < 0"
    ) if seq < 6 else None
    change(
        path,
        f"INSERT INTO ledger SELECT {seq + 1}, prev_hash, hash, at_ms, actor, action, object, detail"
        f" FROM ledger WHERE seq = {seq}",
    )
    assert first_bad(path) == seq + 1


@pytest.mark.parametrize(("one", "other"), [(1, 2), (2, 5), (5, 6)])
def test_two_rows_that_changed_places_are_found(path: Path, one: int, other: int) -> None:
    change(
        path,
        f"UPDATE ledger SET seq = -1 WHERE seq = {one}",
        f"UPDATE ledger SET seq = {one} WHERE seq = {other}",
        f"UPDATE ledger SET seq = {other} WHERE seq = -1",
    )
    assert first_bad(path) == one


def test_a_row_made_to_fit_is_given_away_by_the_next(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        prev, at_ms = connection.execute("SELECT prev_hash, at_ms FROM ledger WHERE seq = 3").fetchone()
        forged = row_hash(prev, at_ms, "daemon", "warning.opened", "w1", {"n": 9})
        connection.execute("UPDATE ledger SET detail = '{\"n\": 9}', hash = ? WHERE seq = 3", (forged,))
        connection.commit()
    assert first_bad(path) == 4


def test_the_newest_rows_cut_off_cannot_be_seen_from_what_is_left(path: Path) -> None:
    change(path, "DELETE FROM ledger WHERE seq > 4")
    assert first_bad(path) is None


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.text(max_size=5), JSON, max_size=3), st.integers(0, 2**50), st.text(max_size=9))
def test_the_hash_depends_on_the_content_not_on_the_order_of_keys(
    detail: dict[str, object], at_ms: int, object_: str
) -> None:
    one = row_hash(GENESIS, at_ms, "daemon", "a", object_, detail)
    assert one == row_hash(GENESIS, at_ms, "daemon", "a", object_, dict(reversed(detail.items())))
    assert one != row_hash(GENESIS, at_ms + 1, "daemon", "a", object_, detail)
    assert one != row_hash(GENESIS, at_ms, "daemon", "a" + object_, "", detail) or not object_
    assert one != row_hash(one, at_ms, "daemon", "a", object_, detail)
