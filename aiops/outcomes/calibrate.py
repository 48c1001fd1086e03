"""Confidence and intervals that keep what they promise, learnt from what became of earlier warnings. Pure.

    confidence  what the last 300 settled warnings make of what the model says, of its card and of its entity, as far as the
                evidence is for it: see `aiops.outcomes.sureness`. Below 30 of them what is expected is what the cards of its
                models make of it, once these have 30
    interval    conformal: left = expected - opened, R = (failed - opened) / left, the model's bounds a = (earliest - opened)
                / left and b = (latest - opened) / left. Told is left a^k to left b^l, k and l being the ceil(0.9 (n + 1))-th
                smallest log R / log a and log R / log b of the last 300 that failed (0.9: half of what an interval of the
                model's level, here 80 %, leaves out); below 30 drawn alike, against 10, to those of its family, else to 1.
                The expected time moves only where it would lie outside
    floor       what a new warning's own confidence must be so that, of the last 28 days, no more were false than the budget
                allows

Learnt only from what the model itself said at the opening (`Outcome.raw`), never from what was told of it: what was adjusted
once is not adjusted again. The same verdicts give the same calibration; nothing else is kept of it.
Source: Romano, Patterson & Candès, Conformalized quantile regression, NeurIPS 2019 (the asymmetric form, on the scale of the
logarithm).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from aiops.core.labels import Labels, key
from aiops.core.records import CAME, SETTLED, Crossing, Outcome
from aiops.outcomes.scorecard import NOMINAL, raw_interval
from aiops.outcomes.sureness import ODDS, Said, Sureness, weigh

REMEMBERED, ENOUGH = 300, 30
PRIOR_CROSSINGS = 10
"""What the prior of an interval weighs, in failures."""
HALF = 0.5
"""From this weight of what is learnt on it is said that it was learnt."""
FAMILY, MODELS = "family prior", "the model's own"
LONGEST = 5.0
"""An end of an interval lies at most e^5 times as far off as the expected time."""
BUDGET_S = 28 * 86400.0


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What is told of what a model says. `sure`: of its confidence; `early`, `late`: k and l above.

    `outcomes`, `crossings`: how many of the card's own they rest on; `about` says it in words.
    """

    sure: Sureness
    early: float
    late: float
    outcomes: int
    crossings: int
    about: Mapping[str, str]

    def confidence(self, said: float, entity: Labels | None = None) -> float:
        """What is told where the model says `said`, 0-1, of an entity; None: of one without verdicts.

        >>> learn([]).confidence(0.7)
        0.7
        """
        return round(self.sure.told(said, key(entity or {})), 6)

    def crossing(self, said: Crossing, now_s: float) -> Crossing:
        """What is told at `now_s` where the model says `said`; a time without any width stays as it is."""
        left = said.expected_s - now_s
        if left <= 0.0 or said.earliest_s >= said.latest_s:
            return said
        a, b = (said.earliest_s - now_s) / left, (said.latest_s - now_s) / left
        first = now_s + left * _power(a, self.early) if 0.0 < a < 1.0 else said.earliest_s
        last = now_s + left * _power(b, self.late) if b > 1.0 else said.latest_s
        first, last = min(first, last), max(first, last)
        return Crossing(first, min(max(said.expected_s, first), last), last)

    def as_json(self) -> dict[str, Any]:
        """Plain values: what it rests on, and what is told where the model says 0.1, 0.3 …"""
        told = {f"{said:.1f}": round(self.confidence(said), 3) for said in (0.1, 0.3, 0.5, 0.7, 0.9)}
        return {
            **self.about, "outcomes": self.outcomes, "crossings": self.crossings, "early": round(self.early, 3),
            "late": round(self.late, 3), "told": told,
        }  # fmt: skip


def _power(share: float, exponent: float) -> float:
    return math.exp(min(exponent * math.log(share), LONGEST))


def learn(own: Iterable[Outcome], family: Iterable[Outcome] = ()) -> Calibration:
    """From current verdicts of one kind of warning of a card, and of the cards of the same models; in any order."""
    mine, theirs = _in_order(own), _in_order(family)
    sure, rests = _confidence(_said(mine), _said(theirs))
    early, late, crossings, apart = _interval(_off(mine), _off(theirs), 0.5 * (1.0 + _level(mine or theirs)))
    return Calibration(sure, early, late, len(_said(mine)), crossings, {"confidence": rests, "interval": apart})


def _in_order(outcomes: Iterable[Outcome]) -> list[Outcome]:
    """Oldest first; what came at once stands in an order of its own, so that the order of asking never tells."""
    return sorted(outcomes, key=lambda o: (o.settled_s, o.opened_s or 0, o.warning_id))


def _said(outcomes: Sequence[Outcome]) -> list[Said]:
    """What the model said of the newest settled ones, and what came of it."""
    found = [
        (o.raw["confidence"], o.verdict in CAME, key(o.entity))
        for o in outcomes if o.verdict in SETTLED and "confidence" in o.raw
    ]  # fmt: skip
    return found[-REMEMBERED:]


def _off(outcomes: Sequence[Outcome]) -> list[tuple[float, float]]:
    """(log R / log a, log R / log b) of the newest that failed."""
    out = []
    for one in outcomes:
        told = raw_interval(one)
        if told is None or one.opened_s is None or one.failed_s is None or one.verdict not in CAME:
            continue
        left = told.expected_s - one.opened_s
        if left <= 0.0 or not one.opened_s < told.earliest_s < told.expected_s < told.latest_s:
            continue
        r = math.log(max(one.failed_s - one.opened_s, 1.0) / left)
        out.append((r / math.log((told.earliest_s - one.opened_s) / left), r / math.log((told.latest_s - one.opened_s) / left)))
    return out[-REMEMBERED:]


def _level(outcomes: Sequence[Outcome]) -> float:
    """The share of failures that the model means its intervals to hold, as it said last."""
    return next((o.raw["level"] for o in reversed(outcomes) if "level" in o.raw), NOMINAL)


def _confidence(own: Sequence[Said], family: Sequence[Said]) -> tuple[Sureness, str]:
    n = len(own)
    if n >= ENOUGH:
        found = weigh(own)
        if found.weight >= HALF:
            return found, f"calibrated on {n} outcomes"
        drawn = found.weight > ODDS
        return found, f"{MODELS}, drawn to {n} outcomes" if drawn else f"{MODELS}, {n} outcomes make it no better"
    lent = family if len(family) >= ENOUGH and weigh(family).weight >= HALF else ()
    return weigh(own, lent), f"{FAMILY if lent else MODELS}, {_so_many(n, 'outcome')}"


def _so_many(n: int, what: str) -> str:
    return f"no {what}s yet" if not n else f"{n} {what}" + ("s" if n > 1 else "")


def _interval(
    own: Sequence[tuple[float, float]], family: Sequence[tuple[float, float]], share: float
) -> tuple[float, float, int, str]:
    n, prior, whose = len(own), (1.0, 1.0), MODELS
    if n < ENOUGH <= len(family):
        prior, whose = _bounds(family, share), FAMILY
    if not n:
        return *prior, 0, f"{whose}, no crossings yet"
    weight = 1.0 if n >= ENOUGH else n / (n + PRIOR_CROSSINGS)
    early, late = (weight * mine + (1.0 - weight) * theirs for mine, theirs in zip(_bounds(own, share), prior, strict=True))
    return early, late, n, f"calibrated on {n} crossings" if n >= ENOUGH else f"{whose}, {_so_many(n, 'crossing')}"


def _bounds(off: Sequence[tuple[float, float]], share: float) -> tuple[float, float]:
    """The ceil((n + 1) share)-th smallest of each; the largest where there are too few for that."""
    rank = min(len(off), math.ceil(round((len(off) + 1) * share, 9)))
    return sorted(early for early, _ in off)[rank - 1], sorted(late for _, late in off)[rank - 1]


def floor(outcomes: Iterable[Outcome], allowed: float, now_s: float) -> float:
    """What the model must say of a new warning, 0-1, so that no more than `allowed` settled in (now_s - 28 d, now_s] were false.

    It lies at what was said of one of them: the lowest that does, at most the highest, so that the surest always speak; 0 where
    no more were false. One may always be.
    """
    found = [o for o in outcomes if now_s - BUDGET_S < o.settled_s <= now_s and "confidence" in o.raw and o.verdict in SETTLED]
    false = [o.raw["confidence"] for o in found if o.verdict == "false"]
    allowed = max(1.0, allowed)
    if len(false) <= allowed:
        return 0.0
    levels = sorted({o.raw["confidence"] for o in found})
    return next((level for level in levels if sum(said >= level for said in false) <= allowed), levels[-1])
