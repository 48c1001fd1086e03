"""How fast a backlog of messages leaves the outbox for a receiver of this machine, and that all arrived once, in order.

Usage: python benchmarks/outbox_drain.py [--messages 10000] [--episodes 5000] [--slow] [--alertmanager] [--work DIR]

A store on disk (SQLite, every commit synced), messages of as many early warnings as `--episodes`, a webhook in a process of its
own that answers at once, or with `--alertmanager` Debian's Alertmanager, which is asked which alerts it holds. The relay is the
daemon's, called as the daemon calls it, until nothing waits. `--slow`: a second receiver that takes ten seconds for each of its
hundred messages, to see that it holds up nobody.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from common import alertmanager

from aiops.core.records import Crossing, EarlyWarning, Lineage, Symptom
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.interface import Notifier
from aiops.notify.message import News, payload_of
from aiops.notify.relay import Relay
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.store import Store

Arrived = Callable[[], list[str]]
"""The keys of what arrived, in order; of an Alertmanager the ids of the warnings that it holds."""


def receiver(link: Connection, takes_s: float) -> None:
    """Keep the ids of what comes, in order, until somebody asks for them."""
    ids: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            ids.append(body["id"])
            time.sleep(takes_s)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    link.send(server.server_address[1])
    server.timeout = 0.2
    while not link.poll():
        server.handle_request()
    link.send(ids)


@contextlib.contextmanager
def webhook(name: str, takes_s: float) -> Iterator[tuple[Notifier[Any], Arrived]]:
    """One that takes so long for each message."""
    link, theirs = multiprocessing.Pipe()
    process = multiprocessing.Process(target=receiver, args=(theirs, takes_s), daemon=True)
    process.start()

    def arrived() -> list[str]:
        link.send("ids")
        return list(link.recv())

    try:
        yield WebhookNotifier(name, WebhookParams(url=f"http://127.0.0.1:{link.recv()}/", timeout=15.0)), arrived
    finally:
        process.kill()


@contextlib.contextmanager
def real_alertmanager(name: str, folder: pathlib.Path) -> Iterator[tuple[Notifier[Any], Arrived]]:
    """Debian's."""
    with alertmanager(folder) as url:

        def arrived() -> list[str]:
            with urllib.request.urlopen(f"{url}/api/v2/alerts", timeout=60) as answer:
                return [one["labels"]["warning_id"] for one in json.load(answer)]

        yield AlertmanagerNotifier(name, AlertmanagerParams(url=url, timeout=15.0)), arrived


def early(number: int, now_s: int) -> EarlyWarning:
    """A disk that fills."""
    labels = {"instance": f"db{number}", "mountpoint": "/var"}
    crossing, lineage = Crossing(now_s + 19800.0, now_s + 22200.0, now_s + 25200.0), Lineage("prom", "free", now_s - 10800, now_s)
    evidence = {"now": 0.18, "limit": 0.05, "above": False, "unit": "1", "slope_per_hour": -0.021, "window_s": 10800.0}
    symptom = Symptom("disk", "free", labels, "exhaustion", now_s - 300, "warning", 0.9, 0.0, crossing, evidence, lineage)
    return EarlyWarning(
        f"{number:016x}", f"{number:016x}", "disk", "free", "exhaustion", labels, labels, "open", "ticket", now_s, now_s,
        "warning", 0.9, 0.0, crossing, crossing, crossing.latest_s, crossing.earliest_s, (symptom,),
        record={"text": "36 of 40 came true"},
    )  # fmt: skip


def fill(store: Store, name: str, messages: int, episodes: int, now_s: float) -> None:
    """Messages as a turn makes them, some of them of one episode."""
    with store.transaction() as tx:
        for n in range(messages):
            one = early(n % episodes, int(now_s))
            payload = payload_of(News("worsened", one, now_s, 60.0))
            tx.enqueue(name, one.id, f"{one.id}:worsened:{n}", payload, now_s)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--episodes", type=int, default=5_000)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--alertmanager", action="store_true")
    parser.add_argument("--work")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as name, contextlib.ExitStack() as stack:
        folder, now = pathlib.Path(name), time.time()
        store = Store.open("", folder)
        to = real_alertmanager("fast", folder) if given.alertmanager else webhook("fast", 0.0)
        fast, arrived = stack.enter_context(to)
        notifiers = {"fast": fast} | ({"slow": stack.enter_context(webhook("slow", 10.0))[0]} if given.slow else {})
        began = time.perf_counter()
        fill(store, "fast", given.messages, given.episodes, now)
        filled = time.perf_counter() - began
        if given.slow:
            fill(store, "slow", 100, 100, now)
        relay, sent, began = Relay(store, notifiers), 0, time.perf_counter()
        while sent < given.messages:
            sent += relay.run_once(now + time.perf_counter() - began).sent
        took = time.perf_counter() - began
        print(f"durable: {given.messages:,} messages in one transaction in {filled:.1f} s")
        print(f"sent: {sent:,} in {took:.1f} s, {sent / took:.0f} a second")
        report(arrived(), given.episodes if given.alertmanager else 0)
        relay.close()
        store.close()


def report(got: list[str], episodes: int) -> None:
    """`episodes`: of how many an Alertmanager must hold an alert; 0: it was a webhook."""
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    if episodes:
        print(f"Alertmanager holds {len(got):,} alerts, {len(set(got)):,} different ones of {episodes:,}; "
              f"peak memory {memory:.0f} MB")  # fmt: skip
        return
    in_order = all(int(a.rpartition(":")[2]) < int(b.rpartition(":")[2]) for a, b in _pairs(got))
    print(f"{len(set(got)):,} different ones arrived, {len(got) - len(set(got))} twice, each episode's in order: {in_order}; "
          f"peak memory {memory:.0f} MB")  # fmt: skip


def _pairs(got: list[str]) -> list[tuple[str, str]]:
    """Each message beside the one before it of its episode."""
    last: dict[str, str] = {}
    out = []
    for one in got:
        episode = one.partition(":")[0]
        if episode in last:
            out.append((last[episode], one))
        last[episode] = one
    return out


if __name__ == "__main__":
    main()
