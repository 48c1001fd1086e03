"""Raw counters: found wherever their value is looked at, and the corrected query is one that looks at none."""

from __future__ import annotations

import pytest

from aiops.config.counters import metrics_of, raw_counter
from aiops.config.promql import mistake_in

RAW = [
    ("node_x_total", "rate(node_x_total[5m])"),
    ('a_total{x="}"} > 5', 'rate(a_total{x="}"}[5m]) > 5'),
    ("-a_total offset 5m", "-rate(a_total[5m] offset 5m)"),
    ("sum(a_total) by (x) / b", "sum(rate(a_total[5m])) by (x) / b"),
    ("histogram_quantile(0.9, a_bucket)", "histogram_quantile(0.9, rate(a_bucket[5m]))"),
    ("sum(increase(a_total[1h])) / a_total", "sum(increase(a_total[1h])) / rate(a_total[5m])"),
    ("a_total / b_total", "rate(a_total[5m]) / rate(b_total[5m])"),
    ("avg_over_time(a_total[5m])", "rate(a_total[5m])"),
]
MOVING = [
    "rate(a_total[5m])", "sum_over_time(rate(a_total[5m])[1h:1m])", "rate(a_total[1h:5m])", "count(a_total)", "absent(a_total)",
    "up and a_total", "resets(a_total[1h])", "a_total_seconds", "node_load1", 'sum by (le) (rate(a_bucket{le="1"}[5m]))', "1 + 1",
]  # fmt: skip


@pytest.mark.parametrize(("query", "corrected"), RAW)
def test_a_raw_counter_is_found_where_it_stands_and_corrected(query: str, corrected: str) -> None:
    found = raw_counter(query)
    assert found is not None
    assert found.corrected == corrected
    assert query[found.offset :].startswith(found.name)
    assert corrected in found.message
    assert mistake_in(corrected) is None
    assert raw_counter(corrected) is None


@pytest.mark.parametrize("query", MOVING)
def test_what_asks_how_it_moves_or_whether_it_is_there_is_right(query: str) -> None:
    assert raw_counter(query) is None


def test_what_the_source_knows_counts_before_the_name() -> None:
    assert raw_counter("jobs_total", {"jobs_total": "gauge"}) is None
    assert raw_counter("jobs_done", {"jobs_done": "counter"}) is not None
    found = raw_counter("lag_sum / lag_count", {"lag": "histogram"})
    assert found is not None
    assert found.corrected == "rate(lag_sum[5m]) / rate(lag_count[5m])"
    assert raw_counter("lag_sum", {"lag": "gauge"}) is None


def test_all_metrics_of_a_query_are_named() -> None:
    assert metrics_of('sum(rate(a_total[5m])) / on(x) b{y="c_total"} unless absent(d)') == {"a_total", "b", "d"}
