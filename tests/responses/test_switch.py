"""The kill switch: a row and a file, either of which is enough."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.core.errors import StoreError
from aiops.responses.switch import FILE, turn, why_on
from aiops.store import Store
from aiops.store.responses import Responses

NOW = 1_750_000_200.0


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Responses]:
    store = Store.open("", tmp_path)
    yield Responses(store)
    store.close()


def test_it_is_turned_and_says_by_whom_and_why(runs: Responses, tmp_path: Path) -> None:
    assert why_on(runs, tmp_path) == ""
    assert turn(runs, tmp_path, True, "ann", "drill", NOW)
    assert (why_on(runs, tmp_path), (tmp_path / FILE).read_text()) == ("ann: drill", "ann: drill\n")
    assert not turn(runs, tmp_path, True, "bob", "again", NOW)
    assert turn(runs, tmp_path, False, "ann", "over", NOW)
    assert (why_on(runs, tmp_path), (tmp_path / FILE).exists()) == ("", False)


def test_the_ledger_says_so(runs: Responses, tmp_path: Path) -> None:
    turn(runs, tmp_path, True, "ann", "drill", NOW)
    assert runs.store.last_recorded("kill_switch.on") == {"why": "drill"}


def test_a_file_alone_is_enough(runs: Responses, tmp_path: Path) -> None:
    (tmp_path / FILE).touch()
    assert why_on(runs, tmp_path) == f"there is a file {FILE} in the data directory"


def test_a_store_that_fails_does_not_hinder_it(runs: Responses, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> bool:
        raise StoreError("the disk is full")

    monkeypatch.setattr(runs, "switch", fails)
    monkeypatch.setattr(runs, "killed", fails)
    with pytest.raises(StoreError):
        turn(runs, tmp_path, True, "ann", "drill", NOW)
    assert (tmp_path / FILE).exists()
    assert "the disk is full" in why_on(runs, tmp_path)
