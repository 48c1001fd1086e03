"""PromQL where it is written: the place of a mistake, and no text that could bring the parser down."""

from __future__ import annotations

import pytest

from aiops.config.promql import MAX_OPERATORS, mistake_in, parsable


@pytest.mark.parametrize(
    "query",
    [
        "up", 'sum by (a) (rate(x{b=~"c|d"}[5m]))', "a{b=~`\\d+`} # `", "-1", "a and on (b) c", "a > 1_000", "a_1_0 > 0x_1F",
        "holt_winters(a[1h], 0.5, 0.5)",
    ],
)  # fmt: skip
def test_promql_is_no_mistake(query: str) -> None:
    assert mistake_in(query) is None


@pytest.mark.parametrize(
    ("query", "at"),
    [
        ("sum(rate(a[5m])", "("), ("a) + b", ")"), ("nosuch(a)", "nosuch"), ('a{b="c)"', "{"), ("rate(a)", "rate"),
        ("sum(a by (x)) > 3", "by"), ("a > 5 foo bar", "foo"), ("a >> 3", "> 3"), ("a > 5m by (x)", "by"), ("a{b=} > 3", "}"),
        ("rate(a[5m] b) > 3", "b)"), ('a{b="c" d="e"}', "d"), ("a offset > 3", "> 3"), ("sum by (x) b > 3", "b >"),
        ("5 > 3", "3"), ("a + b[5m] > 3", "5m]"), ("a > 'x'", "'x'"), ("a > 1e3k", "1e3k"), ("a and\n  b c", "c"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_is(query: str, at: str) -> None:
    found = mistake_in(query)
    assert found is not None
    assert "is no PromQL" in found[1]
    assert query[found[0] :].startswith(at)


@pytest.mark.parametrize("query", ["a >", "a and ", "sum by (x)", "a > # b"])
def test_a_text_that_ends_too_early_is_told_at_its_end(query: str) -> None:
    found = mistake_in(query)
    assert found is not None
    assert "ends too early" in found[1]
    assert found[0] == len(query.rstrip()) - 1


def test_a_mistake_in_a_long_text_is_found_in_a_moment() -> None:
    query = " or ".join(f"a{i} > {i}" for i in range(300)) + " nonsense here"
    found = mistake_in(query)
    assert found is not None
    assert query[found[0] :].startswith("nonsense")


def test_strings_and_comments_are_left_alone() -> None:
    query = 'a{b="1_000", c=`holt_winters(1_0)`} # 1_000 holt_winters('
    assert parsable(query) == 'a{b="1_000", c="holt_winters(1_0)"} # 1_000 holt_winters('
    assert parsable("x1_0:5_6 > 1_0") == "x1_0:5_6 > 10"


@pytest.mark.parametrize("part", ["(", "-", "1+", "a or ", "sum(", "a[1m:1m]"])
def test_far_too_many_operators_are_refused_before_they_are_parsed(part: str) -> None:
    found = mistake_in(part * 20_000 + "1")
    assert found is not None
    assert f"more than {MAX_OPERATORS}" in found[1]


@pytest.mark.parametrize("part", ["1+", "-", "a or "])
def test_as_many_as_are_allowed_are_parsed(part: str) -> None:
    assert mistake_in(part * (MAX_OPERATORS - 1) + "a") is None
