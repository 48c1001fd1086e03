"""From the scores of metrics to the score of an entity."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints
from aiops.models.together import STRONGEST, Moves, counted_once

WEIGHTS = (0.75, 1.0, 1.0, 0.5)
"""What the strongest, second, third and fourth metric of an entity count for."""
LEADING = 3
GAP = 0.5
"""How much weaker a metric is taken for that an entity does not have, than the one before it, in -log10 p.

Without it an entity with one metric, whose mean is its maximum, would warn more readily than one with many.
"""
ALONE = GAP * sum(WEIGHTS[1:]) / sum(WEIGHTS)
"""How much less than its metric an entity scores that has only one."""

LOOK = 0.9
"""Only from this score on is it asked which metrics go together: no budget asks for less."""


class EntityIndex:
    """Which entity each of n rows belongs to: `entity` (n,) numbers 0 … entities-1; made once, used every turn.

    An entity's score is the larger of two, and never more than the -log10 p of its strongest row now:

    - the weighted mean (WEIGHTS) of the largest -log10 p of its rows: what several metrics say together;
    - the largest of them less log10 of how many rows are there, less ALONE: what one says that stands out from so many.

    Each is the largest of the last minutes, for metrics of one incident do not peak at one instant. Missing p count as rows that
    are not there; places without a row are filled with the score before them less GAP, at least 0, so that entities with one
    metric and with forty are comparable. No row with a p now: NaN. Entities never influence each other.
    Of metrics that go together the strongest counts, the others less or as if they were not there (`counted_once`), also where it
    is asked how many rows are there (the effective number of tests).

    Sources: mean of the top k, as in rank-ordered Fisher combination (Dudbridge & Koeleman 2003, Rank truncated product of
    p-values, Genetic Epidemiology 25), here as a mean, so that the scale stays that of one metric; the smallest of n p, times n
    (Tippett 1931, The Methods of Statistics; Bonferroni), n of those that are not the same (Nyholt 2004, A simple correction for
    multiple testing, American Journal of Human Genetics 74).
    """

    def __init__(self, entity: Ints, entities: int | None = None) -> None:
        self.entity = np.asarray(entity, np.int64)
        self.entities = entities if entities is not None else int(self.entity.max()) + 1 if len(self.entity) else 0
        self._buckets = list(_buckets(self.entity, self.entities))

    def combine(self, p: Floats, recent: Floats | None = None, moves: Moves | None = None) -> NDArray[np.float64]:
        """(entities, m) scores from `p` (n, m) and the smallest p of the last minutes, `recent` (n, m); None = `p`.

        `moves` (n, blocks): how the rows moved lately; None: each counts for itself.
        """
        score = _padded(p)
        lately = score if recent is None else _padded(recent)
        out = np.full((self.entities, score.shape[1]), np.nan)
        for which, rows in self._buckets:
            now, latest = score[rows].max(axis=1), lately[rows]
            mean, single = _mean(latest), latest.max(axis=1) - ALONE
            alone = single - np.log10(_there(latest))
            at, column = np.nonzero((np.minimum(np.maximum(mean, single), now) >= LOOK) & (moves is not None))
            if moves is not None and len(at):
                several = latest[at, :, column]
                apart = counted_once(several, moves[np.minimum(rows[at], len(moves) - 1)])
                mean[at, column] = _mean(apart[:, :, None])[:, 0]
                alone[at, column] = single[at, column] - np.log10(_distinct(several, apart))
            mean = np.maximum(mean, alone)
            out[which] = np.where(now > -np.inf, np.minimum(mean, now), np.nan)
        return out

    def strongest(self, p: Floats) -> Ints:
        """(entities, LEADING) the rows that lead each entity, strongest first, -1 where there are fewer; `p` (n,)."""
        score = _padded(np.asarray(p)[:, None])[:, 0]
        out = np.full((self.entities, LEADING), -1, np.int64)
        for which, rows in self._buckets:
            found = score[rows]
            order = np.argsort(-found, axis=1, kind="stable")[:, :LEADING]
            leading = np.take_along_axis(rows, order, axis=1)
            there = np.isfinite(np.take_along_axis(found, order, axis=1))
            out[which, : order.shape[1]] = np.where(there, leading, -1)
        return out


def parts(rows: Ints, recent: Floats, moves: Moves | None = None) -> tuple[Ints, NDArray[np.float64]]:
    """(those of an entity's `rows` (k,) that count for its score, the strongest first, of equal ones the first of `rows`; their
    shares of it, which add up to 1).

    `recent` (n,) and `moves` (n, blocks) as in `EntityIndex.combine`: of rows that are the same the strongest counts, one that
    goes along with a stronger one less. At most len(WEIGHTS) rows count; a share is the row's score of the sum of theirs,
    without WEIGHTS, so that what is stranger has the larger one; places that no row fills have none. All 0 where nothing is
    strange.
    """
    score = _padded(np.asarray(recent)[rows][:, None])[:-1, 0]
    if moves is not None:
        score = counted_once(score[None], moves[rows][None])[0]
    order = np.argsort(-score, kind="stable")[: len(WEIGHTS)]
    order = order[np.isfinite(score[order])]
    counts = score[order]
    total = float(counts.sum())
    return rows[order], counts / total if total > 0 else np.zeros(len(order))


def _mean(score: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k, m) weighted means of the largest of (k, width, m), -inf where nothing is."""
    wanted = len(WEIGHTS)
    if score.shape[1] > wanted:
        score = np.partition(score, score.shape[1] - wanted, axis=1)[:, -wanted:]
    if score.shape[1] > 1:
        score = np.sort(score, axis=1)
    last = score[:, -1]
    total = WEIGHTS[0] * last
    for place in range(1, wanted):
        filled = np.maximum(last - GAP, 0.0)
        mine = score[:, -1 - place] if place < score.shape[1] else None
        if mine is None:
            total = total + WEIGHTS[place] * filled
        else:
            there = mine > -np.inf
            total = total + WEIGHTS[place] * np.where(there, mine, filled)
            last = np.where(there, mine, last)
    return total / sum(WEIGHTS)


def _there(score: NDArray[np.float64]) -> Ints:
    """(k, …) how many of (k, width, …) are there, at least 1."""
    there: Ints = np.maximum(np.count_nonzero(score > -np.inf, axis=1), 1)
    return there


def _distinct(score: NDArray[np.float64], apart: NDArray[np.float64]) -> NDArray[np.float64]:
    """(k,) how many of (k, width) there are when copies count as one: as many of those that were compared as were left `apart`,
    and of the others the same share."""
    there, left = _there(score), _there(apart)
    compared = np.minimum(there, STRONGEST)
    share: NDArray[np.float64] = 1.0 - (there - left) / compared
    return there * share


def combine(p: Floats, entity: Ints, entities: int) -> NDArray[np.float64]:
    """(entities, m) scores of `p` (n, m); see `EntityIndex`, which is cheaper when used again.

    >>> import numpy as np
    >>> combine(np.array([[0.1], [0.01], [0.001], [1.0], [0.01]]), np.array([0, 0, 0, 0, 1]), 2).round(3).tolist()
    [[2.013], [1.615]]
    """
    return EntityIndex(entity, entities).combine(p)


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
