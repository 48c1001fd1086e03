"""How the things of a drill move: five ways to fail in five variants, and for each what only looks like it.

A level is the share of the way from empty to the rule's limit: 1 = the rule's condition begins to hold. All times are epoch
seconds of a clock that may be the real one or a recorded one; the same drill gives the same levels on both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
FAILURES = ("memory", "filesystem", "queue", "certificate", "pool")
VARIANTS = ("linear", "bending", "stepped", "noisy", "pausing")
LOOK_ALIKES = {
    "memory": "GC sawtooth", "filesystem": "file written once", "queue": "queue drained nightly",
    "certificate": "certificate renewed", "pool": "pool at a busy plateau",
}  # fmt: skip
LIMIT_DAYS, SPAN_DAYS = 3, 30
"""A certificate's rule fires when less than so many days are left; level 0 is so many more."""
FOR_S = {"memory": 300, "filesystem": 1800, "queue": 600, "certificate": 3600, "pool": 600}
"""How long each rule's condition must hold."""
CYCLES = 400
HIGHEST = 1.1
"""Nothing goes on for ever beyond its limit."""


@dataclass(frozen=True)
class Drill:
    """One target. `begin_s`, `lasts_s`: when it starts to fail and how long it takes to the limit; of a look-alike about when it
    does what looks like it. `day_s`: how long a day is, shorter on a compressed clock."""

    failure: str
    variant: str
    alike: bool
    seed: int
    begin_s: float
    lasts_s: float
    day_s: float

    @property
    def name(self) -> str:
        """As its `instance` is called."""
        return f"{self.failure}-{self.variant}{'-alike' if self.alike else ''}"

    @property
    def rng(self) -> np.random.Generator:
        """Always the same numbers for the same drill."""
        return np.random.default_rng(
            [self.seed, FAILURES.index(self.failure), VARIANTS.index(self.variant), int(self.alike)]
        )


@dataclass(frozen=True)
class Course:
    """`level` (t,) is what the thing does; `trend` (t,) the same without steps and noise, whose slope an oracle knows."""

    level: Callable[[Floats], Floats]
    trend: Callable[[Floats], Floats]

    def expected_s(self, at: Floats) -> Floats:
        """(t,) seconds to the limit at the true slope of each instant; inf where it does not rise."""
        before, after = self.trend(at - 1.0), self.trend(at + 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            left = (1.0 - self.trend(at)) / ((after - before) / 2.0)
        return np.where(after > before + 1e-12, left, np.inf)


def course_of(drill: Drill) -> Course:
    """What a drill does over time."""
    if drill.failure == "certificate":
        return _renewed(drill) if drill.alike else _expiring(drill)
    if not drill.alike:
        return _failing(drill)
    return {"memory": _sawtooth, "filesystem": _written_once, "queue": _drained, "pool": _plateau}[drill.failure](drill)


def _shape(drill: Drill, rng: np.random.Generator) -> tuple[Callable[[Floats], Floats], Callable[[Floats], Floats]]:
    """(what is done, its trend): both from 0 at u = 0 to 1 at u = 1, going on beyond; 0 before."""
    bend = rng.uniform(0.5, 0.8)
    steps = int(rng.integers(10, 20))
    edges = (np.arange(1, steps + 1) - rng.uniform(0, 0.5, steps) * (np.arange(1, steps + 1) < steps)) / steps
    count, share = int(rng.integers(2, 4)), rng.uniform(0.25, 0.35)
    starts = np.sort((np.arange(count) + rng.uniform(0.2, 0.7, count)) / count) * (1 - share)
    knots = np.concatenate([[0.0], np.stack([starts, starts]).T.ravel(), [1 - share]]) / (1 - share)
    pauses = np.concatenate([[0.0], np.stack([starts, starts]).T.ravel(), [1 - share]])
    pauses += share / count * np.repeat(np.arange(count + 1), 2)

    def line(u: Floats) -> Floats:
        return np.maximum(u, 0.0)

    def bent(u: Floats) -> Floats:
        return np.where(u < 1, (1 - bend) * line(u) + bend * line(u) ** 2, 1 + (1 + bend) * (u - 1))

    def stepped(u: Floats) -> Floats:
        return np.where(u < 1, np.searchsorted(edges, u, side="right") / steps, np.maximum(u, 0.0))

    def paused(u: Floats) -> Floats:
        return np.where(u < 1, np.interp(u, pauses, knots), 1 + (u - 1) / (1 - share))

    shapes = {"linear": (line, line), "bending": (bent, bent), "stepped": (stepped, line), "noisy": (line, line),
              "pausing": (paused, paused)}  # fmt: skip
    return shapes[drill.variant]


def _noise(drill: Drill, rng: np.random.Generator, rough: float, fine: float) -> Callable[[Floats], Floats]:
    """A noise of the clock's instants: `rough` wanders, in the noisy variant alone, `fine` is new every minute."""
    wander = np.zeros(4096)
    kicks = rng.normal(0, np.sqrt(1 - 0.8**2), len(wander))
    for i in range(1, len(wander)):
        wander[i] = 0.8 * wander[i - 1] + kicks[i]
    hiss = rng.normal(0, fine, 65536)
    scale = rough if drill.variant == "noisy" else 0.0

    def of(t: Floats) -> Floats:
        at = t / (drill.day_s / 144) % (len(wander) - 1)
        minute = (t / (drill.day_s / 1440)).astype(np.int64)
        return scale * np.interp(at, np.arange(len(wander)), wander) + hiss[minute % len(hiss)]

    return of


def _failing(drill: Drill) -> Course:
    rng = drill.rng
    base, (done, trend) = rng.uniform(0.25, 0.45), _shape(drill, rng)
    noise = _noise(drill, rng, 0.02, 0.003)
    phase = rng.uniform(0, 1)
    swing = 0.04 if drill.failure in ("queue", "pool") and drill.day_s >= 86400 else 0.0  # nothing swings every few minutes

    def rhythm(t: Floats) -> Floats:
        return swing * (np.cos(2 * np.pi * (t / drill.day_s - phase)) - np.cos(
            2 * np.pi * ((drill.begin_s + drill.lasts_s) / drill.day_s - phase)
        ))  # fmt: skip

    def at(shape: Callable[[Floats], Floats]) -> Callable[[Floats], Floats]:
        return lambda t: base + (1 - base) * shape((t - drill.begin_s) / drill.lasts_s)

    level, ideal = at(done), at(trend)
    return Course(lambda t: np.minimum(level(t) + rhythm(t), HIGHEST) + noise(t), ideal)


def _flat(level: Callable[[Floats], Floats]) -> Course:
    return Course(level, lambda t: np.zeros_like(t))


def _sawtooth(drill: Drill) -> Course:
    """Rises in the variant's way, and is collected down to its floor again, many times a day."""
    rng = drill.rng
    done, _ = _shape(drill, rng)
    floor, noise = rng.uniform(0.25, 0.35), _noise(drill, rng, 0.02, 0.003)
    period = drill.day_s / rng.uniform(3, 8)
    count = int(CYCLES * drill.day_s / period)
    lengths = period * rng.uniform(0.8, 1.2, count)
    ends = drill.begin_s + 3 * drill.day_s - lengths.sum() + np.cumsum(lengths)
    tops = rng.uniform(0.68, 0.78, count)

    def level(t: Floats) -> Floats:
        i = np.clip(np.searchsorted(ends, t, side="right"), 0, count - 1)
        u = 1 - (ends[i] - t) / lengths[i]
        return floor + (tops[i] - floor) * np.clip(done(u), 0, 1) + noise(t)

    return _flat(level)


def _written_once(drill: Drill) -> Course:
    """A file is written in the variant's way, over a few hours, and stays."""
    rng = drill.rng
    done, _ = _shape(drill, rng)
    base, top = rng.uniform(0.2, 0.35), rng.uniform(0.55, 0.68)
    takes = np.exp(rng.uniform(np.log(0.3), np.log(3))) * drill.day_s / 24
    noise = _noise(drill, rng, 0.004, 0.001)
    return _flat(lambda t: base + (top - base) * np.clip(done((t - drill.begin_s) / takes), 0, 1) + noise(t))


def _by_day(drill: Drill, rng: np.random.Generator) -> tuple[Floats, Callable[[Floats], tuple[NDArray[np.int64], Floats]]]:
    """(peaks of days, a function that says which day it is and how far it has come, 0-1)."""
    phase, first = rng.uniform(0, 1), int(drill.begin_s // drill.day_s) - CYCLES // 2
    peaks = rng.uniform(0.62, 0.72) * rng.uniform(0.94, 1.06, CYCLES)

    def day(t: Floats) -> tuple[NDArray[np.int64], Floats]:
        days = t / drill.day_s - phase - first
        return np.clip(days.astype(np.int64), 0, CYCLES - 1), days % 1.0

    return peaks, day


def _drained(drill: Drill) -> Course:
    """Grows in the variant's way for most of a day, and is worked off within an hour of every night."""
    rng = drill.rng
    done, _ = _shape(drill, rng)
    peaks, day = _by_day(drill, rng)
    grows, drains, floor = rng.uniform(0.6, 0.85), 0.05, 0.05
    noise = _noise(drill, rng, 0.015, 0.003)

    def level(t: Floats) -> Floats:
        i, u = day(t)
        share = np.where(u < grows, np.clip(done(u / grows), 0, 1), np.clip(1 - (u - grows) / drains, 0, 1))
        return np.maximum(floor + (peaks[i] - floor) * share + noise(t), 0.0)

    return _flat(level)


def _plateau(drill: Drill) -> Course:
    """Rises in the variant's way in two hours of the morning, stays busy, and falls in the evening."""
    rng = drill.rng
    done, _ = _shape(drill, rng)
    peaks, day = _by_day(drill, rng)
    floor, stays = rng.uniform(0.1, 0.2), rng.uniform(0.4, 0.5)
    noise = _noise(drill, rng, 0.02, 0.006)

    def level(t: Floats) -> Floats:
        i, u = day(t)
        rises = np.clip(done(u / 0.09), 0, 1)
        share = np.minimum(rises, np.clip(1 - (u - stays) / 0.09, 0, 1))
        return floor + (peaks[i] - floor) * share + noise(t)

    return _flat(level)


def left_of(level: float, drill: Drill) -> float:
    """Seconds that a certificate is still valid at a level."""
    return (LIMIT_DAYS + (1 - level) * SPAN_DAYS) * drill.day_s


def _expiring(drill: Drill) -> Course:
    """Time left falls by a second a second and in the variant's way beside.

    linear: nobody renews. bending: re-issued all the time, until the issuer's own end caps it. stepped: one after another of
    the endpoints shows an older certificate. noisy: two backends with different ones. pausing: renewed by a little, now and then.
    """
    rng, variant = drill.rng, drill.variant
    end, lasts, span = drill.begin_s + drill.lasts_s, drill.lasts_s, SPAN_DAYS * drill.day_s
    done, trend = _shape(drill, rng)
    other = 0.06 * lasts * (rng.random(65536) < 0.5)
    way = lasts * 1e-3 / float(trend(np.array([1e-3]))[0])  # without the pauses

    def left(t: Floats, shape: Callable[[Floats], Floats]) -> Floats:
        u = (t - drill.begin_s) / lasts
        if variant == "bending":
            return np.minimum(lasts, end - t)
        if variant == "stepped":
            return end - t + 1.5 * lasts * (1 - shape(u))
        if variant == "pausing":
            return np.where(u < 0, way - u * lasts, way * (1 - shape(u)))
        return end - t

    def level(t: Floats) -> Floats:
        found = left(t, done)
        if variant == "noisy":
            found = found + other[(t / (drill.day_s / 1440)).astype(np.int64) % len(other)]
        return 1 - found / span

    return Course(level, lambda t: 1 - left(t, trend) / span)


def _renewed(drill: Drill) -> Course:
    """Renewed in good time, over and over."""
    rng, day = drill.rng, drill.day_s
    life, renew = ((90, 30), (30, 10), (14, 4.7), (10, 4.2), (8, 3.8))[VARIANTS.index(drill.variant)]
    length = (life - renew) * day
    starts = drill.begin_s + rng.uniform(0, 0.5) * day + length * np.arange(-CYCLES, CYCLES)

    def level(t: Floats) -> Floats:
        since = t - starts[np.searchsorted(starts, t, side="right") - 1]
        return 1 - ((life - LIMIT_DAYS) * day - since) / (SPAN_DAYS * day)

    return _flat(level)
