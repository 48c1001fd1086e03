"""Whether what is measured left its course after something was done about it."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Floats, Ints

BEFORE = 3.0
"""The course is taken from a span so many times as long as the one that is looked at."""
NOISE, SHARE = 3.0, 0.1
LEAST_BEFORE, LEAST_AFTER = 4, 3


def left_course(time_s: Ints, values: Floats, above: bool, at_s: int, within_s: float) -> bool:
    """Whether `values` (t,) at `time_s` (t,) turned away from their limit within `within_s` of `at_s`.

    The course is the line of Theil and Sen through the points of 3 `within_s` before. The later half of those after must lie, in
    the median, on the safe side of it by more than 3 times its noise (1.4826 of the median absolute residual) and a tenth of what
    it would have moved: a step and a change of slope both do. NaN = no sample; with fewer than 4 points before or 3 after it is
    not known, so False. `above`: the limit lies above, so down is safe.
    Source: Sen, Estimates of the regression coefficient based on Kendall's tau, JASA 63 (1968).
    """
    known = np.isfinite(values)
    before = known & (time_s > at_s - BEFORE * within_s) & (time_s <= at_s)
    after = known & (time_s > at_s) & (time_s <= at_s + within_s)
    if before.sum() < LEAST_BEFORE or after.sum() < LEAST_AFTER:
        return False
    t, y = (time_s[before] - at_s).astype(np.float64), values[before].astype(np.float64)
    i, j = np.triu_indices(len(t), 1)
    slope = float(np.median((y[j] - y[i]) / (t[j] - t[i])))
    level = float(np.median(y - slope * t))
    noise = 1.4826 * float(np.median(np.abs(y - level - slope * t)))
    later, seen = (time_s[after] - at_s).astype(np.float64), values[after].astype(np.float64)
    half = later >= np.median(later)
    off = float(np.median((seen - level - slope * later)[half])) * (-1.0 if above else 1.0)
    return off > max(NOISE * noise, SHARE * abs(slope) * within_s, 1e-9 * abs(level))
