"""`aiops healthcheck`: what it says of whoever answers, or does not."""

from __future__ import annotations

import http.server
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aiops.daemon import health
from tests.servers import free_port


@contextmanager
def serving(answer: bytes, context: ssl.SSLContext | None = None) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"{'http' if context is None else 'https'}://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def test_a_healthy_daemon() -> None:
    with serving(b"HTTP/1.0 200 OK\r\n\r\nhealthy\n") as url:
        assert health.ask(url + "/") == (True, "healthy")


@pytest.mark.parametrize(
    ("answer", "said"),
    [(b"HTTP/1.0 503 No\r\n\r\n", "No"), (b"no http at all\r\n\r\n", "no http at all"), (b"", "closed connection")],
)
def test_whatever_else_answers_is_not_well(answer: bytes, said: str) -> None:
    with serving(answer) as url:
        well, why = health.ask(url)
    assert not well
    assert why.startswith(f"{url}/-/healthy: ")
    assert said in why
    assert "\n" not in why


def test_nobody_answers() -> None:
    well, why = health.ask(f"http://127.0.0.1:{free_port()}")
    assert (well, "refused" in why) == (False, True)


@pytest.mark.parametrize("url", ["127.0.0.1:9464", "file:///etc/passwd", "ftp://127.0.0.1", "http://[::1", "http://127.0.0.1:x"])
def test_what_is_no_url(url: str) -> None:
    well, why = health.ask(url)
    assert (well, url in why) == (False, True)


def test_a_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{free_port()}")
    with serving(b"HTTP/1.0 200 OK\r\n\r\nhealthy\n") as url:
        assert health.ask(url)[0]


def test_a_certificate_of_ones_own_is_trusted_where_it_is_named(tmp_path: Path) -> None:
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(tmp_path / "key"), "-out", str(tmp_path / "crt")]
    subprocess.run(["openssl", "req", "-x509", *made], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")
    with serving(b"HTTP/1.0 200 OK\r\n\r\nhealthy\n", context) as url:
        well, why = health.ask(url)
        assert (well, why.endswith("name what it is signed by with --ca-file")) == (False, True)
        assert health.ask(url, tmp_path / "crt") == (True, "healthy")


def test_a_bundle_that_is_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("nothing")
    for name, why in (("empty", "it holds no certificate in PEM"), ("none", "No such file or directory")):
        assert health.ask("https://127.0.0.1:1", tmp_path / name) == (False, f"--ca-file {tmp_path / name}: {why}")
