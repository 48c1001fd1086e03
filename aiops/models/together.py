"""Which metrics of an entity go together: by how they moved in the blocks of the last day."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints, State

Moves: TypeAlias = NDArray[np.int8]

BLOCKS = 96
"""So many blocks are remembered: a day of quarters of an hour."""
STEPS, MOST = 16, 64
"""A bend is told in sixteenths of the series' usual one, and is no larger than four of these: no incident makes metrics alike."""
FADE = 192
"""The usual bend is a mean over about so many blocks; of fewer where there were no more, the first FREE of them as they are."""
FREE = 5
ENOUGH = 12
"""A series can be compared whose bends are of so many at least, (sum d^2)^2 / sum d^4: not of a few large ones."""
ALIKE = 0.98
"""Metrics are the same when so much of the variance of one's bends follows from the other's: |r| = 0.99."""
APART = 0.9
"""From this share on the weaker one counts less."""
STRONGEST = 16
"""So many of the strongest metrics of an entity are compared with each other."""


class LastMoves:
    """How each series bent in its last `BLOCKS` blocks: by how much it moved otherwise than in the block before, in what course
    and level of the day leave of their means, in units of its own usual bend.

    Of two series that are the same up to unit and sign all bends are equal up to sign. A course of the day that is not yet known
    hardly bends from one block to the next, so that all that follow the day are not taken for one. First two blocks: 0.

    State: `BLOCKS` + 32 bytes a series.
    """

    _KEPT = ("stood_at", "went", "bend", "bent")

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {"bends_of_day": np.zeros((n, BLOCKS), np.int8)} | {name: np.zeros(n) for name in self._KEPT}

    def learn(self, state: State, rows: Ints, rest: NDArray[np.float64]) -> None:
        """Take in what is left (k,) of the means of the blocks of `rows` that have ended."""
        went, seen = rest - state["stood_at"][rows], state["bent"][rows] - 1.0
        bend = np.where(seen > 0, went - state["went"][rows], 0.0)
        usual, size = state["bend"][rows], np.abs(bend)
        size = np.where((usual > 0) & (seen > FREE), np.minimum(size, MOST / STEPS * usual), size)
        usual = usual + np.maximum(1.0 / FADE, 1.0 / np.maximum(seen, 1.0)) * (size - usual)
        with np.errstate(divide="ignore", invalid="ignore"):
            steps = np.nan_to_num(STEPS * bend / usual, nan=0.0)
        state["bends_of_day"][rows, state["block"][rows] % BLOCKS] = np.rint(np.clip(steps, -MOST, MOST))
        for name, now in zip(self._KEPT, (rest, went, usual, seen + 2.0), strict=True):
            state[name][rows] = now


_PLACES: NDArray[np.int64] = np.random.default_rng(0).integers(1, 2**40, BLOCKS)
"""What a bend at each place counts for in the number by which rows of equal score are put in order."""


def counted_once(score: Floats, moves: Moves) -> NDArray[np.float64]:
    """(k, w) scores of the metrics of k entities, those that go with a stronger one less, and the same as one: -inf, not there.

    `score` (k, w), -inf = none; `moves` (k, w, BLOCKS). With r the correlation of two metrics' bends (about 0, without sign) the
    weaker one counts 1 - (r^2 - APART) / (1 - APART), the least over all stronger ones, from ALIKE on nothing. Sums are of whole
    numbers: exact in any order; of equal scores the bends themselves say which comes first.

    Source: participation ratio (Bell & Dean 1970, Atomic vibrations in vitreous silica) for how many bends there are.

    >>> import numpy as np
    >>> a = np.tile(np.array([5, -8, 2, 1], np.int8), 24)
    >>> b = np.tile(np.array([1, 1, 9, -7, -2, 4], np.int8), 16)
    >>> counted_once(np.array([[2.0, 1.5, 1.0]]), np.stack([a, -a, b])[None]).tolist()
    [[2.0, -inf, 1.0]]
    """
    mark = moves.astype(np.int64) @ _PLACES
    order = np.lexsort((mark, -np.abs(mark), -score), axis=1)[:, :STRONGEST]
    of = np.take_along_axis(moves, order[:, :, None], axis=1).astype(np.float32)
    product = np.matmul(of, of.transpose(0, 2, 1)).astype(np.float64)
    power = np.diagonal(product, axis1=1, axis2=2)
    least = power[:, :, None] * power[:, None, :]
    many = power * power >= ENOUGH * np.maximum(np.square(np.square(of.astype(np.float64))).sum(axis=2), 1.0)
    known = many[:, :, None] & many[:, None, :]
    share = np.where(known, product * product / np.where(known, least, 1.0), 0.0)
    stronger = np.tril(np.ones(share.shape[1:], bool), -1)
    share = np.where(stronger, share, 0.0).max(axis=2)
    own = np.clip(1.0 - (share - APART) / (1.0 - APART), 0.0, 1.0)
    found = np.take_along_axis(score, order, axis=1)
    with np.errstate(invalid="ignore"):
        found = np.where(share >= ALIKE, -np.inf, found * own)
    out = np.array(score, np.float64)
    np.put_along_axis(out, order, found, axis=1)
    return out


