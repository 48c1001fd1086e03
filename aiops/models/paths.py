"""Ways in which a series can be on its way to a limit; each looks at all rows at once.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
BLOCKS = 8


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """What one way says about n rows: `eta_s` (n,) seconds to the limit, NaN = nothing; `slope` (n,) per second."""

    eta_s: Array
    slope: Array
    window_s: float
    name: str


def block_stat(values: NDArray[np.float32], blocks: int, how: str) -> Array:
    """(n, blocks) mean, min or max of equal parts of the last columns; a part with fewer than half its samples is NaN."""
    n, t = values.shape
    width = t // blocks
    parts = values[:, t - width * blocks :].reshape(n, blocks, width).astype(np.float64)
    present = np.isfinite(parts).sum(axis=2)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # a part without samples is a gap
        if how == "mean":
            out = np.nanmean(parts, axis=2)
        else:
            out = np.nanmin(parts, axis=2) if how == "min" else np.nanmax(parts, axis=2)
    return np.where(present * 2 >= width, out, np.nan)


def line(blocks: Array) -> tuple[Array, Array, Array]:
    """Least-squares line through (n, b) equally spaced values: (slope per block, value at the last block, residual std)."""
    b = blocks.shape[1]
    x = np.arange(b) - (b - 1) / 2
    mean = blocks.mean(axis=1)
    slope = np.einsum("nb,b->n", blocks - mean[:, None], x) / float((x * x).sum())
    rest = blocks - mean[:, None] - slope[:, None] * x[None, :]
    return slope, mean + slope * x[-1], np.sqrt((rest * rest).mean(axis=1))


def run(
    values: NDArray[np.float32],
    step_s: float,
    now: Array,
    limit: Array,
    reach: float,
    before: Array,
    young_ok: bool,
    share: float,
    low: Array,
) -> Path:
    """A steady rise over the whole window: block means rise, no step carries the gain, no plateau below the limit.

    `reach`: how many windows ahead it may look; `before` (n,): highest level before the window (NaN = no earlier history);
    `share`: of the way from `low` (n,) to the limit that must lie behind.
    """
    means = block_stat(values, BLOCKS, "mean")
    window_s = values.shape[1] // BLOCKS * BLOCKS * step_s
    block_s = window_s / BLOCKS
    gains = np.diff(means, axis=1)
    total = means[:, -1] - means[:, 0]
    slope, _, noise = line(means)
    with np.errstate(invalid="ignore", divide="ignore"):
        rising = (gains > 0).sum(axis=1) >= BLOCKS - 1
        mostly = ((gains > 0).sum(axis=1) >= BLOCKS - 2) & (noise < 0.12 * total) & (gains.min(axis=1) > -0.08 * total)
        even = gains.max(axis=1) < 0.42 * total
        early, late = gains[:, :3].mean(axis=1), gains[:, -3:].mean(axis=1)
        ratio = np.clip(late / early, 1e-3, 1.0) ** 0.25
        left = np.where(ratio < 0.97, gains[:, -3:].mean(axis=1) * ratio / (1 - ratio), np.inf)
        plateau = now + left < limit
        record = np.where(np.isfinite(before), now > before, young_ok)
        way = (now - low) >= share * (limit - low)
        pace = np.clip(late, 0.5 * slope, 3.0 * slope) / block_s
        eta = (limit - now) / pace
        good = (rising | mostly) & even & ~plateau & record & way & (slope > 0) & (eta > 0) & (eta <= reach * window_s)
    return Path(np.where(good, eta, np.nan), np.where(good, pace, np.nan), window_s, "rises")


def envelope(
    low: NDArray[np.float32], high: NDArray[np.float32], step_s: float, limit: Array, reach: float, before: Array
) -> Path:
    """The floor and the ceiling of a sawtooth rise together: the ceiling's line meets the limit."""
    parts = 6
    floor, ceiling = block_stat(low, parts, "min"), block_stat(high, parts, "max")
    window_s = low.shape[1] // parts * parts * step_s
    up, _, noise_low = line(floor)
    up_high, top, noise_high = line(ceiling)
    with np.errstate(invalid="ignore", divide="ignore"):
        gain, gain_high = up * (parts - 1), up_high * (parts - 1)
        both = (np.diff(floor, axis=1) > 0).sum(axis=1) >= parts - 2
        both &= (np.diff(ceiling, axis=1) > 0).sum(axis=1) >= parts - 2
        steady = (noise_low < 0.25 * gain) & (noise_high < 0.25 * gain_high)
        steady &= (np.diff(floor, axis=1).max(axis=1) < 0.6 * gain) & (
            np.diff(ceiling, axis=1).max(axis=1) < 0.6 * gain_high
        )
        alike = (up_high > 0.4 * up) & (up_high < 2.5 * up)
        record = ~np.isfinite(before) | (ceiling[:, -1] > before)
        pace = 0.5 * (up + up_high) / (window_s / parts)
        eta = (limit - np.maximum(top, ceiling[:, -1])) / pace
        good = both & steady & alike & record & (pace > 0) & (eta > 0) & (eta <= reach * window_s)
    return Path(np.where(good, eta, np.nan), np.where(good, pace, np.nan), window_s, "floor and ceiling rise")


def daily(high: NDArray[np.float32], step_s: float, limit: Array, days: int, reach_days: float) -> Path:
    """Each day's peak is higher than the day before's, by about the same."""
    per_day = round(86400 / step_s)
    t = high.shape[1]
    n = high.shape[0]
    nothing = np.full(n, np.nan)
    if t < per_day * days:
        return Path(nothing, nothing, 86400.0 * days, "daily peaks rise")
    peaks = block_stat(high[:, t - per_day * days :], days, "max")
    floors = block_stat(high[:, t - per_day * days :], days, "mean")
    gains, mean_gains = np.diff(peaks, axis=1), np.diff(floors, axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        rises = (gains > 0).all(axis=1) & (mean_gains > 0).all(axis=1)
        even = gains.max(axis=1) < 3.0 * np.maximum(gains.min(axis=1), 1e-300)
        pace = gains.mean(axis=1)
        eta_days = (limit - peaks[:, -1]) / pace
        good = rises & even & (eta_days > 0) & (eta_days <= reach_days)
    return Path(
        np.where(good, eta_days * 86400.0, np.nan),
        np.where(good, pace / 86400.0, np.nan),
        86400.0 * days,
        "daily peaks rise",
    )
