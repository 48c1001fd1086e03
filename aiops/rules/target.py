"""Rules that predict by themselves: what they predict, now, against their limit."""

from __future__ import annotations

from dataclasses import replace

from aiops.rules import compose
from aiops.rules.constants import constant
from aiops.rules.quantity import at_present
from aiops.rules.tree import COMPARISONS, Binary, Call, Matching, Node, Number, Selector, Subquery, When, rebuilt, walk

_REACHED = {"<": "<=", ">": ">="}


def target_of(left: Node, op: str, right: Node, matching: Matching) -> Node | None:
    """The margin of the comparison with each predict_linear(m[w], h) replaced by m.

    None when nothing is predicted, and when the prediction of m is compared with m itself: then how fast it moves is asked
    for, and there is nothing that it comes to. A comparison inside that the prediction passes counts as passed on its limit.
    """
    if not aims(Binary(op, left, right)):
        return None
    within = any(isinstance(one, Binary) and one.op in COMPARISONS and _predicted(one) for one in (*walk(left), *walk(right)))
    return compose.difference(without_prediction(left), op, without_prediction(right), matching, alone=not within)


def aims(comparison: Binary) -> bool:
    """Whether something is predicted that comes to a limit."""
    return _predicted(comparison) and not any(isinstance(one, Binary) and _with_itself(one) for one in walk(comparison))


def _predicted(node: Node) -> bool:
    return any(map(_predicts, walk(node)))


def _with_itself(node: Binary) -> bool:
    """Whether its two sides, scaled or not, are one quantity as soon as nothing is predicted, whenever it is looked at."""
    if not _predicted(node) or constant(node.left) is not None or constant(node.right) is not None:
        return False
    left, right = (at_present(_unscaled(without_prediction(side))) for side in (node.left, node.right))
    return left == right


def _unscaled(node: Node) -> Node:
    while isinstance(node, Binary) and node.op in ("*", "/", "+", "-"):
        if isinstance(node.right, Number):
            node = node.left
        elif isinstance(node.left, Number) and node.op != "/":
            node = node.right
        else:
            break
    return node


def without_prediction(node: Node) -> Node:
    """The expression with each predict_linear(m[w], h) replaced by m as it is now; comparisons with it reached on their limit."""
    if isinstance(node, Call) and _predicts(node):
        return _current(node.args[0])
    changed = rebuilt(node, without_prediction)
    if isinstance(changed, Binary) and changed.op in _REACHED and changed != node:
        return replace(changed, op=_REACHED[changed.op])
    return changed


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
