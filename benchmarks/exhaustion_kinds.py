"""More kinds for the exhaustion corpus, none of them in it, after complaints about linear extrapolation and common practice.

Usage: python benchmarks/exhaustion.py --seeds 200-203 --extra exhaustion_kinds

The writer is imported for its grid and its units; a kind is as in `exhaustion_book`, u = 1 is the limit. `exhaustion_calm`
has those that never reach it.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import summed
from exhaustion_calm import BOOK, cycles, weekend

crossing, register = BOOK.kind(True), BOOK.register


# ---------------------------------------------------------------- they cross
@crossing
def log_disk_compressed_nightly(r):
    g = G(r, r.uniform(8, 16))
    u0 = g.U(0.25, 0.5)
    a, b = g.at(0, 0.3), g.at(0.8, 0.97)
    day, hour = g.U(0.06, 0.15), g.U(0, 5)
    saw = ((g.hod() - hour) % 24) / 24
    return g, [
        Metric(
            "disk",
            u0 + day * saw + g.grow(a, b, 1 - u0 - day * 0.6, 0.4),
            disk(r),
            g.U(0.001, 0.004),
            onset=a,
            crosses=True,
        )
    ]


@crossing
def table_bloat_vacuumed(r):
    g = G(r, r.uniform(8, 14))
    saw, _ = g.saw(g.U(14, 40), 0.25)
    u0, swing = g.U(0.25, 0.4), g.U(0.08, 0.2)
    a, b = g.at(0, 0.3), g.at(0.8, 0.97)
    return g, [
        Metric(
            "table_bytes",
            u0 + swing * saw + g.grow(a, b, 1 - u0 - swing * 0.5, 0.4),
            disk(r),
            g.U(0.001, 0.004),
            onset=a,
            crosses=True,
        )
    ]


@crossing
def session_files(r):
    g = G(r, r.uniform(6, 12))
    u0 = g.U(0.1, 0.4)
    a, b = g.at(0, 0.4), g.at(0.8, 0.97)
    u = u0 + g.grow(a, b, 1 - u0, 1.0) + 0.02 * g.daily()
    return g, [Metric("session_files", u, "seats", g.U(0.001, 0.006), onset=a, integer=True, crosses=True)]


@crossing
def swap_in_bursts(r):
    g = G(r, r.uniform(5, 12))
    a, b = g.at(0.1, 0.5), g.at(0.8, 0.97)
    u0 = g.U(0.05, 0.3)
    hits = (r.random(g.n) < g.U(0.5, 2.0) * g.step / 3600) * r.exponential(1, g.n)
    return g, [
        Metric(
            "swap_used",
            u0 + summed(hits + 1e-6, a, b, 1 - u0),
            "mem",
            g.U(0.001, 0.004),
            onset=a,
            crosses=True,
        )
    ]


@crossing
def leak_until_deploys_freeze(r):
    g = G(r, r.uniform(12, 16))
    stop = g.at(0.5, 0.7)
    since, starts = cycles(g, 24, 72, stop)
    full = g.U(80, 110)
    u = g.U(0.12, 0.25) + 0.03 * g.daily() + 0.85 * since / full
    return g, [
        Metric(
            "rss",
            u,
            "mem",
            g.U(0.003, 0.008),
            onset=starts[-1],
            ignore=[(0, starts[min(1, len(starts) - 1)])],
            crosses=True,
        )
    ]


@crossing
def old_generation_creeps(r):
    g = G(r, r.uniform(5, 10))
    small, _ = g.saw(g.U(0.4, 1.5), 0.3)
    big, _ = g.saw(g.U(5, 14), 0.25)
    a, b = g.at(0.1, 0.4), g.at(0.8, 0.97)
    u0, s1, s2, p = g.U(0.15, 0.3), g.U(0.05, 0.12), g.U(0.1, 0.25), g.U(1, 1.6)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None) ** p
    return g, [
        Metric(
            "old_gen",
            u0 + s1 * small + s2 * big + (1 - u0 - 0.6 * s1 - 0.6 * s2) * x,
            "mem",
            g.U(0.003, 0.008),
            onset=a,
            crosses=True,
        )
    ]


@crossing
def pool_creeps_in_working_hours(r):
    g = G(r, r.uniform(6, 12))
    a, b = g.at(0, 0.3), g.at(0.8, 0.97)
    u0 = g.U(0.15, 0.4)
    work = ((g.hod() >= 8) & (g.hod() < 18)) * r.lognormal(0, 0.4, g.n)
    return g, [
        Metric(
            "connections",
            u0 + summed(work + 1e-6, a, b, 1 - u0),
            "connections",
            g.U(0.002, 0.01),
            onset=a,
            integer=True,
            crosses=True,
        )
    ]


@crossing
def growth_on_weekdays(r):
    g = G(r, r.uniform(9, 18))
    a, b = g.at(0, 0.2), g.at(0.8, 0.97)
    u0 = g.U(0.2, 0.5)
    rate = np.where(weekend(g), 0.08, 1.0) * (0.4 + g.daily(weekend=1))
    return g, [
        Metric("disk", u0 + summed(rate, a, b, 1 - u0), disk(r), g.U(0.001, 0.004), onset=a, crosses=True)
    ]


@crossing
def disk_doubling(r):
    g = G(r, r.uniform(6, 14))
    b = g.at(0.8, 0.97)
    u0 = g.U(0.1, 0.3)
    u = u0 * np.exp(np.log(1 / u0) * np.arange(g.n) / b)
    return g, [Metric("disk", u, disk(r), g.U(0.001, 0.004), onset=0, crosses=True)]


@crossing
def quadratic_backlog(r):
    g = G(r, r.uniform(3, 6), step=60)
    a = g.at(0.3, 0.6)
    b = min(g.n - 60, a + g.idx(g.U(8, 40)))
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None)
    return g, [
        Metric(
            "queue_length",
            0.03 + 0.03 * g.daily() + 0.96 * x**2,
            "items",
            g.U(0.004, 0.01),
            onset=a,
            integer=True,
            crosses=True,
        )
    ]


@crossing
def decelerating_fill(r):
    g = G(r, r.uniform(5, 12))
    a, b = g.at(0.1, 0.4), g.at(0.8, 0.97)
    u0 = g.U(0.15, 0.4)
    p = g.U(0.6, 0.85)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None) ** p
    return g, [Metric("disk", u0 + (1 - u0) * x, disk(r), g.U(0.001, 0.004), onset=a, crosses=True)]


@crossing
def lease_runs_out(r):
    g = G(r, r.uniform(4, 12))
    lim = float(r.choice([3600, 43200, 86400]))
    out = g.t[0] + g.U(0.8, 0.97) * g.H * 3600
    v = np.round(out + lim - g.t + r.uniform(-5, 5, g.n))
    return g, [
        Metric(
            "lease_left",
            1 - (out - g.t) / (90 * 86400),
            "seconds",
            0,
            onset=0,
            crosses=True,
            raw=(v, lim, "below"),
        )
    ]


@crossing
def evenings_get_busier(r):
    g = G(r, r.uniform(14, 20))
    gr = g.U(0.012, 0.03)
    u = (0.15 + 0.85 * g.daily(weekend=g.U(0.45, 0.75))) * (1 + gr * g.h / 24)
    free = ~weekend(g)
    last = g.at(0.86, 0.97)
    u = u / u[:last][free[:last]].max()
    return g, [Metric("cpu", u, "ratio", g.U(0.004, 0.012), onset=0, crosses=True)]


@crossing
def addresses_churn_up(r):
    g = G(r, r.uniform(5, 10))
    a, b = g.at(0.1, 0.4), g.at(0.8, 0.97)
    u0 = g.U(0.2, 0.4)
    u = u0 + g.wander(3, 0.025) + g.grow(a, b, 0.97 - u0, 0.5)
    return g, [Metric("ips_used", u, "ips", g.U(0.004, 0.01), onset=a, integer=True, crosses=True)]


@crossing
def backlog_by_day(r):
    g = G(r, r.uniform(5, 9))
    a = g.at(0.2, 0.5)
    b = g.at(0.8, 0.97)
    rate = g.daily(weekend=1) - g.U(0.1, 0.25)
    return g, [
        Metric(
            "queue_length",
            0.04 + summed(rate, a, b, 0.96),
            "items",
            g.U(0.003, 0.01),
            onset=a,
            integer=True,
            crosses=True,
        )
    ]


@crossing
def ids_run_out(r):
    g = G(r, r.uniform(8, 20))
    u0 = g.U(0.3, 0.7)
    b = g.at(0.8, 0.97)
    return g, [
        Metric("xid_age", u0 + g.grow(0, b, 1 - u0, 1.0), "xids", 0, onset=0, integer=True, crosses=True)
    ]
