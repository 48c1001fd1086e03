"""Kinds for the exhaustion corpus that were laid aside for one version, and that the next one was made with.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_aside

Debt of compactions, floods of inodes, backlogs that week-ends drain by half, models that are fetched, handles lost by a release,
guests that write ever more; and what stays below: a customer who moves in, a topic that reaches its age, weekly dumps, caches
under pressure, a desk that is cleared by night, shards that come and go.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, backlog, summed
from exhaustion_later import office

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


# ---------------------------------------------------------------- they cross
@kind(True)
def debt_of_compactions(r):
    g = G(r, r.uniform(6, 12))
    a, b = g.at(0.3, 0.55), g.at(0.85, 0.97)
    rate = np.full(g.n, -g.U(0.02, 0.2))
    for i in np.arange(a, g.n, g.idx(g.U(3, 9))):
        rate[i : i + g.idx(g.U(0.5, 2.5))] += g.U(0.8, 2.0) * (1 + 0.5 * (i - a) / max(b - a, 1))
    u0 = g.U(0.1, 0.3)
    u = u0 + g.wander(3, 0.01) + summed(rate, a, b, 0.97 - u0)
    return g, [Metric("pending_bytes", u, disk(r), g.U(0.002, 0.005), onset=a, crosses=True)]


@kind(True)
def flood_of_inodes(r):
    g = G(r, r.uniform(5, 10), step=int(r.choice([60, 300])))
    a = g.at(0.4, 0.7)
    b = min(g.n - 20, a + g.idx(g.U(15, 90)))
    u0, swept = g.U(0.15, 0.4), g.U(0.02, 0.06)
    hour = g.h % 1.0
    before = swept * hour * (0.3 + g.daily())
    u = u0 + np.where(np.arange(g.n) < a, before, 0.0) + summed(0.15 + g.daily(), a, b, 1 - u0)
    return g, [Metric("session_files", u, "inodes", g.U(0.0005, 0.002), onset=a, integer=True, crosses=True)]


@kind(True)
def backlog_half_drained_by_weekends(r):
    g = G(r, r.uniform(15, 21))
    a, b = g.at(0.05, 0.2), g.at(0.85, 0.97)
    working = (g.t // 86400 + 3) % 7 < 5
    rate = np.where(working, 0.2 + g.daily(weekend=1.0), -g.U(0.1, 0.5))
    u0 = g.U(0.2, 0.4)
    u = u0 + summed(rate, a, b, 0.98 - u0)
    return g, [Metric("unbilled", u, "items", g.U(0.002, 0.005), onset=a, integer=True, crosses=True)]


@kind(True)
def models_fetched(r):
    g = G(r, r.uniform(6, 14))
    a, b = g.at(0.1, 0.4), g.at(0.85, 0.97)
    rate = np.zeros(g.n)
    i = a
    while i < g.n:
        if 7 < g.hod()[i] < 21 or r.random() < 0.25:
            k = max(g.idx(g.U(0.1, 0.8)), 1)
            rate[i : i + k] += g.U(0.5, 1.8) / k
        i += g.idx(g.U(1.5, 6))
    u0 = g.U(0.25, 0.5)
    return g, [Metric("hub_cache", u0 + summed(rate, a, b, 1 - u0), disk(r), g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def handles_lost_by_a_release(r):
    g = G(r, r.uniform(5, 10), step=int(r.choice([60, 300])))
    a = g.at(0.35, 0.65)
    b = min(g.n - 20, a + g.idx(g.U(14, 70)))
    load = 0.2 + g.daily()
    u0 = g.U(0.1, 0.25)
    u = u0 + 0.12 * load + summed(load, a, b, 0.84 - u0)
    return g, [Metric("handles_percent", u, "percent", g.U(0.002, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def guests_write_ever_more(r):
    g = G(r, r.uniform(10, 18))
    a, b = g.at(0.1, 0.3), g.at(0.85, 0.97)
    rate = 0.5 + 0.5 * g.daily()
    for i in sorted(r.integers(a, b, int(r.integers(2, 4)))):
        rate[i:] *= g.U(1.2, 1.7)
    u0 = g.U(0.3, 0.6)
    return g, [Metric("thin_pool", u0 + summed(rate, a, b, 1 - u0), disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def customer_moves_in(r):
    g = G(r, r.uniform(10, 16))
    a = g.at(0.3, 0.5)
    b = min(g.n - 30, a + g.idx(g.U(20, 70)))
    u0, top = g.U(0.15, 0.4), g.U(0.55, 0.85)
    u = u0 + np.minimum(summed(office(g, 0.2) + 0.15, a, b, top - u0), top - u0)
    u = u + g.U(0.0, 0.02) * g.h / g.H + 0.01 * g.daily()
    return g, [Metric("tenant_space", u, disk(r), g.U(0.001, 0.003))]


@kind(False)
def topic_reaches_its_age(r):
    g = G(r, r.uniform(12, 18))
    a, keep = g.at(0.1, 0.3), g.idx(24 * g.U(2.5, 7))
    come = np.where(np.arange(g.n) >= a, 0.3 + g.daily(weekend=g.U(0.6, 1.0)), 0.0)
    held = np.cumsum(come)
    held[keep:] -= np.cumsum(come)[:-keep]
    u0 = g.U(0.1, 0.3)
    return g, [Metric("topic_bytes", u0 + (g.U(0.6, 0.88) - u0) * held / held.max(), disk(r), g.U(0.001, 0.003))]


@kind(False)
def dumped_once_a_week(r):
    g = G(r, 21)
    u = np.full(g.n, g.U(0.2, 0.35)) + 0.01 * g.daily()
    at, size, lasts, first = g.U(0, 150), g.U(0.4, 0.5), g.U(8, 18), None
    while at < g.H - 40:
        x = (g.h - at) / (lasts * g.U(0.9, 1.1))
        done = x < 1 + g.U(0.1, 1.0)
        u += size * g.U(0.92, 1.08) * np.clip(x, 0, 1) * (x >= 0) * done
        first = first or int(np.argmax(g.h > at + 2.2 * lasts))
        at += 168 + g.U(-1, 1)
    return g, [Metric("dump_disk", u, disk(r), g.U(0.001, 0.003), ignore=[(0, first)])]


@kind(False)
def page_cache_under_pressure(r):
    g = G(r, r.uniform(7, 12))
    u, level, full = np.zeros(g.n), g.U(0.4, 0.7), g.U(0.85, 0.93)
    more = g.U(0.01, 0.05) * g.step / 3600
    work = 0.2 + g.daily()
    for i in range(g.n):
        level += more * work[i]
        if level > full or r.random() < 0.15 * g.step / 3600 * (level > 0.6):
            level -= g.U(0.03, 0.3)
        u[i] = level
    return g, [Metric("not_free", u, "mem", g.U(0.002, 0.006), ignore=[(0, g.idx(48))])]


@kind(False)
def desk_cleared_by_night(r):
    g = G(r, r.uniform(10, 16))
    rate = office(g, g.U(0.0, 0.2))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    f = r.normal(1, 0.08, day.max() + 1)[day]
    cleared = 0.9 * ((g.hod() > 20) | (g.hod() < 5))
    u = backlog(rate * f, cleared)
    u = 0.05 + (g.U(0.7, 0.88) - 0.05) * u / u.max()
    return g, [Metric("claims_open", u, "items", g.U(0.003, 0.008), integer=True, ignore=[(0, g.idx(36))])]


@kind(False)
def shards_come_and_go(r):
    g = G(r, r.uniform(10, 16))
    u, level, i = np.zeros(g.n), g.U(0.4, 0.6), 0
    while i < g.n:
        to = float(np.clip(level + r.choice([-1, 1]) * g.U(0.05, 0.25), 0.25, 0.85))
        k, hold = g.idx(g.U(2, 14)), g.idx(g.U(6, 40))
        u[i : i + k] = np.linspace(level, to, k)[: max(g.n - i, 0)]
        u[i + k : i + k + hold] = to
        level, i = to, i + k + hold
    return g, [Metric("shard_disk", u, disk(r), g.U(0.001, 0.003))]
