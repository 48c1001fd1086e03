"""History without what was masked: a forecast does not follow what happened in a maintenance."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from aiops.core.records import Bools, History, Ints, Resolution
from aiops.pipeline.mask_rows import Scope
from aiops.pipeline.watch import Watch

LOOK_S = 60
"""A bucket is masked where a time lasts at one of its samples; it is looked no more often than this."""


@dataclass(slots=True)
class Unmasked:
    """Takes what was masked out of histories of one look; what lasts when is found once for all of them."""

    watch: Watch
    _lasting: dict[tuple[int, int, int, int], Ints] = field(default_factory=dict)

    def history(self, rows: Ints, history: History) -> History:
        """The history of `rows` (k,), copies that may be written to, with gaps where they were masked; else the very same."""
        watch = self.watch
        scopes = watch.mask.scopes(watch.card)
        if not scopes or not len(rows):
            return history
        labels, shift_s = watch.window.labels[: watch.n], watch.window.shift_s[: watch.n][rows]
        mine = [(scope, watch.mask.matching(scope.match, labels, watch.card)[rows]) for scope in scopes]
        for scope, some in mine:
            if some.any():
                fine, mid, long = (self._without(one, scope, some, shift_s) for one in (history.fine, history.mid, history.long))
                if (fine, mid, long) != (history.fine, history.mid, history.long):
                    history = replace(history, fine=fine, mid=mid, long=long)
        return history

    def _without(self, one: Resolution, scope: Scope, some: Bools, shift_s: Ints) -> Resolution:
        """The resolution with gaps in the rows that a scope means; `one` itself where it never lasted."""
        for shift in np.unique(shift_s[some]).tolist():
            columns = self._columns(one, scope, shift)
            if len(columns):
                one = _writable(one)
                where = np.ix_(np.flatnonzero(some & (shift_s == shift)), columns)
                for values in (one.mean, one.low, one.high):
                    values[where] = np.nan
        return one

    def _columns(self, one: Resolution, scope: Scope, shift: int) -> Ints:
        """The columns in which a scope lasts at some sample, on a clock that is `shift` ahead."""
        name = id(scope), one.step_s, one.mean.shape[1], shift
        if name not in self._lasting:
            count = one.mean.shape[1]
            ends = one.end_s + shift - one.step_s * np.arange(count - 1, -1, -1, dtype=np.int64)
            looks = ends[:, None] - np.arange(0, one.step_s, min(max(LOOK_S, self.watch.step_s), one.step_s), dtype=np.int64)
            self._lasting[name] = np.flatnonzero(scope.lasts(looks.ravel()).reshape(looks.shape).any(axis=1))
        return self._lasting[name]


def _writable(one: Resolution) -> Resolution:
    if all(values.flags.writeable for values in (one.mean, one.low, one.high)):
        return one
    mean = one.mean.copy()
    low, high = (mean if values is one.mean else values.copy() for values in (one.low, one.high))
    return replace(one, mean=mean, low=low, high=high)
