"""What comes back every week: by how much the same hour of the week was unlike its day, each of the last weeks."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Ints, State
from aiops.models.civil import Civil

Row: TypeAlias = NDArray[np.float64]

DAY_S, DAYS = 86400, 7
WEEKS = 3
"""So many weeks in a row must agree before one more like them is usual."""
ABSENT = 0.25
"""A week that is less than this share of the ones before it, or on the other side, does not agree."""
CLEAR = 3.0
"""A rest counts from so many times the scatter around course and level on."""
GROWTH, TOWARDS = 1.5, 0.3
"""How many times as large one week makes what is usual at most, and how far it moves it."""


class Week:
    """Of each hour of the week by how much the largest rest of its blocks, what course and level of the day leave of a mean, was
    there each of the last weeks: the smallest of them, as long as they are on the same side.

    Where `WEEKS` agree the series may be anywhere between its usual course and that (`less` <= 0 <= `more`), from an hour before
    to an hour after: neither the batch of every Friday nor one that does not come is strange. Noise does not agree for long, and
    its smallest is small. A week without it counts against half of those before; after that it is learnt anew.

    Clocks are `civil`'s. With blocks of more than a day there is nothing: 0. State: 5 bytes an hour of the week, 24 more.
    """

    def __init__(self, block_s: int, civil: Civil) -> None:
        self._block_s, self._civil = block_s, civil
        self._hours = min(24, DAY_S // block_s)
        self._slots = DAYS * self._hours

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {
            "week": np.zeros((n, self._slots), np.float32), "weeks": np.zeros((n, self._slots), np.uint8),
            "rest": np.zeros(n), "less": np.zeros(n), "more": np.zeros(n),
        }  # fmt: skip

    def learn(self, state: State, rows: Ints, rest: Row) -> None:
        """Take in what is left (k,) of the means of the blocks of `rows` that have ended."""
        far = np.abs(rest) > np.abs(state["rest"][rows])
        state["rest"][rows] = np.where(far, rest, state["rest"][rows])

    def enter(self, state: State, rows: Ints, following: Ints) -> None:
        """Go on from the blocks of `rows` to those that follow (k,): what another hour allows, once the one before is learnt."""
        if not self._hours:
            return
        before, hour = self._hour(state["block"][rows]), self._hour(following)
        other = before != hour
        if not other.any():
            return
        rows, before, hour = rows[other], before[other] % self._slots, hour[other] % self._slots
        self._commit(state, rows, before)
        usual = np.stack([self._usual(state, rows, (hour + k) % self._slots) for k in (-1, 0, 1)])
        state["less"][rows] = np.minimum(usual.min(axis=0), 0.0)
        state["more"][rows] = np.maximum(usual.max(axis=0), 0.0)

    def _hour(self, block: Ints) -> Ints:
        local_s, _ = self._civil.at(block * self._block_s)
        return local_s // DAY_S * self._hours + local_s % DAY_S * self._hours // DAY_S

    def _usual(self, state: State, rows: Ints, hour: Ints) -> Row:
        usual = np.zeros(len(rows))
        known = np.flatnonzero(state["weeks"][rows, hour] >= WEEKS)
        usual[known] = state["week"][rows[known], hour[known]]
        return usual

    def _commit(self, state: State, rows: Ints, hour: Ints) -> None:
        """The hour that is over, where there was a point in it."""
        rest, weeks = state["rest"][rows], state["weeks"][rows, hour]
        clear = np.abs(rest) > CLEAR * np.sqrt(state["around"][rows])
        state["rest"][rows] = 0.0
        some = np.flatnonzero((clear | (weeks > 0)) & (rest != 0.0))
        rows, hour, rest, weeks, clear = rows[some], hour[some], rest[some], weeks[some], clear[some]
        usual = state["week"][rows, hour].astype(np.float64)
        size, far = np.abs(usual), np.abs(rest)
        agrees = clear & (weeks > 0) & (rest * usual > 0.0) & (far >= ABSENT * size)
        grown = np.copysign(np.minimum(size + TOWARDS * (far - size), GROWTH * size), usual)
        agreed = np.where(far < size, rest, np.where(weeks >= WEEKS, grown, usual))
        left = weeks // 2
        state["week"][rows, hour] = np.where(agrees, agreed, np.where(left > 0, usual, rest))
        state["weeks"][rows, hour] = np.where(agrees, np.minimum(weeks, 254) + 1, np.where(left > 0, left, clear))
