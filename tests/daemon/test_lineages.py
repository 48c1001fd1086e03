"""Lineage goes on where it was told last: nothing is lost by a server that is away, nor by a restart."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from aiops.config.lineage import LineageSettings
from aiops.config.settings import Settings, load_settings
from aiops.daemon.lineages import CURSOR, Lineages, lineages_of
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker
from aiops.governance.policy import Policy
from aiops.pipeline import Rooms, StoreJournal
from aiops.pipeline.lineages import about_of
from aiops.store import Store
from tests.store.samples import SYMPTOM, warning


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store.open("", tmp_path)) as one:
        yield one


@pytest.fixture
def heard() -> Iterator[tuple[str, list[Any], list[int]]]:
    """A server, what it heard, and what it answers next (else 200)."""
    got, answers = list[Any](), list[int]()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = answers.pop(0) if answers else 200
            if status == 200:
                got.append(body)
            self.send_response(status)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/api/v1/lineage", got, answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def opens(store: Store, number: int) -> None:
    lineage = replace(SYMPTOM.lineage, source="made", query="up", data_class="internal")
    with store.transaction() as tx:
        tx.put_warning(one := warning(number, symptoms=(replace(SYMPTOM, lineage=lineage),)))
        tx.record("daemon", "warning.opened", one.id, {}, 60.0)


def lineages(settings: LineageSettings, store: Store, folder: Path) -> Lineages:
    about = about_of(Settings(), Gate(Policy(), Masker(b"k")), [])
    return Lineages(settings, store, folder, lambda: about)


def test_each_event_is_a_line_of_a_file_and_is_told_once(store: Store, tmp_path: Path) -> None:
    opens(store, 1)
    file = tmp_path / "out.ndjson"
    one = lineages(LineageSettings(file=file), store, tmp_path)
    assert one.write(1.0) == 0, "what was before it began is told by `aiops export lineage`"
    opens(store, 2)
    assert (one.write(2.0), one.write(3.0)) == (4, 0)
    opens(store, 3)
    assert lineages(LineageSettings(file=file), store, tmp_path).write(4.0) == 4
    found = [json.loads(line) for line in file.read_text().splitlines()]
    assert [e["eventType"] for e in found] == ["START", "COMPLETE"] * 4


def test_a_server_that_is_away_gets_it_later_and_one_that_refuses_holds_nothing_up(
    store: Store, tmp_path: Path, heard: tuple[str, list[Any], list[int]], capsys: pytest.CaptureFixture[str]
) -> None:
    url, got, answers = heard
    one = lineages(LineageSettings(url=url), store, tmp_path)
    opens(store, 1)
    answers += [503, 503]
    assert (one.write(1.0), one.write(2.0)) == (0, 0)
    assert "".join(capsys.readouterr()).count("lineage cannot be told") == 1
    assert one.write(3.0) == 4
    assert len(got) == 4
    opens(store, 2)
    answers += [400]
    assert one.write(4.0) == 4
    assert len(got) == 7
    assert "was refused" in "".join(capsys.readouterr())


def test_a_ledger_that_is_shorter_than_what_was_told_begins_at_its_end(store: Store, tmp_path: Path) -> None:
    (tmp_path / CURSOR).write_text('{"seq": 900}')
    one = lineages(LineageSettings(file=tmp_path / "out"), store, tmp_path)
    opens(store, 1)
    assert one.write(1.0) == 4


def test_what_is_decided_between_two_lives_that_told_nothing_is_told(store: Store, tmp_path: Path) -> None:
    lineages(LineageSettings(file=tmp_path / "out"), store, tmp_path)
    opens(store, 1)
    assert lineages(LineageSettings(file=tmp_path / "out"), store, tmp_path).write(1.0) == 4


def test_without_the_setting_there_is_none(store: Store, tmp_path: Path) -> None:
    rooms = Rooms(store, StoreJournal(store))
    assert lineages_of(load_settings(None, data_dir=tmp_path), store, rooms) is None
    (tmp_path / "aiops.yaml").write_text("lineage: {file: told.ndjson}\n")
    settings = load_settings(tmp_path / "aiops.yaml", data_dir=tmp_path)
    assert settings.lineage is not None
    assert settings.lineage.file == tmp_path / "told.ndjson", "beside the file that names it"
    made = lineages_of(settings, store, rooms)
    assert made is not None
    opens(store, 1)
    assert made.write(1.0) == 4
