"""Put the rooms together: from settings, cards and runbooks to watches that can take their turns."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from aiops import plugins
from aiops.config.routing import resolved
from aiops.config.settings import Settings
from aiops.core.records import Lineage, Stage
from aiops.core.zones import known_zone
from aiops.early_warnings.cause import Together
from aiops.governance.gate import open_gate
from aiops.models.card import ModelCard, with_challengers
from aiops.models.proof import EVIDENCE, Proofs
from aiops.notify.clock import Clock
from aiops.pipeline.calibrations import Calibrations
from aiops.pipeline.changes import StoreJournal
from aiops.pipeline.clocks import detect_params, on_clock
from aiops.pipeline.feed import Feed
from aiops.pipeline.keep import restore
from aiops.pipeline.mask_read import open_book
from aiops.pipeline.plane import anchor, groups, open_links, window_dir
from aiops.pipeline.rooms import Rooms, loudest_declared
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.services import Services
from aiops.pipeline.stages import held
from aiops.pipeline.watch import Watch
from aiops.rules.unit import unit_of
from aiops.runbooks import Runbook
from aiops.store import Store
from aiops.symptoms.build import Naming
from aiops.symptoms.guards import Guards
from aiops.telemetry.breaker import Breaker
from aiops.telemetry.link import Link
from aiops.telemetry.merge import Agreement
from aiops.telemetry.parts import PartsLink
from aiops.telemetry.window import Window


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
    """One card on these sources, knowing nothing yet but what its window kept; named after the first, or after `name`. A card
    that says no unit has the one that the names of its query's metrics tell."""
    name = name or links[0].name
    if "unit" not in card.model_fields_set and card.alerts is None:
        card = card.model_copy(update={"unit": unit_of(card.query)})
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
