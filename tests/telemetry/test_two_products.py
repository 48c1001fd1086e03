"""The same samples in a real Prometheus and in a real VictoriaMetrics are the same blocks."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator

import numpy as np
import pytest

from aiops.core.records import Block
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers

START = 1_790_000_000 // 3600 * 3600
END = START + 2 * 3600


def samples() -> dict[str, list[tuple[float, float]]]:
    """Courses with gaps, other intervals, and an end of their own, counters with restarts: name to (seconds, value)."""
    rng = np.random.default_rng(11)
    minutes, quarters = np.arange(START, END + 1, 60), np.arange(START, END + 1, 15)
    noise = np.round(rng.normal(0.5, 0.1, len(minutes)), 6)
    broken = (minutes < START + 1800) | (minutes > START + 4200)
    jittered = minutes + rng.integers(0, 20, len(minutes))
    slower = np.concatenate([quarters[quarters < START + 3600], minutes[minutes >= START + 3600]])
    counted = minutes[rng.random(len(minutes)) > 0.25] * 1000 + rng.integers(0, 12_000, 1)[0]
    pieces = quarters[(quarters < START + 2400) | (quarters > START + 3300)] * 1000 + 7
    rising = np.cumsum(rng.poisson(4, len(pieces))).astype(float)
    for restart in (100, 260):
        rising[restart:] -= rising[restart - 1]
    slow = np.cumsum(rng.poisson(0.05, len(counted))).astype(float)
    return {
        "seldom": [(t / 1000, v) for t, v in zip(counted.tolist(), slow.tolist(), strict=True)],
        "counter": [(t / 1000, v) for t, v in zip(pieces.tolist(), rising.tolist(), strict=True)],
        "steady": list(zip(minutes.tolist(), noise.tolist(), strict=True)),
        "gap": list(zip(minutes[broken].tolist(), noise[broken].tolist(), strict=True)),
        "jitter": list(zip(jittered.tolist(), noise.tolist(), strict=True)),
        "slower": [(int(t), float(np.round(np.sin(t / 500), 6))) for t in slower],
        "ends": list(zip(minutes[:60].tolist(), noise[:60].tolist(), strict=True)),
    }


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[PrometheusSource, PrometheusSource]]:
    folder = tmp_path_factory.mktemp("pair")
    courses = samples()
    om = ""
    for name, course in courses.items():
        om += f"# TYPE {name} gauge\n" + "".join(f'{name}{{instance="a"}} {v!r} {t}\n' for t, v in course)
    servers.load(folder / "prom", om + "# EOF\n")
    program, port = servers.binary("victoria-metrics", "victoria-metrics"), servers.free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder / 'vm'}", "-retentionPeriod=1200"]
    with (
        servers.prometheus(folder / "prom") as prom,
        servers.started(command, f"http://127.0.0.1:{port}", "/health", folder / "vm.log") as vm,
    ):
        lines = "".join(f'{n}{{instance="a"}} {v!r} {round(t * 1000)}\n' for n, course in courses.items() for t, v in course)
        servers.post(f"{vm}/api/v1/import/prometheus", lines.encode())
        urllib.request.urlopen(f"{vm}/internal/force_flush", timeout=10).close()
        params = [{"url": prom}, {"url": vm, "windows": "prometheus"}]
        sources = [PrometheusSource(p["url"], PrometheusParams.model_validate(p), ReadLimits()) for p in params]
        yield sources[0], sources[1]
        for one in sources:
            one.close()


def same(a: Block, b: Block) -> None:
    assert a.labels == b.labels
    np.testing.assert_array_equal(a.time_s, b.time_s)
    np.testing.assert_allclose(a.values, b.values, rtol=1e-12, equal_nan=True)


@pytest.mark.parametrize("name", ["steady", "gap", "jitter", "slower", "ends"])
@pytest.mark.parametrize("step", [15, 60, 300])
def test_ranges_are_the_same_up_to_the_tail_after_the_last_sample(
    pair: tuple[PrometheusSource, PrometheusSource], name: str, step: int
) -> None:
    a, b = (one.fetch(name, START + 300, END, step).block for one in pair)
    assert np.isfinite(a.values).any()
    same(a, b)


@pytest.mark.parametrize("name", ["steady", "gap", "jitter", "slower", "ends"])
def test_the_newest_point_alone_is_that_of_the_range(pair: tuple[PrometheusSource, PrometheusSource], name: str) -> None:
    for at in range(START + 600, END + 900, 420):
        alone = [one.fetch(name, at, at, 60).block for one in pair]
        whole = pair[0].fetch(name, at - 600, at, 60).block
        values = [float(one.values[0, 0]) if len(one.labels) else float("nan") for one in alone]
        expected = float(whole.values[0, -1]) if len(whole.labels) else float("nan")
        np.testing.assert_allclose(values, [expected, expected], rtol=1e-12, equal_nan=True)


def test_ratios_and_aggregations_are_the_same(pair: tuple[PrometheusSource, PrometheusSource]) -> None:
    for query in ("steady / slower", "sum(steady)", "max by (instance) (jitter)", "steady > 0.5"):
        a, b = (one.fetch(query, START + 600, END, 60).block for one in pair)
        assert [dict(one) for one in a.labels] == [dict(one) for one in b.labels]
        np.testing.assert_allclose(a.values, b.values, rtol=1e-9, equal_nan=True, err_msg=query)


WINDOWS = [
    "rate(counter[5m])", "increase(counter[2m])", "delta(slower[5m])", "rate(seldom[10m])", "rate(counter[5m] offset 7m30s)",
    "rate(counter[1m] offset -30s)", "irate(counter[2m])", "idelta(slower[3m])", "deriv(jitter[5m])", "changes(seldom[10m])",
    "predict_linear(counter[10m], 4 * 3600)", "avg_over_time(gap[5m])", "min_over_time(jitter[3m])", "max_over_time(steady[2m])",
    "sum_over_time(steady[5m])", "count_over_time(counter[1m])", "stddev_over_time(slower[5m])", "last_over_time(ends[20m])",
    "quantile_over_time(0.9, slower[5m])", "max_over_time(counter[20m:1m])", "avg_over_time(rate(counter[2m])[10m:2m])",
    "rate(counter[10m:1m])", 'absent(steady{instance="none"})',
    "sum by (instance) (rate(counter[5m])) + sum by (instance) (increase(seldom[9m]))",
    "rate({__name__='counter', instance=~`a|b`}[5m]) > 0.1", "count(rate(counter[5m]) > 0) or vector(0)",
    "label_replace(irate(counter[2m]), 'x', 'rate(a[5m])', 'instance', '.*') # and rate(b[1m])",
]  # fmt: skip


@pytest.mark.parametrize("query", WINDOWS)
def test_functions_of_a_window_are_the_same(pair: tuple[PrometheusSource, PrometheusSource], query: str) -> None:
    pair[1].probe()  # it learns which product it speaks with
    for start, step in ((START + 1800, 60), (START + 1807, 15)):
        a, b = (one.fetch(query, start, END - 600, step).block for one in pair)
        assert [dict(one) for one in a.labels] == [dict(one) for one in b.labels]
        assert np.isfinite(a.values).any()
        np.testing.assert_allclose(a.values, b.values, rtol=1e-7, equal_nan=True)  # milliseconds in float64 seconds


def test_the_own_functions_of_a_product_are_asked_where_that_is_wished(
    pair: tuple[PrometheusSource, PrometheusSource],
) -> None:
    url = pair[1].params.url
    said = {}
    for windows in ("native", "auto", "prometheus"):
        one = PrometheusSource("vm", PrometheusParams.model_validate({"url": url, "windows": windows}), ReadLimits())
        said[windows] = one.fetch("rate(counter[5m])", START + 1800, END - 600, 60).block.values
        one.close()
    np.testing.assert_array_equal(said["native"], said["auto"])  # it is the only source
    assert np.nanmax(np.abs(said["native"] / said["prometheus"] - 1)) > 0.01
