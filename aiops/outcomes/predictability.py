"""Whether the alerts of a rule can be foreseen at all, in numbers: what became of its firings, and how it comes to its limit."""

from __future__ import annotations

import statistics
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiops.core.durations import in_days, text
from aiops.core.labels import Labels
from aiops.core.records import CAME, Outcome
from aiops.core.text import times

REMEMBERED = 1000
"""Newest verdicts of one alert name that count."""
FEW, SUDDEN_SHARE = 5, 0.8
"""So many crossings say something of a rule; noise is where this share of them came all of a sudden."""
SETTLED_AT_LEAST, CAME_AT_LEAST = 5, 0.5
"""A rule is kept in shadow once so many of its warnings are settled and less than this share came true."""
SUDDEN_S = 1800
"""A crossing is sudden when the quantity was nearer to its usual level than to the limit so long before."""
DAYS, NEARLY = 14, 0.9
"""So many days are looked at; that there were fewer is said when less than this share of them is known."""


@dataclass(frozen=True, slots=True)
class Course:
    """How often a rule's comparisons crossed their limit in `days`, and how many of these crossings were sudden: the rule itself
    may be newer."""

    crossings: int = 0
    sudden: int = 0
    days: float = 0.0

    @property
    def noise(self) -> bool:
        """Whether it comes to its limit within minutes, over and over."""
        return self.crossings >= FEW and self.sudden >= SUDDEN_SHARE * self.crossings

    @property
    def whole(self) -> bool:
        """Whether all of the days that are looked at are known, or nearly."""
        return self.days >= NEARLY * DAYS

    def span(self) -> str:
        """The days that were looked at, as people read them.

        >>> Course(days=13.9).span(), Course(days=3.02).span()
        ('14 days', '3 days (of 14 days no more is known)')
        """
        return f"{DAYS} days" if self.whole else f"{in_days(self.days)} (of {DAYS} days no more is known)"


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """What became of a rule's warnings and firings, and its course."""

    hits: int = 0
    late: int = 0
    false: int = 0
    missed: int = 0
    median_lead_s: float | None = None
    course: Course = Course()

    @property
    def settled(self) -> int:
        """Warnings that were judged by what came, or did not."""
        return self.hits + self.late + self.false

    @property
    def quiet(self) -> bool:
        """Whether it is kept in shadow, whatever its card says."""
        poor = self.settled >= SETTLED_AT_LEAST and self.hits + self.late < CAME_AT_LEAST * self.settled
        return self.course.noise or poor

    def sentence(self) -> str:
        """As people read it.

        >>> RuleRecord(course=Course(9, 8, 14.0)).sentence().partition("; ")[0]
        'what it compares crossed its limit 9 times in 14 days, 8 of them within 30m of its usual level'
        """
        course = self.course
        if course.noise:
            often = f"what it compares crossed its limit {course.crossings} times in {course.span()}"
            quickly = f"{course.sudden} of them within {text(SUDDEN_S)} of its usual level"
            return f"{often}, {quickly}; no warning would have been ahead: shadow"
        said = f"{self.hits + self.late} of {self.settled} came true" if self.settled else "new, unproven"
        said += f", median {text(self.median_lead_s)} ahead" if self.median_lead_s is not None else ""
        said += f"; fired {times(self.missed)} without a warning" if self.missed else ""
        if course.crossings:
            crossed = f"what it compares crossed its limit {times(course.crossings)} in {course.span()}"
            said += f"; {crossed}, {course.sudden} of these suddenly"
        return said + (": shadow" if self.quiet else "")

    def as_json(self) -> dict[str, Any]:
        """As an object."""
        return {
            "settled": self.settled, "hits": self.hits, "late": self.late, "false": self.false, "missed": self.missed,
            "median_lead_s": self.median_lead_s, "crossings": self.course.crossings, "sudden": self.course.sudden,
            "days": round(self.course.days, 2), "quiet": self.quiet, "text": self.sentence(),
        }  # fmt: skip


class Predictability:
    """Verdicts by alert name, for the records of rules: several rules may share a name and differ in labels they set."""

    def __init__(self, outcomes: Iterable[Outcome]) -> None:
        self._of: defaultdict[str, deque[tuple[Labels, str, float | None]]] = defaultdict(lambda: deque(maxlen=REMEMBERED))
        for outcome in outcomes:
            self.add(outcome)

    def add(self, outcome: Outcome) -> None:
        """Count a verdict."""
        self._of[outcome.entity.get("alertname", "")].append((outcome.entity, outcome.verdict, outcome.lead_s))

    def record(self, alert: str, own: Mapping[str, str], course: Course) -> RuleRecord:
        """The record of the rule called `alert` that sets the labels `own`."""
        mine = [one for one in self._of.get(alert, ()) if all(one[0].get(k, "") == v for k, v in own.items() if v)]
        count = Counter(verdict for _, verdict, _ in mine)
        leads = [lead for _, verdict, lead in mine if verdict in CAME and lead is not None]
        return RuleRecord(
            count["hit"], count["late"], count["false"], count["missed"], statistics.median(leads) if leads else None, course
        )
