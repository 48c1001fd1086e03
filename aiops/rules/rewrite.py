"""Expressions written otherwise that mean the same: as a rule evaluates them, and with the comparison at their root."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from dataclasses import replace

from aiops.rules.constants import constant, fixed
from aiops.rules.parse import Unsupported
from aiops.rules.tree import (
    COMPARISONS,
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Selector,
    Subquery,
    When,
    is_scalar,
    rebuilt,
)

FLIPPED = {">": "<", "<": ">", ">=": "<=", "<=": ">="}
"""Ordered comparisons with their sides exchanged; the others stay."""
HOLDS = {
    ">": operator.gt, "<": operator.lt, ">=": operator.ge, "<=": operator.le, "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
_SIGNS = {
    (False, False, True): ">", (False, True, True): ">=", (True, False, False): "<", (True, True, False): "<=",
    (False, True, False): "==", (True, False, True): "!=",
}  # fmt: skip
"""What `sgn(x)` being among −1, 0, 1 says of x against 0."""
Solved = tuple[Node, str, float]


def as_evaluated(node: Node, inside: bool = False) -> Node:
    """The expression without `@ start()` and `@ end()`: a rule is evaluated at one instant, which is both.

    Raises Unsupported for one inside a subquery: there it is the rule's instant, not the subquery's.
    """
    if isinstance(node, Selector | Subquery) and isinstance(node.when.at, str):
        if inside:
            raise Unsupported(f"`@ {node.when.at}()` inside a subquery")
        node = replace(node, when=When(node.when.offset_ms))
    below = inside or isinstance(node, Subquery)
    return rebuilt(node, lambda one: as_evaluated(one, below))


def in_order(node: Binary) -> Binary:
    """The comparison with what is one number, or a constant, on its right."""
    first = is_scalar(node.left) or (fixed(node.left) is not None and fixed(node.right) is None)
    if not first:
        return node
    return replace(node, op=FLIPPED.get(node.op, node.op), left=node.right, right=node.left, matching=node.matching.swapped())


def passed_already(node: Binary) -> Node | None:
    """What is compared, where it went through a comparison that says more already: of `(x > 9 and y) > 0` it is `x > 9 and y`."""
    outer = in_order(node)
    first, limit = outer.left, constant(outer.right)
    while isinstance(first, Binary) and first.op in ("and", "unless"):
        first = first.left
    if limit is None or outer.op not in FLIPPED or not isinstance(first, Binary) or first.to_bool or first.op not in FLIPPED:
        return None
    inner = in_order(first)
    known = constant(inner.right)
    if known is None or inner.op[0] != outer.op[0]:
        return None
    further = known > limit if outer.op[0] == ">" else known < limit
    return outer.left if further or (known == limit and (inner.op == outer.op or outer.op.endswith("="))) else None


def any_of(node: Binary) -> Aggregate | None:
    """The count whose first one is asked for, as what fires where any passes: of `count(x > 9) > 0` it is `count(x > 9)`.

    So it is of the 0 and 1 of a comparison that are added up, `sum(x > bool 9) >= 1`.
    """
    outer = in_order(node)
    counted, limit = outer.left, constant(outer.right)
    if not isinstance(counted, Aggregate) or limit is None or not _by_the_first(outer.op, limit):
        return None
    if counted.op == "count":
        return counted
    truths = counted.of
    if counted.op != "sum" or not isinstance(truths, Binary) or not truths.to_bool or is_scalar(truths):
        return None
    return replace(counted, op="count", of=replace(truths, to_bool=False))


def _by_the_first(op: str, limit: float) -> bool:
    return (op == ">" and 0 <= limit < 1) or (op == ">=" and 0 < limit <= 1)


def unwrapped(node: Binary) -> Binary:
    """The comparison that is meant, where 0 and 1 of another (`(x > bool 90) == 1`) or a sign (`sgn(x) > 0`) is compared."""
    node = in_order(node)
    limit = constant(node.right)
    if limit is None or not math.isfinite(limit):
        return node
    quantity, op, value = solved(node.left, node.op, limit)
    if isinstance(quantity, Binary) and quantity.to_bool and quantity.op in COMPARISONS:
        meant = (HOLDS[op](0, value), HOLDS[op](1, value)) == (False, True) and not is_scalar(quantity)
        return unwrapped(replace(quantity, to_bool=False)) if meant else node
    if isinstance(quantity, Call) and quantity.name == "sgn":
        sign = _SIGNS.get((HOLDS[op](-1, value), HOLDS[op](0, value), HOLDS[op](1, value)))
        return unwrapped(Binary(sign, quantity.args[0], Number(0))) if sign else node
    return node


def solved(quantity: Node, op: str, limit: float) -> Solved:
    """The comparison for what stands inside arithmetic with numbers, logarithms and roots: `1 - up > 0` is `up < 1`.

    For telling what is compared only: the numbers are rounded otherwise than the engine rounds them.
    """
    while (found := _step(quantity, op, limit)) is not None and math.isfinite(found[2]):
        quantity, op, limit = found
    return quantity, op, limit


def _step(node: Node, op: str, limit: float) -> Solved | None:
    if isinstance(node, Negative):
        return node.of, FLIPPED.get(op, op), -limit
    if isinstance(node, Call) and node.name in _INVERSE and node.args:
        return _inverted(node, op, limit)
    if not isinstance(node, Binary) or node.op not in ("+", "-", "*", "/", "^"):
        return None
    left, right = fixed(node.left), fixed(node.right)
    if right is not None and left is None:
        return _left_solved(node, op, limit, right)
    if left is not None and right is None and node.op in ("+", "*"):
        return _left_solved(replace(node, left=node.right, right=node.left), op, limit, left)
    if left is not None and right is None and node.op == "-":
        return node.right, FLIPPED.get(op, op), left - limit
    return None


def _left_solved(node: Binary, op: str, limit: float, number: float) -> Solved | None:
    """`left ∘ number op limit` for left."""
    if node.op in ("+", "-"):
        return node.left, op, limit - number if node.op == "+" else limit + number
    if number == 0 or not math.isfinite(number):
        return None
    turned = FLIPPED.get(op, op) if number < 0 else op
    if node.op == "*":
        return node.left, turned, limit / number
    if node.op == "/":
        return node.left, turned, limit * number
    return (node.left, op, limit ** (1 / number)) if number > 0 and limit >= 0 else None


_INVERSE: dict[str, Callable[[float], float]] = {
    "ln": math.exp, "log2": lambda x: 2.0**x, "log10": lambda x: 10.0**x, "sqrt": lambda x: x * x, "exp": math.log,
}  # fmt: skip


def _inverted(node: Call, op: str, limit: float) -> Solved | None:
    if limit < 0 and node.name == "sqrt":
        return None
    try:
        return node.args[0], op, float(_INVERSE[node.name](limit))
    except (OverflowError, ValueError):
        return None
