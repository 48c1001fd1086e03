"""The default forecaster: when does a series reach its limit, judged in several ways over several windows."""

from __future__ import annotations

import warnings
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Bools, Crossings, Forecast, History, Ints, Limit, State
from aiops.models import calm, collected, compound, cycles, days, excess, paths, quota, rhythm, spread, teeth, tops
from aiops.models.again import REST_S, WINDOW_S, Touched
from aiops.models.climb import far_enough
from aiops.models.course import Course
from aiops.models.growth import Growth
from aiops.models.interface import Forecaster
from aiops.models.kept import SOON_S, Evidence, cleaned_up, kept, timed_anew
from aiops.models.last_week import LastWeek
from aiops.models.scene import BRIDGED_S, oriented, scene_of
from aiops.models.shape import Array, Sums

RUNS: tuple[tuple[float, float], ...] = (
    (1.5, 0.5), (2, 0.5), (3, 0.6), (4, 0.7), (16 / 3, 0), (6, 0.8), (8, 0.9), (12, 1.0), (16, 1.1), (24, 1.1), (36, 1.1),
    (48, 1.4), (72, 1.4),
)  # fmt: skip
"""Hours of a window, and how many windows ahead it looks: what lasted long may be carried on as long again. 0: only rows without
a day of history speak by it."""
FARTHER = 1.25
"""Growth that goes on alike from day to day is told of at this many times that distance, whatever of its way lies behind it."""
YOUNG_REACH = 1.0
ENVELOPES = ((12, 1.1), (24, 1.1), (48, 1.4), (72, 1.4))
CARRIED_H = sorted({hours for hours, _ in RUNS + ENVELOPES if hours >= 3})
"""Windows of so many hours must be carried by many of them."""
DAYS, DAYS_REACH = (4, 5, 7, 10, 14), 1.4
FAST_S = (135, 155, 180, 210, 240, 280, 320, 360, 540, 810, 1200, 1800, 2700, 3600, 5400, 8100, 10800)
"""Windows where the step is under a minute, s."""
LONG_FAST = 5
"""So many of them are longer than those of `calm`, which stands in for the others where it is asked for."""
TIGHT_S, BRISK_S = 240, 810
BEHIND = (0.43, 0.47, 0.67)
"""The share of the way that must lie behind: for windows up to TIGHT_S, which must hold nothing but the rise; for those up to
BRISK_S where the rise has not slackened; else."""
HURRY = 0.25
"""Where the step is under a minute nobody waits for agreement longer than this share of the time that is left."""
CLIMB = 0.15
"""No way speaks of a row that has not come this share of the way from its lowest level to the limit."""

CALIBRATED_AT = 0.8
BOUNDS: dict[str, tuple[tuple[float, float, float], ...]] = {
    paths.RISES: ((8, 0.88, 1.33), (24, 0.83, 1.65), (np.inf, 0.87, 1.65)),
    paths.EDGES: ((24, 0.8, 1.38), (np.inf, 0.8, 1.65)),
    paths.FROM_DAY_TO_DAY: ((120, 0.88, 1.13), (np.inf, 0.65, 1.4)),
    paths.FROM_WEEK_TO_WEEK: ((np.inf, 0.25, 1.3),),
    paths.PEAKS: ((np.inf, 0.25, 2.2),),
    paths.UNDER_RHYTHM: ((np.inf, 0.9, 1.7),),
    paths.TWO_WEEKS: ((np.inf, 0.8, 1.65),),
    paths.COLLECTED: ((np.inf, 0.7, 1.55),),
    paths.WEEKLY_TOPS: ((np.inf, 0.95, 1.05),),
    paths.AGAIN: ((np.inf, 0.8, 1.3),),
    paths.COME_AGAIN: ((np.inf, 0.8, 1.3),),
    paths.COURSE: ((np.inf, 0.95, 1.06),),
    paths.CLOCK: ((np.inf, 0.99, 1.01),),
}
"""By way: up to so many hours of window about 80 % of the crossings come within these shares of the time first told.

Taken over many kinds of the corpora of `benchmarks/exhaustion.py`, by way and not by kind; how well they hold elsewhere is in
docs/models/exhaustion.md. A window of a part of a day holds its busy or its quiet hours and no others to compare with: what rises
by day may rest by night. The peak that a week's growth lifts over the limit may be this week's already.
"""
PATIENT_S, STANDS = (43200.0, 64800.0), 1.1
"""How long, at most, a row speaks on without evidence; the second where what is left is no more than STANDS of what it was."""


class ExhaustionParams(Params):
    """Parameters of `Exhaustion`."""

    level: float = Field(0.8, gt=0, lt=1, description="stated coverage of the interval")
    pending_s: float = Field(1200, ge=0, description="how long windows of 90 min and more must agree before a row speaks, s")
    patience_s: float = Field(1800, ge=0, description="how long a row speaks on without evidence, at least, s")
    patience_share: float = Field(0.25, ge=0, description="and this share of the window that spoke, up to 12 h or 18 h")
    calm_times: float = Field(
        0, ge=0, le=2, description="a steady rise out of calm is told once no more than this many times of what it lasted is left"
    )
    settle_s: float = Field(
        3000, ge=0, description="silence after a limit was changed, s; 0, as where a query gives it: it is timed anew at once"
    )
    touched_s: float = Field(
        3600, ge=0, description="silence after a sample stood at the limit, s; 0: that is no failure yet, nothing is made of it"
    )


class Exhaustion(Forecaster[ExhaustionParams]):
    """Time to a limit = (limit - level now) / pace, where some window shows a steady rise; several ways may speak.

    run: the means of eight parts of a window (1.5 h to 3 d) rise one after the other, no part carries the gain, the gains do
    not shrink towards a level below the limit, the level stands above everything before the window, and yesterday's same
    hours do not explain it. envelope: floor and ceiling of a sawtooth rise together. daily, weekly: means and peaks of days
    drift up beyond their scatter, 4 to 14 days. quota: where the quantity starts again every day, today's course against the
    usual one. fast: `run` in minutes (135 s to 3 h) where the step is under a minute. calm: with `calm_times`, in place of
    those up to 42 min; see `aiops.models.calm`.

    peaks: the peaks of a daily rhythm drift up (Sen's slope, Kendall's test), quiet days left out. clock: four half days gained
    exactly the same, as the time left of a certificate does; it looks as far as the horizon. two weeks: the last one gained on
    the one before alike at all hours, and comes again (`aiops.models.last_week`). compounds: in place of lines where gains
    grow in a steady ratio (`aiops.models.compound`); collected: the floor grows under a ceiling that stays
    (`aiops.models.collected`). Lines of hours are told by what was gained over the usual day, where that is steady
    (`aiops.models.excess`).
    Where none of these speaks, rhythm:
    the usual course of the day taken off, the rest rises by day and by night (`aiops.models.rhythm`); tops: the week's one top
    grows from week to week (`aiops.models.tops`). again: what crossed within the last day, and grows, crosses again at its hour;
    nothing else is said of a row that is at its limit already (`aiops.models.again`). cycles: what is taken back in part on a
    cycle, by what whole cycles leave; lines of its rising part are told by it too (`aiops.models.cycles`).

    Each other way looks about as far ahead as it looks back, so a steady fill is spoken of when about half of its time is left.
    Windows over a day go by the last 24 h, whatever the time of day, and fall silent when these 12 h gained less than a fifth
    of the same hours yesterday, or when the week before gained alike and lost it again (`aiops.models.last_week`). A rise must
    stand above all that was before it by MARGINS of that range: the more, the fewer cycles have been seen. A row speaks after
    `pending_s` of agreement and falls silent after `patience_s` without evidence, at once without samples for an hour or an
    eighth of the window, for `settle_s` after its limit was changed, and when it does not keep the pace it told of
    (`aiops.models.kept`); what was cleaned up to below all its window ends within minutes. The told time is the median over the
    ways that speak and moves by half of what each look adds; earliest and latest are that time times BOUNDS of the way nearest
    to it, raised to z(level) / z(0.8). Units: seconds; the limit is compared in float64. Constant, empty, NaN, beyond the
    limit: NaN with the reason. A quantity that resets before it would cross does not cross, and what was told before a reset
    does not outlast it.

    What cannot be told apart: a file that is still being written and a disk that fills. Where the step is seconds, a steady
    fill of 5 to 30 min is spoken of after 135 s and 43 to 47 % of the way, so a copy that is over within 110 s stays unsaid, a
    longer one only if it ends below 43 % of the way, or slackens before; one of 25 min and more may go as far as 67 %.

    Source: several-window trend agreement after Zou et al. 2017, time-to-exhaustion rules in the node-exporter mixin;
    least squares per part (Draper & Smith 1998, Applied Regression Analysis, chapter 1).

    >>> Exhaustion(ExhaustionParams(), 60).initial(2)["up"].tolist()
    [False, False]
    """

    Params = ExhaustionParams

    def initial(self, n: int) -> State:
        """Nothing known of n series."""
        return {
            "since_s": np.full(n, np.nan),
            "last_s": np.full(n, -np.inf),
            "seen_s": np.full(n, -np.inf),
            "muted_s": np.full(n, -np.inf),
            "up": np.zeros(n, bool),
            "expected_s": np.full(n, np.nan),
            "limit": np.full(n, np.nan),
            "floor": np.full(n, -np.inf),
            "slope": np.zeros(n),
            "window_s": np.zeros(n),
            "early": np.ones(n),
            "late": np.ones(n),
            "opened_s": np.full(n, np.nan),
            "opened_left_s": np.full(n, np.nan),
            "opened_room": np.full(n, np.nan),
            "doubt_room": np.full(n, np.inf),
        }

    def screen(self, state: State, latest: Array, limit: Limit, now_s: Ints) -> Bools:
        """(n,) rows that need a look: speaking, about to, or far enough up from their lowest level seen (kept in `state`).

        A row that rose by less than CLIMB of the way cannot speak, whatever its history: no way looks that far ahead. Only
        the week's top may, between tops: it begins to be told while it stands.
        """
        sign = np.where(limit.above, 1.0, -1.0)
        level, top = sign * latest, sign * limit.value
        state["floor"][:] = np.fmin(state["floor"], level)
        with np.errstate(invalid="ignore", over="ignore"):
            climbed = (level < top) & (level - state["floor"] >= CLIMB * (top - level))
        return np.asarray(climbed | state["up"] | np.isfinite(state["since_s"]))

    def crossings(self, state: State, history: History, limit: Limit, horizon_s: float) -> Crossings:
        """See the interface; one look."""
        seen = self.evidence(history, limit)
        sign = np.where(limit.above, 1.0, -1.0)
        state["floor"][:] = np.fmin(seen.floor, seen.now) + sign * history.offset
        return self.told(state, seen, history.now_s, limit, horizon_s)

    def evidence(self, history: History, limit: Limit) -> Evidence:
        """What every way says of n rows at this look, knowing nothing of earlier looks."""
        scene, fresh, floor = scene_of(history, limit)
        course = Course.of(scene)
        touched, said = Touched.of(history, limit, scene, self.params.touched_s), self._ways(history, limit, scene, course)
        said.append(touched.again())
        found = [touched.held_against(path) for path in said]
        eta = np.stack([p.eta_s for p in found], axis=1)
        lately, kept_back = touched.lately, ~_silent(said)
        to_reset = quota.seconds_to_reset(limit, history.now_s)
        with np.errstate(invalid="ignore"):
            inside = scene.now < scene.top
            climbed = scene.now - np.fmin(floor, scene.now) >= CLIMB * scene.room
            for name in (paths.WEEKLY_TOPS, paths.COLLECTED):  # between tops, and after a tooth, it is low
                climbed |= paths.said_by(name, found, eta)
            rises = np.isfinite(eta).any(axis=1)
            kept_back &= ~rises
            eta[(1.15 * eta) > to_reset[:, None]] = np.nan
            note = np.where(rises & ~np.isfinite(eta).any(axis=1), "starts again before it gets there", "").astype(object)
        note[rises & ~climbed] = "has come too little of its way to tell"
        note[kept_back | lately] = "at its limit already: it was there not long ago"
        eta[~(fresh & inside & climbed)] = np.nan
        reached = np.fmax(scene.now, scene.day_peak[:, -1])
        return Evidence(
            found, eta, scene.now, scene.top, fresh, inside, floor, scene.age_s, reached, course.halted, note, scene.low,
            scene.mid_step_s, lately,
        )  # fmt: skip

    def told(self, state: State, seen: Evidence, now_s: Ints, limit: Limit, horizon_s: float) -> Crossings:
        """From evidence to what is said: pending, patience, smoothed times, the interval. `state` is updated in place."""
        n, params = len(seen.now), self.params
        eta = np.sort(seen.eta_s, axis=1)
        count = np.isfinite(eta).sum(axis=1)
        rows, last = np.arange(n), np.maximum(count - 1, 0)
        middle = 0.5 * (eta[rows, last // 2] + eta[rows, (last + 1) // 2])
        exact = np.isfinite(seen.eta_s) & [path.name == paths.CLOCK for path in seen.paths]  # no matter of opinion
        ruled, clock = exact.any(axis=1), exact.argmax(axis=1)
        middle[ruled] = seen.eta_s[ruled, clock[ruled]]
        with np.errstate(invalid="ignore"):
            evidence = middle <= horizon_s
            nearest = np.abs(np.where(np.isfinite(seen.eta_s), seen.eta_s, np.inf) - middle[:, None])
        best = np.where(evidence, np.argmin(np.where(np.isnan(nearest), np.inf, nearest), axis=1), 0)
        best = np.where(evidence & ruled, clock, best)
        pace = np.stack([p.pace for p in seen.paths], axis=1)[rows, best]
        window = np.array([p.window_s for p in seen.paths])[best]
        sign = np.where(limit.above, 1.0, -1.0)
        state["slope"][:] = np.where(evidence, sign * pace, state["slope"])
        state["window_s"][:] = np.where(evidence, window, state["window_s"])
        speaks = self._speaks(state, seen, evidence, middle, now_s, limit)
        expected = self._smoothed(state, now_s + middle, evidence, speaks)
        left = np.maximum(expected - now_s, 0.0)
        speaks = kept(state, seen, speaks, left, now_s)
        times = self._interval(state, seen.paths, best, evidence, left) + now_s[:, None]
        times[~speaks] = np.nan
        return Crossings(
            times,
            params.level,
            np.where(speaks, np.clip(0.45 + 0.1 * count, 0.3, 0.9), np.nan),
            np.where(speaks, state["slope"], np.nan),
            np.where(speaks, state["window_s"], np.nan),
            _reasons(state, seen, best, evidence, middle > horizon_s, speaks, now_s, limit),
        )

    def curve(self, state: State, history: History, time_s: Ints, level: float) -> Forecast:
        """The last level carried on at the last known pace; the band is the spread of the recent past, growing as sqrt(t)."""
        recent = history.fine.mean[:, -min(72, history.fine.mean.shape[1]) :].astype(np.float64)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            last = np.nan_to_num(np.nanmean(recent[:, -3:], axis=1))
            spread = np.nan_to_num(np.nanstd(np.diff(recent, axis=1), axis=1))
        ahead = np.maximum(time_s - history.now_s.max(initial=0), 0)[None, :]
        mean = (history.offset + last)[:, None] + state["slope"][:, None] * ahead
        half = NormalDist().inv_cdf(0.5 + level / 2) * spread[:, None] * np.sqrt(1.0 + ahead / self.step_s)
        return Forecast(time_s, mean, mean - half, mean + half, level)

    def _ways(self, history: History, limit: Limit, scene: paths.Scene, course: Course) -> list[paths.Path]:
        stopped = scene.stopped | course.halted
        carried = {hours: course.carried(int(hours)) for hours in CARRIED_H}
        growth = Growth.of(scene)
        enough, farther = far_enough(scene) | growth.alike, np.where(growth.alike, FARTHER, 1.0)
        found = paths.runs(scene, RUNS, YOUNG_REACH, stopped, carried, enough, farther)
        found += paths.envelopes(scene, ENVELOPES, stopped, carried, enough, farther)
        found = teeth.told(found, scene)
        by_day = stopped, course.carried_daily, growth.levels, farther
        found += [days.daily(scene, count, DAYS_REACH, *by_day) for count in DAYS]
        found.append(days.clock(scene, course.stairs))
        found.append(days.weekly(scene, 2.1, growth.levels))
        found.append(days.peaks(scene, 1.1, growth.levels))
        week = LastWeek.of(scene)
        found = [week.again(week.held_against(growth.sooner(path, scene.room))) for path in found]
        found.append(week.goes_on(scene))
        found = compound.Compound.of(scene).told(found, scene, _usual_bounds)
        long, into_hour_s = oriented(history.long, limit), float(history.mid.end_s - history.long.end_s)
        cycle = cycles.Cycles.of(scene, into_hour_s)
        found = excess.told(found, scene, into_hour_s)
        found = [cycle.timed(path) for path in found] + [week.held_against(cycle.goes_on(growth.levels))]
        found = collected.told(found, list(collected.ways(scene, *long)))
        found += rhythm.ways(scene, _silent(found), into_hour_s)
        found.append(tops.weekly_tops(scene, long[0], _silent(found), into_hour_s))
        if self.step_s < 60:
            times = self.params.calm_times
            found += calm.ways(history, limit, scene, self.step_s, times) if times else []
            found += self._fast(history, limit, scene, FAST_S if not times else FAST_S[-LONG_FAST:])
        daily = quota.daily_rows(limit)
        if daily.any():
            usual = daily & (scene.age_s > paths.DAY)
            for path in found:
                path.eta_s[usual] = np.nan
            since, past_s = quota.hours_since(limit, history.now_s, days.QUOTA_DAYS), (history.now_s % paths.HOUR).astype(float)
            found.append(days.quota(*long, scene, since, past_s))
            found[-1].eta_s[~daily] = np.nan
        return found

    def _fast(self, history: History, limit: Limit, scene: paths.Scene, sizes_s: tuple[int, ...]) -> list[paths.Path]:
        sign = np.where(limit.above, 1.0, -1.0).astype(np.float32)
        values = history.fine.mean * sign[:, None]
        sums = Sums.of(values[:, -(sizes_s[-1] // self.step_s + 1) :])
        out: list[paths.Path] = []
        for columns, before in calm.windows(values, sizes_s, scene, self.step_s):
            window_s = columns * self.step_s
            tight, brisk = window_s <= TIGHT_S, BEHIND[1] if window_s <= BRISK_S else 1.0
            out.append(paths.fast(sums, scene, before, columns, self.step_s, BEHIND[0 if tight else 2], tight, brisk))
        return out

    def _speaks(self, state: State, seen: Evidence, evidence: Bools, left: Array, now_s: Ints, limits: Limit) -> Bools:
        params, up, limit = self.params, state["up"], limits.value
        changed = (state["limit"] != limit) & ~np.isnan(state["limit"]) & ~np.isnan(limit)
        if not params.settle_s:
            timed_anew(state, seen, changed, limits, now_s)
        state["limit"][:] = limit
        state["muted_s"][:] = np.where(changed, now_s + params.settle_s, state["muted_s"])
        state["seen_s"][:] = np.where(seen.fresh, now_s, np.maximum(state["seen_s"], np.where(up, -np.inf, now_s)))
        window = state["window_s"]
        wait = np.fmin(params.pending_s, HURRY * left) if self.step_s < 60 else params.pending_s
        pending = np.where(window >= RUNS[0][0] * paths.HOUR, wait, 0.0)
        told = state["last_s"] - state["since_s"] >= pending  # it goes on at the first look after an outage
        unseen = ~seen.fresh & (now_s - state["last_s"] <= np.where(told, paths.DAY, BRIDGED_S))  # a gap is no word against it
        state["since_s"][:] = np.where(evidence, np.fmin(state["since_s"], now_s), np.where(unseen, state["since_s"], np.nan))
        state["last_s"][:] = np.where(evidence, now_s, state["last_s"])
        floor_s = np.minimum(params.patience_s, window)  # minutes of a fast window are not followed by half an hour
        with np.errstate(invalid="ignore"):
            stands = seen.top - seen.reached <= STANDS * state["opened_room"]
        patience = np.maximum(floor_s, np.minimum(params.patience_share * window, np.where(stands, PATIENT_S[1], PATIENT_S[0])))
        rows = cleaned_up(state, seen)
        patience[rows] = np.fmin(patience[rows], SOON_S)
        starts = evidence & (now_s - state["since_s"] >= pending)
        lasts = up & (now_s - state["last_s"] < patience) & (state["last_s"] >= quota.begun_s(limits, now_s))
        lasts &= (window != WINDOW_S) | (now_s <= state["expected_s"] + REST_S)  # the hour at which it crossed yesterday is over
        gone = now_s - state["seen_s"] > np.maximum(np.minimum(3600.0, window), 0.125 * window)
        beyond = seen.fresh & ~seen.inside
        up[:] = (starts | lasts) & ~gone & ~beyond & ~seen.touched & ~np.isnan(limit) & (now_s >= state["muted_s"])
        return up.copy()

    def _interval(self, state: State, found: list[paths.Path], best: Ints, evidence: Bools, left: Array) -> Array:
        """(n, 3) seconds left, earliest, expected, latest: `left` times the bounds of the way that spoke last."""
        bounds = _bounds(found, best)
        for column, name in enumerate(("early", "late")):
            state[name][:] = np.where(evidence, bounds[:, column], state[name])
        normal = NormalDist()
        stretch = normal.inv_cdf(0.5 + self.params.level / 2) / normal.inv_cdf(0.5 + CALIBRATED_AT / 2)
        soon = spread.looks_every(self.step_s)  # what is told stands until the next look
        return np.maximum(np.stack([left * state["early"] ** stretch, left, left * state["late"] ** stretch], axis=1), soon)

    def _smoothed(self, state: State, expected: Array, evidence: Bools, speaks: Bools) -> Array:
        """Expected times move by half of what each look adds, so that people can follow."""
        old = state["expected_s"]
        mixed = np.where(np.isfinite(old), 0.5 * old + 0.5 * expected, expected)
        state["expected_s"][:] = np.where(evidence, mixed, np.where(speaks, old, np.nan))
        return np.asarray(state["expected_s"].copy())


def _silent(found: list[paths.Path]) -> Bools:
    return np.asarray(~np.isfinite([path.eta_s for path in found]).any(axis=0))


def _bounds(found: list[paths.Path], best: Ints) -> Array:
    """(n, 2) earliest and latest of the `best` way of each row, as shares of the time left."""
    bounds = np.array([_usual_bounds(path) if path.name in BOUNDS else (np.nan, np.nan) for path in found])[best]
    for at, path in enumerate(found):
        if path.bounds is not None:
            bounds = np.where((best == at)[:, None] & np.isfinite(path.bounds), path.bounds, bounds)
    return bounds


def _usual_bounds(path: paths.Path) -> tuple[float, float]:
    return next((early, late) for hours, early, late in BOUNDS[path.name] if path.window_s <= hours * paths.HOUR)


def _reasons(
    state: State, seen: Evidence, best: Ints, evidence: Bools, later: Bools, speaks: Bools, now_s: Ints, limit: Limit
) -> NDArray[np.object_]:
    texts = np.array([f"{p.name} over {_span(p.window_s)}" for p in seen.paths], dtype=object)
    silent = np.maximum.reduce([p.why for p in seen.paths])
    out = np.where(seen.note == "", np.array(paths.WHY, dtype=object)[silent], seen.note)
    out = np.where(later, "on its way to the limit, and there only after the horizon", out)
    out = np.where(evidence, texts[best], out)
    out = np.where(speaks & ~evidence, "it comes no nearer for now", out)
    held = evidence & ~speaks
    out = np.where(held, "too early to say", out)
    with np.errstate(invalid="ignore"):
        doubted = held & (seen.top - seen.reached > state["doubt_room"])
    out = np.where(doubted, "slower than told before, or stood still: silent until nearer", out)
    out = np.where(held & (now_s < state["muted_s"]), "the limit was changed a moment ago", out)
    out = np.where(~seen.inside, "already beyond the limit", out)
    out = np.where(~np.isfinite(seen.top), "no limit", out)
    out = np.where(~seen.fresh, "no sample now", out)
    huge = np.isnan(seen.top) & np.isfinite(limit.value)
    return np.asarray(np.where(huge, "numbers too large to follow", out), dtype=object)


def _span(window_s: float) -> str:
    if window_s < 7200:
        return f"{window_s / 60:.0f} min"
    return f"{window_s / 3600:.0f} h" if window_s < 2 * paths.DAY else f"{window_s / paths.DAY:.0f} d"
