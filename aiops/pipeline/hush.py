"""What a person called wrong is not told for a while. It is judged on, and anybody can take that back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from aiops.core.durations import rfc3339
from aiops.core.records import SEVERITIES, EarlyWarning, Severity
from aiops.outcomes.feedback import HUSHING
from aiops.store import Statement, Store


@dataclass(frozen=True, slots=True)
class Hush:
    """Until when nothing is told of a series, epoch seconds, unless it becomes worse than `severity`; who said so, of which
    warning."""

    until_s: float
    severity: Severity
    who: str
    warning_id: str

    def holds(self, warning: EarlyWarning, now_s: float) -> bool:
        """Whether a warning of the series is not told at `now_s`."""
        return now_s < self.until_s and SEVERITIES.index(warning.severity) <= SEVERITIES.index(self.severity)

    def __str__(self) -> str:
        return f"nothing is told of this series until {rfc3339(self.until_s)}, unless it becomes worse than {self.severity}"


def take(hushes: dict[str, Hush], said: Statement) -> None:
    """Take a statement into what is hushed, by the fingerprint of warnings: a word that calls one wrong begins, `useful` and
    `unhush` end at once."""
    series = str(said.body.get("series", ""))
    if not series or said.kind not in ("feedback", "unhush"):
        return
    word, until_s = said.body.get("word"), said.body.get("hush_until_s")
    if said.kind == "feedback" and word in HUSHING and until_s is not None:
        hushes[series] = Hush(float(until_s), said.body["severity"], said.who, said.warning_id)
    elif series in hushes and (said.kind == "unhush" or word == "useful"):
        known = hushes[series]
        hushes[series] = Hush(min(known.until_s, said.said_s), known.severity, said.who, said.warning_id)


def hush_of(store: Store, warning: EarlyWarning, now_s: float) -> Hush | None:
    """The hush of a warning's series that lasts at `now_s`."""
    found: dict[str, Hush] = {}
    for said in _said(store, warning.card):
        take(found, said)
    hush = found.get(warning.fingerprint)
    return hush if hush is not None and now_s < hush.until_s else None


def _said(store: Store, card: str) -> Iterable[Statement]:
    both = [one for kind in ("feedback", "unhush") for one in store.statements(kind=kind, card=card)]
    return sorted(both, key=lambda one: one.seq)
