from __future__ import annotations

import math

import pytest

from aiops.rules.compiler import Combined, Compiled, Leaf, compile_rule, constant
from aiops.rules.parse import NotPromQL, parse


def leaves(expr: str) -> list[tuple[str, str, float, str]]:
    return [(leaf.expr, leaf.op, leaf.limit, leaf.role) for leaf in compile_rule(expr).leaves]


@pytest.mark.parametrize(
    ("expr", "margin"),
    [
        ("level > 9", "level - 9"),
        ("level < 9", "9 - level"),
        ("9 <= level", "level - 9"),
        ("level > -9", "level + 9"),
        ("level < 3 * 1024 ^ 2", "3145728 - level"),
        ("level_litres == 0", "0 - abs(level_litres)"),
        ("level_litres <= 0", "0 - level_litres"),
        ("a > on (x) group_left (y) b", "a - on (x) group_left (y) b"),
        ("a < on (x) group_left (y) b", "b - on (x) group_right (y) a"),
        ("used > 0.9 * size", "used - 0.9 * size"),
        ("(a > 2) > 5", "(a > 2) - 5"),
        ("3 <= a < 5", "5 - (3 <= a)"),
        ("time() - seen > 60", "time() - seen - 60"),
        ("seen < time() - 60", "time() - 60 - seen"),
        ("(level > 9) * 100", "level - 9"),
        ("-(level > 9)", "level - 9"),
        ("used > 0.9 and size > 0", "used - 0.9 - 1e-300 and size > 0"),
        ("used > 0.9 and on (x) ready == 1", "used - 0.9 - 1e-300 and on (x) ready == 1"),
        ("used >= 0.9 unless on (x) spare", "used - 0.9 + 1e-300 unless on (x) spare"),
        (
            "ready == 1 and on (x) used > 5",
            "max by (x) (used - 5 - 1e-300) * on (x) group_right () group without () (ready == 1)",
        ),
        ("max by (x) (used > 5)", "max by (x) (used - 5 - 1e-300)"),
        ("count by (x) (used > 5) > 3", "count by (x) (used > 5) - 3"),
    ],
)
def test_margins(expr: str, margin: str) -> None:
    assert compile_rule(expr).margin == margin


@pytest.mark.parametrize("expr", ["a >= b", "a <= on (x) b"])
def test_two_infinite_sides_are_level_for_an_inclusive_comparison(expr: str) -> None:
    margin = compile_rule(expr).margin
    assert margin is not None
    assert margin.count("clamp(") == 2


def test_a_leaf_is_in_the_quantitys_own_unit() -> None:
    assert leaves("100 * used / size > 80") == [("100 * used / size", ">", 80, "forecast")]


def test_two_quantities_are_compared_by_their_difference() -> None:
    assert leaves("used > soft_limit") == [("used - soft_limit", ">", 0, "forecast")]


def test_of_twins_the_one_nearest_to_firing_counts() -> None:
    largest = "max by (x) (used - on (x) group_left () soft_limit)"
    assert leaves("used > on (x) soft_limit") == [(largest, ">", 0, "forecast")]
    assert compile_rule("used > on (x) soft_limit").margin == largest
    assert leaves("used < ignoring (x) soft_limit")[0][0] == "min without (x) (used - ignoring (x) group_left () soft_limit)"


def test_what_has_run_out_is_a_fall_to_its_limit() -> None:
    assert leaves("level_litres == 0") == [("level_litres", "<=", 0, "forecast")]


def test_guards_are_gates() -> None:
    assert leaves("used / size > 0.9 and size > 0") == [("used / size", ">", 0.9, "forecast"), ("size", ">", 0, "gate")]


def test_presence_is_a_gate_that_counts() -> None:
    assert leaves("used > 5 unless on (x) spare") == [("used", ">", 5, "forecast"), ("group without () (spare)", ">=", 1, "gate")]


def test_the_time_of_day_is_a_gate() -> None:
    assert leaves("used > 5 and on () hour() > 9")[1] == ("hour()", ">", 9, "gate")


def test_each_leaf_is_given_once() -> None:
    assert len(leaves("(used > 5 and size > 0) or (used > 5 and other > 7)")) == 3


def test_counts_and_sums_of_filters_go_in_steps() -> None:
    assert [leaf.steps for leaf in compile_rule("sum(used > 1) > 6 and avg(used) > 5").leaves] == [True, False]


def test_the_condition_says_how_crossings_combine() -> None:
    condition = compile_rule("(used > 5 and size > 7) or temp > 3").condition
    assert isinstance(condition, Combined)
    assert condition.op == "or"
    inner = condition.parts[0]
    assert isinstance(inner, Combined)
    assert inner.op == "and"
    assert condition.parts[1] == Leaf("temp", ">", 3, "forecast")


def test_a_gate_alone_is_refused_for_its_own_reason() -> None:
    assert compile_rule("ready == 0 and on (x) used > 0").reason == "binary"
    assert compile_rule("seen and ready == 1").reason == "binary"


def test_a_prediction_is_aimed_at_what_it_predicts() -> None:
    found = compile_rule("predict_linear(free_bytes[1h] offset 5m, 3600) < 10 and free_bytes > 0")
    assert found.target == "10 - free_bytes offset 5m"
    assert found.leaves[0] == Leaf("free_bytes offset 5m", "<", 10, "forecast")
    assert found.margin == "10 - predict_linear(free_bytes[1h] offset 5m, 3600) - 1e-300 and free_bytes > 0"


def test_rules_that_do_not_predict_have_no_target() -> None:
    assert compile_rule("used > 5").target is None


def test_a_margin_that_no_server_would_take_is_refused() -> None:
    long = " and ".join(f"used_{i} > {i + 2}" for i in range(12))
    found = compile_rule(long)
    assert found == Compiled(reason="unsupported_syntax", detail=found.detail)
    assert "characters" in found.detail


def test_what_is_no_promql_is_raised() -> None:
    with pytest.raises(NotPromQL):
        compile_rule("used >")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 ^ 3 ^ 2", 512), ("-2 ^ 2", -4), ("7 % 4", 3), ("-7 % 4", -3), ("1 / 0", math.inf), ("-1 / 0", -math.inf),
        ("2 ^ 9999", math.inf),
    ],
)  # fmt: skip
def test_constants_are_folded_as_the_engine_does(text: str, value: float) -> None:
    assert constant(parse(text)) == value


def test_nothing_measured_is_a_constant() -> None:
    assert constant(parse("2 * time()")) is None
