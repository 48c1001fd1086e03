"""Learnt state on disk: arrays without pickle, a description with digests, replaced in one step.

`NAME.<digest>.npz` holds the arrays (stored, not compressed), `NAME.json` the version, what it was learnt for, each array's
type and shape, and the sha256 of the arrays' file. Renaming the description into place is the moment a new state counts:
whatever stops before leaves the old one whole. Files are 0600. State is never precious: what cannot be read is learnt anew.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from aiops.core.folders import sync_folder
from aiops.core.records import State

VERSION = 2
MAX_BYTES = 2 * 2**30
MAX_NOTE_BYTES = 2**20
MAX_ARRAYS = 256
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,99}")


class StateLoss(str):
    """Why a state must be learnt anew; a short text for people."""

    __slots__ = ()


def save_state(folder: Path, name: str, state: State, meta: Mapping[str, Any]) -> None:
    """Write `state` under `name`, learnt for `meta` (JSON values).

    Raises ValueError for a name that is no plain word or arrays of Python objects, OSError when the disk refuses; the
    state saved before then still stands.
    """
    _check_name(name)
    for key, array in state.items():
        if array.dtype.hasobject:
            raise ValueError(f"state {name}: array {key!r} holds Python objects; keep numbers only")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    digest = _write(folder, lambda digest: _data_name(name, digest), lambda file: _put_arrays(file, state))
    note = {
        "version": VERSION,
        "sha256": digest,
        "meta": dict(meta),
        "arrays": {key: [array.dtype.str, list(array.shape)] for key, array in state.items()},
    }
    described = orjson.dumps(note, option=orjson.OPT_SERIALIZE_NUMPY)
    _write(folder, lambda _: f"{name}.json", lambda file: file.write(described))
    sync_folder(folder)
    for old in folder.glob(f"{name}.*.npz"):
        if old.name != _data_name(name, digest):
            old.unlink(missing_ok=True)


def read_state(folder: Path, name: str, meta: Mapping[str, Any]) -> State | StateLoss:
    """The state saved as `name`, or why there is none: missing, damaged, too large, of another version or another `meta`.

    Every key of `meta` must be saved with the same value; more may be saved. Arrays are new and writable. Raises
    ValueError for a name that is no plain word, nothing else.
    """
    _check_name(name)
    try:
        note = _note(folder / f"{name}.json")
        if isinstance(note, StateLoss):
            return note
        differs = [key for key, value in meta.items() if note["meta"].get(key) != value]
        if differs:
            return StateLoss(f"learnt for another {', '.join(sorted(differs))}")
        return _arrays(folder / _data_name(name, note["sha256"]), note)
    except FileNotFoundError as e:
        return StateLoss(f"no file {Path(str(e.filename)).name}")
    except (OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, MemoryError, zipfile.BadZipFile) as e:
        return StateLoss(f"damaged: {type(e).__name__}: {e}")


def saved_at(folder: Path, name: str) -> int:
    """The `end_s` a readable state was saved with, epoch seconds; 0 when it says none."""
    note = _note(folder / f"{name}.json")
    return 0 if isinstance(note, StateLoss) else int(note["meta"].get("end_s", 0))


def read_meta(folder: Path, name: str) -> dict[str, Any]:
    """What a readable state was saved with; empty when there is none."""
    note = _note(folder / f"{name}.json")
    return {} if isinstance(note, StateLoss) else dict(note["meta"])


def _note(path: Path) -> dict[str, Any] | StateLoss:
    if path.stat().st_size > MAX_NOTE_BYTES:
        return StateLoss(f"{path.name} is larger than {MAX_NOTE_BYTES} bytes")
    note = orjson.loads(path.read_bytes())
    if not isinstance(note, dict) or note.get("version") != VERSION:
        version = note.get("version") if isinstance(note, dict) else None
        return StateLoss(f"version {version!r}, this program reads {VERSION}")
    if not re.fullmatch(r"[0-9a-f]{64}", note["sha256"]) or not isinstance(note["meta"], dict):
        return StateLoss(f"damaged: {path.name} holds no digest or meta")
    return note


def _arrays(path: Path, note: dict[str, Any]) -> State | StateLoss:
    if path.stat().st_size > MAX_BYTES:
        return StateLoss(f"{path.name} is larger than {MAX_BYTES} bytes")
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != note["sha256"]:
        return StateLoss(f"damaged: {path.name} does not have the digest in the description")
    wanted = note["arrays"]
    with zipfile.ZipFile(io.BytesIO(data)) as members:
        infos = members.infolist()
        if len(infos) > MAX_ARRAYS or sorted(i.filename for i in infos) != sorted(f"{key}.npy" for key in wanted):
            return StateLoss("damaged: other arrays than described")
        if any(i.compress_type != zipfile.ZIP_STORED for i in infos) or sum(i.file_size for i in infos) > len(data):
            return StateLoss("damaged: arrays are compressed or larger than their file")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        state = {key: file[key] for key in wanted}
    for key, (dtype, shape) in wanted.items():
        if state[key].dtype.str != dtype or list(state[key].shape) != shape:
            return StateLoss(f"damaged: array {key!r} is not as described")
    return state


def _data_name(name: str, digest: str) -> str:
    return f"{name}.{digest[:16]}.npz"


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"state name {name!r}: use letters, digits, _ and - only")


class _Hashed:
    """A file to be written from its beginning to its end, and what went through it: nothing is gathered in memory."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.sha = file, hashlib.sha256()

    def write(self, data: bytes | memoryview) -> int:
        self.sha.update(data)
        return self.file.write(data)

    def flush(self) -> None:
        self.file.flush()


def _put_arrays(file: _Hashed, state: State) -> None:
    """As numpy's `savez` does, into a file that cannot seek."""
    with zipfile.ZipFile(file, "w", allowZip64=True) as members:  # type: ignore[call-overload]
        for key, array in state.items():
            with members.open(f"{key}.npy", "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def _write(folder: Path, name: Callable[[str], str], put: Callable[[_Hashed], object]) -> str:
    """Replace a file by what `put` writes, in one step: a temporary file beside it, fsync, rename; the digest, `name` of which
    says what it is called."""
    temporary = folder / f"{name('new')}.tmp"
    temporary.unlink(missing_ok=True)
    try:
        handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "wb") as f:
            hashed = _Hashed(f)
            put(hashed)
            f.flush()
            os.fsync(f.fileno())
        digest = hashed.sha.hexdigest()
        os.replace(temporary, folder / name(digest))
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    return digest
