"""Comparisons that move in steps: they count, or add up what passes a filter."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools, Floats

FEW_VALUES = 10
"""What moves in steps is forecast only with more distinct values than this."""


def few(values: Floats) -> Bools:
    """(k,) rows of `values` (k, t) that took at most FEW_VALUES distinct values; NaN and infinite ones do not count.

    >>> few(np.array([np.arange(12.0), [1.0, 2.0, np.nan] * 4])).tolist()
    [False, True]
    """
    ordered = np.sort(np.where(np.isfinite(values), values, np.nan), axis=1)  # NaN last
    new = (ordered[:, 1:] != ordered[:, :-1]) & ~np.isnan(ordered[:, 1:])
    first = ~np.isnan(ordered[:, :1])
    return np.asarray(new.sum(axis=1) + first.sum(axis=1) <= FEW_VALUES)
