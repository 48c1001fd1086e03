"""Kinds for the exhaustion corpus that never reach their limit; `exhaustion_kinds` adds them."""

from __future__ import annotations

from typing import Any

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book

BOOK = Book()
calm = BOOK.kind(False)


def weekend(g: Any) -> np.ndarray[Any, Any]:
    return np.asarray(((g.t // 86400 + 3) % 7) >= 5)


def cycles(
    g: Any, least_h: float, most_h: float, stop: int | None = None
) -> tuple[np.ndarray[Any, Any], list[int]]:
    """Hours since the last restart, and where each cycle begins; no restart from `stop` on."""
    since, starts, i = np.zeros(g.n), [], 0
    while i < g.n:
        starts.append(i)
        k = g.n - i if stop is not None and i >= stop else min(g.idx(g.U(least_h, most_h)), g.n - i)
        since[i : i + k] = np.arange(k) * g.step / 3600
        i += k
    return since, starts


def first(starts: list[int]) -> list[tuple[int, int]]:
    """The first cycle: nobody can know yet that it will end."""
    return [(0, starts[min(1, len(starts) - 1)])]


@calm
def broker_retention(r):
    g = G(r, r.uniform(9, 16))
    keep = g.idx(g.U(48, 120))
    rate = (0.4 + g.daily()) * r.lognormal(0, 0.1, g.n)
    total = np.cumsum(np.r_[np.zeros(keep), rate])
    u = total[keep:] - total[: g.n]
    return g, [Metric("segment_bytes", 0.05 + g.U(0.55, 0.8) * u / u.max(), disk(r), g.U(0.001, 0.003))]


@calm
def vacuum_cycles(r):
    g = G(r, r.uniform(8, 16))
    since, starts = cycles(g, 20, 60)
    top = g.U(0.006, 0.01)
    return g, [
        Metric(
            "table_bytes",
            g.U(0.2, 0.35) + top * since,
            disk(r),
            g.U(0.001, 0.004),
            ignore=[(0, starts[min(1, len(starts) - 1)])],
        )
    ]


@calm
def leak_with_deploys_kept(r):
    g = G(r, r.uniform(10, 18))
    since, starts = cycles(g, 20, 90)
    return g, [
        Metric(
            "rss",
            g.U(0.12, 0.25) + 0.04 * g.daily() + g.U(0.005, 0.007) * since,
            "mem",
            g.U(0.003, 0.01),
            ignore=[(0, starts[min(1, len(starts) - 1)])],
        )
    ]


@calm
def backup_staged_weekly(r):
    g = G(r, 21)
    up, hold, big = g.U(1, 5), g.U(1, 8), g.U(0.25, 0.4)
    at = g.U(0, 24) + 24 * float(r.integers(0, 7))
    x = (g.t / 3600 + 72 - at) % 168
    u = g.U(0.35, 0.5) + 0.02 * g.daily() + big * np.clip(x / up, 0, 1) * (x < up + hold)
    return g, [Metric("disk", u, disk(r), g.U(0.001, 0.004), ignore=[(0, g.idx(168))])]


@calm
def growth_to_a_level(r):
    g = G(r, r.uniform(7, 15))
    u0, p, tau, a = g.U(0.1, 0.3), g.U(0.55, 0.9), g.U(16, 60), g.at(0.1, 0.35)
    return g, [
        Metric(
            "index_bytes",
            u0 + (p - u0) * (1 - np.exp(-np.clip(g.h - g.h[a], 0, None) / tau)),
            disk(r),
            g.U(0.001, 0.004),
        )
    ]


@calm
def free_walk(r):
    g = G(r, r.uniform(7, 16))
    x = 0.4 + np.cumsum(r.standard_normal(g.n)) * g.U(0.04, 0.08) * np.sqrt(g.step / 86400)
    y = x % 1.68
    return g, [Metric("mem_used", 0.1 + np.where(y > 0.84, 1.68 - y, y), "mem", g.U(0.001, 0.004))]


@calm
def loads_that_stay(r):
    g = G(r, r.uniform(8, 16))
    n = int(r.integers(4, 10))
    u, total = np.full(g.n, g.U(0.15, 0.4)), g.U(0.3, 0.5)
    share = r.dirichlet(np.full(n, 3.0)) * total
    for s, i in zip(share, sorted(r.integers(10, g.n - 10, n)), strict=True):
        u = u + s * np.clip((np.arange(g.n) - i) / max(1, g.idx(g.U(0.2, 3))), 0, 1)
    return g, [Metric("disk", u, disk(r), g.U(0.001, 0.004))]


@calm
def quota_by_day_kept(r):
    g = G(r, r.uniform(8, 14))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    w = 0.1 + g.daily()
    u = np.zeros(g.n)
    for d in range(day.max() + 1):
        m = day == d
        u[m] = r.uniform(0.55, 0.9) * np.cumsum(w[m]) / max(w[m].sum(), w.sum() / g.n * 86400 / g.step)
    return g, [Metric("api_calls_today", u, "calls", 0, integer=True, resets="daily")]


@calm
def weekend_batch(r):
    g = G(r, 21)
    u = g.U(0.2, 0.4) + g.U(0.05, 0.15) * g.daily(weekend=0.6) + np.where(weekend(g), g.U(0.25, 0.35), 0.0)
    return g, [Metric("cpu", u, "ratio", g.U(0.005, 0.015), ignore=[(0, g.idx(168))])]


@calm
def cleaned_at_a_mark(r):
    g = G(r, r.uniform(14, 21))
    since, starts = cycles(g, 60, 110)
    top = g.U(0.004, 0.006)
    return g, [
        Metric(
            "disk",
            g.U(0.2, 0.3) + top * since,
            disk(r),
            g.U(0.001, 0.004),
            ignore=[(0, starts[min(1, len(starts) - 1)])],
        )
    ]


@calm
def launch_day(r):
    g = G(r, r.uniform(8, 14))
    u = g.U(0.2, 0.3) + g.U(0.1, 0.2) * g.daily()
    for i in r.integers(g.idx(30), g.n - g.idx(40), int(r.integers(1, 3))):
        x = g.h - g.h[i]
        up = g.U(3, 10)
        u = u + g.U(0.25, 0.4) * np.where(x < up, np.clip(x / up, 0, 1), np.exp(-(x - up) / g.U(8, 30)))
    return g, [Metric("requests_inflight", np.minimum(u, 0.93), "connections", g.U(0.004, 0.012), integer=True)]


@calm
def slow_growth_far_away(r):
    g = G(r, r.uniform(10, 20))
    u0 = g.U(0.15, 0.35)
    return g, [Metric("disk", u0 + g.grow(0, g.n - 1, g.U(0.05, 0.15), 0.6), disk(r), g.U(0.0005, 0.003))]


@calm
def holiday_lull(r):
    g = G(r, 21)
    a = g.at(0.45, 0.7)
    b = a + g.idx(g.U(60, 120))
    f = np.ones(g.n)
    f[a:b] = g.U(0.3, 0.6)
    k = g.idx(18)
    f = np.convolve(np.pad(f, k, "edge"), np.ones(2 * k + 1) / (2 * k + 1), "valid")
    return g, [
        Metric("cpu", g.U(0.1, 0.2) + g.U(0.6, 0.72) * f * g.daily(weekend=0.9), "ratio", g.U(0.004, 0.012))
    ]


@calm
def failover_and_back(r):
    g = G(r, r.uniform(7, 14))
    u = g.U(0.2, 0.3) + g.U(0.08, 0.15) * g.daily()
    for i in r.integers(g.idx(20), g.n - g.idx(30), int(r.integers(1, 4))):
        u[i : i + g.idx(g.U(2, 20))] *= g.U(1.6, 2.0)
    return g, [Metric("connections", np.minimum(u, 0.94), "connections", g.U(0.004, 0.012), integer=True)]


@calm
def restart_warms_up(r):
    g = G(r, r.uniform(8, 16))
    since, _ = cycles(g, 50, 120)
    lo, p, tau = g.U(0.1, 0.25), g.U(0.7, 0.92), g.U(3, 14)
    return g, [Metric("cache_bytes", lo + (p - lo) * (1 - np.exp(-since / tau)), "mem", g.U(0.002, 0.006))]


@calm
def canary_rollout(r):
    g = G(r, r.uniform(6, 12))
    u = g.U(0.25, 0.4) + 0.04 * g.daily()
    i, add = g.at(0.3, 0.7), g.U(0.25, 0.4)
    for share, after in zip(
        (0.1, 0.15, 0.25, 0.5), np.cumsum([0, g.U(0.5, 2), g.U(0.5, 3), g.U(1, 4)]), strict=True
    ):
        u = u + add * share * np.clip((g.h - g.h[i] - after) / 0.3, 0, 1)
    return g, [Metric("rss", u, "mem", g.U(0.003, 0.01))]


@calm
def batches_of_hours(r):
    g = G(r, r.uniform(7, 14))
    u = g.U(0.2, 0.35) + 0.05 * g.daily()
    i = g.idx(g.U(2, 20))
    while i < g.n - 10:
        k, hold = g.idx(g.U(1, 6)), g.idx(g.U(0.2, 2))
        top = g.U(0.2, 0.5)
        x = np.arange(g.n) - i
        u = u + top * np.clip(x / max(k, 1), 0, 1) * ((x >= 0) & (x < k + hold))
        i += k + hold + g.idx(g.U(1, 24))
    return g, [Metric("scratch", np.minimum(u, 0.95), disk(r), g.U(0.001, 0.006))]


@calm
def pages_fill_and_stay(r):
    g = G(r, r.uniform(6, 12))
    p = g.U(0.9, 0.95)
    k = g.idx(g.U(2, 30))
    x = np.arange(g.n) / k
    return g, [
        Metric("mem_used", np.minimum(0.3 + (p - 0.3) * x, p) + g.wander(6, 0.004), "mem", g.U(0.001, 0.004))
    ]


@calm
def defragmented(r):
    g = G(r, r.uniform(6, 12), step=int(r.choice([60, 300])))
    small, _ = g.saw(g.U(0.3, 1.2), 0.2)
    big, starts = g.saw(g.U(20, 30), 0.1)
    return g, [
        Metric(
            "store_bytes",
            g.U(0.2, 0.35) + 0.08 * small + g.U(0.15, 0.3) * big,
            disk(r),
            g.U(0.001, 0.004),
            ignore=[(0, starts[min(1, len(starts) - 1)])],
        )
    ]


@calm
def percent_hums(r):
    g = G(r, r.uniform(7, 14))
    u = g.U(0.6, 0.85) + g.wander(g.U(12, 60), g.U(0.01, 0.03)) + g.U(0.02, 0.06) * g.daily()
    return g, [Metric("disk_percent", np.minimum(u, 0.955), "percent", 0.002, integer=True)]
