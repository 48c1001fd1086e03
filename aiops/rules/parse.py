"""PromQL text to a tree of plain values; what the engine of today does not know is refused by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from aiops.config.promql import OLD_SMOOTHING, SMOOTHING, mistake_in, parsable
from aiops.rules.tree import (
    DEFAULT,
    Aggregate,
    Binary,
    Call,
    Matching,
    Negative,
    Node,
    Number,
    Selector,
    Subquery,
    Text,
    When,
    is_scalar,
    rebuilt,
)

DEEPEST = 100
"""Levels of nesting; the compiler recurses into them, and nobody reads a rule that is deeper."""
LATEST_MS = 10**15
EXPERIMENTAL = ("limitk", "limit_ratio")
"""Aggregations that servers refuse unless a switch is on."""
_LABEL = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_MATCH = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
_GROUP = {"VectorMatchCardinality.ManyToOne": "left", "VectorMatchCardinality.OneToMany": "right"}


class NotPromQL(ValueError):
    """The text is no PromQL: `offset` is where in it."""

    def __init__(self, offset: int, message: str) -> None:
        super().__init__(message)
        self.offset = offset


class Unsupported(ValueError):
    """It parses, but a part of it is not understood here; the message names the part."""


def parse(query: str) -> Node:
    """The tree of `query`. Raises NotPromQL for what no server loads, Unsupported for what this compiler does not know."""
    import promql_parser

    mistake = mistake_in(query)
    if mistake is not None:
        raise NotPromQL(*mistake)
    try:
        tree = _node(promql_parser.parse(parsable(query)), 0)
    except OverflowError as e:
        raise Unsupported(f"a span of time: {e}") from e
    tree = _smoothing(tree, query)
    if isinstance(tree, Text | Subquery) or (isinstance(tree, Selector) and tree.range_ms is not None):
        raise NotPromQL(0, "must give a vector or a scalar, not a string or a range")
    return tree


def _smoothing(node: Node, query: str) -> Node:
    """The tree with the function of two names under the one that is written; the new one is experimental."""
    if isinstance(node, Call) and node.name == SMOOTHING:
        if OLD_SMOOTHING not in query:
            raise Unsupported(f"the experimental function {SMOOTHING}")
        node = replace(node, name=OLD_SMOOTHING)
    return rebuilt(node, lambda below: _smoothing(below, query))


def _node(given: Any, depth: int) -> Node:
    if depth > DEEPEST:
        raise Unsupported(f"nested deeper than {DEEPEST} levels")
    kind = type(given).__name__
    if kind == "ParenExpr":
        return _node(given.expr, depth + 1)
    make = _MAKE.get(kind)
    if make is None:
        raise Unsupported(kind)
    return make(given, depth + 1)


def _number(given: Any, depth: int) -> Node:
    return Number(float(given.val))


def _text(given: Any, depth: int) -> Node:
    return Text(given.val)


def _vector(given: Any, depth: int) -> Selector:
    if given.matchers.or_matchers:
        raise Unsupported("`or` between matchers")
    matchers = tuple((m.name, _MATCH[str(m.op)], m.value) for m in given.matchers.matchers)
    labels([m[0] for m in matchers])
    name = given.name or ""
    if name and not _NAME.fullmatch(name):
        raise Unsupported(f"the quoted metric name {name!r}")
    return Selector(name, matchers, _when(given))


def _matrix(given: Any, depth: int) -> Node:
    inner = _vector(given.vector_selector, depth)
    return Selector(inner.name, inner.matchers, inner.when, _ms(given.range))


def _subquery(given: Any, depth: int) -> Node:
    step = None if given.step is None else _ms(given.step)
    return Subquery(_node(given.expr, depth), _ms(given.range), step, _when(given))


def _when(given: Any) -> When:
    at: int | str | None = None
    if given.at is not None:
        kind = str(given.at.type)
        at = {"AtModifierType.Start": "start", "AtModifierType.End": "end"}.get(kind)
        if at is None:
            instant = round(float(str(given.at).removeprefix("@ ")) * 1000)
            if not 0 < instant < LATEST_MS:  # the parser writes every instant before 1970 as 1970, and cannot give it otherwise
                raise Unsupported("`@` before 1970, or far ahead")
            at = instant
    return When(_offset(given), at)


def _offset(given: Any) -> int:
    try:
        return 0 if given.offset is None else _ms(given.offset)
    except ValueError as e:
        raise Unsupported(f"an offset of that size: {e}") from e


def _unary(given: Any, depth: int) -> Node:
    inner = _node(given.expr, depth)
    return Number(-inner.value) if isinstance(inner, Number) else Negative(inner)


def _binary(given: Any, depth: int) -> Node:
    op, modifier = str(given.op), given.modifier
    left, right = _node(given.lhs, depth), _node(given.rhs, depth)
    matching, to_bool = DEFAULT, False
    if modifier is not None:
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            raise Unsupported("fill")
        to_bool = bool(modifier.return_bool)
        if modifier.matching is not None:
            on = "Include" in str(modifier.matching.type)
            group = _GROUP.get(str(modifier.card), "")
            include = labels(modifier.group_labels or []) if group else ()
            matching = Matching(on, labels(modifier.matching.labels), group, include)
    if is_scalar(left) or is_scalar(right):  # `x > on () 5` is allowed, and says nothing
        matching = DEFAULT
    return Binary(op, left, right, matching, to_bool)


def _aggregate(given: Any, depth: int) -> Node:
    by = True
    names: tuple[str, ...] = ()
    if given.modifier is not None:
        by = "By" in str(given.modifier.type)
        names = labels(given.modifier.labels)
    param = None if given.param is None else _node(given.param, depth)
    if str(given.op) in EXPERIMENTAL:
        raise Unsupported(f"the experimental aggregation {given.op}")
    return Aggregate(str(given.op), _node(given.expr, depth), by, names, param)


def _call(given: Any, depth: int) -> Node:
    if given.func.experimental and given.func.name != SMOOTHING:
        raise Unsupported(f"the experimental function {given.func.name}")
    return Call(given.func.name, tuple(_node(arg, depth) for arg in given.args))


def labels(names: list[str]) -> tuple[str, ...]:
    """The names as they are. Raises Unsupported for one that needs quotes."""
    for name in names:
        if not _LABEL.fullmatch(name):
            raise Unsupported(f"the quoted label name {name!r}")
    return tuple(names)


def _ms(span: timedelta) -> int:
    return round(span / timedelta(milliseconds=1))


_MAKE: dict[str, Callable[[Any, int], Node]] = {
    "NumberLiteral": _number, "StringLiteral": _text, "VectorSelector": _vector, "MatrixSelector": _matrix,
    "SubqueryExpr": _subquery, "UnaryExpr": _unary, "BinaryExpr": _binary, "AggregateExpr": _aggregate, "Call": _call,
}  # fmt: skip
