"""Champion and challenger: which of two models that watch the same series is better, by their verdicts. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from aiops.core.records import CAME, Outcome
from aiops.outcomes.ladder import Standing, distinct, not_twice, standing
from aiops.outcomes.scorecard import wilson

Answer = Literal["better", "worse", "mixed", "open"]
LEAST = 5
"""Settled incidents of each below which nothing is said."""
NEVER = 10_000
"""More incidents than this are not waited for."""


@dataclass(frozen=True, slots=True)
class Share:
    """`came` of `all`, with 90 % Wilson bounds; `all` 0: nothing counts towards it."""

    came: int
    all: int

    @property
    def value(self) -> float:
        """0-1; 0.5 of none."""
        return self.came / self.all if self.all else 0.5

    @property
    def bounds(self) -> tuple[float, float]:
        """(lower, upper), (0, 1) of none."""
        return wilson(self.came, self.all)

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        low, high = self.bounds
        return {"came": self.came, "all": self.all, "share": self.value if self.all else None, "low": low, "high": high}


@dataclass(frozen=True, slots=True)
class Side:
    """One record: what it said that came true, which of the failures it foretold, and the rest of its standing."""

    precision: Share
    recall: Share
    record: Standing

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "precision": self.precision.as_json(), "recall": self.recall.as_json(), "median_lead_s": self.record.median_lead_s,
            "false_per_week": self.record.false_per_week, "aside": self.record.aside,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two records from `since_s` on, what lies between their shares (difference, lower, upper; challenger minus champion), and
    what follows. `more`: how many more incidents would decide it at these shares; None: no number would, or none is needed."""

    since_s: float
    champion: Side
    challenger: Side
    precision: tuple[float, float, float]
    recall: tuple[float, float, float]
    answer: Answer
    why: tuple[str, ...]
    more: int | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "since_s": self.since_s, "champion": self.champion.as_json(), "challenger": self.challenger.as_json(),
            "precision_difference": self.precision, "recall_difference": self.recall, "answer": self.answer,
            "why": list(self.why), "more_incidents": self.more,
        }  # fmt: skip


def compare(champion: Iterable[Outcome], challenger: Iterable[Outcome], since_s: float, now_s: float) -> Comparison | None:
    """Which is better, by current verdicts settled in (since_s, now_s]; None where the challenger has none.

    Counted is the time in which both were judged: from the challenger's first verdict, or what it is of, on. Better: the interval
    of a difference lies above 0, and no other below; worse: the other way round; mixed: both; open: neither. Incidents are those
    of the ladder: what lies within 5 min of another is one with it.
    """
    tried = [o for o in not_twice(challenger) if since_s < o.settled_s <= now_s]
    if not tried:
        return None
    begun = max(since_s, min(_of(o) for o in tried))
    kept = [o for o in not_twice(champion) if since_s < o.settled_s <= now_s and _of(o) >= begun]
    sides = _side(kept, now_s), _side(tried, now_s)
    precision = between(sides[0].precision, sides[1].precision)
    recall = between(sides[0].recall, sides[1].recall)
    enough = min(side.precision.all for side in sides) >= LEAST
    said = (("of what it tells, more comes true", "of what it tells, less comes true"),
            ("it foretells more of the failures", "it foretells fewer of the failures"))  # fmt: skip
    up = [words[0] for words, (_, low, _) in zip(said, (precision, recall), strict=True) if low > 0 and enough]
    down = [words[1] for words, (_, _, high) in zip(said, (precision, recall), strict=True) if high < 0 and enough]
    answer: Answer = "mixed" if up and down else "better" if up else "worse" if down else "open"
    more = _more(precision, sides) if answer == "open" else None
    return Comparison(begun, *sides, precision, recall, answer, (*up, *down), more)


def between(one: Share, other: Share) -> tuple[float, float, float]:
    """(difference, lower, upper) of the share of `other` minus that of `one`, at 90 %; (0, -1, 1) where one counts nothing.

    d - sqrt((p2 - l2)² + (u1 - p1)²) … d + sqrt((u2 - p2)² + (p1 - l1)²), l and u the Wilson bounds. Both are judged on the same
    series, so they go up and down together, and the interval is rather too wide.

    Source: Newcombe 1998, Interval estimation for the difference between independent proportions, method 10, Statistics in
    Medicine 17.

    >>> [round(x, 3) for x in between(Share(30, 40), Share(38, 40))]
    [0.2, 0.069, 0.33]
    """
    if not one.all or not other.all:
        return 0.0, -1.0, 1.0
    (l1, u1), (l2, u2), d = one.bounds, other.bounds, other.value - one.value
    return d, d - math.hypot(other.value - l2, u1 - one.value), d + math.hypot(u2 - other.value, one.value - l1)


def _side(found: list[Outcome], now_s: float) -> Side:
    record = standing(found, (), now_s, reach_s=math.inf)  # of the time that was asked for, as the failures are
    failed = [_of(o) for o in found if o.verdict in CAME]
    missed = [_of(o) for o in found if o.verdict == "missed"]
    foretold = distinct(failed)
    return Side(Share(record.came, record.settled), Share(foretold, foretold + distinct(missed)), record)


def _of(outcome: Outcome) -> int:
    """When what an outcome is of was: a failure, else the warning."""
    found = (outcome.failed_s, outcome.opened_s, outcome.settled_s)
    return next(at for at in found if at is not None)


def _more(difference: tuple[float, float, float], sides: tuple[Side, Side]) -> int | None:
    """How many more settled incidents of each would take the interval off 0, as its width falls with the root of their number."""
    d, low, high = difference
    least = min(side.precision.all for side in sides)
    reach = d - low if d > 0 else high - d
    if not least or abs(d) < 1e-9:
        return None
    more = max(math.ceil(least * ((reach / abs(d)) ** 2 - 1.0)), LEAST - least, 1)
    return more if more <= NEVER else None
