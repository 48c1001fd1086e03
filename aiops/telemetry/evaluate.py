"""The PromQL subset that sources without a server evaluate, over samples in memory.

Selectors, numbers, + - * / % ^ and unary minus with on, ignoring, group_left, group_right; comparisons with a number as
filters; rate, increase, *_over_time (avg, min, max, sum, count, last); sum, avg, min, max, count by and without; time().
Anything else is refused by name. Semantics are those of Prometheus 2.42: look-back of five minutes, ranges closed at both
ends, counter resets and extrapolation of rate, metric names dropped by every operation, matches that must be unique.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from aiops.config.promql import mistake_in
from aiops.core.errors import SourceError
from aiops.core.labels import Matcher
from aiops.telemetry.ranges import RANGE_FUNCTIONS, instants, ranged
from aiops.telemetry.samples import Array, Frame, Millis, Samples
from aiops.telemetry.vectors import (
    Bools,
    Impossible,
    Matching,
    Vector,
    aggregated,
    arithmetic,
    distinct,
    nameless,
    united,
)

Scalar = Array
LOOKBACK_S = 300
DEEPEST = 100
"""Operations inside each other at most."""
ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
FILTERS: dict[str, Callable[[Any, Any], Any]] = {
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
    "==": np.equal,
    "!=": np.not_equal,
}
AGGREGATIONS = ("sum", "avg", "min", "max", "count")
_MATCH_OPS = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}


class Refused(Exception):
    """A construct outside the subset."""


def evaluate(
    query: str,
    samples: Samples,
    start_s: int,
    end_s: int,
    step_s: int,
    source: str = "-",
) -> Vector:
    """`query` at start_s, start_s + step_s … end_s; rows without a sample are left out.

    Raises SourceError: bad_query for what is no PromQL or cannot be computed there either, unsupported for what is outside
    the subset.
    """
    try:
        tree = _parsed(query)
        with np.errstate(all="ignore"):
            grid_ms = 1000 * np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
            found = _Evaluator(samples, grid_ms, LOOKBACK_S * 1000).of(tree)
    except Refused as e:
        message = (
            f"{e} is outside the subset that sources without a server evaluate; use a prometheus source or rewrite it"
        )
        raise SourceError(source, "unsupported", message) from e
    except Impossible as e:
        raise SourceError(source, "bad_query", f"{query!r}: {e}") from e
    if isinstance(found, Vector):
        return found
    values = np.broadcast_to(found, grid_ms.shape).reshape(1, -1).copy()
    return Vector([{}], values, np.ones(values.shape, bool))


@functools.lru_cache(256)
def _parsed(query: str) -> Any:
    import promql_parser

    mistake = mistake_in(query)
    if mistake is not None:
        raise Impossible(mistake[1])
    return promql_parser.parse(query)


class _Evaluator:
    """Walks the tree; each `_<node>` method handles one kind of node."""

    def __init__(self, samples: Samples, grid_ms: Millis, lookback_ms: int) -> None:
        self.samples, self.grid_ms, self.lookback_ms = samples, grid_ms, lookback_ms
        self._depth = 0

    def of(self, node: Any) -> Vector | Scalar:
        """The value of a node."""
        kind = type(node).__name__
        method = getattr(self, f"_{kind.lower()}", None)
        if method is None:
            raise Refused(_NODES.get(kind, kind))
        if self._depth == DEEPEST:
            raise Refused(f"an expression nested deeper than {DEEPEST}")
        self._depth += 1
        found: Vector | Scalar = method(node)
        self._depth -= 1
        return found

    def _numberliteral(self, node: Any) -> Scalar:
        return np.asarray(float(node.val))

    def _parenexpr(self, node: Any) -> Vector | Scalar:
        return self.of(node.expr)

    def _unaryexpr(self, node: Any) -> Vector | Scalar:
        inner = self.of(node.expr)
        if isinstance(inner, Vector):
            return distinct(Vector([nameless(x) for x in inner.labels], -inner.values, inner.here))
        return -inner

    def _vectorselector(self, node: Any) -> Vector:
        frames = self._select(node, self.lookback_ms)
        return self._collected(frames, lambda frame: instants(frame, self.grid_ms, self.lookback_ms))

    def _call(self, node: Any) -> Vector | Scalar:
        name = node.func.name
        if name == "time":
            return self.grid_ms / 1000
        if name not in RANGE_FUNCTIONS:
            raise Refused(f"the function {name}()")
        inside = node.args[0]
        while type(inside).__name__ == "ParenExpr":
            inside = inside.expr
        if type(inside).__name__ != "MatrixSelector":
            raise Refused(f"{name}() of a subquery")
        span_ms = round(inside.range.total_seconds() * 1000)
        frames = self._select(inside.vector_selector, span_ms)
        found = self._collected(frames, lambda frame: ranged(name, frame, self.grid_ms, span_ms))
        if name == "last_over_time":
            return found
        return distinct(Vector([nameless(x) for x in found.labels], found.values, found.here))

    def _select(self, node: Any, reach_ms: int) -> list[Frame]:
        if node.offset is not None:
            raise Refused("the modifier offset")
        if node.at is not None:
            raise Refused("the modifier @")
        return self.samples.select(_matchers(node), int(self.grid_ms[0]) - reach_ms, int(self.grid_ms[-1]))

    def _collected(self, frames: list[Frame], of: Callable[[Frame], tuple[Array, Bools]]) -> Vector:
        """The rows of all frames that have a sample somewhere on the grid."""
        width = len(self.grid_ms)
        labels, values, here = [], [np.empty((0, width))], [np.empty((0, width), bool)]
        for frame in frames:
            found, there = of(frame)
            if there.any():
                labels += frame.labels
                values.append(found)
                here.append(np.broadcast_to(there, found.shape))
        return Vector(labels, np.concatenate(values), np.concatenate(here))

    def _aggregateexpr(self, node: Any) -> Vector:
        how = str(node.op)
        if how not in AGGREGATIONS:
            raise Refused(f"the aggregation {how}()")
        inner = self.of(node.expr)
        assert isinstance(inner, Vector)  # the parser refuses to aggregate numbers
        modifier = node.modifier
        if modifier is None:
            return aggregated(how, inner, (), False)
        return aggregated(how, inner, list(modifier.labels), str(modifier.type) == "AggModifierType.Without")

    def _binaryexpr(self, node: Any) -> Vector | Scalar:
        op, modifier = str(node.op), node.modifier
        if op not in ARITHMETIC and op not in FILTERS:
            raise Refused(f"the operator {op}")
        if modifier is not None and modifier.return_bool:
            raise Refused(f"the modifier bool of {op}")
        if modifier is not None and (modifier.fill_values.lhs, modifier.fill_values.rhs) != (None, None):
            raise Refused("the modifier fill")
        left, right = self.of(node.lhs), self.of(node.rhs)
        if isinstance(left, Vector) and isinstance(right, Vector):
            if op in FILTERS:
                raise Refused(f"the comparison {op} of two vectors")
            return arithmetic(ARITHMETIC[op], left, right, _matching(modifier))
        if op in FILTERS:
            return _filtered(op, left, right)
        return _with_number(op, left, right)


def _with_number(op: str, left: Vector | Scalar, right: Vector | Scalar) -> Vector | Scalar:
    vector = left if isinstance(left, Vector) else right
    a, b = (x.values if isinstance(x, Vector) else x for x in (left, right))
    values = ARITHMETIC[op](a, b)
    if isinstance(vector, Vector):
        return united(Vector([nameless(x) for x in vector.labels], values, vector.here))
    return np.asarray(values)


def _filtered(op: str, left: Vector | Scalar, right: Vector | Scalar) -> Vector:
    vector = left if isinstance(left, Vector) else right
    assert isinstance(vector, Vector)  # the parser refuses to compare two numbers without bool
    a, b = (x.values if isinstance(x, Vector) else x for x in (left, right))
    return Vector(vector.labels, vector.values, vector.here & FILTERS[op](a, b)).seen()


def _matchers(selector: Any) -> list[Matcher]:
    groups = selector.matchers
    if groups.or_matchers:
        raise Refused("`or` between matchers")
    out = [Matcher("__name__", "=", selector.name)] if selector.name else []
    return out + [_matcher(one.name, _MATCH_OPS[str(one.op)], one.value) for one in groups.matchers]


@functools.lru_cache(1024)
def _matcher(name: str, op: str, value: str) -> Matcher:
    try:
        return Matcher.make(name, op, value)
    except ValueError as e:
        raise Refused(f"the regular expression {value!r}") from e


def _matching(modifier: Any) -> Matching:
    if modifier is None:
        return Matching()
    many = {"VectorMatchCardinality.ManyToOne": "left", "VectorMatchCardinality.OneToMany": "right"}.get(
        str(modifier.card), ""
    )
    labels = modifier.matching
    names = () if labels is None else tuple(labels.labels)
    on = labels is not None and str(labels.type) == "LabelModifierType.Include"
    return Matching(names, on, many, tuple(modifier.group_labels or ()))


_NODES = {
    "StringLiteral": "a string",
    "Subquery": "a subquery",
    "MatrixSelector": "a range selector outside a function",
}
