"""A small document: whole or not at all, and every failure is a source's error."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.core.errors import SourceError
from aiops.telemetry import document
from aiops.telemetry.credentials import AuthParams
from aiops.telemetry.document import Document


class Served(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        token = self.headers.get("Authorization", "")
        status = {"/401": 401, "/500": 500, "/404": 404, "/302": 302}.get(self.path, 200)
        body = b"x" * 2000 if self.path == "/long" else f"{self.path} {token}".encode()
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/there")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Served)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def kind_of(one: Document) -> tuple[str, str]:
    with pytest.raises(SourceError) as e:
        one.read()
    one.close()
    return e.value.kind, e.value.message


def test_the_whole_body_comes_with_our_credentials(url: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    one = Document("am", f"{url}/a", AuthParams(bearer_token_file=tmp_path / "token"))
    assert one.read() == b"/a Bearer secret-token"
    assert one.read({"q": "1"}) == b"/a?q=1 Bearer secret-token"
    one.close()


def test_what_a_server_refuses_is_an_error_without_our_secret(url: str, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    kind, said = kind_of(Document("am", f"{url}/401", AuthParams(bearer_token_file=tmp_path / "token")))
    assert (kind, said) == ("auth", "HTTP 401: /401 Bearer [redacted]")


@pytest.mark.parametrize(("path", "kind"), [("500", "server_error"), ("404", "bad_data"), ("302", "bad_data")])
def test_no_redirect_is_followed_and_no_error_is_a_document(url: str, path: str, kind: str) -> None:
    assert kind_of(Document("am", f"{url}/{path}"))[0] == kind


def test_what_is_too_large_is_not_read(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "AT_MOST_BYTES", 1000)
    assert kind_of(Document("am", f"{url}/long"))[0] == "too_many_bytes"
    (tmp_path / "a.ics").write_bytes(b"x" * 1001)
    assert kind_of(Document("cal", tmp_path / "a.ics"))[0] == "too_many_bytes"


def test_what_is_not_there_is_unreachable(tmp_path: Path) -> None:
    assert kind_of(Document("cal", tmp_path / "none.ics")) == ("unreachable", f"{tmp_path}/none.ics: No such file or directory")
    why = "http://127.0.0.1:9/x: Failed to establish a new connection: [Errno 111] Connection refused"
    assert kind_of(Document("am", "http://127.0.0.1:9/x")) == ("unreachable", why)
    (tmp_path / "a.ics").write_bytes(b"here")
    assert Document("cal", tmp_path / "a.ics").read() == b"here"
