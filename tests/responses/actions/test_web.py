"""One request: where it goes, when it counts as sent, and where it ends."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aiops.responses.actions.egress import Egress
from aiops.responses.actions.web import MaySent, NotSent, Web, marks
from tests.responses.actions.samples import KEY, call, web
from tests.servers import binary, closed_port

LOOPBACK = ["127.0.0.0/8"]


def sender(host: str, most: int = 1000) -> Web:
    return Web(Egress([host], LOOPBACK), most=most)


@contextlib.contextmanager
def raw(serve: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A server of one connection after another; yields its port."""
    server = socket.create_server(("127.0.0.1", 0))
    ending = threading.Event()

    def loop() -> None:
        while not ending.is_set():
            with contextlib.suppress(OSError, ssl.SSLError):
                one = server.accept()[0]
                with context.wrap_socket(one, server_side=True) if context else one as s:
                    serve(s)

    thread = threading.Thread(target=loop, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        ending.set()
        with contextlib.suppress(OSError):
            socket.create_connection(server.getsockname(), 5).close()
        thread.join(10)
        server.close()


def test_a_request_goes_out_as_it_is_given() -> None:
    with web() as server:
        reply = sender(server.host).send("PUT", f"{server.url}/a%2Fb?x=%0a", {"X-Own": "é"}, b"body", 30.0)
    (seen,) = server.seen
    assert (reply.status, seen.method, seen.target, seen.body) == (200, "PUT", "/a%2Fb?x=%0a", b"body")
    assert seen.headers["x-own"].encode("latin-1").decode() == "é"
    assert (seen.headers["host"], seen.headers["accept-encoding"]) == (server.host, "identity")


def test_nobody_there_means_not_sent() -> None:
    with closed_port() as port, pytest.raises(NotSent):
        sender(f"127.0.0.1:{port}").send("POST", f"http://127.0.0.1:{port}/", {}, b"x", 30.0)


def test_no_time_left_means_not_sent() -> None:
    with web() as server, pytest.raises(NotSent):
        sender(server.host).send("POST", server.url, {}, b"x", 0.0)
    assert server.seen == []


def test_a_connection_that_ends_without_an_answer_means_maybe_sent() -> None:
    def serve(s: socket.socket) -> None:
        s.recv(10_000)

    with raw(serve) as port, pytest.raises(MaySent):
        sender(f"127.0.0.1:{port}").send("POST", f"http://127.0.0.1:{port}/", {}, b"x", 30.0)


def test_an_answer_that_drips_for_ever_ends_with_the_time() -> None:
    def serve(s: socket.socket) -> None:
        s.recv(10_000)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        while not stop.wait(0.02):
            s.sendall(b"x")

    stop = threading.Event()
    with raw(serve) as port:
        with pytest.raises(MaySent, match=r"no whole answer within 2.5 s"):
            sender(f"127.0.0.1:{port}", most=10**9).send("GET", f"http://127.0.0.1:{port}/", {}, None, 2.5)
        stop.set()


def test_headers_without_end_end_with_the_cap() -> None:
    def serve(s: socket.socket) -> None:
        s.recv(10_000)
        s.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(100_000):
            s.sendall(b"X-A: " + b"a" * 1000 + b"\r\n")

    with raw(serve) as port, pytest.raises(MaySent):
        sender(f"127.0.0.1:{port}").send("GET", f"http://127.0.0.1:{port}/", {}, None, 60.0)


def test_of_a_long_answer_only_so_much_is_read() -> None:
    with web(lambda seen: (200, b"x" * 5_000_000)) as server:
        reply = sender(server.host).send("GET", server.url, {}, None, 30.0)
    assert (reply.body, reply.more) == (b"x" * 1000, True)


def test_an_answer_is_not_inflated() -> None:
    bomb = gzip.compress(b"x" * 10_000_000)[:1000]
    with web(lambda seen: (200, bomb)) as server:
        server.more = {"Content-Encoding": "gzip"}
        assert sender(server.host).send("GET", server.url, {}, None, 30.0).body == bomb


@pytest.mark.row("X11")
def test_a_redirect_is_an_answer_like_any() -> None:
    with web(lambda seen: (307, b"")) as server, web() as inner:
        server.more = {"Location": inner.url}
        assert sender(server.host).send("POST", server.url, {}, b"x", 30.0).status == 307
    assert inner.seen == []


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with web() as server, web() as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        sender(server.host).send("GET", server.url, {}, None, 30.0)
    assert (len(server.seen), len(proxy.seen)) == (1, 0)


@pytest.mark.row("X10")
def test_it_connects_to_the_address_that_was_vetted() -> None:
    answers = iter([["127.0.0.1"], ["169.254.169.254"]])
    with web() as server:
        egress = Egress([f"a.example:{server.port}"], LOOPBACK, lambda host, port, left_s: next(answers))
        assert Web(egress).send("GET", f"http://a.example:{server.port}/x", {}, None, 30.0).status == 200
        assert server.seen[0].headers["host"] == f"a.example:{server.port}"
        with pytest.raises(NotSent, match=r"leads to 169.254.169.254"):
            Web(egress).send("GET", f"http://a.example:{server.port}/x", {}, None, 30.0)


def test_the_next_address_is_tried_while_nothing_was_sent() -> None:
    with web() as server:
        egress = Egress([f"a.example:{server.port}"], LOOPBACK, lambda host, port, left_s: ["127.0.0.2", "127.0.0.1"])
        assert Web(egress).send("POST", f"http://a.example:{server.port}/", {}, b"x", 30.0).status == 200
    assert len(server.seen) == 1


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate for `right.example`, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    command = [binary("openssl", "openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=x"]
    command += ["-addext", "subjectAltName=DNS:right.example", "-keyout", str(path), "-out", str(path.with_suffix(".crt"))]
    subprocess.run(command, check=True, capture_output=True)
    path.write_text(path.read_text() + path.with_suffix(".crt").read_text())
    return path


@pytest.mark.parametrize(("name", "fits"), [("right.example", True), ("wrong.example", False)])
def test_the_certificate_must_be_of_the_name_although_the_address_is_pinned(certificate: Path, name: str, fits: bool) -> None:
    def serve(s: socket.socket) -> None:
        s.recv(10_000)
        s.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with raw(serve, context) as port:
        egress = Egress([f"{name}:{port}"], LOOPBACK, lambda host, port, left_s: ["127.0.0.1"])
        asking = Web(egress, ca_file=certificate.with_suffix(".crt"))
        if fits:
            assert asking.send("GET", f"https://{name}:{port}/", {}, None, 30.0).body == b"ok"
        else:
            with pytest.raises(NotSent, match="CERTIFICATE_VERIFY_FAILED"):
                asking.send("GET", f"https://{name}:{port}/", {}, None, 30.0)


def test_a_certificate_authority_that_is_not_there_is_named(tmp_path: Path) -> None:
    egress = Egress(["a.example"], LOOPBACK, lambda host, port, left_s: ["127.0.0.1"])
    with pytest.raises(NotSent, match=r"no\.pem"):
        Web(egress, ca_file=tmp_path / "no.pem").send("GET", "https://a.example/", {}, None, 30.0)


def test_marks_tell_the_step_and_the_replica() -> None:
    assert marks(call({}, epoch=7)) == {"Idempotency-Key": KEY, "X-Fencing-Token": "7"}
