"""How a slow second opinion takes part in quick turns: asked for few entities, answered by workers, used when it is due."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from aiops.core.records import Bools, Floats, History, Ints, State
from aiops.models.interface import Opinion
from aiops.models.local_hours import localised
from aiops.models.seasonal import SeasonalParams
from aiops.models.second_tier.features import departures
from aiops.models.second_tier.judges import LEAST_ROWS
from aiops.models.second_tier.pool import Job, shared
from aiops.models.second_tier.tier import KEEPS, KEY, TAKEN_AFTER_S

JUDGED = "aiops.models.second_tier.judges:judged"


class OpinionParams(SeasonalParams):
    """Parameters of the detectors of the second tier: those of `seasonal`, which scores every point, and these."""

    near: float = Field(
        0.6, gt=0, le=5,
        description="scores (-log10 p) from this far below their threshold on get a second opinion, which moves them by no more",
    )  # fmt: skip
    weight: float = Field(0.5, gt=0, le=1, description="what the second opinion counts for beside the first")
    every_s: float = Field(600, ge=TAKEN_AFTER_S, description="how often an entity is judged anew, s")
    everything: bool = Field(False, description="true: every entity of the card, all the time; false: as `near` says")


class SecondOpinion(Opinion):
    """What a model of `judges` says of entities whose score is near or above their threshold; see the interface.

    An answer is used from `TAKEN_AFTER_S` after the asking on, for `KEEPS` times `every_s`, in the time of the turns.
    joined = first + clip(weight (second - first), -near, near): it decides what is in doubt and nothing else.
    """

    def __init__(self, name: str, params: OpinionParams) -> None:
        self.name, self.params = name, params

    def initial(self, n: int) -> State:
        """See the interface: when what was asked, as of when the answer is, and p."""
        return {
            "asked_s": np.full(n, np.nan), "key": np.zeros((n, KEY), np.uint8), "of_s": np.full(n, np.nan),
            "p": np.full(n, np.nan),
        }  # fmt: skip

    def deserving(self, scores: Floats, thresholds: Floats) -> Bools:
        """See the interface."""
        if self.params.everything:
            return np.isfinite(scores)
        with np.errstate(invalid="ignore"):
            return np.asarray(scores >= thresholds - self.params.near)

    def busy(self, state: State, now_s: Ints) -> Bools:
        """See the interface."""
        with np.errstate(invalid="ignore"):
            return np.asarray(np.isfinite(state["asked_s"]) | (now_s - state["of_s"] < self.params.every_s))

    def room(self) -> int:
        """See the interface."""
        return shared().room

    def ask(self, state: State, rows: Ints, history: History) -> None:
        """See the interface."""
        away = departures(localised(history, self.params.time_zone))
        if away is None:
            return
        if len(away) < LEAST_ROWS.get(self.name, 1):  # it would have no answer, now or in a while
            state["of_s"][rows], state["p"][rows] = history.now_s[: len(rows)], np.nan
            return
        key = shared().ask(Job(JUDGED, away.ravel(), {"kind": self.name, "own": len(rows), "rows": len(away)}))
        state["key"][rows] = np.frombuffer(key, np.uint8)
        state["asked_s"][rows] = history.now_s[: len(rows)]

    def due(self, state: State, now_s: Ints) -> Ints:
        """See the interface."""
        with np.errstate(invalid="ignore"):
            return np.flatnonzero(now_s - state["asked_s"] >= TAKEN_AFTER_S)

    def take(self, state: State, rows: Ints) -> None:
        """See the interface."""
        pool, key = shared(), state["key"][rows[0]].tobytes()
        if pool.owes(key):
            return
        found = pool.take(key)
        if found is not None and len(found) == len(rows):
            state["p"][rows], state["of_s"][rows] = found, state["asked_s"][rows]
        state["asked_s"][rows] = np.nan

    def said(self, state: State, now_s: Ints) -> Floats:
        """See the interface."""
        age = now_s - state["of_s"]
        with np.errstate(invalid="ignore"):
            return np.where((age >= TAKEN_AFTER_S) & (age < KEEPS * self.params.every_s), state["p"], np.nan)

    def joined(self, first: Floats, second: Floats) -> Floats:
        """See the interface."""
        moved = np.clip(self.params.weight * (second - first), -self.params.near, self.params.near)
        return first + np.where(np.isfinite(moved), moved, 0.0)
