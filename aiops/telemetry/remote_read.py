"""Streamed remote read: long ranges of plain selectors, with a tenth of the server's work and a fifth of the bytes.

Raw samples come, and are put on the grid here as the engine would: each instant takes the newest sample not older than the
look-back, a stale marker ends a series. Where that cannot be done the caller asks the query API.

Source: Prometheus, Remote Read API, STREAMED_XOR_CHUNKS.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from aiops.config.promql import plain_strings
from aiops.telemetry.decode import BadAnswer, fits
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.labelling import SameLabels, united
from aiops.telemetry.remote_wire import Match, labels_of, read_request

LOOK_BACK_MS = 300_000
FEWEST_COLUMNS, LONGEST_STEP_S = 60, 120
"""Whole chunks come, of mostly 120 samples: a shorter range, or a coarser grid than samples stand, gets more than it wants."""
NEVER_MS = -(2**62)
_NAN = np.uint64(0x7FF8_0000_0000_0000)
_OPERATORS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
Labels = tuple[dict[str, str], ...]
Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Known:
    """The series of an answer: their labels as bytes, n label sets, and the row (series,) of each."""

    spans: tuple[bytes, ...]
    labels: Labels
    rows: NDArray[np.int64]


@dataclass(slots=True)
class Memory:
    """What came last: the very same labels are given while the series stay the same. Replaced whole, for several threads."""

    last: Known | None = None


@functools.lru_cache(maxsize=256)
def selector(query: str) -> tuple[Match, ...] | None:
    """The matchers of a query that is one plain selector; None for everything else."""
    import promql_parser

    tree = promql_parser.parse(plain_strings(query))
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
    kernels: ModuleType, ask: Callable[[bytes], bytes], matchers: tuple[Match, ...], memory: Memory, grid: Grid, series: int,
    samples: int,
) -> tuple[Labels, Values] | None:  # fmt: skip
    """(label sets (n,), values (n, t)) on the grid; None when chunks overlap, so that the engine has to sort them out.

    Raises BadAnswer: unsupported for native histograms, too_many_series, too_many_points, bad_data for what is no such stream.
    """
    start_ms, step_ms = grid.start_s * 1000, grid.step_s * 1000
    end_ms = start_ms + (grid.count - 1) * step_ms
    body = np.frombuffer(ask(read_request(matchers, start_ms - LOOK_BACK_MS, end_ms)), np.uint8)
    spans, chunks = np.empty((len(body) // 24 + 1, 2), np.int64), np.empty((len(body) // 24 + 1, 3), np.int64)
    found, parts = kernels.scan(body, spans, chunks)
    if found < 0:
        raise _bad(kernels, found)
    known = memory.last = _known(body, spans[:found], memory.last, series)
    n = len(known.labels)
    if n * grid.count > max(samples, n):
        raise BadAnswer("too_many_points", f"{n} series × {grid.count} instants, more than limits.samples = {samples}")
    bits = np.full((n, grid.count), _NAN)
    times, last = np.full(n, NEVER_MS, np.int64), np.full(n, _NAN)
    total = kernels.place(body, chunks[:parts], known.rows, start_ms, step_ms, LOOK_BACK_MS, samples, bits, times, last)
    if total == kernels.OVERLAP:
        return None
    if total < 0:
        raise _bad(kernels, total)
    values = bits.view(np.float64)
    there = np.isfinite(values).any(axis=1)
    if there.all():
        return known.labels, values
    return tuple(known.labels[i] for i in np.flatnonzero(there)), values[there]


def _bad(kernels: ModuleType, why: int) -> BadAnswer:
    if why == kernels.HISTOGRAM:
        return BadAnswer("unsupported", "native histograms cannot be watched; ask for histogram_quantile(…) of them instead")
    if why == kernels.TOO_MANY:
        return BadAnswer("too_many_points", "more samples than limits.samples; ask for less or raise it")
    return BadAnswer("bad_data", "the answer is no stream of chunks, or it is damaged")


def _known(body: NDArray[np.uint8], spans: NDArray[np.int64], last: Known | None, series: int) -> Known:
    """The series of an answer; parts of one series, in several frames, share a row."""
    content = body.tobytes() if len(spans) else b""
    keys = tuple(content[a:b] for a, b in spans.tolist())
    if last is not None and keys == last.spans:
        return last
    many = len(set(keys))
    if many > series:
        raise BadAnswer("too_many_series", f"{many} series, more than limits.series = {series}; narrow the query or raise it")
    try:
        metrics = [labels_of(one) for one in keys]
        if not all(fits({"metric": one, "cut": 0}, "cut") for one in metrics):
            raise BadAnswer("bad_data", "a series with labels without measure")
        labels, rows = united(metrics)
    except SameLabels as e:
        raise BadAnswer("bad_query", str(e)) from e
    except (ValueError, IndexError, KeyError) as e:
        raise BadAnswer("bad_data", "labels that are none") from e
    return Known(keys, last.labels if last is not None and labels == last.labels else labels, rows)
