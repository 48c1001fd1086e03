"""What holds for every answer is tested with the application (test_app.py); here is what a Host header names, and who asks
without end."""

from __future__ import annotations

import contextlib
import gzip
import socket

import httpx2
import pytest
from fastapi.testclient import TestClient

from aiops.web.access.guard import BODY_AT_MOST, host_of
from aiops.web.access.sight import is_loopback
from aiops.web.app import make_app
from tests.daemon.rig import Rig, card
from tests.web.people import BASE
from tests.web.serving import serving


@pytest.mark.parametrize(
    ("header", "ours"),
    [("127.0.0.1:9464", True), ("[::1]:1", True), ("localhost", True), ("evil.example:1", False), ("[::2]", False), ("", False)],
)
def test_a_host_header_names_this_machine_or_not(header: str, ours: bool) -> None:
    assert is_loopback(host_of(header)) is ours


@pytest.mark.row("A11")
def test_those_who_never_finish_what_they_ask_keep_nobody_waiting(rig: Rig) -> None:
    app = make_app(rig.start(card()))
    with serving(app) as port, contextlib.ExitStack() as open_:
        for n in range(500):
            slow = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
            slow.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX-" + str(n).encode())
        for _ in range(5):
            answer = httpx2.get(f"http://127.0.0.1:{port}/-/healthy", trust_env=False, timeout=30)
            assert answer.text == "healthy\n"
        vast = open_.enter_context(socket.create_connection(("127.0.0.1", port)))
        with contextlib.suppress(OSError):
            for _ in range(64):
                vast.sendall(b"GET / HTTP/1.1\r\nX-A: " + b"a" * 65536)
        vast.settimeout(30)
        with contextlib.suppress(OSError):
            assert vast.recv(100).startswith(b"HTTP/1.1 4")
        assert httpx2.get(f"http://127.0.0.1:{port}/-/healthy", trust_env=False, timeout=30).text == "healthy\n"


@pytest.mark.row("A11")
def test_what_is_packed_is_not_unpacked_and_what_is_too_long_is_not_taken(rig: Rig) -> None:
    daemon = rig.start(card())
    proof = {"Authorization": f"Bearer {daemon.token}", "Content-Type": "application/json"}
    with TestClient(make_app(daemon), base_url=BASE, client=("127.0.0.1", 1)) as client:
        packed = gzip.compress(b" " * 10_000_000)
        answer = client.post("/api/v1/incidents", content=packed, headers=proof | {"Content-Encoding": "gzip"})
        assert answer.status_code == 400
        assert client.post("/api/v1/incidents", content=b"[" * (BODY_AT_MOST + 1), headers=proof).status_code == 413
