"""Kinds for the exhaustion corpus that no way of forecasting was made with: written when a version was done, and run once.

Usage: python benchmarks/exhaustion.py --seeds 1200-1201 --extra exhaustion_held

Full collections that free less and less under one ceiling, a backup that does not come, a bucket whose new objects no rule
deletes, threads that wait for each other, a pool over two volumes that gives nothing back before it is trimmed, ports under a
roll-out in stages; and what stays below: workers that are recycled in turn, pods of an autoscaler, a subscriber that comes by
schedule, a queue that holds its producers at a mark.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed
from exhaustion_later import office

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def restarted(g, u, times, low, back_h):
    """`u` (t,) with restarts at indexes `times`: down to `low`, and back within about `back_h` hours."""
    for i in times:
        since = g.h - g.h[i]
        u = np.where(since >= 0, low + (u - low) * (1 - np.exp(-np.clip(since, 0, None) / back_h)), u)
    return u


def stages(g, begin, shares, least_h, most_h):
    """(t,) a share that is raised in an hour from each of `shares` to the next; and the index where the last begins."""
    out, had, i, last = np.zeros(g.n), 0.0, begin, begin
    for share in shares:
        out += (share - had) * np.clip((g.h - g.h[i]) / 1.0, 0, 1)
        had, last = share, i
        i = min(i + g.idx(g.U(least_h, most_h)), g.n - 1)
    return out, last


# ---------------------------------------------------------------- they cross
@kind(True)
def full_collections_free_less(r):
    g = G(r, r.uniform(5, 11), step=int(r.choice([60, 300])))
    g.gaps = int(r.integers(0, 4))
    a, b = g.at(0.25, 0.5), g.at(0.85, 0.97)
    ceiling, floor = g.U(0.68, 0.82), g.U(0.2, 0.35)
    load = (0.25 + g.daily()) * r.lognormal(0, 0.3, g.n)
    promoted = load / load.mean() * (ceiling - floor) * g.step / 3600 / g.U(3, 12)
    kept = floor + summed(0.3 * load.mean() + load, a, b, 1.0 - floor)
    reboots = set(r.integers(0, a, int(r.integers(0, 3))).tolist())
    u, level = np.zeros(g.n), g.U(floor, ceiling)
    for i in range(g.n):
        level = 0.5 * floor if i in reboots else level + promoted[i]
        if level >= max(ceiling, kept[i]):
            level = kept[i] + 0.03 * g.rng.random()
        u[i] = level
    return g, [Metric("old_generation", u, "mem", g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def backup_does_not_come(r):
    period = float(r.choice([6, 12, 24, 24]))
    g = G(r, r.uniform(5, 7) + period / 4)
    g.gaps = int(r.integers(0, 4))
    limit = period * g.U(1.3, 2.0)
    runs = np.arange(-2, int(g.H / period) + 1) * period + g.U(0, period)
    ends = runs + r.lognormal(np.log(period * 0.04), 0.4, len(runs))
    ends = ends[ends + limit < g.H - 2]
    age = g.h - ends[np.maximum(np.searchsorted(ends, g.h, "right") - 1, 0)]
    onset, first = int(np.searchsorted(g.h, ends[-1])), int(np.searchsorted(g.h, ends[ends > 0][0]))
    ignore = [(0, first + g.idx(period))]
    raw = (age * 3600.0, limit * 3600.0, "above")
    return g, [Metric("backup_age", age / limit, "seconds", 0, onset=onset, ignore=ignore, crosses=True, raw=raw)]


@kind(True)
def bucket_rule_misses_a_prefix(r):
    g = G(r, r.uniform(14, 21))
    keep, noon, lasts = int(r.integers(2, 7)), g.U(0.3, 0.9), g.U(1, 5)
    day, into = (g.t // 86400 - g.t[0] // 86400).astype(int), (g.t % 86400) / 86400
    size = r.lognormal(0, 0.12, keep + day.max() + 1)
    until, today = np.r_[0.0, np.cumsum(size)], day + keep
    written = into - noon * np.sin(2 * np.pi * into) / (2 * np.pi)
    held = until[today] - until[day] + size[today] * written - size[day] * np.clip(g.hod() / lasts, 0, 1)
    a, b = g.at(0.3, 0.5), g.at(0.85, 0.97)
    held = g.U(0.4, 0.65) * held / held[:b].mean()
    u = held + summed((0.3 + g.daily()) * r.lognormal(0, 0.5, g.n), a, b, 1.0 - held[b])
    every = g.idx(float(r.choice([1, 3, 6])))  # the store reports its size that often
    u = u[every * (np.arange(g.n) // every)]
    return g, [Metric("bucket_bytes", u, "fs_used", 0, onset=a, crosses=True)]


@kind(True)
def threads_wait_for_each_other(r):
    g = G(r, r.uniform(3, 5), step=60)
    a = g.at(0.45, 0.8)
    b = min(g.n - 40, a + g.idx(g.U(4, 12)))
    load = 0.4 + g.daily()
    busy = restarted(
        g, g.U(0.05, 0.12) + g.U(0.1, 0.25) * load, r.integers(0, a, int(r.integers(0, 4))), 0.02, g.U(0.1, 0.5)
    )
    grown = summed(load * np.exp(g.wander(0.3, 0.15)), a, b, 1.0)
    first = g.U(0.01, 0.03)
    stuck = np.where(np.arange(g.n) >= a, first * ((1.0 - busy[b]) / first) ** np.minimum(grown, 1.1), 0.0)
    return g, [
        Metric("threads_busy", busy + stuck, "connections", g.U(0.006, 0.018), onset=a, integer=True, crosses=True)
    ]


@kind(True)
def pool_over_two_volumes(r):
    g = G(r, r.uniform(13, 20))
    a, b = g.at(0.1, 0.3), g.at(0.85, 0.97)
    part, hour, lasts = g.U(0.35, 0.65), g.U(0, 5), g.U(0.5, 2)
    night = np.clip(1 - np.abs((g.hod() - hour) % 24 - lasts) / lasts, 0, 1)
    nights = r.lognormal(0, 0.35, g.n // g.idx(24) + 2)[((g.h + 12) // 24).astype(int)]
    data = part * (1 + g.U(0.3, 1.0) * summed(0.3 + g.daily(), a, b, 1.0) + g.U(0.05, 0.15) * night * nights)
    wander = g.wander(g.U(8, 30), g.U(0.01, 0.03))
    shares = (1 - part) * (1 + g.U(0.3, 1.0) * summed(office(g, 0.1), a, b, 1.0) + wander)
    pool, trimmed = np.zeros(g.n), (g.t // 86400 + 3) // 7  # the timer of Monday, 0:00
    for volume in (data, shares):
        for week in np.unique(trimmed):
            pool[trimmed == week] += np.maximum.accumulate(volume[trimmed == week])
    return g, [Metric("pool_data", pool / pool[: b + 1].max(), disk(r), g.U(0.0003, 0.001), onset=a, crosses=True)]


@kind(True)
def ports_of_a_staged_rollout(r):
    g = G(r, r.uniform(8, 12), step=int(r.choice([60, 300])))
    a = g.at(0.4, 0.6)
    share, last = stages(g, a, (0.05, 0.25, 0.5, 1.0), 16, 30)
    load = (0.2 + 0.8 * g.daily(weekend=g.U(0.8, 1.0))) * np.exp(g.wander(0.5, 0.02))
    u = load * (1 + g.U(0.8, 2.5) * share)
    u = u / u[: min(last + g.idx(26), g.n - 10)].max()
    u = restarted(g, u, r.integers(0, a, int(r.integers(0, 3))), 0.01, g.U(0.05, 0.2))
    return g, [Metric("ports_in_use", u, "connections", g.U(0.004, 0.012), onset=a, integer=True, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def workers_recycled_in_turn(r):
    g = G(r, r.uniform(8, 13), step=int(r.choice([60, 300])))
    load = (0.2 + g.daily()) * r.lognormal(0, 0.2, g.n)
    served, life = np.cumsum(load / load.mean()) * g.step / 3600, g.U(10, 40)
    u = np.full(g.n, g.U(0.6, 1.0))
    for _ in range(int(r.integers(3, 7))):  # each ends after so many requests, and some more by chance
        ends = np.cumsum(life * r.uniform(1.0, 1.25, int(g.H / life) + 3)) - g.U(0, 1) * life
        begins = np.r_[ends[0] - life, ends]
        u += (served - begins[np.searchsorted(begins, served, "right") - 1]) / life
    u = u * g.U(0.72, 0.92) / u.max()
    return g, [Metric("workers_resident", u, "mem", g.U(0.002, 0.006), ignore=[(0, g.idx(1.25 * life))])]


@kind(False)
def pods_of_an_autoscaler(r):
    g = G(r, r.uniform(9, 15), step=int(r.choice([60, 300])))
    g.gaps = int(r.integers(0, 4))
    load = (0.15 + g.daily(weekend=g.U(0.5, 1.0))) * np.exp(g.wander(0.5, 0.06))
    most, least = int(r.integers(6, 16)), 2
    wanted = np.clip(np.ceil(load / load.max() * most * g.U(0.85, 1.15)), least, most)
    hold, warm, cold = g.idx(g.U(0.1, 1.0)), g.U(1, 6), g.U(0.3, 0.6)
    deploys = set(r.integers(g.idx(12), g.n, int(r.integers(1, 6))).tolist())
    ages, u = np.full(int(wanted[0]), 24.0), np.zeros(g.n)
    for i in range(g.n):
        ages = (np.zeros_like(ages) if i in deploys else ages) + g.step / 3600
        keep = int(wanted[max(0, i - hold) : i + 1].max())  # it goes down once nothing more was wanted for a while
        ages = np.r_[ages, np.zeros(keep - len(ages))] if keep > len(ages) else ages[:keep]
        u[i] = (cold + (1 - cold) * (1 - np.exp(-ages / warm))).sum()
    u = u * g.U(0.72, 0.92) / u.max()
    return g, [Metric("namespace_memory", u, "mem", g.U(0.002, 0.006), ignore=[(0, g.idx(24))])]


@kind(False)
def subscriber_comes_by_schedule(r):
    g = G(r, r.uniform(8, 14), step=int(r.choice([60, 300])))
    every = float(r.choice([4, 6, 8, 12]))
    rate = (0.2 + g.daily(weekend=g.U(0.4, 1.0))) * r.lognormal(0, 0.2, g.n)
    due = np.arange(int(g.H / every) + 2) * every + g.U(0, every)
    due = due + np.abs(r.normal(0, 0.05, len(due))) * every
    drain, level, u = g.U(0.3, 1.2), 0.3 * every * 3600 / g.step * rate.mean(), np.zeros(g.n)
    since = g.h - np.r_[-every, due][np.searchsorted(due, g.h, "right")]
    for i in range(g.n):
        took = 3 * g.step / 3600 / drain if since[i] < drain else 0.0
        level = max(level * (1 - min(took, 1.0)) + rate[i], 0.0)
        u[i] = level
    u = g.U(0.03, 0.1) + g.U(0.6, 0.82) * u / u.max()
    return g, [Metric("wal_retained", u, "fs_used", g.U(0.001, 0.004), ignore=[(0, g.idx(24))])]


@kind(False)
def producers_held_at_a_mark(r):
    g = G(r, r.uniform(8, 14), step=int(r.choice([60, 300])))
    mark, u, i, first = g.U(0.65, 0.85), np.zeros(g.n), g.at(0.03, 0.1), None
    while i < g.n - g.idx(24):
        up, stay, down = g.idx(g.U(2, 8)), g.idx(g.U(0.5, 6)), g.idx(g.U(0.5, 3))
        rise, fall = np.linspace(0, 1, up) ** g.U(0.9, 1.4), np.linspace(1, 0, down)
        top = 1.0 if first is None or r.random() < 0.7 else g.U(0.3, 0.9)  # some end before the mark
        u[i : i + up + stay + down] = np.r_[top * rise, np.full(stay, top), top * fall]
        first = first or i + up + stay + down
        i += up + stay + down + g.idx(g.U(8, 40))
    u = np.minimum(0.02 + 0.02 * g.daily() + mark * u, mark + 0.004 * g.rng.random(g.n))
    return g, [Metric("queue_depth", u, "items", g.U(0.002, 0.006), integer=True, ignore=[(0, first)])]
