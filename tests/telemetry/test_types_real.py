"""What a real Prometheus says of metrics' types, and that a raw counter is refused before its history is read."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from aiops.core.errors import SourceError
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.read import read
from aiops.telemetry.link import Link
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.daemon.rig import anomaly_card

WANTED = {"go_goroutines", "process_cpu_seconds_total", "prometheus_http_request_duration_seconds_count", "no_such_metric"}


def test_types_come_from_the_server_and_raw_counters_are_refused(tmp_path: Path) -> None:
    port = servers.free_port()
    with servers.prometheus(tmp_path, {"self": f"http://127.0.0.1:{port}"}, port=port) as url:
        source = PrometheusSource("prom", PrometheusParams(url=url), ReadLimits())
        end = time.monotonic() + 30
        while not (found := source.types(WANTED)):
            assert time.monotonic() < end, "it never scraped itself"
            time.sleep(0.3)
        assert found == {
            "go_goroutines": "gauge", "process_cpu_seconds_total": "counter",
            "prometheus_http_request_duration_seconds": "histogram",
        }  # fmt: skip
        # a card made in code: one in a file would have been refused by the name alone
        query = "prometheus_http_request_duration_seconds_count"
        watch = make_watch(ModelCard.model_validate(anomaly_card(query=query)), [Link(source)], 60, None)
        with pytest.raises(SourceError, match=r"write rate\(prometheus_http_request_duration_seconds_count\[5m\]\)"):
            read(watch, int(time.time()))
        source.close()


def test_a_source_that_does_not_answer_knows_nothing() -> None:
    source = PrometheusSource("prom", PrometheusParams(url="http://127.0.0.1:9"), ReadLimits(seconds=0.5))
    assert source.types({"a_total"}) == {}
