"""A series that goes away while it is warned of: the warning is unjudgeable, and its episode ends with that; one that was
withdrawn before is false."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Block
from aiops.pipeline import Rooms, StoreJournal, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.judge import NO_SERIES
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.faults.world import STEP_S, T0_S, MadeUp, cards, level


class Vanishing(MadeUp):
    """One disk that stops giving samples `at` seconds after T0_S."""

    def __init__(self, disk: str, at: int) -> None:
        super().__init__("made_up", MadeUp.Params(), ReadLimits())
        self.disk, self.at = disk, at

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        found = super().fetch(query, start_s, end_s, step_s, unit)
        values = np.where(found.block.time_s - T0_S < self.at, level(self.disk, found.block.time_s), np.nan)
        rows = ({"disk": self.disk}, {"disk": "calm"})
        both = np.vstack([values, np.full_like(values, 0.3)])
        return Answer(Block(rows, found.block.time_s, both, unit, found.block.lineage))


@pytest.mark.parametrize(("vanishes", "wanted"), [(270, "unjudgeable"), (430, "false")])
def test_its_episode_ends_unjudgeable_when_the_told_time_is_over(vanishes: int, wanted: str) -> None:
    store = Store.open("sqlite://", None)
    rooms = Rooms(store, StoreJournal(store))
    watch = make_watch(cards()[0], [Link(Vanishing("crosses" if vanishes < 290 else "stops", vanishes))], STEP_S, None)
    for now in range(T0_S - 30, T0_S + 1500, STEP_S):
        turn(watch, now, rooms)
    warning, outcome = store.warnings()[0], store.outcomes()[0]
    store.close()
    assert (outcome.verdict, warning.verdict, warning.state) == (wanted, wanted, "closed")
    assert watch.open == watch.pending == {}
    assert warning.closed_why == (NO_SERIES if vanishes < 290 else "no longer seen")
    if vanishes < 290:
        assert warning.closed_s == outcome.settled_s
