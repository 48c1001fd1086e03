"""A SQLite file that is held, a disk that is full, a process that is killed: what was kept is there."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from aiops.core.errors import StoreError
from aiops.store import Store


def record(store: Store, what: str = "x") -> None:
    with store.transaction() as tx:
        tx.record("daemon", what, "", {}, 1.0)


def test_another_program_that_holds_the_database_is_named_as_the_reason(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    with store._writer.connect() as connection:  # the one connection of the writer, so that the test need not wait 5 s
        connection.exec_driver_sql("PRAGMA busy_timeout=20")
        connection.rollback()
    with closing(sqlite3.connect(tmp_path / "aiops.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="locked; nothing of this transaction was kept; another program holds it"):
            record(store)
        other.rollback()
    record(store)
    assert store.verify_ledger().rows == 2
    store.close()


FILLS_UP = """
import resource, sys
from pathlib import Path
from aiops.core.errors import StoreError
from aiops.store import Store
store = Store.open("", Path(sys.argv[1]))
with store.transaction() as tx:
    tx.record("daemon", "kept", "", {}, 1.0)
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, resource.RLIM_INFINITY))
failed = 0
for i in range(60):
    try:
        with store.transaction() as tx:
            tx.record("daemon", "more", "x" * 100, {"text": "y" * 4000}, 1.0)
    except StoreError as e:
        failed += 1
        print(e)
        break
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
with store.transaction() as tx:
    tx.record("daemon", "after", "", {}, 1.0)
print(store.verify_ledger().ok, failed)
"""


def test_a_write_that_fails_keeps_what_was_kept_and_goes_on_when_there_is_room(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FILLS_UP, str(tmp_path)], capture_output=True, text=True, check=True)
    told, last = done.stdout.splitlines()
    assert "nothing of this transaction was kept; look after its disk" in told
    assert last == "True 1"


def test_a_full_disk_keeps_what_was_kept_and_says_what_to_do(tmp_path: Path) -> None:
    folder = tmp_path / "small"
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=400k", "none", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting is not permitted here")
    try:
        store = Store.open("", folder)
        with pytest.raises(StoreError, match="full; nothing of this transaction was kept; free some space on its disk"):
            _fill(store)
        found = store.verify_ledger()
        store.close()
        assert found.ok
        with closing(sqlite3.connect(folder / "aiops.db")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _fill(store: Store) -> None:
    for i in range(1000):
        with store.transaction() as tx:
            tx.record("daemon", "more", str(i), {"text": "y" * 4000}, 1.0)


def test_what_is_kept_when_a_transaction_ends_survives_sigkill(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys\nfrom pathlib import Path\nfrom aiops.store import Store\n"
        "store = Store.open('', Path(sys.argv[1]))\n"
        "with store.transaction() as tx: tx.record('daemon', 'kept', '', {}, 1.0)\n"
        "with store.transaction() as tx:\n    tx.record('daemon', 'lost', '', {}, 1.0)\n    tx.finish()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False).returncode == -9
    store = Store.open("", tmp_path)
    assert [row.action for row in store.ledger_rows()] == ["kept", "genesis"]
    assert store.verify_ledger().ok
    store.close()
