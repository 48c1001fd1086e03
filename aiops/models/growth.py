"""Growth from day to day: whether it goes on alike, or bends to a level.

Whole days are compared, so that no rhythm of a day counts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops.core.records import Bools
from aiops.models.paths import Scene

DAYS = 4
"""The gains of so many days are looked at, each the mean of 24 h less that of the 24 h before."""
ALIKE_DAYS, ALIKE = 3, 0.4
"""Growth goes on alike where each of the last days gained at least this share of what they gained on average."""
APART = 2.0
"""The largest of the three gains before lies, on average, so many days before the newest one."""
QUICKEST, SLOWEST = 0.01, 0.98
"""A day's gain over the gain of the day before, at least and at most, when a pace dies away."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Of n rows: `levels` (n,) where the pace of days dies away too early, `alike` (n,) where it goes on alike instead.

    levels: against the largest gain of the three days before, the pace shrinks by r = (newest / largest) ** (1 / APART) a day;
    all it would still gain, newest * r / (1 - r), is less than what is left from the peak of the last two days to the limit.
    A day without gain has r = QUICKEST; one that gained more than those before, or that follows none, shrinks by nothing; nor is
    anything said of one that a week ago fell by more than that week gained in a day: it is a day off. Rows with less than three
    days: neither.
    """

    alike: Bools
    levels: Bools

    @classmethod
    def of(cls, scene: Scene) -> Growth:
        """The growth of a scene, oriented towards the limit."""
        mean = scene.day_mean
        gains = np.diff(mean[:, -DAYS - 1 :], axis=1)
        newest, last = gains[:, -1], gains[:, -ALIKE_DAYS:]
        room = scene.top - np.fmax(scene.day_peak[:, -1], scene.day_peak[:, -2])
        with np.errstate(invalid="ignore", divide="ignore"):
            least = last.min(axis=1)
            alike = (least > 0) & (least >= ALIKE * last.mean(axis=1))
            largest = np.fmax.reduce(gains[:, :-1], axis=1)
            ratio = np.where(newest <= 0, 0.0, np.where(largest > 0, newest / largest, 1.0))
            shrink = np.clip(ratio ** (1.0 / APART), QUICKEST, SLOWEST)
            day_off = mean[:, -8] - mean[:, -9] <= (mean[:, -9] - mean[:, -2]) / 7
            levels = (newest * shrink / (1.0 - shrink) < room) & np.isfinite(largest) & ~day_off
        return cls(np.asarray(alike & ~levels), np.asarray(levels))
