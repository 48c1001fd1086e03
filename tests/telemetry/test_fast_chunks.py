"""Chunk kernels against an encoder of their own, and against every kind of damage: a negative number, never a crash."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.telemetry import compiled
from aiops.telemetry.remote_wire import varint

kernels: Any = None
FLOATS = st.one_of(st.floats(width=64), st.sampled_from([0.0, 1.0, 1.5, float("inf"), float("nan")]))
STEPS = st.one_of(st.integers(1, 10), st.integers(1, 40_000), st.integers(1, 2**22), st.integers(1, 2**40))


@pytest.fixture(scope="module", autouse=True)
def _kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    global kernels
    if why := compiled.warm(tmp_path_factory.mktemp("kernels")):
        pytest.skip(why)
    kernels = compiled.module("aiops.telemetry.fast_chunks", 0)


class Bits:
    """Bits, the highest first."""

    def __init__(self) -> None:
        self.text = ""

    def put(self, value: int, size: int) -> None:
        self.text += format(value & (1 << size) - 1, f"0{size}b") if size else ""

    def bytes(self) -> bytes:
        text = self.text + "0" * (-len(self.text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big") if text else b""


def encoded(samples: list[tuple[int, float]]) -> bytes:
    """A chunk as Prometheus writes it (tsdb/chunkenc/xor.go)."""
    head = len(samples).to_bytes(2, "big")
    bits, leading, trailing, before = Bits(), 0xFF, 0, 0
    for i, (time_ms, value) in enumerate(samples):
        word = struct.unpack(">Q", struct.pack(">d", value))[0]
        if i == 0:
            head += varint(((time_ms << 1) ^ (time_ms >> 63)) & (1 << 64) - 1) + struct.pack(">Q", word)
        else:
            delta = time_ms - samples[i - 1][0]
            if i == 1:
                head += varint(delta)
            else:
                dod = delta - (samples[i - 1][0] - samples[i - 2][0])
                for prefix, size, code in ((0b10, 2, 14), (0b110, 3, 17), (0b1110, 4, 20), (0b1111, 4, 64)):
                    if dod == 0:
                        bits.put(0, 1)
                        break
                    if code == 64 or -((1 << (code - 1)) - 1) <= dod <= 1 << (code - 1):
                        bits.put(prefix, size)
                        bits.put(dod, code)
                        break
            change = word ^ before
            if change == 0:
                bits.put(0, 1)
            else:
                first, last = min(64 - change.bit_length(), 31), (change & -change).bit_length() - 1
                if leading != 0xFF and first >= leading and last >= trailing:
                    bits.put(0b10, 2)
                else:
                    leading, trailing = first, last
                    bits.put(0b11, 2)
                    bits.put(leading, 5)
                    bits.put(64 - leading - trailing, 6)
                bits.put(change >> trailing, 64 - leading - trailing)
        before = word
    return head + bits.bytes()


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def frame(series: list[tuple[bytes, list[bytes]]], encoding: int = 1) -> bytes:
    """One frame of a stream."""
    body = b""
    for labels, chunks in series:
        parts = b"".join(field(2, b"\x08\x00\x10\x00\x18" + bytes([encoding]) + field(4, one)) for one in chunks)
        body += field(1, labels + parts)
    crc = int(kernels.crc32c(np.frombuffer(body, np.uint8), 0, len(body)))
    return varint(len(body)) + crc.to_bytes(4, "big") + body


LABELS = field(1, field(1, b"a") + field(2, b"b"))


def scanned(stream: bytes) -> tuple[int, int, np.ndarray, np.ndarray]:
    body = np.frombuffer(stream, np.uint8)
    spans, chunks = np.zeros((len(body) // 24 + 1, 2), np.int64), np.zeros((len(body) // 24 + 1, 3), np.int64)
    found, parts = kernels.scan(body, spans, chunks)
    return found, parts, spans, chunks


def placed(stream: bytes, start_ms: int, step_ms: int, count: int, look_back_ms: int = 300_000, samples: int = 10**6) -> Any:
    """(how many samples or why not, values (n, t))."""
    found, parts, _, chunks = scanned(stream)
    if found < 0:
        return found, None
    bits = np.full((found, count), np.uint64(0x7FF8_0000_0000_0000))
    times, last = np.full(found, -(2**62), np.int64), np.full(found, np.uint64(0x7FF8_0000_0000_0000))
    rows, body = np.arange(found), np.frombuffer(stream, np.uint8)
    total = kernels.place(body, chunks[:parts], rows, start_ms, step_ms, look_back_ms, samples, bits, times, last)
    return total, bits.view(np.float64)


def test_the_checksum_is_castagnolis() -> None:
    assert kernels.crc32c(np.frombuffer(b"123456789", np.uint8), 0, 9) == 0xE3069283


@settings(max_examples=200, deadline=None)
@given(st.integers(-(2**40), 2**40), st.lists(st.tuples(STEPS, FLOATS), min_size=1, max_size=40))
def test_every_sample_comes_out_bit_by_bit_whatever_its_steps_and_values(first: int, moves: list[tuple[int, float]]) -> None:
    times = (first + np.cumsum([step for step, _ in moves])).tolist()
    samples = list(zip(times, [value for _, value in moves], strict=True))
    for time_ms, value in samples:
        count, values = placed(frame([(LABELS, [encoded(samples)])]), time_ms, 1, 1)
        assert count == len(samples)
        want = value if np.isfinite(value) else np.nan
        assert np.array_equal(values[0], [want], equal_nan=True)
        assert np.isnan(want) or np.signbit(values[0, 0]) == np.signbit(want)


def test_a_sample_holds_until_the_next_and_for_the_look_back_and_not_past_a_stale_marker() -> None:
    stale = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
    stream = frame([(LABELS, [encoded([(1000, 1.0), (2500, 2.0), (4000, stale)]), encoded([(9000, 5.0)])])])
    _, values = placed(stream, 0, 1000, 14, look_back_ms=3000)
    np.testing.assert_array_equal(values[0], [np.nan, 1, 1, 2, *[np.nan] * 5, 5, 5, 5, 5, np.nan])


def test_chunks_that_overlap_and_histograms_are_told_apart_from_damage() -> None:
    assert placed(frame([(LABELS, [encoded([(1000, 1.0)]), encoded([(1000, 2.0)])])]), 0, 1000, 3)[0] == kernels.OVERLAP
    assert scanned(frame([(LABELS, [b"x"])], encoding=2))[0] == kernels.HISTOGRAM
    assert placed(frame([(LABELS, [encoded([(i, 1.0) for i in range(1, 9)])])]), 0, 1, 5, samples=7)[0] == kernels.TOO_MANY


def test_a_frame_with_another_checksum_is_broken() -> None:
    stream = bytearray(frame([(LABELS, [encoded([(1000, 1.0)])])]))
    for at in range(len(stream)):
        damaged = bytes(stream[:at]) + bytes([stream[at] ^ 1]) + bytes(stream[at + 1 :])
        assert scanned(damaged)[0] < 0, at


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=60), st.integers(0, 2**16 - 1), st.data())
def test_no_bytes_bring_it_down(content: bytes, many: int, data: st.DataObject) -> None:
    good = encoded([(60_000 * i, float(i)) for i in range(1, 30)])
    at = data.draw(st.integers(0, len(good)))
    for chunk in (content, many.to_bytes(2, "big") + content, good[:at], good[:at] + content, content + good):
        count, _ = placed(frame([(LABELS, [chunk])]), 0, 60_000, 40)
        assert count >= 0 or count in (kernels.BROKEN, kernels.OVERLAP)
    assert scanned(content)[0] <= len(content)
