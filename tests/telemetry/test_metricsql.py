"""What of a query is written anew for VictoriaMetrics, and what is left alone."""

from __future__ import annotations

import pytest

from aiops.telemetry.metricsql import translated


def test_plain_selectors_look_back_as_far_as_in_prometheus() -> None:
    assert translated("a / on(b) c{d='e[5m]'} offset 1m") == (
        "default_rollup(a[300001ms]) / on(b) default_rollup(c{d='e[5m]'}[300001ms] offset 1m)"
    )


def test_what_stands_in_strings_and_comments_is_no_query() -> None:
    said = translated("label_replace(a, 'x', 'rate(a[5m])', \"y\", '') # rate(a[5m])")
    assert said.strip() == "label_replace(default_rollup(a[300001ms]), 'x', 'rate(a[5m])', \"y\", '')"


def test_windows_stay_where_only_selectors_are_to_be_translated() -> None:
    assert translated("rate(a[5m]) / b", whole_windows=False) == "rate(a[5m]) / default_rollup(b[300001ms])"


def test_a_window_holds_its_left_edge() -> None:
    assert translated("sum_over_time(a{b='c'}[1h30m] offset 1d)") == "sum_over_time(a{b='c'}[5400001ms] offset 1d)"


def test_names_that_only_begin_or_end_like_a_function_are_metrics() -> None:
    assert translated("my_rate + rate_total") == "default_rollup(my_rate[300001ms]) + default_rollup(rate_total[300001ms])"


def test_a_function_without_a_counterpart_keeps_its_name() -> None:
    assert translated("resets(a[5m])") == "resets(a[300001ms])"


def test_what_is_no_promql_is_refused() -> None:
    with pytest.raises(ValueError):
        translated("rate(a)")


def test_a_long_query_takes_no_long_time() -> None:
    many = " + ".join(f'rate(a_{i}{{b="{"{" * 30}", c=~".+"}}[5m])' for i in range(300))
    assert translated(many).count("increase_prometheus(a_299") == 2
