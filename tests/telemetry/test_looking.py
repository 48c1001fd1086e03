"""Looking at a source: told apart by what only one product says, and never stopped by what another does not have."""

from __future__ import annotations

import json

import pytest

from aiops.telemetry.looking import NEAR_S, oldest, product_of
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource, skew_of
from aiops.telemetry.source import ReadLimits


class Told(PrometheusSource):
    """Answers by path, and has samples from `begins_s` on."""

    def __init__(self, answers: dict[str, bytes], begins_s: int = 0) -> None:
        super().__init__("told", PrometheusParams(url="http://127.0.0.1:9"), ReadLimits())
        self.answers, self.begins_s, self.looked = answers, begins_s, 0

    def ask(self, path: str, params: object, deadline: float) -> bytes:
        if path == "/api/v1/labels":
            self.looked += 1
            assert isinstance(params, dict)
            return json.dumps({"data": ["up"] if int(params["end"]) >= self.begins_s else []}).encode()
        if path not in self.answers:
            raise ValueError("nothing there")
        return self.answers[path]


INFO = "/api/v1/status/buildinfo"


@pytest.mark.parametrize(
    ("answers", "product"),
    [
        ({INFO: b'{"data":{"version":"2.42.0"}}'}, ("Prometheus", "2.42.0")),
        ({INFO: b'{"data":{"application":"Grafana Mimir","version":"2.10"}}'}, ("Grafana Mimir", "2.10")),
        ({INFO: b'{"data":{"version":"0.35"}}', "/api/v1/stores": b'{"status":"success"}'}, ("Thanos", "0.35")),
        ({INFO: b"{}", "/metrics": b'vm_app_version{version="v",short_version="v1.79.5"} 1'}, ("VictoriaMetrics", "v1.79.5")),
        ({}, ("something that speaks PromQL", "")),
        ({INFO: b"<html>", "/api/v1/stores": b"[1]"}, ("something that speaks PromQL", "")),
    ],
)
def test_products_are_told_apart(answers: dict[str, bytes], product: tuple[str, str]) -> None:
    assert product_of(Told(answers)) == product


@pytest.fixture
def now() -> int:
    return 1_790_000_000


def test_the_oldest_sample_is_found_with_few_questions(now: int) -> None:
    source = Told({}, now - 400 * 86400)
    found = oldest(source, now)
    assert found is not None
    assert 0 <= found - source.begins_s <= NEAR_S
    assert source.looked < 25


def test_where_there_is_nothing_or_times_are_not_looked_at_it_is_unknown(now: int) -> None:
    assert oldest(Told({}, now + 1), now) is None
    assert oldest(Told({}, 0), now) is None


def test_a_clock_ahead_or_behind_is_told_to_the_second() -> None:
    date = "Thu, 01 Jan 1970 00:10:00 GMT"
    assert [skew_of(date, now) for now in (590.0, 600.0, 600.9, 660.0)] == [10.0, 0.0, 0.0, -60.0]
    assert skew_of("", 0.0) is None
