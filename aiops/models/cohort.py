"""Cohorts: series that are alike by some of their labels, so that a new one starts from what the others have learnt."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels, key
from aiops.core.records import Bools, Ints

LEAST = 3
"""Members that have learnt enough, below which a cohort has nothing to give."""
AT_MOST = 64
"""Members that a new one starts from: enough for a median."""

Marks = NDArray[np.uint64]


class Cohorts:
    """Which cohort each of n rows belongs to: `kind` (n,) is a hash of its values of `names`, 0 = it has none of them; `mark`
    (n,) is a hash of all its labels, by which members are chosen, so that neither the order of rows nor a restart matters.

    Without `names` there is no cohort, and both stay empty."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.kind: Marks = np.zeros(0, np.uint64)
        self.mark: Marks = np.zeros(0, np.uint64)

    def grow(self, fresh: Iterable[Labels]) -> None:
        """Take in rows by their labels."""
        if not self.names:
            return
        kinds, marks = [], []
        for labels in fresh:
            values = {name: labels[name] for name in self.names if labels.get(name)}
            kinds.append(_hash(key(values)) | 1 if values else 0)
            marks.append(_hash(key(labels)))
        self.kind = np.concatenate([self.kind, np.array(kinds, np.uint64)])
        self.mark = np.concatenate([self.mark, np.array(marks, np.uint64)])

    def keep_only(self, kept: Ints) -> None:
        """Keep these rows (k,), in this order."""
        if self.names:
            self.kind, self.mark = self.kind[kept], self.mark[kept]

    def of_entities(self, entity: Ints, entities: int) -> tuple[Marks, Marks]:
        """(kinds, marks) of the entities that rows belong to (`entity` (n,)): alike are those whose rows are of the same
        cohorts."""
        pairs = np.unique(np.stack([entity.astype(np.uint64), self.kind]), axis=1)
        kind, mark = np.zeros(entities, np.uint64), np.full(entities, np.iinfo(np.uint64).max)
        np.add.at(kind, pairs[0].astype(np.int64), pairs[1])
        np.minimum.at(mark, entity, self.mark)
        return kind, mark


def members_for(rows: Ints, kind: Marks, mark: Marks, fit: Bools) -> tuple[Ints, Ints]:
    """Those of `rows` (k,) whose cohort has LEAST members that are `fit` (n,), and these (k, at most AT_MOST), -1 = no more.

    A row is no member of its own. The ones with the smallest marks are taken.
    """
    rows = rows[(kind[rows] != 0) & ~fit[rows]]
    wanted, which = np.unique(kind[rows], return_inverse=True)
    if not len(wanted):
        return rows, np.zeros((0, AT_MOST), np.int64)
    place = np.minimum(np.searchsorted(wanted, kind), len(wanted) - 1)
    found = np.flatnonzero(fit & (wanted[place] == kind))
    found = found[np.lexsort((mark[found], place[found]))]
    count = np.bincount(place[found], minlength=len(wanted))
    rank = np.arange(len(found)) - (np.cumsum(count) - count)[place[found]]
    table = np.full((len(wanted), min(AT_MOST, int(count.max()))), -1, np.int64)
    some = rank < AT_MOST
    table[place[found[some]], rank[some]] = found[some]
    enough = count[which] >= LEAST
    return rows[enough], table[which[enough]]


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
