"""One entity, several cards: one is told, the others with it; a worse one speaks, what is left goes on, nobody is silenced."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from aiops.config.routing import Route
from aiops.core.records import Stage
from aiops.pipeline.hush import Hush
from aiops.store import Store
from tests.notify.samples import memory
from tests.pipeline.panel import HOUR_S, Panel

A = {"instance": "a"}
DISK = {"instance": "a", "mountpoint": "/"}


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def cards(store: Store, *names: str, **more: object) -> Panel:
    panel = Panel(store, **more)  # type: ignore[arg-type]
    for name in names or ("first", "second"):
        panel.add(name)
    return panel


def test_two_cards_that_see_one_entity_tell_of_it_once(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 4 * HOUR_S)
    panel.say("second", A, 4 * HOUR_S)
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "first")]
    assert panel.one("second").cause == panel.one("first").id
    assert [other["card"] for other in panel.one("first").beside] == ["second"]


def test_a_disk_and_its_host_are_one_entity(store: Store) -> None:
    panel = Panel(store)
    panel.add("disk", ("instance", "mountpoint"))
    panel.add("host")
    panel.say("disk", DISK, 4 * HOUR_S)
    panel.turn()
    panel.say("host", A)
    panel.turn()
    assert panel.told() == [("opened", "disk")]


def test_two_disks_of_a_host_are_two(store: Store) -> None:
    panel = Panel(store)
    panel.add("disk", ("instance", "mountpoint"))
    panel.say("disk", DISK, 4 * HOUR_S)
    panel.say("disk", {**A, "mountpoint": "/var"}, 4 * HOUR_S)
    panel.turn()
    assert panel.told() == [("opened", "disk")] * 2


def test_a_cluster_is_not_one_with_its_hosts(store: Store) -> None:
    panel = Panel(store)
    panel.add("cluster", ("cluster",))
    panel.add("host", ("cluster", "instance"))
    for n in range(30):
        panel.watches["host"].window.rows_for([{"cluster": "eu", "instance": f"h{n}"}])
    panel.watches["host"].grow()
    panel.say("cluster", {"cluster": "eu"})
    panel.say("host", {"cluster": "eu", "instance": "h3"})
    panel.turn()
    assert panel.told() == [("opened", "cluster"), ("opened", "host")]


def test_a_forecast_after_an_anomaly_of_one_card_is_told_as_worse_for_it_has_a_time(store: Store) -> None:
    panel = cards(store, "first")
    panel.say("first", A)
    panel.turn()
    panel.say("first", A, 4 * HOUR_S)
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "first"), ("worsened", "first")]
    anomaly, forecast = panel.open("first")
    assert (anomaly.kind, anomaly.cause, forecast.cause) == ("anomaly", forecast.id, "")


def test_an_anomaly_after_a_forecast_is_told_with_it(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 4 * HOUR_S)
    panel.turn(minutes=60)
    panel.say("second", A)
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "first")]


def test_in_one_turn_the_most_urgent_is_told(store: Store) -> None:
    panel = cards(store, "first")
    panel.say("first", A)
    panel.say("first", A, 4 * HOUR_S)
    panel.turn()
    (message,) = panel.messages()
    assert message["warning"]["kind"] == "exhaustion"


def test_a_sooner_time_of_another_card_is_told_as_worse(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 8 * HOUR_S)
    panel.say("second", A, 7 * HOUR_S)
    panel.turn(minutes=2)
    assert panel.told() == [("opened", "first")]
    panel.say("second", A, 2 * HOUR_S)
    panel.turn(minutes=3)
    assert panel.told() == [("worsened", "second")]
    assert (panel.one("first").cause, panel.one("second").cause) == (panel.one("second").id, "")


def test_a_higher_severity_of_another_card_is_told_as_worse(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 4 * HOUR_S)
    panel.say("second", A, 4 * HOUR_S, "critical")
    panel.turn(minutes=3)
    assert panel.told() == [("opened", "first"), ("worsened", "second")]


def test_the_same_worst_is_not_told_again_and_again(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 4 * HOUR_S)
    panel.say("second", A, 4 * HOUR_S)
    panel.turn()
    for severity in ("critical", "warning") * 4:
        panel.say("second", A, 4 * HOUR_S, severity)
        panel.turn(minutes=2)
    told = panel.told()
    assert told[:2] == [("opened", "first"), ("worsened", "second")]
    assert "first" not in [card for _, card in told[1:]]


def test_when_the_one_that_is_told_ends_another_goes_on_untold_and_ends_it(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    panel.hush("first", A)
    panel.turn()
    ended = panel.messages()[-1]
    assert (ended["event"], ended["warning"]["card"]) == ("closed", "first")
    assert "Beside: second" in ended["text"]
    panel.turn(minutes=5)
    assert panel.told() == []
    assert panel.one("second").cause == ""
    panel.hush("second", A)
    panel.turn()
    assert panel.told() == [("closed", "second")]


def test_of_several_that_are_left_one_goes_on_for_the_others(store: Store) -> None:
    panel = cards(store, "first", "second", "third")
    for name in panel.watches:
        panel.say(name, A)
    panel.turn()
    panel.hush("first", A)
    panel.turn(minutes=2)
    second, third = panel.one("second"), panel.one("third")
    assert (second.cause, third.cause) in (("", second.id), (third.id, ""))
    assert panel.told() == [("opened", "first"), ("closed", "first")]
    panel.hush("second", A)
    panel.hush("third", A)
    panel.turn(minutes=2)
    told = panel.told()
    assert {event for event, _ in told} == {"closed"}
    assert len(told) <= 2


def test_what_ends_before_the_one_that_spoke_for_it_ends_untold(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    panel.hush("first", A)
    panel.hush("second", A)
    panel.turn("second", "first")
    assert panel.told() == [("opened", "first"), ("closed", "first")]


def test_the_last_ends_it_when_the_one_that_spoke_ended_just_before(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    panel.hush("first", A)
    panel.turn("first")
    panel.hush("second", A)
    panel.turn("second")
    assert panel.told() == [("opened", "first"), ("closed", "first"), ("closed", "second")]


def test_what_goes_on_in_its_place_speaks_once_it_is_worse(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    panel.hush("first", A)
    panel.turn(minutes=2)
    panel.messages()
    panel.say("second", A, severity="critical")
    panel.turn(minutes=2)
    assert panel.told() == [("worsened", "second")]


def test_what_was_told_itself_is_renewed_while_another_speaks_and_its_end_is_told(store: Store) -> None:
    panel = cards(store)
    panel.rooms.renewed_receivers = frozenset({"out"})
    panel.say("first", A)
    panel.turn()
    panel.say("second", A, 4 * HOUR_S)
    panel.turn(minutes=2)
    panel.messages()
    panel.turn()
    assert panel.told() == [("updated", "first"), ("updated", "second")]
    panel.hush("first", A)
    panel.turn()
    assert panel.told() == [("closed", "first"), ("updated", "second")]


def test_what_only_somebody_else_was_told_of_is_not_renewed(store: Store) -> None:
    panel = cards(store)
    panel.rooms.renewed_receivers = frozenset({"out"})
    panel.say("first", A)
    panel.say("second", A)
    panel.turn(minutes=2)
    assert {card for _, card in panel.told()} == {"first"}


@pytest.mark.parametrize(("first", "second", "told"), [
    ("shadow", "ticket", ["first", "second"]), ("ticket", "shadow", ["first"]),
    ("ticket", "page", ["first", "second"]), ("page", "ticket", ["first"]),
])  # fmt: skip
def test_only_what_is_as_loud_speaks_for_another(store: Store, first: Stage, second: Stage, told: list[str]) -> None:
    panel = Panel(store)
    panel.add("first", stage=first)
    panel.add("second", stage=second)
    panel.say("first", A, 4 * HOUR_S)
    panel.say("second", A, 4 * HOUR_S)
    panel.turn(minutes=2)
    assert panel.told() == [("opened", name) for name in told]


def test_what_is_worse_in_shadow_takes_nothing_from_a_ticket(store: Store) -> None:
    panel = Panel(store)
    panel.add("first", stage="ticket")
    panel.add("second", stage="shadow")
    panel.say("first", A)
    panel.say("second", A, HOUR_S, "critical")
    panel.turn(minutes=2)
    panel.hush("first", A)
    panel.turn()
    assert panel.one("second").stage == "shadow"
    assert [card for event, card in panel.told() if event == "closed"] == ["first"]


def test_one_that_others_are_told_of_is_told_to_them(store: Store) -> None:
    routes = [
        Route.model_validate({"receiver": "mine", "matchers": ['card="first"']}), Route.model_validate({"receiver": "yours"}),
    ]  # fmt: skip
    panel = cards(store, routes=routes)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    told = {"mine": [], "yours": []}  # type: dict[str, list[str]]
    for row in store.due(2.0**40):
        told[row.receiver].append(row.payload["warning"]["card"])
    assert told == {"mine": ["first"], "yours": ["second"]}


def test_what_belongs_to_another_team_is_told_to_it(store: Store) -> None:
    panel = Panel(store)
    panel.add("first", owner={"team": "storage"})
    panel.add("second", owner={"team": "web"})
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    assert panel.told() == [("opened", "first"), ("opened", "second")]


def test_what_is_known_no_longer_speaks_for_nothing_new(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.turn("first")
    first = panel.one("first")
    panel.watches["first"].open[first.fingerprint] = first.having(stale_since_s=panel.now_s)  # masked, or its source is away
    panel.say("second", A)
    panel.turn("second")
    assert panel.told() == [("opened", "first"), ("opened", "second")]


def test_what_a_person_hushed_speaks_for_nothing(store: Store) -> None:
    panel = cards(store, "first", "second", "third")
    panel.say("first", A)
    panel.say("second", A)
    panel.turn("first", "second")
    first = panel.one("first")
    panel.rooms.hushes[first.fingerprint] = Hush(panel.now_s + 86400.0, "warning", "anna", first.id)
    panel.say("third", A)
    panel.turn("third", "first", "second")
    told = panel.told()
    assert told[0] == ("opened", "first")
    assert {card for _, card in told[1:]} == {"third"}


def test_a_quarrel_of_sources_speaks_for_no_symptom(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, kind="conflict")
    panel.say("second", A)
    panel.turn()
    assert panel.told() == [("opened", "first"), ("opened", "second")]


def test_each_keeps_its_own_record_and_verdict(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A, 4 * HOUR_S)
    panel.say("second", A, 4 * HOUR_S)
    panel.turn(minutes=5)
    kept = {w.card: w for w in store.warnings()}
    assert {w.fingerprint for w in kept.values()} == {panel.one("first").fingerprint, panel.one("second").fingerprint}
    panel.turn(minutes=3 * 60)
    for name in panel.watches:
        panel.failed[name].add('{"instance":"a"}')
    panel.turn()
    verdicts = {o.card: o.verdict for o in store.outcomes()}
    assert verdicts == {"first": "hit", "second": "hit"}


def test_a_restart_in_the_middle_changes_nothing(store: Store) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    panel.turn()
    panel.restart()
    panel.turn(minutes=2)
    assert panel.told() == [("opened", "first")]
    panel.hush("first", A)
    panel.turn("first")
    panel.restart()
    panel.turn("second", minutes=2)
    assert (panel.told(), panel.one("second").cause) == ([("closed", "first")], "")


def test_a_turn_that_was_not_kept_speaks_for_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    panel = cards(store)
    panel.say("first", A)
    panel.say("second", A)
    with monkeypatch.context() as broken:
        broken.setattr(panel.rooms.journal, "write", lambda changes: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            panel.turn("first")
    panel.turn("second")
    assert panel.told() == [("opened", "second")]
