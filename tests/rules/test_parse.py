from __future__ import annotations

import pytest

from aiops.rules.parse import NotPromQL, Unsupported, parse
from aiops.rules.tree import Aggregate, Binary, Call, Matching, Number, Selector, Subquery, When


def test_a_selector_carries_its_matchers_range_offset_and_instant() -> None:
    found = parse('sum(rate(a{b="c"}[5m] @ 7 offset 1m))')
    assert found == Aggregate("sum", Call("rate", (Selector("a", (("b", "=", "c"),), When(60_000, 7000), 300_000),)))


def test_a_subquery_keeps_what_it_is_of() -> None:
    assert parse("max_over_time(a[1h:5m])") == Call("max_over_time", (Subquery(Selector("a"), 3_600_000, 300_000),))


def test_matching_says_which_side_has_many() -> None:
    assert parse("a / on (x) group_right (y) b") == Binary(
        "/", Selector("a"), Selector("b"), Matching(True, ("x",), "right", ("y",))
    )


def test_raw_strings_are_raw() -> None:
    assert parse("a{b=~`\\d+`}") == Selector("a", (("b", "=~", "\\d+"),))


def test_a_negative_number_is_a_number() -> None:
    assert parse("a > -5") == Binary(">", Selector("a"), Number(-5))


@pytest.mark.parametrize("query", ["a > on () 5", "a > ignoring () 5"])
def test_a_matching_with_a_number_says_nothing(query: str) -> None:
    assert parse(query) == Binary(">", Selector("a"), Number(5))


def test_both_names_of_a_smoothing_are_known_and_the_new_one_is_experimental() -> None:
    node = parse("holt_winters(a[1h], 0.5, 0.5)")
    assert isinstance(node, Call)
    assert node.name == "holt_winters"
    with pytest.raises(Unsupported, match="experimental"):
        parse("double_exponential_smoothing(a[1h], 0.5, 0.5)")


@pytest.mark.parametrize(
    ("query", "offset"), [("sum(a", 3), ("a >", 2), ("rates(a[5m])", 0), ("a[5m]", 0), ('"text"', 0), ("1 > 2", 4)]
)
def test_what_no_server_loads_is_refused_where_it_is_wrong(query: str, offset: int) -> None:
    with pytest.raises(NotPromQL) as refused:
        parse(query)
    assert refused.value.offset == offset


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ('{"a.b" , x="1" or y="2"} > 1', "or"), ("a > fill (0) b", "fill"), ("sum by (`a.b`) (x) > 1", None),
        ("+".join(["a"] * 150) + " > 1", "nested"), ("mad_over_time(a[5m]) > 1", "experimental"),
        ("a @ -5 > 1", "1970"), ("a @ 1e20 > 1", "1970"), ("a offset -99999999y > 1", "offset"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_named(query: str, what: str | None) -> None:
    with pytest.raises((Unsupported, NotPromQL), match=what):
        parse(query)


@pytest.mark.parametrize("query", ["(" * 5000 + "a" + ")" * 5000, "-" * 5000 + "a", "a" + " + a" * 5000])
def test_thousands_of_operators_end_in_a_message(query: str) -> None:
    with pytest.raises(NotPromQL, match="more than 1000"):
        parse(query)
