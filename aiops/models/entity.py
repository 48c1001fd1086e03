"""From the scores of metrics to the score of an entity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints

STRONGEST = 3
GAP = 0.45
"""How much weaker the second and third metric of an entity are than its first, in -log10 p: what a missing one is taken for.

Measured on multi-metric machines and services (SMD, ASD, JumpStarter) around a score of 2. Without it an entity with one
metric, whose mean is its maximum, would warn more readily than one with many.
"""


class EntityIndex:
    """Which entity each of n rows belongs to: `entity` (n,) numbers 0 … entities-1; made once, used every turn.

    An entity's score is the mean of the `strongest` largest -log10 p of its rows. Missing p count as rows that are not there;
    places without a row are filled with the smallest score there is less GAP, at least 0, so that entities with one
    metric and with forty are comparable. All missing: NaN. Entities never influence each other.

    Source: mean of the top k, as in rank-ordered Fisher combination (Dudbridge & Koeleman 2003, Rank truncated product of
    p-values, Genetic Epidemiology 25), here as a mean, so that the scale stays that of one metric.
    """

    def __init__(self, entity: Ints, entities: int | None = None, strongest: int = STRONGEST) -> None:
        self.entity, self._strongest = np.asarray(entity, np.int64), strongest
        self.entities = entities if entities is not None else int(self.entity.max()) + 1 if len(self.entity) else 0
        self._buckets = list(_buckets(self.entity, self.entities))

    def combine(self, p: Floats) -> NDArray[np.float64]:
        """(entities, m) scores from `p` (n, m)."""
        score = _padded(p)
        out = np.full((self.entities, score.shape[1]), np.nan)
        for which, rows in self._buckets:
            out[which] = self._mean(score[rows])
        return out

    def strongest(self, p: Floats) -> Ints:
        """(entities, strongest) the rows that lead each entity, strongest first, -1 where there are fewer; `p` (n,)."""
        score = _padded(np.asarray(p)[:, None])[:, 0]
        out = np.full((self.entities, self._strongest), -1, np.int64)
        for which, rows in self._buckets:
            found = score[rows]
            order = np.argsort(-found, axis=1, kind="stable")[:, : self._strongest]
            leading = np.take_along_axis(rows, order, axis=1)
            there = np.isfinite(np.take_along_axis(found, order, axis=1))
            out[which, : order.shape[1]] = np.where(there, leading, -1)
        return out

    def _mean(self, score: NDArray[np.float64]) -> NDArray[np.float64]:
        """(k, m) from (k, width, m), -inf where nothing is."""
        k = self._strongest
        if score.shape[1] > k:
            score = np.partition(score, score.shape[1] - k, axis=1)[:, -k:]
        if score.shape[1] > 1:
            score = np.sort(score, axis=1)
        total = last = score[:, -1]
        for place in range(1, k):
            filled = np.maximum(last - GAP, 0.0)
            mine = score[:, -1 - place] if place < score.shape[1] else None
            if mine is None:
                total = total + filled
            else:
                there = mine > -np.inf
                total = total + np.where(there, mine, filled)
                last = np.where(there, mine, last)
        return np.where(score[:, -1] > -np.inf, total / k, np.nan)


def combine(p: Floats, entity: Ints, entities: int, strongest: int = STRONGEST) -> NDArray[np.float64]:
    """(entities, m) scores of `p` (n, m); see `EntityIndex`, which is cheaper when used again.

    >>> import numpy as np
    >>> combine(np.array([[0.1], [0.01], [0.001], [1.0], [0.01]]), np.array([0, 0, 0, 0, 1]), 2).round(3).tolist()
    [[2.0], [1.7]]
    """
    return EntityIndex(entity, entities, strongest).combine(p)


def _padded(p: Floats) -> NDArray[np.float64]:
    """-log10 p with one more row; -inf where there is none."""
    score = np.empty((p.shape[0] + 1, p.shape[1]))
    with np.errstate(divide="ignore", invalid="ignore"):
        np.log10(np.ascontiguousarray(p, np.float64), out=score[:-1])
    np.negative(score[:-1], out=score[:-1])
    np.copyto(score[:-1], -np.inf, where=np.isnan(score[:-1]))
    score[-1] = -np.inf
    return score + 0.0


def _buckets(entity: Ints, entities: int) -> list[tuple[Ints, Ints]]:
    """Entities of similar size together: (their numbers (k,), their rows (k, width), padded with n)."""
    size = np.bincount(entity, minlength=entities)
    order = np.argsort(entity, kind="stable")
    start = np.cumsum(size) - size
    width = np.maximum(1, 2 ** np.ceil(np.log2(np.maximum(size, 1))).astype(np.int64))
    out = []
    for w in np.unique(width[size > 0]).tolist():
        which = np.flatnonzero((width == w) & (size > 0))
        w = int(size[which].max())
        place = np.arange(w)
        at = start[which][:, None] + place
        rows = np.where(place < size[which][:, None], order[np.minimum(at, len(order) - 1)], len(entity))
        out.append((which, rows.astype(np.int64)))
    return out
