"""The shapes of composed margins; that they mean what the rule means is proven on the engine in test_equivalence.py."""

from __future__ import annotations

import pytest

from aiops.rules import compose
from aiops.rules.parse import parse
from aiops.rules.tree import DEFAULT, Call, Matching, Node, Number, Selector, write

X, Y = Selector("x"), Selector("y")
ON, IGNORING = Matching(True, ("k",)), Matching(False, ("k",))


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (compose.difference(X, ">", Y, DEFAULT, True), "x - y"),
        (compose.difference(X, ">", Y, ON, True), "max by (k) (x - on (k) group_left () y)"),
        (compose.difference(X, "<", Y, IGNORING, True), "max without (k) (y - ignoring (k) group_right () x)"),
        (compose.difference(X, "<", Y, Matching(True, ("k",), "left"), True), "y - on (k) group_right () x"),
        (
            compose.difference(X, ">", Y, Matching(True, ("k",), "left", ("l",)), True),
            "max without (l) (x) - on (k) group_left (l) y",
        ),
        (
            compose.difference(X, "<", Y, Matching(True, ("k",), "left", ("l",)), True),
            "y - on (k) group_right (l) min without (l) (x)",
        ),
        (
            compose.quantity(X, ">", Y, Matching(True, ("k",), "right", ("l",))),
            "x - on (k) group_right (l) min without (l) (y)",
        ),
        (
            compose.quantity(X, ">", Y, Matching(False, ("k",), "left", ("k", "l"))),
            "max without (k) (x) - ignoring (k) group_left (k, l) y",
        ),
        (compose.difference(X, "<=", Call("time"), DEFAULT, True), "time() - x"),
        (compose.difference(X, ">", Number(3), DEFAULT, False), "x - 3 - 1e-300"),
        (compose.difference(X, "<=", Number(3), DEFAULT, False), "3 - x + 1e-300"),
        (compose.down_to_zero(X, True), "0 - abs(x)"),
        (compose.down_to_zero(X, False), "0 - abs(x) + 1e-300"),
        (compose.always(X), "group without () (x) * Inf"),
        (compose.held(X, Y, DEFAULT), "y * group without () (x)"),
        (compose.held(X, Y, IGNORING), "y * ignoring (k) group_right () group without () (x)"),
        (compose.joined(X, Y, DEFAULT), "x * group without () (y)"),
        (compose.joined(X, Y, ON), "max by (k) (x) * on (k) topk by (k) (1, group without () (y))"),
        (
            compose.joined(X, Y, Matching(True, ("k",), "left", ("l",))),
            "max without (l) (x) * on (k) group_left (l) topk by (k) (1, group without () (y))",
        ),
        (
            compose.joined(X, Y, Matching(False, ("k",), "right")),
            "max without (k) (x) * ignoring (k) group_right () group without () (y)",
        ),
        (compose.either(X, Y), "x >= y or y <= Inf or x"),
        (compose.both(X, Y, DEFAULT), "x <= y or y * group without () (x <= Inf)"),
        (
            compose.both(X, Y, ON),
            "x <= on (k) group_left () y or y * on (k) group_right () group without () (x <= Inf)",
        ),
    ],
)
def test_composed(node: Node | None, text: str) -> None:
    assert node is not None
    assert write(node) == text


def test_labels_that_a_rule_gives_to_several_partners_cannot_be_told() -> None:
    assert compose.joined(X, Y, Matching(True, ("k",), "right", ("l",))) is None


def test_the_unnoticed_number_changes_no_other_number() -> None:
    assert 1e-200 + compose.UNNOTICED == 1e-200
    assert compose.UNNOTICED > 0


def test_a_measured_scalar_is_made_finite_as_one() -> None:
    margin = write(compose.difference(X, ">=", Call("scalar", (Y,)), DEFAULT, True))
    assert margin.count("scalar(clamp(vector(scalar(y)), ") == 1


def test_the_best_is_the_largest_of_those_that_match() -> None:
    assert [write(compose.best_of(Y, how)) for how in (DEFAULT, ON, IGNORING)] == ["y", "max by (k) (y)", "max without (k) (y)"]


def test_a_relabelling_keeps_what_it_writes_apart_until_the_largest_is_known() -> None:
    call = parse('label_replace(x, "k", "$1", "j", "(.*)")')
    assert isinstance(call, Call)
    inner = 'label_replace(x, "__was__", "$1", "k", "((?s:.*))")'
    expected = f'max without (__was__) (label_replace({inner}, "k", "$1", "j", "(.*)"))'
    assert write(compose.relabelled(call, X)) == expected


def test_what_may_be_missing_on_the_right_of_unless_leaves_the_left_as_it_is() -> None:
    assert write(compose.unless(X, Y, ON)).endswith(" or x")
