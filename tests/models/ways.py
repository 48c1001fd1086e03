"""Made-up courses as a window would hold them, for tests of each way to a limit."""

from __future__ import annotations

import numpy as np

from aiops.core.records import History, Limit, Resolution
from aiops.models import paths
from aiops.models.scene import scene_of

NOON = 1_767_571_200 + 12 * 3600
Array = np.ndarray


def history(values: Array, end: int = NOON) -> History:
    """(n, t) 5-min samples up to `end` as a window would hold them."""
    n = len(values)

    def coarse(bucket: int, count: int) -> Resolution:
        k = bucket // 300
        parts = values[:, values.shape[1] % k :].reshape(n, -1, k)[:, -count:].astype(np.float32)
        present = np.isfinite(parts).sum(axis=2)
        mean = np.where(present > 0, np.nansum(parts, axis=2) / np.maximum(present, 1), np.nan).astype(np.float32)
        return Resolution(bucket, end, mean, np.fmin.reduce(parts, axis=2), np.fmax.reduce(parts, axis=2))

    fine = values[:, -72:].astype(np.float32)
    first = np.full(n, end - 300 * (values.shape[1] - 1))
    now = np.full(n, end)
    return History(Resolution(300, end, fine, fine, fine), coarse(300, 864), coarse(3600, 840), np.zeros(n), now, first)


def scene(values: Array, limit: float = 1.0) -> paths.Scene:
    return scene_of(history(values[None]), Limit.uniform(1, limit, True))[0]


def hours(count: float) -> Array:
    return np.arange(-round(12 * count) + 1, 1) / 12


def eta_hours(path: paths.Path) -> float:
    return float(path.eta_s[0]) / 3600
