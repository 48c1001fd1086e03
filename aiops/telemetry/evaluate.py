"""The PromQL subset that sources without a server evaluate, over samples in memory.

Selectors, numbers, + - * / % ^ and unary minus with on, ignoring, group_left, group_right; comparisons with a number as
filters; rate, increase, *_over_time (avg, min, max, sum, count, last); sum, avg, min, max, count by and without; time().
Anything else is refused by name. Semantics are those of Prometheus 2.42: look-back of five minutes, counter resets and
extrapolation of rate, metric names dropped by every operation, one-to-one matching that refuses duplicates.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.errors import SourceError
from aiops.core.labels import Matcher, key
from aiops.telemetry.samples import Samples

Array = NDArray[np.float64]
Scalar = Array
LOOKBACK_S = 300.0
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


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """n label sets and their values (n, t); NaN = absent."""

    labels: list[dict[str, str]]
    values: Array


class Refused(Exception):
    """A construct outside the subset."""


def evaluate(
    query: str,
    samples: Samples,
    start_s: int,
    end_s: int,
    step_s: int,
    lookback_s: float = LOOKBACK_S,
    source: str = "-",
) -> Vector:
    """`query` at start_s, start_s + step_s … end_s. Raises SourceError: bad_query for no PromQL, unsupported otherwise."""
    import promql_parser

    try:
        tree = promql_parser.parse(query)
    except ValueError as e:
        raise SourceError(source, "bad_query", f"{query!r}: {e}") from e
    grid = np.arange(start_s, end_s + 1, step_s, dtype=np.float64)
    try:
        with np.errstate(all="ignore"):
            found = _Evaluator(samples, grid, lookback_s).of(tree)
    except Refused as e:
        message = (
            f"{e} is outside the subset that sources without a server evaluate; use a prometheus source or rewrite it"
        )
        raise SourceError(source, "unsupported", message) from e
    if isinstance(found, Vector):
        return found
    return Vector([{}], np.broadcast_to(found, grid.shape).reshape(1, -1).copy())


class _Evaluator:
    def __init__(self, samples: Samples, grid: Array, lookback_s: float) -> None:
        self.samples, self.grid, self.lookback_s = samples, grid, lookback_s

    def of(self, node: Any) -> Vector | Scalar:
        kind = type(node).__name__
        method = getattr(self, f"_{kind.lower()}", None)
        if method is None:
            raise Refused(f"{kind} {str(node)[:60]!r}")
        found: Vector | Scalar = method(node)
        return found

    def _numberliteral(self, node: Any) -> Scalar:
        return np.asarray(float(node.val))

    def _parenexpr(self, node: Any) -> Vector | Scalar:
        return self.of(node.expr)

    def _unaryexpr(self, node: Any) -> Vector | Scalar:
        inner = self.of(node.expr)
        if isinstance(inner, Vector):
            return Vector([_nameless(x) for x in inner.labels], -inner.values)
        return -inner

    def _vectorselector(self, node: Any) -> Vector:
        if node.offset is not None or node.at is not None:
            raise Refused("offset or @")
        matchers = _matchers(node)
        labels, rows = [], []
        for found, times, values in self.samples.select(matchers, self.grid[0] - self.lookback_s, self.grid[-1]):
            index = np.searchsorted(times, self.grid, side="right") - 1
            inside = index >= 0
            at = np.maximum(index, 0)
            if not len(times):
                continue
            row = np.where(inside & (self.grid - times[at] < self.lookback_s), values[at], np.nan)
            if np.isnan(row).all():
                continue
            labels.append(dict(found))
            rows.append(row)
        return Vector(labels, np.array(rows).reshape(len(rows), len(self.grid)))

    def _call(self, node: Any) -> Vector | Scalar:
        name = node.func.name
        if name == "time" and not node.args:
            return self.grid
        if name in ("rate", "increase") or name.endswith("_over_time"):
            ranged = node.args[0]
            if type(ranged).__name__ != "MatrixSelector":
                raise Refused(f"{name}() of a subquery")
            return self._ranged(name, ranged)
        raise Refused(f"the function {name}()")

    def _ranged(self, name: str, node: Any) -> Vector:
        span = node.range.total_seconds()
        selector = node.vector_selector
        if selector.offset is not None or selector.at is not None:
            raise Refused("offset or @")
        labels, rows = [], []
        for found, times, values in self.samples.select(_matchers(selector), self.grid[0] - span - 1e-9, self.grid[-1]):
            first = np.searchsorted(times, self.grid - span, side="left")
            last = np.searchsorted(times, self.grid, side="right")
            row = (
                _extrapolated(name, times, values, first, last, self.grid, span)
                if name in ("rate", "increase")
                else None
            )
            row = _over_time(name, values, first, last) if row is None else row
            if np.isnan(row).all():
                continue
            labels.append(_nameless(found))
            rows.append(row)
        return Vector(labels, np.array(rows).reshape(len(rows), len(self.grid)))

    def _aggregateexpr(self, node: Any) -> Vector:
        how = str(node.op)
        inner = self.of(node.expr)
        if how not in ("sum", "avg", "min", "max", "count") or not isinstance(inner, Vector):
            raise Refused(f"the aggregation {how}")
        names, without = _grouping(node.modifier)
        groups: dict[str, list[int]] = {}
        kept: dict[str, dict[str, str]] = {}
        for i, labels in enumerate(inner.labels):
            if without:
                group = {k: v for k, v in labels.items() if k not in names and k != "__name__"}
            else:
                group = {k: labels[k] for k in names if labels.get(k)}
            groups.setdefault(key(group), []).append(i)
            kept[key(group)] = group
        rows = [_aggregated(how, inner.values[members]) for members in groups.values()]
        return Vector(list(kept.values()), np.array(rows).reshape(len(rows), len(self.grid)))

    def _binaryexpr(self, node: Any) -> Vector | Scalar:
        op = str(node.op)
        if op not in ARITHMETIC and op not in FILTERS:
            raise Refused(f"the operator {op}")
        left, right = self.of(node.lhs), self.of(node.rhs)
        modifier = node.modifier
        if modifier is not None and modifier.return_bool:
            raise Refused("bool")
        if op in FILTERS:
            return _filtered(op, left, right)
        function = ARITHMETIC[op]
        if not isinstance(left, Vector) and not isinstance(right, Vector):
            return np.asarray(function(left, right))
        if not isinstance(right, Vector):
            assert isinstance(left, Vector)
            return Vector([_nameless(x) for x in left.labels], function(left.values, right))
        if not isinstance(left, Vector):
            return Vector([_nameless(x) for x in right.labels], function(left, right.values))
        return self._matched(function, left, right, modifier)

    def _matched(self, function: Callable[[Any, Any], Any], left: Vector, right: Vector, modifier: Any) -> Vector:
        card, names, on, include = _matching(modifier)
        swapped = card == "OneToMany"
        many, one = (right, left) if swapped else (left, right)

        def signature(labels: dict[str, str]) -> str:
            if on:
                return key({k: labels.get(k, "") for k in names})
            return key({k: v for k, v in labels.items() if k not in names and k != "__name__"})

        partners: dict[str, int] = {}
        for i, labels in enumerate(one.labels):
            name = signature(labels)
            if name in partners:
                both = ~np.isnan(one.values[i]) & ~np.isnan(one.values[partners[name]])
                if both.any():
                    raise Refused(f"many-to-many matching: two series with {name} on one side;")
                one.values[partners[name]] = np.where(
                    np.isnan(one.values[i]), one.values[partners[name]], one.values[i]
                )
            partners.setdefault(name, i)
        labels_out, rows, seen = [], [], set()
        for i, labels in enumerate(many.labels):
            j = partners.get(signature(labels))
            if j is None:
                continue
            a, b = (one.values[j], many.values[i]) if swapped else (many.values[i], one.values[j])
            row = function(a, b)
            if np.isnan(row).all():
                continue
            result = _result_labels(labels, one.labels[j], card, names, on, include)
            if key(result) in seen:
                raise Refused("many-to-one matching without group_left or group_right")
            seen.add(key(result))
            labels_out.append(result)
            rows.append(row)
        return Vector(labels_out, np.array(rows).reshape(len(rows), len(self.grid)))


def _result_labels(
    many: dict[str, str], one: dict[str, str], card: str, names: Sequence[str], on: bool, include: Sequence[str]
) -> dict[str, str]:
    if card == "OneToOne":
        if on:
            return {k: many[k] for k in names if many.get(k)}
        return {k: v for k, v in many.items() if k not in names and k != "__name__"}
    out = _nameless(many)
    for name in include:
        out.pop(name, None)
        if one.get(name):
            out[name] = one[name]
    return out


def _filtered(op: str, left: Vector | Scalar, right: Vector | Scalar) -> Vector:
    if isinstance(left, Vector) and not isinstance(right, Vector):
        kept = Vector(left.labels, np.where(FILTERS[op](left.values, right), left.values, np.nan))
    elif isinstance(right, Vector) and not isinstance(left, Vector):
        kept = Vector(right.labels, np.where(FILTERS[op](left, right.values), right.values, np.nan))
    else:
        raise Refused(f"a comparison {op} of two vectors")
    some = [i for i in range(len(kept.labels)) if not np.isnan(kept.values[i]).all()]
    return Vector([kept.labels[i] for i in some], kept.values[some])


def _aggregated(how: str, values: Array) -> Array:
    present = ~np.isnan(values)
    count = present.sum(axis=0)
    if how == "count":
        out = count.astype(np.float64)
    elif how in ("sum", "avg"):
        out = np.where(present, values, 0.0).sum(axis=0)
        out = out / count if how == "avg" else out
    else:
        out = (np.fmin if how == "min" else np.fmax).reduce(values, axis=0)
    return np.where(count > 0, out, np.nan)


def _over_time(name: str, values: Array, first: NDArray[np.int64], last: NDArray[np.int64]) -> Array:
    functions = {
        "avg_over_time": np.mean,
        "min_over_time": np.min,
        "max_over_time": np.max,
        "sum_over_time": np.sum,
        "count_over_time": len,
        "last_over_time": lambda x: x[-1],
    }
    if name not in functions:
        raise Refused(f"the function {name}()")
    function: Callable[[Any], Any] = functions[name]  # type: ignore[assignment]
    return np.array([function(values[a:b]) if b > a else np.nan for a, b in zip(first, last, strict=True)], np.float64)


def _extrapolated(
    name: str, times: Array, values: Array, first: NDArray[np.int64], last: NDArray[np.int64], grid: Array, span: float
) -> Array:
    """rate and increase as Prometheus computes them (promql/functions.go, extrapolatedRate), for all instants at once."""
    if len(times) < 2:
        return np.full(len(grid), np.nan)
    drops = np.concatenate([[0.0], np.cumsum(np.where(np.diff(values) < 0, values[:-1], 0.0))])
    enough = last - first >= 2
    a, b = np.where(enough, first, 0), np.where(enough, last - 1, 1)
    result = values[b] - values[a] + (drops[b] - drops[a])
    to_start, to_end = times[a] - (grid - span), grid - times[b]
    sampled = times[b] - times[a]
    between = sampled / (b - a)
    rises = (result > 0) & (values[a] >= 0)
    to_zero = np.where(rises, sampled * (values[a] / np.where(rises, result, 1.0)), np.inf)
    to_start = np.minimum(to_start, to_zero)
    near = between * 1.1
    extra = sampled + np.where(to_start < near, to_start, between / 2) + np.where(to_end < near, to_end, between / 2)
    result = result * (extra / sampled)
    return np.where(enough, result / span if name == "rate" else result, np.nan)


def _nameless(labels: dict[str, str]) -> dict[str, str]:
    return {k: v for k, v in labels.items() if k != "__name__"}


def _matchers(selector: Any) -> list[Matcher]:
    ops = {"MatchOp.Equal": "=", "MatchOp.NotEqual": "!=", "MatchOp.Re": "=~", "MatchOp.NotRe": "!~"}
    out = [Matcher("__name__", "=", selector.name)] if selector.name else []
    groups = selector.matchers
    if getattr(groups, "or_matchers", None):
        raise Refused("`or` between matchers")
    for one in groups.matchers:
        op = ops[str(one.op)]
        out.append(Matcher.make(one.name, op, one.value))
    return out


def _grouping(modifier: Any) -> tuple[list[str], bool]:
    if modifier is None:
        return [], False
    return list(modifier.labels), "Exclude" in str(modifier.type) or "without" in str(modifier.type).lower()


def _matching(modifier: Any) -> tuple[str, list[str], bool, list[str]]:
    if modifier is None:
        return "OneToOne", [], False, []
    card = str(modifier.card).split(".")[-1]
    names, on = [], False
    if modifier.matching is not None:
        names = list(modifier.matching.labels)
        on = "Include" in str(modifier.matching.type) or str(modifier.matching.type).lower().endswith("on")
    include = list(getattr(modifier, "group_labels", None) or getattr(modifier.card, "labels", None) or [])
    return card, names, on, include
