"""Where messages end up in tests: a mail server of this machine, and the wire of services whose addresses are fixed."""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import requests


@dataclass
class Mails:
    """Mails as they came over the wire."""

    port: int
    got: list[bytes] = field(default_factory=list)


@contextlib.contextmanager
def smtp() -> Iterator[Mails]:
    """A server that takes every mail; it knows no more of SMTP than the client here says."""
    got: list[bytes] = []

    class Session(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            for line in self.rfile:
                command = line[:4].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = iter(self.rfile.readline, b".\r\n")
                    got.append(b"".join(line.removeprefix(b".") for line in lines))  # RFC 5321, 4.5.2
                self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 well\r\n")
                if command == b"QUIT":
                    return

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Session) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield Mails(server.server_address[1], got)
        finally:
            server.shutdown()
            thread.join(10)


@contextlib.contextmanager
def wire() -> Iterator[list[requests.PreparedRequest]]:
    """What goes out over the library `requests` meanwhile, whole; it is taken, and nothing leaves this machine."""
    sent: list[requests.PreparedRequest] = []

    def take(_: Any, request: requests.PreparedRequest, **more: Any) -> requests.Response:
        sent.append(request)
        answer = requests.Response()
        answer.status_code, answer._content, answer.url, answer.request = 200, b"ok", request.url or "", request
        return answer

    with mock.patch.object(requests.adapters.HTTPAdapter, "send", take):
        yield sent
