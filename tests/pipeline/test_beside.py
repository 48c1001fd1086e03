"""Two cards, one machine: each warning names what else is open there, and what began together is told once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aiops.pipeline import Rooms, Watch, turn
from aiops.pipeline.beside import Index
from aiops.store import Store
from tests.notify.samples import memory
from tests.pipeline.made import World, anomaly_card, watch_of
from tests.pipeline.test_gather import BREAKS_S, STEP_S, jumps, rooms_for, told


def test_a_machine_its_disks_and_what_holds_it_are_beside_each_other() -> None:
    index = Index(
        [("host", {"instance": "a"}), ("disk", {"instance": "a", "mountpoint": "/var"}),
         ("other", {"instance": "b", "mountpoint": "/var"}), ("whole", {"cluster": "eu"}), ("all", {})]
    )  # fmt: skip
    assert list(index.on({"instance": "a"})) == ["host", "disk"]
    assert list(index.on({"instance": "a", "mountpoint": "/var"})) == ["host", "disk"]
    assert list(index.on({"instance": "a", "mountpoint": ""})) == ["host", "disk"]
    assert list(index.on({"instance": "b"})) == ["other"]
    assert list(index.on({"cluster": "eu", "instance": "x"})) == ["whole"]
    assert list(index.on({})) == []


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def two_cards(store: Store, second_breaks_s: int) -> tuple[list[Watch], Rooms]:
    """Load and queue of one machine, each with a card; the queue breaks when it is said."""
    world = World()
    world.add("load", {"instance": "a"}, jumps(1))
    world.add("queue", {"instance": "a"}, jumps(2, second_breaks_s))
    rooms = rooms_for(store)
    rooms.watches = [watch_of(world, anomaly_card("busy", "load")), watch_of(world, anomaly_card("waiting", "queue"))]
    return rooms.watches, rooms


def live(rooms: Rooms, until_s: int) -> None:
    for now_s in range(BREAKS_S - STEP_S, until_s + 1, STEP_S):
        for watch in rooms.watches:
            turn(watch, now_s, rooms)


def test_what_begins_together_on_one_machine_is_told_once(store: Store) -> None:
    (busy, waiting), rooms = two_cards(store, BREAKS_S)
    live(rooms, BREAKS_S + STEP_S)
    (first,), (second,) = busy.open.values(), waiting.open.values()
    assert told(store) == [("opened", 0)]
    assert (first.cause, second.cause) == ("", first.id)
    assert [other["card"] for other in first.beside] == ["waiting"]
    assert [other["id"] for other in second.beside] == [first.id]


def test_what_begins_later_is_told_with_it_and_each_names_the_other(store: Store) -> None:
    (busy, waiting), rooms = two_cards(store, BREAKS_S + 600)
    live(rooms, BREAKS_S + 600 + STEP_S)
    (first,), (second,) = busy.open.values(), waiting.open.values()
    assert told(store) == [("opened", 0)]
    assert (second.cause, second.thread) == (first.id, first.id)
    assert [other["card"] for other in first.beside] == ["waiting"]


def test_what_begins_long_after_is_told_itself(store: Store) -> None:
    (_, waiting), rooms = two_cards(store, BREAKS_S + 600)
    assert rooms.together is not None
    rooms.together = replace(rooms.together, lasts_s=300.0)
    live(rooms, BREAKS_S + 600)
    assert told(store) == [("opened", 0)] * 2
    (second,) = waiting.open.values()
    assert [other["card"] for other in second.beside] == ["busy"]


def test_once_the_other_has_ended_it_goes_on_in_its_place_untold(store: Store) -> None:
    (busy, waiting), rooms = two_cards(store, BREAKS_S)
    live(rooms, BREAKS_S + STEP_S)
    (first,) = busy.open.values()
    busy.open.clear()
    result = turn(waiting, BREAKS_S + 2 * STEP_S, rooms)
    (second,) = waiting.open.values()
    assert (second.cause, second.thread, second.beside) == ("", first.id, ())
    assert [e.kind for e in result.events] == ["updated"]
    assert told(store) == [("opened", 0)]
