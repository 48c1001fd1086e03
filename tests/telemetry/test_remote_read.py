"""Streamed remote read: on a real Prometheus the same blocks as the query API; damaged and hostile streams are refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.telemetry import compiled, remote_read
from aiops.telemetry.fast_decode import Grid
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.telemetry.test_two_products import END, START, samples


SETTINGS = ["config", "flags", "buildinfo"]


@pytest.fixture(scope="module", autouse=True)
def _kernels(tmp_path_factory: pytest.TempPathFactory) -> None:
    if why := compiled.warm(tmp_path_factory.mktemp("kernels")):
        pytest.skip(why)


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("prom")
    om = ""
    rng = np.random.default_rng(3)
    courses = samples() | {"edge": edges()}
    for name, course in courses.items():
        om += f"# TYPE {name} gauge\n" + "".join(f'{name}{{instance="a"}} {v!r} {t}\n' for t, v in course)
    om += "# TYPE many gauge\n"
    for i in range(300):
        times = START + 60 * np.arange(121) + rng.integers(0, 9, 121)
        values = rng.normal(size=121).tolist()
        om += "".join(f'many{{instance="{i}"}} {v!r} {t}\n' for t, v in zip(times.tolist(), values, strict=True))
    servers.load(folder, om + "# EOF\n")
    with servers.prometheus(folder) as url:
        yield url


def edges() -> list[tuple[int, float]]:
    """Values that are hard to write down: every kind of change of value and of step."""
    odd = [float("inf"), float("nan"), 2**53 + 1.0, 5e-324]
    hard = [0.0, -0.0, 1e-300, 1e300, -1.5, 1.5, 1.5, *odd, 3.0, 0.1, 0.2, 0.30000000000000004]
    steps = [1, 2, 60, 61, 59, 300, 1, 400, 15, 15, 15, 90, 5, 200, 7]
    times = START + np.cumsum(steps * 3)
    return list(zip(times.tolist(), hard * 3, strict=True))


def both(url: str, query: str, start: int, end: int, step: int, **limits: Any) -> tuple[Any, Any, PrometheusSource]:
    quick, plain = (PrometheusSource("p", PrometheusParams(url=url), ReadLimits(**limits)) for _ in range(2))
    plain.query_api_only = True
    asked: list[str] = []
    original = quick._session.request

    def request(method: str, address: str, *args: Any, **options: Any) -> Any:
        asked.append(address)
        return original(method, address, *args, **options)

    quick._session.request = request  # type: ignore[method-assign]
    blocks = [one.fetch(query, start, end, step).block for one in (quick, plain)]
    assert [one.rpartition("/")[2] for one in asked] == SETTINGS + ["read"], "it was read in chunks, and nothing else was asked"
    return blocks[0], blocks[1], quick


@pytest.mark.parametrize("query", ["steady", "gap", "jitter", "slower", "ends", "edge", 'many{instance=~"1.*"}', "many"])
@pytest.mark.parametrize(("start", "end", "step"), [(0, 7200, 60), (1000 // 15 * 15, 6000, 15), (300, 9000, 60), (240, 3840, 60)])
def test_the_blocks_are_those_of_the_query_api(prometheus: str, query: str, start: int, end: int, step: int) -> None:
    quick, plain, _ = both(prometheus, query, START + start, START + end, step)
    order = {str(sorted(one.items())): i for i, one in enumerate(plain.labels)}
    assert len(quick.labels) == len(order)
    rows = [order[str(sorted(one.items()))] for one in quick.labels]
    assert quick.values.tobytes() == np.ascontiguousarray(plain.values[rows]).tobytes(), "bit by bit, gaps included"


def test_a_real_target_that_stops_ends_at_its_stale_marker(tmp_path: Path) -> None:
    with ExitStack() as stack:
        exporter = stack.enter_context(ExitStack())
        node = exporter.enter_context(servers.node_exporter())
        url = stack.enter_context(servers.prometheus(tmp_path, {"node": node}, interval_s=1))
        source = PrometheusSource("p", PrometheusParams(url=url), ReadLimits())
        limit = time.monotonic() + 30
        while not source.fetch("node_load1", (now := int(time.time())), now, 1).block.labels:
            assert time.monotonic() < limit, "nothing was scraped"
            time.sleep(0.3)
        time.sleep(3)
        exporter.close()
        while source.fetch("node_load1", (now := int(time.time())), now, 1).block.labels:
            assert time.monotonic() < limit, "the target stays"
            time.sleep(0.3)
        time.sleep(1.5)
        end = int(time.time())
        quick, plain, _ = both(url, "node_load1", end - 120, end, 1)
        assert np.isfinite(plain.values).any()
        assert np.isnan(plain.values[:, -1]).all(), "the stale marker ended it"
        np.testing.assert_array_equal(quick.values, plain.values)


def test_the_labels_are_the_same_object_while_the_series_stay(prometheus: str) -> None:
    one, _, source = both(prometheus, "many", START, START + 3600, 60)
    again = source.fetch("many", START + 60, START + 3660, 60).block
    assert again.labels is one.labels


def test_caps_are_kept(prometheus: str) -> None:
    caps = {"series": (5, "too_many_series"), "samples": (500, "too_many_points"), "decoded_bytes": (99, "too_many_bytes")}
    for name, (cap, kind) in caps.items():
        limits: dict[str, Any] = {name: cap}
        source = PrometheusSource("p", PrometheusParams(url=prometheus), ReadLimits(**limits))
        with pytest.raises(SourceError) as error:
            source.fetch("many", START, END, 60)
        assert error.value.kind == kind


def test_a_server_without_it_is_asked_once_and_then_left_with_the_query_api(tmp_path: Path) -> None:
    program, port = servers.binary("victoria-metrics", "victoria-metrics"), servers.free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path / 'vm'}"]
    with servers.started(command, f"http://127.0.0.1:{port}", "/health", tmp_path / "vm.log") as url:
        source = PrometheusSource("vm", PrometheusParams(url=url), ReadLimits())
        now = int(time.time()) // 60 * 60
        assert source.fetch("up", now - 7200, now, 60).block.labels == ()
        assert source._chunks._terms.why_not


@pytest.mark.parametrize(
    ("query", "step", "count", "chosen"),
    [
        ("up", 60, 100, True), ('{__name__="up",job!~"a|b"}', 60, 100, True), ("up", 60, 10, False), ("up", 300, 100, False),
        ("rate(up[5m])", 60, 100, False), ("up offset 5m", 60, 100, False), ("up > 0", 60, 100, False),
        ("up @ 5", 60, 100, False), ('up{a="1" or b="2"}', 60, 100, False),
    ],
)  # fmt: skip
def test_what_is_read_so(query: str, step: int, count: int, chosen: bool) -> None:
    assert (remote_read.worth(query, Grid(0, step, count)) is not None) is chosen
