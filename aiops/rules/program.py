"""Many formulas as flat arrays, so that all rows of all rules are computed at once: level by level, segment by segment."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, Ints
from aiops.rules.formula import Formula, Many, One

Nodes = NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """k nodes of one operator: node j is `first` + j, its parts are `parts[starts[j]:starts[j + 1]]`, numbers of nodes."""

    op: str
    first: int
    parts: Ints
    starts: Ints


@dataclass(frozen=True, slots=True, eq=False)
class Program:
    """R formulas over n series. Nodes: the series, then one that is missing, then those of `levels`; `roots` (R,) the rows'.

    Where instants are looked at beside each other, they are the second axis.
    """

    n: int
    levels: tuple[Level, ...]
    roots: Ints

    def holding(self, holds: Bools) -> Bools:
        """(R, …) whether each formula is true, of `holds` (n, …) whether each comparison is."""
        nodes = np.zeros((self._nodes, *holds.shape[1:]), bool)
        nodes[: self.n] = holds
        return self._through(nodes, np.logical_and, np.logical_or, _and_not)

    def there(self, there: Bools) -> Bools:
        """(R, …) whether there is what each formula needs, of `there` (n, …) whether each series is: as `holding`, but what
        follows `unless` need not be there, and bars nothing when it is."""
        nodes = np.zeros((self._nodes, *there.shape[1:]), bool)
        nodes[: self.n] = there
        return self._through(nodes, np.logical_and, np.logical_or, lambda one, parts: parts[one.starts])

    def crossing(self, times: Floats) -> Floats:
        """(R, …, 3) when each formula becomes true, earliest, expected, latest, of `times` (n, …, 3); NaN = never.

        `and` the last of its parts, `or` the first; `unless` the first part, where none of the others comes before it.
        """
        nodes = np.full((self._nodes, *times.shape[1:]), np.nan)
        nodes[: self.n] = times
        return self._through(nodes, np.maximum, np.fmin, _unless_before)

    def _through(self, nodes: Nodes, both: np.ufunc, either: np.ufunc, unless: Callable[[Level, Nodes], Nodes]) -> Nodes:
        """What `nodes` of the series come to at the roots, level after level."""
        for one in self.levels:
            values = nodes[one.parts]
            if one.op == "unless":
                found = unless(one, values)
            else:
                found = (both if one.op == "and" else either).reduceat(values, one.starts)
            nodes[one.first : one.first + len(one.starts)] = found
        return nodes[self.roots]

    @property
    def _nodes(self) -> int:
        last = self.levels[-1] if self.levels else None
        return self.n + 1 if last is None else last.first + len(last.starts)

    def only(self, rows: Ints) -> Program:
        """The same of some rows."""
        return Program(self.n, self.levels, self.roots[rows])


def _and_not(one: Level, holds: Bools) -> Bools:
    first = holds[one.starts]
    holds[one.starts] = False
    return first & ~np.logical_or.reduceat(holds, one.starts)


def _unless_before(one: Level, times: Floats) -> Floats:
    first = times[one.starts]
    lengths = np.diff(np.append(one.starts, len(one.parts)))
    with np.errstate(invalid="ignore"):
        before = times[..., 1] <= np.repeat(first[..., 1], lengths, axis=0)
    before[one.starts] = False
    return np.where(np.logical_or.reduceat(before, one.starts)[..., None], np.nan, first)


def program(formulas: Sequence[Formula], n: int) -> Program:
    """The program of formulas over n series.

    >>> both = Many("and", (One(0), One(1)))
    >>> program([both, One(1)], 2).holding(np.array([True, False])).tolist()
    [False, False]
    """
    build = _Build(n)
    roots = [build.node(one) for one in formulas]
    return build.program(roots)


Place = tuple[int, str, int]
"""Depth, operator, number among those of the same depth and operator."""


class _Build:
    def __init__(self, n: int) -> None:
        self.n = n
        self.nodes: dict[tuple[int, str], list[list[int | Place]]] = defaultdict(list)

    def node(self, formula: Formula) -> int | Place:
        """The number of a series, or where an inner node will stand."""
        if isinstance(formula, One):
            return formula.series
        if not isinstance(formula, Many):
            return self.n
        parts = [self.node(part) for part in formula.parts]
        depth = 1 + max(part[0] if isinstance(part, tuple) else 0 for part in parts)
        same = self.nodes[depth, formula.op]
        same.append(parts)
        return depth, formula.op, len(same) - 1

    def program(self, roots: Sequence[int | Place]) -> Program:
        """All of it, numbered: shallow nodes first."""
        first, at = dict[tuple[int, str], int](), self.n + 1
        for where in sorted(self.nodes):
            first[where] = at
            at += len(self.nodes[where])

        def number(one: int | Place) -> int:
            return first[one[0], one[1]] + one[2] if isinstance(one, tuple) else one

        levels = []
        for where in sorted(self.nodes):
            parts = self.nodes[where]
            ends = np.cumsum([len(one) for one in parts])
            flat = np.array([number(part) for one in parts for part in one], np.int64)
            levels.append(Level(where[1], first[where], flat, np.concatenate([[0], ends[:-1]]).astype(np.int64)))
        return Program(self.n, tuple(levels), np.array([number(one) for one in roots], np.int64))
