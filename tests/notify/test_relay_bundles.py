"""What waits for others goes as one, exactly once, whatever happens in between; what is refused is told elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aiops.core.errors import NotifyError, RetryLater
from aiops.notify.message import outbox_rows
from aiops.notify.relay import Relay
from aiops.store import Store
from tests.notify.samples import OPENED_S, Hand, closed, memory, message, route, warning
from tests.notify.test_message import HOURS, PAGER_OR_DIGEST, tree
from tests.notify.test_relay import queued, said

CHAT = tree({"receiver": "chat", "group_by": ["env"], "group_wait": "30s"})


class Keeps(Hand):
    """Keeps whole messages."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.messages: list[Mapping[str, Any]] = []

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        super().send(message, dedup_key, now_s)
        self.messages.append(message)


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def put(store: Store, event: Any, number: int, at_s: float = OPENED_S, routes: Any = CHAT) -> None:
    about = (closed(int(at_s)) if event == "closed" else warning()).having(id=f"id{number}", fingerprint=f"f{number}")
    with store.transaction() as tx:
        for row in outbox_rows(event, about, routes, at_s, 60, hours=HOURS):
            tx.enqueue(row.receiver, row.group, row.dedup_key, row.payload, at_s, row.renewal, row.not_before_s)


def test_they_wait_then_go_as_one_and_all_are_marked(store: Store) -> None:
    chat = Keeps("chat")
    relay = Relay(store, {"chat": chat})
    for number in range(3):
        put(store, "opened", number, OPENED_S + number)
    assert relay.run_once(OPENED_S + 29.0).sent == 0
    assert relay.run_once(OPENED_S + 30.0).sent == 1
    assert [len(one["messages"]) for one in chat.messages] == [3]
    assert queued(store) == []
    assert [action for action, _ in said(store)] == ["notify.sent"] * 3


def test_what_comes_later_is_another_message(store: Store) -> None:
    chat = Keeps("chat")
    relay = Relay(store, {"chat": chat})
    put(store, "opened", 1)
    relay.run_once(OPENED_S + 30.0)
    put(store, "opened", 2, OPENED_S + 31.0)
    assert relay.run_once(OPENED_S + 32.0).sent == 0
    relay.run_once(OPENED_S + 61.0)
    assert [one["event"] for one in chat.messages] == ["opened", "opened"]


def test_a_retry_sends_the_same_under_the_same_key(store: Store) -> None:
    chat = Keeps("chat")
    chat.raises = [RetryLater("away"), None]
    relay = Relay(store, {"chat": chat})
    put(store, "opened", 1)
    put(store, "opened", 2)
    relay.run_once(OPENED_S + 30.0)
    put(store, "opened", 3, OPENED_S + 31.0)
    again = Relay(store, {"chat": chat})  # as after a crash
    again.run_once(OPENED_S + 40.0)
    assert [len(one["messages"]) for one in chat.messages] == [2]
    again.run_once(OPENED_S + 70.0)
    assert [one["warning"]["id"] for one in chat.messages[1:]] == ["id3"]
    assert queued(store) == []


def test_what_began_and_ended_meanwhile_is_told_as_over(store: Store) -> None:
    chat = Keeps("chat")
    put(store, "opened", 1)
    put(store, "closed", 1, OPENED_S + 20.0)
    Relay(store, {"chat": chat}).run_once(OPENED_S + 50.0)
    (one,) = chat.messages
    assert [part["event"] for part in one["messages"]] == ["closed"]


def test_nobody_is_told_the_end_of_what_was_never_announced(store: Store) -> None:
    pager, mail = Keeps("pager"), Keeps("mail")
    relay = Relay(store, {"pager": pager, "mail": mail})
    put(store, "opened", 1, routes=PAGER_OR_DIGEST)  # it can wait: for the digest
    put(store, "closed", 1, OPENED_S + 60.0, routes=PAGER_OR_DIGEST)
    relay.run_once(OPENED_S + 60.0)
    assert pager.messages == []
    relay.run_once(HOURS.next_begin_s(OPENED_S))
    assert len(mail.messages) == 1
    assert queued(store) == []


def test_what_is_refused_goes_to_the_fallback_once(store: Store) -> None:
    bad, other = Keeps("am"), Keeps("out")
    bad.raises = [NotifyError("HTTP 400")]
    with store.transaction() as tx:
        tx.enqueue("am", "g", "k:opened", message("opened", warning()), OPENED_S)
    relay = Relay(store, {"am": bad, "out": other}, fallbacks={"am": "out"})
    relay.run_once(OPENED_S + 1.0)
    relay.run_once(OPENED_S + 2.0)
    assert [key for key, _ in other.got] == ["k:opened"]
    assert ("notify.dead", "k:opened") in said(store)
    assert queued(store) == []


def test_a_bundle_that_is_refused_goes_to_the_fallback_whole(store: Store) -> None:
    chat, other = Keeps("chat"), Keeps("out")
    chat.raises = [NotifyError("HTTP 413")]
    for number in range(3):
        put(store, "opened", number)
    relay = Relay(store, {"chat": chat, "out": other}, fallbacks={"chat": "out"})
    relay.run_once(OPENED_S + 30.0)
    relay.run_once(OPENED_S + 31.0)
    assert [len(one["messages"]) for one in other.messages] == [3]


def test_one_slow_group_does_not_hold_up_what_is_not_bundled(store: Store) -> None:
    chat, out = Keeps("chat"), Keeps("out")
    put(store, "opened", 1)
    put(store, "opened", 2, routes=[route("out")])
    Relay(store, {"chat": chat, "out": out}).run_once(OPENED_S + 1.0)
    assert [one["warning"]["id"] for one in out.messages] == ["id2"]
