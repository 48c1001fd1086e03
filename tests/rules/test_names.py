from __future__ import annotations

import pytest

from aiops.rules.names import collide, many
from aiops.rules.parse import parse
from aiops.rules.tree import Binary

MANY = [
    '{__name__=~"tank_.+"}', '{zone="a"}', 'last_over_time({zone="a"}[5m])',
    'sum by (__name__) ({zone="a"})', 'topk(3, {zone="a"})',
    '{zone="a"} > 5', '{zone="a"} and b', 'a or {zone="a"}', 'label_replace({zone="a"}, "x", "$1", "y", "(.*)")',
]  # fmt: skip
ONE = [
    "a", '{__name__="a"}', 'sum({zone="a"})', 'rate({zone="a"}[5m])', '{zone="a"} * 2', 'a and {zone="a"}', 'a > bool 5',
    'label_replace(count by (__name__) ({zone="a"}), "x", "$1", "__name__", "(.*)")', 'abs({zone="a"})',
]  # fmt: skip


@pytest.mark.parametrize(("expr", "expected"), [(e, True) for e in MANY] + [(e, False) for e in ONE])
def test_where_names_may_differ(expr: str, expected: bool) -> None:
    assert many(parse(expr)) is expected


@pytest.mark.parametrize("expr", ["a > on (__name__, x) b", "a > on (x) group_left (__name__) b", '{zone="a"} > b'])
def test_a_margin_would_make_one_of_several(expr: str) -> None:
    found = parse(expr)
    assert isinstance(found, Binary)
    assert collide(found)


def test_names_of_the_side_that_is_only_looked_up_do_not_matter() -> None:
    found = parse('a > on (x) {zone="a"}')
    assert isinstance(found, Binary)
    assert not collide(found)
