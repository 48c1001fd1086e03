"""After a start the turns since the last save are lived again: what is known is what was known when the last turn was kept."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import State
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch, keep, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.sense import AGAIN_AT_MOST, live_again
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.faults.world import STEP_S, T0_S, MadeUp, cards

FIRST, SAVED, LAST = T0_S + 6 * STEP_S, T0_S + 9 * STEP_S, T0_S + 14 * STEP_S


class Asked(MadeUp):
    """Remembers for what it was asked, and can fail."""

    fails: ClassVar[bool] = False

    def __init__(self) -> None:
        super().__init__("made_up", MadeUp.Params(), ReadLimits())
        self.asked: list[int] = []

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        if self.fails:
            raise SourceError(self.name, "unreachable", "away")
        self.asked += range(start_s, end_s + 1, step_s)
        return super().fetch(query, start_s, end_s, step_s, unit)


class Live(Asked):
    """Has only what happens from now on."""

    keeps_past: ClassVar[bool] = False


@pytest.fixture(scope="module")
def card() -> ModelCard:
    return cards()[0]


def lived(card: ModelCard, store: Store, folder: Path, source: Asked) -> Watch:
    """A life from FIRST to LAST that was saved at SAVED."""
    rooms = Rooms(store, StoreJournal(store))
    watch = make_watch(card, [Link(source, pause_s=0.0)], STEP_S, folder)
    for now in range(FIRST, LAST + 1, STEP_S):
        turn(watch, now, rooms)
        if now == SAVED:
            keep.save(watch, folder)
    return watch


def again(card: ModelCard, store: Store, folder: Path, source: Asked) -> Watch:
    """The same watch as the next life finds it."""
    watch = make_watch(card, [Link(source, pause_s=0.0)], STEP_S, folder)
    keep.restore(watch, store, folder)
    return watch


def known(watch: Watch) -> State:
    states = {"forecaster": watch.forecaster_state, "beyond": watch.beyond, **watch.gates}
    return {f"{part}.{name}": array for part, state in states.items() for name, array in state.items()}


@pytest.mark.parametrize("saved", [True, False])
def test_what_is_known_is_as_of_the_last_turn_that_was_kept(card: ModelCard, tmp_path: Path, saved: bool) -> None:
    store = Store.open("sqlite://", None)
    before, source = lived(card, store, tmp_path, Asked()), Asked()
    if not saved:  # the last save is the last turn
        keep.save(before, tmp_path)
    after = again(card, store, tmp_path, source)
    assert (after.lived_s, after.judged_s) == (SAVED if saved else LAST, LAST)
    live_again(after)
    assert (after.lived_s, after.judged_s) == (LAST, LAST)
    assert source.asked == (list(range(SAVED + STEP_S, LAST + 1, STEP_S)) if saved else [])
    for name, array in known(before).items():
        np.testing.assert_array_equal(known(after)[name], array, name)
    assert after.open == before.open
    store.close()


def test_nothing_is_decided_again(card: ModelCard, tmp_path: Path) -> None:
    store = Store.open("sqlite://", None)
    lived(card, store, tmp_path, Asked())
    rows, warnings = store.verify_ledger().rows, store.warnings()
    live_again(again(card, store, tmp_path, Asked()))
    assert (store.verify_ledger().rows, store.warnings()) == (rows, warnings)
    store.close()


def test_a_source_without_a_past_is_not_asked_for_it_and_open_episodes_go_on(card: ModelCard, tmp_path: Path) -> None:
    store = Store.open("sqlite://", None)
    before, source = lived(card, store, tmp_path, Asked()), Live()
    assert before.open
    after = again(card, store, tmp_path, source)
    live_again(after)
    assert source.asked == []
    assert after.open == before.open
    assert int(after.gates["exhaustion"]["active"].sum()) == len(before.open)
    store.close()


def test_a_source_that_fails_then_is_asked_again_in_the_next_turn(card: ModelCard, tmp_path: Path) -> None:
    store = Store.open("sqlite://", None)
    before, source = lived(card, store, tmp_path, Asked()), Asked()
    after = again(card, store, tmp_path, source)
    Asked.fails = True
    try:
        failed = turn(after, LAST + STEP_S, Rooms(store, StoreJournal(store)))
    finally:
        Asked.fails = False
    assert failed.error is not None
    assert (after.lived_s, after.judged_s) == (SAVED, LAST)
    assert turn(after, LAST + STEP_S, Rooms(store, StoreJournal(store))).error is None
    assert turn(before, LAST + STEP_S, Rooms(Store.open("sqlite://", None), StoreJournal(store))).error is None
    for name, array in known(before).items():
        np.testing.assert_array_equal(known(after)[name], array, name)
    store.close()


def test_never_more_than_some_turns_are_lived_again(card: ModelCard, tmp_path: Path) -> None:
    store, source = Store.open("sqlite://", None), Asked()
    lived(card, store, tmp_path, Asked())
    with store.transaction() as tx:
        tx.put_turn(card.name, "made_up", LAST + 3 * AGAIN_AT_MOST * STEP_S)
    after, turns = again(card, store, tmp_path, source), []
    fetch = source.fetch
    source.fetch = lambda *a, **k: turns.append(1) or fetch(*a, **k)  # type: ignore[method-assign,func-returns-value]
    live_again(after)
    assert len(turns) <= AGAIN_AT_MOST
    end = LAST + 3 * AGAIN_AT_MOST * STEP_S
    assert source.asked == list(range(source.asked[0], end + 1, STEP_S))  # the first one reads what the card's history holds
    assert after.lived_s == end
    store.close()
