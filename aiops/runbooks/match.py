"""Which runbooks fit a warning, and if not, which line refused and the two values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from aiops.core.durations import text
from aiops.core.labels import subset
from aiops.core.records import EarlyWarning
from aiops.runbooks.plan import Refuses, anything, plan
from aiops.runbooks.schema import MODES, Confidence, LeadTime, Mode, Runbook

CEILING: Mode = "suggest"
"""How far a runbook may go where nobody said more."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is matched: a warning, or the symptom of a test."""

    kind: str
    signal: str
    card: str
    labels: Mapping[str, str]
    lead_s: float | None
    confidence: float
    severity: str
    open_s: float
    expected_at: float | None = None
    value: float | None = None
    limit: float | None = None

    @classmethod
    def of(cls, warning: EarlyWarning, now_s: float) -> Subject:
        """A warning as it is at `now_s`."""
        kind = "forecast" if warning.kind in ("exhaustion", "rule") else warning.kind
        expected = None if warning.crossing is None else warning.crossing.expected_s
        evidence = warning.symptoms[0].evidence if warning.symptoms else {}
        return cls(
            kind,
            warning.signal,
            warning.card,
            {**warning.labels, **warning.entity},
            None if expected is None else expected - now_s,
            warning.confidence,
            warning.severity,
            now_s - warning.opened_s,
            expected,
            evidence.get("now"),
            evidence.get("limit"),
        )


@dataclass(frozen=True, slots=True)
class Refusal:
    """The line of `match` that refused: what it wanted and what was there."""

    line: str
    wanted: str
    got: str


@dataclass(frozen=True, slots=True)
class Match:
    """A runbook that fits, with its plan for this warning."""

    runbook: Runbook
    steps: Sequence[Mapping[str, Any]]
    impact: str
    ceiling: Mode = CEILING

    @property
    def mode(self) -> Mode:
        """The mode that holds: the file's, capped."""
        return min(self.runbook.mode, self.ceiling, key=MODES.index)

    def as_json(self) -> dict[str, Any]:
        """What alerts and pages show."""
        capped = self.runbook.mode if self.runbook.mode != self.mode else None
        return {
            "name": self.runbook.name,
            "sha": self.runbook.sha,
            "mode": self.mode,
            "capped_from": capped,
            "summary": self.runbook.summary,
            "owner": self.runbook.owner.team,
            "docs": self.runbook.docs,
            "route": self.runbook.notify.route,
            "impact": self.impact,
            "plan": [dict(s) for s in self.steps],
        }


def refusals(runbook: Runbook, subject: Subject) -> list[Refusal]:
    """Every line of `match` that refuses a subject; empty when it fits."""
    m, out = runbook.match, []
    if m.kind not in ("any", subject.kind):
        out.append(Refusal("kind", m.kind, subject.kind))
    if m.signal is not None and m.signal != subject.signal:
        out.append(Refusal("signal", m.signal, subject.signal))
    if m.card is not None and not fnmatchcase(subject.card, m.card):
        out.append(Refusal("card", m.card, subject.card))
    out += [
        Refusal("labels", str(x), subject.labels.get(x.name, "")) for x in m.labels if not x.matches(subject.labels)
    ]
    out += _outside("lead_time", m.lead_time, subject.lead_s, text) + _outside(
        "confidence", m.confidence, subject.confidence, str
    )
    if m.severity and subject.severity not in m.severity:
        out.append(Refusal("severity", ", ".join(m.severity), subject.severity))
    if subject.open_s < m.for_:
        out.append(Refusal("for", text(m.for_), text(subject.open_s)))
    return out


def _outside(
    line: str, bounds: LeadTime | Confidence | None, got: float | None, show: Callable[[float], str]
) -> list[Refusal]:
    """Which bound a value does not keep; a value that is not there keeps none."""
    if bounds is None:
        return []
    shown, out = "none" if got is None else show(got), []
    if bounds.min is not None and (got is None or got < bounds.min):
        out.append(Refusal(line, f">= {show(bounds.min)}", shown))
    if bounds.max is not None and (got is None or got > bounds.max):
        out.append(Refusal(line, f"<= {show(bounds.max)}", shown))
    return out


def match(
    runbooks: Iterable[Runbook],
    warning: EarlyWarning,
    now_s: float,
    ceiling: Callable[[Runbook], Mode] = lambda runbook: CEILING,
    refuses: Refuses = anything,
) -> list[Match]:
    """The runbooks that fit a warning, with their plans. `for` is not waited for here: what is shown is not done by it.

    `ceiling`: how far a runbook may go for this warning; `refuses`: what the configuration does not let be done.
    """
    subject = Subject.of(warning, now_s)
    out = []
    for runbook in runbooks:
        refused = [r for r in refusals(runbook, subject) if r.line != "for"]
        if runbook.enabled and not refused:
            context = context_of(subject, runbook.target_by)
            steps, impact = plan(runbook, context, refuses)
            out.append(Match(runbook, steps, impact, ceiling(runbook)))
    return out


def context_of(subject: Subject, target_by: Iterable[str]) -> dict[str, Any]:
    """What look-ups and CEL see; what is not known of this warning is left out."""
    symptom = {
        "labels": dict(subject.labels),
        "kind": subject.kind,
        "signal": subject.signal,
        "card": subject.card,
        "lead_time": subject.lead_s,
        "confidence": subject.confidence,
        "severity": subject.severity,
        "expected_at": subject.expected_at,
        "value": subject.value,
        "limit": subject.limit,
    }
    known = {name: value for name, value in symptom.items() if value is not None}
    return {"symptom": known, "target": subset(subject.labels, target_by), "steps": {}}
