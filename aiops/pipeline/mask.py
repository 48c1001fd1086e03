"""Which rows a card's `exclude` takes out: they neither fire, nor teach, nor count as missed while it lasts."""

from __future__ import annotations

import numpy as np

from aiops.core.labels import matches_all
from aiops.core.records import Bools, Ints
from aiops.pipeline.watch import Watch


def masked(watch: Watch, now_s: int) -> Bools:
    """(n,) whether each row is excluded at the shared instant `now_s`; asked anew each minute, or when rows are new."""
    mask = watch.mask
    if len(mask.now) == watch.n and (mask.minute == now_s // 60 or not watch.card.exclude):
        return mask.now
    mask.now, mask.minute = masked_at(watch, np.array([now_s], np.int64))[:, 0], now_s // 60
    return mask.now


def masked_at(watch: Watch, time_s: Ints) -> Bools:
    """(n, m) whether each row is excluded at each shared instant of `time_s` (m,); rows may live on clocks of their own."""
    out = np.zeros((watch.n, len(time_s)), bool)
    if not watch.card.exclude or not out.size:
        return out
    _grow(watch)
    shifts, clock_of = np.unique(watch.window.shift_s[: watch.n], return_inverse=True)
    for exclude, rows in zip(watch.card.exclude, watch.mask.rows, strict=True):
        lasting = np.stack([exclude.lasts(time_s + shift) for shift in shifts.tolist()])
        out |= lasting[clock_of] & rows[:, None]
    return out


def _grow(watch: Watch) -> None:
    """Match the labels of rows that are new, once."""
    excludes = watch.card.exclude
    if not watch.mask.rows:
        watch.mask.rows = [np.zeros(0, bool) for _ in excludes]
    had = len(watch.mask.rows[0])
    if had < watch.n:
        fresh = watch.window.labels[had : watch.n]
        more = [np.array([matches_all(one.match, labels) for labels in fresh], bool) for one in excludes]
        watch.mask.rows = [np.concatenate(pair) for pair in zip(watch.mask.rows, more, strict=True)]
