"""A server that stands before a real Prometheus, notes what it is asked, and may be slow, or want to know who asks."""

from __future__ import annotations

import contextlib
import http.server
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass
class Between:
    """`asked` (method, path without arguments); `most` requests at one time; `slow_s` before each answer to a query;
    `body` instead of every answer; `token` that is wanted.
    """

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)
    most: int = 0
    slow_s: float = 0.0
    body: bytes | None = None
    token: str = ""
    inside: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


@contextlib.contextmanager
def between(upstream: str) -> Iterator[Between]:
    """Forwards to `upstream` until the context ends."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._pass(None)

        def do_POST(self) -> None:
            self._pass(self.rfile.read(int(self.headers.get("Content-Length", 0))))

        def _pass(self, body: bytes | None) -> None:
            with found.lock:
                found.asked.append((self.command, self.path.partition("?")[0]))
                found.inside += 1
                found.most = max(found.most, found.inside)
            try:
                if found.slow_s and "query" in self.path:
                    time.sleep(found.slow_s)
                status, answer = self._answer(body)
            finally:
                with found.lock:
                    found.inside -= 1
            with contextlib.suppress(OSError):  # the client may have gone
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

        def _answer(self, body: bytes | None) -> tuple[int, bytes]:
            if found.token and self.headers.get("Authorization") != f"Bearer {found.token}":
                return 401, b"who are you?"
            if found.body is not None:
                return 200, found.body
            headers = {"Content-Type": self.headers["Content-Type"]} if body is not None else {}
            try:
                with urllib.request.urlopen(urllib.request.Request(upstream + self.path, body, headers), timeout=30) as answer:
                    return answer.status, answer.read()
            except urllib.error.HTTPError as e:
                with e:
                    return e.code, e.read()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found = Between(f"http://127.0.0.1:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()
