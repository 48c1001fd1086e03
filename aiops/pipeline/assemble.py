"""Put the rooms together: from settings, cards and runbooks to watches that can take their turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops import plugins
from aiops.config.responses import ResponseSettings
from aiops.config.routing import Route, WorkingHours, resolved
from aiops.config.settings import Settings
from aiops.core.labels import Labels
from aiops.core.records import STAGES, Lineage, Outcome, Stage
from aiops.core.zones import known_zone
from aiops.early_warnings.cause import Together
from aiops.governance.gate import Gate, open_gate
from aiops.governance.masking import Masker, key_of
from aiops.governance.policy import Policy
from aiops.models.card import ModelCard, with_challengers
from aiops.models.proof import EVIDENCE, Proofs
from aiops.notify.clock import Clock
from aiops.outcomes.predictability import Predictability
from aiops.outcomes.tally import Tally, with_family, with_groups
from aiops.pipeline.calibrations import Calibrations
from aiops.pipeline.changes import Journal, StoreJournal
from aiops.pipeline.clocks import detect_params, on_clock
from aiops.pipeline.feed import Feed
from aiops.pipeline.floor import Floor
from aiops.pipeline.hush import Hush
from aiops.pipeline.keep import restore
from aiops.pipeline.mask_book import MaskBook
from aiops.pipeline.mask_read import open_book
from aiops.pipeline.plane import anchor, groups, open_links, window_dir
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.services import Services
from aiops.pipeline.stages import family_of, held
from aiops.pipeline.watch import Watch
from aiops.runbooks import Runbook
from aiops.runbooks.plan import Refuses, anything
from aiops.store import Store
from aiops.symptoms.build import Naming
from aiops.symptoms.guards import Guards
from aiops.telemetry.breaker import Breaker
from aiops.telemetry.link import Link
from aiops.telemetry.merge import Agreement
from aiops.telemetry.parts import PartsLink
from aiops.telemetry.window import Window

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


def assemble(
    settings: Settings, cards: Sequence[ModelCard], runbooks: Sequence[Runbook], store: Store, data_dir: Path | None,
    clock: Callable[[], float] = time.monotonic, stages: Mapping[str, Stage] | None = None,
) -> Rooms:  # fmt: skip
    """All watches of a configuration: each card on all sources it names. What was kept in `data_dir` is taken up again.

    `clock` says when a source that failed may be asked again. `stages`: where the cards stand; without it what is declared.
    """
    routes = resolved(settings.routes, {name for name, receiver in settings.receivers.items() if receiver.pages})
    rooms = Rooms(store, StoreJournal(store), runbooks=runbooks, routes=routes, working_hours=settings.working_hours)
    declared = {name: loudest_declared(stage) for name, stage in settings.stages.items()}
    rooms.stages, rooms.held = dict(declared if stages is None else stages), held(settings.stages)
    receivers = {name: plugins.load("notifiers", receiver.kind) for name, receiver in settings.receivers.items()}
    rooms.local_receivers = frozenset(name for name, kind in receivers.items() if kind.local)
    e = settings.episodes
    rooms.calibrations = Calibrations(store)
    rooms.together = Together(e.together, e.within, e.joins, e.lasts, e.storm, e.storm_within)
    rooms.renewed_receivers = frozenset(name for name, kind in receivers.items() if kind.renewed)
    shows = {name: kind for name, kind in receivers.items() if kind.pictured}
    rooms.pictured_receivers = frozenset(
        name for name, kind in shows.items() if kind.draws(kind.Params.model_validate(settings.receivers[name].params))
    )
    rooms.clocks, rooms.responses, rooms.clock = clocks_of(settings), settings.responses, clock
    rooms.gate = open_gate(settings.policy, data_dir)
    rooms.links = open_links(settings, rooms.gate, clock)
    rooms.masks = open_book(settings, rooms, data_dir)
    for card in with_challengers(cards):
        for step_s, names in groups(settings, card, rooms.links):
            rooms.watches.append(open_watch(rooms, settings, card, names, step_s, data_dir))
    return rooms


def clocks_of(settings: Settings) -> dict[str, Clock]:
    """On whose clock each receiver reads times: its own, else that of the working hours."""
    usual = settings.working_hours.time_zone
    return {name: Clock(known_zone(one.time_zone or usual)) for name, one in settings.receivers.items()}


def open_watch(
    rooms: Rooms, settings: Settings, card: ModelCard, names: Sequence[str], step_s: int, data_dir: Path | None
) -> Watch:
    """One card on the sources called `names`, with what an earlier life kept of it."""
    links, card = [rooms.links[name] for name in names], on_clock(card, settings)
    watch = make_watch(card, links, step_s, data_dir, anchor(card, names, data_dir), rooms.clock)
    watch.agreement = Agreement(settings.plane.tolerance, settings.plane.conflict_after)
    watch.join, watch.stage, watch.mask.book = rooms.gate.joined, rooms.stage_of(card), rooms.masks
    watch.services = Services(settings.services)
    watch.proofs = None if data_dir is None else Proofs(data_dir / EVIDENCE)
    restore(watch, rooms.store, data_dir)
    return watch


def make_watch(
    card: ModelCard, links: Sequence[Link], step_s: int, data_dir: Path | None, name: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> Watch:  # fmt: skip
    """One card on these sources, knowing nothing yet but what its window kept; named after the first, or after `name`."""
    name = name or links[0].name
    kind_of: type[Watch] = Watch
    if card.alerts is not None:
        kind_of, links = RulesWatch, [PartsLink(link, card.query) for link in links]
    for link in links:
        link.expect(card.query, step_s)
        if card.limit is not None and card.limit.query:
            link.expect(card.limit.query, step_s)
    folder = None if data_dir is None else window_dir(data_dir, card.name, name)
    window = Window.open(folder, step_s, query=card.query)
    detector = forecaster = None
    threshold = float("inf")
    if card.detect is not None:
        kind = plugins.load("detectors", card.detect.model)
        detector = kind(kind.Params.model_validate(detect_params(card)), step_s)
        threshold = detector.threshold(card.anomaly_budget_per_week)
    if card.forecast is not None:
        kind = plugins.load("forecasters", card.forecast.model)
        measured = {"settle_s": 0.0} if card.forecast.limit.query and "settle_s" in kind.Params.model_fields else {}
        forecaster = kind(kind.Params.model_validate({**measured, **card.forecast.params}), step_s)
    g = card.guards
    guards = Guards(g.need, g.of, g.min_relative_change, g.on_missing, g.min_change)
    critical, warning = card.severity.critical_within_s, card.severity.warning_within_s
    naming = Naming(card.name, card.signal, card.unit, critical, warning)
    watch = kind_of(
        card, [Feed(link, Breaker(clock, step_s / 2)) for link in links], step_s, window, detector, forecaster, guards,
        naming, threshold, source_name=name, horizon_s=card.forecast.horizon_s if card.forecast else 0.0,
        lineage=Lineage(name, card.query, window.begin_s, window.end_s),
    )
    watch.grow()
    return watch
