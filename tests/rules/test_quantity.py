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


@pytest.mark.parametrize(("expr", "expected"), [("hour()", True), ("vector(1)", True), ("time() - a", False)])
def test_the_clock_alone(expr: str, expected: bool) -> None:
    assert quantity.by_the_clock(parse(expr)) is expected


@pytest.mark.parametrize(
    ("expr", "expected"), [("count(a)", True), ("sum(a > 1)", True), ("sum(a > bool 1)", False), ("sum(a)", False)]
)
def test_steps(expr: str, expected: bool) -> None:
    assert quantity.in_steps(parse(expr)) is expected


def test_bad_things_may_be_counted_under_a_states_name() -> None:
    assert quantity.counts_bad_things(parse("jobs_failed"))
    assert not quantity.counts_bad_things(parse("last_failed_status"))
