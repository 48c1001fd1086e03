"""Fits of many rows spread over turns, so that no turn is late for them: a row's turn is told by its labels and the clock."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints

LOOK_EVERY_S = 300
"""Steps of a minute and more are forecast every 5 min, in whole steps: that is how often the middle resolution gains a bucket."""
FITS_A_SECOND = 400
"""Fits a look for each second of the step: at 0.2 to 0.3 ms of CPU about a tenth of it."""
HEADROOM = 1.25
"""Places are drawn, so shares differ: they are so much smaller than what a look may fit."""
ROUND_S = 4 * 3600
"""However many rows there are, each has its turn so often: forecasts stay in use for 12 h."""


def looks_every(step_s: int) -> int:
    """Seconds from look to look: whole steps, for where looks and turns do not meet there is none.

    >>> [looks_every(step_s) for step_s in (30, 60, 90, 240, 300, 420)]
    [30, 300, 270, 240, 300, 420]
    """
    return step_s if step_s < 60 else max(LOOK_EVERY_S // step_s, 1) * step_s


def budget(step_s: int) -> int:
    """How many rows a look may fit."""
    return FITS_A_SECOND * step_s


def places(names: Sequence[str]) -> NDArray[np.uint32]:
    """(n,) where the rows of these labels stand: a number drawn from the text, the same in every life and for every neighbour."""
    drawn = (blake2b(name.encode(errors="surrogatepass"), digest_size=4).digest() for name in names)
    return np.array([int.from_bytes(one, "big") for one in drawn], np.uint32)


def turns(place: NDArray[np.uint32], now_s: Ints, step_s: int) -> Bools:
    """(n,) whose turn it is at the look of `now_s` (n,): everybody's as long as a look may fit them all, else that of one share.

    >>> turns(np.arange(3, dtype=np.uint32), np.full(3, 60), 60).tolist()
    [True, True, True]
    """
    every_s, n = looks_every(step_s), len(place)
    if n <= budget(step_s):
        return np.ones(n, bool)
    shares = min(int(np.ceil(HEADROOM * n / budget(step_s))), max(ROUND_S // every_s, 1))
    return np.asarray(place % shares == now_s // every_s % shares)
