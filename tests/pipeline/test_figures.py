"""The figures of a store: its current verdicts, held against what the cards say."""

from __future__ import annotations

from aiops.models.card import ModelCard
from aiops.pipeline.figures import about, figures, parts
from aiops.store import Store
from tests.daemon.rig import Rig, anomaly_card, calm, card, falling
from tests.store.samples import outcome

CARDS = [
    ModelCard.model_validate(card("disk_full", false_alarm_budget={"count": 15, "per": "100_series", "every": "7d"})),
    ModelCard.model_validate(card("other", false_alarm_budget={"count": 1, "per": "entity", "every": "14d"})),
]


def test_a_budget_is_told_a_week_for_a_hundred_series() -> None:
    held = about(CARDS, {"disk_full": 7})
    assert (held["disk_full"].team, held["disk_full"].series, held["disk_full"].budget) == ("t", 7, 15.0)
    assert (held["other"].series, held["other"].budget) == (0, 50.0)


def test_what_was_superseded_does_not_count_and_what_may_not_be_seen_neither() -> None:
    store = Store.open("sqlite://", None)
    with store.transaction() as tx:
        for found in (outcome(1, "false", failed_s=None), outcome(1, "hit"), outcome(2), outcome(3, "false", settled_s=10)):
            tx.put_outcome(found)
    (one,) = figures(store, CARDS, ["card"], 500.0, 100.0)
    assert (one.name, dict(one.verdicts)) == ("disk_full", {"hit": 2})
    (one,) = figures(store, CARDS, ["card"], 500.0, 100.0, seen=lambda found: [o for o in found if o.entity["instance"] == "a2"])
    assert dict(one.verdicts) == {"hit": 1}
    store.close()


def test_a_new_card_tells_what_cards_of_the_same_models_have_shown(rig: Rig) -> None:
    daemon = rig.start(card("disk_full"), card("inodes"), anomaly_card())
    with daemon.store.transaction() as tx:
        for number in range(25):
            tx.put_outcome(outcome(number, "hit" if number < 20 else "false", card="disk_full"))
    assert daemon.rooms.record_of("inodes")["text"] == "new, unproven; cards like it 20 of 25, so about 80%"
    assert daemon.rooms.record_of("strange")["text"] == "new, unproven"
    assert "like it" not in daemon.rooms.record_of("disk_full")["text"]


def test_what_a_warning_says_of_its_service_and_its_team(rig: Rig) -> None:
    rig.more = {"services": {"shop": {"match": ['instance=~"web.*"']}}}
    rig.world.add("free", {"instance": "web1"}, falling(0.0008))
    daemon = rig.start(card(), card("inodes", "used"))
    with daemon.store.transaction() as tx:
        for number in range(25):
            tx.put_outcome(outcome(number, "hit" if number < 20 else "false", card="inodes", about={"service": "shop"}))
    for step in range(8 * 12, 186):
        rig.at(300 * step)
        rig.turn()
    (opened,) = daemon.store.warnings()
    assert opened.record["text"] == "new, unproven; cards like it 20 of 25, so about 80%; service shop 20 of 25; team t 20 of 25"


def test_each_service_entity_and_rule_has_its_own_series(rig: Rig) -> None:
    rig.more = {"services": {"shop": {"match": ['instance="b"']}}}
    for instance, device in (("a", "1"), ("a", "2"), ("b", "1")):
        rig.world.add("free", {"instance": instance, "device": device, "service": f"own-{instance}"}, calm())
    daemon = rig.start(card())
    rig.turn()
    watches = daemon.rooms.watches
    assert parts(watches, "entity") == {("disk", "a"): 2, ("disk", "b"): 1}
    assert parts(watches, "service") == {("disk", "own-a"): 2, ("disk", "shop"): 1}
    assert parts(watches, "card") == parts(watches, "rule") == {}
