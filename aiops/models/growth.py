"""Growth from day to day: whether it goes on alike, bends to a level, or quickens.

The same hours of days are compared, so that no rhythm of a day counts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from aiops.core.records import Bools
from aiops.models.paths import DAY, EDGES, FROM_DAY_TO_DAY, HOUR, RISES, Path, Scene
from aiops.models.shape import Array, bent

DAYS = 4
"""The gains of so many days are looked at, each the mean of 24 h less that of the 24 h before."""
ALIKE_DAYS, ALIKE = 3, 0.4
"""Growth goes on alike where each of the last days gained at least this share of what they gained on average."""
APART = 2.0
"""The largest of the three gains before lies, on average, so many days before the newest one."""
QUICKEST, SLOWEST = 0.01, 0.98
"""A day's gain over the gain of the day before, at least and at most, when a pace dies away."""
HALF_DAY_H, LEVEL_H = 12, 2
QUICKENS, EVENLY = 1.2, 0.5
"""Growth quickens where each of the last two half days gained so many times what the same hours gained the day before, by amounts
of which the smaller is at least this share of the larger: one jump to another pace is no such growth."""
BENT_S, SOONEST = 36.0 * HOUR, 0.6
"""Windows from this length on are told sooner, by this share at most: shorter ones see how a rise bends themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Growth:
    """Of n rows: `levels` (n,) where the pace of days dies away too early, `alike` (n,) where it goes on alike instead, and
    `bend` (n,) by how much a day's gain grows from day to day, 0 where it does not quicken.

    levels: against the largest gain of the three days before, the pace shrinks by r = (newest / largest) ** (1 / APART) a day;
    all it would still gain, newest * r / (1 - r), is less than what is left from the peak of the last two days to the limit.
    A day without gain has r = QUICKEST; one that gained more than those before, or that follows none, shrinks by nothing; nor is
    anything said of one that a week ago fell by more than that week gained in a day: it is a day off. Rows with less than three
    days: neither.

    bend: of the last two half days, each gain less the gain of the same hours the day before, twice the smaller (see QUICKENS);
    those hours must have gained something then, and no less than on the day before that. A larger rhythm hides it.
    """

    alike: Bools
    levels: Bools
    bend: Array

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
        return cls(np.asarray(alike & ~levels), np.asarray(levels), _bend(scene))

    def sooner(self, path: Path, room: Array) -> Path:
        """A path of days, told as much sooner as growth that quickens gets there: (sqrt(v² + 2 b room) - v) / b days."""
        long = path.name in (RISES, EDGES) and path.window_s >= BENT_S
        if not (long or path.name == FROM_DAY_TO_DAY) or not self.bend.any():
            return path
        with np.errstate(invalid="ignore", divide="ignore"):
            pace = room * DAY / path.eta_s + 0.5 * self.bend  # what tomorrow gains, by its middle
            eta = np.clip(bent(pace, self.bend, room) * DAY, SOONEST * path.eta_s, path.eta_s)
        return replace(path, eta_s=np.where(self.bend > 0, eta, path.eta_s))


def _bend(scene: Scene) -> Array:
    """(n,) what `Growth` calls bend, by means of two hours."""
    hourly, count = scene.hourly, scene.hourly.shape[1]
    ends = count - HALF_DAY_H * np.arange(7)
    level = np.stack([hourly[:, end - LEVEL_H : end].mean(axis=1, dtype=np.float64) for end in ends], axis=1)
    gains = level[:, :-1] - level[:, 1:]  # newest first
    with np.errstate(invalid="ignore"):
        more = gains[:, :2] - gains[:, 2:4]
        least, most = more.min(axis=1), more.max(axis=1)
        quickens = ((gains[:, :2] > QUICKENS * gains[:, 2:4]) & (gains[:, 2:4] > 0)).all(axis=1) & (least >= EVENLY * most)
        quickens &= ~(gains[:, 4:] > gains[:, 2:4]).any(axis=1)
    return np.where(quickens, 2.0 * least, 0.0)
