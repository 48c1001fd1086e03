"""Put the rooms together: from settings, cards and runbooks to watches that can take their turns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiops import plugins
from aiops.config.settings import Route, Settings
from aiops.core.records import STAGES, Lineage, Outcome, Stage
from aiops.models.card import ModelCard
from aiops.pipeline.changes import Journal, StoreJournal
from aiops.pipeline.keep import restore
from aiops.pipeline.watch import Watch
from aiops.runbooks import Runbook
from aiops.store import Store
from aiops.symptoms.build import Naming
from aiops.symptoms.guards import Guards
from aiops.telemetry.source import ReadLimits, Source
from aiops.telemetry.window import Window

UNPROVEN_BELOW = 20
"""Settled warnings a card needs before its record is called anything but unproven."""


@dataclass(slots=True)
class Rooms:
    """Everything a turn works with. `marks_turns`: each turn leaves a mark in the store, so a restart knows where it was."""

    store: Store
    journal: Journal
    watches: list[Watch] = field(default_factory=list)
    sources: dict[str, Source[Any]] = field(default_factory=dict)
    runbooks: Sequence[Runbook] = ()
    routes: Sequence[Route] = ()
    local_receivers: frozenset[str] = frozenset()
    renewed_receivers: frozenset[str] = frozenset()
    stages: Mapping[str, Stage] = field(default_factory=dict)
    marks_turns: bool = True
    _tally: dict[str, dict[str, int]] = field(default_factory=dict)

    def stage_of(self, card: ModelCard) -> Stage:
        """How loud a card is: the config's word, else its own."""
        stage: Stage = self.stages.get(card.name, card.stage)
        return stage if stage in STAGES else "shadow"

    def settled(self, outcome: Outcome) -> None:
        """Count an outcome into the record of its card."""
        tally = self._counts(outcome.card)
        tally[outcome.verdict] = tally.get(outcome.verdict, 0) + 1

    def forget(self, card: str) -> None:
        """Count a card's record anew: a turn that was not kept may have counted what never was."""
        self._tally.pop(card, None)

    def record_of(self, card: str) -> dict[str, Any]:
        """The record that a new warning of a card carries: how many were settled, how many came true, in words."""
        tally = self._counts(card)
        settled = sum(tally.get(v, 0) for v in ("hit", "late", "false"))
        came = tally.get("hit", 0) + tally.get("late", 0)
        text = f"{came} of {settled} came true"
        if settled < UNPROVEN_BELOW:
            text = f"new: unproven ({text})" if settled else "new: unproven"
        return {"settled": settled, "came_true": came, "hit": tally.get("hit", 0), "text": text}

    def _counts(self, card: str) -> dict[str, int]:
        if card not in self._tally:
            counts: dict[str, int] = {}
            for outcome in self.store.outcomes(card=card, limit=1000):
                counts[outcome.verdict] = counts.get(outcome.verdict, 0) + 1
            self._tally[card] = counts
        return self._tally[card]


def assemble(
    settings: Settings, cards: Sequence[ModelCard], runbooks: Sequence[Runbook], store: Store, data_dir: Path | None
) -> Rooms:
    """All watches of a configuration: each card on each source it names. What was kept in `data_dir` is taken up again."""
    rooms = Rooms(store, StoreJournal(store), runbooks=runbooks, routes=settings.routes, stages=settings.stages)
    receivers = {name: plugins.load("notifiers", receiver.kind) for name, receiver in settings.receivers.items()}
    rooms.local_receivers = frozenset(name for name, kind in receivers.items() if kind.local)
    rooms.renewed_receivers = frozenset(name for name, kind in receivers.items() if kind.renewed)
    rooms.sources = {name: open_source(settings, name) for name in settings.sources}
    for card in cards:
        wanted = [name for name in card.sources or list(rooms.sources) if name in rooms.sources]
        rooms.watches += [open_watch(rooms, settings, card, name, data_dir) for name in wanted]
    return rooms


def open_watch(rooms: Rooms, settings: Settings, card: ModelCard, name: str, data_dir: Path | None) -> Watch:
    """One card on the source called `name`, with what an earlier life kept of it."""
    chosen = settings.sources[name]
    watch = make_watch(card, rooms.sources[name], name, int(chosen.step or card.step_s), data_dir, dict(chosen.labels))
    watch.stage = rooms.stage_of(card)
    restore(watch, rooms.store, data_dir)
    return watch


def open_source(settings: Settings, name: str) -> Source[Any]:
    """The source called `name`, with the configuration's caps on what one answer may cost."""
    chosen, caps = settings.sources[name], settings.limits
    kind = plugins.load("sources", chosen.kind)
    limits = ReadLimits(caps.series, caps.samples, caps.bytes, caps.seconds)
    source: Source[Any] = kind(name, kind.Params.model_validate(chosen.params), limits)
    return source


def make_watch(
    card: ModelCard, source: Source[Any], source_name: str, step_s: int, data_dir: Path | None,
    labels: Mapping[str, str] | None = None,
) -> Watch:
    """One card on one source, knowing nothing yet but what its window kept."""
    folder = None if data_dir is None else data_dir / "windows" / f"{card.name}@{source_name}"
    window = Window.open(folder, step_s)
    detector = forecaster = None
    threshold = float("inf")
    if card.detect is not None:
        kind = plugins.load("detectors", card.detect.model)
        detector = kind(kind.Params.model_validate(card.detect.params), step_s)
        threshold = detector.threshold(card.anomaly_budget_per_week)
    if card.forecast is not None:
        kind = plugins.load("forecasters", card.forecast.model)
        forecaster = kind(kind.Params.model_validate(card.forecast.params), step_s)
    g = card.guards
    guards = Guards(g.need, g.of, g.min_relative_change, g.on_missing, g.min_change)
    critical, warning = card.severity.critical_within_s, card.severity.warning_within_s
    naming = Naming(card.name, card.signal, card.unit, critical, warning)
    watch = Watch(
        card, source, source_name, step_s, window, detector, forecaster, guards, naming, threshold, labels or {},
        horizon_s=card.forecast.horizon_s if card.forecast else 0.0,
        lineage=Lineage(source_name, card.query, window.begin_s, window.end_s),
    )
    watch.grow()
    return watch
