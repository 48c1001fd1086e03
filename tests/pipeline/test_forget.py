"""Series that left are let go of, never those of an outage, never those of a warning."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.models.card import ModelCard
from aiops.pipeline import Rooms, StoreJournal, Watch, forget, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.forget import keep_only
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits
from tests.daemon.rig import START_S, MadeParams, MadeSource, World, calm, card, falling

STEP_S = 300
FIRST = START_S + 3600


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    store = Store.open("sqlite://", None)
    yield Rooms(store, StoreJournal(store))
    store.close()


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forget, "SPARE_ROWS", 5)


def started(**more: object) -> tuple[Watch, World]:
    source = MadeSource("made", MadeParams(world="forget"), ReadLimits())
    source.world = World()
    written = card(detect={"model": "seasonal"}, **more)
    watch = make_watch(ModelCard.model_validate(written), [Link(source, clock=lambda: 0.0, pause_s=0.0)], STEP_S, None)
    watch.forget_from = 5
    return watch, source.world


def churn(watch: Watch, world: World, rooms: Rooms, turns: int, a_turn: int = 3, lives: int = 4) -> None:
    """`a_turn` new series each turn, each of which lives for `lives` turns; "stays" is always there."""
    world.add("free", {"instance": "stays"}, calm())
    for i in range(turns):
        now = FIRST + i * STEP_S
        world.series["free"] = {k: v for k, v in world.series["free"].items() if "stays" in k or int(k.split("-")[1]) > i - lives}
        for j in range(a_turn):
            world.add("free", {"instance": f"pod-{i}-{j}"}, calm())
        assert turn(watch, now, rooms).error is None


def test_rows_stay_bounded_however_many_series_come_and_go(rooms: Rooms) -> None:
    watch, world = started()
    seen = []
    for start in range(3):
        churn(watch, world, rooms, 60)
        seen.append(watch.n)
        world.series.clear()
        if start == 0:
            assert watch.n < 60 * 3 / 2
    assert max(seen) < 80


def test_what_stays_keeps_its_history_and_what_was_learnt(rooms: Rooms) -> None:
    watch, world = started()
    churn(watch, world, rooms, 60)
    alone, other = started()
    other.add("free", {"instance": "stays"}, calm())
    for i in range(60):
        turn(alone, FIRST + i * STEP_S, rooms)
    row = next(i for i, one in enumerate(watch.window.labels) if one["instance"] == "stays")
    for name, array in alone.detector_state.items():
        np.testing.assert_allclose(watch.detector_state[name][row], array[0], rtol=1e-5, err_msg=name)
    now = FIRST + 59 * STEP_S
    mine, its = watch.window.history(np.array([row]), now), alone.window.history(None, now)
    np.testing.assert_allclose(mine.fine.mean + mine.offset[:, None], its.fine.mean + its.offset[:, None], rtol=1e-6)
    assert watch.entities[int(watch.entity_of[row])]["instance"] == "stays"


def test_every_array_has_as_many_rows_as_the_window(rooms: Rooms) -> None:
    watch, world = started()
    churn(watch, world, rooms, 40)
    keep_only(watch, np.arange(0, watch.n, 2))
    n, entities = watch.n, len(watch.entities)
    for state in (watch.detector_state, watch.forecaster_state, watch.beyond, watch.dispute):
        assert {len(array) for array in state.values()} <= {n}
    gates = {kind: len(gate["bits"]) for kind, gate in watch.gates.items()}
    assert gates == {"anomaly": entities, "exhaustion": n, "conflict": n}
    assert watch.crossings is not None
    assert len(watch.crossings.time_s) == len(watch.limit.value) == len(watch.seen_s) == len(watch.entity_of) == n
    assert set(watch.entity_of.tolist()) == set(range(entities))
    for row in range(n):
        assert watch.entities[int(watch.entity_of[row])] == {"instance": watch.window.labels[row]["instance"]}


def test_series_that_came_with_older_history_are_no_trouble(rooms: Rooms) -> None:
    watch, world = started()
    churn(watch, world, rooms, 3)
    watch.refusal |= {"last": np.zeros(watch.n), "until_s": np.zeros(watch.n, np.int64)}
    had = watch.n
    watch.rows_of_labels(tuple({"instance": f"late-{i}"} for i in range(4)))
    watch.grow()
    keep_only(watch, np.arange(1, watch.n, 2))
    assert watch.n == (had + 4) // 2
    assert len(watch.refusal["last"]) == had // 2
    assert turn(watch, FIRST + 3 * STEP_S, rooms).error is None


def test_an_outage_makes_nobody_silent(rooms: Rooms) -> None:
    watch, world = started()
    for i in range(30):
        world.add("free", {"instance": f"host-{i}"}, calm())
    turn(watch, FIRST, rooms)
    world.error = SourceError("made", "unreachable", "refused")
    for i in range(1, 400):
        turn(watch, FIRST + i * STEP_S, rooms)
    world.error = None
    turn(watch, FIRST + 400 * STEP_S, rooms)
    turn(watch, FIRST + 401 * STEP_S, rooms)
    assert watch.n == 30


def test_what_a_warning_is_open_on_is_not_forgotten(rooms: Rooms) -> None:
    watch, world = started()
    world.add("free", {"instance": "fills"}, falling(0.0009))
    now = START_S + 8 * 3600
    while not watch.open:
        turn(watch, now, rooms)
        now += STEP_S
        assert now < START_S + 10 * 3600
    world.series["free"].clear()
    for i in range(60):
        world.series["free"] = {}
        for j in range(5):
            world.add("free", {"instance": f"pod-{i}-{j}"}, calm())
        turn(watch, now + i * STEP_S, rooms)
    assert watch.n < 200
    assert "fills" in {one["instance"] for one in watch.window.labels}
