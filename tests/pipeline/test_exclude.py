"""A card's `exclude` through the live turn: nothing fires, nothing is learnt, nothing is missed while it lasts."""

from __future__ import annotations

from typing import Any

from aiops.backtest.card_tests import START_S, GivenSource
from aiops.models.card import ModelCard
from aiops.pipeline import BatchJournal, Event, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.states import series_states
from aiops.pipeline.watch import Watch
from aiops.store import Store
from aiops.telemetry.link import Link

STEADY = "2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 "
"""808 minutes, from 15:10 to 04:38 the next morning."""
MORNING = {"cron": "30 4 * * *", "for": "40m"}


def card(**parts: Any) -> ModelCard:
    whole = {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "odd", "owner": {"team": "t"}, "query": "q",
        "summary": "A count is unlike what is usual.", "guards": {"persistence": "3/5", "min_change": 10.0}, **parts,
    }
    return ModelCard.model_validate(whole)


def lived(card: ModelCard, values: str, minutes: int, live: int = 120) -> tuple[Watch, list[Event]]:
    """The watch after `minutes`, the last `live` of them turn by turn, and what happened."""
    store = Store.open("sqlite://", None)
    try:
        rooms = Rooms(store, BatchJournal(store), marks_turns=False)
        watch = make_watch(card, [Link(GivenSource({'{instance="a"}': values}, 60))], 60, None)
        rooms.watches, events = [watch], []
        for now in range(START_S + 60 * (minutes - live), START_S + 60 * minutes + 1, 60):
            events += turn(watch, now, rooms).events
        return watch, events
    finally:
        store.close()


def kinds(events: list[Event]) -> list[str]:
    return [e.kind for e in events if e.kind not in ("updated", "worsened")]


def test_what_is_strange_in_an_excluded_span_is_not_told() -> None:
    values = STEADY + "90x20"
    assert kinds(lived(card(detect={}), values, 820)[1]) == ["opened"]
    watch, events = lived(card(detect={}, exclude=[MORNING]), values, 820)
    assert kinds(events) == []
    assert series_states(watch, START_S + 60 * 820)["masked"] == 1
    assert series_states(watch, START_S + 60 * 820)["active"] == 0


def test_what_an_excluded_span_held_is_not_learnt() -> None:
    after = STEADY + "90x30 4x30 90x20"
    _, events = lived(card(detect={}, exclude=[MORNING]), after, 884)
    assert kinds(events) == ["opened"], "the second jump stands outside the span and is as strange as the first was"


def test_a_limit_crossed_in_an_excluded_span_is_no_missed_failure() -> None:
    values = STEADY + "90x100"
    limited = {"forecast": {"limit": {"above": 50}}}
    _, told = lived(card(**limited), values, 830)
    assert [e.outcome.verdict for e in told if e.outcome is not None] == ["missed"]
    _, events = lived(card(**limited, exclude=[MORNING]), values, 830)
    assert kinds(events) == []
    _, later = lived(card(**limited, exclude=[MORNING]), values, 880)
    assert [e for e in later if e.outcome is not None] == [], "it stood beyond its limit already when the span ended"
