"""Answers of the query API onto the grid: by compiled kernels when they are loaded and know every byte, else the plain way.

The kernel gives the digest of each label set, so a series that was there the last time costs no Python object: when all digests
are the same the very same frame is given, else only the label sets that are new are decoded.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from aiops.core import compiled
from aiops.telemetry import decode
from aiops.telemetry.decode import BadAnswer, Frame, Points

Values = NDArray[np.float64]
Rows = NDArray[np.int64]
_HEADS = tuple(b'{"status":"success",%b"data":{"resultType":' % more for more in (b"", b'"isPartial":false,'))
_RESULT = b',"result":['
_LONGEST_TAIL = 1 << 16
_KEYS = np.frombuffer(os.urandom(16), np.uint64)
"""Of this process's digests."""


@dataclass(frozen=True, slots=True, eq=False)
class Known:
    """What was read last: `digests` (n, 2) of label sets, `names` (n) of metrics, `marks` (n,) of the labels beside the name."""

    digests: NDArray[np.uint64]
    names: tuple[str, ...]
    marks: NDArray[np.int64]
    frame: Frame


@dataclass(slots=True)
class Memory(decode.Memory):
    """What is remembered of the last answer to a query: for the plain way `seen`, else `known`; `labels` were given last."""

    known: Known | None = None
    labels: tuple[dict[str, str], ...] = ()

    def same(self, frame: Frame) -> Frame:
        """The frame with the very label sets that were given the last time when they are equal."""
        if frame.labels is self.labels:
            return frame
        if frame.labels == self.labels:
            return replace(frame, labels=self.labels)
        self.labels = frame.labels
        return frame


@dataclass(frozen=True, slots=True)
class Grid:
    """The instants asked for: `count` of them from `start_s` on, `step_s` apart."""

    start_s: int
    step_s: int
    count: int


def decode_grid(
    body: bytes, kind: str, memory: Memory, series: int, samples: int, grid: Grid
) -> tuple[Frame, Values, int]:
    """(label sets (n,), values (n, t), samples that were no numbers) of an answer of `kind` (matrix, vector).

    Later samples of an instant win; what is off the grid or not finite is a gap, NaN. The frame is the very same object while the
    series stay the same. Raises BadAnswer as `decode`, too_many_points also when series × instants are more than `samples`.
    """
    found = body.count(b'{"metric":{')
    if 0 < found <= series and (kernels := compiled.module("aiops.telemetry.fast_json", len(body))) is not None:
        read = _fast(kernels, body, kind, memory, found, samples, grid)
        if read is not None:
            return read
    frame, points = decode.decode(body, kind, memory, series, samples)
    memory.known = None
    same = memory.same(frame)
    if same is not frame and memory.seen is not None and memory.seen[1] is frame:
        memory.seen = memory.seen[0], same
    frame = same
    return frame, _placed(_room(len(frame.labels), grid, samples), points, grid), points.unread


def _room(n: int, grid: Grid, samples: int) -> Values:
    """(n, t) of NaN. Raises BadAnswer when that is more than there may be: series that come and go fill memory with gaps."""
    if n * grid.count > max(samples, n):
        message = f"{n} series × {grid.count} instants, more than limits.samples = {samples}; ask for less or raise it"
        raise BadAnswer("too_many_points", message)
    return np.full((n, grid.count), np.nan)


def _placed(values: Values, points: Points, grid: Grid) -> Values:
    """`values` (n, t) with the samples put on the grid."""
    slot = (points.time_s - float(grid.start_s)) / grid.step_s
    on = (slot == np.floor(slot)) & (slot >= 0) & (slot < grid.count)
    finite = np.where(np.isfinite(points.value), points.value, np.nan)
    values[points.row[on], slot[on].astype(np.int64)] = finite[on]
    return values


def _fast(
    kernels: Any, body: bytes, kind: str, memory: Memory, found: int, samples: int, grid: Grid
) -> tuple[Frame, Values, int] | None:
    """As `decode_grid`; None when anything is not as the kernel knows it."""
    head = _head(body, kind)
    if head == 0:
        return None
    spans, digests = np.empty((found, 2), np.int64), np.empty((found, 2), np.uint64)
    values, later = _room(found, grid, samples), np.empty((64 + found * grid.count // 8, 4), np.int64)
    end, rows, _, left = kernels.read(
        np.frombuffer(body, np.uint8), head, kind == "matrix", grid.start_s * 1000, grid.step_s * 1000, samples,
        _KEYS[0], _KEYS[1], spans, digests, values.view(np.uint64), later,
    )  # fmt: skip
    if end < 0 or rows != found:
        return None
    notes = _notes(body[:head], body[end:], kind)
    frame = None if notes is None else _frame(body, spans, digests, memory)
    if notes is None or frame is None:
        return None
    for row, slot, first, last in later[:left].tolist():
        values[row, slot] = _finite(float(body[first:last]))
    return (frame if frame.notes == notes else replace(frame, notes=notes)), values, 0


def _finite(value: float) -> float:
    return value if -np.inf < value < np.inf else np.nan


def _head(body: bytes, kind: str) -> int:
    """Where the first series begins; 0 when what stands before is not as Prometheus or VictoriaMetrics writes it."""
    for head in _HEADS:
        whole = head + b'"' + kind.encode() + b'"' + _RESULT
        if body.startswith(whole):
            return len(whole)
    return 0


def _notes(head: bytes, tail: bytes, kind: str) -> tuple[str, ...] | None:
    """What the server warned of; None when the tail could say something else. Raises BadAnswer for what is no answer."""
    if len(tail) > _LONGEST_TAIL or b"\\" in tail or any(word in tail for word in (b'"status"', b'"data"', b'"result')):
        return None
    return decode.opened(head + tail, kind)[1]


def _frame(body: bytes, spans: Rows, digests: NDArray[np.uint64], memory: Memory) -> Frame | None:
    """The frame of these label sets, from memory as far as they were there the last time; None when that needs the plain way."""
    known = memory.known
    if known is not None and np.array_equal(known.digests, digests):
        return known.frame
    made = (known and _changed(known, body, spans, digests)) or _all_new(body, spans, digests)
    if made is None:
        return None
    made = replace(made, frame=memory.same(made.frame))
    memory.known, memory.seen = made, None
    return made.frame


def _all_new(body: bytes, spans: Rows, digests: NDArray[np.uint64]) -> Known | None:
    metrics = _metrics(body, spans)
    if metrics is None:
        return None
    frame = decode.frame_of([{"metric": one, "cut": 0} for one in metrics], "cut", ())
    if frame.rows is not None:
        return None
    return Known(digests, tuple(one.get("__name__", "") for one in metrics), _marks(frame.labels), frame)


def _changed(known: Known, body: bytes, spans: Rows, digests: NDArray[np.uint64]) -> Known | None:
    """Only the label sets that were not there the last time are decoded; None when one of them stands beside its like."""
    order = np.lexsort((known.digests[:, 1], known.digests[:, 0]))
    place = order[np.minimum(np.searchsorted(known.digests[order, 0], digests[:, 0]), len(order) - 1)]
    fresh = np.flatnonzero((known.digests[place] != digests).any(axis=1))
    metrics = _metrics(body, spans[fresh])
    if metrics is None or not all(decode.fits({"metric": one, "cut": 0}, "cut") for one in metrics):
        return None
    labels: list[Any] = [known.frame.labels[i] for i in place.tolist()]
    names = [known.names[i] for i in place.tolist()]
    for at, metric in zip(fresh.tolist(), metrics, strict=True):
        names[at] = metric.pop("__name__", "")
        labels[at] = metric
    marks = known.marks[place]
    marks[fresh] = _marks([labels[i] for i in fresh.tolist()])
    if len(np.unique(marks)) < len(marks):
        return None
    return Known(digests, tuple(names), marks, Frame(tuple(labels), (), None))


def _marks(labels: Sequence[dict[str, str]]) -> NDArray[np.int64]:
    """(n,) the same for the same label set, in whatever order; keyed by this process, as Python's hashes of texts are."""
    return np.array([hash(frozenset(one.items())) for one in labels], np.int64)


def _metrics(body: bytes, spans: Rows) -> list[dict[str, str]] | None:
    """The label sets that stand there; None when they are not JSON."""
    try:
        found: list[dict[str, str]] = orjson.loads(b"[" + b",".join(body[a:b] for a, b in spans.tolist()) + b"]")
    except orjson.JSONDecodeError:
        return None
    return found
