"""Warnings and failures for the tests of what becomes of them."""

from __future__ import annotations

from typing import Any

from aiops.core.records import GONE, Crossing, EarlyWarning
from aiops.outcomes.settle import Failure

STEP, DAY = 60, 86400
OPENED, EARLIEST, EXPECTED, LATEST = 10_000, 20_000.0, 30_000.0, 50_000.0
HORIZON_S = 100_000.0
H, D = 110_000.0, 120_000.0
"""The end of the horizon, and with a tenth of the way there more the deadline."""


def warning(opened: int = OPENED, timed: bool = True, **changes: Any) -> EarlyWarning:
    """One that told 20,000 to 50,000 and looked 100,000 s ahead, or one of an anomaly, which told no time."""
    crossing = Crossing(EARLIEST, EXPECTED, LATEST) if timed else None
    one = EarlyWarning(
        id="w", fingerprint="f", card="disk_full", signal="free", kind="exhaustion" if timed else "anomaly",
        entity={"instance": "a"}, labels={"instance": "a"}, state="open", stage="ticket", opened_s=opened, updated_s=opened,
        severity="warning", confidence=0.7, score=0.0, crossing=crossing, first_crossing=crossing,
        told_latest_s=LATEST if timed else None, act_before_s=None, symptoms=(), horizon_s=HORIZON_S if timed else 0.0,
        step_s=STEP, told_s=opened,
    )  # fmt: skip
    return one.having(**changes)


def withdrawn(at: int, **changes: Any) -> EarlyWarning:
    """One that was taken back."""
    return warning(state="closed", closed_s=at, updated_s=at, closed_why=GONE, **changes)


def failure(at: int, entity: str = "a", truth: str = "crossing") -> Failure:
    """It failed."""
    return Failure("disk_full", {"instance": entity}, at, truth)
