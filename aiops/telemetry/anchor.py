"""Offsets that no longer serve: a window holds float32 relative to the first sample of a series, and that may have been one of
another unit, or a wrong one, beside which nothing that follows is held."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, Ints
from aiops.telemetry.ring import Ring

EPSILON = 2.0**-24
"""What float32 rounds by at most, as a share."""
LOST = 1e-3
"""A sample that is held with a larger error than this share of itself is as good as lost."""
FAR = EPSILON / LOST
"""So are values below this share of the offset."""
SMALL, KNOWN = 1e-3, 12
"""An offset no longer serves once so many samples in a row lay within this share of it around zero: a single one may be wrong."""


def lost(values: Floats, offset: Floats) -> Bools:
    """(k, t) which samples would be lost beside `offset` (k,); zero, and a gap, never are."""
    return np.asarray(_rounded(values, offset[:, None]) & (values != 0))


def _rounded(values: Floats, offset: Floats) -> Bools:
    """Which values are rounded away beside their offset, whatever they were; a gap is not."""
    with np.errstate(invalid="ignore", over="ignore"):
        return np.asarray(np.abs(values) < FAR * np.abs(offset))


def asked_for(values: Floats, offset: Floats, held: NDArray[np.float32]) -> tuple[int, Bools]:
    """(the first column of new `values` (k, t) at which some rows want another offset, which rows (k,)); t and none without one.

    `held` (k, s): the samples before them, relative to `offset` (k,), oldest first, NaN = gap. A row wants one where a sample
    would be lost and the KNOWN before it were small. It does not matter in which parts columns come.
    """
    s, t = held.shape[1], values.shape[1]
    with np.errstate(invalid="ignore", over="ignore"):
        all_of = np.concatenate([held + offset[:, None], values], axis=1)
        known, small = np.isfinite(all_of), np.abs(all_of) <= SMALL * np.abs(offset)[:, None]
    count = np.cumsum(known, axis=1)
    in_a_row = count - np.maximum.accumulate(np.where(known & ~small, count, 0), axis=1)
    wants = lost(values, offset) & (in_a_row[:, s - 1 : s + t - 1] >= KNOWN)
    columns = np.flatnonzero(wants.any(axis=0))
    return (int(columns[0]), wants[:, columns[0]]) if len(columns) else (t, np.zeros(len(values), bool))


def moved(ring: Ring, rows: Ints, old: Floats, new: Floats) -> NDArray[np.float32]:
    """(k, parts, size) what a ring holds of some rows, relative to `new` offsets (k,), not `old` ones; what was lost is a gap."""
    values = ring.data[rows] + old[:, None, None]
    gone = _rounded(values, old[:, None, None]).any(axis=1, keepdims=True)  # of a bucket all, where any part of it is
    with np.errstate(invalid="ignore", over="ignore"):
        out = np.where(gone, np.nan, values - new[:, None, None]).astype(np.float32)
    out[~np.isfinite(out)] = np.nan
    return out
