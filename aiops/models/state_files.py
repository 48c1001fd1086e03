"""Learnt state on disk: arrays in .npz without pickle, a description with digests, replaced in one step."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from aiops.core.records import State

VERSION = 1
MAX_BYTES = 2 * 2**30


def save_state(folder: Path, name: str, state: State, meta: Mapping[str, Any]) -> None:
    """Write `state` as `name`.npz and `name`.json; a crash leaves the old pair or one that is refused."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    data = folder / f"{name}.npz"
    temporary = folder / f"{name}.tmp.npz"
    with temporary.open("wb") as f:
        os.fchmod(f.fileno(), 0o600)
        np.savez(f, **state)  # type: ignore[arg-type]
        f.flush()
        os.fsync(f.fileno())
    description = {**meta, "version": VERSION, "sha256": _digest(temporary)}
    os.replace(temporary, data)
    note = folder / f"{name}.tmp.json"
    note.write_bytes(orjson.dumps(description))
    os.replace(note, folder / f"{name}.json")


def load_state(folder: Path, name: str, meta: Mapping[str, Any]) -> State | None:
    """The state saved as `name` for the same `meta`; None when it is missing, damaged, too large or of another make."""
    data = folder / f"{name}.npz"
    try:
        description = orjson.loads((folder / f"{name}.json").read_bytes())
        if description.get("version") != VERSION or any(description.get(k) != v for k, v in meta.items()):
            return None
        if data.stat().st_size > MAX_BYTES or _digest(data) != description.get("sha256"):
            return None
        with np.load(data, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except (OSError, ValueError, EOFError, AttributeError, zipfile.BadZipFile):
        return None


def _digest(path: Path) -> str:
    with path.open("rb") as f:
        return hashlib.file_digest(f, "sha256").hexdigest()
