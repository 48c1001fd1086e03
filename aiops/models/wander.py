"""How the level of a series wanders from one day to the next, and how far it walked lately: what a drift is measured by."""

from __future__ import annotations

import math
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Ints, State

Row: TypeAlias = NDArray[np.float64]

DAY_S = 86400
WHOLE = 0.25
"""A day counts when this share of it was seen."""
PRIOR, PRIOR_DAYS = 0.02, 2.0
"""The mean square of a change before one was seen, as a share of the series' variance; what it counts for, in days."""
WILD = 3.0
"""A change counts as at most so many times the usual one."""
WALK_DAYS, ROOM = 7.0, 2.0
"""How soon a change is forgotten in the walk; how many times the walk a series may be away from its anchor by drifting."""


class Wander:
    """Of each series the usual change c of its level from one day to the next, and its walk: the sum of the changes beyond its
    pace, forgotten over `WALK_DAYS`. A change counts as at most `WILD` times the usual one.

    c^2 is the exponentially weighted mean of the squared changes, so a series that wanders is told from one that does not,
    however far it is from where it was. The pace is what a series has always drifted by: m min(1, m^2 / c^2), m the mean of the
    changes, so that days must agree: a disk that has filled evenly since its first sample is no news, and of a drift that has
    begun k days ago in a memory of K about (k / K)^2 is pace. A drift adds to the walk every day, a step once: only who walks on
    is drifting. `room` = `ROOM` |walk| is how far away from its anchor a series may be taken to have drifted; 0 before two days
    were seen. The level of a day is the mean of its blocks, the course of the day taken off; days end at midnight in UTC. State:
    64 bytes a series.

    Source: winsorised increments (Tukey 1962, The Future of Data Analysis, AMS 33); leaky sums of them (Page 1954, Continuous
    Inspection Schemes, Biometrika 41).
    """

    def __init__(self, block_s: int, memory_s: float) -> None:
        self._block_s = block_s
        self._rate = 1.0 - math.exp(-DAY_S / memory_s)
        self._fade = math.exp(-1.0 / WALK_DAYS)
        self._least = max(1.0, WHOLE * DAY_S / block_s)

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        names = ("today", "today_blocks", "eve", "wander", "wander_days", "drawn", "walk", "room")
        return {name: np.zeros(n) for name in names}

    def learn(self, state: State, rows: Ints, mean: Row, least: Row, following: Ints) -> None:
        """Take in the means (k,) of the blocks of `rows` that have ended, without the course of the day; `following` (k,) the
        blocks after them, `least` (k,) the smallest change that counts for anything."""
        state["today"][rows] += mean
        state["today_blocks"][rows] += 1.0
        ended = following * self._block_s // DAY_S != state["block"][rows] * self._block_s // DAY_S
        if ended.any():
            self._end(state, rows[ended], least[ended])

    def _end(self, state: State, rows: Ints, least: Row) -> None:
        """Days that are over."""
        blocks, days = state["today_blocks"][rows], state["wander_days"][rows]
        wander, walk = state["wander"][rows], state["walk"][rows]
        whole = blocks >= self._least
        level = state["today"][rows] / np.maximum(blocks, 1.0)
        most = WILD * np.maximum(np.sqrt(wander), least)
        change = np.clip(level - state["eve"][rows], -most, most)
        rate = np.maximum(self._rate, 1.0 / (days + PRIOR_DAYS))
        learnt = np.where(days > 0, wander + rate * (change * change - wander), PRIOR * state["around"][rows])
        drawn, counted = state["drawn"][rows], whole & (days > 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            agree = np.minimum(np.nan_to_num(drawn * drawn / wander, nan=0.0), 1.0)
        walk = np.where(counted, self._fade * walk + change - drawn * agree, walk)
        mean = drawn + np.maximum(self._rate, 1.0 / (days + 1.0)) * (change - drawn)
        state["drawn"][rows] = np.where(counted, mean, drawn)
        state["wander"][rows] = np.where(whole, learnt, wander)
        state["walk"][rows], state["room"][rows] = walk, ROOM * np.abs(walk)
        state["eve"][rows] = np.where(whole, level, state["eve"][rows])
        state["wander_days"][rows] = days + whole
        state["today"][rows] = state["today_blocks"][rows] = 0.0
