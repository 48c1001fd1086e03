"""Arrays with one row a series that grow as series come."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Crossings, State


def extended(state: State, more: State) -> State:
    """State with the rows of `more` appended."""
    return {name: np.concatenate([state[name], more[name]]) if name in state else more[name] for name in more}


def no_crossings(n: int, reason: str) -> Crossings:
    """Crossings of n rows that cross nothing, with one reason for all."""
    return Crossings(
        np.full((n, 3), np.nan), 0.8, np.full(n, np.nan), np.full(n, np.nan), np.full(n, np.nan),
        np.full(n, reason, dtype=object),
    )


def more_crossings(old: Crossings | None, new: int) -> Crossings:
    """Crossings with `new` rows of which nothing is known yet appended; `old` None: there was none."""
    more = no_crossings(new, "too little history")
    if old is None:
        return more
    return Crossings(
        np.concatenate([old.time_s, more.time_s]), old.level, np.concatenate([old.confidence, more.confidence]),
        np.concatenate([old.slope, more.slope]), np.concatenate([old.window_s, more.window_s]),
        np.concatenate([old.reason, more.reason]),
    )
