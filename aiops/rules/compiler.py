"""From an alerting rule's expression to its margin: a number above 0 where the rule fires, below 0 or missing where not."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterable
from dataclasses import dataclass, field

from aiops.config.promql import mistake_in
from aiops.rules import compose
from aiops.rules.judge import ABSENT, refusal
from aiops.rules.names import collide
from aiops.rules.parse import Unsupported, parse
from aiops.rules.quantity import in_steps
from aiops.rules.target import target_of, without_prediction
from aiops.rules.tree import (
    COMPARISONS,
    DEFAULT,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Matching,
    Negative,
    Node,
    Number,
    Selector,
    is_scalar,
    walk,
    write,
)
from aiops.rules.words import ELEMENTWISE, SPREADS

LONGEST = 20_000
"""Characters of a composed margin; servers refuse queries that are much longer."""


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison: `expr op limit`, in expr's own unit; role `forecast`, or `gate`: it must hold, and is not forecast.

    `steps`: it counts what passes a filter, and may take few values only.
    """

    expr: str
    op: str
    limit: float
    role: str
    steps: bool = False


@dataclass(frozen=True, slots=True)
class Combined:
    """How crossings combine.

    `and`: the first time all hold; `or`: the earliest; `unless`: the first part, while the second does not hold.
    """

    op: str
    parts: tuple[Combined | Leaf, ...]
    matching: Matching = DEFAULT


Condition = Combined | Leaf


@dataclass(frozen=True, slots=True)
class Compiled:
    """What became of an expression: a margin, or the reason why there is none.

    `margin` and `target` are PromQL; `target` only for a rule that predicts by itself. `detail` says more about the reason.
    """

    margin: str | None = None
    target: str | None = None
    condition: Condition | None = None
    reason: str | None = None
    detail: str = ""

    @property
    def forecastable(self) -> bool:
        """Whether there is a margin."""
        return self.margin is not None

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The comparisons, from left to right, each once."""
        return tuple(dict.fromkeys(_leaves(self.condition))) if self.condition is not None else ()


def _leaves(condition: Condition) -> Iterable[Leaf]:
    return [condition] if isinstance(condition, Leaf) else [leaf for part in condition.parts for leaf in _leaves(part)]


@dataclass(frozen=True, slots=True)
class _Side:
    """A part of a rule: its `rule` as it stands, and its margin; or the reason why it is only a gate."""

    rule: Node
    condition: Condition
    margin: Node | None = None
    target: Node | None = None
    reason: str = ""
    detail: str = field(default="", compare=False)


def compile_rule(expr: str) -> Compiled:
    """The margin of an alerting rule's expression. Raises NotPromQL for what no server loads."""
    try:
        side = _side(parse(expr), alone=True)
    except Unsupported as e:
        return Compiled(reason="unsupported_syntax", detail=f"not understood: {e}")
    if side.margin is None:
        return Compiled(reason=side.reason, detail=side.detail)
    margin = write(side.margin)
    if (mistake := mistake_in(margin)) is not None:
        return Compiled(reason="unsupported_syntax", detail=f"its margin {mistake[1]}")
    return Compiled(margin, None if side.target is None else write(side.target), side.condition)


def _side(node: Node, alone: bool = False) -> _Side:
    if isinstance(node, Binary) and node.op in COMPARISONS:
        return _comparison(node, alone)
    if isinstance(node, Binary) and node.op in SET_OPERATORS:
        return _set_operator(node)
    if isinstance(node, Binary):
        return _arithmetic(node, alone)
    if isinstance(node, Negative):
        return _passed_on(node, _side(node.of, alone))
    if isinstance(node, Aggregate):
        return _aggregate(node)
    if isinstance(node, Call):
        return _call(node, alone)
    if isinstance(node, Selector):
        return _gate(node, "no_comparison", "it fires wherever the series is there")
    return _gate(node, "always_fires", "it is a number")


def _gate(rule: Node, reason: str, detail: str = "") -> _Side:
    """What is there or not: as a leaf, a count of at least one."""
    return _Side(rule, Leaf(write(compose.firing(rule)), ">=", 1, "gate"), reason=reason, detail=detail)


def _comparison(node: Binary, alone: bool) -> _Side:
    if node.to_bool:
        return _gate(node, "always_fires", "`bool` returns 0 or 1 for each series, and 0 fires too")
    left, op, right = node.left, node.op, node.right
    if is_scalar(left):
        left, op, right = right, {">": "<", "<": ">", ">=": "<=", "<=": ">="}.get(op, op), left
    limit = constant(right)
    reason = refusal(left, op, limit)
    if reason is None and collide(node):
        reason = "name_collision"
    if limit is not None and not math.isfinite(limit):
        return _gate(node, reason or "infinite", f"the limit is {limit}")
    quantity = left if limit is not None else compose.quantity(left, op, right, node.matching)
    shown_op = "<=" if op == "==" and reason is None else op
    role = "forecast" if reason is None else "gate"
    leaf = Leaf(write(without_prediction(quantity)), shown_op, limit or 0.0, role, in_steps(quantity))
    if reason is not None:
        return _Side(
            node, leaf, reason=reason, detail=f"{write(quantity)} {op} {write(right) if limit is not None else 0}"
        )
    if op == "==":
        return _Side(node, leaf, compose.down_to_zero(left, alone))
    right = right if limit is None else Number(limit)
    target = target_of(left, op, right, node.matching)
    return _Side(node, leaf, compose.difference(left, op, right, node.matching, alone), target)


def constant(node: Node) -> float | None:
    """The value of an expression of numbers alone; None when something measured, or the time, is in it."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Negative):
        inner = constant(node.of)
        return None if inner is None else -inner
    if not isinstance(node, Binary) or node.op in (*COMPARISONS, "atan2"):
        return None
    left, right = constant(node.left), constant(node.right)
    return None if left is None or right is None else _calculated(left, node.op, right)


_CALCULATE = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "^": math.pow, "%": math.fmod,
}  # fmt: skip


def _calculated(left: float, op: str, right: float) -> float:
    try:
        return float(_CALCULATE[op](left, right))
    except (ZeroDivisionError, OverflowError, ValueError):  # what Go gives as ±Inf or NaN is no limit anyway
        return math.nan if left == 0 or math.isnan(left) else math.copysign(math.inf, left)


def _set_operator(node: Binary) -> _Side:
    left, right = _side(node.left), _side(node.right)
    condition = Combined(node.op, (left.condition, right.condition), node.matching)
    target = left.target or (right.target if node.op != "unless" else None)
    if left.margin is None and (right.margin is None or node.op == "unless"):
        first = right if left.reason == "no_comparison" and node.op != "unless" else left
        reason = "presence" if first.reason == "no_comparison" else first.reason
        return _Side(node, condition, reason=reason, detail=first.detail)
    margin = _combined(node, left, right)
    if too_long(margin):
        raise Unsupported(f"so many comparisons: the margin would have more than {LONGEST} characters")
    return _Side(node, condition, margin, target)


def too_long(node: Node) -> bool:
    """Whether the text of a tree would pass LONGEST; stops there, for shared parts make texts grow fast."""
    length = 0
    for one in walk(node):
        length += len(one.name) + 8 if isinstance(one, Selector | Call) else 4
        if length > LONGEST:
            return True
    return len(write(node)) > LONGEST


def _combined(node: Binary, left: _Side, right: _Side) -> Node:
    """The margin of a set operator; a gate on its right stays as it stands in the rule."""
    mine, theirs, matching = left.margin, right.margin, node.matching
    if node.op == "or":
        mine, theirs = mine or compose.always(left.rule), theirs or compose.always(right.rule)
        return compose.either(mine, theirs if matching.default else Binary("unless", theirs, left.rule, matching))
    if theirs is None:
        assert mine is not None
        return Binary(node.op, mine, right.rule, matching)
    if mine is None:
        return compose.held(left.rule, theirs, matching)
    if node.op == "unless":
        return compose.unless(mine, theirs, matching)
    if matching.default and isinstance(node.left, Binary) and node.left.op == "and":
        mine, theirs = theirs, mine  # the same on equal label sets, and shorter
    return compose.both(mine, theirs, matching)


def _passed_on(node: Node, side: _Side) -> _Side:
    """What keeps every element and changes its value only: it fires where what is inside fires."""
    if side.margin is None:
        reason = "no_comparison" if side.reason in ("no_comparison", "presence") else side.reason
        return _gate(node, reason, side.detail)
    return _Side(node, side.condition, side.margin, side.target)


def _arithmetic(node: Binary, alone: bool) -> _Side:
    if is_scalar(node.left) and is_scalar(node.right):
        return _gate(node, "always_fires", "it is a number")
    if is_scalar(node.left) or is_scalar(node.right):
        return _passed_on(node, _side(node.right if is_scalar(node.left) else node.left, alone))
    return _uncompared(node)


def _uncompared(node: Node) -> _Side:
    """What is no comparison at its root: refused, for one reason if there is a comparison inside, else for another."""
    if any(isinstance(one, Binary) and one.op in COMPARISONS and not one.to_bool for one in walk(node)):
        return _gate(node, "not_equivalent", "it computes with what passed a comparison: that is no margin")
    return _gate(node, "no_comparison", "it fires wherever it has a value")


def _aggregate(node: Aggregate) -> _Side:
    if node.op not in SPREADS:
        return _uncompared(node)
    side = _side(node.of)
    if side.margin is None:
        return _passed_on(node, side)
    condition = Combined("and", (side.condition,), Matching(node.by, node.labels))
    return _Side(node, condition, Aggregate("max", side.margin, node.by, node.labels), side.target)


def _call(node: Call, alone: bool) -> _Side:
    if node.name in ABSENT:
        return _gate(node, "absent", "it fires when nothing is there")
    if node.name == "vector" or is_scalar(node) or not node.args:
        return _gate(node, "always_fires", "it has a value at every instant")
    if node.name in ELEMENTWISE:
        return _passed_on(node, _side(node.args[0], alone))
    if node.name in ("label_replace", "label_join"):
        side = _passed_on(node, _side(node.args[0], alone))
        named = any(getattr(arg, "value", None) == "__name__" for arg in node.args)
        if side.margin is None or named:
            return _uncompared(node) if named else side
        return _Side(node, side.condition, Call(node.name, (side.margin, *node.args[1:])), side.target)
    return _uncompared(node)
