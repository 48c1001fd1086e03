"""Metric names: a margin has none, so series that differ in it alone would become one."""

from __future__ import annotations

from aiops.rules.quantity import name_of
from aiops.rules.tree import COMPARISONS, Aggregate, Binary, Call, Node, Selector, Text

NAME = "__name__"


def collide(comparison: Binary) -> bool:
    """Whether elements of a comparison may differ in their metric name alone."""
    if NAME in (*comparison.matching.labels, *comparison.matching.include):
        return True
    return many(comparison.left) or (many(comparison.right) and comparison.matching.group == "right")


def many(node: Node) -> bool:
    """Whether elements of the result may carry different metric names."""
    if isinstance(node, Selector):
        return not name_of(node)
    if isinstance(node, Binary) and node.op in COMPARISONS:
        return not node.to_bool and (many(node.left) or many(node.right))
    if isinstance(node, Binary):
        return (node.op == "or" and many(node.right)) or (node.op in ("or", "and", "unless") and many(node.left))
    if isinstance(node, Aggregate):
        kept = node.op in ("topk", "bottomk") or (node.by and NAME in node.labels)
        return kept and many(node.of)
    if isinstance(node, Call) and node.name in ("label_replace", "label_join"):
        return Text(NAME) not in node.args[2:] and many(node.args[0])
    return isinstance(node, Call) and node.name in ("last_over_time", "sort", "sort_desc") and many(node.args[0])
