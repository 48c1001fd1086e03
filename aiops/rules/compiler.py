"""From an alerting rule's expression to its margin: a number above 0 where the rule fires, below 0 or missing where not."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from aiops.config.promql import mistake_in
from aiops.rules import chain, compose
from aiops.rules.constants import constant
from aiops.rules.judge import ABSENT, refusal, restarted, waits
from aiops.rules.labels import UnsupportedTemplate, template
from aiops.rules.names import collide
from aiops.rules.parse import Unsupported, parse
from aiops.rules.quantity import in_steps
from aiops.rules.rewrite import any_of, as_evaluated, passed_already, unwrapped
from aiops.rules.target import aims, target_of, without_prediction
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
    detail: str = ""
    alternatives: tuple[tuple[_Side, Matching, Node], ...] = ()
    """Of a chain of `or`: each with its matching, and the rule left of it."""
    base: _Side | None = None
    filters: tuple[tuple[str, Matching, _Side], ...] = ()
    """Of a chain of `and` and `unless`: what is filtered, and by what."""

    @property
    def unconditional(self) -> bool:
        """Whether it has an element at every instant, not by the clock."""
        filters = any(isinstance(one, Binary) and one.op in COMPARISONS and not one.to_bool for one in walk(self.rule))
        return self.reason == "always_fires" and not filters


def compile_rule(expr: str, labels: Iterable[tuple[str, str]] = ()) -> Compiled:
    """The margin of an alerting rule's expression. Raises NotPromQL for what no server loads.

    A rule with labels of its own whose templates are not understood is refused: nobody could tell which alerts are its.
    """
    try:
        side = _side(as_evaluated(parse(expr)), alone=True)
    except Unsupported as e:
        return Compiled(reason="unsupported_syntax", detail=f"not understood: {e}")
    if side.margin is None:
        return Compiled(reason=side.reason, detail=side.detail)
    if (wrong := _unknown_label(labels)) is not None:
        return Compiled(reason="unsupported_syntax", detail=wrong)
    margin = write(side.margin)
    if (mistake := mistake_in(margin)) is not None:
        return Compiled(reason="unsupported_syntax", detail=f"its margin {mistake[1]}")
    return Compiled(margin, None if side.target is None else write(side.target), side.condition)


def _unknown_label(labels: Iterable[tuple[str, str]]) -> str | None:
    for name, text in labels:
        try:
            template(text)
        except UnsupportedTemplate as e:
            return f"its label {name}: {e}"
    return None


def _side(node: Node, alone: bool = False) -> _Side:
    if isinstance(node, Binary) and node.op in COMPARISONS:
        return _comparison(node, alone)
    if isinstance(node, Binary) and node.op in SET_OPERATORS:
        return _checked(_either(node) if node.op == "or" else _filtered(node))
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
    if (passed := passed_already(node)) is not None:
        return _side(passed, alone)
    some = any_of(node)
    if some is not None and (side := _aggregate(some)).margin is not None:
        return side
    meant = unwrapped(node)
    left, op, right, matching = meant.left, meant.op, meant.right, meant.matching
    limit = constant(right)
    reason = refusal(left, op, right)
    if reason is None and collide(meant):
        reason = "name_collision"
    if limit is not None and not math.isfinite(limit):
        return _gate(node, reason or "infinite", f"the limit is {limit}")
    quantity = left if limit is not None else compose.quantity(left, op, right, matching)
    shown = without_prediction(quantity) if aims(meant) else quantity
    shown_op = "<=" if op == "==" and reason is None else op
    leaf = Leaf(write(shown), shown_op, limit or 0.0, "forecast" if reason is None else "gate", in_steps(quantity))
    if reason is not None:
        return _Side(node, leaf, reason=reason, detail=write(meant))
    if op == "==":
        return _Side(node, leaf, compose.down_to_zero(left, alone))
    right = right if limit is None else Number(limit)
    return _Side(node, leaf, compose.difference(left, op, right, matching, alone), target_of(left, op, right, matching))


def _either(node: Binary) -> _Side:
    """`x or y or …`."""
    left, right = _side(node.left), _side(node.right)
    condition = Combined("or", (left.condition, right.condition), node.matching)
    parts = left.alternatives or ((left, DEFAULT, node.left),)
    parts += right.alternatives if right.alternatives and node.matching.default else ((right, node.matching, node.left),)
    sides = [side for side, _, _ in parts]
    always = next((side for side in sides if side.unconditional), None)
    if always is not None:
        reason, detail = "always_fires", f"{write(always.rule)}: {always.detail}"
        return _Side(node, condition, reason=reason, detail=detail, alternatives=parts)
    if not any(side.margin for side in sides):
        return _refused(node, condition, left, right, alternatives=parts)
    margin = chain.either([_alternative(side, side.margin, how, beside) for side, how, beside in parts])
    target = chain.either([_alternative(side, side.target or side.margin, how, beside) for side, how, beside in parts])
    predicts = any(side.target for side in sides)
    return _Side(node, condition, margin, target if predicts else None, alternatives=parts)


def _alternative(side: _Side, margin: Node | None, matching: Matching, beside: Node) -> Node:
    """What `or` adds to the left: a gate is +Inf where it is there; with a matching only what has no partner there."""
    margin = margin or compose.always(side.rule)
    return margin if matching.default else Binary("unless", margin, beside, matching)


def _filtered(node: Binary) -> _Side:
    """`x and y unless z …`; a gate stays as it stands in the rule."""
    left, right = _side(node.left), _side(node.right)
    condition = Combined(node.op, (left.condition, right.condition), node.matching)
    base, filters = left.base or left, (*left.filters, (node.op, node.matching, right))
    margin = chain.filtered(base.rule, base.margin, [chain.Filter(op, how, one.rule, one.margin) for op, how, one in filters])
    if margin is None:
        return _refused(node, condition, left, right, base=base, filters=filters)
    needed = [base, *(one for op, _, one in filters if op == "and")]
    if any(restarted(one.rule) for one in needed) and all(waits(one.rule) for one in needed if one.margin is not None):
        detail = "it fires for a while after a restart"
        return _Side(node, condition, reason="event_counter", detail=detail, base=base, filters=filters)
    predicting = [(op, how, one) for op, how, one in [("and", DEFAULT, base), *filters] if op == "and" and one.target]
    target = None
    if predicting:
        (_, _, first), *more = predicting
        target = chain.filtered(first.rule, first.target, [chain.Filter(op, how, one.rule, one.target) for op, how, one in more])
    return _Side(node, condition, margin, target, base=base, filters=filters)


def _refused(node: Binary, condition: Condition, left: _Side, right: _Side, **chained: Any) -> _Side:
    """A set operator of gates alone: for the reason of the one that says more."""
    if left.unconditional and node.op == "unless":  # `vector(1) unless on () up` is how absence is asked for by hand
        detail = "it fires when what stands right of unless is not there"
        return _Side(node, condition, reason="absent", detail=detail, **chained)
    says_little = left.reason in ("no_comparison", "always_fires")
    first = right if says_little and node.op != "unless" else left
    reason = "presence" if first.reason == "no_comparison" else first.reason
    return _Side(node, condition, reason=reason, detail=first.detail, **chained)


def _checked(side: _Side) -> _Side:
    if side.margin is not None and too_long(side.margin):
        raise Unsupported(f"so many comparisons: the margin would have more than {LONGEST} characters")
    return side


def too_long(node: Node) -> bool:
    """Whether the text of a tree would pass LONGEST; stops there, for shared parts make texts grow fast."""
    length = 0
    for one in walk(node):
        length += len(one.name) + 8 if isinstance(one, Selector | Call) else 4
        if length > LONGEST:
            return True
    return len(write(node)) > LONGEST


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
    left, right = _side(node.left), _side(node.right)
    if right.reason == "no_comparison" and left.margin is not None:
        return _joined(node, left, right, node.matching)
    if left.reason == "no_comparison" and right.margin is not None:
        return _joined(node, right, left, node.matching.swapped())
    return _uncompared(node)


def _joined(node: Binary, rule: _Side, other: _Side, matching: Matching) -> _Side:
    """Arithmetic of what passed a comparison with what did not: it fires where the one fires and the other is there."""
    margin, target = (one and compose.joined(one, other.rule, matching) for one in (rule.margin, rule.target))
    if margin is None:
        return _uncompared(node)
    condition = Combined("and", (rule.condition, other.condition), Matching(matching.on, matching.labels))
    return _Side(node, condition, margin, target)


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
    margin, target = (one and Aggregate("max", one, node.by, node.labels) for one in (side.margin, side.target))
    return _Side(node, condition, margin, target)


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
        margin, target = (one and compose.relabelled(node, one) for one in (side.margin, side.target))
        return _Side(node, side.condition, margin, target)
    return _uncompared(node)
