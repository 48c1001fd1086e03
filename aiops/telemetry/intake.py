"""What the turns since the last save took in, on disk before anything is decided by it: appended, checksummed, synced.

Learnt state is 1 kB a series and is saved now and then; a turn's points are 8 B a series, and state is a function of what was
saved and the points since. So the points are what a turn makes durable, and after a kill the turns are lived again from here:
the same turns, with the same gaps, and no source is asked once more.

A file is a head and records, each `length crc32 body`; a body is a line of JSON, then the numbers. What is short or damaged
ends it.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.core.folders import sync_folder
from aiops.core.labels import Labels
from aiops.core.records import Ints, Lineage, Remark
from aiops.core.remembered import LabelSets
from aiops.telemetry.link import Piece, Range

MAGIC = b"aiops intake 1\n"
RECORD_BYTES = 64 << 20
"""A turn that took in more (a first sight, a long outage) is not kept: its columns are read again."""
_FRAME = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class Got:
    """What one feed gave: its pieces, oldest first; the older range left to later turns; what was provisional, read anew; the
    limits as they are at the newest instant, where a query gives them."""

    feed: int
    pieces: list[Piece]
    older: Range | None = None
    final: Piece | None = None
    limit: Piece | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """All that the turn `now_s`, the one after the turn `after_s`, took in; `asked`: the feeds that answered."""

    now_s: int
    after_s: int | None
    got: tuple[Got, ...]
    asked: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A record: `new` are the label sets of rows that no record before it knew; `end` is where it ends in the file."""

    now_s: int
    after_s: int | None
    new: tuple[Labels, ...]
    head: dict[str, Any]
    body: bytes
    end: int

    def taken(self, labels: LabelsOf) -> Taken | None:
        """What it holds, where `labels` knows all rows by now; None when it does not fit them."""
        arrays = _Arrays(self.body)
        try:
            got = tuple(_got(one, arrays, labels) for one in self.head["got"])
        except IndexError:
            return None
        return Taken(self.now_s, self.after_s, got, tuple(self.head["asked"]))


class LabelsOf:
    """The label sets of rows: the same tuple again for the same rows, so that what is remembered of it is found."""

    def __init__(self, labels: Sequence[Labels]) -> None:
        self.labels = labels
        self._rows: Ints = np.zeros(0, np.int64)
        self._tuple: LabelSets = ()

    def __call__(self, rows: Ints) -> LabelSets:
        """In the order of `rows`. Raises IndexError for a row that is not known."""
        if not np.array_equal(rows, self._rows):
            self._rows, self._tuple = rows, tuple(self.labels[row] for row in rows.tolist())
        return self._tuple


class Intake:
    """The file of one watch. `about`: what a file must have been begun for to be taken up again."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._fd = -1
        self._about: dict[str, Any] = {}
        self._rows = 0

    @property
    def open(self) -> bool:
        """Whether turns are kept: not before something was saved, nor after the disk refused, until it is saved again."""
        return self._fd >= 0

    def begun_for(self, about: dict[str, Any]) -> bool:
        """Whether it keeps turns, or would if the disk had not refused, of exactly this."""
        return about == self._about

    def begin(self, about: dict[str, Any], rows: int) -> None:
        """Forget all turns, for all they did is saved, `rows` rows known. Raises OSError."""
        self.close()
        temporary = self.path.with_name(self.path.name + ".new")
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            _write(fd, MAGIC + _framed([orjson.dumps(about)]))
            os.fsync(fd)
            os.replace(temporary, self.path)
            sync_folder(self.path.parent)
        except OSError:
            os.close(fd)
            raise
        self._fd, self._about, self._rows = fd, about, rows

    def take_up(self, about: dict[str, Any], until_s: int | None, rows: int) -> list[Kept]:
        """The turns up to `until_s` of a file begun for this, in order; later ones are cut off, for nothing was decided by them.

        None of them when there is no such file. `rows` are known without it. Raises OSError when it cannot be cut.
        """
        self.close()
        try:
            content = self.path.read_bytes()
        except OSError:
            return []
        bodies = _bodies(content)
        head = next(bodies, None)
        if head is None or until_s is None or orjson.loads(head[0]) != about:
            return []
        kept, end = [], head[1]
        for body, stop in bodies:
            line, _, numbers = body.partition(b"\n")
            record = orjson.loads(line)
            if record["now_s"] > until_s:
                break
            kept.append(Kept(record["now_s"], record["after_s"], tuple(record["new"]), record, numbers, stop))
            end = stop
        fd = os.open(self.path, os.O_WRONLY | os.O_APPEND)
        if end < len(content):
            os.ftruncate(fd, end)
        self._fd, self._about, self._rows = fd, about, rows
        return kept

    def append(
        self, taken: Taken, about: dict[str, Any], labels: Sequence[Labels], rows_of: Callable[[LabelSets], Ints]
    ) -> None:
        """Keep what a turn took in, synced; `labels` are those of all rows, `rows_of` may add to them.

        Does nothing while it is not open, or when it was begun for something else, as before rows were numbered anew.

        When the disk refuses, nothing more is kept until the next `begin`: after a kill those columns are read again.
        """
        if not self.open or about != self._about:
            return
        parts: list[NDArray[Any]] = []
        got = [_got_head(one, parts, rows_of) for one in taken.got]
        head = {
            "now_s": taken.now_s, "after_s": taken.after_s, "asked": list(taken.asked), "got": got,
            "new": [dict(one) for one in labels[self._rows :]],
        }  # fmt: skip
        if sum(part.nbytes for part in parts) > RECORD_BYTES:
            return
        try:
            _write(self._fd, _framed([orjson.dumps(head), b"\n", *(part.data for part in parts)]))
            os.fsync(self._fd)
        except OSError:
            self.close()
            return
        self._rows = len(labels)

    def close(self) -> None:
        """Keep nothing more."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def __del__(self) -> None:
        self.close()


def _framed(parts: Sequence[bytes | memoryview]) -> bytes:
    length = crc = 0
    for part in parts:
        length, crc = length + memoryview(part).nbytes, zlib.crc32(part, crc)
    return b"".join([_FRAME.pack(length, crc), *parts])


def _bodies(content: bytes) -> Iterator[tuple[bytes, int]]:
    """(body, where it ends) of each whole record."""
    at = len(MAGIC)
    if content[:at] != MAGIC:
        return
    while at + _FRAME.size <= len(content):
        length, crc = _FRAME.unpack_from(content, at)
        body = content[at + _FRAME.size : at + _FRAME.size + length]
        if len(body) < length or zlib.crc32(body) != crc:
            return
        at += _FRAME.size + length
        yield body, at


class _Arrays:
    """Numbers, one array after the other."""

    def __init__(self, body: bytes) -> None:
        self.body, self.at = body, 0

    def next(self, kind: str, shape: Sequence[int]) -> NDArray[Any]:
        count = int(np.prod(shape))
        found = np.frombuffer(self.body, kind, count, self.at).reshape(shape)
        self.at += found.nbytes
        return found


def _put(parts: list[NDArray[Any]], array: NDArray[Any]) -> tuple[str, list[int]]:
    parts.append(np.ascontiguousarray(array).reshape(-1))
    return array.dtype.str, list(array.shape)


def _put_rows(parts: list[NDArray[Any]], rows: Ints | None) -> tuple[str, list[int]] | int | None:
    """How many, when they are the first ones in order."""
    if rows is None:
        return None
    return len(rows) if np.array_equal(rows, np.arange(len(rows))) else _put(parts, rows.astype(np.int32))


def _rows(head: Any, arrays: _Arrays) -> Ints | None:
    if head is None:
        return None
    return np.arange(head) if isinstance(head, int) else arrays.next(*head).astype(np.int64)


def _got_head(got: Got, parts: list[NDArray[Any]], rows_of: Callable[[LabelSets], Ints]) -> dict[str, Any]:
    pieces = [_piece_head(piece, parts, rows_of) for piece in got.pieces]
    final = None if got.final is None else _piece_head(got.final, parts, rows_of)
    head = {"feed": got.feed, "pieces": pieces, "older": got.older, "final": final}
    if got.limit is not None:  # its series are no rows
        labels = [dict(one) for one in got.limit.labels]
        head["limit"] = labels, _piece_head(got.limit, parts, lambda found: np.arange(len(found)))
    return head


def _got(head: dict[str, Any], arrays: _Arrays, labels: LabelsOf) -> Got:
    pieces = [_piece(one, arrays, labels) for one in head["pieces"]]
    older = None if head["older"] is None else (int(head["older"][0]), int(head["older"][1]))
    final = None if head["final"] is None else _piece(head["final"], arrays, labels)
    limit = None
    if head.get("limit") is not None:
        own, of = head["limit"]
        limit = _piece(of, arrays, LabelsOf(own))
    return Got(head["feed"], pieces, older, final, limit)


def _piece_head(piece: Piece, parts: list[NDArray[Any]], rows_of: Callable[[LabelSets], Ints]) -> dict[str, Any]:
    lineage = asdict(piece.lineage) | {"partial": _noted(piece.lineage.partial)}
    return {
        "rows": _put_rows(parts, rows_of(piece.labels)), "time_s": _put(parts, piece.time_s), "lineage": lineage,
        "layers": [(_put_rows(parts, rows), _put(parts, values)) for rows, values in piece.layers],
        "partial": _noted(piece.partial),
    }  # fmt: skip


def _piece(head: dict[str, Any], arrays: _Arrays, labels: LabelsOf) -> Piece:
    rows = _rows(head["rows"], arrays)
    assert rows is not None
    time_s = arrays.next(*head["time_s"])
    layers = tuple((_rows(at, arrays), arrays.next(*values)) for at, values in head["layers"])
    of = head["lineage"]
    lineage = Lineage(**of | {"partial": _notes(of["partial"]), "residency": tuple(of["residency"])})
    return Piece(labels(rows), time_s, layers, lineage, _notes(head["partial"]))


def _noted(notes: Sequence[str]) -> list[tuple[str, bool]]:
    return [(str(note), isinstance(note, Remark)) for note in notes]


def _notes(noted: Sequence[tuple[str, bool]]) -> tuple[str, ...]:
    return tuple(Remark(text) if remark else text for text, remark in noted)


def _write(fd: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(fd, left) :]
