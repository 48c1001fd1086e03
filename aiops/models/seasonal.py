"""The default detector: jumps, level, spread, steps and drift on an adaptive heavy-tail scale, with a time-of-day profile and
an anchored baseline."""

from __future__ import annotations

import math
from functools import partial
from types import ModuleType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from aiops.core import compiled
from aiops.core.records import Bools, Floats, Ints, Scores, State
from aiops.models.civil import Civil
from aiops.models.interface import Detector
from aiops.models.profile import DAY_S, Profile
from aiops.models.regime import Regime, nearer
from aiops.models.scales import CREEP, KINDS, POSITIVE, RARE, SIGNED, STILL, WHOLE, Scales, event_after
from aiops.models.seasonal_params import SeasonalParams as SeasonalParams
from aiops.models.seasonal_start import SeasonalStart
from aiops.models.together import LastMoves, Moves
from aiops.models.wander import Wander
from aiops.models.week import Week

Row: TypeAlias = NDArray[np.float64]

HUGE = 1e37
WILD = 9.0
"""One block counts as at most so many times the variance around course and level, and once the whole variance more."""
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


class Seasonal(Detector[SeasonalParams]):
    """p = (1 + largest r / s)^-3 over eight residuals r of a point, each with its own scale s.

    All against what came before the point x. departure: how far x lies outside of what the profile holds for this block of
    the day and the ones beside it, around a level of some hours; jump: |x - the level of half an hour|; step: |x - the point
    before|, both no larger than the departure, so that the return to a usual course, or a routine, is no surprise; spread:
    the root mean square of recent jumps; drift: the mean departure of the last minutes, which single points hardly move;
    shift and creep: the mean distance, over an hour and over a day, from profile + anchor, the mean of a month, which an
    incident of hours or a drift of days hardly moves; creep no more than `Wander` says that the level may have drifted, so a
    level that has settled is none; still: how long a series that moves in nearly every block has not moved.
    Levels are exponentially weighted means. The profile (one mean a block of the day; free days differ by hours) is relative to
    the level of its day, so that no drift is learnt as a course of the day; it takes part from the third day on. What comes back
    at the same hour of every week is no departure and no distance (`Week`). A level that lasts becomes the anchor, and the one
    before it stays usual beside it (`Regime`).

    s^3 is the exponentially weighted mean of M^3, M the largest r of a block of `block_s`, so that it does not matter how often a
    series is sampled; of the means over days and over a month the larger one counts (creep: the latter). By Markov's inequality a
    block exceeds c s with probability <= c^-3 whatever its distribution (p is that bound, made smooth and 1 at r = 0): scores of
    different series mean the same. An episode raises s, so that what repeats stops firing; one block makes s at most `growth`
    times as large, and creep learns at most `creep_cap` times s, so that a drift stays strange. COUNTS weighs the kinds.

    s >= `floor` times the series' standard deviation and its float resolution; for creep that around course and level of the
    day, and `creep_floor` usual changes from day to day: a drift widens neither. Before `warmup_s`, `warmup_points`, two blocks
    p is NaN. NaN, and anything beyond 1e37, scores NaN and teaches nothing. A constant series scores p = 1 until it
    moves. Whole numbers that often move are counts: s >= COUNTED sqrt(level + 1). Where zero is usual and events are rare, s >=
    RARE times what a single event of usual size makes of r: one of them is weak evidence, the first as well (its size is not
    known then: 1 of whole numbers, else its own), many at once or in a row are strong. `recent`: the smallest p of the last 10 to
    15 min, for metrics of one incident do not peak at one instant. `expected` = profile + level; beyond `lower`, `upper` the
    departure alone has p < 0.05; `lower` is not below zero where no point was. While `recent` < 0.05 level and scale are told as
    they were before the first such point, for what is strange does not say what is usual; the profile goes on.
    Shapes: values (n, m), time_s (n, m); state about 2.5 kB a series. Raises nothing.

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
        self._moves = LastMoves()
        self._week = Week(self._block_s, civil)
        self._wander = Wander(self._block_s, params.anchor_s)
        self._regime = Regime(self._block_s)
        self._scales = Scales(params, self._block_s, max(params.still_s, 6.0 * step_s))
        self._short = 1.0 - math.exp(-step_s / params.short_s)
        self._recent = 1.0 - math.exp(-step_s / params.recent_s)
        self._medium = 1.0 - math.exp(-step_s / params.medium_s)
        self._shift = 1.0 - math.exp(-step_s / params.shift_s)
        self._creep = 1.0 - math.exp(-step_s / params.creep_s)
        self._day = 1.0 - math.exp(-self._block_s / DAY_S)
        self._band = 0.05 ** (-1 / 3) - 1.0
        rates = (self._short, self._medium, self._recent, self._shift, self._creep)
        self._alone = np.array([1.0, 1.0, math.sqrt(self._short), 1.0, self._recent, self._shift, self._creep, 0.0])
        self._numbers = (float(self._warmup), *rates, float(step_s), params.moving, params.cap, self._band)

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        names = (
            "count", "short", "level", "before", "square", "drift", "shift", "creep", "low", "high", "base", "day", "power",
            "around", "total", "squares", "points", "blocks", "still", "moves", "moved", "idle", "rare",
            "calm_level", "calm_scale", "calm_low", "calm_high",
        )  # fmt: skip
        parts = (self._profile, self._wander, self._week, self._moves, self._regime)
        return {name: np.zeros(n) for name in names} | {
            "block": np.full(n, np.iinfo(np.int64).min, np.int64),
            "peak": np.zeros((n, len(KINDS))),
            "cube": np.zeros((n, len(KINDS))),
            "cube_long": np.zeros((n, len(KINDS))),
            "scale": np.full((n, len(KINDS)), np.inf),
            "part": np.full(n, np.iinfo(np.int64).min, np.int64),
            "recent": np.full((n, RECENT), -1.0),
            "sort": np.full(n, WHOLE, np.uint8), "event": np.full(n, np.inf), "given": np.zeros(n, np.float32),
        } | {name: array for part in parts for name, array in part.initial(n).items()}

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

    def moves(self, state: State) -> Moves | None:
        """How the series moved in the blocks of the last day; see `LastMoves`."""
        return state["bends_of_day"]

    def stays(self, state: State, rows: Ints) -> Bools:
        """Which went to another level and are there now; see `Regime`."""
        return self._regime.stays(state, rows)

    def at_once(self, time_s: Ints) -> int:
        """As many as lie in one block; see the interface."""
        block = time_s // self._block_s
        same = (block == block[:, :1]).all(axis=0)
        return len(same) if same.all() else int(np.argmin(same))

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
        low, high = state["low"] + state["level"], state["high"] + state["level"]
        x = np.where(here, x, season + state["level"])
        young = 1.0 / (state["count"] + 1.0)
        means, residuals = self._residuals(state, x, x - np.clip(x, low, high), season, young)
        ratio = np.minimum(residuals / self._scale(state, x), self.params.cap)
        strongest = ratio[:, 0]
        for kind in range(1, len(KINDS)):
            strongest = np.maximum(strongest, ratio[:, kind])
        known = (state["count"] >= self._warmup) & (state["blocks"] >= 2)
        calm = _largest(state["recent"]) < self._band
        top = self._recently(state["recent"], np.where(known & here, strongest, -1.0))
        expected, lower, upper = self._usual(state, calm, top >= self._band, season, known)
        self._learn(state, x, here, residuals, means, season, young)
        p, recent = np.where(known & here, _tail(strongest), np.nan), np.where(top >= 0, _tail(np.maximum(top, 0.0)), np.nan)
        lower = np.where(state["sort"] > SIGNED, np.maximum(lower, np.minimum(expected, 0.0)), lower)
        for into, one in zip(found, (p, expected, lower, upper, recent), strict=True):
            into[...] = one

    def _fused(self, kernels: ModuleType, state: State, x: Row, time_s: Ints, found: tuple[Row, ...]) -> None:
        """What `_column` gives and learns, to the bit, in one pass over the state."""
        self._enter(state, x, time_s)
        into = found if found[0].flags.c_contiguous else tuple(np.empty(len(x)) for _ in found)
        names = (kernels.ROWS, kernels.READ, kernels.TABLES, kernels.KEPT)
        parts = (tuple(state[n] for n in some) for some in names)
        place = self._profile.place(state, time_s)
        kernels.column(x, *parts, state["profile"], state["days"], state["sort"], *place, self._numbers, into)
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
        off = nearer(x - season - state["base"], state["past"])
        off -= np.clip(off, state["less"], state["more"])
        away = np.where((state["past"] != 0.0) & (np.abs(off) < np.abs(away)), off, away)
        np.abs(away, out=residuals[:, 1])
        np.minimum(np.abs(x - state["short"]), residuals[:, 1], out=residuals[:, 0])
        np.minimum(np.abs(x - state["before"]), residuals[:, 1], out=residuals[:, 3])
        rate = np.maximum(young, self._short)
        square = (1.0 - rate) * (state["square"] + rate * residuals[:, 0] * residuals[:, 0])
        still = np.where(x == state["before"], state["still"] + self.step_s, 0.0)
        means = {"square": square, "before": x, "still": still}
        residuals[:, STILL] = np.where(state["moves"] >= self.params.moving, still, 0.0)
        for name, target, speed in (("drift", away, self._recent), ("shift", off, self._shift), ("creep", off, self._creep)):
            means[name] = state[name] + np.maximum(young, speed) * (target - state[name])
            np.abs(means[name], out=residuals[:, KINDS.index(name)])
        np.minimum(residuals[:, CREEP], state["room"], out=residuals[:, CREEP])
        np.sqrt(square, out=residuals[:, 2])
        return means, residuals

    def _scale(self, state: State, x: Row) -> Row:
        """(n, 8) scales; where events are rare none is smaller than what makes a single one weak evidence."""
        rows = np.flatnonzero(state["rare"] > 0)
        event = state["event"][rows]
        event = np.where((event == np.inf) & (x[rows] > 0), event_after(event, state["sort"][rows], x[rows]), event)
        rows, event = rows[event < HUGE], event[event < HUGE]
        if not len(rows):
            return state["scale"]
        scale = state["scale"].copy()
        scale[rows] = np.maximum(scale[rows], (RARE * event)[:, None] * self._alone)
        return scale

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
        """The largest ratio of this part of the clock and of the two before it; -1 there and in `strongest`: none."""
        np.maximum(recent[:, 0], strongest, out=recent[:, 0])
        return _largest(recent)

    def _usual(self, state: State, calm: Bools, strange: Bools, season: Row, known: Bools) -> tuple[Row, Row, Row]:
        """What is told as expected and as the ends of what is usual: of rows that are strange as it was when they were `calm`."""
        level, scale = state["level"], state["scale"][:, 1]
        for name, now in (("calm_level", level), ("calm_scale", scale)):
            np.copyto(state[name], now, where=calm & strange)
        low, high = np.where(strange, state["calm_low"], state["low"]), np.where(strange, state["calm_high"], state["high"])
        level, season = np.where(strange, state["calm_level"], level), np.where(strange, np.clip(season, low, high), season)
        width = np.where(known, np.where(strange, state["calm_scale"], scale) * self._band, np.nan)
        return np.where(known, season + level, np.nan), low + level - width, high + level + width

    def _learn(
        self, state: State, x: Row, here: NDArray[np.bool_], residuals: Row, means: dict[str, Row], season: Row, young: Row
    ) -> None:
        """Take the point into levels and into the open block; rows without a point keep everything."""
        weight = here.astype(np.float64)
        state["short"] += weight * np.maximum(young, self._short) * (x - state["short"])
        away = x - season - state["level"]
        away -= np.clip(away, state["less"], state["more"])
        state["level"] += weight * np.maximum(young, self._medium) * away
        away = weight * (x - state["base"])
        state["total"] += away
        state["squares"] += away * away
        state["points"] += weight
        state["event"][...] = np.where(here & (x > 0), event_after(state["event"], state["sort"], x), state["event"])
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
        """Learn the blocks that have ended, for rows whose clock entered another one. What was usual around the next one is kept
        of those that are strange: the block before it is in the profile then."""
        strange = changed[_largest(state["recent"][changed]) >= self._band]
        before = self._profile.around(state, strange, block[strange])
        rows = changed[state["points"][changed] > 0]
        if len(rows):
            self._learn_block(state, rows, block[rows])
        self._week.enter(state, changed, block[changed])
        state["block"][changed] = block[changed]
        around = self._profile.around(state, changed, block[changed])
        for name, end, weekly, own in zip(("low", "high"), around, ("less", "more"), before, strict=True):
            state[name][changed] = state[f"calm_{name}"][changed] = end + state[weekly][changed]
            state[f"calm_{name}"][strange] = own + state[weekly][strange]
        for name in ("total", "squares", "points", "peak", "moved"):
            state[name][changed] = 0.0

    def _learn_block(self, state: State, rows: Ints, following: Ints) -> None:
        """Learn the blocks of `rows` that have ended; `following` (k,) come after them."""
        weight, longer = self._scales.rates(state, rows)
        season = self._profile.of_block(state, rows)
        self._regime.learn(state, rows, season)
        points, base = state["points"][rows], state["base"][rows]
        mean, power = state["total"][rows] / points, state["squares"][rows] / points
        lead = state["day"][rows] - base
        rest = mean - lead - season
        weekly = np.clip(rest, state["less"][rows], state["more"][rows])
        course = lead + season + weekly
        around = np.maximum(power - course * (2.0 * mean - course), 0.0)
        self._week.learn(state, rows, rest)
        self._profile.learn(state, rows, mean - lead, weekly)
        mean = mean - weekly
        state["day"][rows] += np.maximum(self._day, 1.0 / (state["blocks"][rows] + 1.0)) * (mean - lead)
        state["power"][rows] += weight * (power - state["power"][rows])
        around = np.minimum(around, WILD * state["around"][rows] + state["power"][rows])
        state["around"][rows] += weight * (around - state["around"][rows])
        self._moves.learn(state, rows, rest)
        slower = self._scales.smallest(state, rows)
        self._wander.learn(state, rows, base + mean - season, slower, following)
        state["base"][rows] += longer * mean
        self._learn_movement(state, rows, longer)
        self._scales.learn(state, rows, slower)

    def _learn_movement(self, state: State, rows: Ints, rate: Row) -> None:
        """The share of blocks that moved, known anew when one did: a stretch that lasts does not become usual by lasting."""
        moved, idle = state["moved"][rows] > 0, state["idle"][rows]
        share = state["moves"][rows]
        state["moves"][rows] = np.where(moved, share * (1.0 - rate) ** (idle + 1.0) + rate, share)
        state["idle"][rows] = np.where(moved, 0.0, idle + 1.0)


def _largest(recent: Row) -> Row:
    """Of each row; several times as fast as `max` over so few."""
    return np.maximum(np.maximum(recent[:, 0], recent[:, 1]), recent[:, 2])


def _tail(ratio: Row) -> Row:
    """The smooth bound of Markov: (1 + ratio)^-3."""
    tail: Row = 1.0 / (1.0 + ratio)
    return tail * tail * tail
