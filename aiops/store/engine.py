"""Engines, migrations and the lock on the data directory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import uuid
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from aiops.core.errors import StoreError
from aiops.store import postgres, tables

FILE = "aiops.db"
"""The store in a data directory, where the configuration names no other."""


def url_of(url: str, data_dir: Path | None) -> str:
    """Where the store is: what the configuration says, else the file in the data directory."""
    return url or f"sqlite:///{Path(str(data_dir)) / FILE}"


def need(url: str, data_dir: Path) -> None:
    """Raises StoreError where there is no store: SQLite would make an empty file instead."""
    if not is_there(url, data_dir):
        raise StoreError(f"{data_dir}: holds no {FILE}; name the daemon's folder with --data-dir, or start `aiops run`")


def is_there(url: str, data_dir: Path) -> bool:
    """Whether there is a store, as far as that is known without asking: one that the configuration names is taken to be there."""
    return bool(url) or (data_dir / FILE).exists()


class DirectoryLock:
    """An exclusive lock on a data directory, held as long as the process lives; the file names its holder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "lock"
        try:
            folder.mkdir(parents=True, exist_ok=True, mode=0o750)
            self._file = open(self.path, "a+")  # noqa: SIM115 - held until close()
        except OSError as e:
            raise StoreError(
                f"{folder}: cannot be used as data directory: {e.strerror}; give another --data-dir"
            ) from e
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            self._file.seek(0)
            holder = self._file.read().strip() or "another process"
            self._file.close()
            raise StoreError(f"{folder}: in use by {holder}; stop it or give another --data-dir") from e
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"pid {os.getpid()}")
        self._file.flush()

    def close(self) -> None:
        """Give the lock back."""
        self._file.close()


def holder(folder: Path) -> str:
    """Who holds the lock on a data directory, as the lock names it; empty: nobody, or there is none. Takes nothing."""
    try:
        with (folder / "lock").open() as f:
            try:
                fcntl.flock(f, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                return f.read().strip() or "another process"
    except OSError:
        pass
    return ""


def in_memory(url: str) -> bool:
    """Whether a store lives in this process only."""
    return url in ("sqlite://", "sqlite:///:memory:")


def make_engine(url: str, writer: bool, alone: bool = False) -> sa.Engine:
    """An engine with our pragmas; the writer begins with BEGIN IMMEDIATE, so that writers queue instead of failing.

    On PostgreSQL writers queue as well, and with `alone` there is one such writer at most: see `aiops.store.postgres`.
    """
    memory = in_memory(url)
    options: dict[str, Any] = {}
    if memory:
        options = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    elif url.startswith("sqlite"):
        options = {"connect_args": {"check_same_thread": False, "timeout": 5.0}}
    elif url.startswith("postgresql"):
        options = postgres.options(writer)
    engine = sa.create_engine(url, **options)
    if engine.dialect.name == "sqlite":
        sa.event.listen(engine, "connect", _pragmas)
        sa.event.listen(engine, "begin", _begin_immediate if writer else _begin)
    elif writer:
        sa.event.listen(engine, "begin", postgres.begin_writing)
        if alone:
            sa.event.listen(engine, "connect", postgres.watch_alone)
    return engine


def _pragmas(connection: Any, _record: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
        connection.execute(f"PRAGMA {pragma}")


def _begin_immediate(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")


def _begin(connection: sa.Connection) -> None:
    connection.exec_driver_sql("BEGIN")


def prepare(engine: sa.Engine, url: str) -> None:
    """Bring the schema up to date: made at once when empty, migrated when older.

    Raises StoreError when it is newer, damaged, or not ours; nothing is changed then.
    """
    try:
        with engine.begin() as connection:
            names = sa.inspect(connection).get_table_names()
            if not names:
                _create(connection)
                return
            if "alembic_version" not in names or "ledger" not in names:
                raise StoreError(f"{safe(url)}: holds tables of another program; give aiops a database of its own")
            _check_pages(connection, url)
            version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        if version != tables.SCHEMA_VERSION:
            _migrate(engine, url, version)
    except sa.exc.DBAPIError as e:
        raise StoreError(f"{safe(url)}: cannot be opened: {said(e)}; {advice(e)}") from e


def _check_pages(connection: sa.Connection, url: str) -> None:
    """Half a second for 400 MB: damage is found before anything is built on it."""
    if connection.dialect.name == "sqlite":
        found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if found != "ok":
            raise StoreError(f"{safe(url)}: is damaged ({' '.join(str(found).split())}); {RESTORE}")


RESTORE = "restore it from a backup, or move it away to begin with an empty one"
_ADVICE = (
    ("full", "free some space on its disk"),
    ("readonly", "let this user write there, or give another --data-dir"),
    ("read-only", "let this user write there, or give another --data-dir"),
    ("unable to open", "let this user write there, or give another --data-dir"),
    ("locked", "another program holds it; stop that one"),
    ("disk i/o", "look after its disk"),
    ("malformed", RESTORE),
    ("not a database", RESTORE),
    ("lock timeout", "another program holds it; stop that one"),
    ("password", "give the password in ~/.pgpass or PGPASSWORD of whoever runs this"),
    ("permission denied", "let its user make tables there"),
    ("does not exist", "make the database and its user first, with createuser and createdb"),
    ("connection", "is PostgreSQL running, and reachable from here?"),
)


def said(error: sa.exc.SQLAlchemyError) -> str:
    """What the database itself said, on one line."""
    return " ".join(str(error.orig if isinstance(error, sa.exc.DBAPIError) else error).split())


def advice(error: sa.exc.SQLAlchemyError) -> str:
    """What to do about an error of the database."""
    words = said(error).lower()
    return next((what for sign, what in _ADVICE if sign in words), "see the log of the database")


def check_version(engine: sa.Engine, url: str) -> None:
    """Raises StoreError unless the schema is the one known here, and lets the engine go; changes nothing."""
    with contextlib.ExitStack() as undo:
        undo.callback(engine.dispose)
        try:
            with engine.connect() as connection:
                version = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        except sa.exc.DBAPIError as e:
            raise StoreError(f"{safe(url)}: cannot be read: {said(e)}; {advice(e)}") from e
        if version != (known := tables.SCHEMA_VERSION):
            older = "`aiops run` migrates an older one"
            raise StoreError(f"{safe(url)}: has schema version {version}, known here is {known}; {older}")
        undo.pop_all()


def newer(version: str) -> bool:
    """Whether a schema version is of a later program than this one: versions are numbers of four digits."""
    return version > tables.SCHEMA_VERSION


def _create(connection: sa.Connection) -> None:
    tables.metadata.create_all(connection)
    triggers = tables.LEDGER_TRIGGERS if connection.dialect.name == "sqlite" else postgres.LEDGER_TRIGGERS
    for trigger in triggers:
        connection.exec_driver_sql(trigger)
    connection.exec_driver_sql("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.execute(sa.text("INSERT INTO alembic_version VALUES (:v)"), {"v": tables.SCHEMA_VERSION})


def _migrate(engine: sa.Engine, url: str, version: str | None, to: str = "head") -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, to)
        except CommandError as e:
            raise StoreError(
                f"{safe(url)}: schema version {version} is not known here; was it written by a newer aiops?"
            ) from e


def safe(url: str) -> str:
    """A URL as it may be shown: without its password."""
    return sa.make_url(url).render_as_string(hide_password=True)


def install_id() -> str:
    """A fresh identity for a new ledger."""
    return uuid.uuid4().hex
