"""The false-alarm budget: which score an entity must reach for it to warn no more often than its card accepts, found without
labels on live data."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, Ints, State

DAY_S, WEEK_DAYS = 86400, 7.0
RUNGS: NDArray[np.float64] = 0.9 + 0.15 * np.arange(26, dtype=np.float64)
"""Scores at which episodes are counted."""
MERGE_S, AGAIN_S = 1800, 86400
"""Firings no farther apart are one episode; an episode that lasts counts once more after so long."""
MEMORY_WEEKS, PRIOR_WEEKS = 4.0, 1.0
INCIDENT_DAYS = 0.1
"""Share of days that may hold an incident: their episodes are no false ones, and are left out of account."""
NEVER = np.iinfo(np.int64).min // 2
SHIFT_S = 2 * AGAIN_S
"""Times of firings are kept in 32 bits, so much later than they were: 0 is never."""
AT_ONCE = 4096
"""Entities whose day is closed at once: memory stays flat."""


class Budget:
    """Per entity the smallest score theta with (w L(theta) + N(theta)) / (w + T) <= budget + 0.7 a week, no smaller than usual.

    N: episodes at or above a rung of a ladder of scores, firings at most 30 min apart being one, that lasts being counted once a
    day; forgotten exponentially over `MEMORY_WEEKS`, as the weeks T they were seen in. L: how often a usual entity gets there,
    10^((usual(1) - theta) / (usual(0.1) - usual(1))) a week; it is worth w = `PRIOR_WEEKS` of observation, so a new entity starts
    from what is usual and an old one stands on its own record. Between two rungs the logarithm of the rate is a straight line.

    Robust against incidents, which are no false alarms but look like them: of each day at most max(1, budget) episodes count at a
    rung, and a tenth of the days (0.7 a week) is taken for days of incidents, those with the highest scores. Never less than
    `usual(budget)`: a budget is what may be spent, not what must be.

    An entity is judged by days of its own clock: what one day taught counts from the next on. Entities never influence each
    other, and a score beyond the last rung is as good as on it. NaN scores teach nothing. State: about 0.5 kB an entity.

    Source: Gamma-Poisson shrinkage of a rate (Efron & Morris 1973, Stein's Estimation Rule, JASA 68); peaks over thresholds,
    declustered by runs (Davison & Smith 1990, Models for Exceedances over High Thresholds, JRSS B 52).

    >>> import numpy as np
    >>> budget = Budget(lambda b: 2.0 - np.log10(b), 1.0)
    >>> state = budget.initial(2)
    >>> for hour in range(24 * 28):
    ...     budget.learn(state, np.array([0.5, 3.0 if hour % 12 == 0 else 0.5]), np.full(2, 3600 * hour))
    >>> bool(budget.theta(state)[0] == 2.0 < 3.0 < budget.theta(state)[1])
    True
    """

    def __init__(self, usual: Usual, per_week: float) -> None:
        per_week = max(per_week, 1e-3)
        at_one = usual(1.0)
        self._least = usual(per_week)
        self._prior = 10.0 ** ((at_one - RUNGS) / max(usual(0.1) - at_one, 1e-3))
        self._a_day = max(1.0, per_week)
        self._target = math.log10(per_week + INCIDENT_DAYS * WEEK_DAYS)
        self._keep = math.exp(-1.0 / (WEEK_DAYS * MEMORY_WEEKS))

    def initial(self, n: int) -> State:
        """Nothing known of n entities."""
        return {
            "theta": np.full(n, self._least), "day": np.full(n, NEVER, np.int64), "scored": np.zeros(n), "weeks": np.zeros(n),
            "newest": np.full(n, NEVER, np.int64), "episodes": np.zeros((n, len(RUNGS))),
            "today": np.zeros((n, len(RUNGS)), np.uint8),
            "fired": np.zeros((n, len(RUNGS)), np.uint32), "begun": np.zeros((n, len(RUNGS)), np.uint32),
        }  # fmt: skip

    def theta(self, state: State) -> Floats:
        """(n,) the score from which on each entity warns."""
        theta: Floats = state["theta"]
        return theta

    def learn(self, state: State, score: Floats, time_s: Ints) -> None:
        """Take one column into account: `score` (n,) NaN = none, `time_s` (n,) each entity's clock. Updates `state` in place.

        Instants not after the newest one that was seen are left out: nothing counts twice.
        """
        here = np.isfinite(score) & (time_s > state["newest"])
        day = time_s // DAY_S
        over = here & (day != state["day"])
        if over.any():
            ended = np.flatnonzero(over)
            for first in range(0, len(ended), AT_ONCE):
                self._close(state, ended[first : first + AT_ONCE])
            state["day"][over] = day[over]
        elapsed = np.minimum(time_s - state["newest"], MERGE_S)
        state["scored"] += np.where(here & (state["newest"] > NEVER), elapsed, 0)
        state["newest"][here] = time_s[here]
        with np.errstate(invalid="ignore"):
            rows = np.flatnonzero(here & (score >= RUNGS[0]))
        if len(rows):
            self._count(state, rows, score[rows], time_s[rows])

    def _count(self, state: State, rows: Ints, score: Floats, time_s: Ints) -> None:
        """Episodes that begin, or have lasted a day more, with these firings."""
        reached: Bools = score[:, None] >= RUNGS
        now = time_s[:, None] + SHIFT_S
        fired, begun = state["fired"][rows].astype(np.int64), state["begun"][rows].astype(np.int64)
        counts = reached & ((now - fired > MERGE_S) | (now - begun >= AGAIN_S))
        state["today"][rows] += counts
        state["begun"][rows] = np.where(counts, now, begun)
        state["fired"][rows] = np.where(reached, now, fired)

    def _close(self, state: State, rows: Ints) -> None:
        """Days that are over."""
        weeks = state["weeks"][rows] * self._keep + state["scored"][rows] / (DAY_S * WEEK_DAYS)
        episodes = state["episodes"][rows] * self._keep + np.minimum(state["today"][rows], self._a_day)
        state["weeks"][rows], state["episodes"][rows] = weeks, episodes
        state["today"][rows], state["scored"][rows] = 0, 0.0
        rate = np.log10((PRIOR_WEEKS * self._prior + episodes) / (PRIOR_WEEKS + weeks)[:, None])
        state["theta"][rows] = np.maximum(_highest_crossing(rate, self._target), self._least)


class Usual(Protocol):
    """A detector's own threshold for a budget a week, of a usual entity."""

    def __call__(self, budget_per_week: float, /) -> float:
        """The score."""
        ...


def _highest_crossing(rate: Floats, target: float) -> Floats:
    """(k,) where the rate (k, rungs), read from the highest rung down, first exceeds `target`; the lowest rung if nowhere."""
    exceeds = rate > target
    last = len(RUNGS) - 1
    rung = np.where(exceeds.any(axis=1), last - np.argmax(exceeds[:, ::-1], axis=1), 0)
    above = np.minimum(rung + 1, last)
    at = np.arange(len(rate))
    here, next_ = rate[at, rung], rate[at, above]
    falls = exceeds[at, rung] & (above > rung)
    part = np.where(falls, (here - target) / np.where(falls, here - next_, 1.0), 0.0)
    crossing: Floats = RUNGS[rung] + (RUNGS[above] - RUNGS[rung]) * part
    return crossing
