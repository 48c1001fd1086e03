"""Sums and least-squares lines over the last columns of many series at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

HOUR_S = 3600
Array = NDArray[np.float64]


def rolled(values: Array, width: int) -> Array:
    """(k, t) the sums of the last `width` columns up to each.

    >>> rolled(np.array([[1.0, 2.0, 3.0]]), 2).tolist()
    [[1.0, 3.0, 5.0]]
    """
    total = np.zeros((len(values), values.shape[1] + 1))
    np.cumsum(values, axis=1, out=total[:, 1:])
    ends = np.arange(1, values.shape[1] + 1)
    found: Array = total[:, ends] - total[:, np.maximum(0, ends - max(1, width))]
    return found


def centred(values: Array) -> tuple[Array, Array]:
    """(values less a level of each row, that level (k, 1)): sums of squares then lose little. NaN = no sample."""
    there = np.isfinite(values)
    level = np.where(there, values, 0.0).sum(axis=1) / np.maximum(there.sum(axis=1), 1)
    return values - level[:, None], level[:, None]


def trend(values: Array, width: int, step_s: int) -> tuple[Array, Array]:
    """(slope a second, level at each instant), both (k, t), of the least-squares line through the last `width` columns.

    NaN = no sample; fewer than two samples: NaN. Source: Prometheus, promql/functions.go, linearRegression.
    """
    y, level = centred(values)
    there = np.isfinite(y)
    y = np.where(there, y, 0.0)
    x = np.arange(values.shape[1]) * (step_s / HOUR_S)
    n, sx, sy, sxx, sxy = (rolled(one, width) for one in (there * 1.0, there * x, y, there * x * x, y * x))
    with np.errstate(invalid="ignore", divide="ignore"):
        slope = (n * sxy - sx * sy) / (n * sxx - sx * sx)
        slope[(n < 2) | ~np.isfinite(slope)] = np.nan
        at = sy / n + slope * (x - sx / n)
    return slope / HOUR_S, at + level
