"""Kinds for the exhaustion corpus that were laid aside while a version was made and run once, when it was done.

Usage: python benchmarks/exhaustion.py --seeds 0-1 --extra exhaustion_reserve

Connections a firewall no longer forgets, log kept for a replica that is gone, seats nobody gives back, memory of a card that
fragments; and what stays below: the lag of a consumer that catches up by night, backups kept until the next full one, credits
spent by day and earned by night, mail of campaigns.
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
def connections_not_forgotten(r):
    g = G(r, r.uniform(6, 12), step=int(r.choice([60, 300])))
    a, b = g.at(0.3, 0.55), g.at(0.85, 0.97)
    load = 0.25 + g.daily()
    u0 = g.U(0.1, 0.2)
    u = u0 + 0.1 * load + g.wander(0.5, 0.01) + summed(load, a, b, 0.86 - u0)
    return g, [Metric("conntrack_entries", u, "connections", g.U(0.003, 0.01), onset=a, integer=True, crosses=True)]


@kind(True)
def log_kept_for_a_lost_replica(r):
    g = G(r, r.uniform(5, 10))
    a = g.at(0.35, 0.7)
    b = min(g.n - 20, a + g.idx(g.U(20, 80)))
    saw, _ = g.saw(g.U(0.3, 1.0), 0.2)
    batch = 2.5 * ((g.hod() - g.U(0, 24)) % 24 < g.U(1, 4))
    u0 = g.U(0.08, 0.25)
    u = u0 + 0.03 * saw + summed(0.2 + g.daily() + batch, a, b, 0.98 - u0)
    return g, [Metric("wal_kept", u, "fs_used", g.U(0.001, 0.004), onset=a, crosses=True)]


@kind(True)
def seats_nobody_gives_back(r):
    g = G(r, r.uniform(14, 21))
    a, b = g.at(0.05, 0.25), g.at(0.85, 0.97)
    taken = summed(office(g, 0.05) * r.lognormal(0, 0.8, g.n), a, b, 1.0)
    u0 = g.U(0.4, 0.65)
    u = u0 + (1 - u0) * taken
    return g, [Metric("seats_assigned", u, "seats", g.U(0.0005, 0.002), onset=a, integer=True, crosses=True)]


@kind(True)
def card_memory_fragments(r):
    g = G(r, r.uniform(4, 8))
    a, b = g.at(0.2, 0.45), g.at(0.85, 0.97)
    u0, swing, job = g.U(0.15, 0.3), g.U(0.1, 0.25), np.zeros(g.n)
    i = 0
    while i < g.n:
        k = g.idx(g.U(0.3, 2.5))
        job[i : i + k] = g.U(0.4, 1.0)
        i += k + g.idx(g.U(0.05, 0.6))
    u = u0 + swing * job + g.grow(a, b, 0.97 - u0 - 0.9 * swing, 0.4)
    return g, [Metric("card_memory", u, "mem", g.U(0.002, 0.006), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def consumer_catches_up_by_night(r):
    g = G(r, r.uniform(9, 15))
    come = (0.1 + g.daily(weekend=g.U(0.3, 0.9))) * np.exp(g.wander(2, 0.15))
    takes = g.U(0.35, 0.55)
    u = backlog(come, takes)
    u = 0.02 + g.U(0.65, 0.88) * u / u.max()
    return g, [Metric("consumer_lag", u, "items", g.U(0.003, 0.008), integer=True, ignore=[(0, g.idx(36))])]


@kind(False)
def backups_until_the_next_full(r):
    g = G(r, 21)
    hour, full, more, lasts = g.U(0, 24), g.U(0.3, 0.4), g.U(0.02, 0.05), g.U(1.5, 5)
    day = np.floor((g.h + hour) / 24).astype(int)
    into = np.clip(((g.h + hour) % 24) / lasts, 0, 1)
    since = (day + int(g.U(0, 7))) % 7
    u = g.U(0.1, 0.2) + full + more * np.maximum(since - 1 + into, 0.0) * (since > 0)
    u += np.where(since == 0, 6 * more + full * into * (into < 1), 0.0)
    first = int(np.argmax((since == 0) & (into >= 1)))
    return g, [Metric("backup_space", u, disk(r), g.U(0.001, 0.003), ignore=[(0, first + g.idx(24))])]


@kind(False)
def credits_earned_by_night(r):
    g = G(r, r.uniform(8, 14))
    spend = 0.15 + g.daily(weekend=g.U(0.3, 0.8)) * r.lognormal(0, 0.15, g.n)
    earn = g.U(0.5, 0.65)
    u = backlog(spend, earn)
    u = 0.03 + g.U(0.6, 0.85) * u / u.max()
    return g, [Metric("credits_spent", u, "percent", g.U(0.002, 0.006), integer=True, ignore=[(0, g.idx(36))])]


@kind(False)
def mail_of_campaigns(r):
    g = G(r, r.uniform(12, 18))
    u, i, first = np.zeros(g.n), g.at(0.03, 0.1), None
    while i < g.n - g.idx(14):
        k, tau = g.idx(g.U(2, 8)), g.U(1.5, 6)
        size = g.U(0.7, 1.0)
        since = (np.arange(g.n) - i - k) * g.step / 3600
        u += size * np.clip((np.arange(g.n) - i) / k, 0, 1) * np.exp(-np.clip(since, 0, None) / tau)
        first = first or i + k + g.idx(3 * tau)
        i += g.idx(g.U(30, 90))
    u = 0.03 + 0.02 * g.daily() + g.U(0.6, 0.85) * u / u.max()
    return g, [Metric("mail_deferred", u, "items", g.U(0.003, 0.008), integer=True, ignore=[(0, first)])]
