"""Kinds for the exhaustion corpus that were written before a version was made and first measured when it was done.

Usage: python benchmarks/exhaustion.py --seeds 900-902 --extra exhaustion_apart

What thread pools, log partitions, caches, tables, compactions, queues, backups, images, topics, inodes, swap and heaps do.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def at_work(g):
    return (((g.t // 86400 + 3) % 7) < 5) & (g.hod() >= 8) & (g.hod() < 19)


def restarts(g, least_h, most_h):
    """Hours since the last restart, and the index where each life begins."""
    since, starts, i = np.zeros(g.n), [], 0
    while i < g.n:
        k = min(g.idx(g.U(least_h, most_h)), g.n - i)
        starts.append(i)
        since[i : i + k] = np.arange(k) * g.step / 3600
        i += k
    return since, starts


def until(rate, top, low):
    """A level that `rate` (t,) fills from `low` and that falls back to `low` at `top`; and where it fell."""
    u, level, falls = np.zeros(len(rate)), low, []
    for i, more in enumerate(rate):
        level += more
        if level >= top:
            level = low
            falls.append(i)
        u[i] = level
    return u, falls


# ---------------------------------------------------------------- they cross
@kind(True)
def pool_blocked_by_a_slow_neighbour(r):
    g = G(r, r.uniform(3, 6), step=60)
    a = g.at(0.4, 0.75)
    b = min(g.n - 40, a + g.idx(g.U(3, 14)))
    u = g.U(0.05, 0.15) + 0.15 * g.daily()
    u = u + summed(0.4 + g.daily() + 0.2 * np.abs(g.wander(0.5, 1)), a, b, 0.97 - u[b])
    return g, [Metric("busy_threads", u, "connections", g.U(0.006, 0.02), onset=a, integer=True, crosses=True)]


@kind(True)
def log_compaction_broke(r):
    g = G(r, r.uniform(6, 12))
    a, low, swing = g.at(0.35, 0.65), g.U(0.15, 0.35), g.U(0.06, 0.15)
    b = min(g.n - 12, a + g.idx(g.U(14, 80)))
    saw, _ = g.saw(g.U(4, 12), 0.1)
    u = low + np.where(np.arange(g.n) < a, swing * saw, swing * saw[a]) + summed(0.4 + g.daily(), a, b, 0.99 - low - swing)
    return g, [Metric("var_log", u, disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def bloat_outgrows_vacuum(r):
    g = G(r, r.uniform(8, 16))
    saw, _ = g.saw(g.U(6, 20), 0.3)
    u0, a, b, swing = g.U(0.15, 0.35), g.at(0, 0.25), g.at(0.82, 0.97), g.U(0.04, 0.1)
    way = summed(0.3 + g.daily(), a, b, 1.0)
    u = u0 + swing * saw * (1 + way) + (0.99 - u0 - swing) * way
    return g, [Metric("table_bytes", u, disk(r), g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def inodes_by_builds(r):
    g = G(r, r.uniform(7, 15))
    u0, a, b = g.U(0.2, 0.45), g.at(0, 0.3), g.at(0.82, 0.97)
    builds = (r.random(g.n) < g.step / 3600 * g.U(1, 3)) * r.lognormal(0, 0.5, g.n) * np.where(at_work(g), 1.0, 0.12)
    u = u0 + summed(builds + 1e-6, a, b, 0.99 - u0)
    return g, [Metric("inodes_free", u, "inodes", g.U(0.0005, 0.002), onset=a, integer=True, crosses=True)]


@kind(True)
def swap_after_memory_is_full(r):
    g = G(r, r.uniform(5, 10))
    a = g.at(0.4, 0.75)
    b = min(g.n - 12, a + g.idx(g.U(6, 40)))
    steps = np.where(r.random(g.n) < 0.4, r.exponential(1, g.n), 0.05)
    u = 0.02 + 0.02 * np.clip(g.wander(10, 1), 0, 2) + summed(steps, a, b, 0.97)
    return g, [Metric("swap_used", u, "mem", g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def heap_after_a_bad_deploy(r):
    g = G(r, r.uniform(5, 11), step=int(r.choice([60, 300])))
    a = g.at(0.3, 0.65)
    b = min(g.n - 40, a + g.idx(g.U(12, 96)))
    saw, _ = g.saw(g.U(0.4, 4), 0.3)
    low, swing = g.U(0.15, 0.3), g.U(0.15, 0.3)
    u = low + swing * saw + summed(0.6 + 0.4 * g.daily(), a, b, 0.98 - low - 0.7 * swing)
    return g, [Metric("heap_used", u, "mem", g.U(0.003, 0.01), onset=a, crosses=True)]


@kind(True)
def consumer_stopped(r):
    g = G(r, r.uniform(3, 7), step=60)
    a = g.at(0.35, 0.7)
    b = min(g.n - 40, a + g.idx(g.U(6, 40)))
    burst = (r.random(g.n) < 0.01) * r.exponential(10, g.n)
    u = 0.01 + 0.01 * g.daily() + summed(0.35 + g.daily() + 0.05 * burst, a, b, 0.97)
    return g, [Metric("consumer_lag", u, "items", g.U(0.002, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def backups_no_longer_pruned(r):
    g = G(r, r.uniform(14, 21))
    a, b, u0, hour = g.at(0.15, 0.35), g.at(0.85, 0.97), g.U(0.35, 0.55), g.U(0, 6)
    night = np.diff(np.floor((g.t / 3600 - hour) / 24), prepend=0) > 0
    spread = np.convolve(night * r.lognormal(0, 0.12, g.n), np.ones(g.idx(g.U(0.5, 3)) + 1))[: g.n]
    u = u0 + summed(spread + 1e-6, a, b, 0.99 - u0)
    return g, [Metric("backup_volume", u, disk(r), g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def images_never_collected(r):
    g = G(r, r.uniform(7, 14))
    u0, a, b = g.U(0.15, 0.4), g.at(0, 0.3), g.at(0.82, 0.97)
    pulls = (r.random(g.n) < g.step / 3600 * g.U(0.4, 1.2)) * r.exponential(1, g.n) * np.where(at_work(g), 1.0, 0.3)
    u = u0 + summed(pulls + 1e-3, a, b, 0.99 - u0)
    return g, [Metric("imagefs", u, disk(r), g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def crash_loop_dumps_cores(r):
    g = G(r, r.uniform(3, 7), step=60)
    a = g.at(0.4, 0.8)
    b = min(g.n - 40, a + g.idx(g.U(3, 12)))
    every = g.idx(g.U(0.08, 0.5))
    dumps = ((np.arange(g.n) - a) % every == 0) * r.lognormal(0, 0.15, g.n)
    u0 = g.U(0.2, 0.5)
    u = u0 + summed(np.convolve(dumps, np.ones(3))[: g.n] + 1e-6, a, b, 0.99 - u0)
    return g, [Metric("root_fs", u, disk(r), g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def series_of_labels_explode(r):
    g = G(r, r.uniform(6, 12))
    a, b, u0 = g.at(0.2, 0.5), g.at(0.82, 0.97), g.U(0.2, 0.4)
    cut, _ = g.saw(2, 0, fixed=True)
    x = np.clip((np.arange(g.n) - a) / (b - a), 0, None) ** g.U(1.0, 1.7)
    u = u0 + 0.03 * cut + 0.02 * g.daily() + (0.97 - u0) * x
    return g, [Metric("head_series", u, "fds", g.U(0.002, 0.006), onset=a, integer=True, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def pool_breathes_with_load(r):
    g = G(r, r.uniform(5, 10), step=int(r.choice([60, 300])))
    u = g.U(0.05, 0.15) + g.U(0.35, 0.55) * g.daily()
    for i in r.integers(g.idx(6), g.n - g.idx(6), int(r.integers(2, 7))):
        x, up = g.h - g.h[i], g.U(0.3, 2.5)
        u = u + g.U(0.1, 0.25) * np.clip(np.minimum(x / up, 1 - (x - up) / g.U(0.3, 2)), 0, 1)
    return g, [Metric("busy_threads", np.minimum(u, 0.93), "connections", g.U(0.008, 0.02), integer=True)]


@kind(False)
def levels_of_a_merge_tree(r):
    g = G(r, r.uniform(12, 20))
    rate = (0.4 + g.daily()) * r.lognormal(0, 0.2, g.n) * g.step / 3600
    small, _ = until(rate * g.U(0.015, 0.04), g.U(0.06, 0.12), 0.0)
    large, falls = until(rate * g.U(0.006, 0.014), g.U(0.35, 0.55), 0.0)
    u = g.U(0.12, 0.25) + small + large
    return g, [Metric("lsm_bytes", u, disk(r), g.U(0.001, 0.004), ignore=[(0, falls[0] if falls else g.n - 1)])]


@kind(False)
def cache_filled_by_traffic(r):
    g = G(r, r.uniform(7, 14))
    _, starts = restarts(g, 60, 200)
    traffic, low, top, tau = 0.15 + g.daily(), g.U(0.05, 0.15), g.U(0.65, 0.92), g.U(4, 25)
    done = np.cumsum(traffic) / traffic.mean() * g.step / 3600
    begin = np.repeat(done[starts], np.diff([*starts, g.n]))
    return g, [Metric("cache_bytes", top - (top - low) * np.exp(-(done - begin) / tau), "mem", g.U(0.002, 0.006))]


@kind(False)
def dead_rows_until_autovacuum(r):
    g = G(r, r.uniform(12, 20))
    cycle = g.U(30, 90)
    rate = (0.3 + g.daily()) * r.lognormal(0, 0.15, g.n)
    top = g.U(0.35, 0.55)
    u, falls = until(rate / rate.mean() * g.step / 3600 * top / cycle, top, 0.0)
    first = [(0, falls[0] if falls else g.n - 1)]
    return g, [Metric("dead_tuples", g.U(0.15, 0.3) + u, "items", g.U(0.001, 0.004), integer=True, ignore=first)]


@kind(False)
def campaign_bursts(r):
    g = G(r, r.uniform(4, 9), step=int(r.choice([60, 300])))
    u = 0.03 + 0.03 * g.daily()
    for i in r.integers(g.idx(8), g.n - g.idx(14), int(r.integers(2, 6))):
        x, up = g.h - g.h[i], g.U(1, 8)
        burst = np.minimum(np.sqrt(np.clip(x / up, 0, None)), np.exp(np.minimum(-(x - up) / g.U(0.5, 4), 1)))
        u = np.maximum(u, g.U(0.35, 0.85) * np.clip(burst, 0, 1))
    return g, [Metric("queue_length", u, "items", g.U(0.003, 0.01), integer=True)]


@kind(False)
def backups_kept_for_days(r):
    g = G(r, 21)
    hour, keep, first = g.U(0, 6), int(r.integers(5, 11)), int(r.integers(1, 6))
    day = np.floor((g.t / 3600 - hour) / 24)
    done = np.clip(day - day[0] - first, 0, keep)
    u = g.U(0.15, 0.3) + g.U(0.4, 0.55) * done / keep
    width = g.idx(g.U(0.5, 3)) + 1
    u = np.convolve(np.pad(u, (width - 1, 0), "edge"), np.ones(width) / width, "valid")
    return g, [Metric("backup_volume", u, disk(r), g.U(0.0005, 0.002))]


@kind(False)
def images_of_a_release(r):
    g = G(r, r.uniform(6, 12))
    u = np.full(g.n, g.U(0.2, 0.4))
    for begin in sorted(r.integers(g.idx(30), g.n - g.idx(20), int(r.integers(1, 4)))):
        pulls = r.dirichlet(np.full(int(r.integers(6, 20)), 2.0)) * g.U(0.15, 0.25)
        for k, size in enumerate(pulls):
            i = begin + g.idx(g.U(0.1, 0.5) * (k + 1))
            u[i:] += size
        if u[-1] > 0.75:
            break
    return g, [Metric("imagefs", u, disk(r), g.U(0.0005, 0.002))]


@kind(False)
def new_topic_with_retention(r):
    g = G(r, r.uniform(8, 16))
    begin, keep = g.at(0.1, 0.45), g.idx(g.U(24, 96))
    rate = np.where(np.arange(g.n) >= begin, (0.4 + g.daily()) * r.lognormal(0, 0.1, g.n), 0.0)
    total = np.r_[np.zeros(keep), np.cumsum(rate)]
    held = total[keep:] - np.floor(total[: g.n] / (rate.mean() * 40)) * rate.mean() * 40
    u = g.U(0.1, 0.25) + g.U(0.4, 0.6) * held / held.max()
    return g, [Metric("log_dirs", u, disk(r), g.U(0.0005, 0.002))]


@kind(False)
def files_migrated(r):
    g = G(r, r.uniform(8, 16))
    a = g.at(0.25, 0.6)
    b = min(g.n - 1, a + g.idx(g.U(10, 60)))
    k = np.arange(g.n)
    rate = np.where((k >= a) & (k < b), np.abs(1 + g.wander(2, 0.6)), 0.0)
    u = g.U(0.15, 0.3) + g.U(0.35, 0.55) * np.cumsum(rate) / max(rate.sum(), 1e-9)
    return g, [Metric("inodes_free", u, "inodes", g.U(0.0005, 0.002), integer=True)]


@kind(False)
def cold_pages_swapped_out(r):
    g = G(r, r.uniform(8, 16))
    begin, tau = g.h[g.at(0.0, 0.4)], g.U(2, 20)
    x = np.clip(g.h - begin, 0, None)
    u = 0.04 + g.U(0.08, 0.14) * np.log1p(x / tau) * (1 + 0.02 * g.wander(6, 1))
    return g, [Metric("swap_used", np.minimum(u, 0.9), "mem", g.U(0.001, 0.004))]


@kind(False)
def heap_settles_after_deploys(r):
    g = G(r, r.uniform(7, 14))
    since, _ = restarts(g, 20, 100)
    saw, _ = g.saw(g.U(0.5, 4), 0.3)
    low, add, tau = g.U(0.12, 0.25), g.U(0.3, 0.45), g.U(2, 20)
    u = low + add * (1 - np.exp(-since / tau)) + g.U(0.05, 0.2) * saw
    return g, [Metric("heap_used", u, "mem", g.U(0.003, 0.01))]


@kind(False)
def users_come_back_after_holidays(r):
    g = G(r, r.uniform(14, 21))
    middle, width = g.h[g.at(0.3, 0.6)], g.U(12, 36)
    back = 1 / (1 + np.exp(-(g.h - middle) / width))
    u = (0.15 + 0.85 * g.daily(weekend=g.U(0.5, 0.9))) * (g.U(0.3, 0.45) + g.U(0.3, 0.42) * back)
    return g, [Metric("connections", u, "connections", g.U(0.004, 0.012), integer=True)]


@kind(False)
def scratch_of_many_jobs(r):
    g = G(r, r.uniform(8, 16))
    u = np.zeros(g.n)
    for i in r.integers(0, g.n, int(g.H / g.U(3, 8))):
        life, up, size = g.idx(r.exponential(g.U(4, 20))), g.idx(g.U(0.2, 6)), g.U(0.02, 0.12)
        k = np.arange(g.n) - i
        u += size * np.clip(k / max(up, 1), 0, 1) * (k >= 0) * (k < up + life)
    return g, [Metric("scratch", g.U(0.1, 0.2) + u * min(1.0, 0.75 / u.max()), disk(r), g.U(0.001, 0.003))]


@kind(False)
def blocks_until_retention(r):
    g = G(r, r.uniform(10, 20))
    begin, keep = g.at(0.05, 0.3), g.idx(g.U(40, 150))
    block, _ = g.saw(2, 0, fixed=True)
    held = np.minimum(np.clip(np.arange(g.n) - begin, 0, None), keep) / keep
    u = g.U(0.15, 0.3) + g.U(0.4, 0.6) * held + 0.02 * block
    return g, [Metric("tsdb_bytes", u, disk(r), g.U(0.0005, 0.002))]


@kind(False)
def season_of_exams(r):
    g = G(r, r.uniform(14, 21))
    begin, up, hold, down = g.h[g.at(0.3, 0.5)], g.U(50, 110), g.U(12, 60), g.U(24, 72)
    x = g.h - begin
    season = np.clip(np.minimum(x / up, 1 - (x - up - hold) / down), 0, 1)
    u = (0.2 + 0.8 * g.daily(weekend=g.U(0.7, 1.0))) * (g.U(0.3, 0.45) + g.U(0.25, 0.4) * season)
    return g, [Metric("sessions", u, "connections", g.U(0.004, 0.012), integer=True)]
