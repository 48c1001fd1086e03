"""Chains of set operators: their margin grows with their length, for each part is written once or twice."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from aiops.rules import compose
from aiops.rules.tree import (
    DEFAULT,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Matching,
    Negative,
    Node,
    Number,
    Text,
    walk,
)

SIDE = "__side__"
"""The label that keeps parts apart while they stand in one vector."""


@dataclass(frozen=True, slots=True)
class Filter:
    """`op` (and, unless) with what stands right of it: its rule as it stands, and its margin if it is no gate."""

    op: str
    matching: Matching
    rule: Node
    margin: Node | None


def either(parts: Sequence[Node]) -> Node:
    """The margin of `x or y or …`: for each label set the largest that is a number."""
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2 and not any(_combined(part) for part in parts):
        return compose.either(*parts)
    return Aggregate("max", _union(parts), by=False, labels=(SIDE,))


def filtered(rule: Node, margin: Node | None, filters: Sequence[Filter]) -> Node | None:
    """The margin of what passes all filters, whatever their order; None where only gates are left.

    `rule` and `margin` (None: a gate) are of the part that is filtered.
    """
    compared = [one for one in filters if one.margin is not None]
    for matching in _matchings(compared):
        here = [one for one in compared if (one.matching.on, one.matching.labels) == matching]
        margin = _matched(rule, margin, here)
    if margin is None:
        return None
    for one in filters:
        if one.margin is None:
            margin = Binary(one.op, margin, one.rule, one.matching)
    return margin


def _matchings(filters: Iterable[Filter]) -> list[tuple[bool, tuple[str, ...]]]:
    """Each way of matching once; those with an `and` first, for a gate gets its margin from one."""
    found = dict.fromkeys((one.matching.on, one.matching.labels) for one in filters)
    asked = {(one.matching.on, one.matching.labels) for one in filters if one.op == "and"}
    return sorted(found, key=lambda one: one not in asked)


def _matched(rule: Node, margin: Node | None, filters: Sequence[Filter]) -> Node | None:
    """The margin after filters of one matching."""
    matching = filters[0].matching
    wanted = [compose.best_of(one.margin, matching) for one in filters if one.op == "and" and one.margin is not None]
    against = [compose.best_of(one.margin, matching) for one in filters if one.op == "unless" and one.margin is not None]
    if matching.default and margin is not None:
        return _all(wanted if margin is None else [margin, *wanted], against)
    if not wanted:
        return None if margin is None else compose.unless(margin, either(against), matching)
    together = _all(wanted, against)
    return compose.held(rule, together, matching) if margin is None else compose.both(margin, together, matching)


def _all(wanted: Sequence[Node], against: Sequence[Node]) -> Node:
    """The smallest of the wanted margins and the negatives of those against, where all that are wanted are numbers.

    NaN is taken out before, for an aggregation passes over it.
    """
    if len(wanted) == 1 and not against:
        return wanted[0]
    if len(wanted) == 2 and not against:
        return compose.both(wanted[0], wanted[1], DEFAULT)
    if len(wanted) == 1 and len(against) == 1:
        return compose.unless(wanted[0], against[0], DEFAULT)
    known = [compose.known(one) for one in wanted]
    smallest = Aggregate("min", _union([*known, *(Negative(compose.known(one)) for one in against)]), by=False, labels=(SIDE,))
    if len(known) == 1:
        return Binary("and", smallest, known[0])
    counted = Aggregate("count", _union(known), by=False, labels=(SIDE,))
    return Binary("and", smallest, Binary("==", counted, Number(len(known))))


def _union(parts: Sequence[Node]) -> Node:
    out: Node | None = None
    for i, part in enumerate(parts):
        told = Call("label_replace", (part, Text(SIDE), Text(str(i)), Text(""), Text("")))
        out = told if out is None else Binary("or", out, told)
    assert out is not None
    return out


def _combined(node: Node) -> bool:
    return any(isinstance(one, Binary) and one.op in SET_OPERATORS for one in walk(node))
