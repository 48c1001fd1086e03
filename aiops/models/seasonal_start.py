"""Where a new series of a cohort starts: at its own level, with what is usual for the others."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, Ints, State
from aiops.models.interface import Start
from aiops.models.medians import median
from aiops.models.profile import DAY_S, Profile
from aiops.models.regime import began_away

POINTS = 8
"""Points of its own that tell a new series' level."""
STEADY, QUIET, LATELY = 1.0, 4, 0.25
"""A series has settled where its newest point lies within STEADY of its cohort's scales of a step from the mean of its points, or
else once QUIET in a row lie so near the mean of those lately, of which each new one counts as LATELY."""
BLOCKS = 16
"""What it is given counts as much as so many blocks of its own."""
DAYS_AT_MOST = 7
"""And the course of the day as much as so many days."""
UNITS = {
    "square": 2, "profile": 1, "free": 1, "cube": 3, "cube_long": 3, "scale": 1, "power": 2, "around": 2, "wander": 2, "event": 1,
    "days": 0, "free_blocks": 0, "moves": 0, "sort": 0,
}  # fmt: skip
"""What is taken over, and in which power of the series' unit it is; of whole numbers a median between two is the lower one."""
KINDS_OF = ("cube", "cube_long", "scale")
ANEW = ("drift", "shift", "creep", "total", "squares", "points", "peak", "idle", "today", "today_blocks", "eve",
        "wander_days", "drawn", "walk", "room", "week", "weeks", "rest", "less", "more", "bends_of_day", "stood_at",
        "went", "bend", "bent", "calm_level", "calm_scale")
"""What begins anew: means of distances that were taken from another baseline."""
FEW, MANY = 0.1, 0.9
ENOUGH, PATIENT, WIDE, APART, THIRD, SCALES = 5, 0.25, 1.0, 1.5, 4 / 3, 3.0
"""A series is beyond its cohort where that has ENOUGH members, and it lies above MANY of them by more than WIDE times what lies
between FEW and MANY, and by SCALES of their scales, or where they are alike in proportion by THIRD and these, or by APART; it is
judged by them once it has PATIENT of its warm-up."""
AT_ONCE = 64
"""Groups of members whose medians are taken at once: memory stays flat."""
DEPARTURE, STEP, STILL = 1, 3, 7
"""The places of three kinds of residuals: by which members are compared, of a point from the one before, one in seconds."""


class SeasonalStart(Start):
    """Start of `Seasonal`: the medians of the members' scales, powers and courses of the day, around the series' own level.

    L_i is where member i stands at this time of day, by its baseline and its course of the day. The level of the series is the
    median of three: the mean of its first points, the newest of them, and the median of the L_i; so a first peak, or a ramp up to
    what is usual, does not count. What is taken over is multiplied by level / L_i (squares and cubes by its powers) where all
    members are positive and either they are more alike that way (smaller median distance of the logarithms of their scales from
    their median) or the series is larger than nine in ten of them; there a series smaller than nine in ten counts as large as
    these, for a quiet beginning says little. Else it is taken as it is. A median does not follow a tenth of the members.

    One that has not settled waits, until it has or has learnt by itself: memory that fills, caches that are cold, a first peak
    are not its level. While it waits `calm_level` is the mean of its newest points, `calm_scale` 1 + how many in a row were near.

    One that lies above all its cohort waits, for a start is often loud: once PATIENT of its warm-up has passed and it lies there
    still, its level is that of the members, so that it is strange for being unlike them. What has nothing to do yet lies below.

    It counts as BLOCKS blocks: the series' own soon count more. What lies above all its cohort counts as a day of them and is an
    episode from its start (`Regime`): what is strange is not usual within minutes. Members have learnt for a day.
    """

    def __init__(self, profile: Profile, block_s: int, warmup: float, young: float) -> None:
        self._profile, self._warmup, self._young = profile, warmup, young
        self._day = max(2, DAY_S // block_s)

    def waiting(self, state: State) -> Bools:
        """Rows that are not scored yet, and have the points that it takes to start."""
        known = (state["count"] >= self._warmup) & (state["blocks"] >= 2)
        return np.asarray((state["count"] >= min(POINTS, self._warmup)) & ~known)

    def learnt(self, state: State) -> Bools:
        """Rows that have learnt for a day, what they were given counting as BLOCKS of it, before any episode that goes on: what
        is beyond its cohort from its start is no member of it meanwhile."""
        before = state["blocks"] - np.maximum(state["out"] - 1.0, 0.0)
        return np.asarray((state["count"] >= self._warmup) & (before >= self._day))

    def start(self, state: State, rows: Ints, members: Ints, time_s: Ints) -> None:
        """Let `rows` (k,) at their clocks `time_s` (k,) start from `members` (k, d), -1 = none; `state` is updated in place."""
        groups, which = np.unique(np.column_stack([time_s, members]), axis=0, return_inverse=True)
        parts = [self._usual(state, groups[i : i + AT_ONCE]) for i in range(0, len(groups), AT_ONCE)]
        usual, which = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, which.reshape(-1)
        new = {name: array[rows] for name, array in state.items()}
        level, most = usual["level"][which], usual["most"][which]
        beyond = (new["level"] > most) & (new["before"] > 0.5 * (usual["many"][which] + most))
        newest, looked = new["before"], new["calm_scale"]
        lately = np.where(looked > 0, new["calm_level"], new["level"])
        own = np.where(beyond, level, _middle(lately, newest, level))
        started = self._started({name: array.copy() for name, array in new.items()}, usual, which, own, time_s)
        near = np.abs(newest - lately) <= STEADY * started["scale"][:, STEP]
        looked = np.where(near, np.where(looked > 0, looked + 1.0, QUIET + 1.0), 1.0)
        state["calm_scale"][rows] = looked
        state["calm_level"][rows] = np.where(near, lately + LATELY * (newest - lately), newest)
        begins = np.where(beyond, new["count"] >= PATIENT * self._warmup, looked > QUIET)
        away = np.flatnonzero(beyond)
        began_away(started, away)
        started["blocks"][away] = self._day - 1.0
        started["given"][:] = started["blocks"]
        for name, array in started.items():
            state[name][rows[begins]] = array[begins]

    def given(self, state: State) -> Bools:
        """Rows of whose blocks more were given than are their own."""
        return np.asarray(state["blocks"] < 2.0 * state["given"])

    def _usual(self, state: State, groups: Ints) -> State:
        """What is usual for the members of each of g groups, (g, 1 + d): a clock and their numbers. As it is, and, called `of_…`,
        as a share of each one's level where all of these are positive."""
        there, donors, d = groups[:, 1:] >= 0, np.maximum(groups[:, 1:], 0), groups.shape[1] - 1
        course = {name: state[name][donors.ravel()] for name in ("profile", "days", "free", "free_blocks")}
        season = self._profile.at(course, np.repeat(groups[:, 0], d)).reshape(donors.shape)
        level = np.where(there, state["base"][donors] + season, np.nan)
        with np.errstate(invalid="ignore"):
            positive = np.all(((state["sort"][donors] > 0) & (level > 0)) | ~there, axis=1, keepdims=True)
        unit = np.where(there & positive, level, 1.0)
        scale = np.log(state["scale"][donors, DEPARTURE])
        ordered, last = np.sort(level, axis=1), there.sum(axis=1) - 1
        few, many = (ordered[np.arange(len(level)), np.rint(q * last).astype(np.int64)] for q in (FEW, MANY))
        alike = _spread(scale - np.log(unit), there) < _spread(scale, there)
        usual = {"level": _medians(level, there), "few": few, "many": many, "positive": positive[:, 0], "alike": alike}
        with np.errstate(invalid="ignore", divide="ignore"):
            ratio, beside = (many / few) ** WIDE, WIDE * (many - few)
            most = many + np.fmax(beside, SCALES * np.exp(_medians(scale, there)))
            apart = np.clip(most / many, THIRD, APART)  # half of a share that is high already is more than there can be
        most = np.where(positive[:, 0] & alike, many * np.fmax(ratio, apart), most)
        usual["most"] = np.where(there.sum(axis=1) >= ENOUGH, most, np.inf)
        for name, power in UNITS.items():
            values = state[name][donors].astype(np.float64)
            usual[name] = _medians(values, there)
            if power:
                usual["of_" + name] = _medians(values / _units(unit, power, name, values), there)
        return usual

    def _started(self, new: State, usual: State, which: Ints, own: Floats, time_s: Ints) -> State:
        """Rows (k, …) started from what is usual for their groups, `which` (k,), around their levels `own` (k,)."""
        relative = usual["positive"] & usual["alike"]
        relative = relative[which] | (usual["positive"][which] & (own > usual["many"][which]))
        relative &= own > 0
        unit, sort = np.where(relative, np.maximum(own, usual["few"][which]), 1.0), new["sort"]
        for name, power in UNITS.items():
            found = usual[name][which]
            if power:
                of_level = usual["of_" + name][which] * _units(unit, power, name, found)
                found = np.where(relative.reshape((-1,) + (1,) * (found.ndim - 1)), of_level, found)
            new[name] = (found if new[name].dtype.kind == "f" else np.floor(found)).astype(new[name].dtype)
        new["scale"] *= 1.0 + self._young / (BLOCKS + 1.0)
        new["days"], new["sort"] = np.minimum(new["days"], DAYS_AT_MOST).astype(np.uint8), np.minimum(new["sort"], sort)
        return self._settled(new, own, time_s)

    def _settled(self, new: State, own: Floats, time_s: Ints) -> State:
        """The rest of a started series: its level and baseline, and what begins anew."""
        for name in ANEW:
            new[name][...] = 0
        base = own - self._profile.at(new, time_s)
        new["short"] = own
        new["base"], new["day"], new["level"] = base.copy(), base.copy(), base.copy()
        new["count"] = np.maximum(new["count"], math.ceil(self._warmup))
        new["blocks"] = np.full(len(own), float(max(2, min(BLOCKS, self._day // 2))))
        new["low"], new["high"] = self._profile.around(new, np.arange(len(own)), new["block"])
        new["calm_low"], new["calm_high"] = new["low"].copy(), new["high"].copy()
        return new


def _units(level: Floats, power: int, name: str, values: Floats) -> Floats:
    """The unit of each of `values` (k, …) or (k, d, …), a power of `level` (k,) or (k, d); 1 for what is in seconds."""
    unit = level.copy()
    for _ in range(power - 1):
        unit *= level
    unit = np.broadcast_to(unit.reshape(unit.shape + (1,) * (values.ndim - unit.ndim)), values.shape)
    if name in KINDS_OF:
        unit = unit.copy()
        unit[..., STILL] = 1.0
    return unit


def _medians(values: Floats, there: Bools) -> Floats:
    """Medians over the second axis of (k, d, …), where `there` (k, d)."""
    inside = np.where(there.reshape(there.shape + (1,) * (values.ndim - 2)), values, np.nan)
    k, d, rest = values.shape[0], values.shape[1], values.shape[2:]
    return median(np.ascontiguousarray(np.swapaxes(inside, 0, 1)).reshape(d, -1)).reshape(k, *rest)


def _spread(values: NDArray[np.float64], there: Bools) -> Floats:
    """(k,) median distance of (k, d) from their median."""
    return _medians(np.abs(values - _medians(values, there)[:, None]), there)


def _middle(a: Floats, b: Floats, c: Floats) -> Floats:
    """The median of three."""
    return np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
