"""The page of a scan: a table with a small plot a row, in one file that asks for nothing.

Names come from rules and labels, so from anybody: they are escaped as text. The page holds no script.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from aiops.core.durations import about, rfc3339
from aiops.core.text import visible
from aiops.rules.judge import REASONS
from aiops.scan.rows import STATES, Row, nearest
from aiops.scan.scan import Report
from aiops.web.reports.alone import page

WIDE, HIGH, PAD = 300, 48, 3
DAY, STEP_S = 86400, 300


def render(report: Report, now_s: float, most: int) -> str:
    """The whole page as HTML, with at most `most` rows."""
    ranked = [row for row in report.rows if row.state in STATES]
    shown, calm = nearest(ranked, most)
    others: dict[str, list[str]] = {}
    for row in report.rows:
        if row.state not in STATES:
            why = f"{row.reason}: {REASONS[row.reason]}" if row.reason in REASONS else row.reason
            others.setdefault(visible(why, 200), []).append(visible(row.served.rule.alert))
    return page(
        "scan.html", ("scan.css",), at=rfc3339(now_s), rules=report.rules, total=len(ranked), calm=calm, notes=report.notes,
        rows=[_row(row, now_s) for row in shown], others=sorted(others.items()), wide=WIDE, high=HIGH,
    )  # fmt: skip


def _row(row: Row, now_s: float) -> Mapping[str, Any]:
    times = row.times_s
    now_said, limit, slope = row.numbers()
    return {
        "alert": visible(row.served.rule.alert), "state": row.state, "expr": visible(row.served.rule.expr, 2000),
        "labels": [(visible(name), visible(value)) for name, value in sorted(row.labels.items())],
        "now": now_said, "limit": limit, "slope": slope,
        "history": "" if row.history_s is None else about(row.history_s),
        "times": None if times is None else [about(max(0.0, one - now_s)) for one in times],
        "at": None if times is None else rfc3339(times[1]), "reason": visible(row.reason),
        "guards": [(one.holds, visible(one.expr), one.flips) for one in row.guards],
        "record": visible(row.record.sentence(), 400), "plot": plot(row, now_s),
    }  # fmt: skip


def plot(row: Row, now_s: float) -> Mapping[str, Any] | None:
    """Where what stands in a plot: the last day on the left half, the next on the right; None of a row without samples.

    `lines` (polyline points; a gap ends one), `limit` y, `now` x, `ahead` the way to the limit, `band` (x, width).
    """
    values, limit = row.recent, row.limit
    if values is None or limit is None or not np.isfinite(values).any():
        return None
    low, high = min(float(np.nanmin(values)), limit), max(float(np.nanmax(values)), limit)
    span = high - low or 1.0

    def y(value: float) -> float:
        return round(HIGH - PAD - (HIGH - 2 * PAD) * (value - low) / span, 1)

    def x(time_s: float) -> float:
        return round(min(max(WIDE / 2 * (1 + (time_s - now_s) / DAY), 0.0), float(WIDE)), 1)

    lines: list[list[str]] = [[]]
    for i, value in enumerate(values.tolist()):
        if math.isfinite(value):
            lines[-1].append(f"{x(now_s - STEP_S * (len(values) - 1 - i))},{y(value)}")
        elif lines[-1]:
            lines.append([])
    found: dict[str, Any] = {"lines": [" ".join(one) for one in lines if one], "limit": y(limit), "now": x(now_s)}
    if row.times_s is not None and row.state == "expected" and row.now is not None:
        first, middle, last = map(x, row.times_s)
        found |= {"ahead": (x(now_s), y(row.now), middle, y(limit)), "band": (first, round(max(last - first, 1.0), 1))}
    return found
