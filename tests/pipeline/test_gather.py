"""Many entities, one cause: told once, over turns, over a restart, through the real turn."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from aiops.config.routing import Route
from aiops.core.records import EarlyWarning
from aiops.early_warnings.cause import Together
from aiops.pipeline import Rooms, Watch, turn
from aiops.pipeline.keep import restore
from aiops.store import Store
from tests.daemon.rig import Course
from tests.notify.samples import memory
from tests.pipeline.made import START_S, World, anomaly_card, card, rooms_of, watch_of

BREAKS_S = START_S + 30 * 3600
STEP_S = 300


def jumps(seed: int, breaks_s: int = BREAKS_S, ends_s: int = 2**40) -> Course:
    """A little noise, and a jump to three times the level from `breaks_s` to `ends_s`."""

    def course(t: np.ndarray) -> np.ndarray:
        noise = np.sin(t * (0.011 + 0.0013 * seed)) + np.sin(t * (0.0171 + 0.0007 * seed))
        return np.where((t >= breaks_s) & (t < ends_s), 30.0, 10.0) + 0.2 * noise

    return course


def world_of(broken: int, calm: int = 4, late: int = 0, ends_s: int = 2**40) -> World:
    """`broken` hosts of one rack that break at once, `late` ones 10 min later, and calm ones elsewhere."""
    world = World()
    for i in range(broken):
        world.add("load", {"instance": f"b{i}", "rack": "r1"}, jumps(i, ends_s=ends_s))
    for i in range(late):
        world.add("load", {"instance": f"l{i}", "rack": "r1"}, jumps(50 + i, BREAKS_S + 600, ends_s))
    for i in range(calm):
        world.add("load", {"instance": f"c{i}", "rack": f"q{i}"}, jumps(20 + i, 2**40))
    return world


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def rooms_for(store: Store, together: Together | None = None) -> Rooms:
    return replace(
        rooms_of(store), together=together or Together(), routes=[Route.model_validate({"receiver": "out"})],
        local_receivers=frozenset({"out"}), renewed_receivers=frozenset({"out"}),
    )  # fmt: skip


def live(watch: Watch, rooms: Rooms, until_s: int, from_s: int = BREAKS_S - STEP_S) -> list[tuple[str, EarlyWarning]]:
    """Turns up to `until_s`; what was decided, in order."""
    said = []
    for now_s in range(from_s, until_s + 1, STEP_S):
        said += [(e.kind, e.warning) for e in turn(watch, now_s, rooms).events if e.warning is not None]
    return said


def told(store: Store) -> list[tuple[str, int]]:
    """(event, how many are listed) of the messages in the outbox, renewals left out."""
    payloads = []
    while rows := store.due(2.0**40):
        for row in rows:
            payloads.append(row.payload)
            store.mark_sent(row.seq, 2.0**40)
    return [(p["event"], len(p["warning"]["members"])) for p in payloads if p["event"] != "updated"]


def test_one_cause_is_told_once_and_lists_its_entities(store: Store) -> None:
    watch, rooms = watch_of(world_of(5), anomaly_card()), rooms_for(store)
    live(watch, rooms, BREAKS_S + 2 * STEP_S)
    assert told(store) == [("opened", 5)]
    (cause,) = watch.causes.values()
    assert cause.entity == {"rack": "r1"}
    assert {w.cause for w in watch.open.values()} == {cause.id}
    assert len(watch.open) == 5


def test_without_the_rule_each_is_told(store: Store) -> None:
    watch, rooms = watch_of(world_of(5), anomaly_card()), rooms_for(store)
    rooms.together = None
    live(watch, rooms, BREAKS_S + STEP_S)
    assert told(store) == [("opened", 0)] * 5


def test_two_entities_are_told_each(store: Store) -> None:
    watch, rooms = watch_of(world_of(2), anomaly_card()), rooms_for(store)
    live(watch, rooms, BREAKS_S + STEP_S)
    assert told(store) == [("opened", 0)] * 2
    assert watch.causes == {}


def test_what_a_cause_lists_makes_no_second_one_with_what_happens_elsewhere(store: Store) -> None:
    world = World()
    for i, (rack, breaks_s) in enumerate([("r1", 0)] * 2 + [("r1", STEP_S)] * 3 + [("q", 2 * STEP_S)] + [("r2", 2**40)] * 4):
        world.add("load", {"instance": f"h{i}", "rack": rack, "cluster": "eu"}, jumps(i, BREAKS_S + breaks_s))
    watch = watch_of(world, anomaly_card(entity=["instance"]))
    said = live(watch, rooms_for(store, Together(within_s=3.0 * STEP_S)), BREAKS_S + 4 * STEP_S)
    causes = [(w.entity, len(w.members)) for kind, w in said if kind == "opened" and w.members]
    assert causes == [({"rack": "r1"}, 5)], "all have the cluster: it tells nothing of these"
    assert ("opened", 0) in told(store)[-1:], "the one of another rack is told alone"


def test_more_join_and_are_not_told_alone(store: Store) -> None:
    watch, rooms = watch_of(world_of(4, late=2), anomaly_card()), rooms_for(store)
    live(watch, rooms, BREAKS_S + 1200)
    assert told(store) == [("opened", 4)]
    (cause,) = watch.causes.values()
    assert len(cause.members) == 6


@pytest.mark.parametrize("all_hear", [True, False])
def test_what_has_spread_is_compared_with_what_a_repeat_told_everybody(all_hear: bool, store: Store) -> None:
    """Three, five when it is repeated, then six: twice as many only to whom nobody repeated it."""
    world = world_of(3, late=2)
    world.add("load", {"instance": "last", "rack": "r1"}, jumps(60, BREAKS_S + 1500))
    routes = [{"receiver": "out", "repeat": "20m", "continue": True}, {"receiver": "log", "repeat": "20m" if all_hear else None}]
    watch = watch_of(world, anomaly_card())
    rooms = replace(
        rooms_for(store), routes=[Route.model_validate(one) for one in routes], local_receivers=frozenset({"out", "log"}),
        renewed_receivers=frozenset(),
    )  # fmt: skip
    live(watch, rooms, BREAKS_S + 2100)
    (cause,) = watch.causes.values()
    said = told(store)
    assert len(cause.members) == 6
    assert said == [("opened", 3)] * 2 + [("repeated", 5)] * (1 + all_hear) + [("spread", 6)] * (0 if all_hear else 2)
    assert cause.record["told"] == (5 if all_hear else 6)


def test_it_ends_when_the_last_one_has_ended_and_each_keeps_its_own_record(store: Store) -> None:
    watch, rooms = watch_of(world_of(4, ends_s=BREAKS_S + 900), anomaly_card()), rooms_for(store)
    live(watch, rooms, BREAKS_S + 8 * 3600)
    assert watch.causes == {}
    assert not [w for w in watch.open.values() if w.cause]
    kept = store.warnings(limit=50)
    causes = [w for w in kept if w.members]
    assert causes
    assert all(w.state == "closed" for w in causes)
    assert len([w for w in kept if w.cause == causes[0].id]) >= 4
    assert {event for event, _ in told(store)} == {"opened", "closed"}
    assert all(w.id not in watch.pending for w in causes)


def test_a_restart_goes_on_with_the_cause(store: Store) -> None:
    world = world_of(4, late=1)
    watch, rooms = watch_of(world, anomaly_card()), rooms_for(store)
    live(watch, rooms, BREAKS_S + STEP_S)
    again = watch_of(world, anomaly_card())
    restore(again, store, None)
    assert set(again.causes) == set(watch.causes)
    assert set(again.open) == set(watch.open)
    assert not any(p.warning.members for p in again.pending.values())
    live(again, rooms, BREAKS_S + 1200, BREAKS_S + 2 * STEP_S)
    assert told(store) == [("opened", 4)]


def test_a_storm_of_what_shares_nothing_is_told_as_one(store: Store) -> None:
    world = World()
    for i in range(9):
        world.add("load", {"instance": f"b{i}", "rack": f"r{i}"}, jumps(i))
    watch, rooms = watch_of(world, anomaly_card()), rooms_for(store, Together(storm=4))
    live(watch, rooms, BREAKS_S + STEP_S)
    assert sorted(told(store)) == [("opened", 0)] * 3 + [("opened", 6)]
    (storm,) = watch.causes.values()
    assert storm.entity == {}


def test_causes_count_for_a_storm_as_what_is_told_alone_does(store: Store) -> None:
    world = World()
    for i in range(18):
        world.add("load", {"instance": f"b{i}", "rack": f"r{i // 3}"}, jumps(i))
    watch, rooms = watch_of(world, anomaly_card()), rooms_for(store, Together(storm=4))
    live(watch, rooms, BREAKS_S + STEP_S)
    assert sorted(told(store)) == [("opened", 3)] * 3 + [("opened", 9)]
    assert [cause.entity for cause in watch.causes.values()][-1] == {}


HOUR_S, STARTS_S = 3600, START_S + 9 * 86400


def fills(seed: int, ago_h: float, left_h: float) -> Course:
    """Flat at 0.8, then filling: below 0.05 after so many hours from where a daemon starts."""
    pace = 0.75 / (ago_h + left_h)

    def course(t: np.ndarray) -> np.ndarray:
        noise = np.sin(t * (0.011 + 0.0013 * seed)) + np.sin(t * (0.0171 + 0.0007 * seed))
        return 0.8 - pace * np.maximum((t - STARTS_S) / HOUR_S + ago_h, 0.0) + 0.0005 * noise

    return course


def disks(ago_h: list[float], since_s: int = START_S) -> World:
    """Disks of one rack that began to fill so many hours before a daemon starts, and two calm ones of the same job elsewhere."""
    world = World(begins_s=since_s)
    for i, ago in enumerate(ago_h):
        world.add("free", {"instance": f"d{i}", "rack": "r1", "job": "node"}, fills(i, ago, 4.0 + i))
    for i in range(2):
        world.add("free", {"instance": f"c{i}", "rack": f"q{i}", "job": "node"}, fills(20 + i, -(2.0**40), 2.0**41))
    return world


def started(store: Store, world: World) -> Watch:
    """A daemon that starts on it, half an hour later."""
    watch = watch_of(world, card(history="9d", guards={"persistence": "3/5"}))
    live(watch, rooms_for(store), STARTS_S + 1800, STARTS_S)
    return watch


def test_what_a_daemon_that_starts_finds_filling_since_other_hours_has_no_common_cause(store: Store) -> None:
    watch = started(store, disks([120.0, 20.0, 20.0, 18.0, 16.0, 15.0]))
    assert len({w.opened_s for w in watch.open.values()}) < 6, "they open together"
    assert told(store) == [("opened", 0)] * 6
    assert watch.causes == {}


def test_what_began_to_fill_together_is_one_warning_at_a_start_too(store: Store) -> None:
    watch = started(store, disks([16.0, 16.0, 60.0, 15.9]))
    (cause,) = watch.causes.values()
    assert sorted(m["entity"]["instance"] for m in cause.members) == ["d0", "d1", "d3"]
    assert cause.entity == {"rack": "r1"}, "all have the job"
    assert sorted(told(store)) == [("opened", 0), ("opened", 3)]


def test_what_fills_since_before_anything_is_held_is_not_known_to_have_begun_together(store: Store) -> None:
    watch = started(store, disks([400.0, 300.0, 350.0, 260.0], STARTS_S - 2 * 86400))
    assert len(watch.open) == 4
    assert watch.causes == {}
