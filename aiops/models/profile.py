"""The course of a day: one mean a block of the day, and by how much free days differ from the others."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Ints, State
from aiops.models.civil import Civil

Row: TypeAlias = NDArray[np.float64]

DAY_S = 86400
SEEN_AT_MOST = 250
FREE_DAYS = 3
"""Free days seen before their course counts."""


class Profile:
    """Means of the blocks of a day, exponentially weighted over days, and of free days how their hours differ from that.

    `rate` is the weight of the newest day, twice as much for free ones; a mean of few days counts less. Local clocks and free
    days are `civil`'s. With less than two blocks a day there is no course: 0. State: 5 bytes a block and 5 an hour of the day.
    """

    def __init__(self, block_s: int, step_s: int, rate: float, civil: Civil) -> None:
        self.slots = DAY_S // block_s
        self._hours = min(24, self.slots)
        self._block_s, self._step_s, self._rate, self._civil = block_s, step_s, rate, civil
        self._interpolates = block_s >= 2 * step_s

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {
            "profile": np.zeros((n, self.slots), np.float32), "days": np.zeros((n, self.slots), np.uint8),
            "free": np.zeros((n, self._hours), np.float32), "free_blocks": np.zeros((n, self._hours), np.uint8),
        }  # fmt: skip

    def at(self, state: State, time_s: Ints) -> Row:
        """Part of the profile at a time of day: between the middles of two blocks, smaller while few days are known; of a free
        day also how its hours differ."""
        if self.slots < 2:
            return np.zeros(len(time_s))
        low, part, apart = self.place(state, time_s)
        low = np.broadcast_to(low, len(time_s))
        return self._slot(state, low) * (1.0 - part) + self._slot(state, (low + 1) % self.slots) * part + apart

    def place(self, state: State, time_s: Ints) -> tuple[Ints, Row, Row]:
        """The block of the day whose middle is behind, how far it is on to the next one's, what a free day adds: of each row, or
        (1,) for all rows where they share a clock, or nothing is added. Raises IndexError without rows."""
        once = time_s[:1] if (time_s == time_s[0]).all() else time_s
        local_s, free = self._civil.at(once)
        into = (local_s % DAY_S).astype(np.float64)
        place = (into - (self._block_s - self._step_s) / 2) / self._block_s if self._interpolates else into // self._block_s
        left = np.floor(place)
        apart = np.zeros(1)
        if free.any():
            rows = np.flatnonzero(np.broadcast_to(free, len(time_s)))
            apart = np.zeros(len(time_s))
            apart[rows] = self._apart(state, rows, np.broadcast_to(into, len(time_s))[rows])
        return left.astype(np.int64) % self.slots, place - left, apart

    def _slot(self, state: State, slot: Ints, rows: Ints | None = None) -> Row:
        rows = np.arange(len(slot)) if rows is None else rows
        days = state["days"][rows, slot].astype(np.float64)
        share: Row = state["profile"][rows, slot] * np.maximum(days - 1.0, 0.0) / (days + 1.0)
        return share

    def _apart(self, state: State, rows: Ints, into: Row) -> Row:
        """How free days differ at a time of day: between the middles of two hours, 0 before FREE_DAYS of them are known."""
        place = into * self._hours / DAY_S - 0.5
        left = np.floor(place)
        low = left.astype(np.int64) % self._hours
        found = [state["free"][rows, at] * self._known_hour(state, rows, at) for at in (low, (low + 1) % self._hours)]
        apart: Row = found[0] * (1.0 - (place - left)) + found[1] * (place - left)
        return apart

    def _known_hour(self, state: State, rows: Ints, hour: Ints) -> Row:
        days = state["free_blocks"][rows, hour] * (self._hours / self.slots)
        known: Row = np.where(days >= FREE_DAYS, (days - 1.0) / (days + 1.0), 0.0)
        return known

    def around(self, state: State, rows: Ints, block: Ints) -> tuple[Row, Row]:
        """The lowest and the highest part of the profile in a block of the day and beside it."""
        if self.slots < 2:
            return np.zeros(len(rows)), np.zeros(len(rows))
        local_s, free = self._civil.at(block * self._block_s)
        slot = local_s % DAY_S // self._block_s % self.slots
        beside = np.stack([self._slot(state, (slot + k) % self.slots, rows) for k in (-1, 0, 1)])
        if free.any():
            middle = np.asarray(local_s % DAY_S + self._block_s / 2, np.float64)
            beside[:, free] += self._apart(state, rows[free], middle[free])
        return beside.min(axis=0), beside.max(axis=0)

    def of_block(self, state: State, rows: Ints) -> Row:
        """The part of the profile in the middle of the block of `rows` (k,) that has ended."""
        if self.slots < 2:
            return np.zeros(len(rows))
        local_s, free = self._civil.at(state["block"][rows] * self._block_s)
        season = self._slot(state, local_s % DAY_S // self._block_s % self.slots, rows)
        if free.any():
            middle = np.asarray(local_s % DAY_S + self._block_s / 2, np.float64)
            season[free] += self._apart(state, rows[free], middle[free])
        return season

    def learn(self, state: State, rows: Ints, mean: Row, weekly: Row | float = 0.0) -> None:
        """Take in the means (k,) of the blocks of `rows` that have ended, in them what comes `weekly` (k,); a free day's own
        course is learnt with it."""
        if self.slots < 2:
            return
        local_s, free = self._civil.at(state["block"][rows] * self._block_s)
        slot = local_s % DAY_S // self._block_s % self.slots
        days, old = state["days"][rows, slot], state["profile"][rows, slot]
        if free.any():
            apart = free & (days >= FREE_DAYS)
            self._learn_free(state, rows[apart], local_s[apart], (mean - old)[apart])
            rows, slot, days, old, mean = rows[~apart], slot[~apart], days[~apart], old[~apart], (mean - weekly)[~apart]
        else:
            mean = mean - weekly
        rate = np.maximum(self._rate, 1.0 / (days + 1.0))
        state["profile"][rows, slot] = old + rate * (mean - old)
        state["days"][rows, slot] = np.minimum(days, SEEN_AT_MOST - 1) + 1

    def _learn_free(self, state: State, rows: Ints, local_s: Ints, away: Row) -> None:
        """Blocks of free days teach how these differ from the other days, by the hour."""
        hour = local_s % DAY_S * self._hours // DAY_S
        blocks, old = state["free_blocks"][rows, hour], state["free"][rows, hour]
        rate = np.maximum(2.0 * self._rate * self._hours / self.slots, 1.0 / (blocks + 1.0))
        state["free"][rows, hour] = old + rate * (away - old)
        state["free_blocks"][rows, hour] = np.minimum(blocks, SEEN_AT_MOST - 1) + 1
