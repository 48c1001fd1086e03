"""A made-up server with alerting rules, and a card over them, without files and without a daemon."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from aiops.core.errors import SourceError
from aiops.core.records import Block, Floats, Ints
from aiops.models.alerts_card import AlertsCard
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, TurnResult, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.rules_watch import RulesWatch
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.daemon.rig import START_S, WORLDS, Course, MadeParams, MadeSource, World
from tests.telemetry.together import answered

STEP_S, HOUR = 300, 3600


@dataclass
class Ruled(World):
    """Rules as /api/v1/rules tells of them, and the alerts that fire: labels (as JSON) to 1 or NaN over time."""

    rules: list[dict[str, Any]] = field(default_factory=list)
    firing: dict[str, Course] = field(default_factory=dict)
    deaf: bool = False

    def rule(self, expr: str, name: str = "TankFull", for_s: float = 600, **more: Any) -> dict[str, Any]:
        """One more rule."""
        one = {"type": "alerting", "name": name, "query": expr, "duration": for_s, "labels": {"severity": "page"}, **more}
        self.rules.append(one)
        return one

    def fires(self, labels: dict[str, str], spans: Callable[[Ints], Any]) -> None:
        """An alert that fires where `spans` says so."""

        def course(t: Ints) -> Floats:
            return np.where(spans(t), 1.0, math.nan)

        self.firing[json.dumps(labels, sort_keys=True)] = course


class RuledSource(MadeSource):
    """Answers for a `Ruled` world."""

    serves_rules = True
    world: Ruled

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        block = answered(query, lambda one: self._one(one, start_s, end_s, step_s))
        return Answer(block, self.world.partial)

    def _one(self, query: str, start_s: int, end_s: int, step_s: int) -> Block:
        alerts = query.startswith("max_over_time(ALERTS")
        if alerts and self.world.deaf:
            raise SourceError("made", "bad_query", "no ALERTS today")
        if alerts:
            self.world.series[query] = dict(self.world.firing)
        found = super().fetch(query, start_s, end_s, step_s).block
        there = np.flatnonzero(np.isfinite(found.values).any(axis=1))
        labels = tuple(found.labels[i] for i in there.tolist())
        return replace(found, labels=labels, values=found.values[there].copy()) if alerts else found

    def alerting_rules(self) -> bytes:
        if self.world.error is not None:
            raise self.world.error
        return orjson.dumps({"data": {"groups": [{"name": "g", "file": "f", "interval": 60, "rules": self.world.rules}]}})


def card(**more: Any) -> ModelCard:
    """A card over every rule of 5 min."""
    usual = {"kind": "ModelCard", "name": "existing_alerts", "alerts": {}, "step": "5m", "history": "2d"}
    form = AlertsCard.model_validate({**usual, **more})
    made = ModelCard.model_validate(form.facts())
    made._alerts = form.alerts
    return made


def watch_of(*worlds: Ruled, folder: Path | None = None, **more: Any) -> RulesWatch:
    """The card on these servers; one that was away may be asked again at once."""
    links, clock = [], itertools.count(0.0, 1000.0).__next__
    for i, world in enumerate(worlds):
        WORLDS[f"ruled{i}"] = world
        source = RuledSource(f"made{i}" if i else "made", MadeParams(world=f"ruled{i}"), ReadLimits())
        links.append(Link(source, pause_s=0.0, clock=clock))
    watch = make_watch(card(**more), links, STEP_S, folder, clock=clock)
    assert isinstance(watch, RulesWatch)
    return watch


@dataclass
class Run:
    """A watch, its store, and what its turns came to."""

    watch: RulesWatch
    rooms: Rooms
    results: list[TurnResult] = field(default_factory=list)

    @classmethod
    def of(cls, watch: RulesWatch) -> Run:
        store = Store.open("sqlite://", None)
        rooms = Rooms(store, StoreJournal(store))
        rooms.watches.append(watch)
        return cls(watch, rooms)

    def until(self, hours: float, begin_h: float | None = None) -> Run:
        """Turns up to so many hours after START_S, from the turn after the last one on."""
        last = self.results[-1].now_s if self.results else START_S + int((begin_h or 0) * HOUR) - STEP_S
        for now in range(last + STEP_S, START_S + int(hours * HOUR) + 1, STEP_S):
            self.results.append(turn(self.watch, now, self.rooms))
        return self

    def told(self) -> list[tuple[str, float]]:
        """(what happened, hours after START_S), without updates."""
        return [(e.kind, (e.at_s - START_S) / HOUR) for r in self.results for e in r.events if e.kind != "updated"]

    def verdicts(self) -> list[str]:
        return [e.outcome.verdict for r in self.results for e in r.events if e.outcome is not None]


def rising(begin_h: float, per_hour: float, first: float = 0.2, top: float = 2.0) -> Course:
    """Flat with a little noise, then a straight line up to `top`."""

    def course(t: Ints) -> Floats:
        noise = 0.002 * np.sin(t / 700.0)
        return np.minimum(top, first + np.maximum(0.0, (t - START_S) / HOUR - begin_h) * per_hour) + noise

    return course


def after(hours: float) -> Callable[[Ints], Any]:
    return lambda t: t >= START_S + hours * HOUR


def tank(begin_h: float = 6, per_hour: float = 0.07) -> tuple[Ruled, float]:
    """A tank that fills, a rule on it, and its alert; and when that fires, in hours."""
    world = Ruled()
    world.add("tank_used_ratio", {"tank": "a"}, rising(begin_h, per_hour))
    world.add("tank_used_ratio", {"tank": "b"}, rising(1e9, 0))
    world.rule("tank_used_ratio > 0.9")
    at = begin_h + 0.7 / per_hour + 1 / 6
    world.fires({"alertname": "TankFull", "severity": "page", "tank": "a", "alertstate": "firing"}, after(at))
    return world, at
