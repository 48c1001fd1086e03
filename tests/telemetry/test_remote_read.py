"""Streamed remote read: on a real Prometheus the same blocks as the query API; damaged and hostile streams are refused."""

from __future__ import annotations

import shutil
import time
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from aiops.core import compiled
from aiops.core.errors import SourceError
from aiops.telemetry import plain_chunks, remote_read
from aiops.telemetry.decode import MAX_LABEL_BYTES, MAX_LABELS, BadAnswer
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.remote_wire import HEADERS, read_request, varint
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.telemetry.chunk_streams import LABELS, STALE, encoded, field, frame, framed, label, series
from tests.telemetry.kernels import loaded
from tests.telemetry.test_two_products import END, START, samples

SETTINGS = ["config", "flags", "buildinfo"]
LOOK_BACK_MS = 300_000
QUERIES = ["steady", "gap", "jitter", "slower", "ends", "edge", "rim", "odd", 'many{instance=~"1.*"}', "many"]
RANGES = [(0, 7200, 60), (1000 // 15 * 15, 6000, 15), (300, 9000, 60), (240, 3840, 60)]


@pytest.fixture(params=["plain", "kernels"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Each way in which chunks are read."""
    if request.param == "kernels":
        return loaded("telemetry.fast_chunks") or pytest.skip("no kernels here")
    monkeypatch.setattr(compiled, "module", lambda name, size: None)
    return plain_chunks


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The data of a server."""
    folder = tmp_path_factory.mktemp("prom")
    om = ""
    rng = np.random.default_rng(3)
    for name, course in (samples() | {"edge": edges(), "rim": rims()}).items():
        om += f"# TYPE {name} gauge\n" + "".join(f'{name}{{instance="a"}} {v!r} {t}\n' for t, v in course)
    om += "# TYPE odd gauge\n"
    for kind, values in {"nan": [np.nan], "inf": [np.inf], "late": [np.nan, np.nan, 1.0], "number": [2.0]}.items():
        om += "".join(f'odd{{kind="{kind}"}} {values[min(i // 20, len(values) - 1)]} {START + 60 * i}\n' for i in range(80))
    om += "# TYPE many gauge\n"
    for i in range(300):
        times = START + 60 * np.arange(121) + rng.integers(0, 9, 121)
        values = rng.normal(size=121).tolist()
        om += "".join(f'many{{instance="{i}"}} {v!r} {t}\n' for t, v in zip(times.tolist(), values, strict=True))
    servers.load(folder, om + "# EOF\n")
    return folder


@pytest.fixture(scope="module")
def prometheus(folder: Path) -> Iterator[str]:
    with servers.prometheus(folder) as url:
        yield url


@pytest.fixture(scope="module")
def short_look_back(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    other = tmp_path_factory.mktemp("short")
    shutil.copytree(folder / "tsdb", other / "tsdb", ignore=shutil.ignore_patterns("lock", "wal"))
    with servers.prometheus(other, flags=["--query.lookback-delta=2m"]) as url:
        yield url


@pytest.fixture(scope="module")
def labelled(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    other = tmp_path_factory.mktemp("labelled")
    shutil.copytree(folder / "tsdb", other / "tsdb", ignore=shutil.ignore_patterns("lock", "wal"))
    with servers.prometheus(other, external_labels={"site": "here", "instance": "of the server"}) as url:
        yield url


def edges() -> list[tuple[float, float]]:
    """Values that are hard to write down: every kind of change of value and of step."""
    odd = [float("inf"), float("nan"), 2**53 + 1.0, 5e-324]
    hard = [0.0, -0.0, 1e-300, 1e300, -1.5, 1.5, 1.5, *odd, 3.0, 0.1, 0.2, 0.30000000000000004]
    steps = [1, 2, 60, 61, 59, 300, 1, 400, 15, 15, 15, 90, 5, 200, 7]
    times = START + np.cumsum(steps * 3)
    return list(zip(times.tolist(), hard * 3, strict=True))


def rims() -> list[tuple[float, float]]:
    """Samples that are as old at some instant as a look-back, a thousandth of a second more, or less."""
    offsets = [look_back + ms for look_back in (120_000, 300_000) for ms in (-1, 0, 1)]
    return [(START + 600 * (i + 1) - ms / 1000, float(i)) for i, ms in enumerate(offsets)]


def source(url: str, **limits: Any) -> PrometheusSource:
    return PrometheusSource("p", PrometheusParams(url=url), ReadLimits(**limits))


def both(url: str, query: str, start: int, end: int, step: int) -> tuple[Any, Any, PrometheusSource, list[str]]:
    """What chunks and the query API give, and what was asked for the former."""
    quick, plain = source(url), source(url)
    plain.query_api_only = True
    asked: list[str] = []
    original = quick._session.request

    def request(method: str, url: str, *args: Any, **options: Any) -> Any:
        asked.append(url.rpartition("/")[2])
        return original(method, url, *args, **options)

    quick._session.request = request  # type: ignore[method-assign]
    blocks = [one.fetch(query, start, end, step).block for one in (quick, plain)]
    return blocks[0], blocks[1], quick, asked


def are_equal(quick: Any, plain: Any) -> None:
    order = {str(sorted(one.items())): i for i, one in enumerate(plain.labels)}
    assert len(quick.labels) == len(order)
    rows = [order[str(sorted(one.items()))] for one in quick.labels]
    assert quick.values.tobytes() == np.ascontiguousarray(plain.values[rows]).tobytes(), "bit by bit, gaps included"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("start", "end", "step"), RANGES)
def test_the_blocks_are_those_of_the_query_api(prometheus: str, way: Any, query: str, start: int, end: int, step: int) -> None:
    quick, plain, _, asked = both(prometheus, query, START + start, START + end, step)
    assert asked == [*SETTINGS, "read"], "it was read in chunks, and nothing else was asked"
    are_equal(quick, plain)


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize(("start", "end", "step"), RANGES)
def test_the_look_back_is_the_servers_own(short_look_back: str, way: Any, query: str, start: int, end: int, step: int) -> None:
    quick, plain, _, asked = both(short_look_back, query, START + start, START + end, step)
    assert asked == [*SETTINGS, "read"]
    are_equal(quick, plain)


def test_the_look_back_makes_a_difference_here(prometheus: str, short_look_back: str) -> None:
    several = [source(url).fetch("rim", START, END, 15).block.values for url in (prometheus, short_look_back)]
    longer, shorter = (np.isfinite(one).sum() for one in several)
    assert longer > 2 * shorter > 0


@pytest.mark.parametrize("query", QUERIES)
def test_series_have_no_labels_of_the_server(labelled: str, way: Any, query: str) -> None:
    """Remote read would put them on, the query API does not."""
    quick, plain, _, asked = both(labelled, query, START, START + 7200, 60)
    assert asked == ["config", "query_range"]
    assert not any("site" in one for one in quick.labels)
    are_equal(quick, plain)


def test_read_in_chunks_they_would_have_them(labelled: str, way: Any) -> None:
    matchers = remote_read.selector("steady")
    assert matchers is not None
    grid, memory = Grid(START, 60, 100), remote_read.Memory()
    labels, _, _ = remote_read.read(lambda it: streamed(labelled, it), matchers, memory, grid, LOOK_BACK_MS, ReadLimits())
    assert labels == ({"instance": "a", "site": "here"},)


def streamed(url: str, request: bytes) -> bytes:
    answer = requests.post(f"{url}/api/v1/read", data=request, headers=HEADERS, timeout=30)
    assert answer.status_code == 200
    return answer.content


def test_series_of_no_finite_value_have_their_rows(prometheus: str, way: Any) -> None:
    quick, plain, _, _ = both(prometheus, "odd", START, START + 3600, 60)
    assert {one["kind"] for one in quick.labels} == {one["kind"] for one in plain.labels} == {"nan", "inf", "late", "number"}
    quick, _, _, _ = both(prometheus, "odd", START + 6000, START + 10_000, 60)
    assert quick.labels == (), "all have ended"


def test_a_real_target_that_stops_ends_at_its_stale_marker(tmp_path: Path) -> None:
    with ExitStack() as stack:
        exporter = stack.enter_context(ExitStack())
        node = exporter.enter_context(servers.node_exporter())
        url = stack.enter_context(servers.prometheus(tmp_path, {"node": node}, interval_s=1))
        one = source(url)
        limit = time.monotonic() + 30
        while not one.fetch("node_load1", (now := int(time.time())), now, 1).block.labels:
            assert time.monotonic() < limit, "nothing was scraped"
            time.sleep(0.3)
        time.sleep(3)
        exporter.close()
        while one.fetch("node_load1", (now := int(time.time())), now, 1).block.labels:
            assert time.monotonic() < limit, "the target stays"
            time.sleep(0.3)
        time.sleep(1.5)
        end = int(time.time())
        quick, plain, _, asked = both(url, "node_load1", end - 120, end, 1)
        assert asked == [*SETTINGS, "read"]
        assert np.isfinite(plain.values).any()
        assert np.isnan(plain.values[:, -1]).all(), "the stale marker ended it"
        np.testing.assert_array_equal(quick.values, plain.values)


def test_the_labels_are_the_same_object_while_the_series_stay(prometheus: str, way: Any) -> None:
    one, _, quick, _ = both(prometheus, "many", START, START + 3600, 60)
    again = quick.fetch("many", START + 60, START + 3660, 60).block
    assert again.labels is one.labels


def test_caps_are_kept(prometheus: str) -> None:
    caps = {"series": (5, "too_many_series"), "samples": (500, "too_many_points"), "decoded_bytes": (99, "too_many_bytes")}
    for name, (cap, kind) in caps.items():
        limits: dict[str, Any] = {name: cap}
        with pytest.raises(SourceError) as error:
            source(prometheus, **limits).fetch("many", START, END, 60)
        assert error.value.kind == kind


def test_a_server_without_it_is_asked_once_and_then_left_with_the_query_api(tmp_path: Path) -> None:
    program, port = servers.binary("victoria-metrics", "victoria-metrics"), servers.free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path / 'vm'}"]
    with servers.started(command, f"http://127.0.0.1:{port}", "/health", tmp_path / "vm.log") as url:
        one = source(url)
        now = int(time.time()) // 60 * 60
        assert one.fetch("up", now - 7200, now, 60).block.labels == ()
        assert one._chunks._terms.why_not


@pytest.mark.parametrize(
    ("query", "step", "count", "chosen"),
    [
        ("up", 60, 100, True), ('{__name__="up",job!~"a|b"}', 60, 100, True), ("up", 60, 10, False), ("up", 300, 100, False),
        ("rate(up[5m])", 60, 100, False), ("up offset 5m", 60, 100, False), ("up > 0", 60, 100, False),
        ("up @ 5", 60, 100, False), ('up{a="1" or b="2"}', 60, 100, False), ("up{", 60, 100, False), ("", 60, 100, False),
        ("(" * 5000, 60, 100, False),
    ],
)  # fmt: skip
def test_what_is_read_so(query: str, step: int, count: int, chosen: bool) -> None:
    assert (remote_read.worth(query, Grid(0, step, count)) is not None) is chosen


GRID = Grid(0, 60, 40)
CHUNK = encoded([(60_000 * i, float(i)) for i in range(40)])


def read(stream: bytes, **limits: Any) -> Any:
    """(labels, values, notes) of a stream."""
    return remote_read.read(
        lambda request: stream, (("a", "=", "b"),), remote_read.Memory(), GRID, LOOK_BACK_MS, ReadLimits(**limits)
    )


def test_series_of_too_many_or_too_long_labels_are_left_out_as_the_query_api_leaves_them_out(way: Any) -> None:
    many = b"".join(label(b"l%d" % i, b"x") for i in range(MAX_LABELS + 1))
    long, huge = label(b"l", b"x" * MAX_LABEL_BYTES), label(b"l", b"x" * 10 * MAX_LABEL_BYTES)
    labels, values, notes = read(frame([(one, [CHUNK]) for one in (many, long, LABELS, huge)]))
    assert labels == ({"a": "b"},)
    assert values.tolist() == [list(range(40))]
    assert [note.partition(":")[0] for note in notes] == ["3 series left out"]


def test_two_metrics_of_the_same_labels_are_refused(way: Any) -> None:
    both_of = [(label(b"__name__", name) + LABELS, [CHUNK]) for name in (b"x", b"y")]
    with pytest.raises(BadAnswer, match="several metrics") as error:
        read(frame(both_of))
    assert error.value.kind == "bad_query"


BAD_LABELS = {
    "no UTF-8": label(b"a", b"\xff"), "a name that is no UTF-8": label(b"\xc0", b"a"), "a name twice": LABELS + LABELS,
    "a length of many bytes": b"\x0a" + b"\x80" * 30 + b"\x01", "a field too long": field(1, b"\x0a\x7fa"),
    "a length beyond everything": field(1, b"\x0a" + varint(2**63 - 1) + b"a"), "no end": field(1, b"\x0a"),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD_LABELS)
def test_labels_that_are_none_are_bad_data(way: Any, what: str) -> None:
    with pytest.raises(BadAnswer) as error:
        read(frame([(BAD_LABELS[what], [CHUNK])]))
    assert error.value.kind == "bad_data"


def frames_of(stream: bytes) -> list[bytes]:
    """What the frames of a stream hold."""
    found, whole = plain_chunks._frames(stream, len(stream))
    assert whole
    return [stream[begin:end] for begin, end, _ in found]


@pytest.fixture(scope="module")
def real(prometheus: str) -> list[bytes]:
    """Frames that a real server sent."""
    request = read_request([("__name__", "=~", "edge|gap|odd|many"), ("instance", "=~", "a|1.|")], START * 1000, END * 1000)
    found = frames_of(streamed(prometheus, request))
    assert len(found) > 10
    return found


HOSTILE = [
    b"", b"\x00", b"\xff", b"\xff" * 11, b"\x80" * 11, *map(varint, (127, 2**31, 2**62, 2**63 - 1, 2**63, 2**64 - 1)),
    b"\x18\x02", b"\x18\x04", b"\xff\xff", b"\xc3(", LABELS, series(LABELS, [CHUNK]), series(LABELS, [CHUNK[:-3]]),
    encoded([(9, 1.0), (10, STALE)]),
]  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(data=st.data())
def test_whatever_is_done_to_real_frames_is_read_or_refused_by_name(real: list[bytes], data: st.DataObject) -> None:
    """Bytes changed, cut out and put in, frames twice, out of order and cut off; checksums made anew, or not."""
    picked = [bytearray(real[i]) for i in data.draw(st.lists(st.integers(0, len(real) - 1), min_size=1, max_size=4))]
    for _ in range(data.draw(st.integers(1, 4))):
        one = picked[data.draw(st.integers(0, len(picked) - 1))]
        at = data.draw(st.integers(0, len(one))) if data.draw(st.booleans()) else data.draw(st.integers(0, min(60, len(one))))
        one[at : at + data.draw(st.integers(0, 3))] = data.draw(st.one_of(st.sampled_from(HOSTILE), st.binary(max_size=4)))
    stream = b"".join(framed(bytes(one)) for one in picked)
    if data.draw(st.integers(0, 9)) == 0:
        stream = stream[: data.draw(st.integers(0, len(stream)))] + data.draw(st.sampled_from(HOSTILE))
    grid, limits = Grid(START, 60, 120), ReadLimits(series=data.draw(st.sampled_from([1, 1000])), samples=50_000)
    outcomes = []
    for kernels in (loaded("telemetry.fast_chunks"), None):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(compiled, "module", lambda name, size, kernels=kernels: kernels)
            memory = remote_read.Memory()
            try:
                found = remote_read.read(lambda _: stream, (("a", "=", "b"),), memory, grid, LOOK_BACK_MS, limits)
                outcomes.append((found[0], found[1].tobytes(), found[2]))
            except (BadAnswer, remote_read.Aside) as e:
                outcomes.append((type(e), str(e)))
    assert outcomes[0] == outcomes[1], "both ways say the same"


TINY = b"".join(field(1, b"\x0a\x05%05x\x12\x00" % i) for i in range(300_000))
BOMBS = {
    "frames of nothing": framed(b"") * 400_000,
    "labels without end": frame([(TINY, [CHUNK])]),
    "one length of endless bytes": b"\x80" * 2_000_000,
    "one label of endless length": framed(field(1, b"\x0a" + b"\x80" * 2_000_000)),
    "series of nothing": framed(b"\x0a\x00" * 1_000_000),
    "chunks of nothing": frame([(LABELS, [b""] * 200_000)]),
    "chunks that promise more than they hold": frame([(LABELS, [b"\x0f\xff\x00" + bytes(8)] * 100_000)]),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_the_memory_that_a_hostile_stream_takes_is_bounded_by_its_bytes(way: Any, bomb: str) -> None:
    stream = BOMBS[bomb]
    remote_read.selector("up")
    tracemalloc.start()
    try:
        with suppress(BadAnswer, remote_read.Aside):
            assert read(stream)[0] == (), "what is too much is left out"
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 12 * len(stream) + (96 << 20)
