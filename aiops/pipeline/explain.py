"""What stands beside a symptom: how its series moved over several spans, what else moved, what speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aiops.core.durations import text
from aiops.core.labels import key
from aiops.core.records import Bools, Floats, History, Ints
from aiops.models.local_hours import localised
from aiops.pipeline.watch import Watch
from aiops.symptoms import begun, explain

MOVED = 1.3
"""Score (-log10 p) from which another series of an entity has moved too."""
LOOK_S = 300
STILL_S = 900
"""A series that holds one value for so long, inside of what is usual, is strange for standing still: no other span says more."""
NAMED, BESIDE = 5, 256
"""Other series named at most, and looked at at most for all warnings of a turn."""


def explain_crossings(watch: Watch, rows: Ints, now_s: int, units: Callable[[int], str] | None = None) -> None:
    """Bring `watch.explained` up to date for these rows; between two looks what was said stands.

    `units`: of each row; None: the card's."""
    known = watch.explained
    if not watch.looked and all(row in known for row in rows.tolist()):
        return
    known.clear()
    if not len(rows) or watch.held is None or watch.crossings is None:
        return
    history, limit, held = watch.window.history(rows, now_s), watch.limit.take(rows), watch.held.take(rows)
    pace = explain.paces(history)
    spans = np.where(np.isfinite(held.window_s), held.window_s, 3600.0)
    cover = np.ones(len(rows))
    for span_s in np.unique(spans).tolist():
        some = spans == span_s
        cover[some] = watch.window.coverage(rows[some], now_s - int(span_s), now_s)
    against = explain.against(history, limit, pace, held.slope, cover, spans, watch.crossings.reason[rows])
    ranges, others = usual_of(watch, rows, history), _others_of(watch, rows, now_s)
    began, edge = begun.rise(history, np.where(limit.above, 1.0, -1.0), spans)
    for i, row in enumerate(rows.tolist()):
        unit = watch.card.unit if units is None else units(row)
        known[row] = {
            "windows": explain.windows(pace[i], float(held.slope[i]), unit), "against": against[i], **ranges[i],
            **begun.plain(float(began[i]), bool(edge[i])),
            **({"also": others[row]} if others.get(row) else {}),
        }  # fmt: skip


def usual_of(watch: Watch, rows: Ints, history: History) -> list[dict[str, float]]:
    """Of some rows the range that is usual now: what the detector of the card says, else what this hour was on earlier days."""
    low, high = explain.usual(localised(history, watch.card.time_zone or "UTC"))
    if watch.detector is not None:
        there = np.isfinite(watch.last_lower[rows]) & np.isfinite(watch.last_upper[rows])
        low, high = np.where(there, watch.last_lower[rows], low), np.where(there, watch.last_upper[rows], high)
    least = np.where(explain.positive(history), 0.0, -np.inf)
    low, high = np.maximum(low, least), np.maximum(high, least)
    return [
        {"usual_low": a, "usual_high": b} if np.isfinite(a) and np.isfinite(b) else {}
        for a, b in zip(low.tolist(), high.tolist(), strict=True)
    ]


def _others_of(watch: Watch, rows: Ints, now_s: int) -> dict[int, list[dict[str, Any]]]:
    """Of each row the other series of its entity that are outside of what is usual for them, the farthest first."""
    if watch.card.alerts is not None or not len(rows):
        return {}
    entities = watch.entity_of[rows]
    near = by_labels(watch, np.flatnonzero(np.isin(watch.entity_of, entities)))[:BESIDE]
    latest, ranges = watch.window.latest(now_s)[near], usual_of(watch, near, watch.window.history(near, now_s))
    low = np.array([one.get("usual_low", np.nan) for one in ranges])
    high = np.array([one.get("usual_high", np.nan) for one in ranges])
    with np.errstate(invalid="ignore", divide="ignore"):
        beyond = np.fmax(latest - high, low - latest) / np.maximum(high - low, 1e-9 * np.abs(high))
    out = {}
    for row, entity in zip(rows.tolist(), entities.tolist(), strict=True):
        mine = np.flatnonzero((watch.entity_of[near] == entity) & (near != row) & (beyond > 0))
        strongest = mine[np.argsort(-beyond[mine], kind="stable")][:NAMED]
        out[row] = [
            {"labels": dict(watch.window.labels[near[i]]), "now": _plain(latest[i]), **ranges[i]} for i in strongest.tolist()
        ]
    return out


def by_labels(watch: Watch, rows: Ints) -> Ints:
    """The same rows in the order of their labels: in which order a source tells its series is nobody's business."""
    return np.array(sorted(rows.tolist(), key=lambda row: key(watch.window.labels[row])), np.int64)


def explain_anomalies(watch: Watch, rows: Ints, now_s: int) -> dict[int, dict[str, Any]]:
    """Of some rows that are strange: how they moved over several spans, since when they have been outside of what is usual now,
    and when they stood as far out before; between two looks, every LOOK_S, what was said stands as long as it is true."""
    look, known = now_s // LOOK_S, watch.moved
    rows_now = set(rows.tolist())
    for row in [row for row, one in known.items() if one.look != look or row not in rows_now]:
        del known[row]
    fresh = np.array(sorted(rows_now - known.keys()), np.int64)
    known.update(_moves(watch, fresh, now_s))
    latest, usual = watch.window.latest(now_s), (watch.last_expected, watch.last_lower, watch.last_upper)
    return {row: one.of(float(latest[row]), [float(each[row]) for each in usual]) for row, one in known.items()}


def _moves(watch: Watch, rows: Ints, now_s: int) -> dict[int, explain.Moved]:
    if not len(rows):
        return {}
    history, latest = watch.window.history(rows, now_s), watch.window.latest(now_s)[rows]
    pace = explain.paces(history)
    ranges, middle = usual_of(watch, rows, history), explain.middle(history)
    low, high = (np.array([one.get(name, np.nan) for one in ranges]) for name in ("usual_low", "usual_high"))
    with np.errstate(invalid="ignore"):
        sign = np.where((latest > high) | ((latest >= middle) & ~(latest < low)), 1.0, -1.0)
    edge = np.where(np.isfinite(low), np.where(sign > 0, high, -low), sign * middle)
    before, positive = explain.reached_before(history, sign, daily=False), explain.positive(history)
    began, held = begun.departure(history, low, high), explain.still(history)
    jumped, level = begun.jumps(history, began)
    pace[np.isfinite(jumped)[:, None] & (np.array(explain.SPANS_S) >= (history.now_s - began)[:, None])] = np.nan
    with np.errstate(invalid="ignore"):
        inside = (latest >= low) & (latest <= high)
    given = _given(watch, rows)
    found, look = {}, now_s // LOOK_S
    for i, row in enumerate(rows.tolist()):
        recent = float(pace[i, 0])
        moved = {} if not np.isfinite(recent) else {
            "slope_per_hour": recent * 3600, "window_s": float(explain.SPANS_S[0]),
            "windows": explain.windows(np.append(np.nan, pace[i, 1:]), recent, watch.card.unit),  # the first is told
        }  # fmt: skip
        if np.isfinite(jumped[i]) and not moved:
            moved = {"jumped": float(jumped[i]), "jumped_from": float(level[i])}
        if given[i]:
            moved |= {"usual_of": "cohort", "reason": "unlike its cohort; it is too new to have been usual itself"}
        if inside[i] and held[i] >= STILL_S:
            moved = {"reason": f"it has not moved for {text(float(held[i]))}"}
        said = [f"it stood as far out {text(float(before[i]))} ago"] if np.isfinite(before[i]) and not inside[i] else []
        found[row] = explain.Moved(
            look, {**moved, **begun.plain(float(began[i])), "against": said},
            float(sign[i]), float(edge[i]), float(sign[i] * latest[i]), bool(positive[i]),
        )  # fmt: skip
    return found


def _given(watch: Watch, rows: Ints) -> Bools:
    """(k,) which of `rows` (k,) are so new that what is usual for them is that of their cohort."""
    starts = watch.detector.starts if watch.detector is not None else None
    if starts is None:
        return np.zeros(len(rows), bool)
    return starts.given(watch.detector_state)[rows]


def newest(watch: Watch, rows: Ints, now_s: int) -> dict[int, dict[str, Any]]:
    """Of some rows when their newest sample was taken, on each row's own clock, and of those that have none now its value."""
    rows = rows[watch.window.newest_s[rows] >= 0]
    at = watch.window.newest_s[rows] + watch.window.shift_s[rows]
    found: dict[int, dict[str, Any]] = {row: {"newest_s": t} for row, t in zip(rows.tolist(), at.tolist(), strict=True)}
    silent = rows[np.isnan(watch.window.latest(now_s)[rows])]
    for row, value in zip(silent.tolist(), _last(watch, silent).tolist(), strict=True):
        found[row] |= {"last": value} if np.isfinite(value) else {}
    return found


def _last(watch: Watch, rows: Ints) -> Floats:
    """(k,) the newest value of each of `rows` (k,), NaN where it is too old to be known to the step."""
    at, out = watch.window.newest_s[rows], np.full(len(rows), np.nan)
    for instant in np.unique(at).tolist():
        some = at == instant
        out[some] = watch.window.value_at(rows[some], np.array([instant], np.int64))[:, 0]
    return out


def explain_absences(watch: Watch, rows: Ints, now_s: int) -> dict[int, dict[str, Any]]:
    """Of some rows that are silent: their last value if it is known, what was usual at this hour, and whether others report."""
    if not len(rows):
        return {}
    last, latest = _last(watch, rows), watch.window.latest(now_s)
    ranges, found = usual_of(watch, rows, watch.window.history(rows, now_s)), {}
    for i, row in enumerate(rows.tolist()):
        others = np.setdiff1d(watch.rows_of(int(watch.entity_of[row])), [row])
        report = int(np.isfinite(latest[others]).sum())
        said = [f"{report} of its {len(others)} other series still report"] if report else []
        found[row] = {"last": _plain(last[i]), "against": said, **ranges[i]}
    return found


def of_others(watch: Watch, order: Ints, leading: int, score: Floats, latest: Floats) -> dict[str, Any]:
    """What the other series of an entity do; `order`: its rows, the `leading` first, then the strongest; `score` (n,), `latest`
    (n,)."""
    moved = [row for row in order[leading:].tolist() if score[row] >= MOVED][:NAMED]
    also = [
        {"labels": dict(watch.window.labels[row]), "now": _plain(latest[row]), "score": round(float(score[row]), 2)}
        for row in moved
    ]
    inside = (latest[order] >= watch.last_lower[order]) & (latest[order] <= watch.last_upper[order])
    calm = int(np.sum(inside & (score[order] < MOVED)))
    said = [f"{calm} of its {len(order)} series are as usual"] if calm else []
    return {"also": also, "against": said}


def _plain(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
