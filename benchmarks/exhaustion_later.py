"""Kinds for the exhaustion corpus that were written when a version was done, and run once.

Usage: python benchmarks/exhaustion.py --seeds 700-702 --extra exhaustion_later

Mail that comes in office hours, traffic that compounds, cameras whose deletion broke, descriptors lost in bursts of errors, keys
handed out ever faster; and what stays below: a weekly compaction, a backfill, copies of a standby, a term that begins.
A kind is as in `exhaustion_book`: (generator) -> (grid, metrics), u = 1 is the limit.
"""

from __future__ import annotations

import numpy as np
from exhaustion import G, Metric, disk  # type: ignore[import-not-found]
from exhaustion_book import Book, summed

BOOK = Book()
kind, register = BOOK.kind, BOOK.register


def office(g, weekend):
    """(t,) how much is done: most of it from 8 to 18 on working days."""
    hours = 1 / (1 + np.exp(-(g.hod() - 8) * 2)) / (1 + np.exp((g.hod() - 18) * 1.5))
    return 0.08 + hours * np.where((g.t // 86400 + 3) % 7 < 5, 1.0, weekend)


# ---------------------------------------------------------------- they cross
@kind(True)
def mail_of_an_office(r):
    g = G(r, r.uniform(11, 20))
    u0, a, b = g.U(0.3, 0.55), g.at(0, 0.3), g.at(0.85, 0.97)
    rate = office(g, g.U(0.05, 0.2)) * r.lognormal(0, 0.6, g.n)
    return g, [Metric("mail_store", u0 + summed(rate, a, b, 1 - u0), disk(r), g.U(0.001, 0.003), onset=a, crosses=True)]


@kind(True)
def traffic_compounds(r):
    g = G(r, r.uniform(8, 14))
    a, b = g.at(0.3, 0.5), g.at(0.85, 0.97)
    a_day = g.U(1.08, 1.22)
    grown = a_day ** (np.clip(np.arange(g.n) - a, 0, None) * g.step / 86400)
    u = (0.25 + 0.75 * g.daily(weekend=g.U(0.85, 1.0))) * grown
    return g, [Metric("ports_used", u / u[:b].max(), "connections", g.U(0.003, 0.01), onset=a, integer=True, crosses=True)]


@kind(True)
def cameras_no_longer_deleted(r):
    g = G(r, r.uniform(7, 14))
    saw, _ = g.saw(24, 0, fixed=True)
    u0, a, b = g.U(0.5, 0.68), g.at(0.35, 0.6), g.at(0.85, 0.97)
    motion = g.U(0.4, 0.8) + g.daily(sharp=1.0)
    before = np.where(np.arange(g.n) < a, g.U(0.02, 0.05) * saw, 0.0)
    u = u0 + before + summed(motion, a, b, 1 - u0)
    return g, [Metric("archive", u, "fs_used", g.U(0.0005, 0.002), onset=a, crosses=True)]


@kind(True)
def descriptors_lost_in_errors(r):
    g = G(r, r.uniform(6, 12), step=int(r.choice([60, 300])))
    u0, a, b = g.U(0.1, 0.25), g.at(0.2, 0.45), g.at(0.85, 0.97)
    rate = np.full(g.n, 0.1)
    for i in r.integers(0, g.n, int(g.n * g.step / 86400 * g.U(4, 9))):
        rate[i : i + g.idx(g.U(0.5, 3))] += g.U(0.5, 2)
    u = u0 + 0.04 * g.daily() + summed(rate, a, b, 0.97 - u0)
    return g, [Metric("open_files", u, "fds", g.U(0.003, 0.008), onset=a, integer=True, crosses=True)]


@kind(True)
def keys_handed_out_ever_faster(r):
    g = G(r, r.uniform(14, 21))
    u0, a, b = g.U(0.45, 0.7), g.at(0.05, 0.3), g.at(0.85, 0.97)
    rate = (0.4 + g.daily()) * np.exp(g.U(0.04, 0.12) * g.h / 24)
    return g, [Metric("key_used", u0 + summed(rate, a, b, 1 - u0), "xids", 0.0005, onset=a, integer=True, crosses=True)]


# ---------------------------------------------------------------- they do not
@kind(False)
def compacted_once_a_week(r):
    g = G(r, 21)
    week = ((g.t - g.t[0]) / 86400 + g.U(0, 7)) % 7 / 7
    first = int(np.argmax(np.diff(week) < 0)) + 1
    u = g.U(0.3, 0.5) + g.U(0.3, 0.42) * week + 0.02 * g.daily()
    return g, [Metric("index_bytes", u, disk(r), g.U(0.001, 0.003), ignore=[(0, first)])]


@kind(False)
def backfill_then_done(r):
    g = G(r, r.uniform(8, 14))
    u0, p = g.U(0.1, 0.35), g.U(0.55, 0.88)
    a = g.at(0.3, 0.5)
    b = a + g.idx(g.U(14, 80))
    u = u0 + (p - u0) * np.clip((np.arange(g.n) - a) / (b - a), 0, 1) + 0.02 * g.daily()
    return g, [Metric("table_bytes", u, disk(r), g.U(0.001, 0.003))]


@kind(False)
def copies_of_a_standby(r):
    g = G(r, r.uniform(10, 18))
    u, i, first = np.full(g.n, g.U(0.2, 0.35)), g.at(0.05, 0.15), None
    top = g.U(0.4, 0.55)
    while i < g.n - g.idx(14):
        k, hold = g.idx(g.U(5, 9)), g.idx(g.U(0.5, 2))
        u[i : i + k] += top * g.U(0.92, 1.05) * np.arange(k) / k
        u[i + k : i + k + hold] += top
        first = first or i + k + hold
        i += g.idx(g.U(40, 80))
    return g, [Metric("copy_space", u, disk(r), g.U(0.001, 0.003), ignore=[(0, first)])]


@kind(False)
def term_begins(r):
    g = G(r, r.uniform(14, 21))
    middle, width, low, top = g.h[g.at(0.3, 0.5)], g.U(20, 50), g.U(0.1, 0.25), g.U(0.6, 0.9)
    level = low + (top - low) / (1 + np.exp(-(g.h - middle) / width))
    u = level * (0.35 + 0.65 * g.daily(weekend=g.U(0.7, 1.0)))
    return g, [Metric("accounts_on_line", u, "seats", g.U(0.004, 0.01), integer=True)]
