"""Streamed remote read: long ranges of plain selectors, with a tenth of the server's work and a fifth of the bytes.

Raw samples come, and are put on the grid here as the engine would: each instant takes the newest sample not older than the
look-back, a stale marker ends a series. Where that cannot be done, or costs more, the caller asks the query API.

Source: Prometheus, Remote Read API, STREAMED_XOR_CHUNKS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.config.promql import mistake_in, parsable
from aiops.core import compiled
from aiops.telemetry import plain_chunks
from aiops.telemetry.decode import MAX_LABEL_BYTES, MAX_LABELS, BadAnswer, frame_of
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.plain_chunks import HISTOGRAM, OTHER, OVERLAP, STALE, TOO_MANY
from aiops.telemetry.remote_wire import Match, labels_of, read_request
from aiops.telemetry.source import ReadLimits

FEWEST_COLUMNS, LONGEST_STEP_S = 60, 120
"""Whole chunks come, of mostly 120 samples: a shorter range, or a coarser grid than samples stand, gets more than it wants."""
LONGEST_LABELS = 4 * MAX_LABEL_BYTES + 16 * MAX_LABELS
"""Bytes of the labels of one series: more hold too many characters."""
_TOO_LONG = {"": " " * (MAX_LABEL_BYTES + 1)}
NEVER_MS = -(2**62)
_NAN = np.uint64(0x7FF8_0000_0000_0000)
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
Labels = tuple[dict[str, str], ...]
Values = NDArray[np.float64]


class Aside(Exception):
    """The query API reads this range right, or for less; the text says why. `lasting`: and the next range of this query too."""

    def __init__(self, why: str, lasting: bool = True) -> None:
        self.lasting = lasting
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class Known:
    """The series of an answer: their labels as bytes, n label sets, notes, and the row (series,) of each, -1 = left out."""

    spans: tuple[bytes, ...]
    labels: Labels
    notes: tuple[str, ...]
    rows: NDArray[np.int64]


@dataclass(slots=True)
class Memory:
    """What came last: the very same labels are given while the series stay the same. Replaced whole, for several threads.

    `aside_until`: until then (monotonic) the query API is asked.
    """

    last: Known | None = None
    aside_until: float = 0.0


@functools.lru_cache(maxsize=256)
def selector(query: str) -> tuple[Match, ...] | None:
    """The matchers of a query that is one plain selector; None for everything else, and for what is no PromQL."""
    import promql_parser

    if mistake_in(query) is not None:
        return None
    tree = promql_parser.parse(parsable(query))
    if type(tree).__name__ != "VectorSelector" or tree.offset or tree.at or tree.matchers.or_matchers:  # type: ignore[attr-defined]
        return None
    matchers = [(m.name, _OPERATORS[str(m.op)], m.value) for m in tree.matchers.matchers]  # type: ignore[attr-defined]
    name = tree.name  # type: ignore[attr-defined]
    return tuple([("__name__", "=", name), *matchers] if name else matchers)


def worth(query: str, grid: Grid) -> tuple[Match, ...] | None:
    """The matchers when the range is long enough, and the grid fine enough, to be read so; else None."""
    if grid.count < FEWEST_COLUMNS or grid.step_s > LONGEST_STEP_S:
        return None
    return selector(query)


def read(
    ask: Callable[[bytes], bytes], matchers: tuple[Match, ...], memory: Memory, grid: Grid, look_back_ms: int, limits: ReadLimits
) -> tuple[Labels, Values, tuple[str, ...]]:
    """(label sets (n,), values (n, t), notes) on the grid; a sample holds for `look_back_ms`, to the very end.

    Raises Aside, and BadAnswer: unsupported for native histograms, too_many_series, too_many_points, bad_query, bad_data.
    """
    start_ms, step_ms = grid.start_s * 1000, grid.step_s * 1000
    end_ms = start_ms + (grid.count - 1) * step_ms
    content = ask(read_request(matchers, start_ms - look_back_ms, end_ms))
    kernels: Any = compiled.module("aiops.telemetry.fast_chunks", len(content)) or plain_chunks
    body = np.frombuffer(content, np.uint8)
    spans, chunks = np.empty((len(body) // 24 + 1, 2), np.int64), np.empty((len(body) // 24 + 1, 3), np.int64)
    found, parts = kernels.scan(body, spans, chunks)
    if found < 0:
        raise _wrong(found)
    known = memory.last = _known(content, spans[:found], memory.last, limits.series)
    n, chunks = len(known.labels), chunks[:parts]
    if n * grid.count > max(limits.samples, n):
        raise BadAnswer("too_many_points", f"{n} series × {grid.count} instants, more than limits.samples = {limits.samples}")
    if len(known.rows) and known.rows.min() < 0:
        chunks = np.ascontiguousarray(chunks[known.rows[chunks[:, 0]] >= 0])
    bits, held = np.full((n, grid.count), _NAN), np.zeros(n, bool)
    times, last = np.full(n, NEVER_MS, np.int64), np.full(n, STALE)
    total = kernels.place(body, chunks, known.rows, start_ms, step_ms, look_back_ms, limits.samples, bits, held, times, last)
    if total < 0:
        raise _wrong(total)
    values = bits.view(np.float64)
    if held.all():
        return known.labels, values, known.notes
    return tuple(known.labels[i] for i in np.flatnonzero(held)), values[held], known.notes


def _wrong(why: int) -> Exception:
    if why == HISTOGRAM:
        return BadAnswer("unsupported", "native histograms cannot be watched; ask for histogram_quantile(…) of them instead")
    if why == TOO_MANY:
        return Aside("more samples than limits.samples, the grid has fewer")
    if why == OVERLAP:
        return Aside("samples out of order, which the engine sorts", lasting=False)
    if why == OTHER:
        return Aside("chunks in an encoding that is not known here")
    return BadAnswer("bad_data", "the stream of chunks is damaged")


def _known(content: bytes, spans: NDArray[np.int64], last: Known | None, series: int) -> Known:
    """The series of an answer; parts of one series, in several frames, share a row."""
    keys = tuple(content[a:b] for a, b in spans.tolist())
    if last is not None and keys == last.spans:
        return last
    each = {one: i for i, one in enumerate(dict.fromkeys(keys))}
    if len(each) > series:
        message = f"{len(each)} series, more than limits.series = {series}; narrow the query or raise it"
        raise BadAnswer("too_many_series", message)
    try:
        found = [{"metric": _labels(one), "cut": 0} for one in each]
    except (ValueError, IndexError) as e:
        raise BadAnswer("bad_data", "labels that are none") from e
    frame = frame_of(found, "cut", ())
    rows = np.array([each[one] for one in keys], np.int64)
    if frame.rows is not None:
        rows = frame.rows[rows]
    return Known(keys, last.labels if last is not None and frame.labels == last.labels else frame.labels, frame.notes, rows)


def _labels(content: bytes) -> dict[str, str]:
    """The labels of a series; of one that has too many, or too long ones, at least as much as shows it."""
    return labels_of(content, MAX_LABELS) if len(content) <= LONGEST_LABELS else _TOO_LONG
