"""The record of a card: how many of its warnings were judged how, over all and on each entity."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from typing import Any

from aiops.core.labels import Labels, key
from aiops.core.records import CAME, SETTLED, Outcome, Verdict
from aiops.outcomes.scorecard import sentence

UNPROVEN_BELOW = 20
"""Settled warnings a card needs before its record is called anything but unproven."""
LAST = 100
"""What is told of a card is told of so many of its newest verdicts: it may have been changed since the older ones."""


class Tally:
    """Verdicts of one card, counted; given oldest first.

    >>> Tally([]).record()["text"]
    'new, unproven'
    """

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._last: deque[Outcome] = deque(maxlen=LAST)
        self._replayed: deque[Outcome] = deque(maxlen=LAST)
        self._untouched: deque[bool] = deque(maxlen=LAST)
        self._here: dict[str, Counter[Verdict]] = defaultdict(Counter)
        self._services: dict[str, Counter[Verdict]] = defaultdict(Counter)
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count a verdict; what a replay of the past gave stands apart."""
        if outcome.origin:
            if outcome.verdict in SETTLED:
                self._replayed.append(outcome)
            return
        if outcome.verdict in SETTLED:
            self._last.append(outcome)
            if outcome.warning_id and not outcome.acted:
                self._untouched.append(outcome.verdict == "false")
        self._here[key(outcome.entity)][outcome.verdict] += 1
        if outcome.about.get("service"):
            self._services[outcome.about["service"]][outcome.verdict] += 1

    def of_service(self, name: str) -> tuple[int, int]:
        """(how many came true, of how many settled) on a service."""
        return _counted(self._services[name]) if name in self._services else (0, 0)

    def record(self, entity: Labels | None = None) -> dict[str, Any]:
        """Of the last LAST settled: how many came true, how long before, and how many on this entity where it had some."""
        settled, came = len(self._last), sum(o.verdict in CAME for o in self._last)
        leads = [o.lead_s for o in self._last if o.verdict == "hit" and o.lead_s is not None]
        lead = statistics.median(leads) if leads else None
        said = sentence(came, settled, lead, UNPROVEN_BELOW)
        found = {"settled": settled, "came_true": came, "hit": sum(o.verdict == "hit" for o in self._last), "median_lead_s": lead}
        if entity is not None and key(entity) in self._here:
            found["came_true_here"], found["settled_here"] = _counted(self._here[key(entity)])
            if found["settled_here"]:
                said += f"; here {found['came_true_here']} of {found['settled_here']}"
        if settled < UNPROVEN_BELOW and self._replayed:
            found |= {"replayed": len(self._replayed), "replayed_came_true": sum(o.verdict in CAME for o in self._replayed)}
            said += f"; in a replay of the past {found['replayed_came_true']} of {found['replayed']}"
        return {**found, "text": said}

    @property
    def cleared_alone(self) -> tuple[int, int]:
        """(how many cleared by themselves, of how many): of the newest settled warnings that nobody touched."""
        return sum(self._untouched), len(self._untouched)


def with_groups(own: Mapping[str, Any], groups: Iterable[tuple[str, int, int]]) -> dict[str, Any]:
    """A record, and what came of the warnings of its service and its team: (which, came true, settled) of each.

    >>> with_groups({"text": "new, unproven"}, [("service shop", 9, 12)])["text"]
    'new, unproven; service shop 9 of 12'
    """
    found = list(groups)
    if not found:
        return dict(own)
    told = "; ".join((own["text"], *(f"{name} {came} of {settled}" for name, came, settled in found)))
    return {**own, "groups": [{"of": n, "came_true": came, "settled": settled} for n, came, settled in found], "text": told}


def with_family(own: Mapping[str, Any], family: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The record of a card that is unproven, with what cards of the same models have shown, once these are proven together.

    `about` is the share of the card shrunk to theirs: (its own that came true + 20 of their share) of (its own settled + 20).

    >>> with_family({"settled": 2, "came_true": 2, "text": "new"}, [{"settled": 50, "came_true": 40}])["text"]
    'new; cards like it 40 of 50, so about 82%'
    """
    others = list(family)
    settled, came = (sum(int(one[name]) for one in others) for name in ("settled", "came_true"))
    if own["settled"] >= UNPROVEN_BELOW or settled < UNPROVEN_BELOW:
        return dict(own)
    share = (own["came_true"] + UNPROVEN_BELOW * came / settled) / (own["settled"] + UNPROVEN_BELOW)
    told = f"{own['text']}; cards like it {came} of {settled}, so about {share:.0%}"
    return {**own, "family_settled": settled, "family_came_true": came, "about": share, "text": told}


def _counted(counts: Counter[Verdict]) -> tuple[int, int]:
    return sum(counts[v] for v in CAME), sum(counts[v] for v in SETTLED)
