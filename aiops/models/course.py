"""The last three days hour by hour: by how many hours a rise was carried, and whether it stands still now."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from aiops.core.records import Bools
from aiops.models.paths import DAY, HOUR, Scene
from aiops.models.shape import Array

HOURS = 72
STILL_H, STILL, SETTLED_H = 6, 0.3, 12
PER_CARRIER, PER_SHORT, CARRIERS = 5.0, 3.0, 11
"""Of a rise one in so many hours carries it, up to SHORT_H one in so many half hours; from day to day so many of 72 hours."""
SHORT_H = 16
FLAT, STAIRS = 1e-6, 0.5
"""Hours that moved by less than this share of the range did not move at all; this share of the known ones makes stairs."""


def carriers(gains: Array) -> Array:
    """(n,) by how many of (n, k) gains a rise was carried: (sum g)^2 / sum g^2 over those above 0; k when all are equal.

    Source: the effective number of Kish 1965, Survey Sampling, section 11.7.

    >>> carriers(np.array([[1.0, 1, 1, 1], [4.0, 0, 0, -1]])).tolist()
    [4.0, 1.0]
    """
    up = np.fmax(gains, 0.0)
    squares = np.einsum("nk,nk->n", up, up)
    return np.asarray(up.sum(axis=1) ** 2 / np.where(squares > 0, squares, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """Gains, oldest first: `gains` (n, HOURS - 1) from hour to hour, `short` (n, 2 SHORT_H - 1) from half hour to half hour.

    `stairs` (n,): in STAIRS of the known hours nothing moved at all, as with whole percents; `halted` (n,) see `_halted`.
    """

    gains: Array
    short: Array
    stairs: Bools
    halted: Bools

    @classmethod
    def of(cls, scene: Scene) -> Course:
        """The course of a scene; hours without samples say nothing."""
        means = scene.mid.means(HOURS * HOUR // scene.mid_step_s, HOURS)
        halves = scene.mid.means(SHORT_H * HOUR // scene.mid_step_s, 2 * SHORT_H)
        gains, stairs = np.diff(means, axis=1), _stairs(means)
        return cls(gains, np.diff(halves, axis=1), stairs, _halted(means) & ~stairs)

    def carried(self, hours: int) -> Bools:
        """(n,) whether the rise of the last `hours`, up to HOURS, was carried by many of them: not by a step or a few."""
        gains, per = (self.short[:, -2 * hours :], PER_SHORT) if hours <= SHORT_H else (self.gains[:, -hours:], PER_CARRIER)
        return np.asarray(carriers(gains) >= np.isfinite(gains).sum(axis=1) / per)

    @property
    def carried_daily(self) -> Bools:
        """(n,) the same of a rise from day to day."""
        return np.asarray(carriers(self.gains) >= np.minimum(CARRIERS, np.isfinite(self.gains).sum(axis=1)))


def _stairs(means: Array) -> Bools:
    """(n,) rows whose hourly `means` (n, HOURS) stand on whole steps; rows without samples do not."""
    gains = np.diff(means, axis=1)
    span = np.fmax.reduce(means, axis=1) - np.fmin.reduce(means, axis=1)
    with np.errstate(invalid="ignore"):
        flat = (np.abs(gains) <= FLAT * span[:, None]).sum(axis=1)
    known = np.isfinite(gains).sum(axis=1)
    return np.asarray((known > 0) & (flat >= STAIRS * known))


def _halted(means: Array) -> Bools:
    """(n,) rows of hourly `means` (n, HOURS) that moved, in the last 6 h, by less than a third of what they gained in the same
    hours on each of the two days before, and by less than in any 6 h of the days before the last 12 h.

    A sawtooth still moves, a daily rhythm moves or is as still at this hour as on other days. Whole percents may stand as long
    between any two of them: of stairs nothing is said.
    """
    now = means[:, -STILL_H - 1 :]
    last = HOURS - 1
    days = [means[:, last - 24 * d] - means[:, last - 24 * d - STILL_H] for d in (1, 2)]
    ends = np.arange(last - SETTLED_H, last - 2 * DAY // HOUR - SETTLED_H - 1, -STILL_H)
    with np.errstate(invalid="ignore"):
        moved = now.max(axis=1) - now.min(axis=1)
        before = (means[:, ends] - means[:, ends - STILL_H]).min(axis=1)
        return np.asarray((moved < STILL * np.minimum(*days)) & (moved < before))
