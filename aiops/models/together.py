"""Which metrics of an entity go together: by how they moved in the blocks of the last day."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints, State

Moves: TypeAlias = NDArray[np.int8]

BLOCKS = 96
"""So many blocks are remembered: a day of quarters of an hour."""
STEPS, MOST = 8, 16
"""A move is told in eighths of the series' usual scatter, and is no larger than twice that: no incident makes metrics alike."""
ENOUGH = 1536
"""The sum of a series' squared moves, in these steps, from which on it can be compared: 24 usual moves, or six large ones."""
ALIKE = 0.9
"""Metrics are the same when so much of the variance of one's moves follows from the other's: |r| = 0.95."""
APART = 0.8
"""From this share on the weaker one counts less."""
STRONGEST = 16
"""So many of the strongest metrics of an entity are compared with each other."""


class LastMoves:
    """How each series moved in its last `BLOCKS` blocks: the change of what course and level of the day leave of their means, in
    units of its own scatter. Of two series that are the same up to unit and sign all moves are equal up to sign.

    State: `BLOCKS` + 8 bytes a series.
    """

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {"moves_of_day": np.zeros((n, BLOCKS), np.int8), "stood_at": np.zeros(n)}

    def learn(self, state: State, rows: Ints, rest: NDArray[np.float64]) -> None:
        """Take in what is left (k,) of the means of the blocks of `rows` that have ended."""
        scatter = np.sqrt(state["around"][rows])
        with np.errstate(divide="ignore", invalid="ignore"):
            moved = np.nan_to_num(STEPS * (rest - state["stood_at"][rows]) / scatter, nan=0.0)
        state["moves_of_day"][rows, state["block"][rows] % BLOCKS] = np.rint(np.clip(moved, -MOST, MOST))
        state["stood_at"][rows] = rest


_PLACES: NDArray[np.int64] = np.random.default_rng(0).integers(1, 2**40, BLOCKS)
"""What a move at each place counts for in the number by which rows of equal score are put in order."""


def counted_once(score: Floats, moves: Moves) -> NDArray[np.float64]:
    """(k, w) scores of the metrics of k entities, those that go with a stronger one less, and the same as one: -inf, not there.

    `score` (k, w), -inf = none; `moves` (k, w, BLOCKS). With r the correlation of two metrics' moves (about 0, without sign) the
    weaker one counts 1 - (r^2 - APART) / (1 - APART), the least over all stronger ones. Sums are of whole numbers: exact in any
    order; of equal scores the moves themselves say which comes first.

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
    known = np.minimum(power[:, :, None], power[:, None, :]) >= ENOUGH
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


