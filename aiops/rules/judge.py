"""Whether one comparison can be anticipated: None, or the reason why not."""

from __future__ import annotations

import math

from aiops.rules.constants import fixed
from aiops.rules.quantity import (
    by_the_clock,
    counted,
    counts_bad_things,
    falls_to_zero,
    grows,
    happenings,
    is_failure,
    is_info,
    is_signed,
    is_state,
    rate_window_s,
    restarts,
    slope,
    spread,
    ticking,
    whole,
)
from aiops.rules.rewrite import FLIPPED, Solved, in_order, solved
from aiops.rules.tree import Aggregate, Binary, Call, Node, Selector, walk

REASONS = {
    "binary": "a state of two or a few values does not approach its limit",
    "presence": "fires because a series is there, whatever its value",
    "absent": "fires because nothing is there",
    "event_counter": "fires at the first event: there is no sign before",
    "equality": "== or !=: there is no side to come from",
    "always_fires": "fires at every instant, or by the clock",
    "name_collision": "several metric names under one label set",
    "infinite": "the limit is infinite or no number",
    "no_comparison": "nothing is compared",
    "unsupported_syntax": "does not parse, or a part of it is not understood",
    "not_equivalent": "computes with what passed a comparison",
}
"""Why a rule cannot be anticipated, as people read it: a closed list."""
ABSENT = ("absent", "absent_over_time")


def refusal(left: Node, op: str, right: Node) -> str | None:
    """Why `left op right` has no continuous margin, or None; what is one number stands on the right (rewrite.in_order)."""
    if _only_absence(left):
        return "absent"
    limit = fixed(right)
    if limit is not None and not math.isfinite(limit):
        return "infinite"
    if by_the_clock(left) and by_the_clock(right):
        return "always_fires"
    if limit is None:
        return "equality" if op in ("==", "!=") else _of_two(Binary("-", left, right), op)
    quantity, op, limit = solved(left, op, limit)
    if op in ("==", "!="):
        return _equal(quantity, op, limit)
    if _exact_filter(quantity):
        return "equality"
    return _ordered(quantity, op, limit)


def restarted(rule: Node) -> bool:
    """Whether it compares an age with what only something young is below: true for a while after a start, and never before."""
    apart = _apart(rule)
    return apart is not None and restarts(*apart)


def waits(rule: Node) -> bool:
    """Whether it compares an age, so that nothing but time has to pass."""
    apart = _apart(rule)
    return apart is not None and ticking(apart[0]) != 0


def _apart(rule: Node) -> Solved | None:
    """What a comparison compares, against a number; None of anything else."""
    if not isinstance(rule, Binary) or rule.op not in FLIPPED or rule.to_bool:
        return None
    ordered = in_order(rule)
    limit = fixed(ordered.right)
    if limit is None:
        return Binary("-", ordered.left, ordered.right), ordered.op, 0.0
    return solved(ordered.left, ordered.op, limit)


def _of_two(apart: Binary, op: str) -> str | None:
    """Of a comparison of two quantities, by their difference."""
    return "event_counter" if restarts(apart, op, 0) or _at_rest(apart) or _jumps(apart, op) else None


def _jumps(quantity: Node, op: str) -> bool:
    """Whether it asks if something failed later than something else happened: that moves at once, when it fails."""
    if not isinstance(quantity, Binary) or quantity.op != "-":
        return False
    return is_failure(quantity.left if op in (">", ">=") else quantity.right)


def _at_rest(quantity: Node) -> bool:
    """Whether it is 0 as long as nothing happens: a change over time, or a spread among the series of one selector."""
    return slope(quantity) or spread(quantity)


def _equal(quantity: Node, op: str, limit: float) -> str | None:
    if is_info(quantity):
        return "presence"
    if is_state(quantity, limit) and limit in (0, 1):
        return "binary"
    if op == "==" and limit == 0 and falls_to_zero(quantity) and not happenings(quantity):
        return None
    return "equality"


def _ordered(quantity: Node, op: str, limit: float) -> str | None:
    rising = op in (">", ">=")
    at_zero = limit == 0
    if restarts(quantity, op, limit):
        return "event_counter"
    if is_state(quantity, limit):
        return "event_counter" if _adds_up(quantity) or (rising and counts_bad_things(quantity)) else "binary"
    if is_info(quantity) and rising and (limit < 1 or (limit == 1 and op == ">=")):
        return "presence"
    if happenings(quantity) or (at_zero and _at_rest(quantity)) or _jumps(quantity, op):
        return "event_counter"
    if rising and _first_one(quantity, op, limit) and not _difference(quantity):
        return "event_counter"
    if is_signed(quantity):
        return None
    if rising and at_zero:
        return "event_counter" if op == ">" else "presence"
    if not rising and _never_zero(quantity) and (limit < 1 or (limit == 1 and op == "<")):
        return "equality"
    return None


def _first_one(quantity: Node, op: str, limit: float) -> bool:
    """Whether the limit is passed by the first of a count; growth is interpolated, so 0.5 is as good as 1 there.

    So it is by a rate that is less than one event in its window.
    """
    window_s = rate_window_s(quantity)
    if window_s is not None:
        events = limit * window_s
        return 0 < events < 1 or (op == ">=" and math.isclose(events, 1))
    if not whole(quantity):
        return False
    if (grows(quantity) or counted(quantity)) and 0 < limit < 1:
        return True
    return limit == (0 if op == ">" else 1)


def _difference(quantity: Node) -> bool:
    """A difference of two quantities may rest anywhere; one with its own past rests at zero."""
    return is_signed(quantity) and not slope(quantity)


def _never_zero(quantity: Node) -> bool:
    return isinstance(quantity, Aggregate) and quantity.op in ("count", "group")


def _adds_up(quantity: Node) -> bool:
    return isinstance(quantity, Aggregate) and quantity.op in ("sum", "count")


def _exact_filter(quantity: Node) -> bool:
    """Whether the value itself already went through `==` or `!=`."""
    return isinstance(quantity, Binary) and quantity.op in ("==", "!=") and not quantity.to_bool


def _only_absence(quantity: Node) -> bool:
    """Whether absent() is in it, and no series stands outside of it."""
    inside = [one for one in walk(quantity) if isinstance(one, Call) and one.name in ABSENT]
    return bool(inside) and _series(quantity) == sum(map(_series, inside))


def _series(node: Node) -> int:
    return sum(isinstance(one, Selector) for one in walk(node))
