"""Folders are synced as such; files are replaced whole or not at all."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aiops.core.folders import sync_folder, write_whole


def test_the_folder_itself_is_synced_and_nothing_stays_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    real = os.fsync

    def watched(handle: int) -> None:
        assert stat.S_ISDIR(os.fstat(handle).st_mode)
        assert os.fstat(handle).st_ino == tmp_path.stat().st_ino
        synced.append(handle)
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    sync_folder(tmp_path)
    (handle,) = synced
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(handle)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        sync_folder(tmp_path / "gone")


def test_a_file_is_replaced_in_one_step_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    (tmp_path / ".kept.part").write_bytes(b"of a process that was killed")
    write_whole(file, b"one", 0o600)
    before = file.stat()
    with file.open("rb") as reader:
        write_whole(file, b"two")
        assert reader.read() == b"one"
    assert file.read_bytes() == b"two"
    assert stat.S_IMODE(before.st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]


def test_where_it_cannot_be_written_the_old_file_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "kept"
    write_whole(file, b"one")
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("the disk is full")))
        with pytest.raises(OSError, match="full"):
            write_whole(file, b"two")
    assert file.read_bytes() == b"one"
    assert [path.name for path in tmp_path.iterdir()] == ["kept"]
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "kept", b"")
