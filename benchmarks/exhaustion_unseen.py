"""Kinds for the exhaustion corpus that were written before a version was made and first looked at after it; tuned on since.

Usage: python benchmarks/exhaustion.py --seeds 700-702 --extra exhaustion_unseen

What mirrors, drained nodes, dead letters, image caches, heat waves and new tenants do; half of the calm ones rise once.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


# ---------------------------------------------------------------- they cross
@kind(True)
def volumes_orphaned_since_a_release(r):
    g = G(r, r.uniform(6, 14))
    u0, a, b = g.U(0.2, 0.5), g.at(0.15, 0.5), g.at(0.82, 0.97)
    jobs = r.poisson(6 * g.step / 3600 * (0.2 + g.daily()), g.n) * r.lognormal(0, 0.8, g.n)
    u = u0 + 0.015 * g.daily() + summed(jobs + 1e-6, a, b, 0.99 - u0)
    return g, [Metric("volumes", u, disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def threads_leak_by_request(r):
    g = G(r, r.uniform(5, 11))
    u0, a, b = g.U(0.15, 0.35), g.at(0.05, 0.4), g.at(0.82, 0.97)
    load = 0.25 + g.daily()
    back = np.isin(np.arange(g.n), r.integers(a + 1, b, 3)) * g.U(0.02, 0.05)  # one of many workers restarts
    u = u0 + 0.03 * g.daily() - np.cumsum(back) + summed(load * r.lognormal(0, 0.3, g.n), a, b, 0.97 - u0 + back[:b].sum())
    return g, [Metric("threads", u, "fds", g.U(0.003, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def mail_spool_stuck(r):
    g = G(r, r.uniform(3, 6), step=60)
    a = g.at(0.4, 0.7)
    b = min(g.n - 60, a + g.idx(g.U(5, 40)))
    u = 0.03 + 0.02 * g.daily() + summed(0.5 + g.daily(), a, b, 0.95)
    return g, [Metric("queue_length", u, "items", g.U(0.003, 0.01), onset=a, integer=True, crosses=True)]


@kind(True)
def purge_falls_behind(r):
    g = G(r, r.uniform(8, 16))
    saw, _ = g.saw(24, 0, fixed=True)
    u0, swing, a, b = g.U(0.2, 0.4), g.U(0.05, 0.15), g.at(0.1, 0.35), g.at(0.82, 0.97)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None) ** g.U(1, 1.5)
    u = u0 + swing * saw + (0.99 - u0 - 0.5 * swing) * x
    return g, [Metric("binlogs", u, disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def addresses_of_a_new_site(r):
    g = G(r, r.uniform(7, 14))
    u0, a, b = g.U(0.3, 0.5), g.at(0.1, 0.3), g.at(0.85, 0.97)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None)
    u = u0 + 0.05 * g.daily() + (0.96 - u0) * x * g.U(1.0, 1.25) / (1 + g.U(0, 0.2) * x)
    return g, [Metric("ips_used", u, "ips", g.U(0.003, 0.008), onset=a, integer=True, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def mirror_of_a_repository(r):
    g = G(r, r.uniform(7, 14))
    begin, up = g.h[g.at(0.1, 0.5)], g.U(10, 60)
    u = g.U(0.08, 0.2) + g.U(0.45, 0.7) * np.clip((g.h - begin) / up, 0, 1) + 0.03 * np.clip(g.h - begin - up, 0, None) / g.H
    return g, [Metric("mirror", u, disk(r), g.U(0.0005, 0.003))]


@kind(False)
def neighbour_drained(r):
    g = G(r, r.uniform(6, 12))
    u, add = g.U(0.3, 0.45) + 0.03 * g.daily(), g.U(0.25, 0.42)
    begin, pods = g.at(0.3, 0.7), int(r.integers(5, 16))
    size, gone = r.dirichlet(np.full(pods, 4.0)) * add, begin + g.idx(g.U(8, 40))
    for s in size:
        come, go = begin + g.idx(g.U(0, 4)), gone + g.idx(g.U(0, 2))
        u[come:go] += s
    return g, [Metric("working_set", u, "mem", g.U(0.003, 0.01))]


@kind(False)
def tenants_join(r):
    g = G(r, r.uniform(12, 20))
    middle, width = g.h[g.at(0.35, 0.55)], g.U(18, 40)
    growth = 1 / (1 + np.exp(-(g.h - middle) / width))
    w = 0.3 + 0.7 * g.daily(weekend=g.U(0.7, 1.0))
    u = w * (g.U(0.35, 0.5) + g.U(0.25, 0.4) * growth)
    return g, [Metric("sessions", u, "connections", g.U(0.004, 0.012), integer=True)]


@kind(False)
def dead_letters(r):
    g = G(r, r.uniform(5, 10), step=int(r.choice([60, 300])))
    u = np.full(g.n, 0.03) + 0.01 * g.daily()
    for i in r.integers(g.idx(12), g.n - g.idx(12), int(r.integers(1, 4))):
        out, top = g.U(2, 10), g.U(0.3, 0.8)
        x = g.h - g.h[i]
        u = np.maximum(u, top * np.clip(np.minimum(x / out, 1 - (x - out) / g.U(0.5, 3)), 0, 1))
    return g, [Metric("dead_letters", u, "items", g.U(0.002, 0.006), integer=True)]


@kind(False)
def image_cache_evicts(r):
    g = G(r, r.uniform(8, 16))
    top, level = g.U(0.75, 0.92), g.U(0.1, 0.25)
    pulls = (r.random(g.n) < g.step / 3600 * g.U(0.4, 1.5) * (0.3 + g.daily())) * r.exponential(g.U(0.008, 0.02), g.n)
    u = np.zeros(g.n)
    for i, pull in enumerate(pulls):
        level += pull
        if level > top:
            level = top - g.U(0.03, 0.1)
        u[i] = level
    return g, [Metric("imagefs", u, disk(r), g.U(0.0005, 0.002))]


@kind(False)
def heat_wave(r):
    g = G(r, r.uniform(12, 20))
    middle, width = g.h[g.at(0.4, 0.7)], g.U(40, 80)
    u = g.U(0.3, 0.45) + g.U(0.1, 0.18) * g.daily(weekend=1, sharp=0.8)
    u = u + g.U(0.2, 0.33) * np.exp(-(((g.h - middle) / width) ** 2)) + g.wander(20, 0.01)
    return g, [Metric("temp", u, "celsius", g.U(0.005, 0.012))]


@kind(False)
def scratch_swept_nightly(r):
    g = G(r, r.uniform(7, 14))
    hour = g.U(0, 6)
    day = np.floor((g.t / 3600 - hour) / 24).astype(int) - int((g.t[0] / 3600 - hour) // 24)
    rate, amount = 0.1 + g.daily(), r.uniform(0.35, 0.6, day.max() + 1)
    u = np.full(g.n, g.U(0.12, 0.25))
    for d in range(day.max() + 1):
        m = day == d
        u[m] += amount[d] * np.cumsum(rate[m]) / max(rate[m].sum(), rate.mean() * 86400 / g.step)
    return g, [Metric("scratch", u, disk(r), g.U(0.001, 0.004), ignore=[(0, g.idx(48))])]


@kind(False)
def vectors_loaded_in_stages(r):
    g = G(r, r.uniform(8, 15))
    u, level = np.full(g.n, g.U(0.12, 0.25)), g.U(0.45, 0.62)
    begin, stages = g.h[g.at(0.2, 0.4)], int(r.integers(2, 5))
    for _ in range(stages):
        u = u + level / stages * np.clip((g.h - begin) / g.U(3, 9), 0, 1)
        begin += g.U(10, 30)
    return g, [Metric("rss", u + 0.02 * g.daily(), "mem", g.U(0.002, 0.006))]
