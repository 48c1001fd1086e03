"""From the scores of metrics to the score of an entity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints


class EntityIndex:
    """Which entity each of n rows belongs to: `entity` (n,) numbers 0 … entities-1, every number used."""

    def __init__(self, entity: Ints, strongest: int = 3) -> None:
        self.entity, self._strongest = entity, strongest
        self.entities = int(entity.max()) + 1 if len(entity) else 0
        self._single = len(entity) == self.entities
        self._start = np.searchsorted(np.sort(entity, kind="stable"), np.arange(self.entities))

    def combine(self, p: Floats) -> NDArray[np.float64]:
        """(entities, m) mean of the three largest -log10 p of each entity's rows; `p` (n, m).

        An entity with fewer metrics takes the mean of those it has; missing scores count as none; NaN when all are missing.
        """
        with np.errstate(divide="ignore"):
            score = -np.log10(np.asarray(p, np.float64))
        if self._single:
            out = np.full((self.entities, p.shape[1]), np.nan)
            out[self.entity] = score
            return out
        return np.stack([self._column(score[:, j]) for j in range(p.shape[1])], axis=1)

    def _column(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        rows, rank = self._ranked(score)
        best = rows[rank < self._strongest]
        best = best[np.isfinite(score[best])]
        total = np.bincount(self.entity[best], score[best], self.entities)
        count = np.bincount(self.entity[best], minlength=self.entities)
        with np.errstate(invalid="ignore"):
            return np.asarray(total / np.where(count, count, np.nan))

    def _ranked(self, score: NDArray[np.float64]) -> tuple[Ints, Ints]:
        falling = np.where(np.isfinite(score), -score, np.inf)
        rows = np.lexsort((falling, self.entity))
        return rows, np.arange(len(rows)) - self._start[self.entity[rows]]

    def strongest(self, p: Floats) -> Ints:
        """(entities, 3) the rows that lead each entity, strongest first, -1 where there are fewer; `p` (n,)."""
        with np.errstate(divide="ignore"):
            score = -np.log10(np.asarray(p, np.float64))
        rows, rank = self._ranked(score)
        out = np.full((self.entities, self._strongest), -1, np.int64)
        best = rank < self._strongest
        out[self.entity[rows[best]], rank[best]] = rows[best]
        return out
