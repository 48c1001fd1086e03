"""What stands beside a symptom: how its series moved over several spans, what else moved, what speaks against it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from aiops.core.records import Floats, Ints
from aiops.pipeline.watch import Watch
from aiops.symptoms import explain

MOVED = 1.3
"""Score (-log10 p) from which another series of an entity has moved too."""
NAMED = 5


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
    for i, row in enumerate(rows.tolist()):
        unit = watch.card.unit if units is None else units(row)
        known[row] = {"windows": explain.windows(pace[i], float(held.slope[i]), unit), "against": against[i]}


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
