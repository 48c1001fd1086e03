"""On PostgreSQL: one daemon watches, writers queue, an outage ends, and whoever lost the lease is too late."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from aiops.core.errors import StoreError
from aiops.store import Statement, Store, engine, responses, tables
from aiops.store.about import messages_about, spoken_for, told
from aiops.store.engine import make_engine
from aiops.store.responses import LEASE, Responses
from tests.acceptance.daemon import until
from tests.postgres import Server, running
from tests.store.samples import warning

NOW = 1_750_000_200.0


@pytest.fixture
def url(postgres: Server) -> str:
    return postgres.database()


@pytest.fixture
def mine() -> Iterator[Server]:
    with running() as server:
        yield server


def record(store: Store, what: str = "x") -> None:
    with store.transaction() as tx:
        tx.record("daemon", what, "y", {}, NOW)


def test_a_second_daemon_is_refused_and_told_who_watches(url: str) -> None:
    first = Store.open(url, None)
    with pytest.raises(StoreError, match=r"in use by aiops .+:\d+; a standby is to be started again until that one is gone"):
        Store.open(url, None)
    first.close()
    Store.open(url, None).close()


def test_who_only_carries_out_responses_works_beside_it(url: str) -> None:
    watching, only = Store.open(url, None), Store.open(url, None, alone=False)
    for i in range(3):
        record(watching, f"a{i}")
        record(only, f"b{i}")
    assert [row.action for row in reversed(watching.ledger_rows())] == ["genesis", "a0", "b0", "a1", "b1", "a2", "b2"]
    assert watching.verify_ledger().ok
    only.close()
    watching.close()


def test_it_goes_on_when_the_server_is_there_again(mine: Server) -> None:
    store = Store.open(mine.database(), None)
    record(store, "before")
    mine.stop()
    for _ in range(2):
        with pytest.raises(StoreError, match="is PostgreSQL running, and reachable from here"):
            record(store, "lost")
        with pytest.raises(StoreError, match="cannot be read"):
            store.ledger_rows()
    mine.start()
    record(store, "after")
    assert [row.action for row in reversed(store.ledger_rows())] == ["genesis", "before", "after"]
    assert store.verify_ledger().ok
    store.close()


def test_a_daemon_whose_place_was_taken_while_it_was_cut_off_writes_nothing_more(mine: Server) -> None:
    where = mine.database()
    old = Store.open(where, None)
    with mine.connection() as c:
        c.execute("SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name LIKE 'aiops%'")
    new = Store.open(where, None)
    with pytest.raises(StoreError, match="in use by"):
        record(old)
    new.close()
    with mine.connection() as c:  # who has closed is gone once its server process is
        until(lambda: not c.execute("SELECT 1 FROM pg_locks WHERE locktype = 'advisory'").fetchall(), 30, "a lock stays")
    record(old)
    old.close()


def test_numbers_grow_in_the_order_of_commits_and_the_ledger_stays_one_chain(url: str) -> None:
    """A reader who remembers the last number that he saw must not miss one that was given earlier and kept later."""
    stores = [Store.open(url, None, alone=False) for _ in range(6)]
    seen: list[int] = []
    done = threading.Event()

    def write(store: Store, name: int) -> None:
        for i in range(20):
            with store.transaction() as tx:
                tx.put_statement(Statement("feedback", "disk", f"{name}:{i}", "w", NOW, "me", {}))
                tx.record("me", "feedback", f"{name}:{i}", {}, NOW)

    def read() -> None:
        reader = Store.reading(url, Path())
        while not done.is_set() or reader.statements(after=seen[-1] if seen else 0):
            seen.extend(one.seq for one in reader.statements(after=seen[-1] if seen else 0))
        reader.close()

    follower = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(store, i)) for i, store in enumerate(stores)]
    for thread in (follower, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    follower.join()
    assert len(seen) == len(stores) * 20
    check = stores[0].verify_ledger()
    assert (check.ok, check.rows) == (True, 1 + len(seen))
    for store in stores:
        store.close()


def plain_exists(epoch: int) -> Any:
    """Rule 10 left out: the lease is looked at, not held."""
    t = tables.leases
    return sa.exists(sa.select(t.c.epoch).where(t.c.name == LEASE, t.c.epoch == epoch))


@pytest.mark.parametrize(("leads", "stolen"), [(responses._leads, False), (plain_exists, True)])
def test_nobody_takes_the_lease_while_a_decision_under_it_is_open(url: str, leads: Callable[[int], Any], stolen: bool) -> None:
    """Two connections that do not queue as writers: the row lock alone keeps the thief out; a plain EXISTS does not."""
    store = Store.open(url, None)
    assert Responses(store).take_lease("a", 15.0, NOW) == 1
    engine = sa.create_engine(url)
    steal = sa.update(tables.leases).values(owner="b", epoch=2)
    with engine.connect() as holder, engine.connect() as thief:
        assert holder.execute(sa.select(leads(1))).scalar() is True
        thief.exec_driver_sql("SET lock_timeout = '100ms'")
        if stolen:
            thief.execute(steal)
        else:
            with pytest.raises(sa.exc.OperationalError, match="lock timeout"):
                thief.execute(steal)
            thief.rollback()
            holder.commit()
            thief.execute(steal)
    engine.dispose()
    store.close()


def test_the_clock_of_the_database_decides_when_a_lease_has_ended(url: str) -> None:
    store = Store.open(url, None)
    runs = Responses(store)
    assert runs.take_lease("a", 600.0, NOW) == 1
    assert runs.take_lease("b", 600.0, NOW + 1e9) is None
    runs.leave_lease("a")
    assert runs.take_lease("b", 600.0, NOW - 1e9) == 2
    store.close()


def test_names_may_be_long_and_hold_any_character(url: str) -> None:
    store = Store.open(url, None)
    name = "a\0b" + "ü" * 3000
    with store.transaction() as tx:
        tx.record("daemon", "x", name, {"said": name}, NOW)
        tx.enqueue("pager", name, name, {"label": name}, NOW)
        assert not tx.enqueue("pager", name, name, {"label": name}, NOW), "the key of one that is there"
    assert store.ledger_rows()[0].object == name.replace("\0", "\ufffd")
    assert store.due(NOW)[0].payload == {"label": name}
    assert store.verify_ledger().ok
    store.close()


def test_what_was_changed_behind_its_back_is_found(url: str, postgres: Server) -> None:
    store = Store.open(url, None)
    record(store, "one")
    record(store, "two")
    with postgres.connection(str(sa.make_url(url).database)) as c:
        c.execute("ALTER TABLE ledger DISABLE TRIGGER ALL")
        c.execute("UPDATE ledger SET actor = 'somebody' WHERE seq = 2")
    check = store.verify_ledger()
    assert (check.ok, check.first_bad, check.why) == (False, 2, "its content was changed")
    store.close()


def test_a_database_that_is_not_there_is_said_with_what_to_do(postgres: Server) -> None:
    where = f"postgresql+psycopg://aiops@/nowhere?host={postgres.folder}"
    with pytest.raises(StoreError, match=r'database "nowhere" does not exist; make the database and its user first'):
        Store.open(where, None)


def test_tables_of_another_program_are_left_alone(url: str, postgres: Server) -> None:
    with postgres.connection(str(sa.make_url(url).database)) as c:
        c.execute("CREATE TABLE theirs (x int)")
    with pytest.raises(StoreError, match="holds tables of another program"):
        Store.open(url, None)


def test_what_was_kept_survives_sigkill_and_the_lock_goes_with_the_process(url: str) -> None:
    code = (
        "import os, signal, sys\nfrom aiops.store import Store\nfrom tests.store.samples import warning\n"
        "store = Store.open(sys.argv[1], None)\n"
        "with store.transaction() as tx: tx.put_warning(warning())\n"
        "with store.transaction() as tx:\n    tx.record('daemon', 'x', 'y', {}, 1.0)\n    tx.finish()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[2]
    assert subprocess.run([sys.executable, "-c", code, url], check=False, cwd=root).returncode == -9
    store = _opened_when_the_server_has_noticed(url)
    assert store.warnings() == [warning()]
    assert [row.action for row in store.ledger_rows()] == ["genesis"]
    store.close()


def _opened_when_the_server_has_noticed(url: str) -> Store:
    """The server sees the end of a killed client a moment later."""
    bare = psycopg.conninfo.make_conninfo(url.replace("+psycopg", ""))
    with psycopg.connect(bare, autocommit=True) as c:
        while c.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database "
                        "WHERE datname = current_database())").fetchone() != (0,):  # fmt: skip
            threading.Event().wait(0.02)
    return Store.open(url, None)


def test_a_database_that_was_migrated_looks_up_as_one_that_was_made(postgres: Server) -> None:
    """Where text is ordered as people do, and not by its bytes: a colon counts for nothing there."""
    made, older = (postgres.database("en-US") for _ in range(2))
    writer = make_engine(older, writer=True)
    engine._migrate(writer, older, None)
    writer.dispose()
    for url in (made, older):
        store = Store.open(url, None)
        with store.transaction() as tx:
            for name, event in (("a", "opened"), ("a", "worsened:5"), ("aa", "closed"), ("b", "opened")):
                tx.enqueue("am", f"digest:{name}#3", f"{name}:{event}", {"event": event}, NOW)
            tx.put_warning(warning(id="b", thread="a"))
        assert [one.event for one in messages_about(store, "a")] == ["opened", "worsened:5"]
        assert [told(store, "am", one) for one in ("a", "aa", "b")] == [True, False, True]
        assert [one.id for one in spoken_for(store, "a")] == ["b"]
        for row in store.due(NOW):
            store.mark_sent(row.seq, NOW)
        assert [store.last_bundle_s("am", f"digest:{one}") for one in ("a", "b", "c")] == [NOW, NOW, None]
        assert store.prune_outbox(NOW + 9.0) == 2  # of `b`, which is open, nothing is forgotten
        store.close()
