"""How the rows of a rule's result come from the series of its leaves, matched by labels once; `program` computes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aiops.core.labels import key
from aiops.core.records import Bools, Floats
from aiops.rules.compiler import Condition, Leaf
from aiops.rules.labels import NAME
from aiops.rules.parse import Unsupported, parse
from aiops.rules.tree import Binary, Matching, Number, number, write

Plain = dict[str, str]


@dataclass(frozen=True, slots=True)
class One:
    """A series of a leaf, by its row."""

    series: int


@dataclass(frozen=True, slots=True)
class Missing:
    """A partner that is not there: it never holds. `what` says what is missed."""

    what: str


@dataclass(frozen=True, slots=True)
class Many:
    """`and`: all parts; `or`: any; `unless`: the first, while none of the others holds."""

    op: str
    parts: tuple[Formula, ...]


Formula = One | Missing | Many
Rows = dict[str, tuple[Plain, Formula]]
"""Label sets, without the metric's name, and what makes each fire, by `labels.key`."""


def rows_of(condition: Condition, series_of: Callable[[Leaf], Sequence[tuple[int, Mapping[str, str]]]]) -> Rows:
    """The rows of a rule's result; `series_of` a leaf gives its series and their labels."""
    if isinstance(condition, Leaf):
        out: Rows = {}
        for series, labels in series_of(condition):
            plain = {name: value for name, value in labels.items() if name != NAME}
            out[key(plain)] = plain, One(series)
        return out
    first = rows_of(condition.parts[0], series_of)
    if len(condition.parts) == 1:
        return _grouped(first, condition.matching)
    second = rows_of(condition.parts[1], series_of)
    if condition.op == "or":
        return _either(first, second, condition.matching)
    partners = _by_match(second, condition.matching)
    what = _said(condition.parts[1])
    return {
        name: (labels, _joined(condition.op, formula, partners.get(matched(labels, condition.matching), []), what))
        for name, (labels, formula) in first.items()
    }


def _joined(op: str, formula: Formula, others: list[Formula], what: str) -> Formula:
    if op == "unless":
        return Many("unless", (formula, *others)) if others else formula
    return Many("and", (formula, _any(others) if others else Missing(what)))


def _any(parts: list[Formula]) -> Formula:
    return parts[0] if len(parts) == 1 else Many("or", tuple(parts))


def _either(first: Rows, second: Rows, matching: Matching) -> Rows:
    """`or`: the left as it is; of the right what has no partner there that holds."""
    out, partners = dict(first), _by_match(first, matching)
    for name, (labels, formula) in second.items():
        others = [] if matching.default else partners.get(matched(labels, matching), [])
        alone = Many("unless", (formula, *others)) if others else formula
        out[name] = labels, Many("or", (first[name][1], alone)) if name in first else alone
    return out


def _grouped(rows: Rows, matching: Matching) -> Rows:
    """An aggregation that has a value wherever one of its elements has."""
    groups: dict[str, tuple[Plain, list[Formula]]] = {}
    for labels, formula in rows.values():
        kept = {name: value for name, value in labels.items() if (name in matching.labels) == matching.on}
        groups.setdefault(key(kept), (kept, []))[1].append(formula)
    return {name: (labels, _any(parts)) for name, (labels, parts) in groups.items()}


def _by_match(rows: Rows, matching: Matching) -> dict[str, list[Formula]]:
    out: dict[str, list[Formula]] = {}
    for labels, formula in rows.values():
        out.setdefault(matched(labels, matching), []).append(formula)
    return out


def matched(labels: Mapping[str, str], matching: Matching) -> str:
    """What must be equal on both sides of an operator.

    >>> matched({"a": "1", "b": "2"}, Matching(on=True, labels=("a",)))
    '{"a":"1"}'
    """
    return key({name: value for name, value in labels.items() if value and (name in matching.labels) == matching.on})


def _said(condition: Condition) -> str:
    return shown(condition) if isinstance(condition, Leaf) else "its partner"


def shown(leaf: Leaf) -> str:
    """A comparison as people read it; of what is there or not the expression alone."""
    if leaf.role == "gate" and (leaf.op, leaf.limit) == (">=", 1) and leaf.expr.startswith("group without ()"):
        return leaf.expr.removeprefix("group without ()").strip().removeprefix("(").removesuffix(")")
    return compared(leaf)


@lru_cache(maxsize=10_000)
def compared(leaf: Leaf) -> str:
    """A comparison as PromQL, its limit with all digits.

    >>> compared(Leaf("a or b", "<", 1234567.0, "forecast"))
    '(a or b) < 1234567'
    """
    try:
        return write(Binary(leaf.op, parse(leaf.expr), Number(leaf.limit)))
    except Unsupported:  # a card's own query may be more than rules are compiled from
        return f"({leaf.expr}) {leaf.op} {number(leaf.limit)}"


def members(formula: Formula) -> list[int]:
    """The series in it, from left to right."""
    if isinstance(formula, One):
        return [formula.series]
    return [one for part in formula.parts for one in members(part)] if isinstance(formula, Many) else []


def leading(formula: Formula, expected: Floats, forecast: Bools) -> tuple[float, int] | None:
    """(its expected time, inf = never; the series) that decides when a row fires: of `and` the last, of `or` the first.

    `expected` (n,), `forecast` (n,): which series are forecast; None where there is none in it.
    """
    if isinstance(formula, One):
        at = float(expected[formula.series])
        return (np.inf if np.isnan(at) else at, formula.series) if forecast[formula.series] else None
    if isinstance(formula, Missing):
        return None
    parts = formula.parts[:1] if formula.op == "unless" else formula.parts
    found = [one for one in (leading(part, expected, forecast) for part in parts) if one is not None]
    if not found:
        return None
    return max(found, key=lambda one: one[0]) if formula.op == "and" else min(found, key=lambda one: one[0])
