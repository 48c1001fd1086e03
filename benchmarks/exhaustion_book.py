"""What the modules of further kinds share: the table a kind is entered in, and a rise by a rate.

A kind is a function of numpy's generator: (generator) -> (grid, metrics) as in the corpus writer, where u = 1 is the limit.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]
Draw = Callable[[np.random.Generator], tuple[Any, list[Any]]]


class Book:
    """Kinds by name, each with whether it crosses its limit."""

    def __init__(self) -> None:
        self.kinds: dict[str, tuple[Draw, bool]] = {}

    def kind(self, crosses: bool) -> Callable[[Draw], Draw]:
        """Enter a kind under the name of its function."""

        def add(draw: Draw) -> Draw:
            self.kinds[draw.__name__] = (draw, crosses)
            return draw

        return add

    def register(self, kinds: dict[str, Any]) -> None:
        """Add every kind to the writer's table."""
        kinds |= self.kinds


def summed(rate: Array, begin: int, end: int, total: float) -> Array:
    """The sum of `rate` from `begin` on, `total` of it by `end`."""
    rate = np.where(np.arange(len(rate)) >= begin, rate, 0.0)
    return np.asarray(np.cumsum(rate) * (total / max(rate[: end + 1].sum(), 1e-9)))


def backlog(comes: Array, leaves: Array | float) -> Array:
    """What waits after each step, of what comes and what could leave: never less than nothing."""
    level, out = 0.0, np.zeros(len(comes))
    for i, change in enumerate(zip(comes, np.broadcast_to(leaves, len(comes)), strict=True)):
        level = max(level + change[0] - change[1], 0.0)
        out[i] = level
    return out
