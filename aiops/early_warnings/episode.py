"""The life of an early warning: one episode per entity, told once, ended once.

(none) --symptoms--> open --symptoms--> open (updated, or worsened when its severity rises)
open --no symptom--> closed "no longer seen", or what is said of it   open --limit crossed--> closed "the limit was crossed"
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from aiops.core.labels import Labels, fingerprint, key
from aiops.core.records import CROSSED, GONE, SEVERITIES, Crossing, EarlyWarning, Stage, Symptom, SymptomKind

Event = Literal["opened", "updated", "worsened", "spread", "closed"]
Told = tuple[Crossing | None, float, Mapping[str, str]]
"""What is told of a symptom: its crossing, its confidence, and in words what they rest on."""


def as_it_is(symptom: Symptom, entity: Labels, now_s: int) -> Told:
    """What the model says."""
    return symptom.crossing, symptom.confidence, {}


@dataclass(frozen=True, slots=True)
class Rules:
    """What a card says about its warnings; `act_margin_s` is how long before the earliest crossing one must act.

    `horizon_s`, `step_s`: how far ahead it looks, and how often. `tell`: what is told of the leading symptom of
    an entity.
    """

    card: str
    signal: str
    stage: Stage
    act_margin_s: float = 0.0
    source: str = ""
    horizon_s: float = 0.0
    step_s: int = 60
    tell: Callable[[Symptom, Labels, int], Told] = as_it_is


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
    over: str = GONE,
) -> tuple[EarlyWarning, Event] | None:
    """The warning after this turn and what happened to it; None when there was none and is none. Pure.

    `symptoms` are the entity's, all of one kind; `current` its open warning. A crossing ends the episode whatever the
    symptoms say. `over`: why it ends without symptoms.
    """
    if current is None:
        return (_open(symptoms, entity, now_s, rules), "opened") if symptoms and not crossed else None
    if crossed or not symptoms:
        why = CROSSED if crossed else over
        return current.having(state="closed", updated_s=now_s, closed_s=now_s, closed_why=why), "closed"
    changed = _update(current, symptoms, now_s, rules)
    return changed, ("worsened" if SEVERITIES.index(changed.severity) > SEVERITIES.index(current.severity) else "updated")


def _leading_first(symptoms: Sequence[Symptom]) -> tuple[Symptom, ...]:
    """The symptom that speaks for the entity, the soonest expected crossing, else the highest score; then the others alike. In
    which order a source tells its series is nobody's business."""
    return tuple(
        sorted(symptoms, key=lambda s: (s.crossing.expected_s if s.crossing else float("inf"), -s.score, key(s.labels)))
    )


def _score(lead: Symptom) -> float:
    """That of the entity, where its symptoms say it."""
    return float(lead.evidence.get("entity_score") or lead.score)


def _act_before(crossing: Crossing | None, now_s: int, rules: Rules) -> float | None:
    return None if crossing is None else max(float(now_s), crossing.earliest_s - rules.act_margin_s)


def _trend_start(symptoms: Sequence[Symptom]) -> float | None:
    """When the earliest of the trends began."""
    starts = [s.evidence.get("trend_start_s") for s in symptoms]
    return min((float(start) for start in starts if start is not None), default=None)


def _open(symptoms: Sequence[Symptom], entity: Labels, now_s: int, rules: Rules) -> EarlyWarning:
    symptoms = _leading_first(symptoms)
    lead = symptoms[0]
    crossing, confidence, calibration = rules.tell(lead, entity, now_s)
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
        confidence=confidence,
        score=_score(lead),
        crossing=crossing,
        first_crossing=crossing,
        told_latest_s=crossing.latest_s if crossing else None,
        trend_start_s=_trend_start(symptoms),
        act_before_s=_act_before(crossing, now_s, rules),
        symptoms=symptoms,
        horizon_s=rules.horizon_s if crossing else 0.0,
        step_s=rules.step_s,
        raw=_raw(lead, confidence),
        calibration=calibration,
    )


def _raw(lead: Symptom, told: float) -> dict[str, float]:
    """What the model says, and how sure people are told to be."""
    c, sure = lead.crossing, {"confidence": lead.confidence, "told": told}
    if c is None:
        return sure
    level = {} if lead.evidence.get("level") is None else {"level": float(lead.evidence["level"])}
    return {**sure, "earliest_s": c.earliest_s, "expected_s": c.expected_s, "latest_s": c.latest_s, **level}


def _update(current: EarlyWarning, symptoms: Sequence[Symptom], now_s: int, rules: Rules) -> EarlyWarning:
    symptoms = _leading_first(symptoms)
    lead = symptoms[0]
    crossing, confidence, calibration = rules.tell(lead, current.entity, now_s)
    told = current.told_latest_s
    if crossing is not None:
        told = max(told or crossing.latest_s, crossing.latest_s)
    starts = [s for s in (current.trend_start_s, _trend_start(symptoms)) if s is not None]
    return current.having(
        labels=lead.labels,
        updated_s=now_s,
        confidence=confidence,
        score=_score(lead),
        crossing=crossing,
        severity=max((s.severity for s in symptoms), key=SEVERITIES.index),
        told_latest_s=told,
        trend_start_s=min(starts, default=None),
        stage=rules.stage,
        act_before_s=_act_before(crossing, now_s, rules),
        symptoms=symptoms,
        calibration=calibration,
        stale_since_s=None,
    )
