"""Late samples: what was provisional is read once more, replaced, and scored again; and no sample more often than that."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits
from tests.daemon.rig import START_S, MadeParams, MadeSource, World, anomaly_card, calm

STEP_S = 300
LATE_S = 1500
TRUE = calm(0.5)


class Delayed(MadeSource):
    """Until a sample has come, the one before it is told again, as a look-back does; every third comes `LATE_S` late."""

    now_s = 0

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        found = super().fetch(query, start_s, end_s, step_s, unit)
        times = found.block.time_s
        late = (times // step_s % 3 == 0) & (times + LATE_S > self.now_s)
        values = np.where(late, TRUE(times - step_s), found.block.values)
        return Answer(type(found.block)(found.block.labels, times, values, unit, found.block.lineage))


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    store = Store.open("sqlite://", None)
    yield Rooms(store, StoreJournal(store))
    store.close()


def watch_of(kind: type[MadeSource], lateness_s: float) -> tuple[Watch, MadeSource]:
    source = kind("late", MadeParams(world="late"), ReadLimits())
    source.world = World()
    source.world.add("load", {"instance": "a"}, TRUE)
    link = Link(source, lateness_s=lateness_s)
    return make_watch(ModelCard.model_validate(anomaly_card()), [link], STEP_S, None), source


def lived(kind: type[MadeSource], rooms: Rooms, lateness_s: float = LATE_S, turns: int = 61) -> tuple[Watch, MadeSource]:
    watch, source = watch_of(kind, lateness_s)
    for i in range(turns):
        now = START_S + 7200 + i * STEP_S
        if isinstance(source, Delayed):
            source.now_s = now if i else now + LATE_S  # what the first sight reads is taken as it is
        turn(watch, now, rooms)
    return watch, source


def test_what_came_late_stands_in_the_window(rooms: Rooms) -> None:
    watch, _ = lived(Delayed, rooms)
    final = watch.feeds[0].final_s
    assert final >= watch.window.end_s - 2 * LATE_S
    times = np.arange(START_S + 7500, final + 1, STEP_S)
    np.testing.assert_allclose(watch.window.value_at(np.array([0]), times)[0], TRUE(times), rtol=1e-6)


def test_without_a_declared_lateness_what_was_read_stays(rooms: Rooms) -> None:
    watch, source = lived(Delayed, rooms, lateness_s=0)
    times = np.arange(START_S + 7500, watch.window.end_s + 1, STEP_S)
    assert not np.allclose(watch.window.value_at(np.array([0]), times)[0], TRUE(times), rtol=1e-6)
    assert sum((end - start) // STEP_S + 1 for _, start, end, _ in source.world.asked[1:]) == 24 + 1 + 60


def test_the_detector_knows_what_it_would_have_known_of_samples_in_time(rooms: Rooms) -> None:
    late, _ = lived(Delayed, rooms)
    prompt, _ = lived(MadeSource, rooms, lateness_s=LATE_S)
    assert late.final is not None
    assert prompt.final is not None
    assert late.final.seen_s == prompt.final.seen_s > START_S + 7200 + 40 * STEP_S
    for name, array in prompt.final.state.items():
        np.testing.assert_allclose(late.final.state[name], array, rtol=1e-4, atol=1e-7, err_msg=name)


def test_scoring_again_what_did_not_change_changes_nothing(rooms: Rooms) -> None:
    again, _ = lived(MadeSource, rooms, lateness_s=LATE_S)
    once, _ = lived(MadeSource, rooms, lateness_s=0)
    for name, array in once.detector_state.items():
        np.testing.assert_allclose(again.detector_state[name], array, rtol=1e-4, atol=1e-7, err_msg=name)


def test_each_sample_is_asked_for_twice_at_most(rooms: Rooms) -> None:
    _, source = lived(MadeSource, rooms)
    instants = [t for _, start, end, _ in source.world.asked for t in range(start, end + 1, STEP_S) if t > START_S + 7200]
    _, times = np.unique(instants, return_counts=True)
    assert times.max() == 2
