"""A store as a whole: what is copied is all of it, to the byte, from one database to the other, or nothing."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import product
from pathlib import Path
from typing import Any, cast

import pytest
import sqlalchemy as sa

from aiops.core.errors import StoreError
from aiops.store import Statement, Store, tables, whole
from aiops.store.engine import DirectoryLock, _migrate, make_engine
from tests.postgres import Server
from tests.store.samples import outcome, warning


def lived(store: Store) -> None:
    """Something in every table that numbers its rows, text that is no ASCII, and a number given to a row that is gone."""
    with store.transaction() as tx:
        tx.put_warning(*(warning(n, entity={"instance": "ä\u2028\x01"}) for n in range(1, 1206)))
        tx.put_outcome(outcome(1))
        tx.put_outcome(outcome(1, "false", judged_by="ann"))
        tx.put_statement(Statement("action", "disk_full", "k", "1", 60.0, "ann", {"what": "grüße"}))
        for n in range(3):
            tx.enqueue("chat", "g", f"1:opened:{n}", {"event": "opened", "n": 0.1}, 60.0)
            tx.record("daemon", "x", f"row-{n}", {"n": n, "z": None, "a": [1.0, "é"]}, 60.0 * n)
        tx.put_turn("disk_full", "prod", 60)
    store.forget(3)  # the newest message


def written(url: str) -> dict[str, list[Any]]:
    """All rows of all tables, JSON as its text."""
    engine = make_engine(url, writer=False)
    try:
        with engine.connect() as connection:
            return {t.name: [row for part in whole._rows(connection, t) for row in part] for t in tables.metadata.sorted_tables}
    finally:
        engine.dispose()


def database(request: pytest.FixtureRequest, kind: str) -> str:
    return "" if kind == "sqlite" else cast(Server, request.getfixturevalue("postgres")).database()


@pytest.mark.parametrize(("of", "to"), list(product(["sqlite", "postgresql"], repeat=2)))
def test_a_store_goes_whole_through_a_file_into_another_database(
    request: pytest.FixtureRequest, tmp_path: Path, of: str, to: str
) -> None:
    there, here = database(request, of), database(request, to)
    for name in ("old", "new"):
        (tmp_path / name).mkdir()
    with closing(Store.open(there, tmp_path / "old")) as store:
        lived(store)
        shares: list[float] = []
        done = whole.export(there, tmp_path / "old", tmp_path / "copy.db", shares.append)  # while it is held and open
        rows = whole.counted(store)
        check = store.verify_ledger()
    assert done.ledger.ok
    assert done.ledger == check
    assert (done.rows, done.rows["warnings"]) == (rows, 1205)
    assert shares == sorted(shares)
    assert whole.take_in(tmp_path / "copy.db", here, tmp_path / "new") == done
    assert written(here or f"sqlite:///{tmp_path / 'new' / 'aiops.db'}") == written(
        there or f"sqlite:///{tmp_path / 'old' / 'aiops.db'}"
    )
    assert sorted(p.name for p in tmp_path.iterdir()) == ["copy.db", "new", "old"]
    with closing(Store.open(here, tmp_path / "new")) as store:
        assert list(whole.unreadable(store)) == []
        with store.transaction() as tx:
            tx.enqueue("chat", "g", "1:closed", {"event": "closed"}, 90.0)
            tx.record("daemon", "y", "next", {}, 90.0)
        assert max(row.seq for row in store.due(100.0) + store.seal(store.due(100.0)[0])) == 4  # 3 was given away before
        assert store.verify_ledger().ok


def test_a_ledger_that_was_changed_is_copied_as_it_is_and_not_taken_in(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store:
        lived(store)
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("DROP TRIGGER ledger_no_update")
        connection.execute("""UPDATE ledger SET detail = '{"n":1}' WHERE seq = 3""")
        connection.commit()
    done = whole.export("", tmp_path, tmp_path / "copy.db")
    assert (done.ledger.ok, done.ledger.first_bad) == (False, 3)
    (tmp_path / "new").mkdir()
    with pytest.raises(StoreError, match=r"row 3: its content was changed.*nothing was taken in"):
        whole.take_in(tmp_path / "copy.db", "", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []


def test_what_is_there_is_never_written_over(tmp_path: Path, url: str) -> None:
    (tmp_path / "old").mkdir()
    with closing(Store.open("", tmp_path / "old")) as store:
        lived(store)
    (tmp_path / "new").mkdir()
    with closing(Store.open(url, tmp_path / "new")) as store:
        before = written(url or f"sqlite:///{tmp_path / 'new' / 'aiops.db'}")
    with pytest.raises(StoreError, match=r"is a store already; move it away|holds rows already \(1 of ledger\)"):
        whole.take_in(tmp_path / "old" / "aiops.db", url, tmp_path / "new")
    assert written(url or f"sqlite:///{tmp_path / 'new' / 'aiops.db'}") == before


def test_a_daemon_that_watches_keeps_its_database(tmp_path: Path, postgres: Server) -> None:
    with closing(Store.open("", tmp_path)) as store:
        lived(store)
    (tmp_path / "new").mkdir()
    there = postgres.database()
    with closing(Store.open(there, tmp_path / "new")), pytest.raises(StoreError, match="in use by aiops "):
        whole.take_in(tmp_path / "aiops.db", there, tmp_path / "new")


def test_a_store_of_an_earlier_version_is_brought_up_to_date_on_the_way(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'old.db'}"
    made = make_engine(url, writer=True)
    _migrate(made, url, None, "0001")
    made.dispose()
    content = (tmp_path / "old.db").read_bytes()
    (tmp_path / "new").mkdir()
    assert whole.take_in(tmp_path / "old.db", "", tmp_path / "new").ledger.rows == 0
    assert (tmp_path / "old.db").read_bytes() == content
    engine = make_engine(f"sqlite:///{tmp_path / 'new' / 'aiops.db'}", writer=False)
    with engine.connect() as connection:
        assert connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar() == tables.SCHEMA_VERSION
    engine.dispose()
    with pytest.raises(StoreError, match=r"has schema version 0001, known here is .*migrates an older one"):
        whole.export(url, tmp_path, tmp_path / "copy.db")


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "is no store"),
        (b"not a database, but long enough for one" * 40, r"store\.db: cannot be copied: .*not a database.*restore it"),
        ("CREATE TABLE x (a)", "holds no store of aiops"),
        ("CREATE TABLE ledger (a); CREATE TABLE alembic_version AS SELECT '9999' AS version_num", "version 9999, known here is"),
    ],
)  # fmt: skip
def test_what_is_no_store_of_this_program_is_refused(tmp_path: Path, content: str | bytes | None, why: str) -> None:
    file = tmp_path / "store.db"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        with closing(sqlite3.connect(file)) as connection:
            connection.executescript(content)
    (tmp_path / "new").mkdir()
    with pytest.raises(StoreError, match=why):
        whole.take_in(file, "", tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    with pytest.raises(StoreError, match="lives in memory"):
        whole.take_in(file, "sqlite://", tmp_path / "new")


def test_a_copy_cut_short_leaves_nothing_and_the_next_one_is_whole(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store:
        lived(store)

    class Cut(Exception):
        pass

    def cut(share: float) -> None:
        if share > 0.5:
            raise Cut

    with pytest.raises(Cut):
        whole.export("", tmp_path, tmp_path / "copy.db", cut)
    (tmp_path / "copy.db.part").write_bytes(b"of a process that was killed")
    (tmp_path / "copy.db.part-wal").write_bytes(b"of it too")
    assert whole.export("", tmp_path, tmp_path / "copy.db").ledger.ok
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith("copy")) == ["copy.db"]


def test_rows_that_are_no_records_are_named(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store:
        lived(store)
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("UPDATE warnings SET body = '{}' WHERE id LIKE '%2'")
        connection.commit()
    with closing(Store.reading("", tmp_path)) as store:
        (found,) = whole.unreadable(store)
    assert found.startswith("warnings: row 0000000000000002 cannot be read: KeyError")


def test_the_lock_of_a_daemon_is_no_hindrance_to_a_copy(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)), pytest.raises(StoreError, match="in use by pid"):
        DirectoryLock(tmp_path)
    with closing(Store.open("", tmp_path)) as store:
        with store.transaction() as tx:
            tx.record("daemon", "x", "y", {}, 60.0)
            prepared = whole.export("", tmp_path, tmp_path / "copy.db")  # beside a transaction that has not ended
        assert (prepared.rows["ledger"], whole.counted(store)["ledger"]) == (1, 2)
