"""What sort of quantity an expression is, as far as its functions, operators and the words of its names tell.

Nothing here asks a server: a name is split into words and the words looked up. Where they say nothing, the quantity is taken
for a real number that does not fall below zero.
"""

from __future__ import annotations

import itertools
import re
from dataclasses import replace

from aiops.rules.tree import (
    COMPARISONS,
    NOW,
    SET_OPERATORS,
    Aggregate,
    Binary,
    Call,
    Negative,
    Node,
    Number,
    Selector,
    Subquery,
    children,
    rebuilt,
    walk,
)
from aiops.rules.words import (
    BAD_COUNTS,
    CODES,
    COUNTED,
    FAILURES,
    INSTANTS,
    KEPT,
    MOMENTS,
    NO_PLURALS,
    NUMBERED,
    PLAIN_STATES,
    REALS,
    SHARES,
    SIGNED,
    SIGNED_FUNCTIONS,
    SPANS,
    STATES,
    SUFFIXES,
    THINGS_THAT,
)

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

RATES = frozenset({"rate", "irate"})
GROWTHS = frozenset({"increase", "count_over_time", "present_over_time"})
CHANGES = frozenset({"changes", "resets"})
SLOPES = frozenset({"delta", "idelta", "deriv"})
_MANY_FUNCTIONS = RATES | {"increase", "histogram_quantile", "sum_over_time", "stddev_over_time", "avg_over_time"}
_SIGNED_FUNCTIONS = SLOPES | SIGNED_FUNCTIONS
_UNSIGNED_FUNCTIONS = RATES | GROWTHS | CHANGES | {"abs", "time", "sqrt", "exp", "histogram_quantile", "histogram_count"}


def words(name: str) -> tuple[str, ...]:
    """The words of a name, lower case, without endings that say how it was aggregated.

    >>> words("jobs_numRunning"), words("node_mem_percent_average")
    (('jobs', 'num', 'running'), ('node', 'mem', 'percent'))
    """
    found = [w.lower() for w in _WORD.findall(name)]
    while len(found) > 1 and found[-1] in SUFFIXES:
        found.pop()
    return tuple(found)


def name_of(node: Selector) -> str:
    """The metric's name; empty where only an expression for names is given."""
    named = [value for label, op, value in node.matchers if label == "__name__" and op == "="]
    return node.name or (named[0] if named else "")


def inner(node: Node) -> Node | None:
    """What an expression is a version of in the same sort: behind filters, guards, smoothing and rounding; else None."""
    if isinstance(node, Binary):
        return node.left if node.op in (*SET_OPERATORS, *COMPARISONS) and not node.to_bool else None
    if isinstance(node, Aggregate):
        return node.of if node.op in ("min", "max", "topk", "bottomk", "quantile") else None
    if isinstance(node, Call) and node.args:
        kept = node.name in KEPT
        return node.args[-1] if node.name == "quantile_over_time" else node.args[0] if kept else None
    return node.of if isinstance(node, Subquery) else None


def is_state(node: Node, limit: float) -> bool:
    """Whether it only takes the values of a state near `limit`: 0/1 between 0 and 1, a numbered state at small integers."""
    if isinstance(node, Selector):
        ends = words(name_of(node))[-1:]
        if not ends:
            return False
        last = ends[0]
        if last in THINGS_THAT and _plural(words(name_of(node))[-2:-1]):
            return False
        if last in CODES or (last in NUMBERED and limit == int(limit) and abs(limit) <= 10):
            return True
        if 0 < limit < 1:
            return last in PLAIN_STATES
        return limit in (0, 1) and (last in STATES or _asks(name_of(node)))
    if isinstance(node, Binary) and node.to_bool:
        return True
    if isinstance(node, Aggregate) and node.op in ("avg", "group"):
        return is_state(node.of, limit) and limit in (0, 1)
    below = inner(node)
    return below is not None and is_state(below, limit)


def _plural(found: tuple[str, ...]) -> bool:
    """Whether the last word names several things: `jobs_running` is their number."""
    return any(word.endswith("s") and word not in NO_PLURALS for word in found[-1:])


def _asks(name: str) -> bool:
    """Whether the name is a yes-or-no question or answer: `is_…`, `has_…`, `…_last_reload_successful`, a lone error flag."""
    found = words(name)
    return bool({"is", "has"} & set(found)) or found[-2:] in (("scrape", "error"), ("last", "error"))


def counts_bad_things(node: Node) -> bool:
    """Whether the name may as well count what is failed or offline as flag it."""
    if isinstance(node, Selector):
        return bool(BAD_COUNTS & set(words(name_of(node))[-1:])) and not _asks(name_of(node))
    below = inner(node)
    return below is not None and counts_bad_things(below)


def is_info(node: Node) -> bool:
    """Whether it only carries labels and always is 1: series of that kind, `present_over_time`, `group`."""
    if isinstance(node, Selector):
        return words(name_of(node))[-1:] in (("info",), ("infos",)) or name_of(node) == "ALERTS"
    if isinstance(node, Call) and node.name == "present_over_time":
        return True
    if isinstance(node, Aggregate) and node.op == "group":
        return True
    below = inner(node)
    return below is not None and is_info(below)


def is_failure(node: Node) -> bool:
    """Whether it is the instant at which something failed: `backup_last_failure_timestamp_seconds`."""
    if isinstance(node, Selector):
        found = set(words(name_of(node)))
        return bool(found & MOMENTS and found & FAILURES)
    below = inner(node)
    return below is not None and is_failure(below)


def is_signed(node: Node) -> bool:
    """Whether it may well be negative."""
    if isinstance(node, Number):
        return node.value < 0
    if isinstance(node, Selector):
        return _signed(words(name_of(node)))
    if isinstance(node, Negative):
        return True
    if isinstance(node, Binary):
        if node.op in (*SET_OPERATORS, *COMPARISONS):
            return not node.to_bool and is_signed(node.left)
        return node.op == "-" or is_signed(node.left) or is_signed(node.right)
    if isinstance(node, Aggregate):
        return node.op not in ("count", "group", "stddev", "stdvar", "count_values") and is_signed(node.of)
    if isinstance(node, Call):
        if node.name in _SIGNED_FUNCTIONS:
            return True
        return node.name not in _UNSIGNED_FUNCTIONS and any(map(is_signed, node.args))
    return isinstance(node, Subquery) and is_signed(node.of)


def _signed(found: tuple[str, ...]) -> bool:
    """`clock_skew_seconds`, not `clock_skew_errors_total`: how many of something there are is never negative."""
    found = found[:-1] if found[-1:] == ("total",) else found
    counts = _plural(found) and not (SIGNED | REALS) & set(found[-1:])
    return bool(SIGNED & set(found)) and not counts


def falls_to_zero(node: Node) -> bool:
    """Whether it takes many values ≥ 0 and can come down to 0: something that runs out or stops."""
    if is_signed(node):
        return False
    if isinstance(node, Selector):
        return _runs_out(words(name_of(node)))
    if isinstance(node, Aggregate) and node.op == "sum":
        return True
    if isinstance(node, Aggregate) and node.op == "avg":
        return falls_to_zero(node.of)
    if isinstance(node, Binary) and node.op in ("+", "*", "/"):
        return falls_to_zero(node.left) or (node.op == "+" and falls_to_zero(node.right)) or isinstance(node.left, Number)
    if isinstance(node, Call) and node.name in _MANY_FUNCTIONS:
        return True
    below = inner(node)
    return below is not None and falls_to_zero(below)


def _runs_out(found: tuple[str, ...]) -> bool:
    if not found or found[-1] in STATES or found[-1] == "total" or INSTANTS & set(found):
        return False
    return _plural(found) or bool(COUNTED & set(found)) or any(w.startswith("num") for w in found)


def whole(node: Node) -> bool:
    """Whether it counts in ones, unscaled: a counter, its growth, a count, a number of things."""
    if isinstance(node, Selector):
        found = words(name_of(node))
        return found[-1:] in (("count",), ("bucket",)) or not REALS & set(found)
    if isinstance(node, Aggregate):
        return node.op in ("count", "count_values") or (node.op in ("sum", "min", "max") and whole(node.of))
    if isinstance(node, Binary) and node.op in ("-", "+"):
        return whole(node.left) and whole(node.right)
    if isinstance(node, Binary) and node.to_bool:
        return True
    if isinstance(node, Call) and node.name == "increase":
        return not _adds_up_reals(node.args[0])
    if isinstance(node, Call) and node.name in GROWTHS | CHANGES:
        return True
    if isinstance(node, Call) and node.name in ("delta", "idelta"):
        return whole(node.args[0])
    below = inner(node)
    return below is not None and whole(below)


def _adds_up_reals(node: Node) -> bool:
    """Whether a counter adds up seconds, bytes or the like: `io_time_seconds_total`, `request_duration_seconds_sum`."""
    if not isinstance(node, Selector):
        below = node.of if isinstance(node, Aggregate) and node.op == "sum" else inner(node)
        return below is not None and _adds_up_reals(below)
    found = words(name_of(node))
    found = found[:-1] if found[-1:] in (("total",), ("sum",)) else found
    return bool(REALS & set(found[-1:]))


def counted(node: Node) -> bool:
    """Whether it is a number of series: how many there are, or for how many something holds."""
    if isinstance(node, Aggregate) and node.op == "sum":
        return isinstance(node.of, Binary) and node.of.to_bool
    if isinstance(node, Aggregate) and node.op in ("count", "count_values"):
        return True
    below = inner(node)
    return below is not None and counted(below)


def grows(node: Node) -> bool:
    """Whether it is the growth of a counter over a window, or a sum of such."""
    if isinstance(node, Call) and node.name in GROWTHS | {"delta", "idelta"}:
        return True
    below = node.of if isinstance(node, Aggregate) and node.op == "sum" else inner(node)
    return below is not None and grows(below)


def happenings(node: Node) -> bool:
    """Whether its size is a number of changes or resets, whatever it is scaled or summed by."""
    if isinstance(node, Call) and node.name in CHANGES:
        return True
    if isinstance(node, Binary) and node.op in ("*", "/", "+"):
        return happenings(node.left) or (node.op != "/" and happenings(node.right))
    below = node.of if isinstance(node, Aggregate) and node.op in ("sum", "avg") else inner(node)
    return below is not None and happenings(below)


def slope(node: Node) -> bool:
    """Whether it is a change over time, which is 0 at rest: delta, deriv, or a quantity less its own past."""
    if isinstance(node, Call) and node.name in SLOPES:
        return True
    if isinstance(node, Binary) and node.op == "-":
        return at_present(node.left) == at_present(node.right) and node.left != node.right
    if isinstance(node, Binary) and node.op in ("*", "/") and isinstance(node.right, Number):
        return slope(node.left)
    below = node.of if isinstance(node, Aggregate) and node.op in ("sum", "avg") else inner(node)
    return below is not None and slope(below)


def spread(node: Node) -> bool:
    """Whether it is how far apart the series of one selector are: 0 while all are alike."""
    if not isinstance(node, Binary) or node.op != "-" or node.left == node.right:
        return False
    left, right = ({one for one in walk(at_present(side)) if isinstance(one, Selector)} for side in (node.left, node.right))
    return left == right and len(left) == 1 and all(isinstance(side, Aggregate) for side in (node.left, node.right))


def rate_window_s(node: Node) -> float | None:
    """The window of a rate of what counts in ones, of a sum or the largest of such; None of anything else."""
    if isinstance(node, Call) and node.name in RATES and isinstance(node.args[0], Selector):
        return (node.args[0].range_ms or 0) / 1000 if whole(node.args[0]) else None
    below = node.of if isinstance(node, Aggregate) and node.op == "sum" else inner(node)
    return None if below is None else rate_window_s(below)


def restarts(node: Node, op: str, limit: float) -> bool:
    """Whether `node op limit` asks for what happened a moment ago: an age falls by starting anew, never slowly.

    An instant ahead of the time by more than something is no such question.
    """
    turned = ticking(node)
    if op in ("<", "<="):
        return turned > 0
    return op in (">", ">=") and turned < 0 and limit < _offset(node)


def _offset(node: Node) -> float:
    """The numbers that are added to what is measured."""
    if isinstance(node, Number):
        return node.value
    if isinstance(node, Binary) and node.op in ("+", "-"):
        left, right = _offset(node.left), _offset(node.right)
        return left + right if node.op == "+" else left - right
    return 0.0


def ticking(node: Node) -> int:
    """+1 for what grows with the time by itself, such as an age, −1 for what shrinks with it, 0 for anything else."""
    if isinstance(node, Call) and node.name == "time":
        return 1
    if isinstance(node, Call) and node.name in ("vector", "scalar"):
        return ticking(node.args[0])
    if isinstance(node, Selector):
        return int(_counts_time(words(name_of(node))))
    if isinstance(node, Negative):
        return -ticking(node.of)
    if isinstance(node, Binary) and node.op in ("+", "-"):
        left, right = ticking(node.left), ticking(node.right)
        return left + (right if node.op == "+" else -right)
    if isinstance(node, Binary) and node.op in ("*", "/") and isinstance(node.right, Number):
        return ticking(node.left) * (-1 if node.right.value < 0 else 1)
    below = node.of if isinstance(node, Aggregate) and node.op in ("avg", "sum") else inner(node)
    return 0 if below is None else ticking(below)


def _counts_time(found: tuple[str, ...]) -> bool:
    """Uptimes, ages, and the clock of a machine as a series."""
    pairs = set(itertools.pairwise(found))
    age = found[-1:] == ("age",) or (found[-2:-1] == ("age",) and found[-1] in SPANS)
    uptime = "uptime" in found or ("up", "time") in pairs or "since" in found or age
    return (uptime and not SHARES & set(found)) or found == ("node", "time", "seconds")


def at_present(node: Node) -> Node:
    """The expression with every selector at the present, but those at an instant that is fixed."""
    if isinstance(node, Selector) and not isinstance(node.when.at, int):
        return replace(node, when=NOW)
    return rebuilt(node, at_present)


def by_the_clock(node: Node) -> bool:
    """Whether nothing that is measured now is in it: constants, the time of day, vector(1), a series at a fixed instant."""
    if isinstance(node, Selector | Subquery) and isinstance(node.when.at, int):
        return True
    return not isinstance(node, Selector) and all(map(by_the_clock, children(node)))


def in_steps(node: Node) -> bool:
    """Whether it counts, or adds up what passes a comparison or the 0 and 1 of one, and so moves in steps."""
    return any(_steps(one) for one in walk(node))


def _steps(node: Node) -> bool:
    if isinstance(node, Aggregate):
        return node.op in ("count", "count_values") or _compares(node.of)
    if not isinstance(node, Call) or not node.name.endswith("_over_time"):
        return False
    return node.name == "count_over_time" or _compares(node.args[-1])


def _compares(node: Node) -> bool:
    return any(isinstance(one, Binary) and one.op in COMPARISONS for one in walk(node))
