"""Calls, programs and small servers for tests of actions."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops.core.programs import WRITTEN
from aiops.responses.actions.around import Around
from aiops.responses.actions.exec import Exec, ExecParams
from aiops.responses.interface import Call

KEY = "6b" * 32
CANARY = "s3cr3t-c4n4ry/+value"


def call(given: dict[str, Any], left_s: float = 30.0, **other: Any) -> Call:
    """A call of one step; every secret has the canary as its value."""
    about: dict[str, Any] = {"run_id": "run", "step_id": "step", "idem_key": KEY, "epoch": 3, "secret": lambda name: CANARY}
    return Call(left_s=left_s, given=given, **{**about, **other})


def fixed(argv: list[str], **more: Any) -> dict[str, Any]:
    """What `exec` is given of a command in which no value from outside stands."""
    return {"argv": argv, WRITTEN: [[one] for one in argv], **more}


def script(folder: Path, text: str, name: str = "program") -> Path:
    """A program of a few lines of sh."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def runner(folder: Path, programs: dict[str, Path], lock_fd: int | None = None, **params: Any) -> Exec:
    """The action `exec` with these programs."""
    return Exec(ExecParams(programs=programs, **params), Around(folder=folder / "desk", lock_fd=lock_fd))


def alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def until(true: Callable[[], Any], within_s: float = 60.0) -> None:
    """Wait until something is so."""
    end = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < end, "it never became so"
        time.sleep(0.01)


def everything_in(folder: Path) -> bytes:
    """The bytes of every file below a folder."""
    return b"".join(Path(base, one).read_bytes() for base, _, names in os.walk(folder) for one in names)


@dataclass
class Seen:
    """One request as it came: `target` is the raw second word of its first line."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Web:
    """A server whose answers a test decides; `seen` is what it was asked."""

    port: int
    answer: Callable[[Seen], tuple[int, Any]]
    seen: list[Seen] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


@contextlib.contextmanager
def web(answer: Callable[[Seen], tuple[int, Any]] = lambda seen: (200, {})) -> Iterator[Web]:
    """A server on a free loopback port; `answer` gives status and body, JSON unless it is bytes."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            target = self.raw_requestline.decode("latin-1").split(" ")[1]
            asked = Seen(self.command, target, {k.lower(): v for k, v in self.headers.items()}, body)
            found.seen.append(asked)
            status, said = found.answer(asked)
            data = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            for name, value in {"Content-Length": str(len(data)), "Connection": "close", **found.more}.items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(ConnectionError):
                self.wfile.write(data)

        do_POST = do_PUT = do_PATCH = do_DELETE = do_GET

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Web(int(server.server_address[1]), answer)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
