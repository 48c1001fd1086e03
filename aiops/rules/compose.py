"""Margins put together: set operators stay set operators, so that absence and NaN keep meaning what they mean.

Each takes margins (m > 0 ⇔ the side's rule returns that label set) or the side's own rule, and gives the margin of the
whole. `best` is what the right side has for each set of matching labels, see best_of.
"""

from __future__ import annotations

import math

from aiops.rules.tree import Aggregate, Binary, Call, Matching, Negative, Node, Number, Selector, Text, is_scalar, walk

LARGEST = 1.7976931348623157e308
"""The largest finite number: what stands for ±Inf where Inf − Inf would hide that both sides are equal."""

UNNOTICED = 1e-300
"""Added to any margin but 0 it changes nothing: the sum rounds back."""

WAS = "__was__"
"""The label that keeps apart, for a while, what a relabelling makes one."""


def difference(left: Node, op: str, right: Node, matching: Matching, alone: bool) -> Node:
    """The margin of `left op right`, op ordered: left − right, or right − left; two infinite sides are level for >= and <=.

    It is 0 where both are equal if the comparison stands alone. Inside a larger rule 0 would decide nothing, so there it is
    moved to the side that the operator says; any other number is too large to notice.
    """
    if op in (">=", "<=") and _measured(left) and _measured(right):
        left, right = _finite(left), _finite(right)
    rising = op in (">", ">=")
    left, right = _overwritten(left, right, matching, rising)
    apart = minus(left, right, _twins(matching)) if rising else minus(right, left, _twins(matching).swapped())
    apart = _united(apart, "max", matching)
    return apart if alone else _decided(apart, op)


def quantity(left: Node, op: str, right: Node, matching: Matching) -> Node:
    """`left − right`, what an ordered comparison of two quantities compares with 0."""
    rising = op in (">", ">=")
    left, right = _overwritten(left, right, matching, rising)
    return _united(minus(left, right, _twins(matching)), "max" if rising else "min", matching)


def _overwritten(left: Node, right: Node, matching: Matching, rising: bool) -> tuple[Node, Node]:
    """The sides, the many one without labels that the other overwrites: of those that become one the nearest to firing."""
    lost = tuple(name for name in matching.include if matching.on or name in matching.labels)
    if not lost:
        return left, right
    if matching.group == "left":
        return Aggregate("max" if rising else "min", left, by=False, labels=lost), right
    return left, Aggregate("min" if rising else "max", right, by=False, labels=lost)


def _twins(matching: Matching) -> Matching:
    """A comparison may have several lefts for one right as long as at most one fires; a difference has to be told."""
    return matching if matching.default or matching.group else Matching(matching.on, matching.labels, "left")


def _united(apart: Node, op: str, matching: Matching) -> Node:
    """The label sets that a one-to-one matching gives; of twins the one nearest to firing."""
    return apart if _twins(matching) == matching else Aggregate(op, apart, matching.on, matching.labels)


def _decided(margin: Node, op: str) -> Node:
    return Binary("-" if op in (">", "<") else "+", margin, Number(UNNOTICED))


def minus(left: Node, right: Node, matching: Matching) -> Node:
    """left − right; a negative number on the right is added."""
    if isinstance(right, Number) and right.value < 0:
        return Binary("+", left, Number(-right.value))
    return Binary("-", left, right, matching)


def _measured(node: Node) -> bool:
    """Whether it may be infinite: numbers and the time are not."""
    return any(isinstance(one, Selector) for one in walk(node))


def _finite(node: Node) -> Node:
    if is_scalar(node):
        return Call("scalar", (_finite(Call("vector", (node,))),))
    return Call("clamp", (node, Number(-LARGEST), Number(LARGEST)))


def relabelled(call: Call, margin: Node) -> Node:
    """The margin of what label_replace or label_join makes of a rule: of series that become one the nearest to firing.

    The label that is written is kept under another name meanwhile: two series under one label set would be an error.
    """
    written = call.args[1]
    kept = Call("label_replace", (margin, Text(WAS), Text("$1"), written, Text("((?s:.*))")))
    return Aggregate("max", Call(call.name, (kept, *call.args[1:])), by=False, labels=(WAS,))


def down_to_zero(quantity: Node, alone: bool) -> Node:
    """The margin of `quantity == 0`: −|quantity|, moved above 0 there inside a larger rule."""
    below = Binary("-", Number(0), Call("abs", (quantity,)))
    return below if alone else _decided(below, "==")


def firing(rule: Node) -> Node:
    """1 for each label set that a rule returns, without the metric's name."""
    return Aggregate("group", rule, by=False)


def always(rule: Node) -> Node:
    """The margin of what is there or not: +Inf for each label set that the rule returns."""
    return Binary("*", firing(rule), Number(math.inf))


def joined(mine: Node, other: Node, matching: Matching) -> Node | None:
    """The margin of arithmetic between a rule (its margin `mine`, on the left) and what is no comparison: mine, where both are.

    None where the rule's side gives labels to several partners: which series they come from, the margin cannot tell.
    """
    if matching.group == "right" and matching.include:
        return None
    there = firing(other)
    if matching.group != "right" and not matching.default:  # twins there are an error only while the rule's side fires
        there = Aggregate("topk", there, matching.on, matching.labels, Number(1))
    if matching.group == "left":
        mine, _ = _overwritten(mine, other, matching, rising=True)
    else:
        mine = best_of(mine, matching)
    return Binary("*", mine, there, matching)


def both(mine: Node, best: Node, matching: Matching) -> Node:
    """The margin of `x and y`: the smaller of x's and the best of the matching y's; absent where y is."""
    return Binary("or", Binary("<=", mine, best, _left(matching)), _where_known(best, mine, matching))


def held(rule: Node, best: Node, matching: Matching) -> Node:
    """The margin of `x and y` with x a gate, given by its rule: the best of the matching y's, where x holds."""
    return Binary("*", best, firing(rule), _right(matching))


def unless(mine: Node, best: Node, matching: Matching) -> Node:
    """The margin of `x unless y`: the smaller of x's and the negative of the best matching y's; x's where there is no y."""
    worst = Negative(known(best))
    limited = Binary("or", Binary("<=", mine, worst, _left(matching)), _where_known(worst, mine, matching))
    return Binary("or", limited, mine)


def either(mine: Node, theirs: Node) -> Node:
    """The margin of `x or y`: the larger one, or the one that is there and a number."""
    return Binary("or", Binary("or", Binary(">=", mine, theirs), known(theirs)), mine)


def known(margin: Node) -> Node:
    """What of a margin is a number."""
    return Binary("<=", margin, Number(math.inf))


def best_of(margin: Node, matching: Matching) -> Node:
    """The largest margin of those that share the matching labels."""
    if matching.default:
        return margin
    return Aggregate("max", margin, by=matching.on, labels=matching.labels)


def _where_known(other: Node, mine: Node, matching: Matching) -> Node:
    """`other`, carried to each label set of `mine` that is a number."""
    return Binary("*", other, firing(known(mine)), _right(matching))


def _left(matching: Matching) -> Matching:
    return matching if matching.default else Matching(matching.on, matching.labels, "left")


def _right(matching: Matching) -> Matching:
    return matching if matching.default else Matching(matching.on, matching.labels, "right")
