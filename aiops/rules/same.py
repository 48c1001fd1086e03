"""Whether two rules speak of one quantity: then what each says of one thing has one cause."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache

from aiops.rules.parse import NotPromQL, Unsupported, parse
from aiops.rules.tree import Node, Selector, children


def quantity(expr: str, labels: Collection[str]) -> list[str]:
    """What is measured in an expression: its metrics, each with the matchers on labels that are not among `labels`, sorted.

    `labels` name what it is measured of; matchers on them choose that and change nothing of what is measured. Empty where the
    expression is not understood.

    >>> quantity('free{disk!="x", mode="a"} / on (disk) size{mode="a"} * 100', ["disk"])
    ['free{mode="a"}', 'size{mode="a"}']
    """
    return list(_quantity(expr, frozenset(labels)))


@lru_cache(maxsize=10_000)
def _quantity(expr: str, labels: frozenset[str]) -> tuple[str, ...]:
    try:
        return tuple(sorted({_said(one, labels) for one in _selectors(parse(expr))}))
    except (NotPromQL, Unsupported):
        return ()


def same(one: Collection[str], other: Collection[str]) -> bool:
    """Whether two quantities are one, or one is a part of the other: free bytes, and their share of the size.

    >>> same(["free"], ["free", "size"]), same(["free", "size"], ["files", "size"]), same([], ["free"])
    (True, False, False)
    """
    mine, its = set(one), set(other)
    return bool(mine and its) and (mine <= its or its <= mine)


def _selectors(node: Node) -> list[Selector]:
    if isinstance(node, Selector):
        return [node]
    return [one for child in children(node) for one in _selectors(child)]


def _said(one: Selector, labels: frozenset[str]) -> str:
    kept = sorted(f'{name}{op}"{value}"' for name, op, value in one.matchers if name not in labels)
    return f"{one.name}{{{','.join(kept)}}}" if kept else one.name
