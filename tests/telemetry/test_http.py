"""The session: no drip, no hang, no bomb gets past the caps, and it stays on its host."""

from __future__ import annotations

import gzip
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
import requests

from aiops.telemetry.http import BESIDE, LONGEST_URL, BrokenBody, SourceSession, TooLarge, TooLate
from tests.telemetry.hostile import Hostile, answer, gzip_bomb, says, serving

CAP = 1 << 20


@contextmanager
def session(cap: int = CAP) -> Iterator[SourceSession]:
    with SourceSession(cap, dict, lambda response: response.content) as made:
        yield made


def got(url: str, cap: int = CAP, seconds: float = 20.0) -> bytes:
    with session(cap) as made:
        return made.request("GET", url, timeout=seconds).content


def drip(first: bytes, then: bytes) -> object:
    def handler(server: Hostile, conn: socket.socket, _: bytes) -> None:
        conn.sendall(first)
        for byte in then:
            if server.stop.wait(0.05):
                return
            conn.sendall(bytes([byte]))

    return handler


SLOW = {
    "says nothing": (b"", b""),
    "drips its status line": (b"", b"HTTP/1.1 200 OK" * 100),
    "drips headers": (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n" * 100),
    "drips its body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n", b"x" * 1000),
    "drips chunks": (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500),
    "drips a body that ends with the connection": (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x" * 1000),
    "stops in its body": (b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nabc", b""),
}


@pytest.mark.parametrize("way", SLOW)
def test_a_slow_server_is_cut_off_at_the_deadline(way: str) -> None:
    first, then = SLOW[way]

    def handler(server: Hostile, conn: socket.socket, request: bytes) -> None:
        drip(first, then)(server, conn, request)  # type: ignore[operator]
        server.stop.wait(30)

    with serving(handler) as server:
        started = time.monotonic()
        with pytest.raises(TooLate):
            got(server.url, seconds=0.3)
        assert time.monotonic() - started < 5  # far from the 30 s and more that the server would take


def test_a_deadline_that_has_passed_asks_nothing() -> None:
    with serving(says(answer(b"x"))) as server:
        with pytest.raises(TooLate):
            got(server.url, seconds=0)
        assert server.requests == []


def test_a_connection_is_used_again_after_an_answer_and_not_after_a_cut() -> None:
    def handler(server: Hostile, conn: socket.socket, _: bytes) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        conn.recv(65536)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nyes")
        conn.recv(65536)
        server.stop.wait(20)

    with serving(handler) as server, session() as made:
        assert made.request("GET", server.url, timeout=10).content == b"ok"
        assert made.request("GET", server.url, timeout=10).content == b"yes"
        assert len(server.requests) == 1  # of connections
        with pytest.raises(TooLate):
            made.request("GET", server.url, timeout=0.3)
        assert made.request("GET", server.url, timeout=10).content == b"ok"


def test_no_connection_is_thrown_away_while_queries_rules_and_probes_are_asked(caplog: pytest.LogCaptureFixture) -> None:
    together = threading.Barrier(4 + BESIDE)

    def handler(server: Hostile, conn: socket.socket, _: bytes) -> None:
        together.wait(20)
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        server.stop.wait(20)

    with serving(handler) as server, session() as made, ThreadPoolExecutor(together.parties) as pool:
        said = list(pool.map(lambda _: made.request("GET", server.url, timeout=20).content, range(together.parties)))
    assert said == [b"ok"] * together.parties
    assert "pool is full" not in caplog.text


def test_a_body_may_have_exactly_the_size_of_the_cap() -> None:
    with serving(says(answer(b"x" * CAP))) as server:
        assert len(got(server.url)) == CAP


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"x" * (CAP + 1)),
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        + b"20000\r\n"
        + b"x" * 0x20000
        + b"\r\n"
        + b"fffff\r\n"
        + b"x" * 0xFFFFF,
        answer(gzip.compress(b"x" * (CAP + 1)), Content_Encoding="gzip"),
    ],
    ids=["too long", "huge Content-Length", "endless Content-Length", "chunked", "gzip"],
)
def test_a_body_over_the_cap_is_refused(reply: bytes) -> None:
    with serving(says(reply)) as server, pytest.raises(TooLarge):
        got(server.url)


def test_a_gzip_bomb_of_1_gb_is_refused_in_little_memory() -> None:
    def handler(_: Hostile, conn: socket.socket, __: bytes) -> None:
        conn.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
        for piece in gzip_bomb(1024):
            conn.sendall(piece)

    client = """
import resource, sys
from aiops.telemetry.http import SourceSession, TooLarge
session = SourceSession(64 * 2**20, dict, lambda r: r.content)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    session.request("GET", sys.argv[1], timeout=60)
except TooLarge:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""
    with serving(handler) as server:
        run = subprocess.run(
            [sys.executable, "-c", client, server.url], capture_output=True, text=True, timeout=120, check=True
        )
    grown_mb = int(run.stdout) / 1024
    assert grown_mb < 2 * 64 + 16  # the cap, and a buffer that may double while it grows


def test_gzip_that_was_not_asked_for_is_read_all_the_same() -> None:
    with serving(says(answer(gzip.compress(b"hello"), Content_Encoding="gzip"))) as server:
        assert got(server.url) == b"hello"
    assert b"Accept-Encoding: identity" in server.requests[0]


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nab\r\n",
        answer(gzip.compress(b"x" * 1000)[:-12], Content_Encoding="gzip"),
        answer(b"no gzip at all", Content_Encoding="gzip"),
        answer(b"x", Content_Encoding="br"),
        answer(b"x", Content_Encoding="gzip, gzip, gzip"),
        b"HTTP/1.1 200 OK\r\nContent-Length: 5",
        b"\x00\xff\x00 no HTTP\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 1000 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_a_broken_answer_is_a_request_exception(reply: bytes) -> None:
    with serving(says(reply)) as server, pytest.raises(requests.RequestException):
        got(server.url)


def test_a_body_that_ends_early_is_named_broken() -> None:
    with serving(says(answer(b"x", Content_Encoding="zstd"))) as server, pytest.raises(BrokenBody, match="zstd"):
        got(server.url)


def test_no_redirect_is_followed_and_no_cookie_kept() -> None:
    with serving(says(answer(b"secret"))) as other:
        reply = answer(b"", "302 Found", Location=other.url, Set_Cookie="id=1; Path=/")
        with serving(says(reply)) as server, session() as made:
            assert made.request("GET", server.url, timeout=10).status_code == 302
            made.request("GET", server.url, timeout=10)
            assert b"Cookie" not in server.requests[1]
        assert other.requests == []


def test_the_environment_gives_no_proxy_and_no_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    netrc = tmp_path / "netrc"  # type: ignore[operator]
    netrc.write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    with serving(says(answer(b"ok"))) as server:
        assert got(server.url) == b"ok"
    assert b"Authorization" not in server.requests[0]


def test_long_arguments_are_posted_as_a_form() -> None:
    with serving(says(answer(b"ok"))) as server, session() as made:
        made.request("GET", server.url, params={"query": "up"}, timeout=10)
        made.request("GET", server.url, params={"query": "x" * LONGEST_URL}, timeout=10)
    assert server.requests[0].startswith(b"GET /?query=up ")
    assert server.requests[1].startswith(b"POST / ")
    assert server.requests[1].endswith(b"query=" + b"x" * LONGEST_URL)


def test_no_other_adapter_can_be_mounted() -> None:
    with session() as made:
        before = made.get_adapter("http://somewhere/")
        made.mount("http://somewhere/", requests.adapters.HTTPAdapter())
        assert made.get_adapter("http://somewhere/") is before
