from __future__ import annotations

import pytest

from aiops.rules.compiler import Combined, Compiled, Leaf, compile_rule
from aiops.rules.parse import NotPromQL


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
        ("a > on (x) group_left (y) b", "max without (y) (a) - on (x) group_left (y) b"),
        ("a < on (x) group_left (y) b", "b - on (x) group_right (y) min without (y) (a)"),
        ("seen <= time() - 60", "time() - 60 - seen"),
        ("time() >= seen", "time() - seen"),
        ("(level > bool 9) == 1", "level - 9"),
        ("100 * (level > bool 9) > 50", "level - 9"),
        ("sgn(level - size) > 0", "level - size - 0"),
        ("max_over_time(level[5m:1m] @ end()) > 9", "max_over_time(level[5m:1m]) - 9"),
        ("level @ start() offset 5m > 9", "level offset 5m - 9"),
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
    long = " and ".join(f"used_{i}_{'x' * 300} > {i + 2}" for i in range(40))
    found = compile_rule(long)
    assert found == Compiled(reason="unsupported_syntax", detail=found.detail)
    assert "characters" in found.detail


@pytest.mark.parametrize("op", ["or", "and", "unless", "or on (x)", "and on (x)", "unless on (x)", "and ignoring (x)"])
def test_a_long_chain_has_a_margin_that_grows_no_faster_than_its_rules(op: str) -> None:
    lengths = [len(compile_rule(f" {op} ".join(f"used_{i:02} > {i + 2}" for i in range(n))).margin or "") for n in (10, 20)]
    assert lengths[0] > 0
    assert lengths[1] < 4 * lengths[0]


def test_filters_of_a_chain_are_put_together_by_what_they_match_on() -> None:
    margin = compile_rule("ready == 1 and on (x) a > 5 unless on (x) b > 6 and on (y) open == 1").margin
    assert margin is not None
    assert margin.endswith(" * on (x) group_right () group without () (ready == 1) and on (y) open == 1")
    assert "max by (x) (a - 5 - 1e-300)" in margin
    assert "max by (x) (b - 6 - 1e-300)" in margin


@pytest.mark.parametrize(
    ("expr", "target"),
    [
        ("predict_linear(a[1h], 9) < 0 or predict_linear(b[1h], 9) < 0", "0 - a >= 0 - b or 0 - b <= Inf or 0 - a"),
        ("a > 5 or predict_linear(b[1h], 9) < 0", "a - 5 - 1e-300 >= 0 - b or 0 - b <= Inf or a - 5 - 1e-300"),
        (
            "predict_linear(a[1h], 9) < 0 and predict_linear(b[1h], 9) < 7",
            "0 - a <= 7 - b or (7 - b) * group without () (0 - a <= Inf)",
        ),
        ("predict_linear(a[1h], 9) < 0 and a / b < 0.3", "0 - a"),
        ("a < 3 and predict_linear(a[1h], 9) < 0", "0 - a"),
        ("predict_linear(a[1h], 9) < 0 unless on (x) kept == 1", "0 - a"),
        ("sum by (x) (predict_linear(a[1h], 9) < 0)", "max by (x) (0 - a)"),
        ("count(predict_linear(a[1h], 9) < 0) > 2", "count(a <= 0) - 2 - 1e-300"),
        ("-(predict_linear(a[1h], 9) < 0)", "0 - a"),
        ("predict_linear(a[1h], 9) - a > 90", None),
        ("predict_linear(a[1h], 9) > 1.2 * a", None),
        ("predict_linear(a[1h], 9) / a < 0.5", None),
        ("predict_linear(a[1h], 9) / (a + b) < 0.5", "0.5 - a / (a + b)"),
    ],
)  # fmt: skip
def test_a_target_has_every_part_that_predicts(expr: str, target: str | None) -> None:
    found = compile_rule(expr)
    assert found.forecastable
    assert found.target == target


def test_a_target_is_relabelled_as_its_rule_is() -> None:
    found = compile_rule('label_replace(predict_linear(a[1h], 9) < 0, "k", "$1", "j", "(.*)")')
    assert (found.target or "").replace("0 - a", "0 - predict_linear(a[1h], 9)") == found.margin


@pytest.mark.parametrize(
    "text", ["{{ humanize $value }}", "{{ $externalLabels.a }}", "{{ if $value }}a{{ end }}", "{{ $labels.x"]
)
def test_a_rule_with_a_label_that_cannot_be_filled_in_is_refused(text: str) -> None:
    found = compile_rule("level > 9", [("severity", "page"), ("at", text)])
    assert (found.reason, found.margin, found.leaves) == ("unsupported_syntax", None, ())
    assert found.detail.startswith("its label at: ")


def test_labels_of_series_and_values_are_understood() -> None:
    assert compile_rule("level > 9", [("who", "{{ $labels.x }}"), ("at", "{{ $value }}")]).forecastable
    assert compile_rule("up == 0", [("at", "{{ humanize $value }}")]).reason == "binary"


def test_at_the_rules_instant_inside_a_subquery_is_refused() -> None:
    found = compile_rule("max_over_time((level @ end())[5m:1m]) > 9")
    assert (found.reason, found.detail) == ("unsupported_syntax", "not understood: `@ end()` inside a subquery")


def test_what_is_no_promql_is_raised() -> None:
    with pytest.raises(NotPromQL):
        compile_rule("used >")
