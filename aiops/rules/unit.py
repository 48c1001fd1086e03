"""The unit of an expression, as far as the endings of its names and its operators tell."""

from __future__ import annotations

from functools import lru_cache

from aiops.core.quantity import RATIO
from aiops.rules.parse import Unsupported, parse
from aiops.rules.quantity import GROWTHS, RATES
from aiops.rules.tree import Aggregate, Binary, Call, Negative, Node, Number, Selector, Subquery, walk

INSTANT = "instant"
"""Seconds since 1970: no unit to be shown, but a difference of two is a span."""
BUSY = "s/s"
"""Seconds a second: a share of one worker, but the sum over many is none of them all, so it is shown without a unit."""
_ENDINGS = {
    "bytes": "By", "seconds": "s", "ratio": RATIO, "celsius": "Cel", "percent": "%", "milliseconds": "ms", "volts": "V",
    "amperes": "A", "watts": "W", "joules": "J", "hertz": "Hz", "meters": "m",
}  # fmt: skip
_AGGREGATED = ("total", "sum", "bucket")
_COUNTS = ("count", "count_values", "group", "count_over_time", "present_over_time", "changes", "resets")
_OTHER = frozenset(
    {"stdvar", "stdvar_over_time", "exp", "ln", "log2", "log10", "sqrt", "sgn", "histogram_stdvar", "histogram_count"}
)


@lru_cache(maxsize=10_000)
def unit_of(expr: str) -> str:
    """The UCUM unit of a PromQL expression; "1" for numbers without one and for what is not known.

    A name ends in its base unit (`_bytes`, `_seconds`, `_ratio`), before `_total`, `_sum` and `_bucket`; a rate is of it per
    second, a quotient of equal units or of one metric by itself is a ratio, as is what 1 exceeds a share by, and a hundred times
    that is percent. Units are never converted. Anything that does not fit leaves it unknown, so that no number is shown with a
    wrong unit: a count by another is none, for pods a node are no share.
    Source: https://prometheus.io/docs/practices/naming/#base-units

    >>> [unit_of(one) for one in ("rate(sent_bytes_total[5m])", "used_bytes / size_bytes", "end_timestamp_seconds - time()")]
    ['By/s', '{ratio}', 's']
    """
    try:
        found = _unit(parse(expr))
    except (Unsupported, ValueError):
        return "1"
    return found if found and found not in (INSTANT, BUSY) else "1"


def _unit(node: Node) -> str | None:
    """The unit; None = not known."""
    if isinstance(node, Selector):
        return _named(node.name)
    if isinstance(node, Negative | Subquery):
        return _unit(node.of)
    if isinstance(node, Aggregate):
        return None if node.op in _OTHER else "1" if node.op in _COUNTS else _unit(node.of)
    if isinstance(node, Call):
        return _called(node)
    return _computed(node) if isinstance(node, Binary) else None


def _named(name: str) -> str | None:
    words = name.lower().split("_")
    while len(words) > 1 and words[-1] in _AGGREGATED:
        words.pop()
    if words[-1] == "count":
        return "1"
    if words[-1] == "expiry" or words[-2:] == ["timestamp", "seconds"] or words[-2:] == ["time", "seconds"]:
        return INSTANT
    return _ENDINGS.get(words[-1])


def _called(node: Call) -> str | None:
    if node.name in ("time", "timestamp"):
        return INSTANT
    if node.name in _COUNTS:
        return "1"
    if node.name in _OTHER or not node.args:
        return None
    if node.name == "histogram_quantile":
        return next((_named(one.name) for one in walk(node) if isinstance(one, Selector)), None)  # that of its buckets' bounds
    of = next((unit for one in node.args if not isinstance(one, Number) and (unit := _unit(one)) is not None), None)
    if node.name in RATES or node.name == "deriv":
        return _per_second(of)
    if of == INSTANT and node.name in (*GROWTHS, "delta", "idelta"):
        return "s"
    return of


def _per_second(unit: str | None) -> str | None:
    if unit in ("s", INSTANT):
        return BUSY
    return None if unit is None or "/" in unit or unit in ("%", RATIO) else f"{unit}/s"


def _computed(node: Binary) -> str | None:
    left, right = _unit(node.left), _unit(node.right)
    if isinstance(node.right, Number) or isinstance(node.left, Number):
        number = node.right if isinstance(node.right, Number) else node.left
        assert isinstance(number, Number)
        return _with_number(node, number.value, left if number is node.right else right)
    if node.op in ("+", "-"):
        if left == right == INSTANT:
            return "s" if node.op == "-" else None
        return INSTANT if INSTANT in (left, right) and "s" in (left, right) else left if left == right else None
    if node.op == "/":
        if left == right and (_alike(node.left, node.right) or left not in (None, "1", "1/s", INSTANT)):
            return RATIO
        if left is not None and left == right:
            return "1"
        if right == "1/s":
            return "s" if left == "1" else left.removesuffix("/s") if left is not None and left.endswith("/s") else None
        return left if right == "1" and left != INSTANT else None
    return left if node.op not in ("*", "%", "^", "atan2") and not node.to_bool else None


def _alike(left: Node, right: Node) -> bool:
    """Whether both sides are one metric, treated alike: of another selection, at another time, in another grouping."""
    return len(names := _metrics(left)) == 1 and names == _metrics(right) and _treated(left) == _treated(right)


def _metrics(node: Node) -> set[str]:
    return {one.name for one in walk(node) if isinstance(one, Selector)}


def _treated(node: Node) -> set[str]:
    """What is done to a metric that may leave it in another unit."""
    calls = {one.name for one in walk(node) if isinstance(one, Call)}
    others = {one.op for one in walk(node) if isinstance(one, Binary) and one.op in ("*", "/", "%", "^", "atan2")}
    return calls | others | {one.op for one in walk(node) if isinstance(one, Aggregate) and one.op in (*_COUNTS, *_OTHER)}


def _with_number(node: Binary, value: float, unit: str | None) -> str | None:
    if node.op == "*" and value == 100 and unit in ("1", BUSY, RATIO):
        return "%"
    if node.op == "-" and isinstance(node.left, Number):
        return RATIO if value == 1 and unit in (BUSY, RATIO) else unit if value == 100 and unit == "%" else None
    if node.op in ("*", "/", "%", "^", "atan2"):
        return None
    return None if node.to_bool else unit
