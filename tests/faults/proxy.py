"""A fault proxy in front of a real server: over real TCP it does to an answer whatever a test wants, and counts what passed."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import http.server
import json
import ssl
import threading
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, urlsplit

Metric = dict[str, str]
Point = tuple[float, str]
Rows = list[tuple[Metric, list[Point]]]
Rewrite = Callable[[Rows], Rows]
NOT_PASSED = ("/api/v1/read", "/api/v1/status/config")
"""What is done to answers is done to those of the query API, and those are what is counted: no history comes in another way."""


@dataclass
class Exchange:
    """One request under way: `args` of the query, `headers` as they came; `over` is set when the proxy ends."""

    to: http.server.BaseHTTPRequestHandler
    upstream: str
    body: bytes
    over: threading.Event
    args: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        query = urlsplit(self.to.path).query or self.body.decode()
        self.args = {name: values[0] for name, values in parse_qs(query).items()}

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the request."""
        return dict(self.to.headers.items())

    def real(self) -> tuple[int, bytes]:
        """What the real server answers: (status, body)."""
        there = urlsplit(self.upstream)
        connection = http.client.HTTPConnection(there.hostname or "", there.port, timeout=30)
        try:
            kept = {k: v for k, v in self.headers.items() if k.lower() in ("content-type", "accept")}
            connection.request(self.to.command, self.to.path, self.body or None, kept)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def send(self, status: int, body: bytes, **headers: str) -> None:
        """A whole answer."""
        self.to.send_response(status)
        for name, value in ({"Content-Type": "application/json", "Content-Length": str(len(body))} | headers).items():
            self.to.send_header(name.replace("_", "-"), value)
        self.to.end_headers()
        self.to.wfile.write(body)


Fault = Callable[[Exchange], None]


@dataclass
class Proxy:
    """`fault` does something else than passing an answer on. `queries`, `samples`, `body_bytes`: what passed, whole.

    `calls`: every query that was asked, passed or not; `credentials`: every Authorization header that was seen.
    """

    upstream: str
    fault: Fault | None = None
    tls: ssl.SSLContext | None = None
    port: int = 0
    queries: int = 0
    samples: int = 0
    body_bytes: int = 0
    calls: list[dict[str, str]] = field(default_factory=list)
    credentials: list[str] = field(default_factory=list)
    mistakes: list[Exception] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)
    _server: http.server.ThreadingHTTPServer | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    def up(self) -> None:
        """Listen, on the same port as before."""
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                proxy._serve(self)

            do_POST = do_GET

            def log_message(self, *args: object) -> None:
                pass

        self.over = threading.Event()
        self._server = _Server(("127.0.0.1", self.port), Handler)
        if self.tls is not None:
            self._server.socket = self.tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def down(self) -> None:
        """Refuse connections from now on; what is under way is cut."""
        self.over.set()
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def passed(self, body: bytes) -> None:
        """Count what was handed on."""
        with self.lock:
            self.queries += 1
            self.samples += _samples(body)
            self.body_bytes += len(body)

    def forget(self) -> None:
        """Count from here on."""
        with self.lock:
            self.queries = self.samples = self.body_bytes = 0
            self.calls.clear()

    def _serve(self, to: http.server.BaseHTTPRequestHandler) -> None:
        body = to.rfile.read(int(to.headers.get("Content-Length", 0)))
        if urlsplit(to.path).path.endswith(NOT_PASSED):
            to.send_error(404)
            return
        exchange = Exchange(to, self.upstream, body, self.over)
        with self.lock:
            self.calls.append(exchange.args)
            if "Authorization" in to.headers:
                self.credentials.append(to.headers["Authorization"])
        try:
            if self.fault is not None:
                self.fault(exchange)
                return
            status, answer = exchange.real()
            self.passed(answer)
            exchange.send(status, answer)
        except OSError:
            return  # the client hung up, as it may
        except Exception as e:  # a test's own mistake must not look like a fault
            self.mistakes.append(e)
            raise


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = False  # closing it waits for its threads, so that none is left

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that ends a TLS handshake is no error of this server."""


@contextlib.contextmanager
def proxied(upstream: str, fault: Fault | None = None, tls: ssl.SSLContext | None = None) -> Iterator[Proxy]:
    """A proxy in front of `upstream` until the context ends."""
    proxy = Proxy(upstream, fault, tls)
    proxy.up()
    try:
        yield proxy
    finally:
        proxy.down()
    assert not proxy.mistakes


def _samples(body: bytes) -> int:
    try:
        result = json.loads(body)["data"]["result"]
        return sum(len(one["values"]) if "values" in one else 1 for one in result)
    except (ValueError, KeyError, TypeError):
        return 0


def hang(exchange: Exchange) -> None:
    """Accept, and never answer."""
    exchange.over.wait(60)


def drip(every_s: float) -> Fault:
    """The real answer, a byte at a time."""

    def fault(exchange: Exchange) -> None:
        status, body = exchange.real()
        exchange.to.send_response(status)
        exchange.to.send_header("Content-Type", "application/json")
        exchange.to.send_header("Content-Length", str(len(body)))
        exchange.to.end_headers()
        for byte in body:
            if exchange.over.wait(every_s):
                return
            exchange.to.wfile.write(bytes([byte]))

    return fault


def late(seconds: float) -> Fault:
    """The real answer after a while."""

    def fault(exchange: Exchange) -> None:
        if not exchange.over.wait(seconds):
            exchange.send(*exchange.real())

    return fault


def cut(exchange: Exchange) -> None:
    """The first half of the real answer, then the end of the connection."""
    status, body = exchange.real()
    exchange.send(status, body[: len(body) // 2], Content_Length=str(len(body)))


def says(status: int, body: bytes = b"", **headers: str) -> Fault:
    """Always this answer, whatever is asked."""
    return lambda exchange: exchange.send(status, body, **headers)


def in_turn(*faults: Fault | None) -> Fault:
    """One after the other, a request each, the last one for ever; None passes the real answer on."""
    left, lock = list(faults), threading.Lock()

    def fault(exchange: Exchange) -> None:
        with lock:
            now = left.pop(0) if len(left) > 1 else left[0]
        if now is None:
            exchange.send(*exchange.real())
        else:
            now(exchange)

    return fault


def bomb(megabytes: int) -> Fault:
    """Gzip that inflates to so many MB."""

    def fault(exchange: Exchange) -> None:
        packer = zlib.compressobj(9, zlib.DEFLATED, 31)
        exchange.to.send_response(200)
        exchange.to.send_header("Content-Type", "application/json")
        exchange.to.send_header("Content-Encoding", "gzip")
        exchange.to.end_headers()
        head = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
        piece = packer.compress(b" " * 2**20) + packer.flush(zlib.Z_FULL_FLUSH)
        exchange.to.wfile.write(head)
        for _ in range(megabytes - 1):
            exchange.to.wfile.write(piece)

    return fault


def endless(exchange: Exchange) -> None:
    """Ten million series, written as they are made."""
    kind, key = ("matrix", "values") if "start" in exchange.args else ("vector", "value")
    at = exchange.args.get("end") or exchange.args.get("time", "0")
    value = f'[[{at},"1"]]' if kind == "matrix" else f'[{at},"1"]'
    exchange.to.send_response(200)
    exchange.to.send_header("Content-Type", "application/json")
    exchange.to.end_headers()
    exchange.to.wfile.write(b'{"status":"success","data":{"resultType":"%b","result":[' % kind.encode())
    for first in range(0, 10_000_000, 1000):
        some = ",".join(f'{{"metric":{{"i":"{i}"}},"{key}":{value}}}' for i in range(first, first + 1000))
        exchange.to.wfile.write(f"{',' if first else ''}{some}".encode())
    exchange.to.wfile.write(b"]}}")


def warned(*texts: str) -> Fault:
    """The real answer, with `warnings`."""

    def fault(exchange: Exchange) -> None:
        status, body = exchange.real()
        exchange.send(status, json.dumps(json.loads(body) | {"warnings": list(texts)}, separators=(",", ":")).encode())

    return fault


def gzipped(exchange: Exchange) -> None:
    """The real answer in gzip, though nobody asked for it."""
    status, body = exchange.real()
    exchange.send(status, gzip.compress(body, 1), Content_Encoding="gzip")


def rewritten(change: Rewrite) -> Fault:
    """The real answer with its series changed, unless it only counts them."""

    def fault(exchange: Exchange) -> None:
        status, body = exchange.real()
        if status == 200 and not exchange.args.get("query", "").startswith("count("):
            body = _changed(body, change)
        exchange.send(status, body)

    return fault


def _changed(body: bytes, change: Rewrite) -> bytes:
    answer = json.loads(body)
    data = answer["data"]
    instant = data.get("resultType") == "vector"
    if data.get("resultType") not in ("vector", "matrix"):
        return body  # a scalar, or no query: what types there are
    rows: Rows = [
        (one["metric"], [tuple(p) for p in ([one["value"]] if instant else one["values"])]) for one in data["result"]
    ]
    out = [(metric, points) for metric, points in change(rows) if points]
    data["result"] = [{"metric": m, "value": p[-1]} if instant else {"metric": m, "values": p} for m, p in out]
    return json.dumps(answer, separators=(",", ":")).encode()


def values(change: Callable[[Metric, float, str], str | None]) -> Rewrite:
    """Each sample's text changed, by (labels, time, text); None leaves it out."""

    def rewrite(rows: Rows) -> Rows:
        out: Rows = []
        for metric, points in rows:
            new = [(at, change(metric, at, text)) for at, text in points]
            out.append((metric, [(at, text) for at, text in new if text is not None]))
        return out

    return rewrite


def labels(change: Callable[[Metric], Metric]) -> Rewrite:
    """Each series' labels changed."""
    return lambda rows: [(change(dict(metric)), points) for metric, points in rows]


def each(change: Callable[[list[Point]], list[Point]]) -> Rewrite:
    """Each series' points changed: doubled, shuffled, moved."""
    return lambda rows: [(metric, change(points)) for metric, points in rows]
