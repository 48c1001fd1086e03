"""What a store on PostgreSQL needs beside SQLite: one writer at a time, one watching daemon, a ledger that only grows.

Locks are advisory ones of the database (PostgreSQL manual, 13.3.5), so nothing is left behind by who dies. They hold for a
session: a pooler between must keep sessions (PgBouncer: `pool_mode = session`).
"""

from __future__ import annotations

import os
import socket
from typing import Any

import sqlalchemy as sa

from aiops.core.errors import StoreError

WRITER, WATCHES = 0x61696F7001, 0x61696F7002
"""Keys of the locks: of whoever writes, for a transaction; of the daemon that watches, for as long as it is connected."""
_WAITS = "-c lock_timeout=5000 -c statement_timeout=60000 -c idle_in_transaction_session_timeout=60000"
HOLDER = """
SELECT a.application_name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND (l.classid::bigint << 32) + l.objid::bigint = %s
"""
"""Who holds a lock, by what it calls itself: program, host and process."""
LEDGER_TRIGGERS = (
    "CREATE FUNCTION ledger_only_grows() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'the ledger only grows'; END $$",
    "CREATE FUNCTION ledger_in_order() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN IF NEW.seq <> (SELECT coalesce(max(seq), 0) + 1 FROM ledger) "
    "THEN RAISE EXCEPTION 'the ledger only grows'; END IF; RETURN NEW; END $$",
    "CREATE TRIGGER ledger_no_change BEFORE UPDATE OR DELETE ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_only_grows()",
    "CREATE TRIGGER ledger_no_truncate BEFORE TRUNCATE ON ledger FOR EACH STATEMENT EXECUTE FUNCTION ledger_only_grows()",
    "CREATE TRIGGER ledger_no_gap BEFORE INSERT ON ledger FOR EACH ROW EXECUTE FUNCTION ledger_in_order()",
)


def options(writer: bool) -> dict[str, Any]:
    """Arguments of `create_engine`: a lost server is noticed within half a minute, waiting ends; writers have one connection."""
    host = socket.gethostname()[:40]
    connect = {
        "connect_timeout": 5, "application_name": f"aiops {host}:{os.getpid()}", "options": _WAITS, "keepalives_idle": 10,
        "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 30_000,
    }  # fmt: skip
    counted = {"preserve_rowcount": True}  # whether an INSERT … ON CONFLICT DO NOTHING did
    pool = {"pool_size": 1, "max_overflow": 0} if writer else {}
    return {"connect_args": connect, "pool_pre_ping": True, "execution_options": counted, **pool}


def begin_writing(connection: sa.Connection) -> None:
    """Wait for other writers, as SQLite's BEGIN IMMEDIATE does: numbers of rows then grow in the order of commits."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(%s)", (WRITER,))


def watch_alone(connection: Any, _record: Any) -> None:
    """Take the lock of the daemon that watches, on each new connection of its writer: without the lock nothing is written.

    Raises StoreError while another one has it.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s)", (WATCHES,))
        mine = cursor.fetchone()[0]
        if not mine:
            cursor.execute(HOLDER, (WATCHES,))
            holder = (cursor.fetchone() or ["another daemon"])[0]
    connection.commit()
    if not mine:
        connection.close()
        hint = "a standby is to be started again until that one is gone; else stop it, or give this one a database of its own"
        raise StoreError(f"store: in use by {holder}; {hint}")
