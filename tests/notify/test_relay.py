"""The outbox reaches its receivers: in order, at least once, and nobody waits for somebody else's trouble."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aiops.core.errors import NotifyError, RetryLater, StoreError
from aiops.notify.relay import GIVES_UP_AFTER_S, LONGEST_WAIT_S, Relay, RelayResult, backoff_s
from aiops.store import Store, tables
from aiops.store.about import told
from tests.notify.samples import OPENED_S, Hand, Renewed, closed, enqueue, memory, until, warning

NOW = OPENED_S + 1.0
OTHER = warning(id="f" * 16)
DONE = closed(OPENED_S + 60)


@pytest.fixture
def store() -> Iterator[Store]:
    with memory() as found:
        yield found


def said(store: Store) -> list[tuple[str, str]]:
    """Action and object of the ledger's rows about messages."""
    with store._read() as connection:
        t = tables.ledger
        return [(r.action, r.object) for r in connection.execute(sa.select(t).order_by(t.c.seq)) if r.action != "genesis"]


def queued(store: Store) -> list[str]:
    with store._read() as connection:
        t = tables.outbox
        query = sa.select(t.c.dedup_key).where(t.c.state == "queued").order_by(t.c.seq)
        return [str(key) for key in connection.execute(query).scalars()]


class Hangs(Hand):
    """Does not answer until it is let go."""

    def __init__(self, name: str = "am") -> None:
        super().__init__(name)
        self.let_go = threading.Event()
        self.calls = 0

    def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
        self.calls += 1
        assert self.let_go.wait(60)
        super().send(message, dedup_key, now_s)


def test_messages_of_an_episode_arrive_in_order_and_are_marked(store: Store) -> None:
    keys = [enqueue(store, "opened", warning()), enqueue(store, "worsened", warning()), enqueue(store, "closed", DONE)]
    am = Hand()
    assert Relay(store, {"am": am}).run_once(NOW) == RelayResult(sent=3)
    assert [key for key, _ in am.got] == keys
    assert said(store) == [("notify.sent", key) for key in keys]
    assert queued(store) == []


def test_it_is_marked_after_it_was_sent_and_never_before(store: Store) -> None:
    key = enqueue(store, "opened", warning())
    seen: list[list[str]] = []

    class Looks(Hand):
        def send(self, message: Mapping[str, Any], dedup_key: str, now_s: float) -> None:
            seen.append(queued(store))

    Relay(store, {"am": Looks()}).run_once(NOW)
    assert seen == [[key]]


def test_what_was_sent_and_not_marked_is_sent_again_with_the_same_key(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    key, am = enqueue(store, "opened", warning()), Hand()

    def fails(seq: int, now_s: float) -> None:
        raise StoreError("store: the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(store, "mark_sent", fails)
        with pytest.raises(StoreError):
            Relay(store, {"am": am}).run_once(NOW)
    assert Relay(store, {"am": am}).run_once(NOW).sent == 1
    assert am.got == [(key, "opened")] * 2


def test_a_dry_run_sends_nothing_and_marks_nothing(store: Store) -> None:
    key, am = enqueue(store, "opened", warning()), Hand()
    assert Relay(store, {"am": am}, dry_run=True).run_once(NOW) == RelayResult()
    assert (am.got, queued(store), said(store)) == ([], [key], [])


def test_what_cannot_be_taken_now_is_tried_again_and_holds_back_its_episode(store: Store) -> None:
    keys = [enqueue(store, "opened", warning()), enqueue(store, "closed", DONE)]
    am, relay = Hand(), None
    am.raises = [RetryLater("away"), OSError("no route to host")]
    relay = Relay(store, {"am": am})
    assert relay.run_once(NOW) == RelayResult(retried=1)
    assert relay.run_once(NOW + 0.4) == RelayResult(), "it rests for at least half a second"
    assert relay.run_once(NOW + 1) == RelayResult(retried=1)
    assert relay.run_once(NOW + 3) == RelayResult(sent=2)
    assert [key for key, _ in am.got] == keys


def test_waits_grow_up_to_a_cap_and_differ_by_message_alone() -> None:
    waits = [backoff_s("k", n) for n in range(40)]
    assert waits == [backoff_s("k", n) for n in range(40)]
    assert all(0.5 * min(2.0**n, LONGEST_WAIT_S) < wait <= min(2.0**n, LONGEST_WAIT_S) for n, wait in enumerate(waits))
    assert len({backoff_s(str(i), 3) for i in range(50)}) == 50


def test_a_receiver_may_ask_for_more_time(store: Store) -> None:
    enqueue(store, "opened", warning())
    am = Hand()
    am.raises = [RetryLater("busy", 120.0)]
    relay = Relay(store, {"am": am})
    relay.run_once(NOW)
    assert relay.run_once(NOW + 119) == RelayResult()
    assert relay.run_once(NOW + 120).sent == 1


def test_a_receiver_that_is_away_is_asked_once_and_not_once_a_message(store: Store) -> None:
    for i in range(300):
        enqueue(store, "opened", warning(id=f"{i:016x}"))
    am = Hand()
    am.raises = [RetryLater("away")] * 1000
    relay, now = Relay(store, {"am": am}), NOW
    tries = 0
    for second in range(600):
        tries += relay.run_once(now + second).retried
    assert tries <= 6 + 600 / (LONGEST_WAIT_S / 2)
    assert len(said(store)) == len({key for _, key in said(store)}), "the ledger tells of a first failure, not of each"
    am.raises = []
    assert relay.run_once(now + 700).sent == 300


def test_more_messages_to_one_that_is_away_than_one_look_shows_hold_up_nobody(store: Store) -> None:
    for i in range(250):
        enqueue(store, "opened", warning(id=f"{i:016x}"))
    enqueue(store, "opened", OTHER, receiver="out")
    am, out = Hand(), Hand("out")
    am.raises = [RetryLater("away")] * 1000
    assert Relay(store, {"am": am, "out": out}).run_once(NOW) == RelayResult(sent=1, retried=1)


def test_what_waits_is_remembered_over_a_restart(store: Store) -> None:
    enqueue(store, "opened", warning())
    am = Hand()
    am.raises = [RetryLater("busy", 300.0)]
    Relay(store, {"am": am}).run_once(NOW)
    assert Relay(store, {"am": am}).run_once(NOW + 299) == RelayResult()
    assert Relay(store, {"am": am}).run_once(NOW + 300).sent == 1


@pytest.mark.parametrize(
    ("error", "why"),
    [(NotifyError("http://am: HTTP 400: bad\nlabel"), "bad\\nlabel"), (KeyError("title"), "the notifier failed: KeyError")],
)
def test_what_is_refused_for_good_is_dead_and_in_the_ledger_and_holds_back_nothing(
    store: Store, error: Exception, why: str
) -> None:
    first, second = enqueue(store, "opened", warning()), enqueue(store, "closed", DONE)
    am = Hand()
    am.raises = [error]
    assert Relay(store, {"am": am}).run_once(NOW) == RelayResult(sent=1, dead=1)
    assert am.got == [(second, "closed")]
    assert said(store) == [("notify.dead", first), ("notify.sent", second)]
    with store._read() as connection:
        assert why in str(connection.execute(sa.select(tables.outbox.c.error).where(tables.outbox.c.state == "dead")).scalar())


def test_an_unknown_receiver_is_dead_with_a_reason(store: Store) -> None:
    key = enqueue(store, "opened", warning(), receiver="gone")
    assert Relay(store, {"am": Hand()}).run_once(NOW) == RelayResult(dead=1)
    assert said(store) == [("notify.dead", key)]


def test_after_a_day_of_trying_it_is_dead(store: Store) -> None:
    enqueue(store, "opened", warning())
    am = Hand()
    am.raises = [RetryLater("away")] * 2
    relay = Relay(store, {"am": am})
    assert relay.run_once(OPENED_S + GIVES_UP_AFTER_S) == RelayResult(retried=1)
    assert relay.run_once(OPENED_S + GIVES_UP_AFTER_S + 2) == RelayResult(dead=1)
    assert queued(store) == []


def test_a_slow_receiver_is_left_to_itself_and_its_message_marked_when_it_answers(store: Store) -> None:
    key = enqueue(store, "opened", warning())
    enqueue(store, "closed", DONE)
    enqueue(store, "opened", OTHER, receiver="out")
    am, out = Hangs(), Hand("out")
    relay = Relay(store, {"am": am, "out": out}, patience_s=0.05)
    assert relay.run_once(NOW) == RelayResult(sent=1, late=1)
    assert relay.run_once(NOW + 1) == RelayResult(), "one message on its way at a time"
    assert (am.calls, len(queued(store))) == (1, 2)
    am.let_go.set()
    until(lambda: not relay._over.empty())
    assert relay.run_once(NOW + 2) == RelayResult(sent=2)
    assert am.got[0] == (key, "opened")
    assert said(store)[-2:] == [("notify.sent", key), ("notify.sent", f"{DONE.id}:closed")]


def test_a_slow_receiver_that_fails_in_the_end_is_tried_again(store: Store) -> None:
    enqueue(store, "opened", warning())
    am = Hangs()
    am.raises = [RetryLater("timeout")]
    relay = Relay(store, {"am": am}, patience_s=0.05)
    assert relay.run_once(NOW).late == 1
    am.let_go.set()
    until(lambda: not relay._over.empty())
    assert relay.run_once(NOW + 1) == RelayResult(retried=1)
    assert until(lambda: relay.run_once(NOW + 3).sent) == 1


def test_a_renewal_that_is_no_longer_true_is_not_sent(store: Store) -> None:
    enqueue(store, "updated", warning(), step_s=60)
    am = Renewed()
    assert Relay(store, {"am": am}).run_once(OPENED_S + 181.0) == RelayResult(superseded=1)
    assert (am.got, queued(store)) == ([], [])


def test_a_renewal_leaves_no_trace(store: Store) -> None:
    enqueue(store, "updated", warning())
    assert Relay(store, {"am": Renewed()}).run_once(NOW) == RelayResult(sent=1)
    assert (store.counts(), said(store)) == ({}, [])


def test_a_renewal_that_is_refused_leaves_no_dead_letter(store: Store) -> None:
    am = Renewed()
    am.raises = [NotifyError("HTTP 401")] * 3
    relay = Relay(store, {"am": am})
    for turn in range(3):
        enqueue(store, "updated", warning(), now_s=OPENED_S + 60 * turn)
        assert relay.run_once(OPENED_S + 60.0 * turn).dead == 1
    assert (store.counts(), said(store)) == ({}, [])


def test_an_hour_away_leaves_one_renewal_and_every_event(store: Store) -> None:
    am = Renewed()
    am.raises = [RetryLater("away")] * 10_000
    relay = Relay(store, {"am": am})
    first = enqueue(store, "opened", warning(), step_s=5)
    for turn in range(1, 721):
        enqueue(store, "updated", warning(), now_s=OPENED_S + 5 * turn, step_s=5)
        if turn % 20 == 0:
            relay.run_once(OPENED_S + 5.0 * turn)
    assert queued(store) == [first, f"{warning().id}:updated:{OPENED_S + 3600}"]
    last = enqueue(store, "closed", closed(OPENED_S + 3605), now_s=OPENED_S + 3605, step_s=5)
    assert queued(store) == [first, last]
    am.raises = []
    until(lambda: relay.run_once(OPENED_S + 3700.0).sent)
    assert am.got == [(first, "opened"), (last, "closed")]


def test_ending_lets_go_of_every_receiver(store: Store) -> None:
    am, out = Hand(), Hand("out")
    Relay(store, {"am": am, "out": out}).close()
    assert am.closed
    assert out.closed


def test_old_messages_that_arrived_are_pruned_and_the_ledger_keeps_that_they_did(tmp_path: Path) -> None:
    store = Store.open("", tmp_path)
    key = enqueue(store, "opened", warning())
    Relay(store, {"am": Hand()}).run_once(NOW)
    assert store.prune_outbox(NOW + 1) == 1
    assert said(store) == [("notify.sent", key)]
    assert store.verify_ledger().ok
    store.close()


def test_that_somebody_was_told_of_what_is_still_open_is_not_pruned(store: Store) -> None:
    with store.transaction() as tx:
        tx.put_warning(warning())
    enqueue(store, "opened", warning())
    enqueue(store, "opened", OTHER)
    Relay(store, {"am": Hand()}).run_once(NOW)
    assert store.prune_outbox(NOW + 1) == 1
    assert (told(store, "am", warning().id), told(store, "am", OTHER.id)) == (True, False)
