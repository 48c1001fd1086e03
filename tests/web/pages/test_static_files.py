"""What pages load: packed where the browser takes it, kept under an address of its content, pinned where it is not ours."""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Iterator

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from aiops.web.pages.static_files import FILES, FOLDER, add_static, address, asset

SCRIPTS_AT_MOST = 60_000


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = FastAPI()
    add_static(app)
    with TestClient(app, base_url="http://127.0.0.1") as found:
        yield found


def test_a_file_is_kept_for_good_under_the_address_of_its_content(client: TestClient) -> None:
    for name in FILES:
        answer = client.get(address(name))
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.content == asset(name).body
        assert client.get(f"/static/{name}?v=other").headers["cache-control"] == "no-cache"


def test_it_is_packed_for_whoever_takes_it_and_for_nobody_else(client: TestClient) -> None:
    with client.stream("GET", "/static/htmx.min.js", headers={"Accept-Encoding": "br, gzip;q=0.5"}) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert gzip.decompress(packed) == asset("htmx.min.js").body
    for refused in ("", "br", "gzip;q=0"):
        plain = client.get("/static/htmx.min.js", headers={"Accept-Encoding": refused})
        assert "content-encoding" not in plain.headers
        assert plain.headers["vary"] == "Accept-Encoding"


def test_nothing_else_in_the_folder_is_served(client: TestClient) -> None:
    for name in ("report.css", "LICENSE", "..%2Fpages.py", "htmx%2FLICENSE", "nothing.js"):
        assert client.get(f"/static/{name}").status_code == 404


def test_all_scripts_together_are_light() -> None:
    assert sum(len(asset(name).packed) for name in FILES if name.endswith(".js")) <= SCRIPTS_AT_MOST


@pytest.mark.parametrize("folder", ["htmx", "uplot"])
def test_what_is_not_ours_is_pinned(folder: str) -> None:
    lines = (FOLDER / folder / "SHA256SUMS").read_text().splitlines()
    pinned = {name: digest for digest, name in (line.split() for line in lines)}
    assert set(pinned) == {p.name for p in (FOLDER / folder).iterdir()} - {"SHA256SUMS", "README.md"}
    assert {name: hashlib.sha256((FOLDER / folder / name).read_bytes()).hexdigest() for name in pinned} == pinned
    assert re.search("MIT|BSD", (FOLDER / folder / "LICENSE").read_text())
