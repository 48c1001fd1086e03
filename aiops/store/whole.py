"""A store as a whole: counted, looked through, and copied into another one, on SQLite or PostgreSQL on either side.

A copy holds every row as it is written, to the byte, so that its ledger verifies if this one does; and the numbers that were
given away, so that none is given again. It is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from aiops.core.errors import StoreError
from aiops.core.folders import sync_folder
from aiops.store import postgres, tables
from aiops.store.codec import outcome_from, warning_from
from aiops.store.engine import FILE, advice, check_version, in_memory, make_engine, newer, prepare, safe, said, url_of
from aiops.store.ledger import LedgerCheck, checked
from aiops.store.response_rows import run_from
from aiops.store.store import Store

AT_ONCE = 1000
READS: dict[str, Callable[[Any], object]] = {
    "warnings": lambda row: warning_from(row.body), "outcomes": lambda row: outcome_from(row.body), "responses": run_from,
}  # fmt: skip
"""What makes a record of a row, by table."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What a copy holds: rows by table, and what verifying its ledger found."""

    rows: dict[str, int]
    ledger: LedgerCheck


def counted(store: Store) -> dict[str, int]:
    """How many rows each table has. Raises StoreError."""
    with store._read() as connection:
        return _counted(connection)


def watcher(store: Store) -> str:
    """The daemon that watches on PostgreSQL, wherever it runs; empty: none, or the store is on SQLite. Raises StoreError."""
    with store._read() as connection:
        if connection.dialect.name != "postgresql":
            return ""
        return str(connection.exec_driver_sql(postgres.HOLDER, (postgres.WATCHES,)).scalar() or "")


def unreadable(store: Store) -> Iterator[str]:
    """What in a store cannot be read: pages (SQLite), then the first row of each table that is no record. Raises StoreError."""
    with store._read() as connection:
        if connection.dialect.name == "sqlite":
            yield from (str(row[0]) for row in connection.exec_driver_sql("PRAGMA integrity_check(10)") if row[0] != "ok")
    for name, made in READS.items():
        t = tables.metadata.tables[name]
        with store._read() as connection:
            for row in connection.execute(sa.select(t), execution_options={"yield_per": AT_ONCE}):
                try:
                    made(row)
                except (KeyError, TypeError, ValueError) as e:
                    yield f"{name}: row {row[0]} cannot be read: {type(e).__name__}: {e}"
                    break


def export(url: str, data_dir: Path, into: Path, mark: Callable[[float], None] = lambda _: None) -> Copied:
    """Copy a store, as it is at one instant beside a running daemon, into the new SQLite file `into`.

    `mark` hears the share that is done. What verifying the copy's ledger found is only told: a copy of what was changed is
    evidence too. Raises StoreError.
    """
    where = url_of(url, data_dir)
    source = make_engine(where, writer=False)
    check_version(source, where)
    with _telling(safe(where)), contextlib.closing(_Disposed(source)):
        return _into_file(source, into, mark, whole=False)


def take_in(file: Path, url: str, data_dir: Path, mark: Callable[[float], None] = lambda _: None) -> Copied:
    """Copy the SQLite store in `file` into the one of `url` and `data_dir`, which must not be there yet, or be empty.

    A store of an earlier version is brought up to date on the way, in a copy of its own. The caller holds the lock of
    `data_dir`. Raises StoreError, also for a ledger that was changed; nothing is taken in then.
    """
    where, into = url_of(url, data_dir), new_file(url, data_dir)
    room = tempfile.TemporaryDirectory(dir=data_dir, prefix="import-")
    with _telling(safe(where)), room, _opened(file, Path(room.name)) as source:
        if into is not None:
            return _into_file(source, into, mark, whole=True)
        with contextlib.closing(_Disposed(make_engine(where, writer=True, alone=True))) as target:
            prepare(target.engine, where)
            with _snapshot(source) as reader, target.engine.begin() as writer:
                held = {name: count for name, count in _counted(writer).items() if count}
                if held:
                    raise StoreError(f"{safe(where)}: holds rows already ({_told(held)}); give it an empty database")
                return _copied(reader, writer, mark, whole=True)


def new_file(url: str, data_dir: Path) -> Path | None:
    """The file that a store on SQLite would be made in; None on PostgreSQL. Raises StoreError where there is one already."""
    if in_memory(url):
        raise StoreError(f"{url}: lives in memory only; name a store that stays")
    if url and not url.startswith("sqlite"):
        return None
    into = Path(str(sa.make_url(url).database)) if url else data_dir / FILE
    if into.exists():
        raise StoreError(f"{into}: is a store already; move it away, or take in with another --data-dir")
    return into


class _Disposed:
    """An engine that is let go of at the end."""

    def __init__(self, engine: sa.Engine) -> None:
        self.engine, self.close = engine, engine.dispose


@contextlib.contextmanager
def _telling(what: str) -> Iterator[None]:
    try:
        yield
    except sa.exc.SQLAlchemyError as e:
        raise StoreError(f"{what}: cannot be copied: {said(e)}; {advice(e)}") from e
    except OSError as e:
        raise StoreError(f"{what}: cannot be copied: {e.strerror or e} ({e.filename})") from e


@contextlib.contextmanager
def _opened(file: Path, room: Path) -> Iterator[sa.Engine]:
    """The store in a file, of this version: a copy in `room` where it is of an earlier one."""
    if not file.is_file():
        raise StoreError(f"{file}: is no store; name a folder that `aiops state export` made, or an aiops.db")
    where = f"sqlite:///{file}"
    with contextlib.closing(_Disposed(make_engine(where, writer=False))) as found:
        with _telling(str(file)):
            version = _version(found.engine, file)
        if version == tables.SCHEMA_VERSION:
            yield found.engine
            return
        if newer(version):
            raise StoreError(f"{file}: has schema version {version}, known here is {tables.SCHEMA_VERSION}; use the newer aiops")
        raw = found.engine.raw_connection()
        try:
            raw.cursor().execute("VACUUM INTO ?", (str(room / FILE),))
        finally:
            raw.close()
    where = url_of("", room)
    with contextlib.closing(_Disposed(make_engine(where, writer=True))) as brought:
        prepare(brought.engine, where)
        yield brought.engine


def _version(engine: sa.Engine, file: Path) -> str:
    with engine.connect() as connection:
        names = sa.inspect(connection).get_table_names()
        if "alembic_version" not in names or "ledger" not in names:
            raise StoreError(f"{file}: holds no store of aiops; name a folder that `aiops state export` made, or an aiops.db")
        return str(connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar())


def _into_file(source: sa.Engine, into: Path, mark: Callable[[float], None], whole: bool) -> Copied:
    """A new SQLite file, which gets its name when all of it is on disk."""
    part = into.with_name(f"{into.name}.part")
    _drop(part)
    try:
        with contextlib.closing(_Disposed(make_engine(f"sqlite:///{part}", writer=True))) as target:
            prepare(target.engine, f"sqlite:///{part}")
            with _snapshot(source) as reader, target.engine.begin() as writer:
                found = _copied(reader, writer, mark, whole)
            raw = target.engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=DELETE")  # all of it in one file
            finally:
                raw.close()
        with part.open("rb") as f:
            os.fsync(f.fileno())
        os.replace(part, into)
        sync_folder(into.parent)
    finally:
        _drop(part)
    return found


def _drop(part: Path) -> None:
    for name in ("", "-wal", "-shm", "-journal"):
        part.with_name(part.name + name).unlink(missing_ok=True)


@contextlib.contextmanager
def _snapshot(source: sa.Engine) -> Iterator[sa.Connection]:
    """A connection that sees one instant, whatever others write meanwhile."""
    with source.connect() as connection:
        if connection.dialect.name == "postgresql":
            connection = connection.execution_options(isolation_level="REPEATABLE READ")
        yield connection


def _counted(connection: sa.Connection) -> dict[str, int]:
    count = sa.select(sa.func.count())
    return {str(t.name): int(connection.execute(count.select_from(t)).scalar() or 0) for t in tables.metadata.sorted_tables}


def _copied(reader: sa.Connection, writer: sa.Connection, mark: Callable[[float], None], whole: bool) -> Copied:
    """Copy every row, then verify what was written; `whole`: raise StoreError where the ledger was changed."""
    counts = _counted(reader)
    done, all_of_them = 0, sum(counts.values()) or 1
    for t in tables.metadata.sorted_tables:
        for rows in _rows(reader, t):
            writer.execute(_insert(writer, t), rows)
            done += len(rows)
            mark(0.9 * done / all_of_them)
        _keep_number(writer, t, _last_number(reader, t))
    found = checked(writer)
    if whole and not found.ok:
        where = f"row {found.first_bad}: " if found.first_bad else ""
        raise StoreError(f"its ledger was changed ({where}{found.why}); nothing was taken in; see `aiops audit verify`")
    return Copied(counts, found)


def _rows(reader: sa.Connection, t: sa.Table) -> Iterator[list[dict[str, Any]]]:
    """All rows in order, JSON as the text that it is kept as."""
    columns = [sa.cast(c, sa.Text).label(c.name) if isinstance(c.type, sa.JSON) else c for c in t.c]
    query = sa.select(*columns).order_by(*t.primary_key.columns)
    for part in reader.execute(query, execution_options={"yield_per": AT_ONCE}).partitions():
        yield [dict(row._mapping) for row in part]


def _insert(writer: sa.Connection, t: sa.Table) -> sa.Insert:
    """An INSERT that takes JSON as text: SQLite keeps it so, PostgreSQL is told what it is."""
    given: dict[str, Any] = {}
    for c in t.c:
        text = sa.bindparam(c.name, type_=sa.Text) if isinstance(c.type, sa.JSON) else sa.bindparam(c.name, type_=c.type)
        given[c.name] = sa.cast(text, sa.JSON) if isinstance(c.type, sa.JSON) and writer.dialect.name == "postgresql" else text
    return sa.insert(t).values(given)


def _numbered(t: sa.Table) -> bool:
    return bool(t.dialect_options["sqlite"]["autoincrement"])


def _last_number(reader: sa.Connection, t: sa.Table) -> int:
    """The last number that a table gave a row, also of one that is gone; 0: none, or it gives none."""
    if not _numbered(t):
        return 0
    if reader.dialect.name == "postgresql":
        query = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {t.name}_seq_seq"
        return int(reader.exec_driver_sql(query).scalar() or 0)
    return int(reader.execute(sa.text("SELECT seq FROM sqlite_sequence WHERE name = :name"), {"name": t.name}).scalar() or 0)


def _keep_number(writer: sa.Connection, t: sa.Table, number: int) -> None:
    """No row of a table gets a number up to this one."""
    if not number:
        return
    given = {"name": t.name, "seq": number}
    if writer.dialect.name == "postgresql":
        writer.execute(sa.text("SELECT setval(pg_get_serial_sequence(:name, 'seq'), :seq)"), given)
        return
    writer.execute(sa.text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": t.name})
    writer.execute(sa.text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :seq)"), given)


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} of {name}" for name, count in counts.items())
