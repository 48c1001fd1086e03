"""A server that does to its clients whatever a test wants, byte by byte."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

Handler = Callable[[socket.socket, bytes], None]


@dataclass
class Hostile:
    """The server's address and the requests it got, oldest first."""

    url: str
    requests: list[bytes] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)


@contextlib.contextmanager
def serving(
    handler: Callable[[Hostile, socket.socket, bytes], None], tls: ssl.SSLContext | None = None
) -> Iterator[Hostile]:
    """Calls `handler` with each request, head and form; the connection closes when it returns."""
    listener = socket.create_server(("127.0.0.1", 0))
    server = Hostile(f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}")
    threads: list[threading.Thread] = []
    conns: list[socket.socket] = []

    def serve(plain: socket.socket) -> None:
        with contextlib.suppress(OSError), tls.wrap_socket(plain, server_side=True) if tls else plain as conn:
            request = b""
            while b"\r\n\r\n" not in request:
                more = conn.recv(65536)
                if not more:
                    return
                request += more
            head, _, form = request.partition(b"\r\n\r\n")
            length = next(
                (int(x.split(b":")[1]) for x in head.splitlines() if x.lower().startswith(b"content-length")), 0
            )
            while len(form) < length:
                form += conn.recv(65536)
            server.requests.append(head + b"\r\n\r\n" + form)
            handler(server, conn, server.requests[-1])

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                conn, _ = listener.accept()
                conns.append(conn)
                threads.append(threading.Thread(target=serve, args=(conn,), daemon=True))
                threads[-1].start()

    accepting = threading.Thread(target=accept, daemon=True)
    accepting.start()
    try:
        yield server
    finally:
        server.stop.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for conn in conns:
            with contextlib.suppress(OSError):
                conn.shutdown(socket.SHUT_RDWR)
        for thread in (accepting, *threads):
            thread.join(10)


def answer(body: bytes, status: str = "200 OK", kind: str = "application/json", **headers: str) -> bytes:
    """A whole HTTP answer."""
    lines = {"Content-Type": kind, "Content-Length": str(len(body))} | {
        k.replace("_", "-"): v for k, v in headers.items()
    }
    head = "".join(f"{k}: {v}\r\n" for k, v in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}Connection: close\r\n\r\n".encode() + body


def says(*answers: bytes) -> Callable[[Hostile, socket.socket, bytes], None]:
    """Gives these answers, one a request, the last one for ever."""

    def handler(server: Hostile, conn: socket.socket, _: bytes) -> None:
        conn.sendall(answers[min(len(server.requests), len(answers)) - 1])

    return handler


def success(result: Any, kind: str = "matrix", **more: Any) -> bytes:
    """The body of a successful answer, as Prometheus writes it."""
    data = {"status": "success", "data": {"resultType": kind, "result": result}, **more}
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode()


def gzip_bomb(megabytes: int) -> Iterator[bytes]:
    """A gzip stream that inflates to that many MB of spaces, in small pieces."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    head = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    piece = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
    yield head
    for _ in range(megabytes - 1):
        yield piece
