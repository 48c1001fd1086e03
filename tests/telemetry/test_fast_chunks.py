"""Kernels and the plain way give the same of every stream, sound or damaged, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.telemetry import plain_chunks
from aiops.telemetry.remote_wire import varint
from tests.telemetry.chunk_streams import LABELS, STALE, encoded, frame, framed, placed, scanned, series
from tests.telemetry.kernels import loaded

HARD = [0.0, -0.0, 5e-324, 1e300, 0.1, 1.0, 2.0, float("inf"), float("nan"), STALE]
VALUES = st.one_of(st.floats(width=64), st.sampled_from(HARD), st.integers(-5, 5).map(float))
STEPS = st.one_of(st.just(60_000), st.integers(1, 70_000), st.integers(1, 2**22))
ODD_STEPS = st.one_of(STEPS, st.integers(-3, 2**45), st.integers(-(2**62), 2**62))
RUN, ODD_RUN = (st.lists(st.tuples(steps, VALUES), max_size=12) for steps in (STEPS, ODD_STEPS))
EVENTS = st.one_of(
    st.just(b""), st.binary(max_size=12), st.integers(0, 2**64 - 1).map(varint),
    st.sampled_from([b"\xff" * 12, b"\x80" * 12, varint(2**63 - 1), b"\x00\x00", b"\x18\x02", b"\x18\x04"]),
)  # fmt: skip


@pytest.fixture(scope="module")
def kernels() -> Any:
    return loaded("telemetry.fast_chunks") or pytest.skip("no kernels here")


@st.composite
def streams(draw: st.DrawFn) -> bytes:
    """Frames of several series and chunks; often with some bytes changed before the checksum is made, or after."""
    out, time_ms, runs = b"", draw(st.integers(-(2**20), 2**20)), draw(st.sampled_from([RUN, RUN, RUN, ODD_RUN]))
    for _ in range(draw(st.integers(1, 3))):
        content = b""
        for _ in range(draw(st.integers(1, 3))):
            chunks = []
            for run in draw(st.lists(runs, min_size=1, max_size=3)):
                samples = []
                for step, value in run:
                    time_ms = (time_ms + step + 2**63) % 2**64 - 2**63
                    samples.append((time_ms, value))
                chunks.append(wrapped(samples))
            content += series(LABELS, chunks)
        out += framed(changed(draw, content))
    return changed(draw, out) if draw(st.integers(0, 9)) == 0 else out


def wrapped(samples: list[tuple[int, float]]) -> bytes:
    """A chunk, of which the second step is written as what an int64 makes of it."""
    if len(samples) > 1 and samples[1][0] < samples[0][0]:
        samples = samples[:1]
    return encoded(samples) if samples else b"\0\0"


def changed(draw: st.DrawFn, content: bytes) -> bytes:
    for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 1, 3]))):
        at = draw(st.integers(0, len(content)))
        content = content[:at] + draw(EVENTS) + content[at + draw(st.integers(0, 4)) :]
    return content


GRIDS = st.sampled_from([(0, 60_000, 30), (-(2**20), 1, 50), (1000, 15_000, 90)])


@settings(max_examples=200, deadline=None)
@given(streams(), GRIDS, st.integers(0, 400_000), st.data())
def test_kernels_and_the_plain_way_give_the_same_of_every_stream(
    kernels: Any, stream: bytes, grid: tuple[int, int, int], look_back_ms: int, data: st.DataObject
) -> None:
    agree(kernels, stream, grid, look_back_ms, data)


@pytest.mark.long
@settings(max_examples=6000, deadline=None)
@given(streams(), GRIDS, st.integers(0, 400_000), st.data())
def test_kernels_and_the_plain_way_give_the_same_of_many_more_streams(
    kernels: Any, stream: bytes, grid: tuple[int, int, int], look_back_ms: int, data: st.DataObject
) -> None:
    agree(kernels, stream, grid, look_back_ms, data)


def agree(kernels: Any, stream: bytes, grid: tuple[int, int, int], look_back_ms: int, data: st.DataObject) -> None:
    fast, plain = scanned(kernels, stream), scanned(plain_chunks, stream)
    assert fast[:2] == plain[:2]
    if fast[0] < 0:
        return
    np.testing.assert_array_equal(fast[2][: fast[0]], plain[2][: fast[0]])
    np.testing.assert_array_equal(fast[3][: fast[1]], plain[3][: fast[1]])
    most, rows = data.draw(st.sampled_from([5, 10**6])), np.arange(max(fast[0], 1)) % data.draw(st.integers(1, 4))
    one, other = (placed(way, stream, *grid, look_back_ms, most, rows) for way in (kernels, plain_chunks))
    assert one[0] == other[0]
    if one[0] >= 0:
        assert one[1].tobytes() == other[1].tobytes()
        np.testing.assert_array_equal(one[2], other[2])


def test_they_give_the_same_of_many_series_in_several_batches(kernels: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_chunks, "AT_ONCE", 500)
    rng = np.random.default_rng(5)
    several = []
    for i in range(60):
        times = 60_000 * np.arange(240) + rng.integers(0, 30_000, 240)
        values = rng.normal(size=240).round(i % 20)
        values[rng.random(240) < 0.1] = np.nan
        samples = list(zip(times.tolist(), values.tolist(), strict=True))
        several.append((LABELS, [encoded(samples[k : k + 60]) for k in range(0, 240, 60)]))
    stream = b"".join(frame([one]) for one in several)
    for step_ms in (1000, 15_000, 60_000, 3_600_000):
        one, other = (placed(way, stream, 120_000, step_ms, 240) for way in (kernels, plain_chunks))
        assert one[0] == other[0] == 60 * 240
        assert one[1].tobytes() == other[1].tobytes()


@pytest.mark.parametrize("size", [*range(70), 127, 128, 4096, 4100, 70_000, 2**20 - 4])
def test_they_give_the_same_checksum_of_every_length(kernels: Any, size: int) -> None:
    body = np.frombuffer(np.random.default_rng(size).bytes(size + 5), np.uint8)
    assert kernels.crc32c(body, 2, size + 2) == plain_chunks.crc32c(body, 2, size + 2)
