from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiops.rules.parse import parse
from aiops.rules.tree import Binary, Matching, Negative, Node, Number, Selector, is_scalar, number, walk, write

WRITTEN = [
    "a - (b - c)", "a - b - c", "a * (b + c) / d", "-a ^ 2", "(-a) ^ 2", "2 ^ a ^ b", "(a ^ b) ^ c", "a and (b or c)",
    "a and b or c", "a > (b > c)", "a > b > c", "a == bool 1", "a > on (x, y) group_left (z) b", "a - ignoring (x) b",
    "a and on () b", "sum by (x) (a)", "sum without () (a)", "sum(a)", "quantile by (x) (0.9, a)", 'count_values("v", a)',
    "rate(a[1m30s])", "rate(a[5m] offset 1h)", "a offset -5m", "a @ 12.500", "a @ end() offset 1m", "max_over_time(a[1h:5m])",
    "max_over_time((a > 1)[1h:] offset 5m)", 'a{b="c",d!="e",f=~"g.*",h!~"\\\\d"}', '{__name__=~"a.+"}', "a > -5", "a > Inf",
    "label_replace(a, \"x\", \"$1\", \"y\", \"(.*)\")", "time() - a", "rate(a[100ms])", "1 - -a", "a{b=\"\\\"quoted\\\"\\n\"}",
]  # fmt: skip


@pytest.mark.parametrize("query", WRITTEN)
def test_what_is_parsed_is_written_the_same(query: str) -> None:
    inside = f"sum({query})" if query.startswith("rate(a[100ms]") else query
    assert write(parse(inside)) == inside


def trees() -> st.SearchStrategy[Node]:
    leaves = st.sampled_from([Selector("a"), Selector("b", (("x", "=", "1"),)), Number(2), Number(-0.5)])
    operators = st.sampled_from(["+", "-", "*", "/", "%", "^", "and", "or", "unless", ">", "<=", "=="])

    def grow(below: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
        return st.one_of(st.builds(Binary, operators, below, below), st.builds(Negative, below.filter(lambda n: n != Number(2))))

    return st.recursive(leaves, grow, max_leaves=8)


def loadable(node: Node) -> bool:
    """Comparisons and set operators take no numbers alone; minus a number is a number."""
    pairs = [n for n in walk(node) if isinstance(n, Binary) and n.op in ("and", "or", "unless", ">", "<=", "==")]
    negatives = [n for n in walk(node) if isinstance(n, Negative)]
    sets = [n for n in pairs if n.op in ("and", "or", "unless") and (is_scalar(n.left) or is_scalar(n.right))]
    compared = [n for n in pairs if is_scalar(n.left) and is_scalar(n.right)]
    return not sets and not compared and not any(isinstance(n.of, Number) for n in negatives)


@given(trees().filter(loadable))
def test_any_tree_comes_back_from_its_text(node: Node) -> None:
    assert parse(write(node)) == node


@pytest.mark.parametrize("value", [0.1, 1e300, 5e-324, 123456789.125, 1e15, -2.0, 3.0])
def test_numbers_are_written_exactly(value: float) -> None:
    assert float(number(value)) == value


def test_numbers_that_are_none_have_names() -> None:
    assert [number(v) for v in (math.inf, -math.inf, math.nan)] == ["Inf", "-Inf", "NaN"]


def test_a_swapped_matching_points_to_the_other_side() -> None:
    assert Matching(True, ("x",), "left", ("y",)).swapped() == Matching(True, ("x",), "right", ("y",))
