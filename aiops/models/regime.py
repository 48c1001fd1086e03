"""A level that lasts becomes usual beside the one before it, and what the change did to scales is forgotten then."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints, State
from aiops.models.scales import CREEP, KINDS, OTHERS

Row: TypeAlias = NDArray[np.float64]

DAY_S = 86400
BEGINS, GOES_ON = 4.0, 2.0
"""How many scales a block reaches where an episode begins, and how many of those from before it a block of it reaches."""
CALM_BLOCKS = 2
"""So many blocks in a row that reach less end it."""
FROM_S, LASTS_S = 6 * 3600, 22 * 3600
"""From when on a new level must be steady, and when it becomes usual: before the hour at which it began comes again."""
STEADY = 0.25
"""How far from where it stood at FROM_S it may be, as a share of its distance from the baseline."""
MEMORY_S, VISIT_S = 30 * DAY_S, 6 * 3600
"""The longest time for which a level that was left stays usual, and that of one that was visited for less long than the other."""
SHIFT = KINDS.index("shift")


class Regime:
    """An episode begins with a block whose largest residual of a kind is BEGINS scales, and goes on until CALM_BLOCKS blocks in a
    row were below GOES_ON of the scales from before it. There is none in the first day of a series: its scales are young.

    *It lasts* for LASTS_S. If shift has been steady since FROM_S, the level is a new one: the baseline moves there, by the mean
    of shift since then. The variance is that from before the episode, scales are what they were after its first block, or what
    the blocks since FROM_S reached, where that is more: neither what lies between two levels nor the change itself is scatter,
    which would hide what is smaller for weeks. What is not steady, as a drift or an unrest, is learnt as any other block is.

    *The level before* stays usual beside the new one, for as long as the series had been there (at most MEMORY_S): distances are
    from the nearer of both, so a series that goes back is not strange for it. Once it is back, the one that it visited for less
    long is forgotten after VISIT_S: an outage that lasted a day is an outage the next time.

    Rows do not influence each other. State: 328 bytes a series.

    Source: runs of exceedances are one event (Leadbetter et al. 1983, Extremes and Related Properties of Random Sequences and
    Processes); a lasting change of level as an intervention (Box & Tiao 1975, JASA 70).
    """

    def __init__(self, block_s: int) -> None:
        self._day = max(2, DAY_S // block_s)
        self._from, self._lasts = max(2, FROM_S // block_s), max(3, LASTS_S // block_s)
        self._memory, self._visit = max(1, MEMORY_S // block_s), max(1, VISIT_S // block_s)

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        names = ("out", "calmed", "out_power", "out_around", "steady_from", "steady_sum", "past", "stay")
        tables = ("out_scale", "out_cube", "out_cube_long", "out_reached")
        none = {name: np.zeros(n) for name in (*names, "past_stay")}
        return none | {name: np.zeros((n, len(KINDS))) for name in tables}

    def stays(self, state: State, rows: Ints) -> Bools:
        """(k,) which of `rows` went to another level in an episode that goes on, and are there now."""
        now = state["drift"][rows] + state["level"][rows] - state["base"][rows]
        far = np.minimum(np.abs(nearer(now, state["past"][rows])), np.abs(state["shift"][rows]))
        return np.asarray((state["out"][rows] > 0) & (far >= GOES_ON * state["out_scale"][rows, SHIFT]))

    def learn(self, state: State, rows: Ints, season: Row) -> None:
        """Look at the blocks of `rows` that have ended, before anything else is learnt of them; `season` (k,) their part of the
        course of the day."""
        self._follow(state, rows, season)
        out = state["out"][rows]
        far = (state["peak"][rows] >= BEGINS * state["scale"][rows])[:, OTHERS].any(axis=1)
        begins = rows[far & (out == 0) & (state["blocks"][rows] >= self._day)]
        began_away(state, begins)
        first, going = rows[out == 1], rows[out > 0]
        state["out_cube"][first], state["out_cube_long"][first] = state["cube"][first], state["cube_long"][first]
        if len(going):
            self._go_on(state, going)

    def _go_on(self, state: State, rows: Ints) -> None:
        """Blocks of episodes, after their first."""
        state["out"][rows] += 1.0
        far = (state["peak"][rows] >= GOES_ON * state["out_scale"][rows])[:, OTHERS].any(axis=1)
        state["calmed"][rows] = np.where(far, 0.0, state["calmed"][rows] + 1.0)
        out = state["out"][rows]
        at, since = rows[out == self._from], rows[out > self._from]
        state["steady_from"][at], state["steady_sum"][at], state["out_reached"][at] = state["shift"][at], 0.0, 0.0
        peak, shift = state["peak"][since, :SHIFT], state["shift"][since]
        state["steady_sum"][since] += shift
        state["out_reached"][since, :SHIFT] += peak * peak * peak
        away = np.abs(shift - state["steady_from"][since])
        state["out_reached"][since, SHIFT] = np.maximum(state["out_reached"][since, SHIFT], away)
        lasted, far = out >= self._lasts, np.abs(state["shift"][rows]) >= GOES_ON * state["out_scale"][rows, SHIFT]
        steady = state["out_reached"][rows, SHIFT] <= STEADY * np.abs(state["shift"][rows])
        state["out"][rows[lasted | (state["calmed"][rows] >= CALM_BLOCKS)]] = 0.0
        self._settle(state, rows[lasted & far & steady])

    def _settle(self, state: State, rows: Ints) -> None:
        """Take the level that `rows` are at now for usual."""
        blocks, change = self._lasts - self._from, state["out_reached"][rows, SHIFT]
        there = state["out_reached"][rows] / blocks
        there[:, SHIFT], there[:, CREEP:] = change * change * change, 0.0
        for name in ("cube", "cube_long"):
            state[name][rows] = np.maximum(state[f"out_{name}"][rows], np.minimum(there, state[name][rows]))
        state["power"][rows], state["around"][rows] = state["out_power"][rows], state["out_around"][rows]
        by = state["steady_sum"][rows] / blocks
        self._move(state, rows, by)
        state["shift"][rows] -= by
        state["creep"][rows] = 0.0
        state["past_stay"][rows] = np.maximum(state["stay"][rows] - self._lasts, 1.0)
        state["stay"][rows] = self._lasts

    def _follow(self, state: State, rows: Ints, season: Row) -> None:
        """Let the baseline be the nearer of two levels, and forget the other in time."""
        state["stay"][rows] = np.minimum(state["stay"][rows] + 1.0, self._memory)
        two = state["past"][rows] != 0.0
        rows, season = rows[two], season[two]
        if not len(rows):
            return
        left = state["past_stay"][rows] - 1.0
        past = np.where(left > 0, state["past"][rows], 0.0)
        state["past_stay"][rows], state["past"][rows] = left, past
        off = state["total"][rows] / state["points"][rows] - season
        back = np.abs(off - past) < np.abs(off)
        rows, left = rows[back], left[back]
        self._move(state, rows, past[back])
        stay = state["stay"][rows]
        state["stay"][rows], state["past_stay"][rows] = left, np.where(stay >= left, stay, np.minimum(stay, self._visit))

    @staticmethod
    def _move(state: State, rows: Ints, by: Row) -> None:
        """Put the baselines of `rows` (k,) elsewhere; what the block that has ended summed around them goes along."""
        points, total = state["points"][rows], state["total"][rows]
        state["squares"][rows] += by * (points * by - 2.0 * total)
        state["total"][rows] -= points * by
        state["base"][rows] += by
        state["past"][rows] = -by


def began_away(state: State, rows: Ints) -> None:
    """An episode of `rows` (k,) begins, with their scales and variances of now as those from before it."""
    for kept, name in (("out_scale", "scale"), ("out_power", "power"), ("out_around", "around")):
        state[kept][rows] = state[name][rows]
    state["out"][rows], state["calmed"][rows] = 1.0, 0.0


def nearer(off: Row, past: Row) -> Row:
    """(n,) the distance from the baseline, `off`, or from the level before it, which is `past` away from it; the smaller one."""
    other = off - past
    near: Row = np.where(np.abs(other) < np.abs(off), other, off)
    return near
