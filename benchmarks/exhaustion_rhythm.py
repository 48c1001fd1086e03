"""Kinds for the exhaustion corpus: leaks of one to four days that happen under a daily rhythm, and what looks like them.

Usage: python benchmarks/exhaustion.py --seeds 0-2 --extra exhaustion_rhythm

Connections, handles and memory that are not given back while traffic comes and goes, a limit near the daily peak, leaks under the
week's rhythm, a weekly dump that grows, growth in office hours; and what stays below: busy days, a launch, traffic that is twice
as much for two days, a leak mended by a restart, memory let go every night, new customers, days off, a desk cleared on Fridays.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed
from exhaustion_later import office

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def rhythm(g, weekend=1.0):
    """(t,) a daily course with broad shoulders, 0 to 1, each day a bit different."""
    return g.daily(weekend=weekend, sharp=g.U(0.7, 1.6))


def leak(g, hours):
    """(begin, amount by which it has grown, 1 after `hours`), as steady as what leaks with each request is."""
    begin = min(g.at(0.55, 0.75), g.n - g.idx(hours) - 20)
    return begin, g.grow(begin, begin + g.idx(hours), 1.0, g.U(0.0, 0.4))


def counted(g, size):
    """What counting adds, as connections that come by chance do: a share of the square root of what there is."""
    return lambda u, _: u + size * np.sqrt(np.maximum(u, 0)) * g.rng.standard_normal(g.n)


def crossing_leak(r, amp, hours, unit, weekend=1.0, days=(8, 13), noise=(0.004, 0.012), integer=True, near=(0.0, 1.0)):
    g = G(r, r.uniform(*days), step=int(r.choice([60, 300])))
    amp, base = g.U(*amp), g.U(0.08, 0.2)
    begin, grown = leak(g, g.U(*hours))
    u = base + amp * rhythm(g, weekend) + (1 - base - amp * g.U(*near)) * grown
    by_chance = counted(g, g.U(0, 0.04))
    return g, [Metric("in_use", u, unit, g.U(*noise), onset=begin, integer=integer, observed=by_chance, crosses=True)]


# ---------------------------------------------------------------- they cross
@kind(True)
def pool_leak_by_day(r):
    return crossing_leak(r, (0.2, 0.4), (22, 40), "connections")


@kind(True)
def handles_leak_by_day(r):
    return crossing_leak(r, (0.25, 0.5), (36, 60), "fds")


@kind(True)
def memory_leak_by_day(r):
    return crossing_leak(r, (0.15, 0.35), (26, 48), "mem", integer=False)


@kind(True)
def leak_in_a_week_of_work(r):
    return crossing_leak(r, (0.25, 0.4), (24, 48), "connections", weekend=float(r.uniform(0.4, 0.8)), days=(10, 15))


@kind(True)
def leak_of_four_days(r):
    return crossing_leak(r, (0.2, 0.4), (80, 110), "mem", days=(12, 16), integer=False)


@kind(True)
def leak_near_the_daily_peak(r):
    return crossing_leak(r, (0.55, 0.7), (24, 44), "connections", near=(0.3, 1.0))


@kind(True)
def weekly_dump_grows(r):
    g = G(r, 38, step=900)
    day, week = (g.t // 86400 + 3) % 7, (g.t // 86400 + 3) // 7
    week = week - week[0]
    begins, lasts, more = g.U(0, 8), g.U(4, 10), g.U(0.1, 0.16)
    dump = (day == int(r.integers(0, 7))) & (g.hod() > begins) & (g.hod() < begins + lasts)
    u = 0.3 + dump * 0.4 * (1 + more * week)
    u = u / (0.3 + 0.4 * (1 + more * (int(week[-1]) - g.U(0.2, 0.9))))
    return g, [Metric("dump_space", u, disk(r), g.U(0.001, 0.004), onset=0, crosses=True)]


@kind(True)
def growth_in_office_hours(r):
    g = G(r, r.uniform(18, 24))
    a, b = g.at(0.0, 0.1), g.at(0.85, 0.97)
    u0 = g.U(0.15, 0.4)
    u = u0 + summed((office(g, 0.0) - 0.08) * r.gamma(4, 0.25, g.n), a, b, 1 - u0)
    return g, [Metric("volume_used", u, disk(r), g.U(0.0003, 0.001), onset=a, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def busy_days(r):
    g = G(r, r.uniform(9, 15), step=int(r.choice([60, 300])))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    factor = 1 + r.normal(0, 0.04, day.max() + 1)
    factor[r.integers(3, day.max(), 2)] = r.uniform(1.3, 1.8, 2)
    u = 0.05 + rhythm(g) * np.interp(np.arange(g.n), np.arange(day.max() + 1) * 86400 / g.step, factor)
    u = u * g.U(0.8, 0.93) / u.max()
    return g, [Metric("in_use", u, "connections", g.U(0.005, 0.015), integer=True, observed=counted(g, g.U(0, 0.04)))]


@kind(False)
def busy_day_from_midnight(r):
    g = G(r, r.uniform(9, 15), step=int(r.choice([60, 300])))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    factor = 1 + r.normal(0, 0.04, day.max() + 1)
    factor[r.integers(3, day.max(), 2)] = r.uniform(1.4, 2.2, 2)
    u = g.U(0.05, 0.2) + rhythm(g) * factor[day]
    u = u * g.U(0.75, 0.93) / u.max()
    return g, [Metric("in_use", u, "connections", g.U(0.005, 0.015), integer=True, observed=counted(g, g.U(0, 0.04)))]


@kind(False)
def launch_of_a_product(r):
    g = G(r, r.uniform(9, 14))
    i, up, down = g.at(0.5, 0.85), g.U(3, 9), g.U(4, 14)
    since = g.h - g.h[i]
    hump = np.clip(since / up, 0, 1) * np.exp(-np.clip(since - up, 0, None) / down)
    u = 0.1 + 0.35 * rhythm(g) * (1 + 0.5 * hump) + g.U(0.2, 0.45) * hump
    u = u * g.U(0.75, 0.92) / u.max()
    return g, [Metric("sessions", u, "items", g.U(0.004, 0.012), integer=True, observed=counted(g, g.U(0, 0.03)))]


@kind(False)
def doubled_for_two_days(r):
    g = G(r, r.uniform(9, 14), step=int(r.choice([60, 300])))
    i, up = g.at(0.5, 0.8), g.U(1, 10)
    since = g.h - g.h[i]
    more = np.clip(since / up, 0, 1) * np.clip((g.U(40, 56) - since) / up, 0, 1)
    u = 0.08 + rhythm(g) * (1 + g.U(0.6, 1.1) * more)
    u = u * g.U(0.75, 0.93) / u.max()
    return g, [Metric("in_use", u, "connections", g.U(0.005, 0.015), integer=True, observed=counted(g, g.U(0, 0.04)))]


@kind(False)
def leak_mended_by_a_restart(r):
    g = G(r, r.uniform(9, 14), step=int(r.choice([60, 300])))
    begin, grown = leak(g, g.U(24, 60))
    amp, base = g.U(0.2, 0.4), g.U(0.1, 0.2)
    mended = begin + int(np.argmax(grown[begin:] >= g.U(0.45, 0.75)))
    u = base + amp * rhythm(g) + (1 - base - amp) * np.where(np.arange(g.n) < mended, grown, 0.0)
    return g, [Metric("in_use", u, "connections", g.U(0.004, 0.012), integer=True, ignore=[(begin, mended)])]


@kind(False)
def memory_let_go_every_night(r):
    g = G(r, r.uniform(8, 14))
    at = g.U(0, 24)
    day = np.floor((g.h - at) / 24).astype(int) + 1
    slope = r.lognormal(0, g.U(0.1, 0.35), day.max() + 2)[day]
    u = g.U(0.15, 0.3) + 0.2 * rhythm(g) + 0.5 * slope * (((g.h - at) % 24) / 24)
    u = u * g.U(0.75, 0.93) / u.max()
    return g, [Metric("rss", u, "mem", g.U(0.003, 0.01), ignore=[(0, g.idx(36))])]


@kind(False)
def new_customers_move_in(r):
    g = G(r, r.uniform(9, 14))
    i, lasts = g.at(0.4, 0.7), g.U(8, 40)
    more = np.clip((g.h - g.h[i]) / lasts, 0, 1)
    u = 0.1 + 0.3 * rhythm(g) * (1 + 0.3 * more) + g.U(0.08, 0.22) * more
    u = u * g.U(0.7, 0.88) / u.max()
    return g, [Metric("sessions", u, "items", g.U(0.004, 0.012), integer=True)]


@kind(False)
def back_from_days_off(r):
    g = G(r, r.uniform(9, 15))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    factor = 1 + r.normal(0, 0.05, day.max() + 1)
    off = int(r.integers(2, 7))
    factor[off : off + int(r.integers(2, 5))] = g.U(0.2, 0.5)
    u = 0.08 + rhythm(g, g.U(0.3, 0.9)) * factor[day]
    u = u * g.U(0.8, 0.94) / u.max()
    return g, [Metric("in_use", u, "connections", g.U(0.005, 0.015), integer=True)]


@kind(False)
def restless_days(r):
    g = G(r, r.uniform(10, 16))
    day = (g.t // 86400 - g.t[0] // 86400).astype(int)
    factor = r.lognormal(0, g.U(0.1, 0.25), day.max() + 1)
    u = 0.15 + rhythm(g, g.U(0.5, 1.0)) * factor[day] + g.wander(g.U(6, 30), g.U(0.02, 0.1))
    u = np.clip(u * g.U(0.8, 0.94) / u.max(), 0.02, None)
    return g, [Metric("in_use", u, "connections", g.U(0.005, 0.015), integer=True)]


@kind(False)
def desk_cleared_on_fridays(r):
    g = G(r, 21)
    week = (g.t + 3 * 86400) % (7 * 86400) / 86400
    kept = np.interp(week, [0, 4.7, 5.0, 7], [0, 1, 0, 0]) * r.normal(1, 0.05, 5)[((g.t + 3 * 86400) // (7 * 86400) % 5)]
    u = 0.15 + 0.25 * rhythm(g, 0.5) + g.U(0.2, 0.5) * kept
    u = u * g.U(0.75, 0.92) / u.max()
    return g, [Metric("open_claims", u, "items", g.U(0.003, 0.01), integer=True, ignore=[(0, g.idx(24 * 7.5))])]
