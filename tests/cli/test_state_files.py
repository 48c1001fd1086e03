"""A data directory taken elsewhere and back: what fails half way leaves nothing behind, and modes are kept."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from aiops.cli import state_files
from aiops.core.errors import StoreError
from aiops.store import Store, whole


class Cut(Exception):
    """As a kill between two rows."""


def cut(_: float) -> None:
    raise Cut


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    with closing(Store.open("", folder)) as store, store.transaction() as tx:
        tx.record("daemon", "x", "y", {}, 60.0)
    (folder / "mask.key").write_bytes(b"k" * 32)
    (folder / "mask.key").chmod(0o600)
    (folder / "kill-switch").write_text("ann: no more\n")
    (folder / "evidence").mkdir(mode=0o700)
    for name in ("1.json", "1.abc.npz", "half.new.tmp"):
        (folder / "evidence" / name).write_text(name)
    return folder


def test_an_export_that_is_cut_leaves_no_folder(data: Path, tmp_path: Path) -> None:
    with pytest.raises(Cut):
        state_files.export("", data, tmp_path / "copy", False, cut)
    assert [p.name for p in tmp_path.iterdir()] == ["data"]


def test_what_is_half_written_beside_the_store_is_left_out(data: Path, tmp_path: Path) -> None:
    state_files.export("", data, tmp_path / "copy", True, lambda _: None)
    assert sorted(p.relative_to(tmp_path / "copy").as_posix() for p in (tmp_path / "copy").rglob("*")) == [
        "aiops.db", "evidence", "evidence/1.abc.npz", "evidence/1.json", "kill-switch", "mask.key",
    ]  # fmt: skip
    assert (tmp_path / "copy" / "mask.key").stat().st_mode & 0o777 == 0o600


def test_an_import_that_is_cut_takes_its_files_away_again_and_the_next_one_is_whole(data: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    with pytest.raises(Cut):
        state_files.take_in(data, "", new, cut)
    assert [p.name for p in new.rglob("*") if p.is_file()] == ["lock"]
    (new / "kill-switch").write_text("ann: no more\n")  # of one that was killed: the same bytes are no hindrance
    assert state_files.take_in(data, "", new, lambda _: None).ledger.rows == 2
    assert (new / "evidence" / "1.json").read_text() == "1.json"
    with pytest.raises(StoreError, match="is a store already"):
        state_files.take_in(data, "", new, lambda _: None)
    assert (new / "kill-switch").exists()


def test_the_kill_switch_is_there_before_the_store_is(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = whole.take_in

    def look(file: Path, url: str, data_dir: Path, mark: object) -> whole.Copied:
        seen.append(((data_dir / "kill-switch").exists(), (data_dir / "aiops.db").exists()))
        return real(file, url, data_dir)

    monkeypatch.setattr(whole, "take_in", look)
    state_files.take_in(data, "", tmp_path / "new", lambda _: None)
    assert seen == [(True, False)]
