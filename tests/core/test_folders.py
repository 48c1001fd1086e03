"""Folders are synced as such."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from aiops.core.folders import sync_folder


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
