"""Which rows stand beyond their limit, and when they get there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from aiops.core.records import Bools, Floats, Ints
from aiops.pipeline.watch import Watch

REARM_STEPS = 10
"""A row must stay this many steps inside its limit before the next crossing counts as a new failure."""


def follow(watch: Watch, values: Floats, rows: slice | Ints = slice(None)) -> Iterator[tuple[int, Bools]]:
    """Bring `watch.beyond` of some rows through `values` (k, m), column by column: (column, which cross their limit in it)."""
    state = {name: array[rows] for name, array in watch.beyond.items()}  # views of all rows, copies of some
    limit, above = watch.limit.value[rows, None], watch.limit.above[rows, None]
    with np.errstate(invalid="ignore"):
        over = np.where(above, values >= limit, values <= limit)
    present = np.isfinite(values)
    for j in range(values.shape[1]):
        here = present[:, j]
        begins = over[:, j] & here & ~state["beyond"] & state["known"]
        inside = ~over[:, j] & here
        state["inside"][:] = np.where(inside, state["inside"] + 1, np.where(here, 0, state["inside"]))
        state["beyond"][:] = np.where(over[:, j] & here, True, state["beyond"] & (state["inside"] < REARM_STEPS))
        state["known"] |= here
        yield j, begins
    if not isinstance(rows, slice):
        for name, array in state.items():
            watch.beyond[name][rows] = array
