"""How loud a card may be: a ladder shadow, ticket, page that is climbed by its record only. Pure.

    up      one rung, when the gate is passed: so many distinct settled incidents, the lower 90 % Wilson bound of how many came
            true, the median lead, false warnings a week, at most 30 % that were averted, expired or unjudgeable, and 7 days since
            the last move; by a person, or by the rule where the configuration lets it
    ticket  also by the operator's declaration in the configuration; page never. Up to ticket outcomes of a replay of the past
            count, from before the first that was lived; and the cards of the same models may stand in for as many incidents as
            the card has itself, once they have as many as the gate asks for: each as their pooled share
    page    by what was lived alone
    down    by a person at any time; at once by a breach: the upper bound below the gate, or more false warnings within 7 days
            than the gate allows a week or the card's false-alarm budget allows, what was lived counting alone. A single one
            breaks no budget

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
from aiops.core.records import ASIDE, CAME, STAGES, Outcome, Stage
from aiops.outcomes.scorecard import WEEK_S, apart, wilson

BETWEEN_MOVES_S = WEEK_S
RECORD_S = 90 * 86400.0
ASIDE_AT_MOST = 0.30
TOGETHER_S = 300
NEVER = "not at this record"
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

    `false_recent`: false ones of the last 7 days since the last move. `per_week`: how many are settled a week. `replayed`: how
    many of the settled a replay of the past gave. `borrowed`: incidents that the cards of the same models stand in for, beside
    the settled; the bounds hold them.
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
    replayed: int = 0
    borrowed: int = 0

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Lack:
    """Something that is missing for the next rung: what there is, what it takes, and when it is there at this pace, if ever.

    `only_if`: what must be so until then.
    """

    what: str
    has: str
    needs: str
    at_s: float | None
    only_if: str = ""
    never: str = NEVER

    def __str__(self) -> str:
        only = f", {self.only_if}" if self.only_if else ""
        when = self.never if self.at_s is None else f"about {rfc3339(self.at_s)}{only}"
        return f"{self.what}: {self.has}, needs {self.needs} ({when})"


def stage_of(moves: Sequence[Move]) -> Stage:
    """Where a card stands after its moves."""
    return moves[-1].after if moves else "shadow"


@dataclass(frozen=True, slots=True)
class Family:
    """What the cards of the same models have shown together: so many of the settled came true."""

    came: int = 0
    settled: int = 0

    def lends(self, own: int, wanted: int) -> int:
        """For how many incidents they stand in for a card that has `own` of the `wanted`; none before they have as many."""
        return max(0, min(own, wanted - own)) if self.settled >= wanted else 0


def standing(
    outcomes: Iterable[Outcome], moves: Sequence[Move], now_s: float, family: Family = Family(), wanted: int = 0,
    reach_s: float = RECORD_S,
) -> Standing:  # fmt: skip
    """The record of a card at `now_s`, of the last `reach_s`; `outcomes` are its current verdicts, in any order.

    `family` stands in for some of the `wanted` incidents that the card has not. Outcomes of a replay count as far as they lie
    before what was lived.
    """
    last = moves[-1].at_s if moves else -math.inf
    down = max((m.at_s for m in moves if m.kind in ("demoted", "breach")), default=-math.inf)
    since = max(now_s - reach_s, down)
    found = [o for o in not_twice(outcomes) if since < o.settled_s <= now_s and o.verdict != "missed"]
    came, false = _incidents(found)
    recent = _incidents(o for o in found if o.settled_s > max(last, now_s - WEEK_S))[1]
    settled = came + false
    borrowed = family.lends(settled, wanted)
    low, high = wilson(came + (borrowed * family.came / family.settled if borrowed else 0.0), settled + borrowed)
    leads = [o.lead_s for o in found if o.verdict == "hit" and o.lead_s is not None]
    span = max(WEEK_S, now_s - min((_opened(o) for o in found), default=now_s))
    aside = sum(o.verdict in ASIDE for o in found) / len(found) if found else 0.0
    return Standing(
        settled, came, low, high, statistics.median(leads) if leads else None, false * WEEK_S / span, recent, aside,
        settled * WEEK_S / span, settled - sum(_incidents(o for o in found if not o.origin)), borrowed,
    )  # fmt: skip


def lived(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Those that no replay gave."""
    return [o for o in outcomes if not o.origin]


def not_twice(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Without what a replay says of the time that was lived."""
    found = list(outcomes)
    begun = min((_opened(o) for o in found if not o.origin), default=math.inf)
    return [o for o in found if not o.origin or o.settled_s < begun]


def _incidents(found: Iterable[Outcome]) -> tuple[int, int]:
    """How many distinct incidents came true, and were false."""
    some = list(found)
    came = distinct(o.failed_s if o.failed_s is not None else o.settled_s for o in some if o.verdict in CAME)
    return came, distinct(_opened(o) for o in some if o.verdict == "false")


def _opened(outcome: Outcome) -> int:
    return outcome.settled_s if outcome.opened_s is None else outcome.opened_s


def distinct(times: Iterable[int]) -> int:
    """How many of these instants are incidents of their own: what lies within 5 min of another is one with it."""
    count, last = 0, -math.inf
    for at in sorted(times):
        count += at > last + TOGETHER_S
        last = at
    return count


def lacks(found: Standing, gate: Gate, moves: Sequence[Move], now_s: float) -> list[Lack]:
    """What is missing for the next rung; empty when nothing is, or when there is none."""
    if stage_of(moves) == STAGES[-1]:
        return []
    out, none = [], "nothing was settled yet" if not found.settled else NEVER
    if found.settled + found.borrowed < gate.settled:
        when = _after(now_s, gate.settled - found.settled - found.borrowed, found.per_week)
        lent = f" and {found.borrowed} of cards like it" if found.borrowed else ""
        out.append(Lack("settled incidents", f"{found.settled}{lent}", str(gate.settled), when, never=none))
    if found.low < gate.precision_at_least:
        share = found.came / found.settled if found.settled else 0.0
        low = apart(found.low, gate.precision_at_least)
        has = f"{found.came} of {found.settled} came true, at least {low}" if found.settled else "nothing settled yet"
        when = _after(now_s, _more_needed(share, found.settled, gate.precision_at_least), found.per_week)
        out.append(Lack("precision", has, f"{gate.precision_at_least:.0%}", when, never=none))
    if gate.median_lead_s > 0 and (found.median_lead_s or 0.0) < gate.median_lead_s:
        has = "no hit" if found.median_lead_s is None else text(found.median_lead_s)
        out.append(Lack("median lead", has, text(gate.median_lead_s), None, never=none))
    if found.false_per_week > gate.false_per_week_at_most:
        often = next((s for n in (2, 4) if (s := f"{found.false_per_week:.{n}g}") != f"{gate.false_per_week_at_most:g}"), "more")
        out.append(Lack("false a week", often, f"at most {gate.false_per_week_at_most:g}",
                        _thinned(found, gate, now_s), "if no more are false"))  # fmt: skip
    if found.aside > ASIDE_AT_MOST:
        out.append(Lack("averted, expired, unjudgeable", apart(found.aside, ASIDE_AT_MOST), f"at most {ASIDE_AT_MOST:.0%}",
                        _outweighed(found, now_s), "if all that follow are settled", none))  # fmt: skip
    if moves and now_s < moves[-1].at_s + BETWEEN_MOVES_S:
        has, free = text(now_s - moves[-1].at_s), moves[-1].at_s + BETWEEN_MOVES_S
        out.append(Lack("time since the last move", has, text(BETWEEN_MOVES_S), free))
    return out


def _thinned(found: Standing, gate: Gate, now_s: float) -> float:
    """When so much time will have passed that the false ones are few enough a week, or that they are no part of the record."""
    gone = now_s + RECORD_S
    if gate.false_per_week_at_most <= 0:
        return gone
    false = found.settled - found.came
    span = false * WEEK_S / found.false_per_week
    return min(gone, now_s + false * WEEK_S / gate.false_per_week_at_most - span)


def _outweighed(found: Standing, now_s: float) -> float | None:
    """When enough will have been settled beside what stands aside."""
    if found.aside >= 1.0:
        return None
    aside = found.settled * found.aside / (1.0 - found.aside)
    return _after(now_s, math.ceil(aside / ASIDE_AT_MOST - found.settled - aside), found.per_week)


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


def for_next(
    outcomes: Iterable[Outcome], moves: Sequence[Move], gate: Gate, now_s: float, family: Family = Family()
) -> Standing:
    """The record that the next rung asks for: to ticket a replay and the family count, to page what was lived alone."""
    if stage_of(moves) == "shadow":
        return standing(outcomes, moves, now_s, family, gate.settled)
    return standing(lived(outcomes), moves, now_s)


def promote(
    outcomes: Iterable[Outcome], moves: Sequence[Move], gate: Gate, now_s: float, who: str, why: str, family: Family = Family()
) -> Move:
    """One rung up. Raises Refused with what is missing."""
    before = stage_of(moves)
    if before == STAGES[-1]:
        raise Refused([f"it is at {before} already"])
    found = for_next(outcomes, moves, gate, now_s, family)
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


def breach(
    outcomes: Iterable[Outcome], moves: Sequence[Move], gate: Gate, now_s: float, budget: float | None = None
) -> Move | None:
    """One rung down, at once, where the record no longer carries the stage; None while it does.

    `budget`: false warnings that the card allows a week for all that it watches; None = not known.
    """
    before = stage_of(moves)
    if before == "shadow":
        return None
    found = standing(lived(outcomes), moves, now_s)
    why = ""
    if found.settled and found.high < gate.precision_at_least:
        most = apart(found.high, gate.precision_at_least)
        why = f"{found.came} of {found.settled} came true: at most {most}, the gate is {gate.precision_at_least:.0%}"
    elif found.false_recent > gate.false_per_week_at_most:
        why = f"{found.false_recent} false warnings within 7 days, at most {gate.false_per_week_at_most:g} are allowed"
    elif budget is not None and found.false_recent > max(1.0, budget):
        why = f"{found.false_recent} false warnings within 7 days, the budget of what it watches is {budget:.3g}"
    if not why:
        return None
    return Move("breach", before, STAGES[STAGES.index(before) - 1], now_s, "rule", why, found.as_json())
