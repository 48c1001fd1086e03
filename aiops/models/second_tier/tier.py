"""How a slow forecaster takes part in quick turns: the first tier speaks until the second has answered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.records import Bools, Crossings, Floats, History, Ints, Limit, State
from aiops.models import conformal, outlook
from aiops.models.combined import METHODS
from aiops.models.conformal import Method
from aiops.models.hourly import pasts
from aiops.models.medians import DAY
from aiops.models.outlook import HOUR
from aiops.models.second_tier.pool import Job, shared

FITTED = "aiops.models.second_tier.fits:fitted"
TAKEN_AFTER_S = 120
"""An answer is used from so long after the asking on, in the time of the turns: later than any deadline of the pool. A replay,
where minutes pass at once, waits for it and says what live turns said that had enough budget; a live turn never waits: what a
restart has done anew is used when it is there."""
KEEPS = 2
"""An answer is used for up to so many times `every_s`, then the first tier speaks again."""
KEY = 16


class TierParams(outlook.OutlookParams):
    """Parameters of the forecasters of the second tier."""

    every_s: float = Field(3 * 3600, ge=3600, description="how often a series is fitted anew, s")
    everything: bool = Field(False, description="true: every series of the card; false: those that may cross within the horizon")


T = TypeVar("T", bound=TierParams)


def initial(n: int) -> State:
    """As `outlook.initial`; when what was asked for, of which `base` and `scale`; whether the path is of the second tier."""
    asked = {f"asked_{name}": np.full(n, np.nan) for name in ("s", "base", "scale")}
    return {**outlook.initial(n), **asked, "key": np.zeros((n, KEY), np.uint8), "second": np.zeros(n, bool)}


def screen(state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints, step_s: int) -> Bools:
    """As `outlook.screen`, and rows whose answer is due."""
    with np.errstate(invalid="ignore"):
        return outlook.screen(state, latest, limit, now_s, step_s) | (now_s - state["asked_s"] >= TAKEN_AFTER_S)


def crossings(kind: str, params: TierParams, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
    """Forecast by the first tier what the second has not answered, use its answers that are due, ask for more."""
    now_s, limited = history.now_s, np.isfinite(limit.value)
    _take(state, now_s)
    with np.errstate(invalid="ignore"):
        state["second"][:] &= now_s - state["fit_s"] < KEEPS * params.every_s
        due = state["turn"] & ~state["second"] & ~(now_s // HOUR <= state["fit_s"] // HOUR)
    outlook.learn(METHODS, state, history, np.flatnonzero(due & limited), limit.above)
    names = np.where(state["second"], kind, np.array(list(METHODS), dtype=object)[state["method"]])
    found = outlook.told(params, state, history, limit, horizon_s, names)
    _ask(kind, state, history, _nearest(params, state, limit, horizon_s, now_s))
    return found


class SecondTier(outlook.ByHour[T]):
    """A forecaster whose paths are fitted by worker processes; until they have answered, those of `combined`."""

    kind: ClassVar[str]
    """Which fit, of `fits.KINDS`."""

    @property
    def methods(self) -> Mapping[str, Method]:
        """Those of the first tier."""
        return METHODS

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return initial(n)

    def screen(self, state: State, latest: NDArray[np.float64], limit: Limit, now_s: Ints) -> Bools:
        """See the interface: rows whose fit is old, that could reach their limit, or whose answer is due."""
        return screen(state, latest, limit, now_s, self.step_s)

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """See the interface."""
        return crossings(self.kind, self.params, state, history, limit, horizon_s)


def _nearest(params: TierParams, state: State, limit: Limit, horizon_s: float, now_s: Ints) -> Ints:
    """The rows to ask for: fitted long ago or never, those that may cross first coming first; as many as the pool takes."""
    ahead = min(int(horizon_s // HOUR) + 1, conformal.AHEAD)
    sign = np.where(limit.above, 1.0, -1.0)
    half = conformal.width(state["quantiles"], params.level)[:, None] * state["scales"].astype(np.float64)[:, conformal.BUCKET]
    lift = state["lift"].astype(np.float64)[:, np.arange(ahead) % DAY]
    high = sign[:, None] * (state["base"][:, None] + state["path"][:, :ahead]) + lift + half[:, :ahead]
    with np.errstate(invalid="ignore"):
        over = high >= (sign * limit.value)[:, None]
        old = ~(state["second"] & (now_s - state["fit_s"] < params.every_s))
    soonest = np.where(over.any(axis=1), over.argmax(axis=1), ahead)
    wanted = old & np.isnan(state["asked_s"]) & np.isfinite(limit.value) & np.isfinite(state["fit_s"])
    rows = np.flatnonzero(wanted & (over.any(axis=1) | params.everything))
    return rows[np.argsort(soonest[rows], kind="stable")][: shared().room]


def _ask(kind: str, state: State, history: History, rows: Ints) -> None:
    for past in pasts(history, np.sort(rows)) if len(rows) else ():
        for i, row in enumerate(past.rows.tolist() if past.season else ()):
            job = Job(FITTED, past.values[i], {"kind": kind, "season": past.season, "step_s": past.step_s})
            state["key"][row] = np.frombuffer(shared().ask(job), np.uint8)
            state["asked_s"][row] = history.now_s[row]
            state["asked_base"][row], state["asked_scale"][row] = past.base[i], past.scale[i]


def _take(state: State, now_s: Ints) -> None:
    """Use the answers that are due and may be there; a row whose answer did not come may be asked for again."""
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(now_s - state["asked_s"] >= TAKEN_AFTER_S)
    for row in rows.tolist():
        pool, key = shared(), state["key"][row].tobytes()
        if pool.owes(key):
            continue
        found = pool.take(key)
        if found is not None:
            _keep(state, row, found)
        state["asked_s"][row] = np.nan


def _keep(state: State, row: int, found: Floats) -> None:
    """Put an answer in the place of the first tier's path."""
    path, scales, quantiles = np.split(found, [conformal.AHEAD, conformal.AHEAD + len(conformal.EDGES)])
    scale, fit_s = state["asked_scale"][row], state["asked_s"][row] // HOUR * HOUR
    state["path"][row], state["scales"][row], state["quantiles"][row] = scale * path, scale * scales, quantiles
    state["lift"][row] = np.roll(state["lift"][row], -int(fit_s - state["fit_s"][row]) // HOUR)
    state["base"][row], state["fit_s"][row] = state["asked_base"][row], fit_s
    state["second"][row] = True
