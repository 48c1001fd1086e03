"""From paths to crossings: hours ahead are forecast once an hour, weighed by earlier errors, and held against the limit."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from statistics import NormalDist
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Bools, Crossings, Floats, Forecast, History, Ints, Limit, State
from aiops.models import conformal, spread
from aiops.models.conformal import Method
from aiops.models.hourly import Past, pasts
from aiops.models.interface import Forecaster
from aiops.models.medians import DAY, usual

HOUR = 3600
FAR_LOOK = 6
"""Hours after which a row is forecast anew whose limit is out of reach; the others every hour."""
STAYS = 1.25
"""Who speaks, speaks on up to this much beyond the horizon."""
CONFIDENT = 1.702
"""A normal distribution is about a logistic one of this steepness."""


class OutlookParams(Params):
    """What forecasters of hours share."""

    level: float = Field(0.8, ge=0.5, le=0.99, description="stated coverage of the interval")


P = TypeVar("P", bound=OutlookParams)


def initial(n: int) -> State:
    """Nothing known of n series. `path` is relative to `base`, from `fit_s` on, an hour a column; see `spread` for `place`."""
    return {
        "fit_s": np.full(n, np.nan),
        "base": np.zeros(n),
        "path": np.full((n, conformal.AHEAD), np.nan, np.float32),
        "scales": np.zeros((n, len(conformal.EDGES)), np.float32),
        "quantiles": np.zeros((n, len(conformal.LEVELS)), np.float32),
        "lift": np.zeros((n, DAY), np.float32),
        "method": np.zeros(n, np.int8),
        "window_s": np.zeros(n),
        "reach": np.full((n, 2), np.nan),
        "up": np.zeros(n, bool),
        "place": np.zeros(n, np.uint32),
        "turn": np.ones(n, bool),
    }


def screen(state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints, step_s: int) -> Bools:
    """(n,) rows that speak, and of those whose turn it is, which `state` then says, the ones that were never forecast, or whose
    forecast is older than an hour (six where the limit is far)."""
    state["turn"][:] = spread.turns(state["place"], now_s, step_s)
    age = now_s // HOUR - state["fit_s"] // HOUR
    low, high = state["reach"].T
    with np.errstate(invalid="ignore"):
        width = high - low
        near = np.where(limit.above, limit.value <= high + width, limit.value >= low - width)
        look = np.isnan(age) | (near & (age >= 1)) | (age >= FAR_LOOK)
    return np.asarray(look & state["turn"] & np.isfinite(limit.value) & np.isfinite(latest) | state["up"])


def crossings(
    methods: Mapping[str, Method], params: OutlookParams, state: State, history: History, limit: Limit, horizon_s: float
) -> Crossings:
    """Forecast anew what is due, then hold every row's path against its limit."""
    with np.errstate(invalid="ignore"):
        due = state["turn"] & ~(history.now_s // HOUR <= state["fit_s"] // HOUR)
    learn(methods, state, history, np.flatnonzero(due & np.isfinite(limit.value)), limit.above)
    names = np.array(list(methods), dtype=object)
    return told(params, state, history, limit, horizon_s, names[state["method"]])


def learn(methods: Mapping[str, Method], state: State, history: History, rows: Ints, above: Bools) -> None:
    """Forecast `rows` (k,) and keep what comes of it in `state`; rows with too little history keep what they had."""
    for past in pasts(history, rows):
        found = conformal.fitted(methods, past)
        if found is None:
            continue
        at = past.rows
        state["base"][at], state["quantiles"][at], state["method"][at] = past.base, found.quantiles, found.best
        state["scales"][at] = past.scale[:, None] * found.scales
        state["path"][at] = past.scale[:, None] * hours_of(past, found.path)
        state["lift"][at] = _lift(history, at, above[at])
        state["window_s"][at] = past.values.shape[1] * past.step_s
        state["fit_s"][at] = history.now_s[at] // past.step_s * past.step_s
        path, half = state["base"][at][:, None] + state["path"][at], _half({k: v[at] for k, v in state.items()}, 0.8)
        state["reach"][at, 0] = np.fmin.reduce(path - half, axis=1)
        state["reach"][at, 1] = np.fmax.reduce(path + half, axis=1)


def hours_of(past: Past, path: Floats) -> Floats:
    """(k, AHEAD) a path of steps by the hour, NaN beyond its end."""
    steps = HOUR // past.step_s
    whole = path[:, : path.shape[1] // steps * steps].reshape(len(path), -1, steps).mean(axis=2)
    out = np.full((len(path), conformal.AHEAD), np.nan)
    out[:, : whole.shape[1]] = whole[:, : conformal.AHEAD]
    return out


def _lift(history: History, rows: Ints, above: Bools) -> NDArray[np.float32]:
    """(k, 24) how far the samples of an hour usually go beyond its mean and its slope, towards the limit; first the next hour."""
    week = 7 * DAY
    mean, high, low = (part[rows, -week:] for part in (history.long.mean, history.long.high, history.long.low))
    if mean.shape[1] < DAY:
        return np.zeros((len(rows), DAY), np.float32)
    beyond = np.where(above[:, None], high - mean, mean - low) - 0.5 * np.abs(np.gradient(mean, axis=1))
    return np.asarray(np.maximum(np.nan_to_num(usual(beyond.astype(np.float32), DAY)), 0), np.float32)


def _half(state: State, level: float) -> Floats:
    """(n, AHEAD) half the width of the interval."""
    return conformal.width(state["quantiles"], level)[:, None] * state["scales"].astype(np.float64)[:, conformal.BUCKET]


def told(
    params: OutlookParams, state: State, history: History, limit: Limit, horizon_s: float, names: NDArray[Any]
) -> Crossings:
    """Where the path, the upper and the lower end of its interval reach the limit. `state["up"]` is updated in place."""
    n, now_s = len(history.now_s), history.now_s
    sign = np.where(limit.above, 1.0, -1.0)
    now = sign * (history.offset + _latest(history.fine.mean[:, -3:].astype(np.float64)))
    top = sign * limit.value
    reach = conformal.AHEAD
    mean = (sign * state["base"])[:, None] + sign[:, None] * state["path"]
    lift = state["lift"].astype(np.float64)[:, np.arange(reach) % DAY]
    half = _half(state, params.level)
    middle_s = state["fit_s"][:, None] + HOUR * (np.arange(reach) + 0.5)
    mean[~(middle_s + HOUR / 2 > now_s[:, None])] = np.nan
    expected = _first(mean + lift, top, middle_s, now_s)
    last = state["fit_s"] + HOUR * np.isfinite(state["path"]).sum(axis=1)
    earliest = np.fmin(_first(mean + lift + half, top, middle_s, now_s), expected - HOUR / 2)
    latest = np.fmax(_or(_first(mean - half, top, middle_s, now_s), last), expected + HOUR / 2)
    fresh = np.isfinite(now)
    with np.errstate(invalid="ignore"):
        old = ~(now_s - state["fit_s"] < 2 * FAR_LOOK * HOUR)
        inside = now < top
        crosses = expected - now_s <= horizon_s * np.where(state["up"], STAYS, 1.0)
        slope = sign * (top - now) / np.maximum(expected - now_s, HOUR / 12)
    speaks = fresh & inside & crosses & ~old
    state["up"][:] = speaks
    times = np.stack([np.maximum(earliest, now_s), expected, latest], axis=1)
    times[~speaks] = np.nan
    reason = np.where(speaks, [f"{name} reaches it" for name in names], "stays inside by " + names.astype(object))
    reason = np.where(old, "too little history", reason)
    reason = np.where(~inside, "already beyond the limit", reason)
    reason = np.where(np.isfinite(top), reason, "no limit")
    reason = np.where(~fresh, "no sample now", reason)
    sure = np.where(speaks, _sure(mean + lift, half, top, params.level), np.nan)
    nothing = np.full(n, np.nan)
    return Crossings(
        times, params.level, sure, np.where(speaks, slope, nothing), np.where(speaks, state["window_s"], nothing),
        np.asarray(reason, dtype=object),
    )  # fmt: skip


def _first(path: Floats, top: Floats, middle_s: Floats, now_s: Ints) -> Floats:
    """(n,) when a path first reaches `top`, on the straight line between the middles of two hours; NaN: it does not."""
    rows = np.arange(len(path))
    with np.errstate(invalid="ignore", divide="ignore"):
        over = path >= top[:, None]
        at = over.argmax(axis=1)
        before = path[rows, np.maximum(at - 1, 0)]
        share = (top - before) / (path[rows, at] - before)
        when = middle_s[rows, at] - HOUR * np.where((at > 0) & np.isfinite(share), 1 - np.clip(share, 0, 1), 0.5)
    return np.where(over.any(axis=1), np.maximum(when, now_s), np.nan)


def _or(first: Floats, second: Floats) -> Floats:
    return np.where(np.isfinite(first), first, second)


def _sure(mean: Floats, half: Floats, top: Floats, level: float) -> Floats:
    """(n,) 0-1: the chance, by the interval, that the limit is reached in the hour in which that is likeliest."""
    z = NormalDist().inv_cdf(0.5 + level / 2)
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        margin = np.fmax.reduce(np.where(half > 0, (mean - top[:, None]) / half, np.nan), axis=1)
        chance = 1 / (1 + np.exp(-CONFIDENT * z * np.clip(margin, -30, 30)))
    return np.asarray(np.clip(np.nan_to_num(chance, nan=0.5), 0.05, 0.95))


def _latest(last: Floats) -> Floats:
    """(n,) the newest of up to three values, NaN = none."""
    known = np.isfinite(last)
    at = last.shape[1] - 1 - known[:, ::-1].argmax(axis=1)
    return np.where(known.any(axis=1), last[np.arange(len(last)), at], np.nan)


def curve(
    methods: Mapping[str, Method], params: OutlookParams, state: State, history: History, time_s: Ints, level: float
) -> Forecast:
    """Mean and interval of n rows at `time_s` (h,): between the middles of two hours a straight line. `state` stays as it is.

    Rows that were never forecast are forecast now; with too little history they keep their newest value.
    """
    fresh = np.flatnonzero(np.isnan(state["fit_s"]))
    if len(fresh):
        state = {name: array.copy() for name, array in state.items()}
        learn(methods, state, history, fresh, np.ones(len(history.now_s), bool))
    newest = np.nan_to_num(history.offset + _latest(history.fine.mean[:, -3:].astype(np.float64)))
    known = np.isfinite(state["path"][:, 0])
    path = np.where(known[:, None], state["base"][:, None] + state["path"], newest[:, None])
    path = np.where(np.isfinite(path), path, np.fmax.accumulate(np.where(np.isfinite(path), path, -np.inf), axis=1)[:, -1:])
    lead = (time_s[None, :] - np.where(known, state["fit_s"], history.now_s)[:, None]) / HOUR - 0.5
    lower = np.clip(np.floor(lead).astype(np.int64), 0, conformal.AHEAD - 2)
    share = np.clip(lead - lower, 0.0, 1.0)
    low, high = np.take_along_axis(path, lower, axis=1), np.take_along_axis(path, lower + 1, axis=1)
    mean = low + share * (high - low)
    half = np.take_along_axis(_half(state, level), np.clip(np.ceil(lead).astype(np.int64), 0, conformal.AHEAD - 1), axis=1)
    return Forecast(time_s, mean, mean - half, mean + half, level)


class ByHour(Forecaster[P]):
    """A forecaster of hours: what its `methods` say, weighed per series, held against the limit."""

    @property
    @abstractmethod
    def methods(self) -> Mapping[str, Method]:
        """Name to method."""

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return initial(n)

    def named(self, state: State, names: Sequence[str]) -> None:
        """See the interface: where each row stands when fits are spread over turns."""
        state["place"][:] = spread.places(names)

    def waiting(self, state: State) -> Bools:
        """See the interface: rows without a forecast whose turn it is not."""
        return np.asarray(np.isnan(state["fit_s"]) & ~state["turn"])

    def screen(self, state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints) -> Bools:
        """See the interface: rows whose forecast is old, or that could reach their limit by it, when it is their turn."""
        return screen(state, latest, limit, now_s, self.step_s)

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """See the interface."""
        return crossings(self.methods, self.params, state, history, limit, horizon_s)

    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """See the interface."""
        return curve(self.methods, self.params, state, history, time_s, level)
