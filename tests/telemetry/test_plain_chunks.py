"""Chunks onto the grid, the plain way and by kernels, against an encoder of their own and every kind of damage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.telemetry import plain_chunks
from aiops.telemetry.plain_chunks import BROKEN, HISTOGRAM, LONGEST, OTHER, OVERLAP, TOO_MANY
from aiops.telemetry.remote_wire import varint
from tests.telemetry.chunk_streams import LABELS, STALE, encoded, field, frame, framed, placed, scanned, series
from tests.telemetry.kernels import loaded

FLOATS = st.one_of(st.floats(width=64), st.sampled_from([0.0, 1.0, 1.5, float("inf"), float("nan")]))
STEPS = st.one_of(st.integers(1, 10), st.integers(1, 40_000), st.integers(1, 2**22), st.integers(1, 2**40))
HUGE = [*map(varint, (2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**64 - 60, 2**64 - 1)), b"\xff" * 10 + b"\x01", b"\x80" * 40]


@pytest.fixture(scope="module", params=["plain", "kernels"])
def way(request: pytest.FixtureRequest) -> Any:
    return (plain_chunks if request.param == "plain" else loaded("telemetry.fast_chunks")) or pytest.skip("no kernels here")


def test_the_checksum_is_castagnolis(way: Any) -> None:
    assert way.crc32c(np.frombuffer(b"123456789", np.uint8), 0, 9) == 0xE3069283


@settings(max_examples=60, deadline=None)
@given(first=st.integers(-(2**40), 2**40), moves=st.lists(st.tuples(STEPS, FLOATS), min_size=1, max_size=40))
def test_every_sample_comes_out_bit_by_bit_whatever_its_steps_and_values(
    way: Any, first: int, moves: list[tuple[int, float]]
) -> None:
    times = (first + np.cumsum([step for step, _ in moves])).tolist()
    samples = list(zip(times, [value for _, value in moves], strict=True))
    stream = frame([(LABELS, [encoded(samples)])])
    for time_ms, value in samples[::4] + samples[-1:]:
        count, values, held = placed(way, stream, time_ms, 1, 1)
        assert (count, held.all()) == (len(samples), np.float64(value).view(np.uint64) != plain_chunks.STALE)
        want = value if np.isfinite(value) else np.nan
        assert np.array_equal(values[0], [want], equal_nan=True)
        assert np.isnan(want) or np.signbit(values[0, 0]) == np.signbit(want)


def test_a_sample_holds_until_the_next_and_for_the_look_back_and_not_past_a_stale_marker(way: Any) -> None:
    stream = frame([(LABELS, [encoded([(1000, 1.0), (2500, 2.0), (4000, STALE)]), encoded([(9000, 5.0)])])])
    _, values, _ = placed(way, stream, 0, 1000, 14, look_back_ms=3000)
    np.testing.assert_array_equal(values[0], [np.nan, 1, 1, 2, *[np.nan] * 5, 5, 5, 5, 5, np.nan])
    _, values, _ = placed(way, stream, 0, 1000, 14, look_back_ms=2999)
    np.testing.assert_array_equal(values[0], [np.nan, 1, 1, 2, *[np.nan] * 5, 5, 5, 5, np.nan, np.nan])


@pytest.mark.parametrize(("value", "there"), [(float("nan"), True), (float("inf"), True), (1.0, True), (STALE, False)])
def test_a_row_holds_something_when_a_sample_stands_there_that_says_not_that_the_series_ended(
    way: Any, value: float, there: bool
) -> None:
    stream = frame([(LABELS, [encoded([(1000, value)])])])
    assert [placed(way, stream, start, 1000, 3)[2][0] for start in (0, 5000, 302_000)] == [there, there, False]


def test_what_cannot_be_placed_is_told_apart_from_damage(way: Any) -> None:
    one = encoded([(1000, 1.0)])
    assert placed(way, frame([(LABELS, [one, encoded([(1000, 2.0)])])]), 0, 1000, 3)[0] == OVERLAP
    assert placed(way, frame([(LABELS, [one]), (LABELS, [one])]), 0, 1000, 3, rows=np.array([0, 0]))[0] == OVERLAP
    assert [scanned(way, frame([(LABELS, [b"x"])], encoding=e))[0] for e in (0, 2, 3, 4)] == [OTHER, HISTOGRAM, HISTOGRAM, OTHER]
    eight = frame([(LABELS, [encoded([(i, 1.0) for i in range(1, 9)])])])
    assert [placed(way, eight, 0, 1, 5, samples=most)[0] for most in (7, 8)] == [TOO_MANY, 8]
    long = [encoded([(i, 1.0) for i in range(n)]) for n in (LONGEST, LONGEST + 1)]
    assert [placed(way, frame([(LABELS, [one])]), 0, 1, 5)[0] for one in long] == [LONGEST, OVERLAP]


def test_parts_of_a_series_in_several_frames_and_of_several_series_by_turns_go_on(way: Any) -> None:
    parts = [encoded([(1000 * (3 * i + k), float(3 * i + k)) for k in range(3)]) for i in range(4)]
    stream = b"".join(frame([(LABELS, [one]), (LABELS, [one])]) for one in parts)
    count, values, _ = placed(way, stream, 0, 1000, 12, rows=np.array([0, 1] * 4))
    assert count == 24
    np.testing.assert_array_equal(values, [np.arange(12.0)] * 2)


def test_a_frame_with_another_checksum_is_broken(way: Any) -> None:
    stream = bytearray(frame([(LABELS, [encoded([(1000, 1.0)])])]))
    for at in range(len(stream)):
        damaged = bytes(stream[:at]) + bytes([stream[at] ^ 1]) + bytes(stream[at + 1 :])
        assert scanned(way, damaged)[0] < 0, at


@pytest.mark.parametrize("huge", HUGE, ids=bytes.hex)
def test_a_length_beyond_everything_is_broken_wherever_it_stands(way: Any, huge: bytes) -> None:
    chunk = encoded([(1000, 1.0)])
    inside = [
        b"\x0a" + huge + LABELS,
        field(1, b"\x0a" + huge + LABELS),
        field(1, LABELS + b"\x12" + huge + chunk),
        field(1, LABELS + field(2, b"\x18\x01\x22" + huge + chunk)),
    ]
    streams = [huge + bytes(4) + b"tail", huge + frame([])[1:], *map(framed, inside)]
    assert [scanned(way, stream)[0] for stream in streams] == [BROKEN] * len(streams)
    assert scanned(way, frame([(LABELS, [chunk])]) + huge)[0] == BROKEN


def test_frames_of_nothing_without_end_are_broken(way: Any) -> None:
    assert scanned(way, framed(b"") * 100)[0] == BROKEN


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60), many=st.integers(0, 2**16 - 1), data=st.data())
def test_no_bytes_bring_it_down(way: Any, content: bytes, many: int, data: st.DataObject) -> None:
    good = encoded([(60_000 * i, float(i)) for i in range(1, 30)])
    at = data.draw(st.integers(0, len(good)))
    for chunk in (content, many.to_bytes(2, "big") + content, good[:at], good[:at] + content, content + good):
        count, _, _ = placed(way, frame([(LABELS, [chunk])]), 0, 60_000, 40)
        assert count >= 0 or count in (BROKEN, OVERLAP)
    assert scanned(way, content)[0] <= len(content)
    assert scanned(way, framed(series(LABELS, [good])[:at] + content))[0] <= 2
