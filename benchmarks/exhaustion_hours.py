"""Kinds for the exhaustion corpus: leaks of 6 to 20 hours in series that have a course of the day already.

Usage: python benchmarks/exhaustion.py --seeds 0-9 --extra exhaustion_hours

Memory that follows the load, a backlog of busy hours, staging that is emptied each night, a job that comes each day.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def leaking(r, step, course, unit, noise):
    """A metric of `course` (grid -> (t,)) that leaks at a steady pace from some hour on, and is at its limit 6 to 20 h later."""
    g = G(r, r.uniform(5, 10), step=step)
    lasts, a = g.U(6, 20), g.at(0.6, 0.75)
    b = min(g.n - 3, a + g.idx(lasts))
    usual, leaked = course(g), np.clip((g.h - g.h[a]) / lasts, 0, None)
    u = usual + leaked * (1 - usual[b]) / leaked[b]
    return g, [Metric("used", u, unit, g.U(*noise), onset=a, crosses=True)]


@kind(True)
def hours_of_leak_under_the_load(r):
    return leaking(
        r, int(r.choice([60, 300])), lambda g: g.U(0.1, 0.3) + g.U(0.05, 0.35) * g.daily(), "mem", (0.001, 0.006)
    )


@kind(True)
def hours_of_leak_beside_a_daily_backlog(r):
    def backlog(g):
        return 0.02 + g.U(0.05, 0.4) * np.clip(g.daily(sharp=g.U(2, 6)) - 0.3, 0, None)

    return leaking(r, 300, backlog, "items", (0.0005, 0.002))


@kind(True)
def hours_of_leak_on_staging_emptied_by_night(r):
    def staging(g):
        day = (g.t - int(g.U(0, 5) * 3600)) // 86400
        written = np.cumsum(g.daily(sharp=g.U(1, 3)))
        kept = written - written[np.searchsorted(day, day)]
        return 0.1 + g.U(0.05, 0.35) * kept / kept.max()

    return leaking(r, 300, staging, disk(r), (0.0003, 0.001))


@kind(True)
def hours_of_leak_beside_a_daily_job(r):
    def job(g):
        lasts = g.U(1, 4)
        since = (g.hod() - g.U(0, 20)) % 24
        return 0.2 + g.U(0.05, 0.35) * np.where(since < lasts, since / lasts, 0.0)

    return leaking(r, 300, job, disk(r), (0.0003, 0.001))
