"""A series that goes away while it is warned of: the warning is unjudgeable, and its episode ends with that; one that was
withdrawn before is false."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from aiops.core.records import Block, EarlyWarning
from aiops.pipeline import Rooms, StoreJournal, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.forget import TTL_S
from aiops.pipeline.judge import NO_SERIES
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.faults.world import STEP_S, T0_S, MadeUp, cards, level
from tests.pipeline.made import START_S, World, anomaly_card, card, watch_of

HOUR_S = 3600
VANISHES_S = START_S + 44 * HOUR_S
AWAY = "its series is gone: no sample for 1d, what became of it is unknown"


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


UNTIL_S = VANISHES_S + TTL_S + 2 * HOUR_S


def lived(course: Callable[[Any], Any], written: dict[str, Any], back_s: float = np.inf) -> tuple[list[EarlyWarning], list[str]]:
    """The warnings, by when they opened, and the verdicts on a series that is away from VANISHES_S to `back_s`."""
    store, world = Store.open("sqlite://", None), World()
    query = written["query"]
    world.add(query, {"instance": "a"}, lambda t: np.where((t > VANISHES_S) & (t < back_s), np.nan, course(t)))
    world.add(query, {"instance": "calm"}, lambda t: 0.6 + 0.01 * np.sin(t / 700.0))
    watch, rooms = watch_of(world, written), Rooms(store, StoreJournal(store))
    for now in range(START_S + 30 * HOUR_S, UNTIL_S, watch.step_s):
        turn(watch, now, rooms)
    found = sorted(store.warnings(), key=lambda w: w.opened_s), [str(o.verdict) for o in store.outcomes()]
    store.close()
    return found


def fills(t: Any) -> Any:
    """Reaches 0.05 free after 60 h."""
    hours = (t - START_S) / HOUR_S
    return 0.88 - 0.02 * np.maximum(0.0, hours - 18.0) + 0.003 * np.sin(t / 5000.0)


def test_what_is_told_of_a_volume_that_was_deleted_ends_a_day_later() -> None:
    (warning,), verdicts = lived(fills, card())
    assert warning.closed_why == AWAY
    assert warning.closed_s == pytest.approx(VANISHES_S + TTL_S, abs=600)
    assert verdicts == []


def test_a_gap_of_less_than_a_day_ends_nothing() -> None:
    (warning,), verdicts = lived(fills, card(), VANISHES_S + TTL_S - HOUR_S)
    assert (warning.opened_s < VANISHES_S, warning.closed_why, verdicts) == (True, "the limit was crossed", ["hit"])


def test_who_holds_what_is_missing_is_told_on() -> None:
    (warning,), _ = lived(fills, card(guards={"on_missing": "hold"}))
    assert (warning.state, warning.opened_s < VANISHES_S) == ("open", True)


def test_what_was_unusual_as_it_vanished_ends_a_day_later_too() -> None:
    def jumps(t: Any) -> Any:
        return 0.5 + 0.01 * np.sin(t / 700.0) + 0.4 * (t > VANISHES_S - HOUR_S)

    (warning, *_), _ = lived(jumps, anomaly_card())
    assert (warning.entity, warning.closed_why) == ({"instance": "a"}, AWAY)
