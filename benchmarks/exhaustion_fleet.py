"""Kinds for the exhaustion corpus that were written before a version was made and replayed once, when it was done.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_fleet

What write-ahead logs, compactions, requests that leak, adopted features, whole percents by the hour, bursts, fragmentation,
rotation by size, retention by age, deploys, batches of a month, cleaners, watchdogs, scaling and patch days do.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def tank(inflow, top, low, rng, jitter=0.0):
    """A level that `inflow` (t,) fills from `low`, emptied at about `top`; and where it was."""
    u, level, falls, full = np.zeros(len(inflow)), low, [], top
    for i, more in enumerate(inflow):
        level += more
        if level >= full:
            level = low
            falls.append(i)
            full = top * (1 + jitter * rng.standard_normal())
        u[i] = level
    return u, falls


def weekdays(g):
    return ((g.t // 86400 + 3) % 7) < 5


# ---------------------------------------------------------------- they cross
@kind(True)
def wal_recycling_stops(r):
    g = G(r, r.uniform(3, 8), step=int(r.choice([60, 300])))
    a = g.at(0.35, 0.7)
    b = min(g.n - 30, a + g.idx(g.U(5, 50)))
    load = 0.3 + g.daily()
    saw, _ = g.saw(g.U(0.1, 0.6), 0.2)
    base, swing = g.U(0.04, 0.15), g.U(0.03, 0.1)
    u = base + swing * saw * load + summed(load * r.lognormal(0, 0.25, g.n), a, b, 0.97 - base - swing * 0.5)
    return g, [Metric("wal", u, "fs_used", g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def compaction_falls_behind(r):
    g = G(r, r.uniform(6, 14))
    a, b = g.at(0.2, 0.5), g.at(0.82, 0.97)
    saw, _ = g.saw(g.U(3, 14), 0.25)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None)
    u0, swing = g.U(0.2, 0.35), g.U(0.06, 0.14)
    u = u0 + swing * saw * (1 + x) + (0.97 - u0 - swing) * x ** g.U(0.9, 1.6)
    return g, [Metric("lsm", u, disk(r), g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def leak_per_request_weekday(r):
    g = G(r, r.uniform(9, 16))
    u0, a, b = g.U(0.15, 0.35), g.at(0, 0.2), g.at(0.85, 0.97)
    load = (0.1 + g.daily(sharp=1.2)) * np.where(weekdays(g), 1, g.U(0.3, 0.7))
    u = u0 + 0.05 * g.daily() + summed(load, a, b, 0.97 - u0)
    return g, [Metric("rss", u, "mem", g.U(0.003, 0.008), onset=a, crosses=True)]


@kind(True)
def adoption_s_curve_crosses(r):
    g = G(r, r.uniform(9, 18))
    middle, width, top, u0 = g.h[g.at(0.55, 0.85)], g.U(16, 50), g.U(1.25, 2.0), g.U(0.1, 0.25)
    u = u0 + (top - u0) / (1 + np.exp(-(g.h - middle) / width)) + 0.03 * g.daily()
    onset = int(np.searchsorted(g.h, max(0, middle - 3 * width)))
    return g, [Metric("sessions", u, "connections", g.U(0.004, 0.01), onset=onset, integer=True, crosses=True)]


@kind(True)
def percent_integer_hourly(r):
    g = G(r, r.uniform(12, 21), step=3600)
    u0, a = g.U(0.5, 0.75), g.at(0, 0.3)
    u = u0 + g.grow(a, g.at(0.85, 0.97), 0.995 - u0, 0.4)
    return g, [Metric("used_pct", u, "percent", 0.004, onset=a, integer=True, crosses=True)]


@kind(True)
def consumer_too_slow_for_hourly_bursts(r):
    g = G(r, r.uniform(3, 7), step=60)
    a = g.at(0.35, 0.65)
    b = min(g.n - 40, a + g.idx(g.U(8, 50)))
    part = (g.t % 3600) / 3600
    burst = 0.08 * np.where(part < 0.1, part / 0.1, np.clip(1 - (part - 0.1) / g.U(0.4, 0.8), 0, 1))
    u = 0.02 + burst + summed(1 + 0.5 * g.daily(), a, b, 0.93)
    return g, [Metric("queue", u, "items", g.U(0.002, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def fragmentation_slows(r):
    g = G(r, r.uniform(7, 14))
    a, b, u0 = g.at(0.05, 0.3), g.at(0.85, 0.97), g.U(0.2, 0.4)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None)
    u = u0 + 0.04 * g.daily() + (0.97 - u0) * x ** g.U(0.6, 0.85)
    return g, [Metric("rss", u, "mem", g.U(0.003, 0.008), onset=a, crosses=True)]


@kind(True)
def node_memory_step_then_creep(r):
    g = G(r, r.uniform(6, 12))
    d, b, u0, step = g.at(0.25, 0.5), g.at(0.85, 0.97), g.U(0.25, 0.4), g.U(0.1, 0.2)
    u = u0 + 0.06 * g.daily() + step * (np.arange(g.n) >= d) + g.grow(d, b, 0.95 - u0 - step, 0.2) + g.wander(5, 0.008)
    return g, [Metric("mem_used", u, "mem", g.U(0.003, 0.008), onset=d, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def logs_rotate_by_size(r):
    g = G(r, r.uniform(8, 16))
    period = g.U(8, 50)
    load = (0.3 + g.daily()) * r.lognormal(0, 0.1, g.n)
    size = g.U(0.2, 0.45)
    u, falls = tank(load / load.mean() * g.step / 3600 / period * size, size, 0.0, r, 0.03)
    first = [(0, falls[0] if falls else g.n - 1)]
    return g, [Metric("var_log", g.U(0.2, 0.4) + u, disk(r), g.U(0.001, 0.003), ignore=first)]


@kind(False)
def retention_by_age_from_start(r):
    g = G(r, r.uniform(13, 21))
    keep = g.idx(g.U(4, 8) * 24)
    load = (0.4 + g.daily()) * np.where(weekdays(g), 1, g.U(0.5, 1))
    total = np.cumsum(load)
    held = total - np.r_[np.zeros(keep), total[:-keep]][: g.n]
    return g, [Metric("index_bytes", g.U(0.08, 0.2) + g.U(0.5, 0.68) * held / held.max(), disk(r), g.U(0.001, 0.003))]


@kind(False)
def pool_steps_with_deploys(r):
    g = G(r, r.uniform(7, 14))
    u, level = g.U(0.2, 0.3) + 0.12 * g.daily(), 0.0
    for i in sorted(r.integers(g.idx(12), g.n - 10, int(r.integers(3, 9)))):
        new, width = g.U(0, 0.45), g.U(0.05, 2)
        u = u + (new - level) * np.clip((g.h - g.h[i]) / width, 0, 1)
        level = new
    return g, [Metric("connections", u, "connections", g.U(0.004, 0.01), integer=True)]


@kind(False)
def weekly_batch_and_month_end(r):
    g = G(r, 21)
    u = g.U(0.2, 0.35) + 0.05 * g.daily()
    day, hour, up = int(r.integers(0, 7)), g.U(0, 20), g.U(3, 12)
    for week in range(4):
        x = g.h - ((day * 24 + hour - g.t[0] / 3600 - 96) % 168) - 168 * (week - 1)
        u = u + g.U(0.2, 0.3) * np.clip(np.minimum(x / up, 1 - (x - up - 1) / g.U(1, 5)), 0, 1)
    x = g.h - g.h[g.at(0.5, 0.9)]
    up = g.U(6, 20)
    u = np.maximum(u, u.min() + g.U(0.35, 0.5) * np.clip(np.minimum(x / up, 1 - (x - up - 3) / 4), 0, 1))
    return g, [Metric("scratch", u, disk(r), g.U(0.001, 0.004))]


@kind(False)
def tmp_cleaner_with_jitter(r):
    g = G(r, r.uniform(8, 15))
    saw, starts = g.saw(g.U(14, 34), 0.3)
    left = np.zeros(g.n)
    for begin, end in zip(starts, [*starts[1:], g.n], strict=True):
        left[begin:end] = g.U(0, 0.1)
    u = g.U(0.15, 0.35) + left + g.U(0.25, 0.4) * saw + 0.03 * g.daily()
    first = [(0, starts[min(1, len(starts) - 1)])]
    return g, [Metric("tmp", u, disk(r), g.U(0.001, 0.004), ignore=first)]


@kind(False)
def watchdog_restarts_leaker(r):
    g = G(r, r.uniform(9, 16))
    period, top = g.U(14, 50), g.U(0.6, 0.88)
    load = 0.5 + 0.6 * g.daily()
    u, falls = tank(load / load.mean() * g.step / 3600 / period * (top - 0.12), top, 0.12, r, 0.04)
    return g, [Metric("rss", u, "mem", g.U(0.003, 0.008), ignore=[(0, falls[0] if falls else g.n - 1)])]


@kind(False)
def s_curve_below(r):
    g = G(r, r.uniform(12, 20))
    middle, width, u0, top = g.h[g.at(0.3, 0.6)], g.U(8, 40), g.U(0.15, 0.35), g.U(0.6, 0.88)
    u = u0 + (top - u0) / (1 + np.exp(-(g.h - middle) / width)) + 0.04 * (g.daily() - 0.5)
    return g, [Metric("users", u, "seats", g.U(0.003, 0.008), integer=True)]


@kind(False)
def scale_out_relieves(r):
    g = G(r, r.uniform(6, 12))
    load, hosts, k, wait, most = 0.25 + g.daily(weekend=g.U(0.5, 0.9)), np.ones(g.n), 1.0, 0, g.U(0.6, 0.85)
    for i in range(1, g.n):
        wait -= 1
        if wait < 0 and load[i] / k > most:
            k *= g.U(1.3, 1.7)
            wait = g.idx(0.5)
        elif wait < 0 and load[i] / k < 0.3 * most and k > 1:
            k = max(1, k * 0.75)
            wait = g.idx(1)
        hosts[i] = k
    return g, [Metric("conn_per_host", np.minimum(load / hosts, 0.93), "connections", g.U(0.004, 0.012), integer=True)]


@kind(False)
def patch_day_images(r):
    g = G(r, r.uniform(8, 16))
    u = g.U(0.3, 0.45) + 0.02 * g.h / g.H
    for i in sorted(r.integers(g.idx(36), g.n - g.idx(20), int(r.integers(1, 3)))):
        x, up, back = g.h - g.h[i], g.U(2, 9), g.U(0.4, 1)
        u = u + g.U(0.15, 0.22) * np.clip(x / up, 0, 1) * np.where(x > up + g.U(6, 40), 1 - back, 1)
    return g, [Metric("imagefs", u, disk(r), g.U(0.001, 0.003))]
