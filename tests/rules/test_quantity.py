from __future__ import annotations

import pytest

from aiops.rules import quantity
from aiops.rules.parse import parse
from aiops.rules.tree import Selector


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("node_memory_MemAvailable_bytes", ("node", "memory", "mem", "available", "bytes")),
        ("numRunningJobs", ("num", "running", "jobs")),
        ("HTTPServer_up", ("http", "server", "up")),
        ("cpu_percent_average", ("cpu", "percent")),
        ("job:errors:rate5m", ("job", "errors", "rate", "5", "m")),
        ("current", ("current",)),
    ],
)
def test_names_are_split_into_words(name: str, words: tuple[str, ...]) -> None:
    assert quantity.words(name) == words


def test_the_name_may_stand_among_the_matchers() -> None:
    assert quantity.name_of(Selector("", (("__name__", "=", "a"),))) == "a"


@pytest.mark.parametrize(
    ("expr", "limit", "expected"),
    [
        ("pump_up", 0, True), ("pump_up", 5, False), ("pump_ready", 0.5, True), ("memory_pressure", 0.9, False),
        ("valve_state", 3, True), ("valve_state", 50, False), ("answer_code", 400, True), ("max by (x) (pump_up)", 1, True),
        ("sum(pump_up)", 0, False), ("avg(pump_up)", 1, True), ("avg(pump_up)", 0.5, False), ("a > bool 1", 1, True),
        ("min_over_time(pump_up[5m])", 0, True), ("pump_is_there", 1, True), ("tank_litres", 0, False),
        ("pump_up and a", 0, True), ("pumps_running", 1, False), ("pump_running", 1, True), ("process_running", 1, True),
    ],
)  # fmt: skip
def test_states(expr: str, limit: float, expected: bool) -> None:
    assert quantity.is_state(parse(expr), limit) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("a - b", True), ("-a", True), ("a * 2", False), ("a * -2", True), ("abs(a - b)", False), ("deriv(a[5m])", True),
        ("rate(a[5m])", False), ("ln(a)", True), ("count(a - b)", False), ("sum(a - b)", True), ("clock_skew", True),
        ("(a - b) > 5", True), ("a > bool (b - c)", False), ("round(a - time())", True), ("max_over_time((a - b)[5m:1m])", True),
    ],
)  # fmt: skip
def test_signs(expr: str, expected: bool) -> None:
    assert quantity.is_signed(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("slots_free", True), ("consumers", True), ("num_procs", True), ("strokes_total", False), ("pump_up", False),
        ("last_seen_seconds", False), ("rate(a[5m])", True), ("sum(pump_up)", True), ("a - b", False), ("count(a)", False),
        ("avg(consumers)", True), ("consumers + b", True), ("100 / a", True), ("min_over_time(consumers[5m])", True),
        ("access_status", False), ("workers and b", True),
    ],
)  # fmt: skip
def test_what_can_run_out(expr: str, expected: bool) -> None:
    assert quantity.falls_to_zero(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("delta(a[5m])", True), ("a - a offset 5m", True), ("a - b offset 5m", False), ("sum(delta(a[5m])) * 2", True),
        ("rate(a[5m]) - rate(a[5m] offset 1h)", True), ("a - a", False), ("rate(a[5m])", False),
    ],
)  # fmt: skip
def test_changes_over_time_rest_at_zero(expr: str, expected: bool) -> None:
    assert quantity.slope(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [("changes(a[1h])", True), ("60 * changes(a[1h])", True), ("sum(resets(a[1h]))", True), ("increase(a[1h])", False)],
)
def test_happenings(expr: str, expected: bool) -> None:
    assert quantity.happenings(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("increase(a[1h])", True), ("a", True), ("a_bytes", False), ("sum(increase(a[1h]))", True), ("a / b", False),
        ("rate(a[1h])", False), ("count(a)", True), ("a - b", True),
    ],
)  # fmt: skip
def test_what_counts_in_ones(expr: str, expected: bool) -> None:
    assert quantity.whole(parse(expr)) is expected


def test_growth_is_found_behind_sums() -> None:
    assert quantity.grows(parse("sum(increase(a[1h]))"))
    assert not quantity.grows(parse("sum(a)"))


def test_info_series_are_known_by_name() -> None:
    assert quantity.is_info(parse('pump_info{zone="a"}'))
    assert not quantity.is_info(parse("pump_information_bytes"))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("hour()", True), ("vector(1)", True), ("time() - a", False), ("a @ 5", True), ("rate(a[5m] @ 5)", True),
        ("max_over_time(a[5m:] @ 5)", True), ("a @ 5 - b", False),
    ],
)  # fmt: skip
def test_the_clock_alone(expr: str, expected: bool) -> None:
    assert quantity.by_the_clock(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("count(a)", True), ("sum(a > 1)", True), ("sum(a > bool 1)", True), ("sum(a)", False),
        ("count_over_time((a > 3)[1h:5m])", True), ("sum_over_time((a > bool 3)[1h:5m])", True), ("max_over_time(a[1h])", False),
        ("avg_over_time((a > bool 3)[1h:5m])", True), ("(a > 1) - b", False),
    ],
)  # fmt: skip
def test_steps(expr: str, expected: bool) -> None:
    assert quantity.in_steps(parse(expr)) is expected


def test_bad_things_may_be_counted_under_a_states_name() -> None:
    assert quantity.counts_bad_things(parse("jobs_failed"))
    assert not quantity.counts_bad_things(parse("last_failed_status"))


@pytest.mark.parametrize(
    ("expr", "turned"),
    [
        ("time() - start", 1), ("start - time()", -1), ("-(start - time()) / 60", 1), ("vector(time()) - start", 1),
        ("mysql_uptime", 1), ("sysUpTime / 100", 1), ("seconds_since_start", 1), ("uptime_percent", 0), ("level", 0),
        ("avg by (x) (time() - start)", 1), ("node_time_seconds - node_boot_time_seconds", 1), ("time() - vector(time())", 0),
        ("rate(mysql_uptime[5m])", 0), ("(start - time()) * -2", 1),
    ],
)  # fmt: skip
def test_what_counts_the_time(expr: str, turned: int) -> None:
    assert quantity.ticking(parse(expr)) == turned


@pytest.mark.parametrize(
    ("expr", "op", "limit", "expected"),
    [
        ("time() - start", "<", 300, True), ("time() - start", ">", 300, False), ("start - time()", ">", -300, True),
        ("expires - time()", "<", 300, False), ("written - time()", ">", 300, False), ("start - (time() - 60)", ">", 0, True),
        ("written - (time() + 60)", ">", 0, False), ("expires - time()", ">", 0, False),
    ],
)  # fmt: skip
def test_what_was_a_moment_ago_is_a_restart(expr: str, op: str, limit: float, expected: bool) -> None:
    assert quantity.restarts(parse(expr), op, limit) is expected


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        ("max(a) - min(a)", True), ("max(rate(a[5m])) - min(rate(a[5m] offset 1h))", True), ("max(a) - min(b)", False),
        ("a - a", False), ("max(a - b) - min(a - b)", False), ("max(a)", False),
    ],
)  # fmt: skip
def test_spreads_of_one_selector(expr: str, expected: bool) -> None:
    assert quantity.spread(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "window_s"),
    [
        ("rate(a[5m])", 300), ("sum(irate(a[1m]))", 60), ("rate(a_bytes[5m])", None), ("increase(a[5m])", None),
        ("avg(rate(a[5m]))", None), ("rate(a[5m]) / rate(b[5m])", None), ("rate(sum(a)[5m:])", None),
    ],
)  # fmt: skip
def test_windows_of_rates_that_count(expr: str, window_s: float | None) -> None:
    assert quantity.rate_window_s(parse(expr)) == window_s


@pytest.mark.parametrize(
    ("expr", "expected"), [("count(a)", True), ("sum(a > bool 1)", True), ("sum(a)", False), ("max(count(a))", True)]
)
def test_numbers_of_series(expr: str, expected: bool) -> None:
    assert quantity.counted(parse(expr)) is expected


@pytest.mark.parametrize("expr", ["present_over_time(a[5m])", "ALERTS", "group by (x) (a)"])
def test_what_is_always_1_is_information(expr: str) -> None:
    assert quantity.is_info(parse(expr))
