"""Who speaks for an entity: of what is open on it over cards and kinds one is told, and another only once it is worse. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from aiops.core.labels import Labels
from aiops.core.records import FORETELLING, SEVERITIES, STAGES, EarlyWarning

SOONER = 0.75
"""A time is sooner than another one, not the same told again, where at most this share of the time is left until it."""
Heard = Mapping[str, Any]
"""The worst that was told of an episode: `severity`, and `expected_s`, the soonest time; None = none was."""


def place(warning: EarlyWarning) -> Labels:
    """What a warning is about: its entity, of an alert without what its rule calls it."""
    if warning.kind != "rule" or not warning.symptoms:
        return warning.entity
    own = {"alertname", *warning.symptoms[0].evidence.get("rule_sets", ())}
    return {name: value for name, value in warning.entity.items() if name not in own}


def urgency(warning: EarlyWarning) -> tuple[int, int, float, int, str]:
    """What goes first: the loudest, the most severe, the soonest, what stands longest."""
    loud, severe = STAGES.index(warning.stage), SEVERITIES.index(warning.severity)
    return -loud, -severe, _expected(warning), warning.opened_s, warning.id


def heard(warning: EarlyWarning, *others: Heard) -> dict[str, Any]:
    """The worst of what a warning says now, of what was told of its episode, and of `others`."""
    said = [one for one in ({"severity": warning.severity, "expected_s": _expected(warning)}, warning.heard, *others) if one]
    soonest = min(math.inf if one["expected_s"] is None else float(one["expected_s"]) for one in said)
    severity = max((one["severity"] for one in said), key=SEVERITIES.index)
    return {"severity": severity, "expected_s": soonest if math.isfinite(soonest) else None}


def worse(warning: EarlyWarning, than: Heard, now_s: float) -> bool:
    """Whether a warning says something worse than what was told: it is more severe, or tells a time where none was told, or one
    that is sooner by a quarter of the time that was left."""
    if SEVERITIES.index(warning.severity) > SEVERITIES.index(than["severity"]):
        return True
    expected = _expected(warning)
    told = than["expected_s"]
    return math.isfinite(expected) if told is None else expected - now_s < SOONER * max(0.0, float(told) - now_s)


def may_speak(speaker: EarlyWarning, warning: EarlyWarning) -> bool:
    """Whether one may be told in the place of the other: it is as loud or louder, not old for want of its source, and a fault of
    the telemetry speaks for none of what it measures."""
    loud = STAGES.index(speaker.stage) >= STAGES.index(warning.stage)
    return loud and speaker.stale_since_s is None and (speaker.kind in FORETELLING or warning.kind not in FORETELLING)


def _expected(warning: EarlyWarning) -> float:
    return math.inf if warning.crossing is None else warning.crossing.expected_s
