"""The bytes of a remote-write request: series with one sample each, as protobuf in a snappy block without compression.

WriteRequest: timeseries = 1. TimeSeries: labels = 1, samples = 2. Label: name = 1, value = 2. Sample: value = 1 (double),
timestamp = 2 (milliseconds).

Source: Prometheus, prompb/remote.proto and prompb/types.proto; Prometheus Remote-Write 1.0, which asks for labels in their order.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from aiops.core.labels import Labels
from aiops.telemetry.remote_wire import snappy, varint

HEADERS = {
    "Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0",
}  # fmt: skip


def series(name: str, labels: Labels) -> bytes:
    """The labels of a series called `name`, encoded; an empty label is left out.

    >>> series("up", {"job": "a"}).hex()
    '0a0e0a085f5f6e616d655f5f120275700a080a036a6f62120161'
    """
    whole = sorted({**labels, "__name__": name}.items())
    return b"".join(_field(1, _text(1, key) + _text(2, value)) for key, value in whole if value)


def write_request(samples: Iterable[tuple[bytes, float, int]]) -> bytes:
    """A request of (encoded labels, value, epoch milliseconds); a series comes once."""
    return snappy(b"".join(_field(1, labels + _field(2, _sample(value, at_ms))) for labels, value, at_ms in samples))


def _sample(value: float, at_ms: int) -> bytes:
    return b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at_ms)


def _text(number: int, text: str) -> bytes:
    return _field(number, text.encode("utf-8", "replace"))


def _field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content
