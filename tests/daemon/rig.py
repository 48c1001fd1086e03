"""A daemon over a made-up source and a clock that stands still until it is moved."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from aiops import plugins
from aiops.config.settings import load_settings
from aiops.core.params import Params
from aiops.core.records import Block, Floats, Ints, Lineage
from aiops.daemon.daemon import Daemon
from aiops.daemon.logs import configure
from aiops.pipeline import Watch
from aiops.telemetry.source import Answer, ReadLimits, Source

START_S = 1_750_000_200
Course = Callable[[Ints], Floats]


@dataclass
class World:
    """What there is to measure: query to label set (as JSON) to its course over time; and what was asked."""

    series: dict[str, dict[str, Course]] = field(default_factory=dict)
    error: Exception | None = None
    partial: tuple[str, ...] = ()
    begins_s: int = START_S
    asked: list[tuple[str, int, int, int]] = field(default_factory=list)

    def add(self, query: str, labels: dict[str, str], course: Course) -> None:
        self.series.setdefault(query, {})[json.dumps(labels, sort_keys=True)] = course


WORLDS: dict[str, World] = {}


class MadeParams(Params):
    """Parameters of `MadeSource`."""

    world: str = "made"


class MadeSource(Source[MadeParams]):
    """A third party's source: one class, one entry in the catalogue."""

    Params = MadeParams

    def __init__(self, name: str, params: MadeParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self.world = WORLDS.setdefault(params.world, World())

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        self.world.asked.append((query, start_s, end_s, step_s))
        if self.world.error is not None:
            raise self.world.error
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        courses = self.world.series.get(query, {})
        values = np.full((len(courses), len(times)), np.nan)
        for row, course in zip(values, courses.values(), strict=True):
            row[:] = np.where(times >= self.world.begins_s, course(times), np.nan)
        labels = tuple(json.loads(one) for one in courses)
        return Answer(Block(labels, times, values, unit, Lineage(self.name, query, start_s, end_s)), self.world.partial)

    def probe(self) -> str:
        return "a made-up world"

    def oldest_s(self) -> int | None:
        return self.world.begins_s


def falling(per_minute: float, first: float = 0.8) -> Course:
    """A straight line down from START_S on."""
    return lambda t: first - per_minute * (t - START_S) / 60


def calm(level: float = 0.5) -> Course:
    """A little up and down."""
    return lambda t: level + 0.01 * np.sin(t / 300.0)


def card(name: str = "disk", query: str = "free", **more: Any) -> dict[str, Any]:
    """A card of a forecast with a limit below 0.05, looking once being enough."""
    return {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": name, "owner": {"team": "t"}, "query": query,
        "summary": "Something will run out here.", "entity": ["instance"], "step": "5m", "history": "2d",
        "forecast": {"limit": {"below": 0.05}, "horizon": "3d"},
    } | more  # fmt: skip


def anomaly_card(name: str = "strange", query: str = "load", **more: Any) -> dict[str, Any]:
    """A card with a detector and no limit."""
    found = card(name, query, detect={"model": "seasonal"}, **more)
    del found["forecast"]
    return found


@dataclass
class Clock:
    """Seconds since the epoch, moved by hand."""

    now: float = float(START_S)

    def __call__(self) -> float:
        return self.now


@dataclass
class Rig:
    """Files, world and clock of one daemon."""

    folder: Path
    clock: Clock
    world: World
    sources: dict[str, dict[str, Any]] = field(default_factory=lambda: {"made": {"kind": "made"}})
    more: dict[str, Any] = field(default_factory=dict)
    dry_run: bool = False
    daemon: Daemon | None = None

    @property
    def config(self) -> Path:
        return self.folder / "aiops.yaml"

    @property
    def data_dir(self) -> Path:
        return self.folder / "data"

    def write(self, *cards: dict[str, Any]) -> None:
        """Config and cards; JSON is YAML."""
        folder = self.folder / "cards"
        folder.mkdir(exist_ok=True)
        for old in folder.glob("*.yaml"):
            old.unlink()
        for one in cards:
            (folder / f"{one['name']}.yaml").write_text(json.dumps(one))
        self.config.write_text(json.dumps({"sources": self.sources, "cards": ["cards"], **self.more}))

    def start(self, *cards: dict[str, Any]) -> Daemon:
        """A daemon that takes its turns when it is told to."""
        if cards:
            self.write(*cards)
        load = lambda: load_settings(self.config, data_dir=self.data_dir)  # noqa: E731
        self.daemon = Daemon(load(), load, self.dry_run, self.clock)
        return self.daemon

    def at(self, after_s: float) -> None:
        """Move the clock to so long after START_S."""
        self.clock.now = START_S + after_s

    def turn(self, *names: str) -> None:
        """One turn of these watches, or of all."""
        assert self.daemon is not None
        for name in names or [w.name for w in self.daemon.rooms.watches]:
            self.daemon.tick(name)

    def until_warned(self) -> None:
        """Turns every 5 min after 8 h of history until something is open; the forecaster wants to see it more than once."""
        assert self.daemon is not None
        for look in range(12):
            self.at(8 * 3600 + 300 * look)
            self.turn()
            if self.daemon.store.open_warnings():
                return
        raise AssertionError(f"no warning: {[w.crossings and w.crossings.reason for w in self.daemon.rooms.watches]}")

    def watch(self, name: str) -> Watch:
        assert self.daemon is not None
        return next(w for w in self.daemon.rooms.watches if w.name == name)

    def stop(self) -> None:
        if self.daemon is not None:
            self.daemon.stop()
            self.daemon = None


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    monkeypatch.setitem(plugins.BUILT_IN["sources"], "made", "tests.daemon.rig:MadeSource")
    for name in ("made", "other"):
        WORLDS[name] = World()
    found = Rig(tmp_path, Clock(), WORLDS["made"])
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    configure("info")
    try:
        yield found
    finally:
        found.stop()
        root.handlers[:], root.level = handlers, level
        structlog.reset_defaults()
