"""What describes a window on disk: one file, replaced in one step, with a checksum over all of it."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

VERSION = 3
NAME = "window.state"
ROW_ARRAYS = {"offset": np.float64, "newest_s": np.int64, "first_s": np.int64, "shift_s": np.int64}


@dataclass(frozen=True, slots=True)
class Description:
    """n series (`labels`, and `rows`: one array (n,) for each of ROW_ARRAYS) of a window, and how far it reaches.

    `query`: what they are the answer to. `progress`: feed to (read up to, ranges still to be read). `rings`: the names of their
    files. `clean` only while nothing has been written since. `id` names this numbering of rows.
    """

    id: str
    step_s: int
    query: str
    end_s: int
    begin_s: int
    labels: list[dict[str, str]]
    rows: dict[str, NDArray[Any]] = field(default_factory=dict)
    progress: dict[str, tuple[int, list[tuple[int, int]]]] = field(default_factory=dict)
    rings: list[str] = field(default_factory=list)
    clean: bool = False


def write(folder: Path, d: Description) -> None:
    """Replace the description in one step: a kill leaves the old or the new one, whole."""
    head = {
        "version": VERSION,
        "id": d.id,
        "step_s": d.step_s,
        "query": d.query,
        "end_s": d.end_s,
        "begin_s": d.begin_s,
        "progress": d.progress,
        "rings": d.rings,
        "clean": d.clean,
        "labels": d.labels,
    }
    arrays = b"".join(np.ascontiguousarray(d.rows[name], kind).tobytes() for name, kind in ROW_ARRAYS.items())
    body = orjson.dumps(head) + b"\n" + arrays
    temporary = folder / f"{NAME}.new"
    with temporary.open("wb") as f:
        f.write(b"%08x" % zlib.crc32(body) + body)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, folder / NAME)


def read(folder: Path) -> Description | str:
    """The description, or why there is none: "new" where there was never one."""
    try:
        content = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return "new"
    except OSError as e:
        return f"its description cannot be read: {e.strerror}"
    body = content[8:]
    if content[:8] != b"%08x" % zlib.crc32(body):
        return "its description is damaged"
    head_text, _, arrays = body.partition(b"\n")
    head = orjson.loads(head_text)
    if head.pop("version") != VERSION:
        return "written by another version"
    n = len(head["labels"])
    rows = {}
    for i, (name, kind) in enumerate(ROW_ARRAYS.items()):
        rows[name] = np.frombuffer(arrays, kind, n, 8 * n * i).copy()
    progress = {feed: (read_s, [(a, b) for a, b in todo]) for feed, (read_s, todo) in head["progress"].items()}
    return Description(**head | {"rows": rows, "progress": progress})
