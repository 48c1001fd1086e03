"""Streamed remote read, chunks onto the grid, the plain way: what `fast_chunks` gives, of the same arguments, without a compiler.

All chunks are unpacked side by side: the first sample of each, then the second of each, and so on. Checksums are of pieces of
SEGMENT bytes side by side, and put together two by two: a checksum is linear, so zeros before a message do not change it, and
what zero bytes behind one do to it is a table.

Source: Prometheus, prompb/remote.proto, tsdb/docs/format/chunks.md; Pelkonen et al. 2015, Gorilla; M. Adler, zlib, crc32_combine.
"""

from __future__ import annotations

import functools
import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Table = NDArray[np.int64]
Flags = NDArray[np.bool_]
Sums = NDArray[np.uint32]

BROKEN, HISTOGRAM, OVERLAP, TOO_MANY, OTHER = -1, -2, -3, -4, -5
"""Why not: damaged; a native histogram; out of order or too long, for the engine; too many samples; another encoding."""
LONGEST = 4096
"""Samples of one chunk. Prometheus writes 120, and what is unpacked side by side is as slow as the longest."""
FAR_MS = 2**61
"""No time is as far away as this, and sums with it do not overflow."""
STALE = np.uint64(0x7FF0_0000_0000_0002)
_EXPONENT = np.uint64(0x7FF)
_U64 = (1 << 64) - 1
SET = np.array([0x54, 0x64, 0x1F, 0x64], np.uint8)
"""The bytes that set all bits of a checksum of nothing, as it begins."""
SEGMENT, AT_ONCE = 64, 1 << 20
"""Bytes of a piece of a checksum; bytes, samples or instants that are worked on at once."""
_BITS_OF_PREFIX = np.array([1] * 8 + [2] * 4 + [3] * 2 + [4] * 2, np.uint64)
_BITS_OF_STEP = np.array([0] * 8 + [14] * 4 + [17] * 2 + [20, 64], np.uint64)
_HALF = np.array([1] * 8 + [1 << 13] * 4 + [1 << 16] * 2 + [1 << 19, 2**63 - 1], np.int64)
_WHOLE = np.array([0] * 8 + [1 << 14] * 4 + [1 << 17] * 2 + [1 << 20, 0], np.int64)


def crc_table() -> Sums:
    """(256,) what CRC-32C (Castagnoli) of one byte does."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(0x82F63B78), table >> 1)
    return table


_CRC = crc_table()


@functools.lru_cache(maxsize=40)
def _behind(doublings: int) -> Sums:
    """(4, 256) what SEGMENT · 2^doublings zero bytes behind a message make of each byte of its checksum."""
    if doublings:
        return _moved(_behind(doublings - 1), doublings - 1)
    sums = np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]
    for _ in range(SEGMENT):
        sums = _CRC[sums & 0xFF] ^ sums >> 8
    return sums


def _moved(sums: Sums, doublings: int) -> Sums:
    """What checksums become by SEGMENT · 2^doublings zero bytes behind their messages."""
    table = _behind(doublings)
    moved: Sums = table[0][sums & 0xFF] ^ table[1][sums >> 8 & 0xFF] ^ table[2][sums >> 16 & 0xFF] ^ table[3][sums >> 24]
    return moved


def crc32c(body: Bytes, at: int, end: int) -> int:
    """CRC-32C (Castagnoli) of some bytes."""
    return int(_checksums(body, np.array([[at, end]], np.int64))[0])


def _checksums(body: Bytes, frames: Table) -> Sums:
    """(n,) CRC-32C of the bytes from frames[:, 0] to frames[:, 1]."""
    sizes = frames[:, 1] - frames[:, 0] + len(SET)
    doublings = np.ceil(np.log2(-(-sizes // SEGMENT))).astype(np.int64)
    out = np.zeros(len(frames), np.uint32)
    for power in np.unique(doublings).tolist():
        alike = np.flatnonzero(doublings == power)
        many = max(1, AT_ONCE // (SEGMENT << power))
        for first in range(0, len(alike), many):
            some = alike[first : first + many]
            out[some] = _sums_of(body, frames[some], power)
    return out


def _sums_of(body: Bytes, frames: Table, power: int) -> Sums:
    """As `_checksums`, of frames that are at most SEGMENT · 2^power bytes long, less those of SET."""
    size = SEGMENT << power
    room = np.zeros((len(frames), size), np.uint8)
    for row, (begin, end) in zip(room, frames.tolist(), strict=True):
        row[size - (end - begin) - len(SET) : size - (end - begin)] = SET
        row[size - (end - begin) :] = body[begin:end]
    pieces = room.reshape(-1, SEGMENT).T.copy()
    sums = np.zeros(pieces.shape[1], np.uint32)
    for piece in pieces:
        sums = _CRC[(sums ^ piece) & 0xFF] ^ sums >> 8
    for level in range(power):  # the first of a frame is followed by its second, and so on
        sums = _moved(sums[0::2], level) ^ sums[1::2]
    return sums ^ np.uint32(0xFFFF_FFFF)


def _varint(content: bytes, at: int, end: int) -> tuple[int, int]:
    """(number, the place behind it); the place is -1 when it does not end in time."""
    value, shift = 0, 0
    while at < end and shift < 64:
        byte = content[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value & _U64, at
    return value, -1


def scan(body: Bytes, spans: Table, chunks: Table) -> tuple[int, int]:
    """See `fast_chunks.scan`."""
    content = body.tobytes()
    frames, whole = _frames(content, len(spans))
    places = np.array(frames, np.int64).reshape(-1, 3)
    wrong = np.flatnonzero(_checksums(body, places[:, :2]) != places[:, 2])
    found = series = 0
    for begin, end, _ in frames[: wrong[0] if len(wrong) else len(frames)]:
        at = begin
        while at < end:
            tag = content[at]
            value, at = _varint(content, at + 1, end)
            if at < 0:
                return BROKEN, 0
            if tag == 1 << 3 | 2:
                if value > end - at or series >= len(spans):
                    return BROKEN, 0
                found = _series_at(content, at, at + value, spans, series, chunks, found)
                if found < 0:
                    return found, 0
                at, series = at + value, series + 1
            elif tag != 2 << 3:
                return BROKEN, 0
    return (BROKEN, 0) if len(wrong) or not whole else (series, found)


def _frames(content: bytes, most: int) -> tuple[list[tuple[int, int, int]], bool]:
    """(begin, end and checksum of each frame, whether the stream ends with one); not more than `most`."""
    found: list[tuple[int, int, int]] = []
    at = 0
    while at < len(content):
        length, at = _varint(content, at, len(content))
        if at < 0 or len(content) - at < 4 or length > len(content) - at - 4 or len(found) >= most:
            return found, False
        found.append((at + 4, at + 4 + length, int.from_bytes(content[at : at + 4], "big")))
        at += 4 + length
    return found, True


def _series_at(content: bytes, at: int, end: int, spans: Table, series: int, chunks: Table, found: int) -> int:
    """See `fast_chunks`."""
    labels_from, labels_to, began = at, at, False
    while at < end:
        tag = content[at]
        size, inside = _varint(content, at + 1, end)
        if inside < 0 or size > end - inside:
            return BROKEN
        at = inside + size
        if tag == 1 << 3 | 2 and not began:
            labels_to = at
        elif tag == 2 << 3 | 2:
            began = True
            found = _chunks_of(content, inside, at, series, chunks, found)
            if found < 0:
                return found
        else:
            return BROKEN
    spans[series] = labels_from, labels_to
    return found


def _chunks_of(content: bytes, at: int, end: int, series: int, chunks: Table, found: int) -> int:
    """See `fast_chunks`."""
    first, last, encoding = 0, 0, 0
    while at < end:
        tag, at = _varint(content, at, end)
        if at < 0:
            return BROKEN
        value, at = _varint(content, at, end)
        if at < 0:
            return BROKEN
        if tag == 4 << 3 | 2:
            if value > end - at:
                return BROKEN
            first, last = at, at + value
            at = last
        elif tag == 3 << 3:
            encoding = value
        elif tag not in (1 << 3, 2 << 3):
            return BROKEN
    if encoding != 1:
        return HISTOGRAM if encoding in (2, 3) else OTHER
    if found >= len(chunks):
        return BROKEN
    chunks[found] = series, first, last
    return found + 1


def place(
    body: Bytes, chunks: Table, rows: Table, start_ms: int, step_ms: int, look_back_ms: int, samples: int, bits: Words,
    held: Flags, times: Table, values: Words,
) -> int:  # fmt: skip
    """See `fast_chunks.place`."""
    padded = np.concatenate([body, np.zeros(16, np.uint8)])
    grid = _Grid(start_ms, step_ms, look_back_ms, bits, held)
    at, end, row = chunks[:, 1], chunks[:, 2], rows[chunks[:, 0]]
    many = np.where(end - at >= 2, padded[at].astype(np.int64) << 8 | padded[at + 1], 0)
    edges = [0]
    if len(chunks):
        batch = np.cumsum(np.clip(many, 1, LONGEST)) // AT_ONCE
        edges += [*(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(chunks)]
    total = 0
    for a, b in itertools.pairwise(edges):
        total = _batch(padded, at[a:b], end[a:b], row[a:b], many[a:b], grid, samples, total, times, values)
        if total < 0:
            return total
    grid.hold(np.arange(len(times)), times, values, np.full(len(times), start_ms + step_ms * bits.shape[1]))
    return total


class _Grid:
    """Where samples go: `bits` (n, t) and `held` (n,) of `fast_chunks.place`."""

    def __init__(self, start_ms: int, step_ms: int, look_back_ms: int, bits: Words, held: Flags) -> None:
        self.start_ms, self.step_ms, self.look_back_ms, self.bits, self.held = start_ms, step_ms, look_back_ms, bits, held

    def hold(self, row: Table, time_ms: Table, value: Words, until_ms: Table) -> None:
        """All (m,): put each sample at every instant from its own on, before `until_ms` and within the look-back."""
        count = self.bits.shape[1]
        last = np.minimum(until_ms - 1, time_ms + self.look_back_ms) - self.start_ms
        first = np.maximum(0, -((self.start_ms - time_ms) // self.step_ms))
        many = np.minimum(last // self.step_ms, count - 1) + 1 - first
        there = (value != STALE) & (last >= 0) & (many > 0)
        self.held[row[there]] = True
        there &= value >> np.uint64(52) & _EXPONENT != _EXPONENT
        many, value, cell = many[there], value[there], row[there] * count + first[there]
        flat, ends = self.bits.reshape(-1), np.cumsum(many)
        batch = (ends - many) // AT_ONCE
        edges = [0, *(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(many)]
        for a, b in itertools.pairwise(edges):
            before = np.concatenate([[0], np.cumsum(many[a:b])])
            places = np.repeat(cell[a:b] - before[:-1], many[a:b]) + np.arange(before[-1])
            flat[places] = np.repeat(value[a:b], many[a:b])


def _batch(
    padded: Bytes, at: Table, end: Table, row: Table, many: Table, grid: _Grid, samples: int, total: int, times: Table,
    values: Words,
) -> int:  # fmt: skip
    """Some chunks onto the grid; how many samples there are with the `total` before, or why not, of the first that is wrong."""
    order = np.argsort(row, kind="stable")
    good, why, time_ms, value, begin = _unpacked(padded, at[order], end[order], many[order])
    row_of = np.repeat(row[order], good)
    new = np.ones(len(row_of), bool)
    new[1:] = row_of[1:] != row_of[:-1]
    before = np.empty_like(time_ms)
    before[1:] = time_ms[:-1]
    before[new] = times[row_of[new]]
    stops = np.full(len(order), np.iinfo(np.int64).max)  # the place, in its chunk, of the first sample that is wrong
    wrong = np.flatnonzero((time_ms <= before) | (time_ms > FAR_MS))
    chunk = np.searchsorted(begin, wrong, "right") - 1
    np.minimum.at(stops, chunk, wrong - begin[chunk])
    early = stops < good
    if early.any():
        k = begin[early] + stops[early]
        why[early] = np.where(time_ms[k] <= before[k], OVERLAP, BROKEN)
    codes = np.empty(len(order), np.int64)
    codes[order] = why
    counted = np.empty(len(order), np.int64)
    counted[order] = good
    sums = total + np.cumsum(counted)
    codes[(codes == 0) & (sums > samples)] = TOO_MANY
    if (codes < 0).any():
        return int(codes[np.flatnonzero(codes < 0)[0]])
    held_by = values[row_of[new]]
    grid.hold(row_of[new], before[new], held_by, time_ms[new])
    inner = np.flatnonzero(~new)
    grid.hold(row_of[inner], time_ms[inner - 1], value[inner - 1], time_ms[inner])
    last = np.flatnonzero(np.append(new[1:], True)) if len(new) else inner
    times[row_of[last]], values[row_of[last]] = time_ms[last], value[last]
    return int(sums[-1])


class _Window:
    """64 bits at any place of some bytes; behind their end is nothing of use, but it may be asked for."""

    def __init__(self, padded: Bytes) -> None:
        self.padded, self.end = padded, (len(padded) - 16) * 8
        self.words: Any = np.ndarray((len(padded) - 8,), ">u8", padded, strides=(1,))

    def at(self, place: Table) -> Words:
        """(m,) the bits from each place (m,) on, the highest first."""
        place = np.minimum(place, self.end)
        byte, shift = place >> 3, (place & 7).astype(np.uint64)
        first: Words = self.words[byte].astype(np.uint64)
        found: Words = first << shift | self.padded[byte + 8] >> (np.uint64(8) - shift)
        return found


def _varints(padded: Bytes, at: Table, end: Table) -> tuple[Words, Table]:
    """(numbers (m,), the places behind them (m,), -1 where they do not end in time)."""
    value, behind, open_ = np.zeros(len(at), np.uint64), np.full(len(at), -1), np.ones(len(at), bool)
    for k in range(10):
        open_ &= at + k < end
        if not open_.any():
            break
        byte = padded[np.where(open_, at + k, 0)]
        value |= np.where(open_, byte.astype(np.uint64) & np.uint64(0x7F), np.uint64(0)) << np.uint64(7 * k)
        behind[open_ & (byte < 0x80)] = (at + k + 1)[open_ & (byte < 0x80)]
        open_ &= byte >= 0x80
    return value, behind


def _change_of_step(window: _Window, place: Table) -> tuple[Table, Table]:
    """(by how much the step between two samples changes, the place behind that), all (m,)."""
    found = window.at(place)
    prefix = (found >> np.uint64(60)).astype(np.int64)
    used, size = _BITS_OF_PREFIX[prefix], _BITS_OF_STEP[prefix]
    raw = found << used >> np.uint64(64) - size
    far = np.flatnonzero(size == 64)
    raw[far] = window.at(place[far] + 4)
    change = raw.view(np.int64)
    return np.where(change > _HALF[prefix], change - _WHOLE[prefix], change), place + (used + size).astype(np.int64)


def _change_of_value(window: _Window, place: Table, leading: Words, meaning: Words) -> tuple[Words, Table, Flags]:
    """(the bits of a value that change, the place behind that, whether it cannot be so), all (m,); writes into the other two."""
    found = window.at(place)
    differs = found >> np.uint64(63) == 1
    renewed = found >> np.uint64(62) == 3
    both = found >> np.uint64(51) & np.uint64(0x7FF)
    new = both & np.uint64(63)
    new[new == 0] = 64
    np.copyto(leading, both >> np.uint64(6), where=renewed)
    np.copyto(meaning, new, where=renewed)
    wrong = differs & ((leading + meaning > 64) | (meaning == 0))
    place = place + np.where(renewed, 13, np.where(differs, 2, 1))
    size = np.where(differs, meaning, np.uint64(0))
    change = window.at(place) >> np.uint64(64) - size << np.uint64(64) - leading - meaning
    return change, place + size.astype(np.int64), wrong


def _unpacked(padded: Bytes, at: Table, end: Table, many: Table) -> tuple[Table, Table, Table, Words, Table]:
    """Of chunks (m,): how many samples are sound, why no more are; their times and values; where each chunk's begin (m,)."""
    why = np.where(end - at < 2, BROKEN, np.where(many > LONGEST, OVERLAP, 0))
    zigzag, behind = _varints(padded, at + 2, end)
    why[(why == 0) & (many > 0) & ((behind < 0) | (behind + 8 > end))] = BROKEN
    good = np.where(why == 0, many, 0)
    order = np.argsort(-good, kind="stable")  # those that have an i-th sample come first
    begin, fewer = (np.cumsum(good) - good)[order], -good[order]
    times, values = np.empty(good.sum(), np.int64), np.empty(good.sum(), np.uint64)
    window, sound = _Window(padded), good[order]
    time_ms = ((zigzag >> np.uint64(1)).view(np.int64) ^ -(zigzag & np.uint64(1)).view(np.int64))[order]
    behind = np.where(why == 0, behind, 0)
    value = window.at(behind[order] * 8)
    delta, leading, meaning = np.zeros(len(order), np.int64), np.zeros(len(order), np.uint64), np.zeros(len(order), np.uint64)
    place, last = (behind[order] + 8) * 8, end[order] * 8
    for i in range(-int(fewer[0]) if len(fewer) else 0):
        n = int(np.searchsorted(fewer, -i))
        if i == 1:
            first, after = _varints(padded, place[:n] >> 3, last[:n] >> 3)
            delta[:n], place[:n] = first.view(np.int64), np.where(after < 0, window.end + 8, after * 8)
        elif i > 1:
            change, place[:n] = _change_of_step(window, place[:n])
            delta[:n] += change
        if i > 0:
            time_ms[:n] += delta[:n]
            flips, place[:n], wrong = _change_of_value(window, place[:n], leading[:n], meaning[:n])
            value[:n] ^= flips
            wrong |= place[:n] > last[:n]
            np.minimum(sound[:n], i, out=sound[:n], where=wrong)
        times[begin[:n] + i], values[begin[:n] + i] = time_ms[:n], value[:n]
    kept = np.empty_like(good)
    kept[order] = sound
    why[kept < good] = BROKEN
    if (kept < good).any():
        inside = np.arange(len(times)) - np.repeat(np.cumsum(good) - good, good) < np.repeat(kept, good)
        times, values = times[inside], values[inside]
    return kept, why, times, values, np.cumsum(kept) - kept
