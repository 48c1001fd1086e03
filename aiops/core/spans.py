"""Times in which what matches is not judged, and what lasts at an instant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from aiops.core.labels import Matcher
from aiops.core.records import Bools, Floats, Ints

Matchers = tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Span:
    """[start_s, end_s), epoch seconds, in which series that `match` (none: all) are not judged, and why, in words.

    `card`: whose; empty: of every card.
    """

    start_s: float
    end_s: float
    match: Matchers = ()
    why: str = ""
    card: str = ""

    def as_json(self) -> dict[str, Any]:
        """Plain values; matchers as [name, op, value], for a name from elsewhere may be none that can be written."""
        match = [[m.name, m.op, m.value] for m in self.match]
        return {"start_s": self.start_s, "end_s": self.end_s, "match": match, "why": self.why, "card": self.card}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> Span:
        """What `as_json` gave. Raises ValueError, KeyError or TypeError on anything else."""
        match = tuple(Matcher.make(str(name), str(op), str(value)) for name, op, value in kept["match"])
        return cls(float(kept["start_s"]), float(kept["end_s"]), match, str(kept["why"]), str(kept["card"]))


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """Spans of one scope: `start_s`, `end_s` (k,) ascending, disjoint; a span that another holds is part of it."""

    match: Matchers
    start_s: Floats
    end_s: Floats

    def lasts(self, time_s: Ints) -> Bools:
        """Whether one of them lasts at each of `time_s` (m,), in any order: (m,).

        >>> Group((), np.array([10.0, 30.0]), np.array([20.0, 40.0])).lasts(np.array([9, 10, 19, 20, 35])).tolist()
        [False, True, True, False, True]
        """
        at = np.searchsorted(self.start_s, time_s, "right") - 1
        inside: Bools = (at >= 0) & (time_s < self.end_s[np.maximum(at, 0)])
        return inside


def grouped(spans: Iterable[Span]) -> list[Group]:
    """Spans by what they match, each group merged to disjoint ones; those without a length are left out."""
    by_match: dict[Matchers, list[tuple[float, float]]] = {}
    for one in spans:
        if one.end_s > one.start_s:
            by_match.setdefault(one.match, []).append((one.start_s, one.end_s))
    return [Group(match, *_merged(found)) for match, found in by_match.items()]


def _merged(found: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    starts, ends = np.array(sorted(found), np.float64).T
    reach = np.maximum.accumulate(ends)
    begins = np.r_[True, starts[1:] > reach[:-1]]
    return starts[begins], reach[np.r_[np.flatnonzero(begins)[1:] - 1, len(reach) - 1]]
