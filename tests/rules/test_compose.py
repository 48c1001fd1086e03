"""The shapes of composed margins; that they mean what the rule means is proven on the engine in test_equivalence.py."""

from __future__ import annotations

import pytest

from aiops.rules import compose
from aiops.rules.tree import DEFAULT, Matching, Node, Number, Selector, write

X, Y = Selector("x"), Selector("y")
ON, IGNORING = Matching(True, ("k",)), Matching(False, ("k",))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (compose.difference(X, ">", Y, DEFAULT, True), "x - y"),
        (compose.difference(X, ">", Y, ON, True), "max by (k) (x - on (k) group_left () y)"),
        (compose.difference(X, "<", Y, IGNORING, True), "max without (k) (y - ignoring (k) group_right () x)"),
        (compose.difference(X, "<", Y, Matching(True, ("k",), "left"), True), "y - on (k) group_right () x"),
        (compose.difference(X, ">", Number(3), DEFAULT, False), "x - 3 - 1e-300"),
        (compose.difference(X, "<=", Number(3), DEFAULT, False), "3 - x + 1e-300"),
        (compose.down_to_zero(X, True), "0 - abs(x)"),
        (compose.down_to_zero(X, False), "0 - abs(x) + 1e-300"),
        (compose.always(X), "group without () (x) * Inf"),
        (compose.held(X, Y, DEFAULT), "y * group without () (x)"),
        (compose.held(X, Y, IGNORING), "max without (k) (y) * ignoring (k) group_right () group without () (x)"),
        (compose.either(X, Y), "x >= y or y == y or x"),
        (compose.both(X, Y, DEFAULT), "x <= y or y * (x == bool x > 0)"),
        (
            compose.both(X, Y, ON),
            "x <= on (k) group_left () max by (k) (y) or max by (k) (y) * on (k) group_right () (x == bool x > 0)",
        ),
    ],
)
def test_composed(node: Node, text: str) -> None:
    assert write(node) == text


def test_the_unnoticed_number_changes_no_other_number() -> None:
    assert 1e-200 + compose.UNNOTICED == 1e-200
    assert compose.UNNOTICED > 0


def test_what_may_be_missing_on_the_right_of_unless_leaves_the_left_as_it_is() -> None:
    assert write(compose.unless(X, Y, ON)).endswith(" or x")
