from __future__ import annotations

import math

import pytest

from aiops.rules.parse import Unsupported, parse
from aiops.rules.rewrite import any_of, as_evaluated, in_order, passed_already, solved, unwrapped
from aiops.rules.tree import Binary, write


def comparison(expr: str) -> Binary:
    node = parse(expr)
    assert isinstance(node, Binary)
    return node


@pytest.mark.parametrize(
    ("expr", "evaluated"),
    [
        ("a @ end()", "a"), ("a @ start() offset 5m", "a offset 5m"), ("rate(a[5m] @ end())", "rate(a[5m])"),
        ("max_over_time(a[5m:1m] @ start())", "max_over_time(a[5m:1m])"), ("a @ 5", "a @ 5.000"), ("a - b", "a - b"),
    ],
)  # fmt: skip
def test_start_and_end_are_the_rules_instant(expr: str, evaluated: str) -> None:
    assert write(as_evaluated(parse(expr))) == evaluated


@pytest.mark.parametrize("expr", ["max_over_time((a @ end())[5m:1m])", "max_over_time(rate(a[5m] @ start())[5m:1m])"])
def test_inside_a_subquery_they_are_not(expr: str) -> None:
    with pytest.raises(Unsupported):
        as_evaluated(parse(expr))


@pytest.mark.parametrize(
    ("expr", "ordered"),
    [
        ("3 < a", "a > 3"), ("time() >= a", "a <= time()"), ("a > 3", "a > 3"), ("3 != a", "a != 3"),
        ("vector(0) < on () group_right () a", "a > on () group_left () vector(0)"), ("a < b", "a < b"),
    ],
)  # fmt: skip
def test_one_number_stands_on_the_right(expr: str, ordered: str) -> None:
    assert write(in_order(comparison(expr))) == ordered


@pytest.mark.parametrize(
    ("expr", "meant"),
    [
        ("(a > bool 9) == 1", "a > 9"), ("(a > bool 9) > 0", "a > 9"), ("1 <= (a > bool 9)", "a > 9"),
        ("100 * (a > bool on (x) b) > 50", "a > on (x) b"), ("((a > bool 9) == bool 1) == 1", "a > 9"),
        ("(a > bool 9) == 0", "a > bool 9 == 0"), ("(a > bool 9) > 1", "a > bool 9 > 1"),
        ("(a > bool 9) >= 0", "a > bool 9 >= 0"),
        ("sgn(a) > 0", "a > 0"), ("sgn(a) >= 0", "a >= 0"), ("sgn(a) == -1", "a < 0"), ("sgn(a) <= 0", "a <= 0"),
        ("sgn(a) != 0", "a != 0"), ("sgn(a) == 0", "a == 0"), ("sgn(a) > 1", "sgn(a) > 1"), ("sgn(a - 9) * 2 > 1", "a - 9 > 0"),
        ("sgn(a) > b", "sgn(a) > b"), ("a > 9", "a > 9"),
    ],
)  # fmt: skip
def test_a_comparison_of_truths_or_signs_is_what_it_means(expr: str, meant: str) -> None:
    assert write(unwrapped(comparison(expr))) == meant


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        ("(a > 9) > 0", "a > 9"), ("0 < (a > 9 and b)", "a > 9 and b"), ("(a > 9 unless b and c) >= 9", "a > 9 unless b and c"),
        ("(9 < a) > 9", "9 < a"), ("(a < -1) <= 0", "a < -1"), ("((a > 9) > 3) > 0", "a > 9 > 3"),
    ],
)  # fmt: skip
def test_a_comparison_that_asks_for_less_than_the_one_before_says_nothing(expr: str, said: str) -> None:
    found = passed_already(comparison(expr))
    assert found is not None
    assert write(found) == said


@pytest.mark.parametrize(
    "expr",
    [
        "(a > 9) > 10", "(a >= 9) > 9", "(a > 9) < 20", "(a > bool 9) > 0", "(a != 9) > 0", "(a > b) > 0", "(a > 9) > b",
        "(vector(9) > on () a) > 3", "(a > 9 or b) > 0", "a > 9", "sum(a > 9) > 0", "(a > NaN) > 0", "(a > 9) != 0",
    ],
)  # fmt: skip
def test_any_other_comparison_says_something(expr: str) -> None:
    assert passed_already(comparison(expr)) is None


@pytest.mark.parametrize(
    ("expr", "some"),
    [
        ("count by (x) (a > 9) > 0", "count by (x) (a > 9)"), ("0.5 < count(a > 9)", "count(a > 9)"),
        ("sum without (x) (a > bool 9) >= 1", "count without (x) (a > 9)"), ("sum(a > bool on (x) b) > 0", "count(a > on (x) b)"),
    ],
)  # fmt: skip
def test_the_first_of_a_count_is_whether_any_passes(expr: str, some: str) -> None:
    found = any_of(comparison(expr))
    assert found is not None
    assert write(found) == some


@pytest.mark.parametrize(
    "expr", ["count(a > 9) > 1", "count(a > 9) >= 0", "count(a > 9) < 1", "sum(a > 9) > 0", "max(a > bool 9) > 0", "count(a) > b"]
)
def test_more_of_a_count_is_a_count(expr: str) -> None:
    assert any_of(comparison(expr)) is None


@pytest.mark.parametrize(
    ("expr", "inside", "op", "limit"),
    [
        ("1 - a > 0", "a", "<", 1), ("a - 1 >= 2", "a", ">=", 3), ("-a > 3", "a", "<", -3), ("100 * a < 50", "a", "<", 0.5),
        ("a / -2 < 3", "a", ">", -6), ("(1 - a) * 100 > 50", "a", "<", 0.5), ("5 + a == 7", "a", "==", 2),
        ("a ^ 2 > 9", "a", ">", 3),
        ("log2(a) >= 3", "a", ">=", 8), ("sqrt(a) < 3", "a", "<", 9), ("exp(a) > 1", "a", ">", 0), ("ln(a) > 0", "a", ">", 1),
        ("a + vector(1) > 3", "a", ">", 2), ("sqrt(a) > -1", "sqrt(a)", ">", -1), ("exp(a) > -1", "exp(a)", ">", -1),
        ("a * 0 > 1", "a * 0", ">", 1), ("ln(a) > 9999", "ln(a)", ">", 9999),
        ("a - b > 3", "a - b", ">", 3), ("3 / a > 1", "3 / a", ">", 1),
    ],
)  # fmt: skip
def test_arithmetic_with_numbers_is_undone(expr: str, inside: str, op: str, limit: float) -> None:
    node = comparison(expr)
    right = parse(write(node.right))
    found = solved(node.left, node.op, float(write(right)))
    assert (write(found[0]), found[1]) == (inside, op)
    assert math.isclose(found[2], limit, abs_tol=1e-12)
