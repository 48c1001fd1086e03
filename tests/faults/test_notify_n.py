"""Rows N: receivers that are away, slow, broken or hostile; a store on disk, receivers that speak HTTP, a clock that is given."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time
import tracemalloc
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from aiops.notify.relay import Relay, RelayResult
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.store import Store, tables
from tests.daemon.rig import Rig, anomaly_card, card, falling
from tests.daemon.rig import rig as rig
from tests.notify.samples import OPENED_S, enqueue, memory, warning
from tests.servers import free_port

NOW, HOUR = 1_790_000_000.0, 3600
Answer = Callable[[http.server.BaseHTTPRequestHandler, str], None]


class Receiver:
    """Keeps the ids of what it was sent, in order, and answers as it is told to."""

    def __init__(self, port: int = 0) -> None:
        self.ids: list[str] = []
        self.answer: Answer = lambda handler, key: said(handler, 204)
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                key = str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"])
                receiver.ids.append(key)
                receiver.answer(self, key)

            def log_message(self, *args: object) -> None:
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def said(handler: http.server.BaseHTTPRequestHandler, status: int, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with contextlib.closing(Receiver()) as found:
        yield found


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    found = Store.open("", tmp_path / "data")
    yield found
    found.close()


def hook(url: str, name: str = "am", timeout: float = 5.0) -> WebhookNotifier:
    return WebhookNotifier(name, WebhookParams(url=url, timeout=timeout))


def put(store: Store, count: int, now_s: float, episodes: int = 5, receiver: str = "am", first: int = 0) -> list[str]:
    """Messages of some episodes; their keys."""
    keys = []
    with store.transaction() as tx:
        for n in range(first, first + count):
            about = f"{n % episodes:016x}"
            keys.append(f"{about}:worsened:{n}")
            payload = {"event": "worsened", "at_s": now_s, "title": "t", "text": "x", "warning": {"id": about}}
            tx.enqueue(receiver, about, keys[-1], payload, now_s)
    return keys


def states(store: Store) -> dict[str, str]:
    with store._read() as connection:
        return {f"{r.receiver} {r.dedup_key}": r.state for r in connection.execute(sa.select(tables.outbox))}


def next_try_s(store: Store) -> float:
    with store._read() as connection:
        return float(connection.execute(sa.select(tables.outbox.c.next_ms)).scalar_one()) / 1000


def in_order(ids: list[str]) -> bool:
    """Whether the messages of each episode came in their order, each once or again before the next."""
    last: defaultdict[str, int] = defaultdict(lambda: -1)
    for one in ids:
        about, number = one.partition(":")[0], int(one.rpartition(":")[2])
        if number < last[about]:
            return False
        last[about] = number
    return True


@pytest.mark.row("N1")
def test_a_receiver_that_was_down_for_an_hour_gets_everything_in_order(store: Store) -> None:
    port, keys = free_port(), list[str]()
    relay = Relay(store, {"am": hook(f"http://127.0.0.1:{port}/")})
    waits, asked_s = [], NOW
    for second in range(0, HOUR, 5):
        if second % 300 == 0:
            keys += put(store, 5, NOW + second, first=len(keys))
        if relay.run_once(NOW + second).retried:
            waits.append(NOW + second - asked_s)
            asked_s = NOW + second
    assert max(waits) <= 65
    assert len(waits) >= HOUR / 65  # it is asked again and again, and not for each message that waits
    assert len(waits) < 2 * HOUR / 30
    with contextlib.closing(Receiver(port)) as back:
        for second in range(HOUR, HOUR + 120, 5):
            relay.run_once(NOW + second)
        assert sorted(back.ids) == sorted(keys)
        assert in_order(back.ids)
    assert set(states(store).values()) == {"sent"}
    relay.close()


@pytest.mark.parametrize("answer", [lambda h, k: said(h, 500), lambda h, k: said(h, 503), lambda h, k: h.connection.close()])
@pytest.mark.row("N2")
def test_what_arrived_and_was_answered_with_trouble_comes_again_under_the_same_key(
    store: Store, receiver: Receiver, answer: Answer
) -> None:
    (key,) = put(store, 1, NOW)
    relay, receiver.answer = Relay(store, {"am": hook(receiver.url)}), answer
    assert relay.run_once(NOW).retried == 1
    receiver.answer = lambda handler, key: said(handler, 204)
    assert relay.run_once(NOW + 60).sent == 1
    assert receiver.ids == [key, key]


def test_what_arrived_and_was_answered_too_late_comes_again_under_the_same_key(store: Store, receiver: Receiver) -> None:
    (key,) = put(store, 1, NOW)
    let_go = threading.Event()
    receiver.answer = lambda handler, key: (let_go.wait(30), said(handler, 204))[1]
    relay = Relay(store, {"am": hook(receiver.url, timeout=0.3)})
    assert relay.run_once(NOW).retried == 1
    receiver.answer = lambda handler, key: said(handler, 204)
    assert relay.run_once(NOW + 60).sent == 1
    let_go.set()
    assert receiver.ids == [key, key]


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("600", 600), ("315360000", 900), ("Tue, 22 Sep 2026 13:43:20 GMT", 900), ("", None), ("soon", None), ("-1", None)],
)
@pytest.mark.row("N3")
def test_a_wait_that_is_asked_for_is_kept_up_to_a_quarter_of_an_hour(
    store: Store, receiver: Receiver, header: str, wait_s: int | None
) -> None:
    put(store, 1, NOW)
    relay = Relay(store, {"am": hook(receiver.url)})
    receiver.answer = lambda handler, key: said(handler, 429, **({"Retry_After": header} if header else {}))
    assert relay.run_once(NOW).retried == 1
    left = next_try_s(store) - NOW
    assert left == wait_s if wait_s is not None else 0 < left <= 1
    assert relay.run_once(NOW + left - 0.1).retried == 0
    receiver.answer = lambda handler, key: said(handler, 204)
    assert relay.run_once(NOW + left + 0.1).sent == 1


@pytest.mark.parametrize("status", [400, 404, 413])
@pytest.mark.row("N4")
def test_what_is_refused_for_good_goes_to_the_fallback_and_is_counted(store: Store, receiver: Receiver, status: int) -> None:
    first, second = put(store, 2, NOW)
    receiver.answer = lambda handler, key: said(handler, status if key == first else 204)
    with contextlib.closing(Receiver()) as mail:
        relay = Relay(store, {"am": hook(receiver.url), "mail": hook(mail.url, "mail")}, fallbacks={"am": "mail"})
        total = RelayResult()
        for second_s in range(5):
            one = relay.run_once(NOW + second_s)
            total.sent, total.dead, total.retried = total.sent + one.sent, total.dead + one.dead, total.retried + one.retried
        assert (total.dead, total.retried, total.sent) == (1, 0, 2)
        assert (receiver.ids, mail.ids) == ([first, second], [first])
    assert states(store) == {f"am {first}": "dead", f"am {second}": "sent", f"mail {first}": "sent"}
    rows = [(row.action, row.object, row.detail["receiver"]) for row in store.ledger_rows(50) if row.action == "notify.dead"]
    assert rows == [("notify.dead", first, "am")]


@pytest.mark.row("N5")
def test_one_bad_receiver_of_three_costs_the_others_nothing(store: Store, receiver: Receiver) -> None:
    let_go = threading.Event()
    with contextlib.closing(Receiver()) as hangs:
        hangs.answer = lambda handler, key: (let_go.wait(60), said(handler, 204))[1]
        gone = f"http://127.0.0.1:{free_port()}/"
        notifiers = {"am": hook(receiver.url), "slow": hook(hangs.url, "slow", 60), "gone": hook(gone, "gone")}
        relay = Relay(store, notifiers, patience_s=0.2)
        for name in ("slow", "gone", "am"):
            put(store, 150, NOW, receiver=name)
        for second in range(5):
            relay.run_once(NOW + second)
        assert len(receiver.ids) == 150
        assert in_order(receiver.ids)
        assert len(hangs.ids) == 1
        let_go.set()
        relay.close()


def test_a_receiver_that_takes_its_time_for_each_message_holds_up_nobody(store: Store, receiver: Receiver) -> None:
    """Each answer within the patience: every one of them would be waited for."""
    order: list[str] = []
    with contextlib.closing(Receiver()) as drips:
        drips.answer = lambda handler, key: (time.sleep(0.1), order.append("drips"), said(handler, 204))[2]
        receiver.answer = lambda handler, key: (order.append("am"), said(handler, 204))[1]
        relay = Relay(store, {"drips": hook(drips.url, "drips"), "am": hook(receiver.url)})
        put(store, 20, NOW, episodes=20, receiver="drips")
        put(store, 20, NOW, episodes=20)
        relay.run_once(NOW)
        assert order.count("am") == order.count("drips") == 20
        assert order.index("am") < 2, "it is not behind the twenty of the other"


CHILD = """
import pathlib, sys
from aiops.notify.relay import Relay
from aiops.store import Store
from tests.faults.test_notify_n import NOW, hook
store = Store.open("", pathlib.Path(sys.argv[1]))
relay = Relay(store, {"am": hook(sys.argv[2])})
print("ready", flush=True)
while relay.run_once(NOW).sent:
    pass
print("done", flush=True)
"""


@pytest.mark.parametrize("before_the_answer", [True, False])
@pytest.mark.row("N9")
def test_killed_between_sending_and_marking_nothing_is_lost(tmp_path: Path, before_the_answer: bool) -> None:
    store = Store.open("", tmp_path / "data")
    keys = put(store, 30, NOW)
    store.close()
    with contextlib.closing(Receiver()) as receiver:
        child: list[subprocess.Popen[str]] = []

        def answer(handler: http.server.BaseHTTPRequestHandler, key: str) -> None:
            kills = child and len(receiver.ids) == 6
            if kills and before_the_answer:
                os.kill(child[0].pid, signal.SIGKILL)
            with contextlib.suppress(OSError):
                said(handler, 204)
                handler.wfile.flush()
            if kills and not before_the_answer:
                os.kill(child[0].pid, signal.SIGKILL)

        receiver.answer = answer
        lives = 0
        while True:
            child[:] = []
            process = subprocess.Popen(
                [sys.executable, "-c", CHILD, str(tmp_path / "data"), receiver.url], stdout=subprocess.PIPE, text=True,
                cwd=Path(__file__).parents[2], env={**os.environ, "PYTHONPATH": "."},
            )  # fmt: skip
            child.append(process)
            out, _ = process.communicate(timeout=120)
            lives += 1
            if "done" in out:
                break
        assert lives == 2
        assert set(receiver.ids) == set(keys)
        assert in_order(receiver.ids)
        assert len(receiver.ids) - len(set(receiver.ids)) <= 2  # at most what was on its way and what was being marked
    store = Store.open("", tmp_path / "data")
    assert set(states(store).values()) == {"sent"}
    store.close()


@pytest.mark.row("N10")
def test_a_backlog_is_read_in_pieces_and_leaves_in_order(
    store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, sizes, due = put(store, 400, NOW, episodes=40), list[int](), store.due

    def counted(now_s: float, limit: int, **more: Any) -> Any:
        rows = due(now_s, 30, **more)
        sizes.append(len(rows))
        return rows

    monkeypatch.setattr(store, "due", counted)
    relay = Relay(store, {"am": hook(receiver.url)})
    assert sum(relay.run_once(NOW + n).sent for n in range(10)) == 400
    assert (sorted(receiver.ids), in_order(receiver.ids)) == (sorted(keys), True)
    assert max(sizes) <= 30


@pytest.mark.row("N10")
def test_a_backlog_is_never_in_memory_whole(store: Store, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    count, body = 120, "x" * 100_000
    monkeypatch.setattr("aiops.notify.relay.AT_ONCE", 10)
    with store.transaction() as tx:
        for n in range(count):
            about = f"{n:016x}"
            payload = {"event": "worsened", "at_s": NOW, "title": "t", "text": body, "warning": {"id": about}}
            tx.enqueue("am", about, f"{about}:worsened:{n}", payload, NOW)
    relay, sent = Relay(store, {"am": hook(receiver.url)}), 0
    tracemalloc.start()
    try:
        sent = relay.run_once(NOW).sent
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        relay.close()
    assert 0 < sent <= len(receiver.ids)
    assert peak < count * len(body) / 2, f"{peak / 1e6:.0f} MB of a backlog of {count * len(body) / 1e6:.0f} MB"


@pytest.mark.parametrize("status", [301, 302, 307, 308])
@pytest.mark.row("N12")
def test_a_receiver_that_leads_elsewhere_is_not_followed(store: Store, receiver: Receiver, status: int) -> None:
    put(store, 1, NOW)
    with contextlib.closing(Receiver()) as elsewhere:
        receiver.answer = lambda handler, key: said(handler, status, Location=elsewhere.url)
        assert Relay(store, {"am": hook(receiver.url)}).run_once(NOW).dead == 1
        assert elsewhere.ids == []


@pytest.mark.row("N8")
def test_nobody_hears_the_end_before_the_beginning(receiver: Receiver) -> None:
    with memory() as store:
        opened = enqueue(store, "opened", warning())
        closed = enqueue(store, "closed", warning(state="closed", closed_s=1, closed_why="x"))
        relay, receiver.answer = Relay(store, {"am": hook(receiver.url)}), lambda handler, key: said(handler, 503)
        for minute in range(5):
            relay.run_once(OPENED_S + 60 * minute)
        assert set(receiver.ids) == {opened}
        receiver.answer = lambda handler, key: said(handler, 204)
        relay.run_once(OPENED_S + 600)
        assert receiver.ids[-2:] == [opened, closed]


def told(rig: Rig) -> list[dict[str, Any]]:
    """What was put into the outbox and is no renewal."""
    assert rig.daemon is not None
    with rig.daemon.store._read() as connection:
        t = tables.outbox
        return [dict(r.payload) for r in connection.execute(sa.select(t).where(t.c.renewal == 0).order_by(t.c.seq))]


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.long)])
@pytest.mark.row("N6")
def test_thousands_of_symptoms_in_a_turn_are_few_messages(rig: Rig, count: int) -> None:
    for n in range(count):
        rig.world.add("free", {"instance": f"host-{n // 100}", "disk": f"d{n % 100}"}, falling(0.001))
    rig.start(card(entity=["instance", "disk"]))
    rig.until_warned()
    for look in range(12, 16):
        rig.at(8 * HOUR + 300 * look)
        rig.turn()
    assert rig.daemon is not None
    messages = told(rig)
    assert 0 < len(messages) <= 20
    assert max(len(one["text"]) for one in messages) <= 8000
    assert len([w for w in rig.daemon.store.open_warnings() if not w.members]) == count


@pytest.mark.row("N7")
def test_what_flaps_is_told_seldom(rig: Rig) -> None:
    rig.world.add("load", {"instance": "a"}, lambda t: 0.5 + 0.4 * ((t // 60) % 2) * (t >= rig.world.begins_s + 7 * HOUR))
    rig.start(anomaly_card(step="1m", history="1d"))
    for minute in range(6 * 60, 10 * 60):
        rig.at(60 * minute)
        rig.turn()
    assert 0 < len(told(rig)) <= 4 * 3
