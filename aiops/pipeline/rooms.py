"""The rooms that a turn works with, and what they know of their cards."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiops.config.responses import ResponseSettings
from aiops.config.routing import Route, WorkingHours
from aiops.core.labels import Labels
from aiops.core.records import STAGES, Outcome, Stage
from aiops.early_warnings.cause import Together
from aiops.governance.gate import Gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.models.card import ModelCard
from aiops.notify.clock import Clock
from aiops.outcomes.predictability import Predictability
from aiops.outcomes.tally import Tally, with_family, with_groups
from aiops.pipeline.calibrations import Calibrations
from aiops.pipeline.changes import Journal
from aiops.pipeline.floor import Floor
from aiops.pipeline.hush import Hush
from aiops.pipeline.mask_book import MaskBook
from aiops.pipeline.stages import family_of
from aiops.pipeline.watch import Watch
from aiops.runbooks import Runbook
from aiops.runbooks.plan import Refuses, anything
from aiops.store import Store
from aiops.telemetry.link import Link

RULES_REMEMBERED = 20_000
"""Newest verdicts of a card of rules that count for the records of its rules."""




@dataclass(slots=True)
class Rooms:
    """Everything a turn works with. `marks_turns`: each turn leaves a mark in the store, so a restart knows where it was.
    `episode_url`, `wrong_url`: of a warning's id, where its page is, and where its reader calls it wrong; None: nowhere.
    `runbook_url`: of a runbook's name, where its page is.
    `clocks`: on whose clock a receiver reads times. `hushes`: what is not told for a while, by fingerprint.
    `killed`: why nothing may be done about warnings now; empty: it may. `refuses`: what the configuration
    does not let actions do.
    `together`: when episodes have one cause; None where entities share nothing, as in a replay of recordings. `calibrations`:
    what verdicts teach of the next warnings; None where what the models say is told as it is. `failing`: of each watch the
    entities (their keys) that are beyond a limit now, where a mask asks for them. `floor`: what the watches have in common.
    `held`: cards that the configuration keeps in shadow, whatever is decided of them meanwhile."""

    store: Store
    journal: Journal
    watches: list[Watch] = field(default_factory=list)
    links: dict[str, Link] = field(default_factory=dict)
    runbooks: Sequence[Runbook] = ()
    routes: Sequence[Route] = ()
    responses: ResponseSettings = field(default_factory=ResponseSettings)
    working_hours: WorkingHours = field(default_factory=WorkingHours)
    local_receivers: frozenset[str] = frozenset()
    renewed_receivers: frozenset[str] = frozenset()
    pictured_receivers: frozenset[str] = frozenset()
    clocks: Mapping[str, Clock] = field(default_factory=dict)
    hushes: dict[str, Hush] = field(default_factory=dict)
    stages: dict[str, Stage] = field(default_factory=dict)
    held: frozenset[str] = frozenset()
    marks_turns: bool = True
    together: Together | None = None
    calibrations: Calibrations | None = None
    clock: Callable[[], float] = time.monotonic
    episode_url: Callable[[str], str] | None = None
    wrong_url: Callable[[str], str] | None = None
    runbook_url: Callable[[str], str] | None = None
    killed: Callable[[], str] = lambda: ""
    refuses: Refuses = anything
    gate: Gate = field(default_factory=lambda: Gate(Policy(), Masker(key_of(None))))
    masks: MaskBook = field(default_factory=MaskBook)
    failing: dict[str, frozenset[str]] = field(default_factory=dict)
    floor: Floor = field(default_factory=Floor)
    _tally: dict[str, Tally] = field(default_factory=dict)
    _predictability: dict[str, Predictability] = field(default_factory=dict)

    def stage_of(self, card: ModelCard) -> Stage:
        """How loud a card is: as it stands on the ladder, else what its file declares, never page; a challenger is in shadow."""
        if card.challenges or card.name in self.held:
            return "shadow"
        return self.stages.get(card.name, loudest_declared(card.stage))

    def settled(self, outcome: Outcome) -> None:
        """Count an outcome into the record of its card."""
        self._tally_of(outcome.card).add(outcome)
        if outcome.card in self._predictability:
            self._predictability[outcome.card].add(outcome)
        if self.calibrations is not None:
            self.calibrations.settled(outcome)

    def forget(self, card: str) -> None:
        """Count a card's record anew: a turn that was not kept may have counted what never was."""
        self._tally.pop(card, None)
        self._predictability.pop(card, None)
        if self.calibrations is not None:
            self.calibrations.forget(card)

    def record_of(self, card: str, entity: Labels | None = None) -> dict[str, Any]:
        """The record that a new warning of a card carries, see `Tally.record`; while it is unproven, that of its family too."""
        own = self._tally_of(card).record(entity)
        return with_family(own, (self._tally_of(name).record() for name in self.family_of(card)))

    def with_groups(self, record: Mapping[str, Any], card: str, service: str) -> dict[str, Any]:
        """A record with those of its service, over all cards, and of its team, where that has more than the card."""
        cards = {watch.card.name: watch.card for watch in self.watches if not watch.card.challenges}
        on_service = [self._tally_of(name).of_service(service) for name in cards] if service else []
        team = cards[card].owner.team if card in cards else ""
        mates = [self._tally_of(name).record() for name, one in cards.items() if one.owner.team == team]
        of_team = sum(one["came_true"] for one in mates), sum(one["settled"] for one in mates)
        groups = [
            (f"service {service}", sum(came for came, _ in on_service), sum(settled for _, settled in on_service)),
            (f"team {team}", *of_team),
        ]
        more = groups[1][2] > record.get("settled", 0)
        return with_groups(record, [one for one in groups[: 1 + more] if one[2]])

    def cards_on(self, source: str | None = None) -> list[str]:
        """Names of the cards that watch something, or that read the source, in order; a challenger is no card of its own."""
        told = (watch for watch in self.watches if not watch.card.challenges)
        return sorted({w.card.name for w in told if source is None or source in (feed.name for feed in w.feeds)})

    def family_of(self, card: str) -> list[str]:
        """The other cards of the same models that are watched."""
        cards = {watch.card.name: watch.card for watch in self.watches}
        return family_of(cards[card], cards.values()) if card in cards else []

    def cleared_alone(self, card: str) -> tuple[int, int]:
        """The base rate of a card, see `Tally.cleared_alone`."""
        return self._tally_of(card).cleared_alone

    def watched(self, card: str) -> tuple[int, int]:
        """(series, entities) that a card watches."""
        mine = [watch for watch in self.watches if watch.card.name == card]
        return sum(watch.n for watch in mine), sum(len(watch.entities) for watch in mine)

    def predictability_of(self, card: str) -> Predictability:
        """What became of the alerts of a card of rules, by their names."""
        if card not in self._predictability:
            self._predictability[card] = Predictability(reversed(self.store.outcomes(card=card, limit=RULES_REMEMBERED)))
        return self._predictability[card]

    def _tally_of(self, card: str) -> Tally:
        if card not in self._tally:
            self._tally[card] = Tally(reversed(self.store.outcomes(card=card, limit=1000, replayed=True)))
        return self._tally[card]


def loudest_declared(stage: Stage) -> Stage:
    """What a declared stage amounts to: page takes a record."""
    return min(stage, "ticket", key=STAGES.index)
