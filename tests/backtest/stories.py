"""Stories made by hand, for pages: one series with whatever is to be seen in it."""

from __future__ import annotations

from typing import Any

import numpy as np

from aiops.backtest.observe import Episode, Story
from aiops.core.records import Crossing, EarlyWarning, Lineage, Outcome, Symptom, SymptomKind, Verdict
from tests.backtest.recordings import START


def story(count: int = 300, step_s: int = 60, **changes: Any) -> Story:
    """A flat series between 1 and 3 with its band, scored from its tenth point on, far below a limit of 5."""
    time_s = START + step_s * np.arange(count, dtype=np.int64)
    scored = np.where(np.arange(count) < 10, np.nan, 0.5)
    fields: dict[str, Any] = {
        "entity": "a", "metric": "m", "step_s": step_s, "time_s": time_s, "values": 2.0 + np.sin(np.arange(count)),
        "lower": 0.5 + 0 * scored, "expected": 2.0 + 0 * scored, "upper": 3.5 + 0 * scored, "own": scored, "score": scored.copy(),
        "threshold": np.full(count, 1.95), "limit": np.full(count, 5.0), "above": True, "told_from_s": int(time_s[0]),
        "episodes": (), "crossings": (), "missed": (),
    }  # fmt: skip
    return Story(**(fields | changes))


def warning(opened: int, closed: int | None = None, kind: SymptomKind = "exhaustion", **changes: Any) -> EarlyWarning:
    """A warning of `a`/`m` that opens at the `opened`th minute; a forecast tells a crossing 60 to 120 minutes later."""
    at, labels = START + 60 * opened, {"entity": "a", "metric": "m"}
    crossing = Crossing(at + 3600, at + 5400, at + 7200) if kind == "exhaustion" else None
    evidence = {"now": 2.0, "slope_per_hour": 0.5, "window_s": 7200.0, "reason": "steadily nearer"}
    symptom = Symptom("c", "s", labels, kind, at, "info", 0.8, 2.5, crossing, evidence, Lineage("r", "q", 0, 1))
    fields: dict[str, Any] = {
        "id": f"{opened:016x}", "fingerprint": "f", "card": "c", "signal": "s", "kind": kind, "labels": labels,
        "entity": labels if kind == "exhaustion" else {"entity": "a"}, "state": "closed" if closed else "open",
        "stage": "shadow", "opened_s": at, "updated_s": at, "severity": "info", "confidence": 0.8, "score": 2.5,
        "crossing": crossing, "first_crossing": crossing, "told_latest_s": crossing and crossing.latest_s,
        "act_before_s": None, "symptoms": (symptom,), "closed_s": START + 60 * closed if closed else None,
        "closed_why": "no longer seen" if closed else "",
    }  # fmt: skip
    return EarlyWarning(**(fields | changes))


def outcome(verdict: Verdict, opened: int, failed: int | None = None) -> Outcome:
    """The verdict on such a warning; it failed at the `failed`th minute."""
    at = None if failed is None else START + 60 * failed
    lead = None if at is None else float(at - START - 60 * opened)
    off = None if at is None else START + 60 * opened + 5400.0 - at
    why, entity = "the deadline passed and nothing crossed", {"entity": "a", "metric": "m"}
    held = None if at is None else True
    return Outcome("w", "c", entity, verdict, START, START + 60 * opened, at, lead, off, held, "daemon", why)


def episode(
    opened: int, closed: int | None = None, judged: Outcome | None = None, kind: SymptomKind = "exhaustion"
) -> Episode:
    """A warning with the times it told at each of its minutes."""
    told = [
        (START + 60.0 * i, START + 60.0 * (opened + 60), START + 60.0 * (opened + 90), START + 60.0 * (opened + 120))
        for i in range(opened, closed or opened + 5)
        if kind == "exhaustion"
    ]
    return Episode(warning(opened, None, kind), warning(opened, closed, kind), told, judged)
