"""Forecasts weighed by how they did from earlier origins, and the interval that their errors there allow.

Every method forecasts from each rolling origin of a past. weight = (smallest error / error)^4, error = the mean absolute
one over leads of up to 72 steps and all origins; the path is the weighted median of all, lead by lead, so that a method that
runs away moves nothing. The interval is split-conformal: residuals of the combined path at the origins, there weighed without
the origin in question, divided by their mean size around that lead; its half width is their quantile times that size.

Source: J. Bates & C. Granger 1969 for weights by past error; V. Vovk et al. 2005 and J. Lei et al. 2018, Distribution-free
predictive inference for regression (locally weighted split conformal); R. Hyndman, rolling-origin evaluation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats, Ints
from aiops.models.hourly import Past

Method = Callable[[Floats, Mapping[int, int], int], dict[int, Floats]]
"""(y (n, t), {end: how far}, season) to forecasts (n, how far) from each end."""
AHEAD = 336
TILE = 64
"""Rows combined at once, so that all their paths stay near the core."""
HALF = 0.5 - 1e-6
TRIED = 72
"""Steps over which an origin's forecast is judged."""
POWER = 4
EDGES = (2, 6, 12, 24, 48, TRIED, 120, 168, 240, AHEAD)
"""Last lead of each group of leads that has one size of error."""
JUDGED = EDGES.index(TRIED) + 1
LEVELS = (0.5, 0.8, 0.9, 0.95, 0.99)
BUCKET = np.searchsorted(np.array(EDGES), np.arange(1, AHEAD + 1))
INDEPENDENT = 4
"""An origin's residuals hang together: they count as so many independent ones in the finite-sample correction."""
LEAST = 1e-6
"""The smallest size of errors, as a share of the largest value: what float32 cannot tell apart."""
_Z = np.array([0.0, *(NormalDist().inv_cdf(0.5 + level / 2) for level in LEVELS)])


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Of k rows: `path` (k, steps), `scales` (k, len(EDGES)), `quantiles` (k, len(LEVELS)), `best` (k,) the likeliest method."""

    path: Floats
    scales: Floats
    quantiles: Floats
    best: Ints


def fitted(methods: Mapping[str, Method], past: Past, ends: Sequence[int] | None = None) -> Fitted | None:
    """The combined path of a past and its interval, tried from all its origins, or from `ends`; None where there is none."""
    y, ends = past.values, past.ends if ends is None else ends
    if not ends:
        return None
    steps = y.shape[1]
    ahead = {end: min(TRIED, steps - end) for end in ends} | {steps: AHEAD if past.season else steps}
    paths = [method(y, ahead, past.season) for method in methods.values()]
    misses = [np.stack([y[:, e : e + ahead[e]] - p[e] for p in paths], axis=1) for e in ends]
    error = np.stack([np.abs(m).mean(axis=2, dtype=np.float64) for m in misses], axis=2)  # (k, methods, origins)
    total = error.sum(axis=2)
    best = weights(total)
    path = middle([p[steps] for p in paths], best)
    left = [middle([m[:, i] for i in range(len(paths))], weights(total - error[:, :, k])) for k, m in enumerate(misses)]
    scales, quantiles = sizes(left)
    return Fitted(path, scales, quantiles, np.argmax(best, axis=1))


def weights(error: Floats) -> Floats:
    """(k, methods) weights that add up to 1; equal where nothing was ever wrong."""
    least = error.min(axis=1, keepdims=True)
    tiny = 1e-9 * error.max(axis=1, keepdims=True) + 1e-30
    raw = ((least + tiny) / (np.maximum(error, 0.0) + tiny)) ** POWER
    return np.asarray(raw / raw.sum(axis=1, keepdims=True))


def middle(paths: Sequence[Floats], weight: Floats) -> Floats:
    """(k, h) the lower weighted median of `paths`, a (k, h) each, by `weight` (k, paths)."""
    out = np.empty_like(paths[0])
    share = weight.astype(out.dtype)
    for start in range(0, len(out), TILE):
        rows = slice(start, start + TILE)
        out[rows] = _middle([path[rows] for path in paths], share[rows])
    return out


def _middle(paths: Sequence[Floats], weight: Floats) -> Floats:
    below = [np.repeat(weight[:, i, None], paths[0].shape[1], axis=1) for i in range(len(paths))]
    for i, path in enumerate(paths):
        for j in range(i):
            first = paths[j] <= path  # of equals the earlier one comes first
            below[i] += weight[:, j, None] * first
            below[j] += weight[:, i, None] * ~first
    out = np.full_like(paths[0], np.inf)
    for path, mass in zip(paths, below, strict=True):
        np.minimum(out, np.where(mass >= HALF, path, np.inf), out=out)
    return out


def sizes(left: Sequence[Floats]) -> tuple[Floats, Floats]:
    """(scales, quantiles) of residuals (k, h) an origin: sizes never fall with the lead, and grow as its root at last."""
    n = len(left[0])
    absolute = [np.abs(r).astype(np.float64) for r in left]
    scales = np.zeros((n, len(EDGES)))
    begin = 0
    for i, edge in enumerate(EDGES[:JUDGED]):
        parts = [r[:, begin:edge] for r in absolute if r.shape[1] > begin]
        if parts:
            scales[:, i] = np.concatenate(parts, axis=1).mean(axis=1)
            known = i
        begin = edge
    scales[:, 0] += LEAST
    scales = np.maximum.accumulate(scales, axis=1)
    for i in range(known + 1, len(EDGES)):
        scales[:, i] = scales[:, known] * np.sqrt(EDGES[i] / EDGES[known])
    ratios = np.sort(np.concatenate([r / scales[:, BUCKET[: r.shape[1]]] for r in absolute], axis=1), axis=1)
    count = ratios.shape[1]
    wider = 1 + 1 / (INDEPENDENT * len(left))
    ranks = [min(int(np.ceil((count + 1) * level * wider)), count) - 1 for level in LEVELS]
    quantiles = np.maximum(ratios[:, ranks], 1e-3 * np.arange(1, len(LEVELS) + 1))
    return scales, np.maximum.accumulate(quantiles * (1 + 1e-3 * np.arange(len(LEVELS))), axis=1)


def width(quantiles: NDArray[np.float32], level: float) -> Floats:
    """(k,) the quantile of a level: a straight line between the known ones over the normal distribution's."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    known = np.concatenate([np.zeros((len(quantiles), 1)), quantiles.astype(np.float64)], axis=1)
    i = min(int(np.searchsorted(_Z, z, side="right")), len(_Z) - 1)
    share = (z - _Z[i - 1]) / (_Z[i] - _Z[i - 1])
    return np.asarray(known[:, i - 1] + share * (known[:, i] - known[:, i - 1]))
