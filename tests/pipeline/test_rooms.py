"""What the rooms know of their cards: how loud each is, and the record that its next warning carries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from aiops.core.records import Outcome
from aiops.models.card import ModelCard, with_challengers
from aiops.pipeline import Rooms
from aiops.pipeline.rooms import loudest_declared
from aiops.store import Store
from tests.pipeline.made import World, card, rooms_of, watch_of


@pytest.fixture
def rooms() -> Iterator[Rooms]:
    store = Store.open("sqlite://", None)
    yield rooms_of(store)
    store.close()


def outcome(verdict: Any, name: str = "disk") -> Outcome:
    return Outcome("id", name, {"instance": "a"}, verdict, 9, 1, None, None, None, None)


def test_only_a_record_makes_a_card_page(rooms: Rooms) -> None:
    assert [loudest_declared(stage) for stage in ("shadow", "ticket", "page")] == ["shadow", "ticket", "ticket"]
    disk = ModelCard.model_validate(card(stage="ticket"))
    assert rooms.stage_of(disk) == "ticket"
    rooms.stages["disk"] = "page"
    assert rooms.stage_of(disk) == "page"
    rooms.held = frozenset({"disk"})
    assert rooms.stage_of(disk) == "shadow", "the configuration keeps it there, whatever was decided"


def test_what_a_turn_counted_that_was_not_kept_is_counted_anew(rooms: Rooms) -> None:
    rooms.settled(outcome("hit"))
    assert rooms.record_of("disk")["settled"] == 1
    rooms.forget("disk")
    assert rooms.record_of("disk")["settled"] == 0, "the store knows of none"


def test_a_team_counts_over_all_of_its_cards_and_no_other(rooms: Rooms) -> None:
    for name, team in (("disk", "t"), ("inode", "t"), ("queue", "u")):
        rooms.watches.append(watch_of(World({}), card(name, owner={"team": team})))
        for _ in range(3):
            rooms.settled(replace(outcome("hit"), card=name))
    found = rooms.with_groups(rooms.record_of("disk"), "disk", "")
    assert "team t 6 of 6" in found["text"]
    alone = rooms.record_of("queue")
    assert rooms.with_groups(alone, "queue", "") == alone, "its team has no more than the card itself"


def test_the_cards_on_a_source_are_those_that_read_it_and_no_challenger(rooms: Rooms) -> None:
    tried = {"forecast": {"model": "exhaustion", "params": {"pending_s": 0}}}
    cards = with_challengers([ModelCard.model_validate(card(challenger=tried)), ModelCard.model_validate(card("other"))])
    rooms.watches = [replace(watch_of(World()), card=one) for one in cards]
    assert [watch.card.name for watch in rooms.watches] == ["disk", "disk~challenger", "other"]
    assert rooms.cards_on() == rooms.cards_on("made") == ["disk", "other"]
    assert rooms.cards_on("elsewhere") == []
