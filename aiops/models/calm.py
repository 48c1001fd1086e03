"""A steady rise of minutes out of calm: told once what is left of it is about as long as it has lasted.

Other ways wait for a share of the way, which is late where a rise quickens, pauses or lasts longer than any of their windows.

Source: the expected rest of what lasts without a known scale is as long as it has lasted (Gott 1993, Nature 363).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import History, Limit
from aiops.models import paths
from aiops.models.paths import BLOCKS, NOTHING, RECORD, RISES, Path, Scene, path_of
from aiops.models.shape import Sums, rise

SIZES_S = tuple(int(135 * 1.15**i) for i in range(22))
"""Windows from 135 s to 42 min, each about 15 % longer than the one before.

What rises for longer is left to the other ways: the longest jobs that end by themselves take hours.
"""
TIGHT_S, TIGHT, BEGINS = 240, 0.4, 0.3
"""A window begins and ends amid the rise: its first and its last gain are at least TIGHT of the mean one, in those longer than
TIGHT_S BEGINS of it. One that holds calm as well would take what has just begun for a rise that quickens."""
BEHIND = 0.33
"""At least this share of the way lies behind, however fast it quickens."""
HOLDS = 0.7
"""The last third gains at least this share of the second largest gain."""


def ways(history: History, limit: Limit, scene: Scene, step_s: int, times: float) -> list[Path]:
    """What every window says of n rows; of several that speak the longest. A rise that has lasted d is told once it will take
    no more than `times` d at its pace, faster where it has quickened all along.

    For steps under a minute. Not told: what does not stand above all before its window, what pauses right now, what slackens.
    """
    sign = np.where(limit.above, 1.0, -1.0).astype(np.float32)
    values = history.fine.mean * sign[:, None]
    sums = Sums.of(values[:, -(SIZES_S[-1] // step_s + 1) :])
    found: list[Path] = []
    said = np.zeros(len(values), bool)
    for columns, before in windows(values, SIZES_S, scene, step_s):
        path = _way(sums, scene, before, columns, step_s, times)
        speaks = np.isfinite(path.eta_s)
        found.append(replace(path, eta_s=np.where(said, np.nan, path.eta_s)))
        said |= speaks
    return found


def windows(
    values: NDArray[np.float32], sizes_s: Sequence[int], scene: Scene, step_s: int
) -> Iterator[tuple[int, tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """(columns, (highest, lowest) before it) of each window of `sizes_s`, ascending, that (n, t) `values` hold; longest first."""
    highest, lowest = scene.before(6)
    total, end = values.shape[1], 0
    for size_s in reversed(sizes_s):
        columns = size_s // step_s
        if columns < BLOCKS or columns > total:
            continue
        older = values[:, end : total - columns]
        if older.shape[1]:
            highest = np.fmax(highest, np.fmax.reduce(older, axis=1))
            lowest = np.fmin(lowest, np.fmin.reduce(older, axis=1))
        end = total - columns
        yield columns, (highest, lowest)


def _way(
    fine: Sums, scene: Scene, before: tuple[NDArray[np.float64], NDArray[np.float64]], columns: int, step_s: int, times: float
) -> Path:
    window_s = float(columns * step_s)
    means = fine.means(columns, BLOCKS)
    found = rise(means, scene.room, 0.12)
    record = paths.above_record(scene.now, scene.top, before, RECORD, 2.0 * found.noise)
    gains = np.diff(means, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = found.pace / (window_s / BLOCKS)
        eta = found.parts_to(scene.room) * (window_s / BLOCKS)
        says = found.good & record & (eta > 0) & (eta <= times * window_s) & paths.going(fine, columns, pace * step_s)
        says &= found.late >= HOLDS * np.sort(gains, axis=1)[:, -2]
        says &= scene.now - means[:, 0] >= BEHIND * (scene.top - means[:, 0])
        least = (TIGHT if window_s <= TIGHT_S else BEGINS) * found.total / (BLOCKS - 1)
        says &= (gains[:, 0] >= least) & (gains[:, -1] >= least)
    return path_of(says, eta, pace, window_s, RISES, np.full(len(eta), NOTHING))
