"""A turn's view of the other watches: who would be told, whose it is, who speaks, what is one entity."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.config.pilots import ServiceSettings
from aiops.config.routing import Route
from aiops.pipeline import Changes
from aiops.pipeline.meeting import ONE_AT_MOST, Meeting
from aiops.pipeline.services import Services
from aiops.store import Store
from tests.notify.samples import memory
from tests.pipeline.panel import HOUR_S, Panel

A = {"instance": "a"}


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def meeting(panel: Panel, name: str = "first") -> Meeting:
    return Meeting(panel.watches[name], panel.now_s, panel.rooms, Changes(name, "made", panel.now_s))


def both(panel: Panel) -> Panel:
    """Two cards that see one entity, the second forecasting it."""
    panel.add("first")
    panel.add("second")
    panel.say("first", A)
    panel.say("second", A, 2 * HOUR_S)
    return panel


def test_the_audience_is_who_would_be_told_now(store: Store) -> None:
    routes = [
        Route.model_validate({"receiver": "pager", "urgent": True, "continue": True}),
        Route.model_validate({"receiver": "chat"}),
    ]  # fmt: skip
    panel = both(Panel(store, routes=routes))
    panel.turn()
    now = meeting(panel)
    assert now.audience(panel.one("first")) == {"chat"}
    assert now.audience(panel.one("second")) == {"pager", "chat"}
    assert now.may_speak(panel.one("second"), panel.one("first"))
    assert not now.may_speak(panel.one("first"), panel.one("second"))


def test_what_is_in_shadow_has_no_audience_but_on_this_machine(store: Store) -> None:
    panel = both(Panel(store))
    panel.turn()
    panel.rooms.local_receivers = frozenset()
    quiet = panel.one("first").having(stage="shadow")
    assert meeting(panel).audience(quiet) == frozenset()
    assert meeting(panel).audience(panel.one("first")) == {"out"}


def test_whose_it_is_says_the_service_then_the_label_then_the_card(store: Store) -> None:
    panel = both(Panel(store))
    panel.turn()
    warning = panel.one("first")
    assert meeting(panel).team(warning) == "t"
    labelled = warning.having(labels={**warning.labels, "team": "storage", "service": "shop"})
    assert meeting(panel).team(labelled) == "storage"
    panel.watches["first"].services = Services({"shop": ServiceSettings(owner="web")})
    assert meeting(panel).team(labelled) == "web"


def test_a_watch_that_was_not_kept_is_known_to_be_open_and_is_not_built_on(store: Store) -> None:
    panel = both(Panel(store))
    panel.turn()
    panel.rooms.floor.unkept.add(panel.watches["second"].name)
    other, now = panel.one("second"), meeting(panel)
    assert other.id in now.ids
    assert now.now(other.id) is None
    assert now.speaker(panel.one("first").having(cause=other.id)) is None


def test_who_speaks_is_found_over_several(store: Store) -> None:
    panel = both(Panel(store))
    panel.turn()
    now, first, second = meeting(panel), panel.one("first"), panel.one("second")
    assert now.speaker(second) == second
    assert now.speaker(first.having(cause=second.id)) == second
    assert now.speaker(first.having(cause="gone")) == first.having(cause="gone")


@pytest.mark.parametrize(("disks", "one"), [(ONE_AT_MOST, True), (ONE_AT_MOST + 1, False)])
def test_what_holds_many_entities_is_a_crowd(store: Store, disks: int, one: bool) -> None:
    panel = Panel(store)
    panel.add("first")
    watch = panel.add("disk", ("instance", "mountpoint"))
    watch.window.rows_for([{**A, "mountpoint": f"/{n}"} for n in range(disks)])
    watch.grow()
    panel.say("first", A)
    panel.say("disk", {**A, "mountpoint": "/0"}, HOUR_S)
    panel.turn()
    now = meeting(panel)
    assert now.one_entity(panel.one("first"), panel.one("disk")) is one
    assert now.one_entity(panel.one("disk"), panel.one("first")) is one


def test_a_new_life_knows_what_was_told_lately(store: Store) -> None:
    panel = both(Panel(store))
    panel.turn()
    panel.restart()
    meeting(panel)
    told = panel.rooms.floor.told(panel.now_s - 600.0, "ticket")
    assert told == sum(not w.cause for w in store.warnings())
