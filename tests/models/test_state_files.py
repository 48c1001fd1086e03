"""State files: what was saved comes back, whatever is wrong is said and never crashes."""

from __future__ import annotations

import io
import stat
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from aiops.models import state_files
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.state_files import StateLoss, read_state, save_state

META = {"card": "disk_full", "sha": "abc", "step_s": 60}


def some_state() -> dict[str, np.ndarray]:
    return {
        "level": np.arange(6.0).reshape(3, 2),
        "days": np.array([1, 2, 3], np.uint8),
        "up": np.array([True, False, True]),
        "empty": np.zeros((3, 0), np.float32),
    }


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_state(tmp_path / "state", "detector", some_state(), META)
    return tmp_path / "state"


def data_file(folder: Path) -> Path:
    (found,) = folder.glob("detector.*.npz")
    return found


def lost(folder: Path, word: str) -> None:
    why = read_state(folder, "detector", META)
    assert isinstance(why, StateLoss), "a state came back"
    assert word in why


def test_what_was_saved_comes_back(saved: Path) -> None:
    state = read_state(saved, "detector", META)
    assert not isinstance(state, StateLoss)
    assert list(state) == list(some_state())
    for name, array in some_state().items():
        np.testing.assert_array_equal(state[name], array)
        assert state[name].dtype == array.dtype
        assert state[name].flags.writeable


def test_files_are_private_and_the_old_one_goes(saved: Path) -> None:
    first = data_file(saved)
    save_state(saved, "detector", some_state() | {"days": np.array([9, 9, 9], np.uint8)}, META)
    assert data_file(saved) != first
    assert sorted(p.suffix for p in saved.iterdir()) == [".json", ".npz"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in saved.iterdir()} == {0o600}


def test_names_side_by_side_do_not_meet(saved: Path) -> None:
    save_state(saved, "gate-anomaly", {"bits": np.ones(2, np.uint32)}, META)
    assert not isinstance(read_state(saved, "detector", META), StateLoss)
    assert not isinstance(read_state(saved, "gate-anomaly", META), StateLoss)


def test_missing(tmp_path: Path, saved: Path) -> None:
    assert "no file" in str(read_state(tmp_path / "nowhere", "detector", META))
    data_file(saved).unlink()
    lost(saved, "no file")


def test_learnt_for_something_else(saved: Path) -> None:
    assert "step_s" in str(read_state(saved, "detector", META | {"step_s": 5}))
    assert "more" in str(read_state(saved, "detector", META | {"more": 1}))


@pytest.mark.parametrize("at", [0, 60, 200, -30, -1])
def test_one_flipped_byte(saved: Path, at: int) -> None:
    data = bytearray(data_file(saved).read_bytes())
    data[at] ^= 0x40
    data_file(saved).write_bytes(data)
    lost(saved, "damaged")


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"version": 2}', b'{"version": 1}'])
def test_a_broken_description(saved: Path, text: bytes) -> None:
    (saved / "detector.json").write_bytes(text)
    lost(saved, "")


def test_every_cut_of_the_description_is_refused(saved: Path) -> None:
    whole = (saved / "detector.json").read_bytes()
    for end in range(len(whole)):
        (saved / "detector.json").write_bytes(whole[:end])
        assert isinstance(read_state(saved, "detector", META), StateLoss)


def forge(folder: Path, data: bytes, **changes: object) -> None:
    """A folder in which description and data agree, but were not written by save_state."""
    import hashlib

    note = orjson.loads((folder / "detector.json").read_bytes())
    note |= {"sha256": hashlib.sha256(data).hexdigest()} | changes
    (folder / f"detector.{note['sha256'][:16]}.npz").write_bytes(data)
    (folder / "detector.json").write_bytes(orjson.dumps(note))


def zipped(members: dict[str, bytes], how: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as z:
        for name, data in members.items():
            z.writestr(name, data)
    return buffer.getvalue()


def npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()


def test_python_objects_are_neither_written_nor_read(saved: Path) -> None:
    with pytest.raises(ValueError, match="Python objects"):
        save_state(saved, "detector", {"level": np.array([{}], object)}, META)
    assert not isinstance(read_state(saved, "detector", META), StateLoss)
    evil = np.array([1, "x"], object)
    forge(saved, zipped({"level.npy": npy(evil)}), arrays={"level": ["|O", [2]]})
    lost(saved, "damaged")


def test_a_compressed_bomb_is_refused(saved: Path) -> None:
    bomb = zipped({"level.npy": npy(np.zeros(1_000_000))}, zipfile.ZIP_DEFLATED)
    forge(saved, bomb, arrays={"level": ["<f8", [1_000_000]]})
    lost(saved, "compressed")


def test_paths_in_the_archive_lead_nowhere(saved: Path, tmp_path: Path) -> None:
    forge(saved, zipped({"../../escaped.npy": npy(np.zeros(2))}), arrays={"level": ["<f8", [2]]})
    lost(saved, "other arrays")
    forge(saved, zipped({"../../escaped.npy": npy(np.zeros(2))}), arrays={"../../escaped": ["<f8", [2]]})
    read_state(saved, "detector", META)
    assert not list(tmp_path.rglob("escaped*"))


@pytest.mark.parametrize("digest", ["../../../etc/passwd", "", "z" * 64, None, 7])
def test_the_digest_is_no_path(saved: Path, digest: object) -> None:
    note = orjson.loads((saved / "detector.json").read_bytes())
    (saved / "detector.json").write_bytes(orjson.dumps(note | {"sha256": digest}))
    lost(saved, "damaged")


def test_another_shape_than_described(saved: Path) -> None:
    forge(saved, zipped({"level.npy": npy(np.zeros(3))}), arrays={"level": ["<f8", [4]]})
    lost(saved, "not as described")


def test_too_large(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state_files, "MAX_BYTES", 100)
    lost(saved, "larger than")


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "a.b", "x" * 101, "a\n"])
def test_names_are_plain_words(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="state name"):
        save_state(tmp_path, name, some_state(), META)
    with pytest.raises(ValueError, match="state name"):
        read_state(tmp_path, name, META)


def test_a_crash_before_the_description_leaves_the_old_state(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = state_files._write

    def crash(folder: Path, name: Any, put: Any) -> str:
        if name("").endswith(".json"):
            raise OSError("no space left")
        return whole(folder, name, put)

    monkeypatch.setattr(state_files, "_write", crash)
    with pytest.raises(OSError, match="no space"):
        save_state(saved, "detector", {"level": np.zeros(1)}, META)
    state = read_state(saved, "detector", META)
    assert not isinstance(state, StateLoss)
    assert "days" in state


def test_ten_thousand_series_are_cheap(tmp_path: Path) -> None:
    state = Seasonal(SeasonalParams(), 60).initial(10_000)
    start = time.perf_counter()
    save_state(tmp_path, "detector", state, META)
    assert not isinstance(read_state(tmp_path, "detector", META), StateLoss)
    assert time.perf_counter() - start < 2.0
