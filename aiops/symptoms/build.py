"""From active rows to symptoms: only rows that are symptoms become objects."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiops.core.durations import text
from aiops.core.labels import Labels
from aiops.core.records import (
    Crossing,
    Crossings,
    Floats,
    Ints,
    Limit,
    Lineage,
    Severity,
    State,
    Symptom,
)


@dataclass(frozen=True, slots=True)
class Naming:
    """What a card says about its symptoms; `critical_within_s` and `warning_within_s` are times left, 0 = never."""

    card: str
    signal: str
    unit: str
    critical_within_s: float = 0.0
    warning_within_s: float = 86400.0


@dataclass(frozen=True, slots=True)
class About:
    """What symptoms of every kind say of their row (n,): its labels, the card's words, where its samples come from; `more` is
    further evidence of some rows, plain JSON values."""

    labels: Sequence[Labels]
    naming: Naming
    lineage: Callable[[int], Lineage]
    more: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Strange:
    """An entity that is strange, since `since_s`: its `score` and threshold, the rows (k,) that lead, the share of each in it."""

    rows: Ints
    shares: Floats
    score: float
    threshold: float
    since_s: int


def severity(naming: Naming, left_s: float) -> Severity:
    """Severity of a forecast by the time left. A forecast is critical only where its card says so."""
    if left_s <= naming.critical_within_s:
        return "critical"
    return "warning" if left_s <= naming.warning_within_s else "info"


def sureness(score: float, threshold: float) -> float:
    """Confidence of an anomaly: a half at the threshold of its entity, nine tenths less a half of what is left a unit above.

    >>> [round(sureness(at, 4.0), 3) for at in (3.0, 4.0, 5.0, 40.0)]
    [0.5, 0.5, 0.95, 0.95]
    """
    return float(min(0.95, 1.0 - 0.5 * 10.0 ** -max(0.0, score - threshold)))


PARTIAL_TRUST = 0.5
LEADING = 3
"""Series that an anomaly names as leading."""


def trust(lineage: Lineage) -> float:
    """What a confidence is worth: less when the source said that something may be missing."""
    return 1.0 if lineage.whole else PARTIAL_TRUST


def exhaustion(
    rows: Ints, found: Crossings, latest: Floats, limit: Limit, since_s: Ints, now_s: Ints, about: About
) -> list[Symptom]:
    """Symptoms of rows that will cross their limit; `rows` indexes all the other (n, …) arguments."""
    out, naming = [], about.naming
    for i in rows.tolist():
        early, expected, late = (float(x) for x in found.time_s[i])
        evidence = {
            "now": plain(latest[i]),
            "limit": plain(limit.value[i]),
            "above": bool(limit.above[i]),
            "unit": naming.unit,
            "slope_per_hour": plain(found.slope[i] * 3600),
            "window_s": plain(found.window_s[i]),
            "trend_start_s": plain(now_s[i] - found.window_s[i]),
            "level": found.level,
            "reason": str(found.reason[i]),
            **about.more.get(i, {}),
        }
        lineage, how = about.lineage(i), severity(naming, expected - float(now_s[i]))
        out.append(
            Symptom(
                naming.card, naming.signal, about.labels[i], "exhaustion", int(since_s[i]), how,
                float(found.confidence[i]) * trust(lineage), 0.0, Crossing(early, expected, late), evidence, lineage,
            )
        )  # fmt: skip
    return out


def anomalies(
    entity: Strange, score: Floats, latest: Floats, usual: tuple[Floats, Floats, Floats], about: About, also: Mapping[str, Any]
) -> list[Symptom]:
    """Symptoms of the rows that lead in an entity; `score` (n,) is -log10 p. Confidence grows with the distance of the entity's
    score from its threshold.

    `usual`: expected, lowest and highest usual value here at this hour, (n,) each. `also`: further evidence on all of them; of
    lists that it and that of a row both have one follows the other.
    """
    out, naming = [], about.naming
    for i, share in zip(entity.rows.tolist(), entity.shares.tolist(), strict=True):
        value, lineage = float(score[i]), about.lineage(i)
        evidence = {
            "now": plain(latest[i]),
            "expected": plain(usual[0][i]),
            "usual_low": plain(usual[1][i]),
            "usual_high": plain(usual[2][i]),
            "unit": naming.unit,
            "score": round(value, 3),
            "share": round(share, 3),
            "entity_score": plain(round(entity.score, 3)),
            "threshold": entity.threshold,
            "reason": "unlike what was usual here",
            **also,
        }
        for name, found in about.more.get(i, {}).items():
            evidence[name] = [*evidence.get(name, ()), *found] if isinstance(found, list) else found
        if usual[1][i] <= latest[i] <= usual[2][i]:
            evidence["against"] = [*evidence.get("against", ()), "its value is inside of what is usual now"]
        out.append(
            Symptom(
                naming.card, naming.signal, about.labels[i], "anomaly", entity.since_s, "warning",
                sureness(entity.score, entity.threshold) * trust(lineage), value, None, evidence, lineage,
            )
        )  # fmt: skip
    return out


def absences(
    rows: Ints, score: Floats, silent_s: Floats, usual_s: Floats, now_s: Ints, about: About, seen_s: Floats
) -> list[Symptom]:
    """Symptoms of rows that are silent, since `silent_s` before `now_s`; `usual_s` is the scale of their silences, which is not
    below a smallest one, `seen_s` what they were until now: 0 = none was seen."""
    out, naming = [], about.naming
    for i in rows.tolist():
        silent, value = float(silent_s[i]), plain(score[i]) or 0.0
        usual = "" if seen_s[i] < usual_s[i] else f"; silences of {text(float(usual_s[i]))} are usual here"
        usual = usual or ("; silences so long are not usual here" if seen_s[i] else "; no sample was missing here before")
        evidence = {
            "now": None, "unit": naming.unit, "silent_s": silent, "usual_silence_s": plain(usual_s[i]), "score": round(value, 3),
            "reason": f"silent for {text(silent)} while its source answers{usual}",
            **about.more.get(i, {}),
        }  # fmt: skip
        out.append(
            Symptom(
                naming.card, naming.signal, about.labels[i], "absence", int(now_s[i] - silent), "warning",
                min(0.95, 1.0 - 10.0**-value), value, None, evidence, about.lineage(i),
            )
        )  # fmt: skip
    return out


def conflicts(rows: Ints, state: State, sources: Sequence[str], tolerance: float, about: About) -> list[Symptom]:
    """Symptoms of rows whose sources disagree; `state` (n, …) is what `aiops.telemetry.merge.Agreement` remembers of each row."""
    out, naming = [], about.naming
    for i in rows.tolist():
        first, second = float(state["first"][i]), float(state["second"][i])
        here, there = (sources[int(state[name][i])] for name in ("first_of", "second_of"))
        copies = " (two copies of one series)" if here == there else ""
        evidence = {
            "now": plain(first), "other": plain(second), "source": here, "other_source": there, "tolerance": tolerance,
            "unit": naming.unit, "reason": f"{here} and {there} tell different values{copies}; that of {here} is used",
        }  # fmt: skip
        out.append(
            Symptom(
                naming.card, naming.signal, about.labels[i], "conflict", int(state["since_s"][i]), "info", 0.9, 0.0, None,
                evidence, about.lineage(i),
            )
        )  # fmt: skip
    return out


def plain(x: float) -> float | None:
    """A number as JSON has it: None for what is none."""
    value = float(x)
    return value if math.isfinite(value) else None
