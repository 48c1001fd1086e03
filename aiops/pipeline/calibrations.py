"""What the verdicts on a card's warnings teach of the next: learnt when it is asked for, kept nowhere but in the verdicts."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from threading import Lock
from typing import Any

from aiops.core.labels import Labels
from aiops.core.records import TIMED, Outcome, Symptom, SymptomKind
from aiops.early_warnings.episode import Told
from aiops.models.card import ModelCard
from aiops.models.card_parts import WEEK_S
from aiops.outcomes.calibrate import BUDGET_S, ENOUGH, Calibration, floor, learn
from aiops.outcomes.ladder import not_twice
from aiops.pipeline.stages import family_of
from aiops.store import Store

NEWEST = 2000
"""Verdicts of a card that are looked through, with those of a replay of the past."""
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class Kept:
    """A floor, and for which hour and which allowance it was found."""

    hour: int
    allowed: float
    least: float


class Calibrations:
    """Calibrations and confidence floors by card and kind of warning; watches of several lanes may ask at once."""

    def __init__(self, store: Store) -> None:
        self._store, self._mutex = store, Lock()
        self._known: dict[str, deque[Outcome]] = {}
        self._of: dict[tuple[str, SymptomKind], tuple[Calibration, frozenset[str]]] = {}
        self._floors: dict[tuple[str, SymptomKind], Kept] = {}

    def of(self, card: str, kind: SymptomKind, family: Sequence[str]) -> Calibration:
        """What is told of the warnings of a card; `family`: the cards of the same models."""
        with self._mutex:
            if (card, kind) not in self._of:
                theirs = [o for name in family for o in self._outcomes(name, kind)]
                found = learn(self._outcomes(card, kind), theirs)
                leans = found.outcomes < ENOUGH or (kind in TIMED and found.crossings < ENOUGH)
                self._of[card, kind] = found, frozenset((card, *family) if leans else (card,))
            return self._of[card, kind][0]

    def floor(self, card: str, kind: SymptomKind, allowed_a_week: float, now_s: int) -> float:
        """What a model must say for a new warning of a card to open; looked at anew every hour, and after each verdict."""
        hour, allowed = now_s // HOUR_S, allowed_a_week * BUDGET_S / WEEK_S
        with self._mutex:
            kept = self._floors.get((card, kind))
            if kept is None or (kept.hour, kept.allowed) != (hour, allowed):
                kept = Kept(hour, allowed, floor(self._outcomes(card, kind), allowed, now_s))
                self._floors[card, kind] = kept
            return kept.least

    def settled(self, outcome: Outcome) -> None:
        """One more verdict, which the store has not yet: what rests on it is learnt anew when it is next asked for."""
        with self._mutex:
            self._verdicts(outcome.card).append(outcome)
            self._drop(outcome.card)

    def forget(self, card: str) -> None:
        """Look the verdicts of a card up anew."""
        with self._mutex:
            self._known.pop(card, None)
            self._drop(card)

    def _drop(self, card: str) -> None:
        self._of = {name: known for name, known in self._of.items() if card not in known[1]}
        self._floors = {name: kept for name, kept in self._floors.items() if name[0] != card}

    def _outcomes(self, card: str, kind: SymptomKind) -> list[Outcome]:
        return [o for o in not_twice(self._verdicts(card)) if o.about.get("kind") == kind]

    def _verdicts(self, card: str) -> deque[Outcome]:
        if card not in self._known:
            found = self._store.outcomes(card=card, limit=NEWEST, replayed=True)
            self._known[card] = deque(reversed(found), maxlen=NEWEST)
        return self._known[card]


def telling(found: Calibration, kind: SymptomKind) -> Callable[[Symptom, Labels, int], Told]:
    """What is told of a symptom of a kind on an entity."""
    about = found.about if kind in TIMED else {"confidence": found.about["confidence"]}

    def tell(symptom: Symptom, entity: Labels, now_s: int) -> Told:
        crossing = None if symptom.crossing is None else found.crossing(symptom.crossing, now_s)
        return crossing, found.confidence(symptom.confidence, entity), about

    return tell


def allowance(card: ModelCard, series: int, entities: int) -> float:
    """False warnings that a card accepts a week for all that it watches."""
    budget = card.false_alarm_budget
    many = entities if budget.per == "entity" else series / 100.0
    return budget.count * many * WEEK_S / budget.every


def kinds_of(card: ModelCard) -> list[SymptomKind]:
    """The kinds of warnings of a card that are judged."""
    timed: SymptomKind = "exhaustion" if card.alerts is None else "rule"
    found: list[SymptomKind] = [timed] if card.forecast is not None else []
    return found if card.detect is None else [*found, "anomaly"]


@dataclass(frozen=True, slots=True)
class Shown:
    """What is told of one kind of warnings of a card; `least`: what its model must say for one to open, None = not known."""

    card: str
    kind: SymptomKind
    found: Calibration
    least: float | None

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**self.found.as_json(), "confidence_floor": self.least}


def shown(
    store: Store, cards: Sequence[ModelCard], now_s: float, watched: Callable[[str], tuple[int, int]] | None = None
) -> Iterator[Shown]:
    """What is told of the warnings of each card and kind, learnt anew: for who looks on beside the turns.

    `watched`: (series, entities) of a card, for its floor; an anomaly has none, its threshold holds the budget.
    """
    known = Calibrations(store)
    for card in cards:
        for kind in kinds_of(card):
            least = None
            if watched is not None and kind in TIMED:
                least = known.floor(card.name, kind, allowance(card, *watched(card.name)), int(now_s))
            yield Shown(card.name, kind, known.of(card.name, kind, family_of(card, cards)), least)
