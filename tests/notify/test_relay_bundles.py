"""What waits for others goes as one, exactly once, whatever happens in between; what is refused is told elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from aiops.core.errors import NotifyError, RetryLater
from aiops.notify.message import Audience, News, outbox_rows
from aiops.notify.relay import Relay
from aiops.store import Store
from tests.notify.samples import OPENED_S, Hand, closed, memory, message, outcome, route, warning
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
        for row in outbox_rows(News(event, about, at_s, 60), Audience(routes, hours=HOURS)):
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


def judge(store: Store, number: int, verdict: Any, at_s: float, routes: Any = CHAT) -> None:
    """As a turn tells a verdict on what had ended."""
    about = closed(int(OPENED_S) + 60, verdict=verdict).having(id=f"id{number}", fingerprint=f"f{number}")
    with store.transaction() as tx:
        news = News("judged", about, at_s, 60, outcome=outcome(about, verdict, at_s))
        for row in outbox_rows(news, Audience(routes, hours=HOURS)):
            tx.enqueue(row.receiver, row.group, row.dedup_key, row.payload, at_s, row.renewal, row.not_before_s)


PLAIN = tree({"receiver": "chat"})


def test_a_verdict_ends_the_thread_once_and_again_only_when_it_changes(store: Store) -> None:
    chat, now = Keeps("chat"), OPENED_S + 100.0
    relay = Relay(store, {"chat": chat})
    put(store, "opened", 1, routes=PLAIN)
    put(store, "closed", 1, OPENED_S + 60.0, routes=PLAIN)
    for verdict in ("false", "false", "averted", "averted", "false"):
        judge(store, 1, verdict, now, PLAIN)
        judge(store, 1, verdict, now, PLAIN)  # the same turn, taken twice
        relay.run_once(now)
        now += 100.0
    said = [(one["event"], one["verdict"]) for one in chat.messages]
    assert said == [("opened", ""), ("closed", "pending"), ("judged", "false"), ("judged", "averted"), ("judged", "false")]
    assert queued(store) == []


def test_who_was_told_the_verdict_with_the_end_is_not_told_it_again(store: Store) -> None:
    chat = Keeps("chat")
    relay = Relay(store, {"chat": chat})
    put(store, "opened", 1, routes=PLAIN)
    over = closed(int(OPENED_S) + 60, verdict="hit").having(id="id1", fingerprint="f1")
    with store.transaction() as tx:
        for row in outbox_rows(News("closed", over, OPENED_S + 60, 60), Audience(PLAIN)):
            tx.enqueue(row.receiver, row.group, row.dedup_key, row.payload, OPENED_S + 60)
    judge(store, 1, "hit", OPENED_S + 100.0, PLAIN)
    relay.run_once(OPENED_S + 100.0)
    assert [one["event"] for one in chat.messages] == ["opened", "closed"]


def test_nobody_is_told_the_verdict_on_what_was_never_announced(store: Store) -> None:
    chat = Keeps("chat")
    judge(store, 1, "false", OPENED_S + 100.0, PLAIN)
    assert Relay(store, {"chat": chat}).run_once(OPENED_S + 100.0).superseded == 1
    assert chat.messages == []
    assert queued(store) == []


def test_a_verdict_follows_the_beginning_to_the_fallback(store: Store) -> None:
    pager, mail = Keeps("chat"), Keeps("mail")
    pager.raises = [NotifyError("HTTP 400"), NotifyError("HTTP 400")]
    relay = Relay(store, {"chat": pager, "mail": mail}, fallbacks={"chat": "mail"})
    put(store, "opened", 1, routes=PLAIN)
    put(store, "closed", 1, OPENED_S + 60.0, routes=PLAIN)
    judge(store, 1, "averted", OPENED_S + 100.0, PLAIN)
    for _ in range(3):
        relay.run_once(OPENED_S + 200.0)
    assert pager.messages == []
    assert [one["event"] for one in mail.messages] == ["opened", "closed", "judged"]


def test_a_digest_says_of_each_what_became_of_it_last(store: Store) -> None:
    mail, routes = Keeps("mail"), tree({"receiver": "mail", "digest": True})
    for number in (1, 2):
        put(store, "opened", number, routes=routes)
    put(store, "closed", 1, OPENED_S + 60.0, routes=routes)
    judge(store, 1, "averted", OPENED_S + 100.0, routes)
    judge(store, 9, "false", OPENED_S + 100.0, routes)  # of which nobody was told
    Relay(store, {"mail": mail}).run_once(HOURS.next_begin_s(OPENED_S))
    (one,) = mail.messages
    assert [(part["warning_id"], part["event"]) for part in one["messages"]] == [("id2", "opened"), ("id1", "judged")]
    assert one["title"].startswith("2 early warnings, 1 of them over: ")
    assert queued(store) == []


def test_a_bundle_that_falls_back_to_who_puts_together_by_itself_arrives_one_by_one(store: Store) -> None:
    class Am(Keeps):
        renewed = True

    chat, am = Keeps("chat"), Am("am")
    chat.raises = [NotifyError("HTTP 400")]
    for number in range(3):
        put(store, "opened", number)
    relay = Relay(store, {"chat": chat, "am": am}, fallbacks={"chat": "am"})
    for _ in range(4):
        relay.run_once(OPENED_S + 60.0)
    assert [one["warning"]["id"] for one in am.messages] == ["id0", "id1", "id2"]
    assert {one["event"] for one in am.messages} == {"opened"}
    assert queued(store) == []


def test_after_a_message_of_a_group_the_next_waits_for_its_interval(store: Store) -> None:
    chat, routes = Keeps("chat"), tree({"receiver": "chat", "group_by": ["env"], "group_wait": "30s", "group_interval": "5m"})
    relay = Relay(store, {"chat": chat})
    put(store, "opened", 1, routes=routes)
    relay.run_once(OPENED_S + 30.0)
    for number in (2, 3):
        put(store, "opened", number, OPENED_S + 40.0, routes)
    assert relay.run_once(OPENED_S + 120.0).sent == 0
    assert relay.run_once(OPENED_S + 329.0).sent == 0
    assert relay.run_once(OPENED_S + 330.0).sent == 1
    assert [len(one.get("messages", [1])) for one in chat.messages] == [1, 2]
    assert queued(store) == []


def test_a_group_that_was_not_told_yet_waits_for_no_interval(store: Store) -> None:
    chat, routes = Keeps("chat"), tree({"receiver": "chat", "group_by": ["env"], "group_wait": "30s", "group_interval": "1h"})
    put(store, "opened", 1, routes=routes)
    assert Relay(store, {"chat": chat}).run_once(OPENED_S + 30.0).sent == 1
