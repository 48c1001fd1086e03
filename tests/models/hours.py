"""Histories of hourly values for the tests of forecasters."""

from __future__ import annotations

import numpy as np

from aiops.core.records import History, Resolution

NOW = 1_700_006_400 // 604800 * 604800 + 4 * 86400
"""A whole hour."""


def history_of(hourly: np.ndarray, mid: np.ndarray | None = None, now: int = NOW, spread: float = 0.0) -> History:
    """(n, hours) as a window would hold them at `now`; samples of an hour lie `spread` above and below its mean."""
    finite = np.isfinite(hourly)
    offset = np.where(finite.any(1), hourly[np.arange(len(hourly)), finite.argmax(1)], 0.0)
    relative = (hourly - offset[:, None]).astype(np.float32)
    long = np.full((len(hourly), 840), np.nan, np.float32)
    count = min(840, hourly.shape[1])
    long[:, -count:] = relative[:, -count:]
    small = np.full((len(hourly), 864), np.nan, np.float32)
    if mid is not None:
        small[:, -mid.shape[1] :] = mid - offset[:, None]
    fine = np.repeat(relative[:, -1:], 72, axis=1)
    first = now - 3600 * (hourly.shape[1] - finite.argmax(1))
    return History(
        Resolution(60, now, fine, fine, fine), Resolution(300, now, small, small, small),
        Resolution(3600, now, long, long - np.float32(spread), long + np.float32(spread)), offset,
        np.full(len(hourly), now, np.int64), first.astype(np.int64),
    )  # fmt: skip
