"""Fast teeth: what falls again and again meets its limit with its ceiling, wherever in a tooth it stands now.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from aiops.core.records import Bools
from aiops.models.collected import FALL, falls
from aiops.models.paths import EDGES, PARTS, RISES, Path, Scene, edges

SWING = 0.35
"""Teeth count where they are as large as this share of what lies between the ceiling and the limit: below it hardly matters where
in a tooth a line ends."""


def told(found: Sequence[Path], scene: Scene) -> list[Path]:
    """`found`, lines through the level silent where both edges of a saw with large, fast teeth are told (`toothed`).

    A line ends where the newest samples stand in their tooth, and is met by its mean: a tooth that is large beside what is left
    would be told to cross late by as much as its height takes, and earlier and later from look to look.
    """
    rows = np.zeros(len(scene.now), bool)
    for path in (path for path in found if path.name == EDGES):
        rows |= toothed(scene, np.isfinite(path.eta_s) & ~rows, path.window_s)
    if not rows.any():
        return list(found)
    return [replace(path, eta_s=np.where(rows, np.nan, path.eta_s)) if path.name == RISES else path for path in found]


def toothed(scene: Scene, rows: Bools, window_s: float) -> Bools:
    """(n,) which of `rows` (n,) fall by FALL of what lies between ceiling and floor within 10 min, in each part of the last
    `window_s` and ten times in all, with teeth of SWING."""
    out, at = np.zeros(len(rows), bool), np.flatnonzero(rows)
    columns = int(window_s) // scene.mid_step_s // PARTS * PARTS
    if not len(at) or not columns or scene.low.shape[1] <= columns:
        return out
    high, low = scene.high[at, -columns - 1 :], scene.low[at, -columns - 1 :]
    floor, ceiling = edges(low, high, columns)
    swing = np.median(ceiling - floor, axis=1)
    with np.errstate(invalid="ignore"):
        large = swing >= SWING * (scene.top[at] - ceiling[:, -1])
    out[at] = large & falls(high, low, columns, FALL * (ceiling - floor))
    return out
