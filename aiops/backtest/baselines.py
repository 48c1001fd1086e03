"""What stands beside us in a backtest: the alerts that a team could write without us, on the same series.

static                 the value is beyond its limit
predict_linear[w]      the least-squares line through the last w ahead is beyond the limit at the card's horizon
zscore                 further than 3 standard deviations of the last day from its mean, towards the limit where there is one
bands                  outside the mean of the last day and outside that of the same hour a week ago, each by more than 3 standard
                       deviations of the last day

All but the first must hold for one more turn (`for:` of one step) and say nothing of what is beyond its limit already. Source:
Prometheus, promql/functions.go, predict_linear; Grafana's PromQL anomaly detection rules for the bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from aiops.backtest.ground import Ground
from aiops.core.records import Bools, Ints
from aiops.models.trend import Array, centred, rolled, trend
from aiops.pipeline.beyond import REARM_STEPS

HOUR_S, DAY_S, WEEK_S = 3600, 86400, 7 * 86400
WINDOWS = {"predict_linear[1h]": HOUR_S, "predict_linear[6h]": 6 * HOUR_S, "predict_linear[24h]": DAY_S}
METHODS = ("static", *WINDOWS, "zscore", "bands")
SIGMAS = 3.0
LEAST = 30
"""Samples of a day below which nothing is said of what is usual."""
LONGEST_S = WEEK_S + DAY_S
"""How far back any of them looks."""


@dataclass(frozen=True, slots=True)
class Firing:
    """A stretch of turns at which one entity fires: columns [first, last), the row that leads, the expected crossing or None."""

    entity: int
    row: int
    first: int
    last: int
    expected_s: float | None


def applies(method: str, ground: Ground) -> bool:
    """Whether a method can say anything here: some need a limit."""
    return ground.limited or method in ("zscore", "bands")


def firings(method: str, ground: Ground) -> Iterator[Firing]:
    """Every stretch at which a method fires on an entity, entity by entity, in time order."""
    for rows, starts in ground.parts():
        fires, expected_s = _fires(method, ground, rows)
        fires[:, : ground.first] = False
        if method != "static":
            fires[:, 1:] &= fires[:, :-1]  # it holds for one more turn
            fires[:, 0] = False
        if ground.masked is not None and method != "static":
            fires &= ~ground.masked[rows]
        ends = np.append(starts[1:], len(rows))
        for begin, end in zip(starts.tolist(), ends.tolist(), strict=True):
            some = None if expected_s is None else expected_s[begin:end]
            yield from _stretches(method, ground, rows[begin:end], fires[begin:end], some)


def _stretches(method: str, ground: Ground, rows: Ints, fires: Bools, expected_s: Array | None) -> Iterator[Firing]:
    any_of: Bools = np.logical_or.reduce(fires, axis=0)
    if method == "static":
        any_of = closed(any_of, REARM_STEPS)
        if any_of[ground.first]:  # what is beyond its limit when first seen says nothing
            any_of[: ground.first + int(np.argmin(any_of[ground.first :])) + 1] = False
    edges = np.flatnonzero(np.diff(any_of.astype(np.int8), prepend=0, append=0))
    for first, last in edges.reshape(-1, 2).tolist():
        if ground.masked is not None and ground.masked[rows, first].any():
            continue  # what crossed its limit while it was masked failed for nobody
        lead = int(np.argmax(fires[:, first]))
        told = None
        if expected_s is not None:
            some = np.where(fires[:, first], expected_s[:, first], np.inf)
            lead, told = int(np.argmin(some)), float(some.min())
        yield Firing(int(ground.entity_of[rows[0]]), int(rows[lead]), first, last, told)


def closed(fires: Bools, gap: int) -> Bools:
    """(t,) `fires` with its gaps of at most `gap` columns between two stretches closed.

    >>> closed(np.array([1, 0, 0, 1, 0, 0, 0, 1], bool), 2).astype(int).tolist()
    [1, 1, 1, 1, 0, 0, 0, 1]
    """
    at = np.flatnonzero(fires)
    out = fires.copy()
    for i in np.flatnonzero((np.diff(at) > 1) & (np.diff(at) <= gap + 1)).tolist():
        out[at[i] : at[i + 1]] = True
    return out


def _fires(method: str, ground: Ground, rows: Ints) -> tuple[Bools, Array | None]:
    """((k, t) whether each row fires, (k, t) the crossing it expects or None)."""
    values, limit, above = ground.values[rows], ground.limit[rows], ground.above[rows, None]
    with np.errstate(invalid="ignore"):
        over = np.where(above, values >= limit, values <= limit)
    if method == "static":
        return over, None
    if method in WINDOWS:
        slope, level = trend(values, WINDOWS[method] // ground.step_s, ground.step_s)
        with np.errstate(invalid="ignore", divide="ignore"):
            ahead = level + slope * ground.horizon_s
            fires = np.where(above, ahead > limit, ahead < limit) & np.isfinite(values) & ~over
            left = np.clip((limit - level) / slope, 0.0, ground.horizon_s)
        return fires, np.where(fires, ground.time_s[None, :] + np.nan_to_num(left), np.inf)
    mean, spread = usual(values, DAY_S // ground.step_s)
    with np.errstate(invalid="ignore"):
        up, down = values - mean > SIGMAS * spread, mean - values > SIGMAS * spread
        if method == "bands":
            last_week = shifted(_means(values, HOUR_S // ground.step_s), (WEEK_S - HOUR_S // 2) // ground.step_s)
            up &= ~(values - last_week <= SIGMAS * spread)
            down &= ~(last_week - values <= SIGMAS * spread)
    return np.where(np.isfinite(limit), np.where(above, up, down), up | down) & ~over, None


def usual(values: Array, width: int) -> tuple[Array, Array]:
    """(mean, standard deviation), both (k, t), of the `width` columns before each; with fewer than LEAST samples NaN."""
    y, level = centred(values)
    there = np.isfinite(y)
    y = np.where(there, y, 0.0)
    n, s, ss = (shifted(rolled(one, width), 1) for one in (there * 1.0, y, y * y))
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = s / n
        spread = np.sqrt(np.maximum(ss / n - mean * mean, 0.0))
        few = ~(n >= LEAST)
    mean[few], spread[few] = np.nan, np.nan
    return mean + level, spread


def _means(values: Array, width: int) -> Array:
    """(k, t) the mean of the samples of the last `width` columns, NaN = none."""
    there = np.isfinite(values)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Array = rolled(np.where(there, values, 0.0), width) / rolled(there * 1.0, width)
    return found


def shifted(values: Array, columns: int) -> Array:
    """(k, t) what was there so many columns before; NaN where nothing was."""
    out = np.full(values.shape, np.nan)
    if columns < values.shape[1]:
        out[:, columns:] = values[:, : values.shape[1] - columns]
    return out
