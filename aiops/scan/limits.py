"""Limits that a team wrote into its own rules, for what a card watches."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from aiops.models.card import ModelCard
from aiops.rules.compiler import Leaf
from aiops.rules.names import NAME
from aiops.rules.parse import NotPromQL, Unsupported, parse
from aiops.rules.served import Served
from aiops.rules.tree import Binary, Node, Number, Selector, rebuilt
from aiops.scan.cards import leaf_of

RISING = (">", ">=")


def team_limit(card: ModelCard, rules: Iterable[Served]) -> tuple[float, str] | None:
    """(limit, alert) of the rule on the card's own quantity that is farthest out; None where there is none.

    A quantity is the same whatever its label matchers; a rule may write it in percent.
    """
    if card.forecast is None:
        return None
    watched, rising = _plain(parse(card.query)), leaf_of(card).op == ">"
    found = [
        (limit, one.rule.alert)
        for one in rules
        for leaf in one.compiled.leaves
        if leaf.role == "forecast" and (leaf.op in RISING) == rising
        for limit in _same(leaf, watched)
    ]
    return (max if rising else min)(found, default=None)


def _same(leaf: Leaf, watched: Node) -> list[float]:
    """The limit in the card's unit, where the leaf is on the card's quantity."""
    try:
        here = _plain(parse(leaf.expr))
    except (NotPromQL, Unsupported):
        return []
    if here == watched:
        return [leaf.limit]
    percent = isinstance(here, Binary) and here.op == "*"
    if percent and isinstance(here, Binary) and watched == _percent(here):
        return [leaf.limit / 100]
    return []


def _percent(node: Binary) -> Node | None:
    """What stands beside `* 100`, or in `a * 100 / b`; None where nothing does."""
    if node.right == Number(100):
        return node.left
    return node.right if node.left == Number(100) else None


def _plain(node: Node) -> Node:
    """The expression without label matchers, guards against zero, and with `a * 100 / b` as `a / b * 100`."""
    if isinstance(node, Selector):
        return replace(node, matchers=tuple(one for one in node.matchers if one[0] == NAME))
    node = rebuilt(node, _plain)
    if isinstance(node, Binary) and node.op in (">", "!=") and node.right == Number(0) and not node.to_bool:
        return node.left
    if isinstance(node, Binary) and node.op == "/" and isinstance(node.left, Binary) and node.left.op == "*":
        inside = _percent(node.left)
        return node if inside is None else Binary("*", replace(node, left=inside), Number(100))
    return node
