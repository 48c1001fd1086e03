"""Expressions of numbers alone, folded as the engine folds them."""

from __future__ import annotations

import math
import operator

from aiops.rules.tree import COMPARISONS, Binary, Call, Negative, Node, Number

_CALCULATE = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": math.pow, "%": math.fmod,
}  # fmt: skip


def constant(node: Node) -> float | None:
    """The value of an expression of numbers alone; None when something measured, or the time, is in it."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Negative):
        inner = constant(node.of)
        return None if inner is None else -inner
    if isinstance(node, Call):
        return math.pi if node.name == "pi" else _in_vector(node.args[0]) if node.name == "scalar" else None
    if not isinstance(node, Binary) or node.op in (*COMPARISONS, "atan2"):
        return None
    left, right = constant(node.left), constant(node.right)
    return None if left is None or right is None else _calculated(left, node.op, right)


def fixed(node: Node) -> float | None:
    """The same where the number may also stand as one element without labels, as `vector(0)`."""
    found = constant(node)
    return _in_vector(node) if found is None else found


def _in_vector(node: Node) -> float | None:
    return constant(node.args[0]) if isinstance(node, Call) and node.name == "vector" else None


def _calculated(left: float, op: str, right: float) -> float:
    try:
        return float(_CALCULATE[op](left, right))
    except (ZeroDivisionError, OverflowError, ValueError):  # what Go gives as ±Inf or NaN is no limit anyway
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)
