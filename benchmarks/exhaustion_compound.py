"""Kinds for the exhaustion corpus: growth that compounds, a growing floor under a ceiling that stays, and what looks like them.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_compound

Waits that wait for each other, retries that cause retries, queues that slow their consumers, adoption, bloat; heaps, caches and
pools whose collections give back less each time; and what stays below: adoption that levels off, jobs that gather pace and are
done, queues that drain, warm caches, floors that rise with a release, wander, or are taken back by a major collection.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def since(g, begin):
    """(t,) hours since index `begin`, 0 before it."""
    return np.clip(g.h - g.h[begin], 0, None)


def compounds(g, begin, hours, times):
    """(t,) 0 until `begin`, 1 after `hours`: the gain of an equal time is always so many times the one before, `times` in all."""
    rate = np.log(times) / hours
    return np.expm1(np.minimum(rate * since(g, begin), 5 * np.log(times))) / (times - 1)


def crossing(
    r, hours, times, unit, days, steps=(60, 300), base=(0.05, 0.3), amp=(0.0, 0.06), noise=(0.003, 0.01), integer=False
):
    """A level with a small rhythm beside, and on it what compounds."""
    g = G(r, r.uniform(*days), step=int(r.choice(steps)))
    hours = g.U(*hours)
    begin = max(g.at(0.9, 0.97) - g.idx(hours), g.idx(30))
    low, swing = g.U(*base), g.U(*amp)
    u = low + swing * g.daily() + (1 - low - 0.5 * swing) * compounds(g, begin, hours, g.U(*times))
    return g, [Metric("level", u, unit, g.U(*noise), onset=begin, integer=integer, crosses=True)]


# ---------------------------------------------------------------- they compound, and cross
@kind(True)
def waits_on_waits(r):
    return crossing(r, (2.5, 8), (8, 40), "connections", (3, 5), (60,), integer=True)


@kind(True)
def retries_cause_retries(r):
    return crossing(r, (4, 14), (10, 60), "items", (3, 5), (60,), amp=(0.02, 0.12))


@kind(True)
def queue_slows_its_consumers(r):
    return crossing(r, (10, 36), (6, 30), "items", (4, 7), integer=True)


@kind(True)
def cache_misses_feed_misses(r):
    return crossing(r, (30, 72), (6, 25), "mem", (6, 9))


@kind(True)
def dead_rows_slow_the_vacuum(r):
    return crossing(r, (80, 160), (5, 20), disk(r), (9, 13), noise=(0.001, 0.004))


@kind(True)
def adoption_of_a_feature(r):
    return crossing(r, (140, 240), (5, 20), disk(r), (11, 15), amp=(0.0, 0.03), noise=(0.001, 0.004))


@kind(True)
def few_threads_double(r):
    g, (m,) = crossing(r, (3, 10), (8, 30), "ips", (3, 5), (60,), amp=(0, 0.02), integer=True)
    m.observed = lambda u, _: u + g.U(0.005, 0.02) * np.sqrt(np.maximum(u, 0)) * g.rng.standard_normal(g.n)
    return g, [m]


@kind(True)
def customers_day_by_day(r):
    g = G(r, r.uniform(11, 15))
    u = (0.1 + g.U(0.2, 0.6) * g.daily(weekend=g.U(0.9, 1))) * (1 + g.U(0.07, 0.18)) ** (g.h / 24)
    return g, [
        Metric("sessions", u / u[: g.at(0.85, 0.97)].max(), "connections", g.U(0.004, 0.01), onset=0, crosses=True)
    ]


@kind(True)
def nearer_and_nearer_to_standstill(r):
    g = G(r, r.uniform(4, 7), step=int(r.choice([60, 300])))
    hours = g.U(6, 40)
    begin = g.at(0.9, 0.97) - g.idx(hours)
    low, end = g.U(0.05, 0.25), g.U(1.05, 1.2)
    x = np.minimum(since(g, begin) / hours, end - 0.02) / end
    rise = x / (1 - x) * (end - 1)
    return g, [
        Metric("queue", low + (1 - low) * rise, "items", g.U(0.003, 0.01), onset=begin, integer=True, crosses=True)
    ]


@kind(True)
def errors_are_logged_more_and_more(r):
    g = G(r, r.uniform(5, 9))
    hours = g.U(12, 60)
    begin = g.at(0.9, 0.97) - g.idx(hours)
    low = g.U(0.3, 0.6)
    slow = low + 0.01 * g.h / 24
    u = slow + (1 - slow[g.idx(g.h[begin] + hours)]) * compounds(g, begin, hours, g.U(5, 25))
    return g, [Metric("disk", u, disk(r), g.U(0.0005, 0.003), onset=begin, crosses=True)]


# ---------------------------------------------------------------- a growing floor under a ceiling that stays
def collected(g, period_h, floor, ceiling, jitter=0.15):
    """(t,) a level that fills up to `ceiling` and falls to `floor` (t,); near it teeth are smaller and sooner."""
    u, at = np.empty(g.n), g.U(0, 1)
    span = float(np.median(ceiling - floor)) / (period_h * 3600 / g.step)
    level = floor[0] + at * (ceiling[0] - floor[0])
    pace = span
    for i in range(g.n):
        level = max(level + pace, floor[i])
        if level >= ceiling[i]:
            level = floor[i]
            pace = span * max(0.4, 1 + jitter * g.rng.standard_normal())
        u[i] = level
    return u


def heap(
    r,
    hours,
    periods,
    unit="mem",
    top=(0.75, 0.93),
    low=(0.2, 0.45),
    days=(6, 12),
    grow=0.3,
    steps=(60, 300),
    power=(1, 1),
):
    g = G(r, r.uniform(*days), step=int(r.choice(steps)))
    hours, period = g.U(*hours), g.U(*periods)
    begin = max(g.at(0.9, 0.97) - g.idx(hours), g.idx(6))
    hours = g.h[g.at(0.9, 0.97)] - g.h[begin]
    least = g.U(0.02, 0.08)
    base, top = g.U(*low), g.U(*top)
    grown = g.grow(begin, begin + g.idx(hours), 1.0, grow) ** g.U(*power)
    floor = base + (1 - least - base) * grown
    u = collected(g, period, floor, np.maximum(top, floor + least))
    return g, [Metric("heap", u, unit, g.U(0.002, 0.008), onset=begin, crosses=True)]


@kind(True)
def collections_keep_more(r):
    return heap(r, (40, 120), (0.4, 3))


@kind(True)
def old_generation_fills(r):
    return heap(r, (12, 36), (0.2, 0.8), steps=(60,), days=(4, 7))


@kind(True)
def pinned_pages_in_a_cache(r):
    return heap(r, (80, 200), (1, 6), top=(0.82, 0.9), days=(10, 14))


@kind(True)
def idle_connections_are_reaped(r):
    g, metrics = heap(r, (30, 90), (0.5, 3), "connections", low=(0.1, 0.3))
    metrics[0].integer = True
    return g, metrics


@kind(True)
def floor_gathers_pace(r):
    return heap(r, (40, 120), (0.5, 3), power=(1.2, 1.8))


# ---------------------------------------------------------------- they do not cross
@kind(False)
def adoption_levels_off(r):
    g = G(r, r.uniform(5, 14))
    middle, tau = g.at(0.35, 0.75), g.U(1.0, 24)
    low, top = g.U(0.05, 0.3), g.U(0.5, 0.85)
    u = low + g.U(0, 0.05) * g.daily() + (top - low) / (1 + np.exp(-np.clip((g.h - g.h[middle]) / tau, -40, 40)))
    return g, [Metric("users", u, disk(r), g.U(0.001, 0.006))]


@kind(False)
def queue_drains_in_the_end(r):
    g = G(r, r.uniform(4, 8), step=int(r.choice([60, 300])))
    hours, times, top = g.U(3, 30), g.U(5, 20), g.U(0.25, 0.5)
    begin = g.at(0.4, 0.7)
    end = begin + g.idx(hours)
    x = compounds(g, begin, hours, times)
    down = np.exp(-since(g, min(end, g.n - 1)) / g.U(0.5, 6))
    u = 0.08 + g.U(0, 0.04) * g.daily() + (top - 0.08) * np.minimum(x, 1) * down
    return g, [Metric("waiting", u, "items", g.U(0.003, 0.01), integer=True)]


@kind(False)
def job_gathers_pace(r):
    g = G(r, r.uniform(4, 8), step=int(r.choice([60, 300])))
    begin, hours, top = g.at(0.4, 0.7), g.U(3, 20), g.U(0.35, 0.65)
    x = np.clip(since(g, begin) / hours, 0, 1) ** g.U(1.3, 2.5)
    u = 0.1 + g.U(0, 0.04) * g.daily() + (top - 0.1) * x
    return g, [Metric("scratch", u, disk(r), g.U(0.001, 0.006))]


@kind(False)
def warm_up(r):
    g = G(r, r.uniform(4, 9))
    begin, tau = g.at(0.3, 0.6), g.U(1, 20)
    u = 0.1 + g.U(0.4, 0.75) * -np.expm1(-since(g, begin) / tau) + g.U(0, 0.06) * g.daily()
    return g, [Metric("cache", u, "mem", g.U(0.003, 0.01))]


@kind(False)
def steep_mornings(r):
    g = G(r, r.uniform(5, 12), step=int(r.choice([60, 300])))
    u = 0.08 + g.daily(weekend=g.U(0.4, 1), sharp=g.U(2.5, 6)) * g.U(0.5, 0.8) * (1 + 0.05 * g.wander(30, 1))
    return g, [Metric("requests", u * g.U(0.8, 0.92) / u.max(), "connections", g.U(0.005, 0.015), integer=True)]


def level_heap(r, floor_of, periods=(0.3, 4), ignored=None, days=(7, 13)):
    g = G(r, r.uniform(*days), step=int(r.choice([60, 300])))
    top, base = g.U(0.75, 0.93), g.U(0.2, 0.45)
    floor = np.minimum(floor_of(g, base), top - 0.1)
    u = collected(g, g.U(*periods), floor, np.full(g.n, top), g.U(0.05, 0.3))
    return g, [Metric("heap", u, "mem", g.U(0.002, 0.01), ignore=ignored(g) if ignored else [])]


@kind(False)
def collections_keep_the_same(r):
    return level_heap(r, lambda g, base: np.full(g.n, base))


@kind(False)
def floor_wanders(r):
    return level_heap(r, lambda g, base: base + 0.1 + g.wander(g.U(6, 60), g.U(0.02, 0.06)))


@kind(False)
def floor_of_the_next_release(r):
    def floor(g, base):
        lasts = g.U(0.5, 24)
        return base + g.U(0.08, 0.3) * -np.expm1(-since(g, g.at(0.3, 0.7)) / lasts)

    return level_heap(r, floor)


@kind(False)
def floor_by_day(r):
    return level_heap(r, lambda g, base: base + g.U(0.1, 0.3) * g.daily(weekend=g.U(0.5, 1)))


@kind(False)
def major_collections(r):
    def floor(g, base):
        saw, _ = g.saw(g.U(10, 60), g.U(0.02, 0.2))
        return base + g.U(0.15, 0.4) * saw

    return level_heap(r, floor, (0.2, 1.5), lambda g: [(0, g.idx(70))])


@kind(False)
def floor_warms_up(r):
    return level_heap(r, lambda g, base: base + 0.35 * -np.expm1(-g.h / g.U(6, 40)), ignored=lambda g: [(0, g.idx(24))])
