"""Instant vectors over a grid, and what operators and aggregations make of them, as Prometheus does.

A sample may be there and be NaN (0 / 0), which is not the same as no sample: `here` tells them apart.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.telemetry.samples import Array

Bools = NDArray[np.bool_]
LabelDict = dict[str, str]


class Impossible(Exception):
    """A query that Prometheus, too, refuses while it runs."""


@dataclass(frozen=True, slots=True, eq=False)
class Vector:
    """n label sets, their values (n, t) and where there is a sample (n, t)."""

    labels: list[LabelDict]
    values: Array
    here: Bools

    def seen(self) -> Vector:
        """Without the rows that have no sample at all."""
        rows = np.flatnonzero(self.here.any(axis=1))
        if len(rows) == len(self.labels):
            return self
        return Vector([self.labels[i] for i in rows], self.values[rows], self.here[rows])


@dataclass(frozen=True, slots=True)
class Matching:
    """How the rows of two vectors find each other; `many` is "" (one to one), "left" or "right"."""

    names: Sequence[str] = ()
    on: bool = False
    many: str = ""
    include: Sequence[str] = ()


def nameless(labels: LabelDict) -> LabelDict:
    """Without the metric's name."""
    return {k: v for k, v in labels.items() if k != "__name__"}


def identity(labels: LabelDict) -> Hashable:
    """Equal for equal label sets."""
    return frozenset(labels.items())


def distinct(vector: Vector) -> Vector:
    """The vector itself. Raises Impossible when two rows have the same labels."""
    if len({identity(labels) for labels in vector.labels}) < len(vector.labels):
        raise Impossible("vector cannot contain metrics with the same labelset")
    return vector


def united(vector: Vector) -> Vector:
    """Rows of the same labels made one. Raises Impossible when two of them have a sample at the same instant."""
    first: dict[Hashable, int] = {}
    owner = [first.setdefault(identity(labels), i) for i, labels in enumerate(vector.labels)]
    if len(first) == len(owner):
        return vector
    values, here = vector.values.copy(), vector.here.copy()
    for i, j in enumerate(owner):
        if i == j:
            continue
        if (here[j] & vector.here[i]).any():
            raise Impossible(f"two series with the labels {vector.labels[i]} at the same instant; use on or group_left")
        values[j] = np.where(vector.here[i], vector.values[i], values[j])
        here[j] |= vector.here[i]
    rows = list(first.values())
    return Vector([vector.labels[i] for i in rows], values[rows], here[rows])


def arithmetic(function: Callable[[Any, Any], Any], left: Vector, right: Vector, matching: Matching) -> Vector:
    """`left` op `right`, row by row as `matching` says. Raises Impossible for matches that are not unique."""
    many, one = (right, left) if matching.many == "right" else (left, right)
    active = many.here.any(axis=0) & one.here.any(axis=0)
    partners: dict[Hashable, list[int]] = {}
    for j, labels in enumerate(one.labels):
        partners.setdefault(_signature(labels, matching), []).append(j)
    for found in partners.values():
        if len(found) > 1 and ((one.here[found].sum(axis=0) > 1) & active).any():
            raise Impossible(
                f"found duplicate series on one side, such as {one.labels[found[1]]}; use on or group_left"
            )
    pairs = [(i, j) for i, labels in enumerate(many.labels) for j in partners.get(_signature(labels, matching), ())]
    if not pairs:
        return Vector([], np.empty((0, many.values.shape[1])), np.empty((0, many.values.shape[1]), bool))
    i, j = np.array(pairs).T
    a, b = many.values[i], one.values[j]
    values = function(b, a) if matching.many == "right" else function(a, b)
    results = [_result_labels(many.labels[x], one.labels[y], matching) for x, y in pairs]
    return united(Vector(results, values, many.here[i] & one.here[j]).seen())


def _signature(labels: LabelDict, matching: Matching) -> Hashable:
    if matching.on:
        return tuple(labels.get(name, "") for name in matching.names)
    return frozenset((k, v) for k, v in labels.items() if k != "__name__" and k not in matching.names)


def _result_labels(many: LabelDict, one: LabelDict, matching: Matching) -> LabelDict:
    out = nameless(many)
    if not matching.many:
        return {k: v for k, v in out.items() if (k in matching.names) == matching.on}
    for name in matching.include:
        out.pop(name, None)
        if one.get(name):
            out[name] = one[name]
    return out


def aggregated(how: str, vector: Vector, names: Sequence[str], without: bool) -> Vector:
    """sum, avg, min, max or count over groups of rows, by or without the labels `names`."""
    groups: dict[Hashable, int] = {}
    labels: list[LabelDict] = []
    group_of: list[int] = []
    for one in vector.labels:
        if without:
            group = {k: v for k, v in one.items() if k != "__name__" and k not in names}
        else:
            group = {k: one[k] for k in names if one.get(k)}
        number = groups.setdefault(identity(group), len(groups))
        if number == len(labels):
            labels.append(group)
        group_of.append(number)
    if not labels:
        return vector
    order = np.argsort(group_of, kind="stable")
    starts = np.searchsorted(np.array(group_of)[order], np.arange(len(labels)))
    here, values = vector.here[order], vector.values[order]
    count = np.add.reduceat(here.astype(np.int64), starts, axis=0)
    return Vector(labels, _reduced(how, values, here, starts, count), count > 0)


def _reduced(how: str, values: Array, here: Bools, starts: NDArray[np.int64], count: NDArray[np.int64]) -> Array:
    if how == "count":
        return count.astype(np.float64)
    if how in ("min", "max"):
        least: Array = (np.fmin if how == "min" else np.fmax).reduceat(np.where(here, values, np.nan), starts, axis=0)
        return least
    total: Array = np.add.reduceat(np.where(here, values, 0.0), starts, axis=0)
    return total / count if how == "avg" else total
