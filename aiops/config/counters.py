"""Counters that are asked for raw: what they have counted up to says nothing; how fast they count does.

Source: Prometheus, Metric types and "Metric and label naming" (a counter's name ends in _total); OpenMetrics 1.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiops.config.promql import parsable

RATES = frozenset({
    "rate", "irate", "increase", "resets", "changes", "count_over_time", "present_over_time", "absent_over_time",
})  # fmt: skip
"""Functions of a range that ask how a counter moves, or whether it is there."""
PRESENCE = frozenset({"absent", "timestamp"})
COUNTING = frozenset({"count", "group"})
"""Functions and aggregations that do not look at the value."""
BY_NAME = ("_total", "_bucket")
_PARTS = {"histogram": ("_bucket", "_count", "_sum"), "summary": ("_count", "_sum")}
WINDOW = "5m"


@dataclass(frozen=True, slots=True)
class RawCounter:
    """`name` is asked for raw at `offset` of the query; `corrected` is the query that asks how fast it counts."""

    name: str
    offset: int
    corrected: str

    @property
    def message(self) -> str:
        """What is wrong and what to write."""
        return f"{self.name} is a counter: its value says nothing, how fast it counts does; write {self.corrected}"


def raw_counter(query: str, types: Mapping[str, str] | None = None) -> RawCounter | None:
    """The first counter that `query`, which is PromQL, asks for raw; None when there is none.

    A metric is a counter by what `types` (metric to counter, gauge, histogram, summary …) says of it or of what it is a part of;
    where that says nothing, by its name.

    >>> raw_counter("node_network_receive_bytes_total{device='eth0'} > 5").corrected
    "rate(node_network_receive_bytes_total{device='eth0'}[5m]) > 5"
    >>> raw_counter("sum(rate(http_requests_total[5m])) / count(http_requests_total)")
    """
    import promql_parser

    names = [name for name in _raw(promql_parser.parse(parsable(query)), False) if _counts(name, types or {})]
    if not names:
        return None
    corrected = query
    for name in dict.fromkeys(names):
        corrected = _selector(name).sub(lambda m: f"rate({m['what']}[{WINDOW}]{m['more'] or ''})", corrected)
    if corrected == query:  # it stands in a range of a function that looks at values
        corrected = f"rate({names[0]}[{WINDOW}])"
    found = re.search(rf"(?<![\w:]){re.escape(names[0])}(?![\w:])", query)
    return RawCounter(names[0], found.start() if found else 0, corrected)


def metrics_of(query: str) -> set[str]:
    """The names of all metrics in a query that is PromQL."""
    import promql_parser

    return set(_raw(promql_parser.parse(parsable(query)), False, every=True))


def _counts(name: str, types: Mapping[str, str]) -> bool:
    if name in types:
        return types[name] == "counter"
    for kind, parts in _PARTS.items():
        for part in parts:
            if name.endswith(part) and types.get(name.removesuffix(part)) == kind:
                return True
    return name.endswith(BY_NAME)


def _raw(node: Any, moves: bool, every: bool = False) -> Iterator[str]:
    """Names of the metrics whose value is looked at; `moves`: what stands above asks how a counter moves."""
    kind = type(node).__name__
    if kind == "VectorSelector":
        if node.name and (every or not moves):
            yield node.name
    elif kind == "MatrixSelector":
        yield from _raw(node.vector_selector, moves, every)
    elif kind == "Call":
        inside = moves or node.func.name in RATES or node.func.name in PRESENCE
        for one in node.args:
            yield from _raw(one, inside, every)
    elif kind == "AggregateExpr":
        yield from _raw(node.expr, moves or str(node.op).lower() in COUNTING, every)
    elif kind == "BinaryExpr":
        yield from _raw(node.lhs, moves, every)
        if str(node.op).lower() not in ("and", "unless") or every:  # of their right side only the presence counts
            yield from _raw(node.rhs, moves, every)
    elif hasattr(node, "expr"):
        yield from _raw(node.expr, moves, every)


def _selector(name: str) -> re.Pattern[str]:
    """A selector of this metric that is no range: the name, its matchers, its offset."""
    matchers = r"""(?:\s*\{(?:"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`|[^{}"'`])*\})?"""
    return re.compile(rf"(?<![\w:])(?P<what>{re.escape(name)}(?![\w:]){matchers})(?!\s*[\[{{])(?P<more>\s+offset\s+-?\w+)?")
