"""Kinds for the exhaustion corpus that a version was made with.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_upkeep

Archivers that stall and half recover, snapshots nobody removes, tickets of a desk, tenants that ramp up, a nightly job that
leaks, uploads that wait; and what stays below: dumps before their upload, imports of a few nights, a roll-out of agents, logs
that are compressed late, a cache after a reboot, an archive that is filled once.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed
from exhaustion_later import office

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


# ---------------------------------------------------------------- they cross
@kind(True)
def archiver_stalls_and_half_recovers(r):
    g = G(r, r.uniform(5, 10), step=int(r.choice([60, 300])))
    a, b = g.at(0.3, 0.6), g.at(0.85, 0.97)
    rate = (0.3 + g.daily()) * r.lognormal(0, 0.3, g.n)
    for i in sorted(r.integers(a, b, int(r.integers(1, 4)))):
        rate[i : i + g.idx(g.U(0.3, 1.5))] = -g.U(0.3, 1.0)
    saw, _ = g.saw(g.U(0.2, 0.8), 0.2)
    u0, swing = g.U(0.08, 0.25), g.U(0.01, 0.04)
    u = u0 + swing * saw + summed(rate, a, b, 0.98 - u0 - swing)
    return g, [Metric("wal_volume", u, "fs_used", g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def snapshots_nobody_removes(r):
    g = G(r, r.uniform(8, 16))
    a, b = g.at(0.1, 0.5), g.at(0.85, 0.97)
    every = int(r.choice([1, 2, 4, 6]))
    rate = summed(0.2 + g.daily(), a, b, 1.0)
    taken = rate[np.minimum(g.idx(every) * (np.arange(g.n) // g.idx(every)), g.n - 1)]
    u0 = g.U(0.3, 0.6)
    u = u0 + 0.02 * g.daily() + (0.98 - u0) * np.maximum(taken, 0.0) * 1.02
    return g, [Metric("pool", u, disk(r), g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def tickets_outpace_the_desk(r):
    g = G(r, r.uniform(12, 21))
    a, b = g.at(0.2, 0.45), g.at(0.85, 0.97)
    come = 0.35 + g.daily(weekend=g.U(0.4, 0.8))
    done = office(g, 0.0)
    share = come.mean() / done.mean()
    net = come - done * share * np.where(np.arange(g.n) < a, 1.0, g.U(0.4, 0.75))
    level = np.zeros(g.n)
    for i in range(1, g.n):
        level[i] = max(level[i - 1] + net[i], 0.0)
    u = 0.05 + 0.95 * level / level[:b].max()
    return g, [Metric("open_tickets", u, "items", g.U(0.002, 0.006), onset=a, integer=True, crosses=True)]


@kind(True)
def tenants_ramp_up(r):
    g = G(r, r.uniform(12, 21))
    a, b = g.at(0.05, 0.3), g.at(0.85, 0.97)
    u = np.zeros(g.n)
    for i in np.linspace(a, b, int(r.integers(5, 10))).astype(int):
        u += g.U(0.5, 1.5) / (1 + np.exp(-(g.h - g.h[i] - g.U(10, 30)) / g.U(6, 20)))
    u0 = g.U(0.2, 0.4)
    u = u0 + (1 - u0) * (u - u[0]) / (u[b] - u[0]) * (1 + g.U(0.0, 0.04) * (g.daily() - 1))
    return g, [Metric("rows_bytes", u, disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def nightly_job_leaks(r):
    g = G(r, r.uniform(10, 18))
    a, b = g.at(0.1, 0.35), g.at(0.85, 0.97)
    hour, lasts = g.U(0, 24), g.U(1.5, 5)
    runs = ((g.hod() - hour) % 24 < lasts) * r.lognormal(0, 0.2, g.n)
    u0 = g.U(0.3, 0.55)
    u = u0 + 0.02 * g.daily() + summed(runs + 0.002, a, b, 0.98 - u0)
    return g, [Metric("resident", u, "mem", g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def uploads_wait(r):
    g = G(r, r.uniform(5, 12))
    a = g.at(0.4, 0.7)
    b = min(g.n - 20, a + g.idx(g.U(12, 90)))
    out, _ = g.saw(g.U(1, 3), 0.3)
    rate = (0.25 + g.daily()) * (1 + 0.4 * r.standard_normal(g.n).clip(-2, 3))
    u0 = g.U(0.1, 0.4)
    before = np.where(np.arange(g.n) < a, g.U(0.03, 0.08) * out, 0.05 * out * (1 - g.U(0.2, 1.0)))
    u = u0 + before + summed(rate, a, b, 0.99 - u0)
    return g, [Metric("spool", u, "fs_used", g.U(0.001, 0.004), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def dumps_before_upload(r):
    g = G(r, r.uniform(14, 21))
    u, i, first = np.full(g.n, g.U(0.15, 0.35)), g.at(0.02, 0.1), None
    size, lasts = g.U(0.35, 0.5), g.U(4, 9)
    while i < g.n - g.idx(30):
        k, hold, gone = g.idx(lasts * g.U(0.8, 1.2)), g.idx(g.U(0.5, 3)), g.idx(g.U(2, 8))
        much = size * g.U(0.85, 1.1)
        u[i : i + k] += much * np.arange(k) / k
        u[i + k : i + k + hold] += much
        u[i + k + hold : i + k + hold + gone] += much * (1 - np.arange(gone) / gone)
        first = first or i + k + hold + gone
        i += g.idx(g.U(60, 120))
    return g, [Metric("dumps", u, disk(r), g.U(0.001, 0.003), ignore=[(0, first)])]


@kind(False)
def imported_in_a_few_nights(r):
    g = G(r, r.uniform(12, 18))
    a, nights = g.at(0.3, 0.5), int(r.integers(2, 6))
    u0, top = g.U(0.15, 0.4), g.U(0.55, 0.85)
    hour, lasts = g.U(19, 23), g.U(4, 9)
    runs = ((g.hod() - hour) % 24 < lasts) & (g.h >= g.h[a]) & (g.h < g.h[a] + 24 * nights)
    if not runs.any():
        runs[a : a + g.idx(6)] = True
    total = summed(runs * 1.0, 0, g.n - 1, top - u0)
    return g, [Metric("warehouse", u0 + total + 0.02 * g.daily(), disk(r), g.U(0.001, 0.003))]


@kind(False)
def agents_rolled_out(r):
    g = G(r, r.uniform(10, 16))
    u, i = np.full(g.n, g.U(0.1, 0.2)), g.at(0.25, 0.45)
    top = g.U(0.6, 0.85)
    for share in (0.1, 0.25, 0.5, 1.0):
        k = g.idx(g.U(3, 9))
        have = (u[-1], share * top + (1 - share) * 0.15)
        u = np.where(np.arange(g.n) >= i, np.interp(np.arange(g.n), [i, i + k], [have[0], max(have)]), u)
        i += g.idx(g.U(20, 28))
    return g, [Metric("connected_agents", u * (1 + 0.04 * (g.daily() - 0.5)), "connections", g.U(0.003, 0.008), integer=True)]


@kind(False)
def logs_compressed_late(r):
    g = G(r, r.uniform(10, 16))
    days = int(g.n * g.step / 86400) + 12
    size = r.lognormal(0, 0.15, days)
    keep, lag, squeezed = int(r.integers(4, 9)), g.U(2, 30), g.U(0.08, 0.2)
    day0 = g.t[0] // 86400 - 10
    grown = 0.3 + g.daily()
    u = np.zeros(g.n)
    for d in range(days):
        begin = (day0 + d) * 86400
        today = (g.t >= begin) & (g.t < begin + 86400)
        part = np.cumsum(np.where(today, grown, 0.0)) / (grown.mean() * 86400 / g.step) * size[d]
        age = (g.t - begin) / 3600
        full, small = (age >= 24) & (age < 24 + lag), (age >= 24 + lag) & (age < 24 * keep)
        u += np.where(today, part, 0.0) + size[d] * (1.0 * full + squeezed * small)
    u = g.U(0.15, 0.3) + (g.U(0.75, 0.9) - 0.3) * u / u.max()
    return g, [Metric("var_log_bytes", u, disk(r), g.U(0.001, 0.003), ignore=[(0, g.idx(30))])]


@kind(False)
def cache_after_a_reboot(r):
    g = G(r, r.uniform(9, 14))
    k, tau, low, top = g.at(0.35, 0.55), g.U(8, 40), g.U(0.1, 0.25), g.U(0.7, 0.92)
    since = g.h - g.h[k]
    filled = np.where(since >= 0, 1 - np.exp(-np.cumsum(np.where(since >= 0, 0.3 + g.daily(), 0.0)) * g.step / 3600 / tau), 1.0)
    u = low + (top - low) * filled + g.wander(4, 0.01)
    return g, [Metric("used_with_cache", u, "mem", g.U(0.002, 0.006))]


@kind(False)
def archive_filled_once(r):
    g = G(r, r.uniform(12, 20))
    a = g.at(0.2, 0.4)
    b = min(g.n - 40, a + g.idx(g.U(60, 160)))
    u0, top = g.U(0.1, 0.3), g.U(0.55, 0.85)
    rate = office(g, 0.1) * r.lognormal(0, 0.3, g.n)
    u = u0 + np.minimum(summed(rate, a, b, top - u0), top - u0) + g.U(0, 0.02) * g.h / g.H
    return g, [Metric("scans", u, disk(r), g.U(0.001, 0.003))]
