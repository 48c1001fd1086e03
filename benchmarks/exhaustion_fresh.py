"""Kinds for the exhaustion corpus that nothing was tuned for: written first, measured once, then told as they came out.

Usage: python benchmarks/exhaustion.py --seeds 500-502 --extra exhaustion_fresh

What thin pools, write-ahead logs, certificates, small pools, quotas, queues, compactions and log files do in practice.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Array, Book, summed

BOOK = Book()
kind, register = BOOK.kind, BOOK.register
CERT_S = 90 * 86400


def weekday(g: Any) -> Array:
    return np.asarray(((g.t // 86400 + 3) % 7) < 5)


def work(g: Any) -> Array:
    return np.asarray(weekday(g) & (g.hod() >= 7) & (g.hod() < 19))


def arrivals(g: Any, every_h: float) -> Array:
    """Amounts that come at random, one in `every_h` on average."""
    return np.asarray((g.rng.random(g.n) < g.step / 3600 / every_h) * g.rng.exponential(1, g.n))


def pulse(g: Any, begin_h: float, up_h: float, hold_h: float, down_h: float) -> Array:
    """0 to 1 in `up_h`, held, and back."""
    x = g.h - begin_h
    return np.asarray(np.clip(np.minimum(x / up_h, 1 - (x - up_h - hold_h) / down_h), 0, 1))


# ---------------------------------------------------------------- they cross
@kind(True)
def thin_pool_snapshots_kept(r):
    g = G(r, r.uniform(8, 16))
    u0, b, hour = g.U(0.2, 0.5), g.at(0.8, 0.97), g.U(0, 5)
    night = (np.diff(np.floor((g.t / 3600 - hour) / 24), prepend=0) > 0) * r.uniform(0.6, 1.4, g.n)
    night[0] = 0
    every = 0.3 + g.daily()
    u = u0 + summed(0.7 * night / max(night.sum(), 1) + 0.3 * every / every.sum(), 0, b, 1 - u0)
    return g, [Metric("data_percent", u, "percent", 0.001, onset=0, crosses=True)]


@kind(True)
def archive_command_fails(r):
    g = G(r, r.uniform(3, 7), step=60)
    saw, _ = g.saw(g.U(0.08, 0.5), 0.1)
    a = g.at(0.4, 0.7)
    b = min(g.n - 60, a + g.idx(g.U(6, 40)))
    u0 = g.U(0.03, 0.12)
    u = u0 + 0.03 * saw + np.floor(400 * g.grow(a, b, 0.97 - u0, 0.8)) / 400
    return g, [Metric("wal_bytes", u, "fs_used", g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def layers_of_builds(r):
    g = G(r, r.uniform(9, 18))
    u0, b = g.U(0.2, 0.45), g.at(0.8, 0.97)
    u = u0 + summed((work(g) + 0.05) * arrivals(g, 0.7) + 1e-6, 0, b, 1 - u0)
    return g, [Metric("docker", u, disk(r), g.U(0.0005, 0.003), onset=0, crosses=True)]


@kind(True)
def small_files_by_the_hour(r):
    g = G(r, r.uniform(4, 12))
    u0, a, b = g.U(0.15, 0.5), g.at(0.05, 0.4), g.at(0.8, 0.97)
    hour = (np.diff(g.t // 3600, prepend=g.t[0] // 3600) > 0) * r.lognormal(0, 0.3, g.n)
    u = u0 + summed(hour + 1e-4, a, b, 1 - u0)
    return g, [Metric("inodes_free", u, "inodes", g.U(0.0002, 0.001), onset=a, integer=True, crosses=True)]


@kind(True)
def renewals_stop(r):
    g = G(r, r.uniform(5, 12))
    life = g.U(24, 60)
    stop = g.h[g.at(0.55, 0.7)]
    renewed = np.minimum(np.floor(g.h / (life * 2 / 3)) * life * 2 / 3, np.floor(stop / (life * 2 / 3)) * life * 2 / 3)
    left = (life - (g.h - renewed)) * 3600
    limit = 0.1 * life * 3600
    onset = int(np.searchsorted(g.h, np.floor(stop / (life * 2 / 3)) * life * 2 / 3))
    return g, [
        Metric("expiry", 1 - (left - limit) / CERT_S, "seconds", 0, onset=onset, crosses=True, ignore=[(0, g.idx(life))],
               raw=(left, limit, "below"))
    ]  # fmt: skip


@kind(True)
def pool_loses_one_by_one(r):
    g = G(r, r.uniform(4, 10))
    u0, a, b = g.U(0.1, 0.3), g.at(0.1, 0.5), g.at(0.8, 0.97)
    u = u0 + 0.05 * g.daily() + summed(arrivals(g, g.U(0.5, 1.5)) + 1e-6, a, b, 0.95 - u0)
    return g, [Metric("connections", u, "connections", g.U(0.004, 0.01), onset=a, integer=True, crosses=True)]


@kind(True)
def lag_of_a_slow_consumer(r):
    g = G(r, r.uniform(3, 6), step=60)
    a = g.at(0.35, 0.65)
    b = min(g.n - 60, a + g.idx(g.U(10, 48)))
    rate = 0.25 + 0.75 * g.daily()
    u = 0.02 * g.daily() + summed(rate * r.lognormal(0, 0.2, g.n), a, b, 0.98)
    return g, [Metric("lag", u, "items", g.U(0.002, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def arena_grows_first_fast(r):
    g = G(r, r.uniform(5, 12))
    u0, a, b, tau, share = g.U(0.1, 0.3), g.at(0.05, 0.3), g.at(0.8, 0.97), g.U(3, 12), g.U(0.15, 0.35)
    x = np.clip(g.h - g.h[a], 0, None)
    way = share * (1 - np.exp(-x / tau)) + (1 - share) * x / x[b]
    u = u0 + 0.03 * g.daily() + (0.985 - u0) * way
    return g, [Metric("rss", u, "mem", g.U(0.002, 0.006), onset=a, crosses=True)]


@kind(True)
def backups_full_and_daily(r):
    g = G(r, r.uniform(15, 21))
    b, u0, hour = g.at(0.85, 0.97), g.U(0.1, 0.25), g.U(0, 5)
    day = np.floor((g.t / 3600 - hour) / 24)
    night = (np.diff(day, prepend=day[0]) > 0) * np.where(day % 7 == 3, g.U(2, 4), 1.0)
    spread = np.convolve(night, np.ones(g.idx(g.U(0.5, 2)) + 1))[: g.n]
    u = u0 + summed(spread * r.lognormal(0, 0.1, g.n) + 1e-6, 0, b, 1 - u0)
    return g, [Metric("backup_volume", u, disk(r), g.U(0.0005, 0.002), onset=0, crosses=True)]


@kind(True)
def quota_spent_early(r):
    start = 1767225600 + 86400 * int(r.integers(1, 6))  # in the first days of a month
    g = G(r, r.uniform(14, 20), start=start)
    a, b = g.at(0.3, 0.5), g.at(0.8, 0.95)
    slow = 0.3 + g.daily()
    rate = slow * np.where(np.arange(g.n) >= a, g.U(2.5, 4), 1.0)
    u = summed(rate, 0, b, 1.0)
    return g, [Metric("credits_month", u, "calls", 0, onset=a, integer=True, resets="monthly", crosses=True)]


@kind(True)
def purges_win_back_less(r):
    g = G(r, r.uniform(6, 14))
    saw, starts = g.saw(g.U(8, 24), 0.3)
    u0, b, swing = g.U(0.25, 0.4), g.at(0.82, 0.97), g.U(0.1, 0.2)
    floor = summed(np.isin(np.arange(g.n), starts) * r.uniform(0.6, 1.4, g.n) + 1e-6, 0, b, 0.98 - u0 - 0.5 * swing)
    u = u0 + swing * saw + np.convolve(np.pad(floor, (g.idx(6), 0), "edge"), np.ones(g.idx(6) + 1) / (g.idx(6) + 1), "valid")
    return g, [Metric("trash", u, disk(r), g.U(0.001, 0.004), onset=0, crosses=True)]


@kind(True)
def table_of_flows_leaks(r):
    g = G(r, r.uniform(5, 12))
    u0, amp, a, b = g.U(0.1, 0.25), g.U(0.1, 0.25), g.at(0.1, 0.45), g.at(0.8, 0.97)
    u = u0 + amp * g.daily() * r.lognormal(0, 0.03, g.n) + g.grow(a, b, 1 - u0 - 0.7 * amp, 1.2)
    return g, [Metric("conntrack", u, "fds", g.U(0.004, 0.012), onset=a, integer=True, crosses=True)]


@kind(True)
def metaspace_by_deploys(r):
    g = G(r, r.uniform(6, 12))
    a, b, u0 = g.at(0, 0.25), g.at(0.82, 0.97), g.U(0.25, 0.4)
    steps = np.isin(np.arange(g.n), r.integers(a, b, int(r.integers(5, 12))))
    u = u0 + summed(0.5 * steps / steps.sum() + 0.5 / (b - a), a, b, 1 - u0)
    return g, [Metric("metaspace", u, "mem", g.U(0.001, 0.004), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def thin_pool_trimmed_weekly(r):
    g = G(r, 21)
    at, rise = g.U(0, 168), g.U(0.15, 0.3)
    x = ((g.t / 3600 - at) % 168) / 168
    u = g.U(0.45, 0.6) + rise * x + 0.01 * g.daily()
    return g, [Metric("data_percent", u, "percent", 0.001, ignore=[(0, g.idx(168 - (g.t[0] / 3600 - at) % 168))])]


@kind(False)
def short_lived_certificate(r):
    g = G(r, r.uniform(5, 12))
    life = g.U(12, 48)
    left = (life - g.h % (life * 2 / 3)) * 3600
    limit = 0.15 * life * 3600
    u = 1 - (left - limit) / CERT_S
    return g, [Metric("expiry", np.minimum(u, 0.96), "seconds", 0, ignore=[(0, g.idx(life))], raw=(left, limit, "below"))]


@kind(False)
def sessions_swept_at_random(r):
    g = G(r, r.uniform(6, 12))
    since, amount = np.zeros(g.n), g.U(0.3, 0.5)
    sweep = r.random(g.n) < g.step / 3600 / g.U(4, 12)
    for i in range(1, g.n):
        since[i] = 0 if sweep[i] else since[i - 1] + g.step / 3600
    u = g.U(0.2, 0.35) + amount * (1 - np.exp(-since / g.U(10, 20))) + 0.02 * g.daily()
    return g, [Metric("inodes_free", u, "inodes", g.U(0.001, 0.004), integer=True)]


@kind(False)
def major_compactions(r):
    g = G(r, r.uniform(8, 16))
    saw, starts = g.saw(g.U(24, 60), 0.15)
    small, _ = g.saw(g.U(1, 4), 0.2)
    u = g.U(0.25, 0.35) + 0.05 * small + 0.2 * saw + g.U(0.2, 0.3) * np.clip((saw - 0.93) / 0.05, 0, 1)
    return g, [Metric("sstables", u, disk(r), g.U(0.001, 0.004), ignore=[(0, starts[min(1, len(starts) - 1)])])]


@kind(False)
def log_files_of_a_size(r):
    g = G(r, r.uniform(7, 14))
    count, top = int(r.integers(4, 12)), g.U(0.6, 0.88)
    rate = (0.3 + g.daily()) * r.lognormal(0, 0.1, g.n)
    written = np.cumsum(rate) / rate.sum() * g.U(2, 4) * count  # files so far
    size = top / count * np.where(written < count, written, count - 1 + written % 1)
    return g, [Metric("var_log", 0.06 + size, disk(r), g.U(0.0005, 0.003))]


@kind(False)
def heap_committed_follows_load(r):
    g = G(r, r.uniform(6, 12))
    load = 0.3 + 0.5 * g.daily() + g.wander(4, 0.04)
    u = np.maximum.accumulate(np.floor(load * 12) / 12) * g.U(0.75, 0.9)
    return g, [Metric("heap_committed", np.minimum(u, 0.93), "mem", g.U(0.0005, 0.002))]


@kind(False)
def batch_on_some_nights(r):
    g = G(r, r.uniform(9, 18))
    u = np.full(g.n, g.U(0.06, 0.2)) + 0.03 * g.daily()
    hour = g.U(0, 5)
    for day in range(int(g.H // 24) + 1):
        if r.random() < 0.6:
            begin = 24 * day + (hour - g.t[0] / 3600) % 24 + g.U(-0.5, 0.5)
            u = u + g.U(0.35, 0.65) * pulse(g, begin, g.U(0.7, 2.5), g.U(0.2, 1), g.U(0.2, 2))
    return g, [Metric("wal_bytes", u, "fs_used", g.U(0.001, 0.004), ignore=[(0, g.idx(48))])]


@kind(False)
def reindexed_once(r):
    g = G(r, r.uniform(8, 16))
    u = g.U(0.3, 0.5) + g.U(0, 0.04) * g.h / g.H + g.U(0.25, 0.38) * pulse(g, g.h[g.at(0.3, 0.8)], g.U(5, 14), 0.2, 0.1)
    return g, [Metric("pgdata", u, disk(r), g.U(0.001, 0.003))]


@kind(False)
def import_then_cleaned(r):
    g = G(r, r.uniform(10, 18))
    begin, up = g.h[g.at(0.25, 0.6)], g.U(20, 60)
    x = g.h - begin
    u = g.U(0.25, 0.4) + g.U(0.3, 0.42) * np.clip(x / up, 0, 1) * np.where(x > up + g.U(1, 8), g.U(0.2, 0.6), 1.0)
    return g, [Metric("disk", u, disk(r), g.U(0.001, 0.003))]


@kind(False)
def queue_of_the_night(r):
    g = G(r, r.uniform(8, 15))
    u, hour, top = 0.02 + 0.02 * g.daily(), g.U(18, 26), g.U(0.5, 0.8)
    up, down = g.U(2, 5), g.U(1, 4)
    for day in range(-1, int(g.H // 24) + 1):
        begin = 24 * day + (hour - g.t[0] / 3600) % 24 + float(r.normal(0, 0.5))
        if weekday(g)[g.idx(max(begin, 0))]:
            u = u + top * g.U(0.85, 1.1) * pulse(g, begin, up, 0.5, down)
    return g, [Metric("queue_length", u, "items", g.U(0.003, 0.01), integer=True, ignore=[(0, g.idx(48))])]


@kind(False)
def cache_under_pressure(r):
    g = G(r, r.uniform(6, 12))
    begin, tau, top = g.h[g.at(0.05, 0.4)], g.U(5, 40), g.U(0.85, 0.93)
    saw, _ = g.saw(g.U(0.3, 3), 0.3)
    u = g.U(0.2, 0.35)
    u = u + (top - u) * np.minimum(np.clip(g.h - begin, 0, None) / tau, 1 - 0.06 * saw)
    return g, [Metric("mem_used", u, "mem", g.U(0.001, 0.003))]


@kind(False)
def debug_left_on(r):
    g = G(r, r.uniform(8, 16))
    a = g.at(0.3, 0.75)
    b = min(g.n - 1, a + g.idx(g.U(6, 24)))
    k = np.arange(g.n)
    u = g.U(0.25, 0.45) + 0.04 * g.h / g.H + g.U(0.2, 0.38) * np.clip((k - a) / (b - a), 0, 1)
    return g, [Metric("disk", u, disk(r), g.U(0.0005, 0.003))]


@kind(False)
def leases_of_an_office(r):
    g = G(r, r.uniform(9, 18))
    inflow = np.where(work(g), np.clip((g.hod() - 7) / 3, 0, 1), np.exp(-np.clip((g.hod() - 19) % 24, 0, 12) / g.U(2, 5)))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    inflow = inflow * np.where(weekday(g), r.normal(1, 0.03, day.max() + 1)[day], 0.1)
    u = g.U(0.1, 0.2) + g.U(0.6, 0.72) * np.minimum(inflow, 1.03)
    return g, [Metric("ips_used", u, "ips", g.U(0.004, 0.01), integer=True)]


@kind(False)
def sale_week(r):
    g = G(r, r.uniform(15, 21))
    a, long_h = g.h[g.at(0.4, 0.65)], g.U(60, 120)
    factor = 1 + g.U(0.35, 0.6) * pulse(g, a, g.U(4, 24), long_h, g.U(4, 24))
    u = (0.15 + 0.4 * g.daily(weekend=g.U(0.8, 1.0))) * factor
    return g, [Metric("requests_inflight", np.minimum(u, 0.93), "connections", g.U(0.004, 0.012), integer=True)]
