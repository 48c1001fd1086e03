"""Kinds for the exhaustion corpus: growth that is taken back in part, on a cycle, and what looks like it and does not grow.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_cycles

Compactions of hours, vacuums of every night, deletions of which some miss, retention that lags what comes, trims of every few
days and of every week, waves of a roll-out; and what stays below: the same where as much is taken back as came.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book
from exhaustion_later import office

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def beats(g, period_h, jitter_h=0.0, weekday=None):
    """Indexes at which something comes every `period_h`, give or take `jitter_h`; of a week on its own `weekday`."""
    first = g.U(0, period_h) if weekday is None else ((weekday - (g.t[0] // 86400 + 3)) % 7) * 24 + g.U(0, 20)
    at = first % period_h + period_h * np.arange(int(g.H / period_h) + 1)
    at = at + g.rng.normal(0, 1, len(at)) * jitter_h
    return [g.idx(h) for h in at if 0 < h < g.H - 0.5]


def cleaned(g, rate, times, shares, lasts_h=0.3):
    """(t,) what piles up by `rate` and is taken back in part: of what came since the last time, by a share each."""
    level, before = np.cumsum(rate), 0.0
    out = level.copy()
    for i, share in zip(times, shares, strict=False):
        came, before = level[i] - before, level[i]
        out -= share * came * np.clip((g.h - g.h[i]) / lasts_h, 0, 1) * (np.arange(g.n) >= i)
    return out


def reaching(g, u, u0, a, late=(0.85, 0.97)):
    """`u` scaled so that from `u0` before index `a` it first comes to 1 late in the series."""
    b = g.at(*late)
    top = u[: b + 1].max()
    return u0 + (u - u[:a].mean() if a else u) * (1 - u0) / (top - (u[:a].mean() if a else 0.0))


def from_onset(g, a, times, before, after):
    """A share for each of `times`: `before` index `a`, `after` since; both are functions of nothing."""
    return [before() if i < a else after() for i in times]


def taken_back(r, days, period, share, a=(0.0, 0.3), work=0.5, scatter=0.05, jitter=0.0, lasts=(0.2, 1.0), noise=(0.0005, 0.003),
               unit=None, missed=0.0, weekday=False, compound=0.0):
    """A metric that crosses: all that came is taken back before the onset, since then `share` of it."""
    g = G(r, r.uniform(*days))
    onset, period_h = g.at(*a), float(r.choice(period)) if isinstance(period, list) else g.U(*period)
    rate = (1 + work * (office(g, g.U(0.1, 1.0)) / 0.5 - 1)) if work and r.random() < 0.7 else np.ones(g.n)
    rate = rate * r.lognormal(0, 0.4, g.n) * np.exp(compound * np.clip(g.h - g.h[onset], 0, None) / 24)
    times = beats(g, period_h, jitter * period_h, int(r.integers(0, 7)) if weekday else None)
    kept = g.U(*share)

    def some():
        return 0.0 if r.random() < missed else float(np.clip(kept + scatter * r.standard_normal(), 0.02, 0.98))

    shares = from_onset(g, onset, times, lambda: 1.0, some)
    u = cleaned(g, rate, times, shares, min(g.U(*lasts), 0.3 * period_h))
    first = next((i for i in times if i >= onset), g.n - 1)
    u = reaching(g, u, g.U(0.15, 0.5), onset if onset else 0)
    return g, [Metric("used", u, unit or disk(r), g.U(*noise), onset=onset if onset == 0 else min(first, g.n - 1), crosses=True)]


# ---------------------------------------------------------------- they cross
@kind(True)
def compaction_of_hours(r):
    return taken_back(r, (5, 11), (4, 9), (0.3, 0.85), a=(0.25, 0.5))


@kind(True)
def compaction_twice_a_day(r):
    return taken_back(r, (7, 14), (10, 15), (0.3, 0.85), a=(0.2, 0.4), jitter=0.08)


@kind(True)
def vacuum_of_every_night(r):
    return taken_back(r, (9, 20), [24.0], (0.3, 0.85), a=(0.2, 0.45))


@kind(True)
def vacuum_at_odd_hours(r):
    return taken_back(r, (9, 20), [24.0], (0.3, 0.8), a=(0.2, 0.4), jitter=0.1, scatter=0.12)


@kind(True)
def deletions_of_which_some_miss(r):
    return taken_back(r, (10, 22), [24.0], (0.85, 0.98), a=(0.2, 0.4), missed=0.35, scatter=0.02)


@kind(True)
def always_a_part_each_night(r):
    return taken_back(r, (10, 20), [24.0], (0.5, 0.9), a=(0.0, 0.0), scatter=0.08)


@kind(True)
def trim_every_few_days(r):
    return taken_back(r, (14, 28), [48.0, 72.0, 96.0], (0.3, 0.8), a=(0.1, 0.3))


@kind(True)
def trim_once_a_week(r):
    return taken_back(r, (20, 34), [168.0], (0.25, 0.8), a=(0.0, 0.0), weekday=True, lasts=(0.3, 6))


@kind(True)
def trim_of_weekends(r):
    return taken_back(r, (20, 34), [168.0], (0.3, 0.7), a=(0.15, 0.35), weekday=True, lasts=(4, 30), work=0.7)


@kind(True)
def what_comes_compounds(r):
    return taken_back(r, (9, 18), [24.0, 12.0], (0.5, 0.9), a=(0.2, 0.4), compound=0.06)


@kind(True)
def retention_lags_what_comes(r):
    g = G(r, r.uniform(14, 26))
    keep, a = g.idx(24.0 * int(r.integers(2, 6))), g.at(0.3, 0.45)
    grown = np.where(np.arange(g.n) < a, 1.0, np.exp(g.U(0.04, 0.1) * np.clip(g.h - g.h[a], 0, None) / 24))
    comes = np.cumsum((0.3 + office(g, g.U(0.3, 1.0))) * grown * r.lognormal(0, 0.3, g.n))
    hour = g.U(0, 24)
    cut = np.maximum(((g.t - int(hour * 3600)) // 86400 * 86400 + int(hour * 3600) - g.t[0]) // g.step - keep, 0)
    u = comes - comes[np.clip(cut, 0, g.n - 1)] * (cut > 0)
    u = u / u[: g.at(0.88, 0.97)].max()
    return g, [Metric("topic_size", u, disk(r), g.U(0.001, 0.004), onset=a, crosses=True, ignore=[(0, keep)])]


@kind(True)
def wave_of_every_day(r):
    g = G(r, r.uniform(8, 14), step=int(r.choice([60, 300])))
    a, size = g.at(0.3, 0.5), g.U(0.04, 0.09)
    ticks = [i for i in beats(g, 24.0, 0.4) if i >= a]
    share = sum((float(r.lognormal(0, 0.2)) * size * np.clip((g.h - g.h[i]) / g.U(0.5, 3), 0, 1) for i in ticks), np.zeros(g.n))
    u = g.U(0.15, 0.3) + g.U(0.05, 0.25) * g.daily(weekend=1.0) * (1 + share) + share
    u = u / u[: g.at(0.85, 0.97)].max()
    return g, [Metric("sessions", u, "connections", g.U(0.003, 0.01), onset=ticks[0] if ticks else a, integer=True, crosses=True)]


@kind(True)
def tenants_move_at_night_and_some_leave(r):
    g = G(r, r.uniform(10, 18))
    a = g.at(0.2, 0.4)
    moved = np.zeros(g.n)
    for i in beats(g, 24.0, 1.0):
        if i >= a:
            moved += r.uniform(0.7, 1.3) * np.clip((g.h - g.h[i]) / 4, 0, 1)
            moved -= r.uniform(0.2, 0.6) * np.clip((g.h - g.h[i] - 8) / 6, 0, 1)
    u = 0.2 + 0.1 * g.daily() + moved * 0.1
    u = u / u[: g.at(0.85, 0.97)].max()
    return g, [Metric("pool_used", u, disk(r), g.U(0.002, 0.006), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
def kept_level(r, days, period, work=0.5, scatter=0.1, jitter=0.0, missed=0.0, weekday=False, lasts=(0.2, 1.0), drift=0.0):
    """A metric that stays: what came is taken back whole, later where it was missed; `scatter` of what comes in a cycle."""
    g = G(r, r.uniform(*days))
    period_h = float(r.choice(period)) if isinstance(period, list) else g.U(*period)
    times = beats(g, period_h, jitter * period_h, int(r.integers(0, 7)) if weekday else None)
    cycle = np.searchsorted(np.array(times), np.arange(g.n))
    rate = (1 + work * (office(g, g.U(0.1, 1.0)) / 0.5 - 1)) * r.lognormal(0, scatter, len(times) + 1)[cycle]
    rate = rate * r.lognormal(0, 0.4, g.n)
    level, base, out = np.cumsum(rate), 0.0, np.zeros(g.n)
    out += level
    for i in times:
        if r.random() < missed:
            continue
        share = 1.0 if not drift else 1.0 - drift * r.uniform(0, 1)
        back = share * (level[i] - base)
        base += back
        out -= back * np.clip((g.h - g.h[i]) / min(g.U(*lasts), 0.3 * period_h), 0, 1) * (np.arange(g.n) >= i)
    u0 = g.U(0.1, 0.5)
    u = u0 + (out - out.min()) / (out.max() - out.min()) * (g.U(0.7, 0.95) - u0)
    return g, [Metric("used", u, disk(r), g.U(0.0005, 0.004), ignore=[(0, g.idx(1.6 * period_h))])]


@kind(False)
def compaction_takes_all(r):
    return kept_level(r, (6, 12), (4, 14), jitter=0.1)


@kind(False)
def vacuum_takes_all(r):
    return kept_level(r, (10, 20), [24.0], scatter=0.15)


@kind(False)
def vacuum_late_at_times(r):
    return kept_level(r, (10, 20), [24.0], missed=0.15, jitter=0.08)


@kind(False)
def trim_of_days_takes_all(r):
    return kept_level(r, (16, 30), [48.0, 72.0, 96.0], scatter=0.12)


@kind(False)
def trim_of_week_takes_all(r):
    return kept_level(r, (24, 34), [168.0], scatter=0.12, weekday=True, lasts=(0.3, 20))


@kind(False)
def takes_a_share_of_all_there_is(r):
    return kept_level(r, (10, 22), [24.0, 12.0, 48.0], drift=0.8, scatter=0.1)


@kind(False)
def grown_to_what_is_kept(r):
    g = G(r, r.uniform(16, 26))
    a, b, night = g.at(0.3, 0.4), g.at(0.5, 0.65), g.U(0, 24)
    since = np.clip((np.arange(g.n) - a) / (b - a), 0, 1)
    saw = ((g.h - night) % 24) / 24
    u = g.U(0.2, 0.35) + g.U(0.15, 0.3) * since ** g.U(0.5, 1) + g.U(0.05, 0.25) * saw * (1 + 0.5 * since)
    u = u * g.U(0.75, 0.9) / u.max()
    return g, [Metric("used", u, disk(r), g.U(0.001, 0.004), ignore=[(a, b)])]


@kind(False)
def waves_until_all_have_it(r):
    g = G(r, r.uniform(9, 15), step=int(r.choice([60, 300])))
    ticks = [i for i in beats(g, 24.0, 0.4) if i >= g.at(0.25, 0.35)][: int(r.integers(3, 5))]
    share = sum((np.clip((g.h - g.h[i]) / g.U(0.5, 3), 0, 1) for i in ticks), np.zeros(g.n))
    u = 0.25 + 0.2 * g.daily(weekend=1.0) + g.U(0.04, 0.12) * share
    u = u * g.U(0.6, 0.85) / u.max()
    return g, [Metric("sessions", u, "connections", g.U(0.003, 0.01), integer=True, ignore=[(ticks[0], ticks[-1] + g.idx(24))])]
