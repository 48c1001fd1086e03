"""The record of a card: how many of its warnings were judged how, over all and on each entity."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from typing import Any

from aiops.core.labels import Labels, key
from aiops.core.records import Outcome, Verdict
from aiops.outcomes.scorecard import CAME, SETTLED, sentence

UNPROVEN_BELOW = 20
"""Settled warnings a card needs before its record is called anything but unproven."""
LAST = 100
"""What is told of a card is told of so many of its newest verdicts: it may have been changed since the older ones."""


class Tally:
    """Verdicts of one card, counted; given oldest first.

    >>> Tally([]).record()["text"]
    'new: unproven'
    """

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._last: deque[Outcome] = deque(maxlen=LAST)
        self._here: dict[str, Counter[Verdict]] = defaultdict(Counter)
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count a verdict."""
        if outcome.verdict in SETTLED:
            self._last.append(outcome)
        self._here[key(outcome.entity)][outcome.verdict] += 1

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
        return {**found, "text": said}


def _counted(counts: Counter[Verdict]) -> tuple[int, int]:
    return sum(counts[v] for v in CAME), sum(counts[v] for v in SETTLED)
