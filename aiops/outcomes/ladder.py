"""How loud a card may be: a ladder shadow, ticket, page that is climbed by its record only. Pure.

    up      one rung, when the gate is passed: so many distinct settled incidents, the lower 90 % Wilson bound of how many came
            true, the median lead, false warnings a week, at most 30 % that were averted, expired or unjudgeable, and 7 days since
            the last move; by a person, or by the rule where the configuration lets it
    ticket  also by the operator's declaration in the configuration; page never
    down    by a person at any time; at once by a breach: the upper bound below the gate, or more false warnings within 7 days
            than the gate allows a week

The record is that of the last 90 days since the card was last taken down. What came or was false within 5 min of another is one
incident with it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from aiops.core.durations import rfc3339, text
from aiops.core.records import STAGES, Outcome, Stage
from aiops.outcomes.scorecard import ASIDE, CAME, WEEK_S, wilson

BETWEEN_MOVES_S = WEEK_S
RECORD_S = 90 * 86400.0
ASIDE_AT_MOST = 0.30
TOGETHER_S = 300
MoveKind = Literal["promoted", "declared", "demoted", "breach"]


class Refused(Exception):
    """A move that the ladder does not allow; the lines say what is missing."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("; ".join(lines))
        self.lines = tuple(lines)


@dataclass(frozen=True, slots=True)
class Gate:
    """What a card must have shown; see `promote_when` of a card."""

    settled: int
    precision_at_least: float
    median_lead_s: float
    false_per_week_at_most: float


@dataclass(frozen=True, slots=True)
class Move:
    """One step on the ladder, and the figures that it rests on. `mark` names a declaration, so that it is taken once."""

    kind: MoveKind
    before: Stage
    after: Stage
    at_s: float
    who: str
    why: str
    figures: dict[str, Any]
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """The record that counts: distinct incidents settled and come true, bounds, leads, false ones, what stands aside.

    `false_recent`: false ones of the last 7 days since the last move. `per_week`: how many are settled a week.
    """

    settled: int
    came: int
    low: float
    high: float
    median_lead_s: float | None
    false_per_week: float
    false_recent: int
    aside: float
    per_week: float

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is missing for the next rung: what there is, what it takes, and when it is there at this pace, if ever."""

    what: str
    has: str
    needs: str
    at_s: float | None

    def __str__(self) -> str:
        when = "not at this record" if self.at_s is None else f"about {rfc3339(self.at_s)}"
        return f"{self.what}: {self.has}, needs {self.needs} ({when})"


def stage_of(moves: Sequence[Move]) -> Stage:
    """Where a card stands after its moves."""
    return moves[-1].after if moves else "shadow"


def standing(outcomes: Iterable[Outcome], moves: Sequence[Move], now_s: float) -> Standing:
    """The record of a card at `now_s`; `outcomes` are its current verdicts, in any order."""
    last = moves[-1].at_s if moves else -math.inf
    down = max((m.at_s for m in moves if m.kind in ("demoted", "breach")), default=-math.inf)
    since = max(now_s - RECORD_S, down)
    found = [o for o in outcomes if since < o.settled_s <= now_s and o.verdict != "missed"]
    came = _distinct(o.failed_s if o.failed_s is not None else o.settled_s for o in found if o.verdict in CAME)
    false = _distinct(_opened(o) for o in found if o.verdict == "false")
    recent = _distinct(_opened(o) for o in found if o.verdict == "false" and o.settled_s > max(last, now_s - WEEK_S))
    settled = came + false
    low, high = wilson(came, settled)
    leads = [o.lead_s for o in found if o.verdict == "hit" and o.lead_s is not None]
    span = max(WEEK_S, now_s - min((_opened(o) for o in found), default=now_s))
    aside = sum(o.verdict in ASIDE for o in found) / len(found) if found else 0.0
    return Standing(
        settled, came, low, high, statistics.median(leads) if leads else None, false * WEEK_S / span, recent, aside,
        settled * WEEK_S / span,
    )  # fmt: skip


def _opened(outcome: Outcome) -> int:
    return outcome.settled_s if outcome.opened_s is None else outcome.opened_s


def _distinct(times: Iterable[int]) -> int:
    count, last = 0, -math.inf
    for at in sorted(times):
        count += at > last + TOGETHER_S
        last = at
    return count


def lacks(found: Standing, gate: Gate, moves: Sequence[Move], now_s: float) -> list[Lack]:
    """What is missing for the next rung; empty when nothing is, or when there is none."""
    if stage_of(moves) == STAGES[-1]:
        return []
    out = []
    if found.settled < gate.settled:
        when = _after(now_s, gate.settled - found.settled, found.per_week)
        out.append(Lack("settled incidents", str(found.settled), str(gate.settled), when))
    if found.low < gate.precision_at_least:
        share = found.came / found.settled if found.settled else 0.0
        has = f"{found.came} of {found.settled} came true, at least {found.low:.0%}"
        when = _after(now_s, _more_needed(share, found.settled, gate.precision_at_least), found.per_week)
        out.append(Lack("precision", has, f"{gate.precision_at_least:.0%}", when))
    if gate.median_lead_s > 0 and (found.median_lead_s or 0.0) < gate.median_lead_s:
        has = "no hit" if found.median_lead_s is None else text(found.median_lead_s)
        out.append(Lack("median lead", has, text(gate.median_lead_s), None))
    if found.false_per_week > gate.false_per_week_at_most:
        out.append(Lack("false a week", f"{found.false_per_week:.2g}", f"at most {gate.false_per_week_at_most:g}", None))
    if found.aside > ASIDE_AT_MOST:
        out.append(Lack("averted, expired, unjudgeable", f"{found.aside:.0%}", f"at most {ASIDE_AT_MOST:.0%}", None))
    if moves and now_s < moves[-1].at_s + BETWEEN_MOVES_S:
        has, free = text(now_s - moves[-1].at_s), moves[-1].at_s + BETWEEN_MOVES_S
        out.append(Lack("time since the last move", has, text(BETWEEN_MOVES_S), free))
    return out


def _after(now_s: float, more: float | None, per_week: float) -> float | None:
    return None if more is None or per_week <= 0 else now_s + more / per_week * WEEK_S


def _more_needed(share: float, settled: int, gate: float) -> float | None:
    """How many more incidents of the same share lift the lower bound to the gate; None when none do."""
    n = max(settled, 1)
    while n < 100_000:
        if wilson(round(share * n), n)[0] >= gate:
            return float(n - settled)
        n += max(1, n // 20)
    return None


def promote(outcomes: Iterable[Outcome], moves: Sequence[Move], gate: Gate, now_s: float, who: str, why: str) -> Move:
    """One rung up. Raises Refused with what is missing."""
    before = stage_of(moves)
    if before == STAGES[-1]:
        raise Refused([f"it is at {before} already"])
    found = standing(outcomes, moves, now_s)
    missing = lacks(found, gate, moves, now_s)
    if missing:
        raise Refused([str(one) for one in missing])
    return Move("promoted", before, STAGES[STAGES.index(before) + 1], now_s, who, why, found.as_json())


def declare(outcomes: Iterable[Outcome], moves: Sequence[Move], now_s: float, who: str, why: str, mark: str) -> Move | None:
    """Shadow to ticket by the operator's word, once for each `mark`; None when it changes nothing."""
    if stage_of(moves) != "shadow" or any(m.mark == mark for m in moves):
        return None
    return Move("declared", "shadow", "ticket", now_s, who, why, standing(outcomes, moves, now_s).as_json(), mark)


def demote(outcomes: Iterable[Outcome], moves: Sequence[Move], to: Stage, now_s: float, who: str, why: str) -> Move:
    """Down, whenever somebody says so. Raises Refused when that is not down."""
    before = stage_of(moves)
    if STAGES.index(to) >= STAGES.index(before):
        raise Refused([f"it is at {before}: {to} is not quieter"])
    return Move("demoted", before, to, now_s, who, why, standing(outcomes, moves, now_s).as_json())


def breach(outcomes: Iterable[Outcome], moves: Sequence[Move], gate: Gate, now_s: float) -> Move | None:
    """One rung down, at once, where the record no longer carries the stage; None while it does."""
    before = stage_of(moves)
    if before == "shadow":
        return None
    found = standing(outcomes, moves, now_s)
    why = ""
    if found.settled and found.high < gate.precision_at_least:
        why = f"{found.came} of {found.settled} came true: at most {found.high:.0%}, the gate is {gate.precision_at_least:.0%}"
    elif found.false_recent > gate.false_per_week_at_most:
        why = f"{found.false_recent} false warnings within 7 days, at most {gate.false_per_week_at_most:g} are allowed"
    if not why:
        return None
    return Move("breach", before, STAGES[STAGES.index(before) - 1], now_s, "rule", why, found.as_json())
