"""Kinds for the exhaustion corpus written blind: without a sight of the forecaster or of its own corpora.

Usage: python benchmarks/exhaustion.py --seeds 3100-3102 --extra exhaustion_blind

Cross: consumer lag that the night no longer drains, burst credits that are not earned back, a snapshot its backup forgot, an etcd
file that each defragmentation leaves larger, shards of daily indices once their deletion is stuck, metaspace of redeploys, core
dumps of a crash loop, leases of a DHCP pool that are kept longer. Stay below: certificates of days that are renewed at two
thirds, snapshots kept by hour, day and week, pages a forked save copies, a GPU allocator that keeps its peak.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore
from exhaustion_book import Book
from numpy.typing import NDArray

Array = NDArray[np.float64]
Case = tuple[Any, list[Any]]
BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def grown(rate: Array, a: int, b: int, total: float) -> Array:
    """The sum of `rate` from index `a` on, scaled to `total` at index `b`."""
    c = np.cumsum(np.where(np.arange(len(rate)) >= a, rate, 0.0))
    return np.asarray(c * (total / c[b]))


def reflected(change: Array) -> Array:
    """The running sum of `change` that never goes below zero: a backlog, or credits spent of a full bucket."""
    c = np.cumsum(change)
    return np.asarray(c - np.minimum(0.0, np.minimum.accumulate(c)))


def hold_by_segment(values: Array, cuts: list[int]) -> Array:
    """The running maximum of `values`, begun anew at each index of `cuts`."""
    edges = [0, *sorted(c for c in cuts if 0 < c < len(values)), len(values)]
    return np.concatenate([np.maximum.accumulate(values[a:b]) for a, b in pairwise(edges) if b > a])


def weekday(g: Any, day: int) -> bool:
    """Whether day `day` of the series (0 = that of its first point) is Monday to Friday."""
    return bool((int(g.t[0]) // 86400 + day + 3) % 7 < 5)


def index_of(g: Any, day: int, hour: float) -> int:
    """Index of `hour` o'clock on day `day` of the series; outside 0..n-1 where the series does not hold it."""
    return int(np.ceil(((int(g.t[0]) // 86400 + day) * 86400 + hour * 3600 - int(g.t[0])) / g.step))


def days_of(g: Any) -> int:
    return int(g.t[-1]) // 86400 - int(g.t[0]) // 86400 + 1


def working_times(g: Any, least: int, most: int, zone: float) -> list[int]:
    """Indexes of `least` to `most` moments in the office hours of each working day."""
    out = []
    for day in range(days_of(g)):
        if weekday(g, day):
            out += [index_of(g, day, g.U(9, 17.5) + zone) for _ in range(int(g.rng.integers(least, most + 1)))]
    return sorted(i for i in out if 0 <= i < g.n)


def next_working_time(g: Any, i: int, zone: float) -> int:
    """An index in the office hours of the day of index `i`, or of the next working day."""
    day = int(g.t[i]) // 86400 - int(g.t[0]) // 86400
    while not weekday(g, day):
        day += 1
    return int(np.clip(index_of(g, day, g.U(9, 17.5) + zone), 0, g.n - 1))


def nightly(g: Any, hour: float, lasts: float, sd: float) -> Array:
    """1 while the job of each night runs, its begin and length a bit different each time."""
    out = np.zeros(g.n)
    for day in range(days_of(g)):
        i = index_of(g, day, hour + 0.08 * abs(g.rng.standard_normal()))
        out[max(i, 0) : max(i + g.idx(lasts * g.rng.lognormal(0, sd)), 0)] = 1.0
    return out


# ---------------------------------------------------------------- they cross
@kind(True)
def consumer_lag_outlives_the_night(r: np.random.Generator) -> Case:
    """A release makes each message dearer: the group is slower than the mean of the day, faster than its night."""
    g = G(r, r.uniform(7, 11), step=int(r.choice([60, 120, 300])))
    g.gaps = int(r.integers(0, 4))
    load = (g.U(0.2, 0.45) + g.daily(weekend=g.U(0.85, 1.0))) * np.exp(g.wander(1.5, 0.1))
    a, b = next_working_time(g, g.at(0.3, 0.45), g.U(-3, 6)), g.at(0.87, 0.97)
    before = np.quantile(load[:a], 0.98) * g.U(0.8, 1.2)
    load += g.U(0.2, 2.0) * nightly(g, g.U(0, 24), g.U(0.3, 1.5), 0.3)  # a batch that publishes all at once
    after = load[a:b].mean() * g.U(0.78, 0.95)
    served = np.where(np.arange(g.n) < a, before, after)
    rebalances = [*r.integers(0, g.n, int(r.integers(6, 25))).tolist(), *working_times(g, 0, 1, 0.0), a]
    for i in rebalances:  # by chance, and by rolling restarts
        served[i : i + g.idx(r.lognormal(np.log(0.1), 0.8)) + 1] = 0.0
    lag = reflected(load - served)
    u = 0.004 * load / load.mean() + lag / (0.98 * lag[: b + 1].max())
    return g, [Metric("consumer_lag", u, "items", g.U(0.0005, 0.002), onset=a, integer=True, crosses=True)]


@kind(True)
def burst_credits_not_earned_back(r: np.random.Generator) -> Case:
    """Each day spends of a bucket what the night earns back, until demand has grown to what is earned."""
    g = G(r, r.uniform(9, 15))
    a, b, low = g.at(0.15, 0.4), g.at(0.87, 0.97), g.U(0.1, 0.35)
    demand = low + (1 - low) * g.daily(weekend=g.U(0.6, 1.0))
    demand += g.U(0.0, 0.5) * nightly(g, g.U(0, 5), g.U(0.5, 1.5), 0.2)
    demand *= np.exp(g.wander(g.U(0.5, 1.5), g.U(0.1, 0.2)))
    first, last = g.U(0.65, 0.85), g.U(1.0, 1.15)
    since = np.clip((g.h - g.h[a]) / (g.h[b] - g.h[a]), 0, None)
    demand *= first / demand[: g.idx(72)].mean() * (last / first) ** since
    spent = reflected(np.r_[np.zeros(1), demand[1:] - 1.0])
    u = spent / (0.98 * spent[: b + 1].max())
    return g, [Metric("burst_credits_spent", u, "percent", g.U(0.0003, 0.001), onset=a, crosses=True)]


@kind(True)
def snapshot_its_backup_forgot(r: np.random.Generator) -> Case:
    """A copy-on-write snapshot a night, removed after its backup; one is not, and takes ever fewer but still new blocks."""
    g = G(r, r.uniform(8, 13))
    hour, lasts = g.U(0, 5), g.U(1.5, 6.0)
    batch = nightly(g, (hour + g.U(2, 6)) % 24, g.U(0.4, 2.0), 0.25)
    writes = (g.U(0.1, 0.3) + g.daily(weekend=g.U(0.3, 1.0))) * r.lognormal(0, 0.5, g.n) + g.U(0.5, 3.0) * batch
    writes /= writes.mean() * g.idx(24)  # 1 = those of a day
    begins = [i for i in (index_of(g, d, hour) for d in range(days_of(g))) if 0 <= i < g.n]
    near = g.at(0.35, 0.55)
    a = min(begins, key=lambda i: abs(i - near))
    b = min(int(0.97 * g.n), a + g.idx(g.U(30, 130)))
    hot, quick, power = g.U(0.1, 0.4), g.U(0.03, 0.15), g.U(0.7, 0.95)

    def taken(i: int, until: int) -> Array:
        x = np.cumsum(writes[i:until])
        at_b = writes[a : b + 1].sum()
        full = hot * (1 - np.exp(-at_b / quick)) + (1 - hot)
        return np.asarray((hot * (1 - np.exp(-x / quick)) + (1 - hot) * (x / at_b) ** power) / full)

    u = np.zeros(g.n)
    for i in begins:
        if i < a:
            until = min(g.n, i + g.idx(lasts * r.lognormal(0, 0.3)) + 1)
            u[i:until] = taken(i, until)
    u[a:] = taken(a, g.n)
    return g, [Metric("snapshot_percent", u, "percent", 0.0, onset=a, crosses=True)]


@kind(True)
def etcd_larger_after_each_defrag(r: np.random.Generator) -> Case:
    """The file keeps its peak until a timer defragments it; what is in use grows by an operator that forgets its objects."""
    g = G(r, r.uniform(12, 20))
    g.gaps = int(r.integers(0, 4))
    a, b = g.at(0.15, 0.35), g.at(0.87, 0.97)
    load = g.U(0.2, 0.5) + g.daily(weekend=g.U(0.3, 0.9))
    used = g.U(0.2, 0.35) + grown(load * r.lognormal(0, 0.5, g.n), a, b, g.U(0.4, 0.55))
    need = used * g.U(1.02, 1.06) + g.U(0.01, 0.03) * load * r.lognormal(0, 0.3, g.n)
    for i in working_times(g, 1, 6, g.U(-3, 6)):  # a roll-out writes revisions, compacted 5 to 10 minutes later
        need[i : i + max(1, g.idx(0.2))] += min(0.15, r.lognormal(np.log(0.03), 0.6))
    every, hour = int(r.choice([1, 2, 3, 7])), g.U(1, 5)
    defrags = [index_of(g, d, hour) for d in range(int(r.integers(0, every)), days_of(g), every)]
    need[0] = need[: max(2, min(i for i in defrags if i > 0))].max() * g.U(0.95, 1.0)
    file = hold_by_segment(need, defrags)
    limit, chunk = float(r.choice([2, 4, 6, 8])) * 2**30, 16.0 * 2**20  # the file grows by 16 MiB
    size = np.ceil(file / file[: b + 1].max() * limit / chunk) * chunk
    return g, [Metric("db_size", size / limit, "mem", 0.0, onset=a, crosses=True, raw=(size, limit, "above"))]


@kind(True)
def shards_whose_deletion_is_stuck(r: np.random.Generator) -> Case:
    """Indices by day and by size, deleted after some weeks; then the policy stands in its error step."""
    g = G(r, r.uniform(14, 21), step=int(r.choice([300, 600])))
    nodes, keep, days = int(r.integers(3, 16)), 7 * int(r.integers(1, 5)), days_of(g)
    stuck, until = int(days * g.U(0.35, 0.7)), g.U(0.87, 0.97) * days
    limit = 1000.0 * nodes
    each = limit * g.U(0.25, 0.5) / (until - stuck)
    by_size, weekend, shards = g.U(0.15, 0.6), g.U(0.3, 1.0), int(r.choice([2, 2, 4, 6, 10]))
    busy = g.daily(weekend=1.0)[: max(2, g.idx(24))]
    change = np.zeros(g.n)
    for day in range(-keep, days):
        for i, count, late in _indices(g, day, each * (1.0 if weekday(g, day) else weekend), by_size, shards, busy):
            ends = i + (keep * 86400 + late * 3600) / g.step
            if 0 <= i < g.n:
                change[i] += count
            if 0 <= ends < g.n and day + keep < stuck:
                change[int(ends)] -= count
    total = np.cumsum(change)
    b = int(np.clip(index_of(g, int(until), g.U(0, 24)), 0, g.n - 4))
    total += limit - total[: b + 1].max()
    for i in r.integers(0, g.n, int(r.integers(0, 4))):  # a node restarts: its shards are not active for a while
        total -= np.round(total / nodes * np.clip(1 - (g.h - g.h[i]) / g.U(0.2, 1.0), 0, 1) * (g.h >= g.h[i]))
    a, raw = max(0, index_of(g, stuck, 0.0)), (total, limit, "above")
    return g, [Metric("active_shards", total / limit, "items", 0.0, onset=a, crosses=True, raw=raw)]


def _indices(g: Any, day: int, each: float, by_size: float, shards: int, busy: Array) -> list[tuple[int, float, float]]:
    """(index, shards, hours its deletion is late) of what is created on a day: at midnight, and by size all day."""
    many = int(g.rng.poisson(by_size * each / shards))
    hours = np.sort(g.rng.choice(len(busy), many, p=(busy + 0.1) / (busy + 0.1).sum())) * g.step / 3600
    out = [(index_of(g, day, h), float(shards), g.U(0, 0.3)) for h in hours]
    parts, midnight = int(g.rng.integers(1, 4)), index_of(g, day, 0.0)  # a few pollings delete what midnight created
    share = float(np.round((1 - by_size) * each / parts))
    return out + [(midnight + int(g.rng.integers(0, 2)), share, g.U(0.1, 0.6)) for _ in range(parts)]


@kind(True)
def metaspace_of_redeploys(r: np.random.Generator) -> Case:
    """Each redeploy loads its classes again; the old loader is collected some hours later, until a thread holds it."""
    g = G(r, r.uniform(8, 14), step=int(r.choice([60, 120, 300])))
    zone = g.U(-3, 6)
    a, b = next_working_time(g, g.at(0.25, 0.4), zone), g.at(0.88, 0.97)
    restart = next_working_time(g, g.at(0.05, 0.2), zone)
    deploys = sorted([*working_times(g, 1, 6, zone), restart])
    a = min(i for i in deploys if i >= a)  # the version that keeps a thread
    leaks, lazy, level = g.U(0.7, 1.0), g.U(0.3, 0.6), np.zeros(g.n)
    for n, i in enumerate([-g.idx(12), *deploys]):
        size, tau = r.lognormal(0, 0.2), g.U(0.2, 2.0)
        since = (np.arange(g.n) - i) * g.step / 3600
        loaded = size * ((1 - lazy) * np.clip(since / 0.05, 0, 1) + lazy * (1 - np.exp(-np.clip(since, 0, None) / tau)))
        following = deploys[n] if n < len(deploys) else g.n
        freed = following + g.idx(r.lognormal(np.log(1.0), 0.7))
        freed = min(freed, restart) if i < restart else freed
        freed = g.n if i >= a and r.random() < leaks else freed
        level += np.where((since >= 0) & (np.arange(g.n) < freed), loaded, 0.0)
    own = g.U(0.15, 0.35)
    base = own * np.where(g.h >= g.h[restart], np.clip((g.h - g.h[restart]) / 0.2, 0, 1), 1.0)
    u = base + (1 - own) * level / (0.995 * level[: b + 1].max())
    u += g.U(0.0002, 0.001) * (np.exp(g.wander(2.0, 0.5)) - 1)
    limit = float(r.choice([256, 384, 512, 768, 1024, 2048])) * 2**20
    return g, [Metric("metaspace_used", u, "mem", 0.0, onset=a, crosses=True, raw=(u * limit, limit, "above"))]


@kind(True)
def core_dumps_of_a_crash_loop(r: np.random.Generator) -> Case:
    """A dump per crash: many at first, then one per back-off of 5 minutes, fewer by night and when it stays up for a while."""
    g = G(r, r.uniform(1.9, 4.0), step=int(r.choice([15, 30, 60])))
    b = min(int(0.97 * g.n), (a := g.at(0.56, 0.75)) + g.idx(g.U(4, 22)))
    saw, _ = g.saw(float(r.choice([1, 6, 24])), fixed=True)  # logs, compressed by a timer
    base = g.U(0.2, 0.5) + g.U(0.005, 0.03) * saw + 0.01 * g.daily() + g.U(0, 0.01) * g.h / g.H
    first, pause = g.U(30, 240), g.U(0.02, 0.08)
    now, tries, dumps, load = float(g.t[a]), 0, np.zeros(g.n), 0.3 + g.daily()
    while now < g.t[-1]:
        ran = r.lognormal(np.log(first), 0.5) / load[min(int((now - g.t[0]) / g.step), g.n - 1)]
        if r.random() < pause:
            ran, tries = g.U(660, 3600), 0
        now += ran
        if (i := int(np.ceil((now - g.t[0]) / g.step))) < g.n:
            dumps[i] += (0.75 + 0.25 * min(ran / 600, 1.0)) * r.lognormal(0, 0.05)
        now += 10.0 + min(300.0, 10.0 * 2**tries)
        tries += 1
    dumps[r.integers(g.n // 10, a, int(r.integers(0, 3)))] = 0.9  # it crashed before, now and then
    piled = np.cumsum(dumps)
    u = base + piled * (1 - base[b]) / piled[b]
    return g, [Metric("ephemeral_storage", u, disk(r), g.U(0.0002, 0.0008), onset=a, crosses=True)]


@kind(True)
def leases_kept_for_days(r: np.random.Generator) -> Case:
    """The lease time goes from hours to days: the regulars stay in the pool by night, and every guest adds one."""
    g = G(r, r.uniform(9, 15), step=int(r.choice([60, 300])))
    zone, people, limit_at = g.U(-3, 6), int(r.lognormal(np.log(220), 0.6)) + 40, g.at(0.87, 0.97)
    a = next_working_time(g, g.at(0.3, 0.5), zone)
    short, long, guests, weekend = g.U(1, 6), g.U(6, 9) * 24, people * g.U(0.1, 0.35), g.U(0.03, 0.25)
    moves, days = np.zeros(g.n + 1), days_of(g)

    def stays(day: int, arrives: float, lasts: float, after: float) -> float:
        """Counts a lease from its arrival, or from where the one the device still has ends; returns its own end."""
        begin = day * 24 + zone + arrives - float(g.t[0] % 86400) / 3600
        leaves = begin + max(lasts, 0.1)
        end = leaves + (long if leaves >= g.h[a] else short) * g.U(0.5, 1.0)
        i, j = (int(np.clip(np.ceil(x * 3600 / g.step), 0, g.n)) for x in (max(begin, after), max(end, after)))
        moves[i] += 1
        moves[j] -= 1
        return float(max(end, after))

    for _ in range(people):
        comes, has, usual = r.random(days) < g.U(0.5, 0.95), -99.0, r.normal(8.7, 0.9)
        for day in range(days):
            if comes[day] and (weekday(g, day) or r.random() < weekend):
                has = stays(day, usual + 0.4 * r.standard_normal(), r.normal(8.8, 1.2), has)
    for day in range(days):
        for _ in range(int(r.poisson(guests * (1.0 if weekday(g, day) else weekend)))):
            stays(day, g.U(8, 17), r.exponential(2.0), -99.0)
    leases = np.cumsum(moves[:-1]) + int(people * g.U(0.05, 0.3))  # printers, phones, cameras
    leases = np.minimum(leases, limit := float(int(0.985 * leases[: limit_at + 1].max())))
    return g, [Metric("leases", leases / limit, "ips", 0.0, onset=a, crosses=True, raw=(leases, limit, "above"))]


# ---------------------------------------------------------------- they do not
@kind(False)
def certificates_renewed_at_two_thirds(r: np.random.Generator) -> Case:
    """Certificates of hours or days: each is replaced with a third of its life left, sometimes only at a later try."""
    life = float(r.choice([24, 72, 168]))
    days = min(life / 24 * r.uniform(3.5, 6) + 2, 21.5)
    g = G(r, days, step=int(r.choice([60, 300, 900])))
    limit, spread, fails = float(max(1, round(life * g.U(0.05, 0.17)))), g.U(0.0, 0.06), g.U(0.05, 0.4)
    ends, left, first, renewed = life * g.U(0.4, 1.0), np.zeros(g.n), 0, 0.0
    for i in range(g.n):
        if g.h[i] >= renewed:
            if i > 0:
                ends, first = g.h[i] + life, first or i
            late, wait = 0.0, 0.01 * life
            while r.random() < fails and late + wait < 0.12 * life:
                late, wait = late + wait, 2 * wait
            renewed = ends - life / 3 + life * spread * (g.U(0, 1) - 0.5) + late
            if r.random() < 0.12:  # its pod is deployed anew before
                renewed = min(renewed, max(g.h[i], ends - life) + g.U(0.1, 0.6) * life)
        left[i] = np.round((ends - g.h[i]) * 3600)
    u = 1 - (left / 3600 - limit) / (life - limit)
    first, raw = max(first, g.idx(0.75 * life)), (left, limit * 3600.0, "below")
    return g, [Metric("certificate_seconds_left", u, "seconds", 0.0, ignore=[(0, first)], raw=raw)]


@kind(False)
def snapshots_by_hour_day_and_week(r: np.random.Generator) -> Case:
    """What hourly, daily and weekly snapshots still hold: three saws in one, and the longest drops once a week."""
    g = G(r, r.uniform(19, 21.5), step=int(r.choice([300, 600])))
    hours, days, weeks = int(r.choice([12, 24, 36])), int(r.choice([3, 4, 5])), int(r.choice([1, 1, 2]))
    past = 7 * 86400 * (weeks + 1) // g.step  # the changes before the series, by the same rhythm
    load = g.U(0.15, 0.4) + g.daily(weekend=g.U(0.2, 0.8))
    week = g.idx(7 * 24)
    rate = np.r_[load[np.arange(-past, 0) % week], load]
    rate *= np.repeat(r.lognormal(0, g.U(0.1, 0.3), len(rate) // g.idx(6) + 1), g.idx(6))[: len(rate)]
    written = np.cumsum(rate) / rate.mean() * g.step / 86400  # in days of change
    at, first, shift = np.arange(g.n) + past, int(g.t[0]) - past * g.step, int(g.U(0, 7)) * 86400
    oldest = []
    for period, kept, offset in ((3600, hours, 0), (86400, days, 300), (7 * 86400, weeks, 600 + shift)):
        since = (g.t - offset) // period * period + offset - kept * period
        oldest.append(np.clip((since - first) // g.step, 0, None).astype(int))
    kept_hour, kept_day, kept_week = (
        g.U(0.9, 1.0),
        g.U(0.5, 0.8),
        g.U(0.25, 0.6),
    )  # the older, the more is written twice
    held = kept_hour * (written[at] - written[oldest[0]]) + kept_day * (written[oldest[0]] - written[oldest[1]])
    held += kept_week * (written[oldest[1]] - np.minimum(written[oldest[2]], written[oldest[1]]))
    live = g.U(0.3, 0.5) + g.U(0.0, 0.012) * g.h / g.H
    u = live + (g.U(0.84, 0.94) - live) * held / held.max()
    return g, [Metric("pool_allocated", u, disk(r), g.U(0.0002, 0.001), ignore=[(0, week)])]


@kind(False)
def pages_a_forked_save_copies(r: np.random.Generator) -> Case:
    """A cache at its own bound beneath the limit; every save forks, and what is written meanwhile is there twice."""
    g = G(r, r.uniform(4, 7), step=int(r.choice([30, 60])))
    every, own = float(r.choice([0.25, 0.5, 1.0, 2.0])), g.U(0.45, 0.62)
    lasts, bend, rewrite, between = every * g.U(0.15, 0.5), g.U(1.0, 3.0), g.U(2, 14), g.U(8, 16)
    writes = (g.U(0.1, 0.3) + g.daily(weekend=g.U(0.6, 1.0))) * np.exp(g.wander(0.5, 0.12))
    copied, now = np.zeros(g.n), -g.U(0, every)
    while now < g.H:
        long = now >= rewrite  # the log is rewritten as well
        rewrite = now + between * r.lognormal(0, 0.1) if long else rewrite
        length = lasts * r.lognormal(0, 0.08) * (g.U(1.5, 2.5) if long else 1.0)
        x = np.clip((g.h - now) / length, -1, 2)
        running = (x >= 0) & (x < 1)
        size = writes[min(int(np.searchsorted(g.h, now)), g.n - 1)] * (1.25 if long else 1.0)
        copied = np.where(running, size * (1 - np.exp(-bend * x)) / (1 - np.exp(-bend)), copied)
        now += length + every * r.lognormal(0, 0.05)
    evicted, _ = g.saw(g.U(0.1, 0.6), 0.3)
    base = own * (1 - g.U(0.003, 0.012) * evicted) + 0.004 * g.daily()
    u = base + (g.U(0.83, 0.94) - base.max()) * copied / copied.max()
    return g, [Metric("resident_memory", u, "mem", g.U(0.0005, 0.003), ignore=[(0, g.idx(24))])]


@kind(False)
def gpu_allocator_keeps_its_peak(r: np.random.Generator) -> Case:
    """Reserved blocks are kept: each larger batch is a step, records come ever more rarely, and the largest is bounded."""
    g = G(r, r.uniform(4, 10), step=int(r.choice([15, 30, 60, 60])))
    g.gaps = int(r.integers(0, 4))
    load = (0.1 + g.daily(weekend=g.U(0.4, 1.0))) * np.exp(g.U(-2.5, 2.5)) * g.step / 60
    batch = -np.log1p(-(r.random(g.n) ** (1 / load)))  # the largest of so many
    batch = np.minimum(batch, g.U(0.85, 1.3) * np.log(load.sum()))
    deploys = sorted(next_working_time(g, int(i), g.U(-3, 6)) for i in r.integers(g.n // 8, g.n, int(r.integers(0, 5))))
    peak = hold_by_segment(batch, deploys)
    weights, top, share, fits = g.U(0.3, 0.55), g.U(0.84, 0.95), g.U(0.05, 0.4), g.U(8, 25)
    records, count, u = np.diff(peak, prepend=0.0) != 0, 0, np.zeros(g.n)
    for i in range(g.n):
        count = 0 if i in deploys else count + int(records[i])
        u[i] = (1 - share) * peak[i] / peak.max() + share * (1 - np.exp(-count / fits))  # and blocks that fit nothing
    u = weights + (top - weights) * u
    for i in deploys:  # the weights are read again
        k = max(2, g.idx(g.U(0.03, 0.15)))
        u[i : i + k] = np.linspace(0.01, weights, k)[: g.n - i]
    limit, block = float(r.choice([16, 24, 40, 48, 80])) * 0.97 * 2**30, 2.0 * 2**20
    used = np.round(u * limit / block) * block
    return g, [Metric("gpu_memory_used", used / limit, "mem", 0.0, raw=(used, limit, "above"))]
