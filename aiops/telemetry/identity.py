"""What makes two series one: their labels with those of the source, without those that only tell replicas apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from aiops.core.labels import key
from aiops.core.records import Ints
from aiops.core.remembered import LabelSets


def with_external(external: Mapping[str, str], labels: LabelSets) -> LabelSets:
    """Label sets with a source's external labels; what a series says itself counts. None to merge: the same tuple.

    >>> with_external({"cluster": "eu", "job": "x"}, ({"job": "node"},))
    ({'cluster': 'eu', 'job': 'node'},)
    """
    return tuple({**external, **one} for one in labels) if external else labels


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """`labels` (k,): the identities, all different. `layers`: (series (m,), identity (m,)) index pairs, so that within a
    layer each identity stands once; None = one layer, series i is identity i.
    """

    labels: LabelSets
    layers: tuple[tuple[Ints, Ints], ...] | None


def identities(without: frozenset[str], labels: LabelSets) -> Identities:
    """The identities of label sets: without the labels that only tell replicas apart.

    Series that become equal are copies of one series. The one whose removed labels sort first is in the first layer: the
    same replica whatever the order of an answer.

    >>> identities(frozenset({"replica"}), ({"a": "1", "replica": "y"}, {"a": "1", "replica": "x"})).labels
    ({'a': '1'},)
    """
    if not without or not any(name in one for one in labels for name in without):
        return Identities(labels, None)
    cut = [{name: value for name, value in one.items() if name not in without} for one in labels]
    names = [key(one) for one in cut]
    number = {name: i for i, name in enumerate(dict.fromkeys(names))}
    by_replica = sorted(range(len(labels)), key=lambda i: [(n, labels[i].get(n, "")) for n in sorted(without)])
    layers: list[tuple[list[int], list[int]]] = []
    seen = dict.fromkeys(number, 0)
    for i in by_replica:
        depth = seen[names[i]]
        seen[names[i]] = depth + 1
        if depth == len(layers):
            layers.append(([], []))
        layers[depth][0].append(i)
        layers[depth][1].append(number[names[i]])
    first = {name: one for name, one in zip(reversed(names), reversed(cut), strict=True)}
    return Identities(
        tuple(first[name] for name in number),
        tuple((np.array(a, np.int64), np.array(b, np.int64)) for a, b in layers),
    )
