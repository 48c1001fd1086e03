"""Series joined to others by their labels, as limits are to what must not cross them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from aiops.core.labels import Labels
from aiops.core.records import Ints
from aiops.core.remembered import LabelSets

NAME = "__name__"


@dataclass(slots=True)
class Joined:
    """Pairs of `rows` (k,) and `others` (k,) that belong together, worked out anew only when either side has other labels."""

    rows: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    others: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    _of: tuple[LabelSets, str, int] | None = None

    def bring_up(self, rows: Sequence[Labels], numbered: str, others: LabelSets, on: Sequence[str]) -> None:
        """Bring the pairs up to these label sets; rows that are `numbered` alike only ever grow."""
        known = self._of
        if known is None or known[0] is not others or known[1:] != (numbered, len(rows)):
            self.rows, self.others = pairs(rows, others, on)
            self._of = others, numbered, len(rows)


def pairs(rows: Sequence[Labels], others: Sequence[Labels], on: Sequence[str]) -> tuple[Ints, Ints]:
    """(rows (k,), others (k,)) that belong together: they have the same value of every label of `on`, else of every label that
    the other has, its name aside; a label that is missing counts as empty.

    >>> [a.tolist() for a in pairs([{"ns": "a", "pod": "x"}, {"ns": "b"}], [{"ns": "b"}, {}], ())]
    [[0, 1, 1], [1, 0, 1]]
    """
    by_names: dict[tuple[str, ...], dict[tuple[str, ...], list[int]]] = defaultdict(lambda: defaultdict(list))
    for i, labels in enumerate(others):
        names = tuple(sorted(set(on) or labels.keys() - {NAME}))
        by_names[names][tuple(labels.get(name, "") for name in names)].append(i)
    found = [
        (row, i)
        for row, labels in enumerate(rows)
        for names, known in by_names.items()
        for i in known.get(tuple(labels.get(name, "") for name in names), ())
    ]
    ordered = np.array(sorted(found), np.int64).reshape(-1, 2)
    return ordered[:, 0], ordered[:, 1]
