"""Streamed remote read, chunks straight onto the grid: kernels.

A stream is frames of (varint length, CRC-32C, ChunkedReadResponse); a series in it is its labels and then its chunks; a chunk is
XOR encoded: a time and a value, a step and a value, then differences of steps and of values. Whatever else stands there ends the
reading with a negative number. No byte is looked at before its place was compared with the length; a length is compared with
what is left, so no sum of it overflows. `plain_chunks` gives the same without a compiler.

Source: Prometheus, prompb/remote.proto, tsdb/docs/format/chunks.md; Pelkonen et al. 2015, Gorilla.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.compiled import kernel
from aiops.telemetry.fast_arrays import borrowed
from aiops.telemetry.plain_chunks import BROKEN, FAR_MS, HISTOGRAM, LONGEST, OTHER, OVERLAP, STALE, TOO_MANY, crc_table

Bytes = Any
Words = NDArray[np.uint64]
Table = NDArray[np.int64]
Flags = NDArray[np.bool_]
U: Any = np.uint64
S: Any = np.int64
_BYTES, _TABLE, _ROW, _GRID, _LAST = "Array(uint8, 1, 'C', True)", "int64[:, ::1]", "int64[::1]", "uint64[:, ::1]", "uint64[::1]"
_FLAGS = "boolean[::1]"
_EXPONENT = U(0x7FF)
_CRC = crc_table()


@kernel(f"uint32({_BYTES}, int64, int64)")
def crc32c(body: Bytes, at: int, end: int) -> Any:
    """CRC-32C (Castagnoli) of some bytes."""
    body = borrowed(body)
    c = np.uint32(0xFFFFFFFF)
    for k in range(at, end):
        c = _CRC[(c ^ body[k]) & np.uint32(0xFF)] ^ (c >> np.uint32(8))
    return c ^ np.uint32(0xFFFFFFFF)


@kernel(inline=True)
def _varint(body: Bytes, at: int, end: int) -> Any:
    """(number, the place behind it); the place is -1 when it does not end in time."""
    value, shift = U(0), 0
    while at < end and shift < 64:
        byte = body[at]
        value |= U(byte & 0x7F) << U(shift)
        at += 1
        shift += 7
        if byte < 0x80:
            return value, at
    return value, -1


@kernel(f"int64({_BYTES}, int64, int64, int64, {_TABLE}, int64)")
def _chunks_of(body: Bytes, at: int, end: int, series: int, chunks: Table, found: int) -> int:
    """The chunk message in [at, end) as row `found` of chunks: series, begin and end of its data; how many there are then."""
    body, chunks = borrowed(body), borrowed(chunks)
    first, last, encoding = 0, 0, 0
    while at < end:
        tag, at = _varint(body, at, end)
        if at < 0:
            return BROKEN
        value, at = _varint(body, at, end)
        if at < 0:
            return BROKEN
        if tag == U(4 << 3 | 2):
            first, last = at, at + S(value)
            if value > U(end - at):
                return BROKEN
            at = last
        elif tag == U(3 << 3):
            encoding = S(value)
        elif tag != U(1 << 3) and tag != U(2 << 3):
            return BROKEN
    if encoding != 1:
        return HISTOGRAM if encoding == 2 or encoding == 3 else OTHER
    if found >= len(chunks):
        return BROKEN
    chunks[found, 0], chunks[found, 1], chunks[found, 2] = series, first, last
    return found + 1


@kernel(f"int64({_BYTES}, int64, int64, {_TABLE}, int64, {_TABLE}, int64)")
def _series_at(body: Bytes, at: int, end: int, spans: Table, series: int, chunks: Table, found: int) -> int:
    """The series message in [at, end): its labels as row `series` of spans, its chunks from row `found` on; how many then."""
    body, spans, chunks = borrowed(body), borrowed(spans), borrowed(chunks)
    if series >= len(spans):
        return BROKEN
    spans[series, 0], spans[series, 1], began = at, at, False
    while at < end:
        tag = body[at]
        size, inside = _varint(body, at + 1, end)
        if inside < 0 or size > U(end - inside):
            return BROKEN
        at = inside + S(size)
        if tag == 1 << 3 | 2 and not began:
            spans[series, 1] = at
        elif tag == 2 << 3 | 2:
            began = True
            found = _chunks_of(body, inside, at, series, chunks, found)
            if found < 0:
                return found
        else:
            return BROKEN
    return found


@kernel(f"UniTuple(int64, 2)({_BYTES}, {_TABLE}, {_TABLE})")
def scan(body: Bytes, spans: Table, chunks: Table) -> tuple[int, int]:
    """Find everything in a stream: (series, chunks), or (BROKEN, HISTOGRAM or OTHER, 0).

    spans (n, 2): where the labels of each series begin and end. chunks (m, 3): its series, where its data begins and ends.
    """
    body, spans, chunks = borrowed(body), borrowed(spans), borrowed(chunks)
    at, size, series, found, frames = 0, len(body), 0, 0, 0
    while at < size:
        length, at = _varint(body, at, size)
        if at < 0 or size - at < 4 or length > U(size - at - 4) or frames >= len(spans):
            return BROKEN, 0
        told = np.uint32(body[at]) << np.uint32(24) | np.uint32(body[at + 1]) << np.uint32(16)
        told |= np.uint32(body[at + 2]) << np.uint32(8) | np.uint32(body[at + 3])
        at += 4
        end = at + S(length)
        frames += 1
        if crc32c(body, at, end) != told:
            return BROKEN, 0
        while at < end:
            tag = body[at]
            value, at = _varint(body, at + 1, end)
            if at < 0:
                return BROKEN, 0
            if tag == 1 << 3 | 2:
                if value > U(end - at):
                    return BROKEN, 0
                found = _series_at(body, at, at + S(value), spans, series, chunks, found)
                if found < 0:
                    return found, 0
                at += S(value)
                series += 1
            elif tag != 2 << 3:
                return BROKEN, 0
    return series, found


@kernel(inline=True)
def _refilled(body: Bytes, at: int, end: int, window: Any, count: int) -> Any:
    """(place, bits at hand, how many) with at least 57 at hand, unless the bytes end."""
    while count <= 56 and at < end:
        window |= U(body[at]) << U(56 - count)
        at += 1
        count += 8
    return at, window, count


@kernel(f"void({_GRID}, {_FLAGS}, int64, int64, int64, int64, int64, uint64, int64)")
def _hold(
    bits: Words, held: Flags, row: int, start_ms: int, step_ms: int, look_back_ms: int, time_ms: int, value: Any, until_ms: int
) -> None:
    """Put a sample at every instant from its own on, before `until_ms` and within the look-back; not its value if that is not
    finite, nothing if it says that the series ended.
    """
    bits, held = borrowed(bits), borrowed(held)
    if value == STALE:
        return
    last = min(until_ms - 1, time_ms + look_back_ms) - start_ms
    if last < 0:
        return
    first = max(0, -((start_ms - time_ms) // step_ms))
    stop = min(last // step_ms, bits.shape[1] - 1) + 1
    if first < stop:
        held[row] = True
    if value >> U(52) & _EXPONENT != _EXPONENT:
        for slot in range(first, stop):
            bits[row, slot] = value


@kernel(inline=True)
def _taken(body: Bytes, at: int, end: int, window: Any, count: int, size: int) -> Any:
    """(place, bits at hand, how many, the next `size` bits up to 64 as a number); how many: negative when they are not there."""
    value = U(0)
    while size > 0 and count >= 0:
        part = min(size, 32)
        at, window, count = _refilled(body, at, end, window, count)
        if count >= part:
            value = value << U(part) | window >> U(64 - part)
            window <<= U(part)
        count -= part
        size -= part
    return at, window, count, value


@kernel(inline=True)
def _change_of_step(body: Bytes, at: int, end: int, window: Any, count: int) -> Any:
    """(place, bits, how many, by how much the step between two samples changes)."""
    at, window, count = _refilled(body, at, end, window, count)
    prefix = 0
    while prefix < 4 and window >> U(63) == U(1):
        prefix += 1
        window <<= U(1)
    count -= min(prefix + 1, 4)
    if prefix < 4:
        window <<= U(1)
    size = 0 if prefix == 0 else 14 if prefix == 1 else 17 if prefix == 2 else 20 if prefix == 3 else 64
    at, window, count, value = _taken(body, at, end, window, count, size)
    change = S(value)
    if 0 < size < 64 and change > 1 << (size - 1):
        change -= 1 << size
    return at, window, count, change


@kernel(inline=True)
def _change_of_value(body: Bytes, at: int, end: int, window: Any, count: int, leading: int, meaning: int) -> Any:
    """(place, bits, how many, the bits of a value that change, how many zeros lead them, how many there are)."""
    change, reused = U(0), U(0)
    at, window, count, differs = _taken(body, at, end, window, count, 1)
    if count >= 0 and differs == U(1):
        at, window, count, reused = _taken(body, at, end, window, count, 1)
        if count >= 0 and reused == U(1):
            at, window, count, both = _taken(body, at, end, window, count, 11)
            leading, meaning = S(both >> U(6)), S(both & U(63))
            meaning = 64 if meaning == 0 else meaning
        if leading + meaning > 64 or meaning == 0:
            count = -1
        at, window, count, change = _taken(body, at, end, window, count, meaning)
        if count >= 0:
            change <<= U(64 - leading - meaning)
    return at, window, count, change, leading, meaning


@kernel(f"int64({_BYTES}, int64, int64, int64, int64, int64, int64, {_GRID}, {_FLAGS}, {_ROW}, {_LAST})")
def _chunk(  # noqa: C901  one loop, whose state would have to be handed on
    body: Bytes, at: int, end: int, row: int, start_ms: int, step_ms: int, look_back_ms: int, bits: Words, held: Flags,
    times: Table, values: Words,
) -> int:  # fmt: skip
    """The samples of one chunk into row `row`, whose last sample so far is in `times` and `values`; how many, or why not."""
    body, bits, held, times, values = borrowed(body), borrowed(bits), borrowed(held), borrowed(times), borrowed(values)
    if at + 2 > end:
        return BROKEN
    many: int = S(body[at]) << 8 | S(body[at + 1])
    if many > LONGEST:
        return OVERLAP
    if many == 0:
        return 0
    zigzag, at = _varint(body, at + 2, end)
    if at < 0 or at + 8 > end:
        return BROKEN
    time_ms, value = S(zigzag >> U(1)) ^ -S(zigzag & U(1)), U(0)
    for k in range(8):
        value = value << U(8) | U(body[at + k])
    at += 8
    delta, leading, meaning, window, count = 0, 0, 0, U(0), 0
    for i in range(many):
        if i == 1:
            first, at = _varint(body, at, end)
            if at < 0:
                return BROKEN
            delta = S(first)
        elif i > 1:
            at, window, count, change = _change_of_step(body, at, end, window, count)
            delta += change
        if i > 0:
            time_ms += delta
            at, window, count, differs, leading, meaning = _change_of_value(body, at, end, window, count, leading, meaning)
            value ^= differs
        if count < 0:
            return BROKEN
        if time_ms <= times[row]:
            return OVERLAP
        if time_ms > FAR_MS:
            return BROKEN
        _hold(bits, held, row, start_ms, step_ms, look_back_ms, times[row], values[row], time_ms)
        times[row], values[row] = time_ms, value
    return many


@kernel(f"int64({_BYTES}, {_TABLE}, {_ROW}, int64, int64, int64, int64, {_GRID}, {_FLAGS}, {_ROW}, {_LAST})")
def place(
    body: Bytes, chunks: Table, rows: Table, start_ms: int, step_ms: int, look_back_ms: int, samples: int, bits: Words,
    held: Flags, times: Table, values: Words,
) -> int:  # fmt: skip
    """All chunks (m, 3) into the rows (series,) of bits (n, t), the bits of float64; how many samples, or why not.

    held (n,): becomes True where a sample holds at some instant, finite or not. times and values (n,): the last sample of each
    row, to begin with long ago and stale. More than `samples` is TOO_MANY.
    """
    body, chunks, rows = borrowed(body), borrowed(chunks), borrowed(rows)
    bits, held, times, values = borrowed(bits), borrowed(held), borrowed(times), borrowed(values)
    total = 0
    for k in range(len(chunks)):
        found: int = _chunk(
            body, chunks[k, 1], chunks[k, 2], rows[chunks[k, 0]], start_ms, step_ms, look_back_ms, bits, held, times, values
        )
        total += found
        if found < 0:
            return found
        if total > samples:
            return TOO_MANY
    for row in range(len(times)):
        _hold(bits, held, row, start_ms, step_ms, look_back_ms, times[row], values[row], start_ms + step_ms * bits.shape[1])
    return total
