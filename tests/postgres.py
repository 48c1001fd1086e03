"""A real PostgreSQL of Debian's package on a socket of its own, for tests; it ends with its context."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

STARTS_WITHIN_S = 60.0
USER = "nobody"


def folder_of_programs() -> Path:
    """Where Debian keeps initdb and postgres, or the test is skipped with the package to install."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda p: int(p.parts[-3]))
    if not found:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    return found[-1].parent


class Server:
    """A running server; `url` of a database that is made for whoever asks."""

    def __init__(self, folder: Path, programs: Path) -> None:
        self.folder, self._programs = folder, programs
        self._who: dict[str, Any] = {}
        if os.getuid() == 0:
            self._who = {"user": USER, "group": pwd.getpwnam(USER).pw_gid, "extra_groups": []}
        self._process: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """An empty cluster: of the other user, for PostgreSQL refuses root."""
        if self._who:
            os.chown(self.folder, pwd.getpwnam(USER).pw_uid, pwd.getpwnam(USER).pw_gid)
        where = ["-D", self.folder / "data", "--no-sync"]
        command = [self._programs / "initdb", *where, "-U", "aiops", "-A", "trust", "-E", "UTF8", "--locale=C"]
        subprocess.run(command, check=True, capture_output=True, cwd=self.folder, **self._who)

    def start(self) -> None:
        """Run it until `stop`."""
        settings = ("listen_addresses=", f"unix_socket_directories={self.folder}", "fsync=off", "max_connections=40")
        command = [self._programs / "postgres", "-D", self.folder / "data", *(word for one in settings for word in ("-c", one))]
        with open(self.folder / "log", "ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder, **self._who)
        end = time.monotonic() + STARTS_WITHIN_S
        while True:
            assert self._process.poll() is None, (self.folder / "log").read_text()[-2000:]
            assert time.monotonic() < end, (self.folder / "log").read_text()[-2000:]
            with contextlib.suppress(psycopg.OperationalError), self.connection():
                return
            time.sleep(0.05)

    def stop(self) -> None:
        """At once, as a crash of its machine would."""
        if self._process is not None:
            self._process.send_signal(3)  # SIGQUIT: immediate shutdown
            self._process.wait()
            self._process = None

    def connection(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """A plain connection, each statement a transaction of its own."""
        return psycopg.connect(host=str(self.folder), user="aiops", dbname=database, autocommit=True)

    def database(self, order: str = "") -> str:
        """The URL of a new, empty database; `order`: the ICU locale by which it orders text, by bytes without one."""
        name = f"t{uuid.uuid4().hex}"
        how = f" TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE '{order}'" if order else ""
        with self.connection() as c:
            c.execute(f"CREATE DATABASE {name}{how}")
        return f"postgresql+psycopg://aiops@/{name}?host={self.folder}"


@contextlib.contextmanager
def running() -> Iterator[Server]:
    """A server of its own; short paths, for a socket's name may have 107 bytes."""
    programs = folder_of_programs()
    folder = Path(tempfile.mkdtemp(prefix="aiops-pg-"))
    server = Server(folder, programs)
    try:
        server.make()
        server.start()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """One server for all tests of a process; each makes a database of its own. Stop it only where it is yours alone."""
    with running() as server:
        yield server
