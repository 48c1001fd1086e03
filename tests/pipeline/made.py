"""Watches over a made-up world, without files and without a daemon."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.records import Floats, Lineage, Outcome
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.read import Reading
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import START_S, WORLDS, MadeParams, MadeSource, World, anomaly_card, card

__all__ = ["START_S", "World", "anomaly_card", "card", "reading", "rooms_of", "watch_of"]
STEP_S = 300


def watch_of(
    world: World, written: Mapping[str, Any] | None = None, labels: Mapping[str, str] | None = None, folder: Path | None = None
) -> Watch:
    """One card, by default a forecast with a limit below 0.05, on that world."""
    WORLDS["pipeline"] = world
    source = MadeSource("made", MadeParams(world="pipeline"), ReadLimits())
    model = ModelCard.model_validate(written or card())
    return make_watch(model, [Link(source, labels, pause_s=0.0)], int(model.step_s), folder)


def rooms_of(store: Store) -> Rooms:
    return Rooms(store, StoreJournal(store))


def reading(watch: Watch, values: list[list[float]], first_s: int = START_S + STEP_S) -> Reading:
    """New columns as `read` gives them, without a source; the rows are made as needed."""
    block: Floats = np.array(values, float)
    rows = watch.window.rows_for([{"instance": f"i{i}"} for i in range(len(block))])
    times = first_s + watch.step_s * np.arange(block.shape[1], dtype=np.int64)
    watch.window.append(rows, times, block)
    watch.grow()
    watch.lineage = Lineage("made", "free", int(times[0]), int(times[-1]))
    return Reading(times, block, np.zeros(block.shape, bool))


def verdicts(outcomes: list[Outcome]) -> list[str]:
    return [o.verdict for o in outcomes]
