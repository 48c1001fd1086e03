"""How a warning is judged.

With opening O, crossing C and deadline D = the largest `latest` told + 25 % of (`latest` - O), a forecast warning is

    hit          C <= D and O <= C - max(2 steps, min(1 h, 10 % of C - trend start))
    late         C <= D, but it opened nearer to C than that
    false        D has passed with >= 80 % of the samples present and no C
    unjudgeable  D has passed with fewer samples, or the series is gone, or its limit changed
    expired      no declared truth and no person's verdict for 7 d

and a crossing with no warning open in the horizon before it is missed. A warning withdrawn before D
is still settled at D.
"""

from __future__ import annotations

from aiops.core.labels import Labels
from aiops.core.records import EarlyWarning, Outcome, Verdict

ENOUGH_SAMPLES = 0.80
EXPIRES_AFTER_S = 7 * 86400


def deadline_s(warning: EarlyWarning) -> float | None:
    """D of a forecast warning, epoch seconds; None for one that told no time."""
    latest = warning.told_latest_s
    return None if latest is None else latest + 0.25 * (latest - warning.opened_s)


def required_lead_s(warning: EarlyWarning, crossed_s: int, step_s: int) -> float:
    """How long before the crossing a warning must have opened to be a hit; a trend begins with the warning at the latest."""
    opened = float(warning.opened_s)
    start = opened if warning.trend_start_s is None else min(opened, warning.trend_start_s)
    return max(2.0 * step_s, min(3600.0, 0.1 * (crossed_s - start)))


def on_crossing(warning: EarlyWarning, crossed_s: int, now_s: int, step_s: int) -> Outcome | None:
    """The verdict that a crossing gives; None when it came after the deadline (then the deadline judges)."""
    deadline = deadline_s(warning)
    if deadline is None or crossed_s > deadline or crossed_s < warning.opened_s:
        return None
    in_time = warning.opened_s <= crossed_s - required_lead_s(warning, crossed_s, step_s)
    first = warning.first_crossing
    return _outcome(
        warning,
        "hit" if in_time else "late",
        now_s,
        failed_s=crossed_s,
        lead_s=float(crossed_s - warning.opened_s),
        eta_error_s=None if first is None else first.expected_s - crossed_s,
        interval_covered=None if first is None else first.earliest_s <= crossed_s <= first.latest_s,
        detail=f"crossed {crossed_s - warning.opened_s} s after the warning opened",
    )


def at_deadline(warning: EarlyWarning, now_s: int, coverage: float, gone: bool, limit_changed: bool) -> Outcome | None:
    """The verdict at the deadline when nothing crossed; None before it. `coverage` 0-1: the share of samples present."""
    deadline = deadline_s(warning)
    if deadline is None:
        old = now_s - warning.opened_s >= EXPIRES_AFTER_S
        return _outcome(warning, "expired", now_s, detail="no declared truth and no verdict for 7 d") if old else None
    if limit_changed:
        return _outcome(warning, "unjudgeable", now_s, detail="the limit changed")
    if now_s <= deadline:
        return None
    if gone:
        return _outcome(warning, "unjudgeable", now_s, detail="the series is gone")
    if coverage < ENOUGH_SAMPLES:
        return _outcome(warning, "unjudgeable", now_s, detail=f"only {coverage:.0%} of the samples were there")
    return _outcome(warning, "false", now_s, detail="the deadline passed and nothing crossed")


def missed(card: str, entity: Labels, crossed_s: int, now_s: int) -> Outcome:
    """The outcome of a crossing that nobody warned of."""
    return Outcome("", card, entity, "missed", now_s, None, crossed_s, None, None, None, detail="no warning was open")


def _outcome(
    warning: EarlyWarning,
    verdict: Verdict,
    now_s: int,
    *,
    failed_s: int | None = None,
    lead_s: float | None = None,
    eta_error_s: float | None = None,
    interval_covered: bool | None = None,
    detail: str = "",
) -> Outcome:
    return Outcome(
        warning.id,
        warning.card,
        warning.entity,
        verdict,
        now_s,
        warning.opened_s,
        failed_s,
        lead_s,
        eta_error_s,
        interval_covered,
        "daemon",
        detail,
        warning.first_crossing,
    )
