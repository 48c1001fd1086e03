"""The record of a card: how many of its warnings were judged how, over all and on each entity."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from typing import Any

from aiops.core.labels import Labels, key
from aiops.core.records import Outcome

UNPROVEN_BELOW = 20
"""Settled warnings a card needs before its record is called anything but unproven."""
CAME, SETTLED = ("hit", "late"), ("hit", "late", "false")


class Tally:
    """Verdicts of one card, counted.

    >>> Tally([]).record()["text"]
    'new: unproven'
    """

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._all: Counter[str] = Counter()
        self._here: dict[str, Counter[str]] = defaultdict(Counter)
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count a verdict."""
        self._all[outcome.verdict] += 1
        self._here[key(outcome.entity)][outcome.verdict] += 1

    def record(self, entity: Labels | None = None) -> dict[str, Any]:
        """How many were settled, how many came true, on this entity too where it has had some, in numbers and words."""
        came, settled = _counted(self._all)
        text = f"{came} of {settled} came true"
        if settled < UNPROVEN_BELOW:
            text = f"new: unproven ({text})" if settled else "new: unproven"
        found = {"settled": settled, "came_true": came, "hit": self._all["hit"]}
        if entity is not None and key(entity) in self._here:
            found["came_true_here"], found["settled_here"] = _counted(self._here[key(entity)])
            if found["settled_here"]:
                text += f"; here {found['came_true_here']} of {found['settled_here']}"
        return {**found, "text": text}


def _counted(counts: Counter[str]) -> tuple[int, int]:
    return sum(counts[v] for v in CAME), sum(counts[v] for v in SETTLED)
