"""PromQL where it is written: the place of a mistake, and no text that could bring the parser down."""

from __future__ import annotations

import pytest

from aiops.config.promql import MAX_OPERATORS, mistake_in


@pytest.mark.parametrize("query", ["up", 'sum by (a) (rate(x{b=~"c|d"}[5m]))', "a{b=~`\\d+`} # `", "-1", "a and on (b) c"])
def test_promql_is_no_mistake(query: str) -> None:
    assert mistake_in(query) is None


@pytest.mark.parametrize(
    ("query", "at"),
    [("sum(rate(a[5m])", "("), ("a) + b", ")"), ("nosuch(a)", "nosuch"), ('a{b="c)"', "{"), ("rate(a)", "rate")],
)
def test_a_mistake_is_told_where_it_is(query: str, at: str) -> None:
    found = mistake_in(query)
    assert found is not None
    assert "is no PromQL" in found[1]
    if at != "rate":
        assert query[found[0] :].startswith(at)


@pytest.mark.parametrize("part", ["(", "-", "1+", "a or ", "sum(", "a[1m:1m]"])
def test_far_too_many_operators_are_refused_before_they_are_parsed(part: str) -> None:
    found = mistake_in(part * 20_000 + "1")
    assert found is not None
    assert f"more than {MAX_OPERATORS}" in found[1]


@pytest.mark.parametrize("part", ["1+", "-", "a or "])
def test_as_many_as_are_allowed_are_parsed(part: str) -> None:
    assert mistake_in(part * (MAX_OPERATORS - 1) + "a") is None
