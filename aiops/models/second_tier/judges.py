"""Second opinions by scikit-learn: what a worker says of the newest block of an entity's rows, beside others of their cohort."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools, Floats
from aiops.models.second_tier.features import HELD, PARTS

TREES, SAMPLES, SEED = 100, 256, 0
HOUR_BLOCKS = 4
EXPLAINED, FEWEST_ROWS = 0.8, 4
"""Principal components explain this share of a group's movement; common movement is sought among at least so many rows."""
LEAST_ROWS = {"pca": FEWEST_ROWS}
"""Rows below which a model says nothing."""
USUAL = 6.0
"""What lies farther than so many scales from the middle of the rows is cut off before common movement is sought in it."""
PRESENT = 0.5
"""Share of a row's blocks that must hold samples."""


def judged(values: Floats, kind: str, own: int, rows: int) -> Floats:
    """(own,) p of the newest block of the first `own` of `rows` rows, NaN: nothing is said.

    `values`: (rows, blocks, 3) as `features.departures` gives them, in one dimension.

        p = (1 + r / s)^-3,   s^3 = mean of r^3 over the blocks before the newest four

    as the first tier's: r is how strange a block is in the eyes of the model; by Markov's inequality a row exceeds c s with
    probability <= c^-3 of its own past. Raises ValueError where the model has too little to learn from.
    """
    away = values.reshape(rows, -1, PARTS).astype(np.float64)
    known: Bools = np.asarray(np.isfinite(away).all(axis=2))
    known &= known[:, :-HELD].mean(axis=1, keepdims=True) >= PRESENT
    strange = KINDS[kind](np.where(known[:, :, None], away, 0.0), known, own)
    taught = known[:own, :-HELD]
    cubes = np.where(taught, strange[:, :-HELD], 0.0) ** 3
    scale = np.cbrt(cubes.sum(axis=1) / np.maximum(taught.sum(axis=1), 1))
    p = (1.0 + strange[:, -1] / np.where(scale > 0, scale, np.nan)) ** -3
    return np.where(known[:own, -1], p, np.nan)


def isolation(away: Floats, known: Bools, own: int) -> Floats:
    """(own, blocks) the square of an isolation forest's score of each block beyond the row's median, 0 below it.

    Blocks of all rows are its points, by five features: level, largest departure, spread, change of level since the block before
    and since an hour ago; beside the median level of the cohort's other rows at that time, where there are FEWEST_ROWS of them:
    what all do is no news. It has not seen the newest blocks. The score is between 0 and 1 and flattens off; its square less so.
    """
    from sklearn.ensemble import IsolationForest

    if len(away) - own >= FEWEST_ROWS:
        away = away - np.median(away[own:, :, 0], axis=0)[None, :, None]
    points = _points(away)
    taught = points[:, :-HELD][known[:, :-HELD]]
    if len(taught) < SAMPLES // 4:
        raise ValueError("too few blocks")
    forest = IsolationForest(n_estimators=TREES, max_samples=min(SAMPLES, len(taught)), random_state=SEED).fit(taught)
    score = -forest.score_samples(points[:own].reshape(-1, points.shape[2])).reshape(own, -1)
    there = known[:own, :-HELD]
    usual = [np.median(row[some]) if some.any() else 1.0 for row, some in zip(score[:, :-HELD], there, strict=True)]
    return np.asarray(np.maximum(score - np.array(usual)[:, None], 0.0) ** 2)


def _points(away: Floats) -> Floats:
    """(rows, blocks, 5) features."""
    level, low, high = away[:, :, 0], away[:, :, 1], away[:, :, 2]
    change = np.diff(level, axis=1, prepend=level[:, :1])
    before = np.concatenate([np.repeat(level[:, :1], HOUR_BLOCKS, axis=1), level[:, :-HOUR_BLOCKS]], axis=1)
    return np.stack([level, np.maximum(np.abs(low), np.abs(high)), high - low, change, level - before], axis=2)


def pca(away: Floats, known: Bools, own: int) -> Floats:
    """(own, blocks) how far each block's level lies from what the group's principal components make of all rows at that time.

    As many components as explain EXPLAINED of the movement, at most a third of the rows; they have not seen the newest blocks.
    """
    from sklearn.decomposition import PCA

    there = known[:, :-HELD].any(axis=1)
    level = away[there, :, 0].T
    if level.shape[1] < FEWEST_ROWS:
        raise ValueError("too few rows to tell common movement from own")
    middle = np.median(level, axis=1, keepdims=True)
    calm = middle + np.clip(level - middle, -USUAL, USUAL)
    found = PCA(svd_solver="full").fit(calm[:-HELD])
    enough = int(np.searchsorted(np.cumsum(found.explained_variance_ratio_), EXPLAINED)) + 1
    axes = found.components_[: max(1, min(enough, level.shape[1] // 3))]
    out = np.zeros(away.shape[:2])
    out[there] = np.abs(level - (found.mean_ + (calm - found.mean_) @ axes.T @ axes)).T
    return out[:own]


KINDS = {"isolation": isolation, "pca": pca}
