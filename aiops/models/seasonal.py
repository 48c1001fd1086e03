"""The default detector: jumps, level, spread, steps and drift on an adaptive heavy-tail scale, with a time-of-day profile and
an anchored baseline."""

from __future__ import annotations

import math
from datetime import date
from functools import partial
from types import ModuleType
from typing import Annotated, TypeAlias

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from aiops.core import compiled
from aiops.core.params import Params
from aiops.core.records import Bools, Floats, Ints, Scores, State
from aiops.core.zones import known_zone
from aiops.models.civil import Civil
from aiops.models.interface import Detector
from aiops.models.profile import DAY_S, Profile
from aiops.models.seasonal_start import SeasonalStart

Row: TypeAlias = NDArray[np.float64]

KINDS = ("jump", "departure", "spread", "step", "drift", "shift", "creep", "still")
CREEP, STILL = KINDS.index("creep"), KINDS.index("still")
COUNTS: NDArray[np.float64] = np.array([1.0, 1.0, 1.0, 1.0, 1.0, 1.1, 0.8, 1.0])
"""What a residual of each kind counts for beside the others."""
NOT_STILL: NDArray[np.bool_] = np.arange(len(KINDS)) != STILL
SIGNED, POSITIVE, WHOLE = 0, 1, 2
"""What all points of a series were: any number, not below zero, whole numbers not below zero."""
COUNTED, ROUTINE = 0.5, 0.01
"""Smallest scale of counts, as a share of sqrt(level + 1), once they moved in more than this share of blocks."""
RESOLUTION, TINY, HUGE = 1e-9, 1e-290, 1e37
ROWS = 4096
"""Rows scored at once: what is learnt of them fits the cache."""
KERNELS, POINT_BYTES = "aiops.models.fast_seasonal", 200
"""The same, compiled; and what a point counts for when it is asked whether they are worth to be loaded: 20,000 at once are."""
RECENT_S, RECENT = 300, 3
"""What was strange in this part of the clock and in the two before it is recent: 10 to 15 min."""
LEVEL_AT_ONE, LEVEL_PER_DECADE = 1.5, 1 / 1.2
"""The entity score that an entity of median restlessness exceeds once a week, and how much higher the one is that it exceeds ten
times less often. Measured on the training parts of SMD, ASD, JumpStarter and NAB; what restless entities need, the budget's
controller finds out."""


class SeasonalParams(Params):
    """Parameters of `Seasonal`."""

    short_s: float = Field(1800.0, gt=0, description="time constant of the short level and of the spread, seconds")
    medium_s: float = Field(
        10800.0, gt=0, description="time constant of the level beside the time-of-day profile, seconds"
    )
    recent_s: float = Field(600.0, gt=0, description="time constant of the mean departure called drift, seconds")
    shift_s: float = Field(3600.0, gt=0, description="time constant of the departure from the anchor called shift, seconds")
    creep_s: float = Field(86400.0, gt=0, description="time constant of the departure from the anchor called creep, seconds")
    memory_s: float = Field(172800.0, gt=0, description="time constant of the residuals' shorter scale, seconds")
    anchor_s: float = Field(
        2592000.0, gt=0, description="time constant of the anchored baseline and of the residuals' longer scale, seconds"
    )
    block_s: int = Field(
        900, ge=60, le=21600, description="length of the looks whose largest residuals make the scale, seconds"
    )
    warmup_s: float = Field(3600.0, gt=0, description="time learnt before anything is scored, seconds")
    warmup_points: int = Field(60, ge=8, description="points learnt before anything is scored")
    floor: float = Field(0.2, ge=0, description="smallest scale, as a share of the series' own standard deviation")
    young: float = Field(4.0, ge=0, description="after n blocks scales are wider by the factor 1 + young / n")
    profile_rate: float = Field(0.1, gt=0, le=1, description="weight of the newest day in the time-of-day profile")
    cap: float = Field(200.0, gt=1, description="largest ratio of a residual to its scale that is told apart")
    growth: float = Field(4.5, gt=1, description="how many times as large one block makes a scale at most")
    still_s: float = Field(
        1800.0, gt=0, description="smallest scale of how long a moving series stands still, seconds; six steps at least"
    )
    moving: float = Field(0.97, gt=0, le=1, description="share of blocks in which a series that is called moving moved")
    creep_floor: float = Field(0.4, ge=0, description="smallest scale of creep, as a share of the long standard deviation")
    creep_cap: float = Field(1.3, gt=1, description="largest ratio of creep to its scale that is learnt: it never gets usual")
    time_zone: str = Field("UTC", description="whose clock the course of the day follows, for example Europe/Berlin")
    weekend: tuple[Annotated[int, Field(ge=0, le=6)], ...] = Field((5, 6), description="free weekdays, 0 is Monday")
    holidays: tuple[date, ...] = Field((), description="more free days; they follow the course of a weekend")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, value: str) -> str:
        known_zone(value)
        return value


class Seasonal(Detector[SeasonalParams]):
    """p = (1 + largest r / s)^-3 over eight residuals r of a point, each with its own scale s.

    All against what came before the point x. departure: how far x lies outside of what the profile holds for this block of
    the day and the ones beside it, around a level of some hours; jump: |x - the level of half an hour|; step: |x - the point
    before|, both no larger than the departure, so that the return to a usual course, or a routine, is no surprise; spread:
    the root mean square of recent jumps; drift: the mean departure of the last minutes, which single points hardly move;
    shift and creep: the mean distance, over an hour and over a day, from profile + anchor, the mean of a month, which an
    incident of hours or a drift of days hardly moves; still: how long a series that moves in nearly every block has not moved.
    Levels are exponentially weighted means. The profile (one mean a block of the day; free days differ by hours) is relative to
    the level of its day, so that no drift is learnt as a course of the day; it takes part from the third day on.

    s^3 is the exponentially weighted mean of M^3, M the largest r of a block of `block_s`, so that it does not matter how often a
    series is sampled; of the means over days and over a month the larger one counts (creep: the latter). By Markov's inequality a
    block exceeds c s with probability <= c^-3 whatever its distribution (p is that bound, made smooth and 1 at r = 0): scores of
    different series mean the same. An episode raises s, so that what repeats stops firing; one block makes s at most `growth`
    times as large, and creep learns at most `creep_cap` times s, so that a drift stays strange. COUNTS weighs the kinds.

    s >= `floor` times the series' standard deviation and its float resolution. Before `warmup_s`, `warmup_points` and two blocks
    p is NaN. NaN, and anything beyond 1e37, scores NaN and teaches nothing. A constant series scores p = 1 until it
    moves. Whole numbers that often move are counts: s >= COUNTED sqrt(level + 1). `expected` = profile + level; beyond `lower`,
    `upper` the departure alone has p < 0.05; `lower` is not below zero where no point was. `recent`: the smallest p of the last
    10 to 15 min, for metrics of one incident do not peak at one instant.
    Shapes: values (n, m), time_s (n, m); state about 1.1 kB a series. Raises nothing.

    Source: Markov's inequality for the third moment (Feller 1971, An Introduction to Probability Theory II, V.7);
    exponentially weighted moments (Roberts 1959, Control Chart Tests Based on Geometric Moving Averages); block maxima
    (Gumbel 1958, Statistics of Extremes).

    >>> import numpy as np
    >>> detector = Seasonal(SeasonalParams(), 300)
    >>> x = np.tile([1.0, 2.0], 100)[None, :]
    >>> x[0, -1] = 40.0
    >>> p = detector.score(detector.initial(1), x, 300 * np.arange(200)[None, :]).p
    >>> bool(p[0, -1] < 0.001 < 0.1 < p[0, -2])
    True
    """

    Params = SeasonalParams

    def __init__(self, params: SeasonalParams, step_s: int) -> None:
        super().__init__(params, step_s)
        self._block_s = max(params.block_s, step_s)
        civil = Civil(params.time_zone, params.weekend, params.holidays)
        self._profile = Profile(self._block_s, step_s, params.profile_rate, civil)
        self._warmup = max(params.warmup_points, params.warmup_s / step_s)
        self.starts = SeasonalStart(self._profile, self._block_s, self._warmup, params.young)
        self._still_s = max(params.still_s, 6.0 * step_s)
        self._short = 1.0 - math.exp(-step_s / params.short_s)
        self._recent = 1.0 - math.exp(-step_s / params.recent_s)
        self._medium = 1.0 - math.exp(-step_s / params.medium_s)
        self._shift = 1.0 - math.exp(-step_s / params.shift_s)
        self._creep = 1.0 - math.exp(-step_s / params.creep_s)
        self._slow = 1.0 - math.exp(-self._block_s / params.memory_s)
        self._slowest = 1.0 - math.exp(-self._block_s / params.anchor_s)
        self._day = 1.0 - math.exp(-self._block_s / DAY_S)
        self._band = 0.05 ** (-1 / 3) - 1.0
        rates = (self._short, self._medium, self._recent, self._shift, self._creep)
        self._numbers = (float(self._warmup), *rates, float(step_s), params.moving, params.cap, self._band)

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        names = (
            "count", "short", "level", "before", "square", "drift", "shift", "creep", "low", "high", "base", "day", "power",
            "power_long", "total", "squares", "points", "blocks", "still", "moves", "moved", "idle",
        )  # fmt: skip
        return {name: np.zeros(n) for name in names} | {
            "block": np.full(n, np.iinfo(np.int64).min, np.int64),
            "peak": np.zeros((n, len(KINDS))),
            "cube": np.zeros((n, len(KINDS))),
            "cube_long": np.zeros((n, len(KINDS))),
            "scale": np.full((n, len(KINDS)), np.inf),
            "part": np.full(n, np.iinfo(np.int64).min, np.int64),
            "recent": np.full((n, RECENT), -1.0),
            "sort": np.full(n, WHOLE, np.uint8),
        } | self._profile.initial(n)

    def score(self, state: State, values: Floats, time_s: Ints) -> Scores:
        """Score, then learn, column by column, some rows at a time; see the interface."""
        found = [np.empty(values.shape) for _ in range(5)]
        kernels = compiled.module(KERNELS, POINT_BYTES * values.size) if self._profile.slots > 1 else None
        column = self._column if kernels is None else partial(self._fused, kernels)
        height = ROWS if kernels is None else max(len(values), 1)
        for first in range(0, len(values), height):
            rows = slice(first, first + height)
            part = {name: array[rows] for name, array in state.items()}
            for j in range(values.shape[1]):
                x = np.ascontiguousarray(values[rows, j], np.float64)
                column(part, x, time_s[rows, j], tuple(array[rows, j] for array in found))
        return Scores(*found)

    def ready(self, state: State) -> Floats:
        """Share of the warm-up that is done."""
        learnt = np.minimum(1.0, state["count"] / self._warmup)
        ready: Floats = np.where(state["blocks"] >= 2, learnt, np.minimum(learnt, 0.99))
        return ready

    def threshold(self, budget_per_week: float) -> float:
        """The entity score (-log10 p) that keeps false warnings of a usual entity at about `budget_per_week`; see LEVEL_AT_ONE.

        Markov's bound alone (672 blocks a week: log10(672 / budget) = 2.8 at one a week) is more careful than most need.
        """
        return max(0.5, LEVEL_AT_ONE - LEVEL_PER_DECADE * math.log10(max(budget_per_week, 1e-9)))

    def _column(self, state: State, x: Row, time_s: Ints, found: tuple[Row, ...]) -> None:
        """Put p, expected, lower, upper, recent of one column into `found`; see `score`."""
        here = self._enter(state, x, time_s)
        season = self._profile.at(state, time_s)
        expected = season + state["level"]
        low, high = state["low"] + state["level"], state["high"] + state["level"]
        x = np.where(here, x, expected)
        young = 1.0 / (state["count"] + 1.0)
        means, residuals = self._residuals(state, x, x - np.clip(x, low, high), season, young)
        ratio = np.minimum(residuals / state["scale"], self.params.cap)
        strongest = ratio[:, 0]
        for kind in range(1, len(KINDS)):
            strongest = np.maximum(strongest, ratio[:, kind])
        known = (state["count"] >= self._warmup) & (state["blocks"] >= 2)
        recent = self._recently(state["recent"], np.where(known & here, strongest, -1.0))
        width = np.where(known, state["scale"][:, 1] * self._band, np.nan)
        self._learn(state, x, here, residuals, means, season, young)
        p = np.where(known & here, _tail(strongest), np.nan)
        lower = np.where(state["sort"] > SIGNED, np.maximum(low - width, np.minimum(expected, 0.0)), low - width)
        for into, one in zip(found, (p, np.where(known, expected, np.nan), lower, high + width, recent), strict=True):
            into[...] = one

    def _fused(self, kernels: ModuleType, state: State, x: Row, time_s: Ints, found: tuple[Row, ...]) -> None:
        """What `_column` gives and learns, to the bit, in one pass over the state."""
        self._enter(state, x, time_s)
        into = found if found[0].flags.c_contiguous else tuple(np.empty(len(x)) for _ in found)
        changed, known, tables = (tuple(state[n] for n in names) for names in (kernels.ROWS, kernels.READ, kernels.TABLES))
        place = self._profile.place(state, time_s)
        kernels.column(x, changed, known, tables, state["profile"], state["days"], state["sort"], *place, self._numbers, into)
        if into is not found:
            for array, one in zip(found, into, strict=True):
                array[...] = one

    def _enter(self, state: State, x: Row, time_s: Ints) -> Bools:
        """Close what has ended at `time_s`; (n,) where there is a point."""
        block = time_s // self._block_s
        changed = np.flatnonzero(block != state["block"])
        for first in range(0, len(changed), ROWS):
            self._close(state, changed[first : first + ROWS], block)
        self._age(state, time_s // RECENT_S)
        here = np.abs(x) < HUGE
        first = here & (state["count"] == 0)
        if first.any():
            for name in ("short", "level", "before", "base", "day"):
                state[name][first] = x[first]
        return here

    def _residuals(self, state: State, x: Row, away: Row, season: Row, young: Row) -> tuple[dict[str, Row], Row]:
        """The running means with this point in them, and (n, 8) residuals in the order of KINDS."""
        residuals = np.empty((len(x), len(KINDS)))
        np.abs(away, out=residuals[:, 1])
        np.minimum(np.abs(x - state["short"]), residuals[:, 1], out=residuals[:, 0])
        np.minimum(np.abs(x - state["before"]), residuals[:, 1], out=residuals[:, 3])
        rate = np.maximum(young, self._short)
        square = (1.0 - rate) * (state["square"] + rate * residuals[:, 0] * residuals[:, 0])
        off = x - season - state["base"]
        still = np.where(x == state["before"], state["still"] + self.step_s, 0.0)
        means = {"square": square, "before": x, "still": still}
        residuals[:, STILL] = np.where(state["moves"] >= self.params.moving, still, 0.0)
        for name, target, speed in (("drift", away, self._recent), ("shift", off, self._shift), ("creep", off, self._creep)):
            means[name] = state[name] + np.maximum(young, speed) * (target - state[name])
            np.abs(means[name], out=residuals[:, KINDS.index(name)])
        np.sqrt(square, out=residuals[:, 2])
        return means, residuals

    def _age(self, state: State, part: Ints) -> None:
        """Go on to another part of the clock: what was strange in those before moves back; -1: nothing."""
        if (part == state["part"]).all():
            return
        recent = state["recent"]
        gone = np.clip(part - np.maximum(state["part"], part - RECENT), 0, RECENT)
        for place in range(RECENT - 1, -1, -1):
            older = np.where(gone <= place, recent[np.arange(len(part)), np.maximum(place - gone, 0)], -1.0)
            recent[:, place] = older
        state["part"][:] = part

    def _recently(self, recent: Row, strongest: Row) -> Row:
        """The smallest p of this part of the clock and of the two before it; -1 in `strongest` and in `recent`: none."""
        np.maximum(recent[:, 0], strongest, out=recent[:, 0])
        top = np.maximum(np.maximum(recent[:, 0], recent[:, 1]), recent[:, 2])
        return np.where(top >= 0, _tail(np.maximum(top, 0.0)), np.nan)

    def _learn(
        self, state: State, x: Row, here: NDArray[np.bool_], residuals: Row, means: dict[str, Row], season: Row, young: Row
    ) -> None:
        """Take the point into levels and into the open block; rows without a point keep everything."""
        weight = here.astype(np.float64)
        state["short"] += weight * np.maximum(young, self._short) * (x - state["short"])
        state["level"] += weight * np.maximum(young, self._medium) * (x - season - state["level"])
        away = weight * (x - state["base"])
        state["total"] += away
        state["squares"] += away * away
        state["points"] += weight
        sort = np.where(x < 0, SIGNED, np.where(x == np.rint(x), WHOLE, POSITIVE))
        np.minimum(state["sort"], sort, out=state["sort"], where=here, casting="unsafe")
        np.maximum(state["moved"], weight * (means["still"] == 0.0), out=state["moved"])
        state["count"] += weight
        if here.all():
            for name, array in means.items():
                state[name][...] = array
            np.maximum(state["peak"], residuals, out=state["peak"])
        else:
            for name, array in means.items():
                np.copyto(state[name], array, where=here)
            np.maximum(state["peak"], residuals, out=state["peak"], where=here[:, None])

    def _close(self, state: State, changed: Ints, block: Ints) -> None:
        """Learn the blocks that have ended, for rows whose clock entered another one."""
        rows = changed[state["points"][changed] > 0]
        if len(rows):
            self._learn_block(state, rows)
        state["block"][changed] = block[changed]
        state["low"][changed], state["high"][changed] = self._profile.around(state, changed, block[changed])
        for name in ("total", "squares", "points", "peak", "moved"):
            state[name][changed] = 0.0

    def _learn_block(self, state: State, rows: Ints) -> None:
        params = self.params
        blocks, points = state["blocks"][rows], state["points"][rows]
        young = 1.0 / (blocks + 1.0)
        weight, longer = np.maximum(self._slow, young), np.maximum(self._slowest, young)
        mean, power = state["total"][rows] / points, state["squares"][rows] / points
        of_day = state["base"][rows] + mean - state["day"][rows]
        self._profile.learn(state, rows, of_day)
        state["day"][rows] += np.maximum(self._day, young) * of_day
        state["base"][rows] += longer * mean
        for name, rate in (("power", weight), ("power_long", longer)):
            state[name][rows] += rate * (power - state[name][rows])
        self._learn_movement(state, rows, longer)
        cap = np.repeat(params.growth / np.cbrt(weight)[:, None], len(KINDS), axis=1)
        cap[:, CREEP] = params.creep_cap
        peak = _cube(np.minimum(state["peak"][rows], cap * COUNTS * state["scale"][rows]))
        shorter, larger = state["cube"][rows], state["cube_long"][rows]
        shorter = shorter + weight[:, None] * (peak - shorter)
        larger = larger + longer[:, None] * (peak - larger)
        state["cube"][rows], state["cube_long"][rows] = shorter, larger
        root = np.maximum(shorter, larger)
        root[:, CREEP] = larger[:, CREEP]
        least = np.maximum(params.floor * np.sqrt(state["power"][rows]), RESOLUTION * np.abs(state["base"][rows]) + TINY)
        counted = (state["sort"][rows] == WHOLE) & (state["moves"][rows] >= ROUTINE)
        least = np.maximum(least, np.where(counted, COUNTED * np.sqrt(np.maximum(state["level"][rows], 0.0) + 1.0), 0.0))
        scale = np.cbrt(root) * (1.0 + params.young * young)[:, None]
        slow = least + params.creep_floor * np.sqrt(state["power_long"][rows])
        scale[:, CREEP], scale[:, STILL] = np.maximum(scale[:, CREEP], slow), np.maximum(scale[:, STILL], self._still_s)
        scale = np.maximum(scale, least[:, None], where=NOT_STILL, out=scale)
        state["scale"][rows] = scale / COUNTS
        state["blocks"][rows] = blocks + 1.0

    def _learn_movement(self, state: State, rows: Ints, rate: Row) -> None:
        """The share of blocks that moved, known anew when one did: a stretch that lasts does not become usual by lasting."""
        moved, idle = state["moved"][rows] > 0, state["idle"][rows]
        share = state["moves"][rows]
        state["moves"][rows] = np.where(moved, share * (1.0 - rate) ** (idle + 1.0) + rate, share)
        state["idle"][rows] = np.where(moved, 0.0, idle + 1.0)


def _cube(x: Row) -> Row:
    return x * x * x


def _tail(ratio: Row) -> Row:
    """The smooth bound of Markov: (1 + ratio)^-3."""
    return _cube(1.0 / (1.0 + ratio))
