"""Streams of chunks as a server writes them, and as no server should."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np

from aiops.telemetry import plain_chunks
from aiops.telemetry.remote_wire import varint

STALE = struct.unpack(">d", bytes.fromhex("7ff0000000000002"))[0]
NAN = np.uint64(0x7FF8_0000_0000_0000)


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


def label(name: bytes, value: bytes) -> bytes:
    """One label of a series."""
    return field(1, field(1, name) + field(2, value))


LABELS = label(b"a", b"b")


def series(labels: bytes, chunks: list[bytes], encoding: int = 1) -> bytes:
    """A series in a frame."""
    return field(1, labels + b"".join(field(2, b"\x08\x00\x10\x00\x18" + bytes([encoding]) + field(4, one)) for one in chunks))


def framed(content: bytes) -> bytes:
    """A frame with a checksum that is right, whatever it holds."""
    crc = plain_chunks.crc32c(np.frombuffer(content, np.uint8), 0, len(content))
    return varint(len(content)) + crc.to_bytes(4, "big") + content


def frame(several: list[tuple[bytes, list[bytes]]], encoding: int = 1) -> bytes:
    """One frame of a stream."""
    return framed(b"".join(series(labels, chunks, encoding) for labels, chunks in several))


def scanned(way: Any, stream: bytes) -> tuple[int, int, np.ndarray, np.ndarray]:
    """(series or why not, chunks, spans, places of chunks), found by a module of kernels or the plain one."""
    body = np.frombuffer(stream, np.uint8)
    spans, chunks = np.zeros((len(body) // 24 + 1, 2), np.int64), np.zeros((len(body) // 24 + 1, 3), np.int64)
    found, parts = way.scan(body, spans, chunks)
    return found, parts, spans, chunks


def placed(
    way: Any, stream: bytes, start_ms: int, step_ms: int, count: int, look_back_ms: int = 300_000, samples: int = 10**6,
    rows: np.ndarray | None = None,
) -> Any:  # fmt: skip
    """(how many samples or why not, values (n, t), which rows hold something)."""
    found, parts, _, chunks = scanned(way, stream)
    if found < 0:
        return found, None, None
    rows = np.arange(found) if rows is None else rows[:found]
    n = int(rows.max(initial=-1)) + 1
    bits, held = np.full((n, count), NAN), np.zeros(n, bool)
    times, last = np.full(n, -(2**62), np.int64), np.full(n, plain_chunks.STALE)
    body = np.frombuffer(stream, np.uint8)
    total = way.place(body, chunks[:parts], rows, start_ms, step_ms, look_back_ms, samples, bits, held, times, last)
    return total, bits.view(np.float64), held
