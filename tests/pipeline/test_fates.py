"""What one thread told of ends in it: one end for many, with what became of each, over the real turn and the real outbox."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aiops.core.labels import key
from aiops.notify.relay import Relay
from aiops.pipeline.desk import Desk
from aiops.store import Store
from tests.notify.samples import Hand, memory
from tests.pipeline.panel import Panel

A = {"instance": "a"}
SOON_S = 1800.0
HOSTS = [{"instance": f"h{h}", "rack": "r1"} for h in range(5)]


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


class Out(Hand):
    """Keeps what it was told, whole."""

    def __init__(self) -> None:
        super().__init__("out")
        self.told: list[Mapping[str, Any]] = []

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        self.told.append(message)


def sent(panel: Panel) -> list[Mapping[str, Any]]:
    """What has reached the receiver, by the relay, since it was asked last."""
    out = Out()
    Relay(panel.store, {"out": out}).run_once(float(panel.now_s))
    return out.told


def events(told: list[Mapping[str, Any]]) -> list[tuple[str, str, dict[str, int]]]:
    return [(one["event"], one["verdict"], one.get("verdicts", {})) for one in told]


def rack(store: Store) -> Panel:
    """Five hosts of a rack whose disks fill together: told once."""
    panel = Panel(store)
    panel.add("disk", truth={"crossing": True})
    for host in HOSTS:
        panel.say("disk", host, SOON_S)
    panel.turn(minutes=2)
    assert events(sent(panel)) == [("opened", "", {})]
    return panel


def fail(panel: Panel, *hosts: Mapping[str, str], card: str = "disk") -> None:
    """What was foretold of some entities comes in the next turn."""
    panel.turn(minutes=25)
    panel.failed[card] = {key({"instance": host["instance"]}) for host in hosts}
    for host in hosts:
        panel.hush(card, host, "exhaustion")
    panel.turn()
    panel.failed[card] = set()


def withdraw(panel: Panel, *hosts: Mapping[str, str], card: str = "disk") -> None:
    for host in hosts:
        panel.hush(card, host, "exhaustion")
    panel.turn(minutes=2)


def test_what_came_true_on_all_of_them_ends_with_one_message(store: Store) -> None:
    panel = rack(store)
    fail(panel, *HOSTS)
    panel.turn(minutes=120)
    (closed,) = sent(panel)
    assert events([closed]) == [("closed", "hit", {"hit": 5})]
    assert closed["title"] == "disk on 5 entities of r1 came true on 5"
    assert "Verdict: came true on 5: h0, h1, h2, h3, h4" in closed["text"].splitlines()
    assert not [w for w in store.warnings() if w.verdict is None and not w.members]


def test_what_is_not_judged_at_its_end_is_told_once_more_when_the_last_is(store: Store) -> None:
    panel = rack(store)
    fail(panel, *HOSTS[:2])
    assert sent(panel) == []
    withdraw(panel, *HOSTS[2:])
    (closed,) = sent(panel)
    assert events([closed]) == [("closed", "pending", {"hit": 2, "pending": 3})]
    assert closed["title"] == "disk on 5 entities of r1 has ended; came true on 2, 3 not judged yet"
    panel.turn(minutes=6 * 60)
    (judged,) = sent(panel)
    assert events([judged]) == [("judged", "hit", {"hit": 2, "unjudgeable": 3})]
    assert judged["title"] == "disk on 5 entities of r1 came true on 2, cannot be judged on 3"
    assert "Verdict: cannot be judged on 3: h2, h3, h4" in judged["text"].splitlines()
    panel.turn(minutes=60)
    assert sent(panel) == []


def test_a_restart_in_between_tells_neither_twice_nor_nothing(store: Store) -> None:
    panel = rack(store)
    withdraw(panel, *HOSTS)
    panel.restart()
    panel.turn(minutes=3 * 60)
    panel.restart()
    panel.turn(minutes=3 * 60)
    assert events(sent(panel)) == [("closed", "pending", {"pending": 5}), ("judged", "unjudgeable", {"unjudgeable": 5})]


def test_a_person_who_judges_one_of_them_otherwise_is_told_on(store: Store) -> None:
    panel = rack(store)
    withdraw(panel, *HOSTS)
    panel.turn(minutes=6 * 60)
    sent(panel)
    panel.restart()
    one = next(w for w in store.warnings() if w.entity.get("instance") == "h3")
    Desk(store).verdict(one.id, "hit", "ann", panel.now_s + 1.0, failed_s=panel.now_s)
    panel.turn(minutes=2)
    assert events(sent(panel)) == [("judged", "hit", {"hit": 1, "unjudgeable": 4})]


def pair(store: Store) -> Panel:
    """Two cards see one entity: one of them is told."""
    panel = Panel(store)
    for card in ("first", "second"):
        panel.add(card, truth={"crossing": True})
        panel.say(card, A, SOON_S)
    panel.turn(minutes=2)
    (opened,) = sent(panel)
    assert (opened["event"], opened["warning"]["card"]) == ("opened", "first")
    return panel


def test_what_was_folded_into_another_ends_with_it(store: Store) -> None:
    panel = pair(store)
    withdraw(panel, A, card="second")
    assert sent(panel) == []
    withdraw(panel, A, card="first")
    (closed,) = sent(panel)
    assert events([closed]) == [("closed", "pending", {"pending": 1})]
    assert "With it: second is not judged yet" in closed["text"].splitlines()
    panel.turn(minutes=6 * 60)
    told = sent(panel)
    assert {one["warning"]["card"] for one in told} == {"first"}
    assert "With it: second cannot be judged" in told[-1]["text"].splitlines()
    assert events(told[-1:]) == [("judged", "unjudgeable", {"unjudgeable": 1})]
    assert all(w.verdict == "unjudgeable" for w in store.warnings())


def test_what_goes_on_alone_ends_alone(store: Store) -> None:
    panel = pair(store)
    withdraw(panel, A, card="first")
    assert [one["warning"]["card"] for one in sent(panel)] == ["first"]
    withdraw(panel, A, card="second")
    panel.turn(minutes=6 * 60)
    told = [(one["event"], one["warning"]["card"]) for one in sent(panel)]
    assert told.count(("closed", "second")) == 1
    assert told[-2:] == [("judged", "first"), ("judged", "second")] or told[-2:] == [("judged", "second"), ("judged", "first")]
