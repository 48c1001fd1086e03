"""What baselines are judged on: the very series, limits, masks and instants that the turns of a card went through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiops.core.labels import Labels
from aiops.core.records import Bools, Ints

ROWS_AT_ONCE = 64


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """n series of one card at `time_s` (t,): `values` (n, t), NaN = no sample. `entity_of` (n,) indexes `entities`.

    `limit` (n, 1) or (n, t), NaN = none; `above` (n,). `masked` (n, t), None = nothing is. Turns begin at column `first`; what is
    before was known at the first of them. `told`: whether somebody is told of a warning at once.
    """

    card: str
    signal: str
    step_s: int
    horizon_s: float
    time_s: Ints
    values: NDArray[np.float64]
    labels: Sequence[Labels]
    entity_of: Ints
    entities: Sequence[Labels]
    limit: NDArray[np.float64]
    above: Bools
    masked: Bools | None = None
    first: int = 0
    told: bool = True

    @property
    def limited(self) -> bool:
        """Whether any series has a limit."""
        return bool(np.isfinite(self.limit).any())

    @property
    def end_s(self) -> int:
        """The last instant."""
        return int(self.time_s[-1])

    @property
    def series_seconds(self) -> float:
        """For how long series were watched, over all of them together."""
        return float(len(self.values) * (len(self.time_s) - self.first) * self.step_s)

    def parts(self) -> Iterator[tuple[Ints, Ints]]:
        """(rows (k,) of some entities, the k-index at which each entity begins): all rows, entity by entity."""
        order = np.argsort(self.entity_of, kind="stable")
        starts = np.flatnonzero(np.diff(self.entity_of[order], prepend=-1))
        first = 0
        while first < len(starts):
            last = first + 1
            while last < len(starts) and self._end(starts, last + 1, len(order)) - starts[first] <= ROWS_AT_ONCE:
                last += 1
            rows = order[starts[first] : self._end(starts, last, len(order))]
            yield rows, starts[first:last] - starts[first]
            first = last

    @staticmethod
    def _end(starts: Ints, number: int, count: int) -> int:
        return int(starts[number]) if number < len(starts) else count

    def column(self, at_s: float) -> int:
        """The column of the first instant not before `at_s`."""
        return int(-(-(at_s - int(self.time_s[0])) // self.step_s))

    def here(self, rows: Ints, first: int, last: int) -> Bools:
        """(k, m) whether some rows have a sample that counts at the columns [first, last)."""
        found: Bools = np.isfinite(self.values[rows, max(first, 0) : max(last, 0)])
        return found if self.masked is None else found & ~self.masked[rows, max(first, 0) : max(last, 0)]
