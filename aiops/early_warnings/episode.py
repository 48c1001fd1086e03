"""The life of an early warning: one episode per entity, told once, ended once.

(none) --symptoms--> open --symptoms--> open (updated, or worsened when its severity rises)
open --no symptom--> closed "no longer seen"        open --limit crossed--> closed "the limit was crossed"
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aiops.core.labels import Labels, fingerprint, key
from aiops.core.records import CROSSED, GONE, SEVERITIES, Crossing, EarlyWarning, Stage, Symptom, SymptomKind

Event = Literal["opened", "updated", "worsened", "closed"]


@dataclass(frozen=True, slots=True)
class Rules:
    """What a card says about its warnings; `act_margin_s` is how long before the earliest crossing one must act.

    `horizon_s`, `step_s`: how far ahead it looks, and how often.
    """

    card: str
    signal: str
    stage: Stage
    act_margin_s: float = 0.0
    source: str = ""
    horizon_s: float = 0.0
    step_s: int = 60


def warning_fingerprint(card: str, kind: SymptomKind, entity: Labels, source: str = "") -> str:
    """Identity of an entity's episodes of one kind, as one source sees it; the same over restarts and machines."""
    return fingerprint(card, kind, key(entity), source)


def next_state(
    current: EarlyWarning | None,
    symptoms: Sequence[Symptom],
    entity: Labels,
    now_s: int,
    rules: Rules,
    crossed: bool = False,
) -> tuple[EarlyWarning, Event] | None:
    """The warning after this turn and what happened to it; None when there was none and is none. Pure.

    `symptoms` are the entity's, all of one kind; `current` its open warning. A crossing ends the episode whatever the
    symptoms say.
    """
    if current is None:
        return (_open(symptoms, entity, now_s, rules), "opened") if symptoms and not crossed else None
    if crossed or not symptoms:
        why = CROSSED if crossed else GONE
        return current.having(state="closed", updated_s=now_s, closed_s=now_s, closed_why=why), "closed"
    changed = _update(current, symptoms, now_s, rules)
    return changed, ("worsened" if SEVERITIES.index(changed.severity) > SEVERITIES.index(current.severity) else "updated")


def _leading(symptoms: Sequence[Symptom]) -> Symptom:
    """The symptom that speaks for the entity: the soonest expected crossing, else the highest score."""
    return min(symptoms, key=lambda s: (s.crossing.expected_s if s.crossing else float("inf"), -s.score, key(s.labels)))


def _act_before(crossing: Crossing | None, now_s: int, rules: Rules) -> float | None:
    return None if crossing is None else max(float(now_s), crossing.earliest_s - rules.act_margin_s)


def _trend_start(symptoms: Sequence[Symptom]) -> float | None:
    """When the earliest of the trends began."""
    starts = [s.evidence.get("trend_start_s") for s in symptoms]
    return min((float(start) for start in starts if start is not None), default=None)


def _open(symptoms: Sequence[Symptom], entity: Labels, now_s: int, rules: Rules) -> EarlyWarning:
    lead = _leading(symptoms)
    mark = warning_fingerprint(rules.card, lead.kind, entity, rules.source)
    return EarlyWarning(
        id=fingerprint(mark, str(now_s)),
        fingerprint=mark,
        card=rules.card,
        signal=rules.signal,
        kind=lead.kind,
        entity=entity,
        labels=lead.labels,
        state="open",
        stage=rules.stage,
        opened_s=now_s,
        updated_s=now_s,
        severity=max((s.severity for s in symptoms), key=SEVERITIES.index),
        confidence=lead.confidence,
        score=lead.score,
        crossing=lead.crossing,
        first_crossing=lead.crossing,
        told_latest_s=lead.crossing.latest_s if lead.crossing else None,
        trend_start_s=_trend_start(symptoms),
        act_before_s=_act_before(lead.crossing, now_s, rules),
        symptoms=tuple(symptoms),
        horizon_s=rules.horizon_s if lead.crossing else 0.0,
        step_s=rules.step_s,
    )


def _update(current: EarlyWarning, symptoms: Sequence[Symptom], now_s: int, rules: Rules) -> EarlyWarning:
    lead = _leading(symptoms)
    told = current.told_latest_s
    if lead.crossing is not None:
        told = max(told or lead.crossing.latest_s, lead.crossing.latest_s)
    starts = [s for s in (current.trend_start_s, _trend_start(symptoms)) if s is not None]
    return current.having(
        labels=lead.labels,
        updated_s=now_s,
        confidence=lead.confidence,
        score=lead.score,
        crossing=lead.crossing,
        severity=max((s.severity for s in symptoms), key=SEVERITIES.index),
        told_latest_s=told,
        trend_start_s=min(starts, default=None),
        stage=rules.stage,
        act_before_s=_act_before(lead.crossing, now_s, rules),
        symptoms=tuple(symptoms),
        stale_since_s=None,
    )
