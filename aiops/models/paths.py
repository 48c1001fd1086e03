"""Ways in which a series can be on its way to a limit; each looks at all rows at once.

Everything here is oriented: y rises towards the limit. Arrays are (n, t), oldest first, NaN = gap.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints
from aiops.models.shape import Array, Rise, Sums, bridged, rise

HOUR, DAY = 3600, 86400
BLOCKS, PARTS = 8, 6
YOUNG_H = 12
"""A row younger than a day speaks of a rise this long: half a day, longer than a daily rhythm rises in a line."""
LINES: dict[float, float] = {16 / 3: 0.003, 6: 0.004, 8: 0.012}
"""Of a shorter one when it lies on a line to this share of the rise: the middle of a cosine does so to twice that."""
AGES = (2, 3, 4, 6, 8, 12, 16, 24, 36, 48, 72, 96, 120, 168, 240, 336)
"""Hours: how old a level must be to count as the past of a window."""
RECORD = 0.2
"""A rise must stand above all that was before its window, by this share of the range seen there."""
FADES = 1.2
WHOLE, YOUNG_NOISE = 1.35, 0.05
"""A window is a row's whole history up to this age; its parts lie this close to a line, as a share of the rise."""
SLACK = 0.85
SOON_S = 4.0 * HOUR
"""What is this near does not wait for its share of the way: waiting would cost the time that people need."""
TEETH = 2.5
LONG_REACH, STILL_TO_COME = 1.2, 2.0
"""Who looks farther ahead than so many windows asks of gains that shrink that they would, summed up, go so many times as far."""
NEW = 0.6
"""In a window of up to a day this share of the rise must be new: not made at the same time yesterday as well."""

RISES = "steadily nearer to the limit"
EDGES = "floor and ceiling steadily nearer to the limit"
FROM_DAY_TO_DAY, FROM_WEEK_TO_WEEK = "nearer to the limit from day to day", "nearer to the limit from week to week"
UNDER_RHYTHM = "steadily nearer to the limit under its daily rhythm"
TWO_WEEKS = "each week as much nearer to the limit as the one before"
WEEKLY_TOPS = "the week's top nearer to the limit from week to week"
COMPOUNDS = "nearer to the limit by ever more, in a steady ratio"
COLLECTED = "what is left after each fall nearer to the limit"
PEAKS, COURSE, CLOCK = "daily peaks nearer to the limit", "today's course passes the limit", "runs towards the limit like a clock"
AGAIN = "crosses the limit day after day with rising peaks"
COME_AGAIN = "given back in part each time, nearer to the limit from cycle to cycle"

NOTHING, FAR, YOUNG, BEFORE, UNEVEN, LEVELS, HALTED, SAWTOOTH, LAST_WEEK = range(9)
WHY = (
    "no steady way to the limit",
    "comes nearer, but the limit is too far away to tell",
    "comes nearer, but its history is too short to tell from a daily rhythm",
    "comes nearer, but no nearer than it has been before",
    "a step or a few, not a steady way to the limit",
    "levels off before the limit",
    "came nearer, and stands still now",
    "sawtooth, floor flat",
    "rose alike a week ago, and fell back again",
)


@dataclass(frozen=True, slots=True, eq=False)
class Path:
    """What one way says about n rows: `eta_s` (n,) seconds to the limit, NaN = nothing; `pace` (n,) per second.

    `why` (n,) int8 indexes WHY: what kept a row silent. `bounds` (n, 2): earliest and latest as shares of `eta_s`, where the way
    knows them of a row; NaN: those of its kind.
    """

    eta_s: Array
    pace: Array
    window_s: float
    name: str
    why: NDArray[np.int8]
    bounds: Array | None = None

    @property
    def own_bounds(self) -> Array:
        """(n, 2) `bounds`, all NaN where the way knows none."""
        return np.full((len(self.eta_s), 2), np.nan) if self.bounds is None else self.bounds


@dataclass(frozen=True, slots=True, eq=False)
class Scene:
    """What every way needs to know of n rows, oriented: the level now, the limit, how long a row is known, and its past.

    `mid` sums of 5-min means, `low` and `high` (n, t) of the same; `record` and `floor` (n, len(AGES)): the highest and
    lowest level older than each age that lasted for two hours; `day_mean`, `day_peak` (n, 15) of 24 h that end now, oldest first;
    `hourly` (n, 336) means, `long` (n, t) all of them that are known.
    """

    now: Array
    top: Array
    age_s: Array
    mid_step_s: int
    mid: Sums
    low: NDArray[np.float32]
    high: NDArray[np.float32]
    record: NDArray[np.float32]
    floor: NDArray[np.float32]
    margin: Array
    day_mean: Array
    day_peak: Array
    peak_hour: Ints
    hourly: NDArray[np.float32]
    long: NDArray[np.float32]

    @property
    def room(self) -> Array:
        """What is left to the limit."""
        return np.asarray(self.top - self.now)

    def level(self, hours_ago: int, hours: int = 2) -> Array:
        """(n,) mean of `hours` that end so many hours ago."""
        return self.mid.means(hours * HOUR // self.mid_step_s, 1, hours_ago * HOUR // self.mid_step_s)[:, 0]

    @property
    def stopped(self) -> Bools:
        """(n,) rows that gained in these 12 h less than a fifth of what they gained in the same hours yesterday."""
        now, noon, day, before = (self.level(hours) for hours in (0, 12, 24, 36))
        with np.errstate(invalid="ignore"):
            usual = day - before
            return np.asarray((usual > 0.3 * (noon - before)) & (noon > before) & (now - noon < 0.2 * usual))

    def before(self, hours: int) -> tuple[Array, Array]:
        """(highest, lowest) level that is older than `hours` (one of AGES); NaN where there is nothing."""
        at = AGES.index(hours)
        return self.record[:, at].astype(np.float64), self.floor[:, at].astype(np.float64)


def above_record(level: Array, top: Array, before: tuple[Array, Array], margin: Array | float, least: Array | float) -> Bools:
    """Above the highest of `before` (highest, lowest) by `margin` of the range there, or half of what is left to the limit."""
    highest, lowest = before
    with np.errstate(invalid="ignore"):
        more = np.minimum(margin * (highest - lowest), 0.5 * (top - highest))
        return np.asarray(np.isnan(highest) | (level > highest + np.maximum(more, least)))


def path_of(says: Bools, eta: Array, pace: Array, window_s: float, name: str, why: NDArray[Any]) -> Path:
    """A path that says `eta` where `says`."""
    return Path(np.where(says, eta, np.nan), pace, window_s, name, why.astype(np.int8))


def said_by(name: str, found: Sequence[Path], eta_s: Array) -> Bools:
    """(n,) rows of which a way of this name says something; `eta_s` (n, ways) what is left of what `found` say."""
    return np.asarray(np.isfinite(eta_s[:, [path.name == name for path in found]]).any(axis=1))


def _why(found: Rise, room: Array, record: Bools, near: Bools, known: Bools | bool = True) -> NDArray[Any]:
    silent = np.where(~found.open_ended, LEVELS, np.where(~found.even, UNEVEN, np.where(~record, BEFORE, FAR)))
    with np.errstate(invalid="ignore"):
        silent = np.where(found.step, UNEVEN, silent)
        silent = np.where(found.total < 0.15 * room, FAR, silent)  # too small to have a shape
        silent = np.where(found.good & record & near & np.logical_not(known), YOUNG, silent)
    return np.where(found.rises & ~(found.good & record & near & known), silent, NOTHING)


def rhythm_left(hours: float) -> float:
    """What a daily cosine still gains after the steepest `hours` of its rise, as a share of what it gained in them.

    (1 - sin x) / (2 sin x), x = pi hours / 24; 0 from 12 h on.

    >>> [round(rhythm_left(hours), 2) for hours in (3, 4, 6, 12, 16)]
    [0.81, 0.5, 0.21, 0.0, 0.0]
    """
    x = np.pi * min(hours, 12.0) / 24
    return float((1.0 - np.sin(x)) / (2.0 * np.sin(x)))


@dataclass(frozen=True, slots=True, eq=False)
class _Tall:
    """`windows` (hours, reach) of n rows below each other, window by window: (n * windows,)."""

    n: int
    windows: Sequence[tuple[float, float]]

    @property
    def hours(self) -> Array:
        return self.of(lambda size: size)

    @property
    def reach(self) -> Array:
        return np.repeat([reach for _, reach in self.windows], self.n)

    def of(self, what: Callable[[float], float]) -> Array:
        """What holds of a window by its hours."""
        return np.repeat([what(size) for size, _ in self.windows], self.n)

    def each(self, values: NDArray[Any] | float) -> NDArray[Any]:
        """(n,) values, the same in every window."""
        return np.tile(np.broadcast_to(values, (self.n,)), len(self.windows))

    def by_hours(self, values: Mapping[float, Bools]) -> Bools:
        """(n,) values of each window, True where there are none."""
        return np.concatenate([values.get(size, np.ones(self.n, bool)) for size, _ in self.windows])

    def up_to_a_day(self, what: Callable[[int], Array], columns: Sequence[int]) -> Array:
        """(n,) values of each window of up to 24 h, by how many columns it has; NaN of a longer one."""
        nothing = np.full(self.n, np.nan)
        return np.concatenate([what(k) if size <= 24 else nothing for k, (size, _) in zip(columns, self.windows, strict=True)])

    def above_record(self, scene: Scene, level: Array, least: Array | float) -> Bools:
        """`above_record` of levels, each held against what is older than its window."""
        pasts = [scene.before(int(np.ceil(size))) for size, _ in self.windows]
        before = np.concatenate([highest for highest, _ in pasts]), np.concatenate([lowest for _, lowest in pasts])
        return above_record(level, self.each(scene.top), before, self.each(scene.margin), least)

    def paths(self, says: Bools, eta: Array, pace: Array, name: str, why: NDArray[Any]) -> list[Path]:
        """A path for each window."""
        split = zip(*(np.split(one, len(self.windows)) for one in (says, eta, pace, why)), strict=True)
        return [
            path_of(says, eta, pace, size * HOUR, name, why)
            for (size, _), (says, eta, pace, why) in zip(self.windows, split, strict=True)
        ]


def runs(
    scene: Scene, windows: Sequence[tuple[float, float]], young_reach: float, stopped: Bools | bool = False,
    carried: Mapping[float, Bools] | None = None, enough: Bools | bool = True, farther: Array | float = 1.0,
) -> list[Path]:  # fmt: skip
    """Of each of `windows` (hours, reach) a path: a steady rise of the means of eight parts, above everything before, most of it
    new today.

    `reach`: how many windows ahead it may look. A window under 48 h needs a day of history before it, so that a daily
    rhythm would have been seen; a younger row speaks only when its whole history is one line: a tight one (12 h; LINES: less if
    nearly as by a ruler), and then up to `young_reach` windows ahead; or from 3 h on where even a daily rhythm, caught in
    the middle of its rise, would still go that far (`rhythm_left`). `stopped`, and `carried` by hours: what `Course` says of a
    window; `enough`: what `far_enough` says of the row, not asked where less than SOON_S is left, nor of a younger row; `farther`
    (n,) times `reach` is how far it looks. The windows lie below each other as rows: a few of them cost as much as one does.
    """
    tall = _Tall(len(scene.now), windows)
    hours, reach, window_s = tall.hours, tall.reach, tall.hours * HOUR
    room, age_s, stopped, enough, farther = (tall.each(a) for a in (scene.room, scene.age_s, stopped, enough, farther))
    columns = [round(size * HOUR / scene.mid_step_s) for size, _ in windows]
    blocks = np.concatenate([scene.mid.means(k, BLOCKS) for k in columns])
    found = rise(blocks, room, 0.12, np.where(reach > LONG_REACH, STILL_TO_COME, 1.5))
    record = tall.above_record(scene, tall.each(scene.now), 2.0 * found.noise)
    known = age_s - window_s >= np.where(hours < 48, DAY, 0)
    late = np.where(hours > 24, _last_day(scene, tall, found.late, window_s / BLOCKS), found.late)
    found = replace(found, even=found.even & tall.by_hours(carried or {}), late=late)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = found.pace / (window_s / BLOCKS)
        eta = room / pace
        good = found.good & (eta > 0)
        good &= ~(found.total - tall.up_to_a_day(lambda k: _gained_yesterday(scene, k), columns) < NEW * found.total)
        near = eta <= reach * farther * window_s
        eta = found.parts_to(room) * (window_s / BLOCKS)
        near &= enough | (eta <= SOON_S)
        good &= ~(stopped & (hours >= 36))
        line = (age_s < WHOLE * window_s) & (found.late > 0.8 * found.early)
        tight = found.noise < tall.of(lambda size: YOUNG_NOISE if size >= YOUNG_H else LINES.get(size, 0.0)) * found.total
        close = (eta <= tall.of(rhythm_left) * window_s) & (found.noise < YOUNG_NOISE * found.total) & (hours >= 3) & (reach > 0)
        young = line & ((tight & (eta <= young_reach * window_s)) | close)
        says = good & ((known & record & near) | (young & ~known))
    why = np.where(found.rises & stopped & (hours >= 36), HALTED, _why(found, room, record, near, known | young))
    return tall.paths(says, eta, pace, RISES, why)


def _gained_yesterday(scene: Scene, columns: int) -> Array:
    """What the means of the same hours gained yesterday."""
    yesterday = scene.mid.means(columns, BLOCKS, DAY // scene.mid_step_s)
    return np.asarray(yesterday[:, -1] - yesterday[:, 0])


def _last_day(scene: Scene, tall: _Tall, late: Array, part_s: Array) -> Array:
    """What the last 24 h gained, per part: a pace that no time of day colours; `late` where a day ago is unknown."""
    gain = tall.each(scene.level(0) - scene.level(24))
    with np.errstate(invalid="ignore"):
        return np.where(np.isfinite(gain), gain * (part_s / DAY), late)


def envelopes(
    scene: Scene, windows: Sequence[tuple[float, float]], stopped: Bools | bool = False,
    carried: Mapping[float, Bools] | None = None, enough: Bools | bool = True, farther: Array | float = 1.0,
) -> list[Path]:  # fmt: skip
    """Of each of `windows` (hours, reach) a path: floor and ceiling of a sawtooth rise together, as steadily as `runs` asks of
    means; the ceiling meets the limit.

    `stopped`, `carried`, `enough`, `farther` as in `runs`; `enough` is not asked of what swings by more than TEETH of what a part
    gains: a job that ends by itself has no teeth. A window that is longer than what is known, or has parts shorter than a step,
    says nothing.
    """
    tall = _Tall(len(scene.now), windows)
    hours, window_s = tall.hours, tall.hours * HOUR
    stopped, enough, farther = (tall.each(a) for a in (stopped, enough, farther))
    columns = [int(size) * HOUR // scene.mid_step_s // PARTS * PARTS for size, _ in windows]
    floor, ceiling = (np.concatenate(one) for one in zip(*(edges(scene.low, scene.high, k) for k in columns), strict=True))
    room = tall.each(scene.top) - ceiling[:, -1]
    low, high = rise(floor, room, 0.15), rise(ceiling, room, 0.15)
    record = tall.above_record(scene, ceiling[:, -1], 0.0)
    known = tall.each(scene.age_s) - window_s >= np.where(hours < 48, DAY, 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        alike = (high.slope > 0.4 * low.slope) & (high.slope < 2.5 * low.slope)
        pace = 0.5 * (low.late + high.late) / (window_s / PARTS)
        eta = room / pace
        good = low.good & high.good & alike & record & known & tall.by_hours(carried or {}) & (pace > 0) & (eta > 0)
        good &= ~(stopped & (hours >= 48))
        good &= ~(high.total - tall.up_to_a_day(lambda k: _lifted_yesterday(scene, k), columns) < NEW * high.total)
        swing = ceiling[:, -1] - floor[:, -1]
        near = eta <= tall.reach * farther * window_s
        eta = 0.5 * (low.parts_to(room) + high.parts_to(room)) * (window_s / PARTS)
        teeth = np.sort(ceiling - floor, axis=1)[:, PARTS // 2] > TEETH * high.total / (PARTS - 1)
        near &= enough | teeth | (eta <= SOON_S)
        saw = (np.abs(low.total) < 0.15 * swing) & (swing > 0.35 * tall.each(scene.room)) & np.isfinite(swing)
    return tall.paths(good & near, eta, pace, EDGES, np.where(saw, SAWTOOTH, NOTHING))


def edges(low: NDArray[np.float32], high: NDArray[np.float32], columns: int) -> tuple[Array, Array]:
    """(floor, ceiling) (n, PARTS) of the last `columns` of (n, t), a multiple of PARTS, gaps bridged; NaN with fewer."""
    if not columns or low.shape[1] < columns:
        return np.full((len(low), PARTS), np.nan), np.full((len(low), PARTS), np.nan)
    parts = (len(low), PARTS, columns // PARTS)
    floor = np.fmin.reduce(low[:, -columns:].reshape(parts), axis=2).astype(np.float64)
    return bridged(floor), bridged(np.fmax.reduce(high[:, -columns:].reshape(parts), axis=2).astype(np.float64))


def _lifted_yesterday(scene: Scene, columns: int) -> Array:
    """What the peaks of the same hours gained yesterday; NaN where it is not known."""
    day = DAY // scene.mid_step_s
    if not columns or scene.high.shape[1] < columns + day:
        return np.full(len(scene.now), np.nan)
    first = np.fmax.reduce(scene.high[:, -columns - day : -columns - day + columns // PARTS], axis=1)
    last = np.fmax.reduce(scene.high[:, -day - columns // PARTS : -day], axis=1)
    return np.asarray(last - first)


def fast(
    fine: Sums, scene: Scene, before: tuple[Array, Array], columns: int, step_s: int, behind: float, tight: bool,
    brisk: float = 1.0,
) -> Path:  # fmt: skip
    """`runs` in minutes, for steps of seconds: the same shape, above everything before, with no rhythm to wait for.

    `behind`: the share of the way from the window's first part to the limit that must lie behind, `brisk` where the last third
    gains no less than SLACK of the second largest gain; `tight`: every part must carry half of the mean part, so that the window
    holds nothing but the rise. It must be `going` on right now.
    """
    window_s = float(columns * step_s)
    means = fine.means(columns, BLOCKS)
    found = rise(means, scene.room, 0.12)
    record = above_record(scene.now, scene.top, before, RECORD, 2.0 * found.noise)
    with np.errstate(invalid="ignore", divide="ignore"):
        pace = found.pace / (window_s / BLOCKS)
        eta = scene.room / pace
        gains = np.diff(means, axis=1)
        slack = found.late < SLACK * np.sort(gains, axis=1)[:, -2]
        needed = np.where(slack, behind, min(behind, brisk))
        near = (eta > 0) & going(fine, columns, pace * step_s) & (scene.now - means[:, 0] >= needed * (scene.top - means[:, 0]))
        if tight:
            near &= gains.min(axis=1) >= 0.5 * found.total / (BLOCKS - 1)
    why = _why(found, scene.room, record, near)
    return path_of(found.good & record & near, eta, pace, window_s, RISES, why)


def going(fine: Sums, columns: int, gain: Array) -> Bools:
    """(n,) whether the last sixteenth of a window of `columns` gains at least half of what its pace, `gain` (n,) a column,
    promises over the one before."""
    end = max(2, columns // (2 * BLOCKS))
    last = fine.means(2 * end, 2)
    with np.errstate(invalid="ignore"):
        return np.asarray(last[:, 1] - last[:, 0] >= 0.5 * gain * end)
