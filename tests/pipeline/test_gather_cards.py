"""Many entities and many cards: one cause over the watches of a daemon, a storm over all of them, few messages."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from aiops.early_warnings.cause import Together
from aiops.notify.chat import mark
from aiops.notify.stdout import block
from aiops.store import Store
from tests.notify.samples import memory
from tests.pipeline.panel import HOUR_S, Panel


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def rack(panel: Panel, hosts: int, cards: int, together: bool = True) -> None:
    """Every card sees every host of a rack fail; each looks at other hosts, when they are not together."""
    for c in range(cards):
        panel.add(f"card{c}")
        for h in range(hosts):
            panel.say(f"card{c}", {"instance": f"h{h}" if together else f"h{c}-{h}", "rack": "r1"})


def test_a_rack_that_five_cards_see_is_one_message(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=100, cards=5)
    panel.turn(minutes=4)
    (message,) = panel.messages()
    assert (message["event"], len(message["warning"]["members"])) == ("opened", 100)
    assert message["warning"]["entity"]["rack"] == "r1"
    assert sum(len(panel.open(name)) for name in panel.watches) == 500


def test_few_hosts_of_each_card_are_together_many_of_one_cause(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=2, cards=5, together=False)
    panel.turn(minutes=3)
    told = panel.messages()
    assert len(told) <= 5
    causes = [cause for watch in panel.watches.values() for cause in watch.causes.values()]
    assert [cause.entity for cause in causes] == [{"rack": "r1"}]
    listed = {m["entity"]["instance"] for m in causes[0].members}
    assert listed | {m["warning"]["entity"].get("instance") for m in told} >= {f"h{c}-{h}" for c in range(5) for h in range(2)}


def test_what_is_worse_on_many_hosts_is_told_once_more(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=20, cards=1)
    panel.add("disk")
    panel.turn()
    for h in range(20):
        panel.say("disk", {"instance": f"h{h}", "rack": "r1"}, 2 * HOUR_S)
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "card0"), ("opened", "disk")]


def test_a_cause_lasts_as_long_as_any_card_sees_it_and_ends_once(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=10, cards=2)
    panel.turn(minutes=2)
    for h in range(10):
        panel.hush("card0", {"instance": f"h{h}"})
    panel.turn(minutes=5)
    assert panel.told() == [("opened", "card0")]
    for h in range(10):
        panel.hush("card1", {"instance": f"h{h}"})
    panel.turn(minutes=2)
    assert panel.told() == [("closed", "card0")]
    assert not any(watch.causes or watch.open for watch in panel.watches.values())


def test_a_restart_in_the_middle_of_a_cause_tells_nothing_anew(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=10, cards=3)
    panel.turn("card0")
    panel.restart()
    panel.turn("card1", "card2")
    panel.restart()
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "card0")]
    assert len(panel.watches["card0"].causes) == 1


def lonely(panel: Panel, card: str, hosts: int, **said: object) -> None:
    """Hosts that share nothing."""
    for h in range(hosts):
        panel.say(card, {"instance": f"{card}-{h}", "rack": f"{card}-r{h}"}, **said)  # type: ignore[arg-type]


def test_a_storm_is_over_all_cards(store: Store) -> None:
    panel = Panel(store)
    for c in range(5):
        panel.add(f"card{c}")
        lonely(panel, f"card{c}", 40)
    panel.turn(minutes=9)
    told = panel.messages()
    assert len(told) == 20
    storms = [cause for watch in panel.watches.values() for cause in watch.causes.values()]
    assert [storm.entity for storm in storms] == [{}]
    assert len(storms[0].members) == 5 * 40 - 19


def test_a_storm_that_tells_no_time_speaks_for_nothing_that_tells_one(store: Store) -> None:
    panel = Panel(store)
    for c in range(3):
        panel.add(f"card{c}")
    lonely(panel, "card0", 40)
    lonely(panel, "card1", 40, in_s=6 * HOUR_S)
    panel.turn(minutes=3)
    *before, last = panel.messages()
    assert len(before) == 20
    assert last["title"].startswith("card1 on 40 entities first in 5h5")
    lonely(panel, "card2", 40)
    panel.turn(minutes=3)
    assert not panel.messages(), "of what tells no time the first storm speaks on"


def test_a_storm_of_one_names_it(store: Store) -> None:
    panel = Panel(store)
    panel.add("card0")
    panel.add("card1")
    lonely(panel, "card0", 40)
    lonely(panel, "card1", 1, in_s=6 * HOUR_S)
    panel.turn(minutes=2)
    last = panel.messages()[-1]
    assert last["title"].startswith("card1 on card1-0 in 5h5")
    assert "\nWhere: 1 entity that began when there was too much to tell one by one: card1-0\n" in last["text"]


def test_a_storm_that_grows_is_told_again_when_its_time_is_over(store: Store) -> None:
    panel = Panel(store, Together(storm=4))
    panel.add("card")
    lonely(panel, "card", 10)
    panel.turn()
    panel.add("more")
    lonely(panel, "more", 40)
    panel.turn(minutes=9)
    assert [event for event, _ in panel.told()] == ["opened"] * 4
    panel.turn(minutes=3)
    assert panel.told() == [("spread", "card")]


def test_what_is_no_worse_and_on_more_hosts_says_which(store: Store) -> None:
    panel = Panel(store)
    rack(panel, hosts=4, cards=1)
    panel.turn(minutes=2)
    for h in range(4, 9):
        panel.say("card0", {"instance": f"h{h}", "rack": "r1"})
    panel.turn(minutes=4)
    first, second = panel.messages()
    assert (first["event"], second["event"]) == ("opened", "spread")
    assert second["title"].startswith("has spread: card0 on 9 entities of r1: ")
    assert second["text"].startswith("Now also on: h4, h5, h6, h7, h8; it was on 4 before\n")
    assert " SPREAD " in block(second)
    assert (second["warning"]["severity"], mark(second)) == (first["warning"]["severity"], mark(first))


def test_what_gets_worse_all_at_once_is_a_storm_too(store: Store) -> None:
    panel = Panel(store, Together(storm=4))
    panel.add("card")
    for h in range(12):
        panel.say("card", {"instance": f"h{h}", "rack": f"r{h}"}, 40 * HOUR_S)
        panel.turn(minutes=5)
    assert len(panel.messages()) == 12
    panel.turn(minutes=10)
    for h in range(12):
        panel.say("card", {"instance": f"h{h}", "rack": f"r{h}"}, HOUR_S, "critical")
    panel.turn(minutes=2)
    assert len(panel.messages()) == 4


def test_what_is_in_shadow_takes_no_place_from_what_is_loud(store: Store) -> None:
    panel = Panel(store, Together(storm=4))
    panel.add("quiet", stage="shadow")
    panel.add("loud", stage="page")
    lonely(panel, "quiet", 10)
    lonely(panel, "loud", 2)
    panel.turn(minutes=2)
    told = panel.told()
    assert told.count(("opened", "quiet")) == 4
    assert told.count(("opened", "loud")) == 2


def test_a_storm_in_shadow_speaks_for_no_ticket(store: Store) -> None:
    panel = Panel(store, Together(storm=4))
    panel.add("quiet", stage="shadow")
    panel.add("loud", stage="ticket")
    for h in range(9):
        panel.say("quiet", {"instance": f"h{h}", "rack": "r1"})
        panel.say("loud", {"instance": f"h{h}", "rack": "r1"})
    panel.turn(minutes=2)
    stages = {m["warning"]["card"]: m["warning"]["stage"] for m in panel.messages()}
    assert stages == {"quiet": "shadow", "loud": "ticket"}


def test_teams_are_told_each_of_what_is_theirs(store: Store) -> None:
    panel = Panel(store)
    for name, team in (("one", "storage"), ("other", "web")):
        panel.add(name, owner={"team": team})
        for h in range(5):
            panel.say(name, {"instance": f"h{h}", "rack": "r1"})
    panel.turn(minutes=2)
    assert panel.told() == [("opened", "one"), ("opened", "other")]


def test_a_storm_before_a_restart_still_counts(store: Store) -> None:
    panel = Panel(store, Together(storm=4))
    panel.add("card")
    panel.add("more")
    lonely(panel, "card", 3)
    panel.turn("card")
    panel.restart()
    lonely(panel, "more", 10)
    panel.turn("more")
    assert [event for event, _ in panel.told()] == ["opened"] * 4


def test_turns_in_another_order_tell_of_the_same_entities(store: Store) -> None:
    panel = Panel(store, replace(Together(), storm=8))
    rack(panel, hosts=6, cards=3)
    panel.turn("card2", "card0", "card1")
    panel.turn("card1", "card2", "card0", minutes=3)
    assert panel.told() == [("opened", "card2")]
