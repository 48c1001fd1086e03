"""Rules that predict by themselves: what they predict, now, against their limit."""

from __future__ import annotations

from dataclasses import replace

from aiops.rules import compose
from aiops.rules.tree import Call, Matching, Node, Selector, Subquery, When, rebuilt, walk


def target_of(left: Node, op: str, right: Node, matching: Matching) -> Node | None:
    """The margin of the comparison with each predict_linear(m[w], h) replaced by m; None when nothing is predicted."""
    if not any(_predicts(one) for side in (left, right) for one in walk(side)):
        return None
    return compose.difference(without_prediction(left), op, without_prediction(right), matching, alone=True)


def without_prediction(node: Node) -> Node:
    """The expression with each predict_linear(m[w], h) replaced by m as it is now."""
    if isinstance(node, Call) and _predicts(node):
        return _current(node.args[0])
    return rebuilt(node, without_prediction)


def _predicts(node: Node) -> bool:
    return isinstance(node, Call) and node.name == "predict_linear"


def _current(range_: Node) -> Node:
    """The newest value of a range, at the range's own instant."""
    if isinstance(range_, Selector):
        return replace(range_, range_ms=None)
    if isinstance(range_, Subquery) and isinstance(range_.of, Selector):
        inner, outer = range_.of.when, range_.when
        return replace(range_.of, when=When(inner.offset_ms + outer.offset_ms, inner.at or outer.at))
    return range_.of if isinstance(range_, Subquery) else range_
