"""Opening: pragmas, the lock, the schema and its migration, and what is refused with what to do."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from aiops.core.errors import StoreError
from aiops.store import Store, engine, tables
from aiops.store.about import messages_about, spoken_for, told
from aiops.store.codec import to_json
from aiops.store.engine import DirectoryLock, make_engine, prepare
from aiops.store.tx import warning_row
from tests.notify.samples import warning

HOLDER = """
import sys
from pathlib import Path
from aiops.store import Store
store = Store.open("", Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


def schema(path: Path) -> list[tuple[str, str, str]]:
    """Tables, indexes and triggers with their statements, whitespace and quotes apart."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    plain = [
        (kind, name, "".join(sql.split()).replace('"', "")) for kind, name, sql in rows if name != "alembic_version"
    ]
    return sorted(plain)


def url(path: Path) -> str:
    return f"sqlite:///{path}"


def migrated(path: Path) -> None:
    """A database brought to the newest schema by the migrations alone, from the oldest."""
    made = make_engine(url(path), writer=True)
    engine._migrate(made, url(path), None)
    made.dispose()


def test_the_file_is_written_ahead_and_to_the_disk_by_whoever_may_write(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    for one in (store._writer, store._reader):
        with one.connect() as connection:
            found = {
                p: connection.exec_driver_sql(f"PRAGMA {p}").scalar()
                for p in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
        assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 5000}
    store.close()


def test_a_transaction_takes_the_write_lock_at_its_beginning(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    with closing(sqlite3.connect(tmp_path / "aiops.db", timeout=0)) as other:
        with store.transaction(), pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.execute("BEGIN IMMEDIATE")
        other.rollback()
    store.close()


def test_readers_do_not_wait_for_the_writer(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    with store.transaction():
        assert store.warnings() == []
    store.close()


def test_made_at_once_and_migrated_from_the_oldest_are_the_same(tmp_path: Path) -> None:
    Store.open("", tmp_path / "made").close()
    migrated(tmp_path / "migrated.db")
    assert schema(tmp_path / "made" / "aiops.db") == schema(tmp_path / "migrated.db")


def test_a_warning_of_before_is_found_by_the_one_it_was_told_with(tmp_path: Path) -> None:
    path = tmp_path / "aiops.db"
    made = make_engine(url(path), writer=True)
    engine._migrate(made, url(path), None, "0004")
    row = warning_row(warning(id="b", thread="a")) | {"body": json.dumps(to_json(warning(id="b", thread="a")))}
    del row["thread"]
    with made.begin() as connection:
        connection.execute(sa.text(f"INSERT INTO warnings ({', '.join(row)}) VALUES ({', '.join(f':{k}' for k in row)})"), row)
    made.dispose()
    store = Store.open("", tmp_path)
    assert [one.id for one in spoken_for(store, "a")] == ["b"]
    store.close()


@pytest.mark.parametrize("query", ["told", "about", "bundle", "spoken"])
def test_what_is_looked_up_while_messages_leave_is_looked_up_by_an_index(tmp_path: Path, query: str) -> None:
    store, said = Store.open("", tmp_path), []
    sa.event.listen(store._reader, "before_cursor_execute", lambda *heard: said.append(heard[2:4]))
    {
        "told": lambda: told(store, "am", "a", "b"), "about": lambda: messages_about(store, "a"),
        "bundle": lambda: store.last_bundle_s("am", "g"), "spoken": lambda: spoken_for(store, "a", ["b", "c"]),
    }[query]()  # fmt: skip
    with store._reader.connect() as connection:
        asked = [(f"EXPLAIN QUERY PLAN {query}", given) for query, given in said if query.startswith("SELECT")]
        plans = [str(row) for one, given in asked for row in connection.exec_driver_sql(one, given)]
    assert any("USING INDEX" in plan or "USING COVERING INDEX" in plan for plan in plans)
    assert not any("SCAN" in plan for plan in plans), plans
    store.close()


def test_a_migrated_database_works_like_any_other(tmp_path: Path) -> None:
    migrated(tmp_path / "aiops.db")
    store = Store.open("", tmp_path)
    assert store.verify_ledger().rows == 1
    store.close()


def test_a_migration_that_stops_midway_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "aiops.db"
    made = make_engine(url(path), writer=True)

    def killed(connection: sa.Connection, _cursor: object, statement: str, *_rest: object) -> None:
        if "CREATE TABLE ledger" in statement:
            raise KeyboardInterrupt

    sa.event.listen(made, "before_cursor_execute", killed)
    with pytest.raises(KeyboardInterrupt):
        engine._migrate(made, url(path), None)
    made.dispose()
    assert schema(path) == []
    Store.open("", tmp_path).close()


def test_a_newer_schema_is_refused_and_left_alone(tmp_path: Path) -> None:
    Store.open("", tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    before = schema(tmp_path / "aiops.db")
    with pytest.raises(StoreError, match=r"schema version 9999 is not known here; was it written by a newer aiops\?"):
        Store.open("", tmp_path)
    with pytest.raises(StoreError, match=f"schema version 9999, known here is {tables.SCHEMA_VERSION}"):
        Store.reading("", tmp_path)
    assert schema(tmp_path / "aiops.db") == before


def test_the_database_of_another_program_is_refused_and_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    with pytest.raises(StoreError, match="holds tables of another program; give aiops a database of its own"):
        Store.open("", tmp_path)
    assert [name for _, name, _ in schema(tmp_path / "aiops.db")] == ["recipes"]


def test_a_second_process_is_refused_with_the_number_of_the_first(tmp_path: Path) -> None:
    first = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert first.stdin is not None
    assert first.stdout is not None
    try:
        assert first.stdout.readline() == "held\n"
        with pytest.raises(
            StoreError, match=f"{tmp_path}: in use by pid {first.pid}; stop it or give another --data-dir"
        ):
            Store.open("", tmp_path)
        first.kill()
        first.wait()
        Store.open("", tmp_path).close()
    finally:
        first.kill()
        first.wait()
        first.stdin.close()
        first.stdout.close()


def test_a_refused_store_gives_its_lock_back(tmp_path: Path) -> None:
    (tmp_path / "aiops.db").write_bytes(b"no database, " * 100)
    for _ in range(2):
        with pytest.raises(StoreError, match="file is not a database; restore it from a backup, or move it away"):
            Store.open("", tmp_path)
    DirectoryLock(tmp_path).close()


def test_a_data_directory_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(
        StoreError, match=r"file/data: cannot be used as data directory: Not a directory; give another --data-dir"
    ):
        Store.open("", tmp_path / "file" / "data")


@pytest.mark.skipif(
    os.geteuid() == 0 and not Path("/bin/mount").exists(), reason="root writes everywhere, and nothing can be mounted"
)
def test_a_directory_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    mounted = os.geteuid() == 0
    if (
        mounted
        and subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "none", str(folder)], capture_output=True).returncode
    ):
        pytest.skip("root writes everywhere, and mounting is not permitted here")
    folder.chmod(0o555) if not mounted else None
    try:
        with pytest.raises(
            StoreError, match=r"cannot be used as data directory: .*(Read-only|Permission).*; give another --data-dir"
        ):
            Store.open("", folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True) if mounted else folder.chmod(0o755)


def test_pages_that_were_damaged_are_found_before_anything_is_built_on_them(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    for i in range(900):
        with store.transaction() as tx:
            tx.record("daemon", "x", str(i), {"text": "y" * 200}, 0.0)
    store.close()
    path = tmp_path / "aiops.db"
    data = bytearray(path.read_bytes())
    middle = len(data) // 2 // 4096 * 4096
    data[middle : middle + 64] = b"\xff" * 64
    path.write_bytes(data)
    with pytest.raises(StoreError, match=r"aiops.db: is damaged \(.*\); restore it from a backup, or move it away"):
        Store.open("", tmp_path)
    assert path.read_bytes() == data
    store = Store.reading("", tmp_path)
    found = store.verify_ledger()
    store.close()
    assert (found.ok, found.why) == (False, "cannot be read")
    assert found.first_bad == found.rows + 1


def test_a_password_in_the_url_is_not_told(tmp_path: Path) -> None:
    made = make_engine(f"sqlite:///{tmp_path}/none/x.db", writer=True)
    with pytest.raises(StoreError) as caught:
        prepare(made, "postgresql+psycopg://me:secret@db/x")
    assert "secret" not in str(caught.value)
    assert "unable to open" in str(caught.value)
