"""`aiops healthcheck`: what it says of whoever answers, or does not."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from aiops.daemon import health
from tests.servers import free_port


@contextmanager
def serving(answer: bytes) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(answer)

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
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
