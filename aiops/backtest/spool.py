"""Lines on their way to the warnings file: kept on disk as they come, merged in time order at the end."""

from __future__ import annotations

import mmap
from array import array
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import orjson


class Spool:
    """Lines of some entities, each entity's in time order. In memory are 24 bytes a line."""

    def __init__(self, path: Path, entities: Sequence[str]) -> None:
        self._path, self._entities = path, list(entities)
        self._number = {entity: i for i, entity in enumerate(entities)}
        self._file = path.open("wb")
        self._at, self._entity, self._end = array("q"), array("q"), array("q")
        self._size = 0

    def __len__(self) -> int:
        return len(self._at)

    def add(self, at_s: int, entity: str, line: bytes) -> None:
        """Keep a line, without its newline."""
        self._size += self._file.write(line)
        self._file.write(b"\n")
        self._size += 1
        self._at.append(at_s)
        self._entity.append(self._number[entity])
        self._end.append(self._size)

    def close(self) -> None:
        """Write out the lines and their index."""
        self._file.close()
        np.save(self._path.with_suffix(".npy"), np.array([self._at, self._entity, self._end], np.int64))
        self._path.with_suffix(".json").write_bytes(orjson.dumps(self._entities))


def merge(parts: Sequence[Path], out: Path) -> int:
    """Write the lines of closed spools to `out` by (time, entity), in one entity as they came; how many there are."""
    indexes = [np.load(part.with_suffix(".npy"), allow_pickle=False) for part in parts]
    names = [orjson.loads(part.with_suffix(".json").read_bytes()) for part in parts]
    rank = {name: i for i, name in enumerate(sorted(name for some in names for name in some))}
    at = np.concatenate([index[0] for index in indexes])
    entity = np.concatenate(
        [np.array([rank[n] for n in some], np.int64)[index[1]] for some, index in zip(names, indexes, strict=True)]
    )
    end = np.concatenate([index[2] for index in indexes])
    start = np.concatenate([np.append(0, index[2][:-1])[: index.shape[1]] for index in indexes])
    part_of = np.repeat(np.arange(len(parts)), [index.shape[1] for index in indexes])
    order = np.lexsort((entity, at))
    with ExitStack() as stack, out.open("wb") as f:
        lines = [_mapped(part, stack) for part in parts]
        for i in order.tolist():
            f.write(lines[part_of[i]][start[i] : end[i]])
    return len(order)


def _mapped(part: Path, stack: ExitStack) -> mmap.mmap | bytes:
    if not part.stat().st_size:
        return b""
    with part.open("rb") as f:
        return stack.enter_context(mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ))
