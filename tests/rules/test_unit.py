"""The unit of an expression."""

from __future__ import annotations

import pytest

from aiops.rules.unit import unit_of


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("node_filesystem_avail_bytes", "By"), ('sum by (x) (rate(sent_bytes_total{a="b"}[5m]))', "By/s"),
        ("predict_linear(free_bytes[6h], 24 * 3600)", "By"), ("max_over_time(lag_seconds[5m:1m])", "s"),
        ("histogram_quantile(0.99, sum by (le) (rate(took_seconds_bucket[5m])))", "s"),
        ("rate(took_seconds_sum[5m]) / rate(took_seconds_count[5m])", "s"),
        ("expiry_timestamp_seconds - time()", "s"), ("time() - max(last_time_seconds)", "s"), ("cert_expiry - time()", "s"),
        ("used_bytes / size_bytes", "{ratio}"), ("used_bytes / size_bytes * 100", "%"),
        ("100 - free_bytes / size_bytes * 100", "%"), ("1 - free_bytes / size_bytes", "{ratio}"), ("hits_ratio", "{ratio}"),
        ("1 - avg(rate(cpu_seconds_total{mode='idle'}[5m]))", "{ratio}"), ("rate(cpu_seconds_total[5m]) * 100", "%"),
        ("sum(rate(requests_total{code=~'5..'}[5m])) / sum(rate(requests_total[5m]))", "{ratio}"),
        ("count(up == 0) / count(up)", "{ratio}"), ("lag_seconds / interval_seconds", "{ratio}"),
        ("max(queue_length) / max(queue_length offset 1d)", "{ratio}"),
        ("increase(sent_bytes_total[5m])", "By"),
        ("used_bytes > 5", "By"), ("used_bytes - free_bytes", "By"), ("water_celsius", "Cel"),
    ],
)  # fmt: skip
def test_a_unit_is_read_off_names_and_operators(expr: str, unit: str) -> None:
    assert unit_of(expr) == unit


@pytest.mark.parametrize(
    "expr",
    [
        "queue_messages", "used_bytes / 1024", "used_bytes * on (x) price", "lag_seconds + depth",
        "(cert_expiry - time()) / 86400",
        "start_time_seconds", "count(used_bytes > 5)", "stdvar(lag_seconds)", "used_bytes > bool 5", "1 - lag_seconds",
        "count(pod_info) / count(node_info)", "rate(requests_total[5m]) / requests_total", "sum(depth) / count(depth)",
        "sum by (x) (rate(cpu_seconds_total[5m]))", "1 - count(up)", "deriv(hits_ratio[5m])", "connections / connections_max",
        "depth * depth / depth", "not promql at all", "label_replace(rate(x_total[5m]), 'a', 'b', 'c', 'd')",
    ],
)  # fmt: skip
def test_where_it_is_not_sure_there_is_no_unit(expr: str) -> None:
    assert unit_of(expr) == "1"
