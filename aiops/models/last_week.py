"""What the week before did from this hour on: who rose alike then, and lost it again, is expected to do so again."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools
from aiops.models.paths import (
    COME_AGAIN,
    EDGES,
    FROM_DAY_TO_DAY,
    HOUR,
    LAST_WEEK,
    NOTHING,
    PEAKS,
    RISES,
    TWO_WEEKS,
    Path,
    Scene,
)
from aiops.models.scene import DAY_HOURS
from aiops.models.shape import Array, Sums

WEEK_H, DAY_H = 168, 24
LEAST_H, MOST_H = 40, 96
"""So many hours of the week before must be known in front of this hour; of a longer window this much is compared."""
LONG_S = 36.0 * HOUR
"""Shorter windows are held against yesterday."""
ALIKE, AS_MUCH, TAKEN_BACK = 0.8, 0.4, 0.5
"""The hours of both weeks go together by this correlation; this share of what a window gained it gained then too, and so much of
that was lost again within the week that followed."""
EXACTLY, EXACT_H = 0.1, 150
"""Two weeks are one way where no hour of the second, so many of which are known in both, gained over the first by more than this
share away from what they gained on average."""
LATER = 1.25
"""What the week before reaches later than so many times the time that a line says speaks against the line."""


@dataclass(frozen=True, slots=True, eq=False)
class LastWeek:
    """Of n rows: `ago` (n, 313) means of 24 h that end so many hours ago, so that no rhythm of a day counts, NaN with fewer than
    DAY_HOURS; `falls` (n,) how far these means sank below that of a week ago within the week that followed; of those that did
    `alike` (n,), where this week goes as the one before, and `reaches_s` (n,), when doing the same from now on would bring the
    level to the limit, infinite where not within a week; `again_s` (n,) when a week that gains on the last one what
    that gained on the one before reaches the limit, NaN where these did not go alike (EXACTLY) or not in two weeks."""

    ago: Array
    alike: Bools
    falls: Array
    reaches_s: Array
    again_s: Array

    @classmethod
    def of(cls, scene: Scene) -> LastWeek:
        """The week before, from the hourly means of a scene."""
        ago = scene.hourly[:, ::-1]
        days = _days(ago)
        with np.errstate(invalid="ignore"):
            falls = days[:, WEEK_H] - np.fmin.reduce(days[:, :WEEK_H], axis=1)
            rows = np.flatnonzero(falls > 0)  # who lost nothing needs no more
            here, then = (part.astype(np.float64) for part in (ago[rows, :WEEK_H], ago[rows, WEEK_H:]))
            then_on = here - then[:, :1]  # what came in the week that followed, against the level of a week ago
            there = (scene.now[rows, None] + then_on >= scene.top[rows, None])[:, ::-1]  # oldest first: what would come next
            known = np.isfinite(here) & np.isfinite(then)
            alike, reaches_s = np.zeros(len(ago), bool), np.full(len(ago), np.inf)
            reaches_s[rows] = np.where(there.any(axis=1), (there.argmax(axis=1) + 1.0) * HOUR, np.inf)
            alike[rows] = (known.sum(axis=1) >= LEAST_H) & (_correlation(here, then, known) >= ALIKE)
        return cls(days, alike, falls, reaches_s, _again_s(scene))

    def held_against(self, path: Path) -> Path:
        """A path of days, silent where the week before gained alike in the same hours, lost it again, and would not reach the
        limit by LATER of the told time were it to come again."""
        if path.name not in (RISES, EDGES, FROM_DAY_TO_DAY, PEAKS, COME_AGAIN) or path.window_s < LONG_S or not self.alike.any():
            return path
        most = min(int(path.window_s / HOUR), MOST_H)
        rows, known = np.arange(len(self.ago)), np.isfinite(self.ago[:, WEEK_H:]).sum(axis=1)
        back = np.clip(np.minimum(known - 1, most), 0, self.ago.shape[1] - WEEK_H - 1)
        gain = self.ago[:, 0] - self.ago[rows, back]
        before = self.ago[:, WEEK_H] - self.ago[rows, WEEK_H + back]
        with np.errstate(invalid="ignore"):
            lost = (self.falls >= TAKEN_BACK * before) & (self.reaches_s > LATER * path.eta_s)
            again = self.alike & lost & (gain > 0) & (before >= AS_MUCH * gain)
        why = np.where(again, LAST_WEEK, path.why).astype(np.int8)
        return replace(path, eta_s=np.where(again, np.nan, path.eta_s), why=why)

    def again(self, path: Path) -> Path:
        """A path of days, told to the hour at which `again_s` has it: growth rests on week-ends and by night."""
        if path.name not in (RISES, EDGES, FROM_DAY_TO_DAY) or path.window_s < LONG_S:
            return path
        known = np.isfinite(path.eta_s) & np.isfinite(self.again_s)
        return replace(path, eta_s=np.where(known, self.again_s, path.eta_s))

    def goes_on(self, scene: Scene) -> Path:
        """What grew in two weeks alike and stands as high as ever is on its way, though it rests at the moment."""
        gain = scene.hourly[:, -1].astype(np.float64) - scene.hourly[:, -1 - WEEK_H]
        with np.errstate(invalid="ignore"):
            high = scene.now >= np.fmax.reduce(scene.hourly, axis=1) - EXACTLY * gain
        eta = np.where(high, self.again_s, np.nan)
        return Path(eta, gain / (WEEK_H * HOUR), 2.0 * WEEK_H * HOUR, TWO_WEEKS, np.full(len(eta), NOTHING, np.int8))


def _again_s(scene: Scene) -> Array:
    """(n,) what `LastWeek` calls so: the last week comes again, and with it what it gained on the week before."""
    out = np.full(len(scene.now), np.nan)
    level = scene.hourly
    rows = np.flatnonzero(np.isfinite(level[:, -1]) & (level[:, -1] > level[:, -1 - WEEK_H]) & (scene.room > 0))
    last, before = (part.astype(np.float64) for part in (level[rows, WEEK_H:], level[rows, :WEEK_H]))
    more = last - before
    known = np.isfinite(more)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain = np.where(known, more, 0.0).sum(axis=1) / known.sum(axis=1)
        away = np.fmax.reduce(np.abs(more - gain[:, None]), axis=1)
        alike = (known.sum(axis=1) >= EXACT_H) & (away <= EXACTLY * gain)
        coming = scene.now[rows, None] + np.concatenate([last - last[:, -1:] + (k + 1) * gain[:, None] for k in range(2)], axis=1)
        there = coming >= scene.top[rows, None]
    out[rows] = np.where(alike & there.any(axis=1), (there.argmax(axis=1) + 0.5) * HOUR, np.nan)
    return out


def _days(ago: NDArray[np.float32]) -> Array:
    """(n, t - 23) means of every 24 hours of (n, t); NaN where fewer than DAY_HOURS are known."""
    sums = Sums.of(ago)
    total = sums.total[:, DAY_H:] - sums.total[:, :-DAY_H]
    if sums.count is None:
        return np.asarray(total / DAY_H)
    count = sums.count[:, DAY_H:] - sums.count[:, :-DAY_H]
    return np.where(count >= DAY_HOURS, total / np.maximum(count, 1), np.nan)


def _correlation(x: Array, y: Array, known: Bools) -> Array:
    """(n,) Pearson's, over what is known of both; NaN where one is constant."""
    count = np.maximum(known.sum(axis=1), 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        dx = np.where(known, x - (np.where(known, x, 0).sum(axis=1) / count)[:, None], 0.0)
        dy = np.where(known, y - (np.where(known, y, 0).sum(axis=1) / count)[:, None], 0.0)
        return np.asarray((dx * dy).sum(axis=1) / np.sqrt((dx * dx).sum(axis=1) * (dy * dy).sum(axis=1)))
