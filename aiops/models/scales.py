"""The scales of the default detector's residuals: learnt from the largest of every block, and how small they may be."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Ints, State
from aiops.models.seasonal_params import SeasonalParams

Row: TypeAlias = NDArray[np.float64]

KINDS = ("jump", "departure", "spread", "step", "drift", "shift", "creep", "still")
CREEP, STILL = KINDS.index("creep"), KINDS.index("still")
COUNTS: NDArray[np.float64] = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 0.8, 1.0])
"""What a residual of each kind counts for beside the others."""
OTHERS: NDArray[np.bool_] = np.array([kind not in (CREEP, STILL) for kind in range(len(KINDS))])
SIGNED, POSITIVE, WHOLE = 0, 1, 2
"""What all points of a series were: any number, not below zero, whole numbers not below zero."""
COUNTED, ROUTINE = 0.5, 0.01
"""Smallest scale of counts, as a share of sqrt(level + 1), once they moved in more than this share of blocks."""
RARE = 0.5
"""Events are rare while the level of some hours is below this share of a usual event. What a single one counts for: it is a
residual of 1 / RARE times its scale, of each kind."""
LARGER = 1.2
"""By how much the usual size of an event moves towards that of the newest."""
SLOWER = 1.0
"""The smallest scale of creep, as a share of that of other kinds; what a series wanders comes on top."""
RESOLUTION, TINY = 1e-9, 1e-290


class Scales:
    """s^3 is the exponentially weighted mean of M^3, M the largest residual of a block; of the means over `memory_s` and over
    `anchor_s` the larger one counts (creep: the latter). See `Seasonal`."""

    def __init__(self, params: SeasonalParams, block_s: int, still_s: float) -> None:
        self._params, self._still_s = params, still_s
        self._slow = 1.0 - math.exp(-block_s / params.memory_s)
        self._slowest = 1.0 - math.exp(-block_s / params.anchor_s)

    def rates(self, state: State, rows: Ints) -> tuple[Row, Row]:
        """(k,) what a block counts for in the means over some days, and over a month; more while few were seen."""
        young = 1.0 / (state["blocks"][rows] + 1.0)
        return np.maximum(self._slow, young), np.maximum(self._slowest, young)

    def smallest(self, state: State, rows: Ints) -> Row:
        """(k,) the scale that no change is below, of what a series does between days: its resolution, and a share of its spread
        around the level of its day."""
        of_own: Row = SLOWER * self._params.floor * np.sqrt(state["around"][rows])
        return of_own + RESOLUTION * np.abs(state["base"][rows]) + TINY

    def learn(self, state: State, rows: Ints, slower: Row) -> None:
        """Take in the largest residuals of the blocks of `rows` that have ended; `slower` (k,) as `smallest` says."""
        params, blocks = self._params, state["blocks"][rows]
        weight, longer = self.rates(state, rows)
        cap = np.repeat(params.growth / np.cbrt(weight)[:, None], len(KINDS), axis=1)
        cap[:, CREEP] = params.creep_cap
        peak = _cube(np.minimum(state["peak"][rows], cap * COUNTS * state["scale"][rows]))
        shorter, larger = state["cube"][rows], state["cube_long"][rows]
        shorter = shorter + weight[:, None] * (peak - shorter)
        larger = larger + longer[:, None] * (peak - larger)
        state["cube"][rows], state["cube_long"][rows] = shorter, larger
        root = np.maximum(shorter, larger)
        root[:, CREEP] = larger[:, CREEP]
        scale = np.cbrt(root) * (1.0 + params.young / (blocks + 1.0))[:, None]
        creep = slower + params.creep_floor * np.sqrt(state["wander"][rows])
        scale[:, CREEP], scale[:, STILL] = np.maximum(scale[:, CREEP], creep), np.maximum(scale[:, STILL], self._still_s)
        state["scale"][rows] = np.maximum(scale, self._least(state, rows)[:, None], where=OTHERS, out=scale) / COUNTS
        state["rare"][rows] = (state["sort"][rows] > SIGNED) & (state["level"][rows] < RARE * state["event"][rows])
        state["blocks"][rows] = blocks + 1.0

    def _least(self, state: State, rows: Ints) -> Row:
        least = np.maximum(
            self._params.floor * np.sqrt(state["power"][rows]), RESOLUTION * np.abs(state["base"][rows]) + TINY
        )
        counted = (state["sort"][rows] == WHOLE) & (state["moves"][rows] >= ROUTINE)
        return np.maximum(least, np.where(counted, COUNTED * np.sqrt(np.maximum(state["level"][rows], 0.0) + 1.0), 0.0))


def event_after(event: Row, sort: NDArray[np.uint8], x: Row) -> Row:
    """(n,) the usual size of an event once points x > 0 are known: of the first one its own, or 1 where all were whole numbers;
    after that it moves towards each by a factor of LARGER, so it is about the median."""
    first = np.where((sort == WHOLE) & (x == np.rint(x)), 1.0, x)
    near = np.where(x > event, np.minimum(event * LARGER, x), np.maximum(event / LARGER, x))
    after: Row = np.where(event == np.inf, first, near)
    return after


def _cube(x: Row) -> Row:
    return x * x * x
