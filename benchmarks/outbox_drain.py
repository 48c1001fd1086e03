"""How fast a backlog of messages leaves the outbox for a webhook of this machine, and that all arrived once, in order.

Usage: python benchmarks/outbox_drain.py [--messages 10000] [--episodes 5000] [--slow] [--work DIR]

A store on disk (SQLite, every commit synced), messages of as many early warnings as `--episodes`, a receiver in a process of its
own that answers at once. The relay is the daemon's, called as the daemon calls it, until nothing waits. `--slow`: a second
receiver that takes ten seconds for each of its hundred messages, to see that it holds up nobody.
"""

from __future__ import annotations

import argparse
import http.server
import json
import multiprocessing
import pathlib
import resource
import tempfile
import time
from multiprocessing.connection import Connection

from aiops.notify.relay import Relay
from aiops.notify.webhook import WebhookNotifier, WebhookParams
from aiops.store import Store

NOW = 1_790_000_000.0
TEXT = "What: forecast of filesystem_free_ratio on instance=db1, mountpoint=/var; severity warning, stage ticket\n" * 15


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


def fill(store: Store, name: str, messages: int, episodes: int) -> None:
    """Messages of the size of real ones, some of them of one episode."""
    with store.transaction() as tx:
        for n in range(messages):
            warning = f"{n % episodes:016x}"
            payload = {"event": "opened", "at_s": NOW, "title": "disk full on db1", "text": TEXT, "warning": {"id": warning}}
            tx.enqueue(name, warning, f"{warning}:worsened:{n}", payload, NOW)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--episodes", type=int, default=5_000)
    parser.add_argument("--slow", action="store_true")
    parser.add_argument("--work")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as folder:
        store = Store.open("", pathlib.Path(folder))
        links, notifiers, processes = {}, {}, []
        for name, takes_s in (("fast", 0.0), *([("slow", 10.0)] if given.slow else [])):
            links[name], theirs = multiprocessing.Pipe()
            processes.append(multiprocessing.Process(target=receiver, args=(theirs, takes_s), daemon=True))
            processes[-1].start()
            params = WebhookParams(url=f"http://127.0.0.1:{links[name].recv()}/", timeout=15.0)
            notifiers[name] = WebhookNotifier(name, params)
        began = time.perf_counter()
        fill(store, "fast", given.messages, given.episodes)
        filled = time.perf_counter() - began
        if given.slow:
            fill(store, "slow", 100, 100)
        relay, sent, began = Relay(store, notifiers), 0, time.perf_counter()
        while sent < given.messages:
            sent += relay.run_once(NOW + time.perf_counter() - began).sent
        took = time.perf_counter() - began
        links["fast"].send("ids")
        got = links["fast"].recv()
        in_order = all(int(a.rpartition(":")[2]) < int(b.rpartition(":")[2]) for a, b in _pairs(got))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"durable: {given.messages:,} messages in one transaction in {filled:.1f} s")
        print(f"sent: {sent:,} in {took:.1f} s, {sent / took:.0f} a second; {len(set(got)):,} different ones arrived, "
              f"{len(got) - len(set(got))} twice, each episode's in order: {in_order}; peak memory {memory:.0f} MB")  # fmt: skip
        for process in processes:
            process.kill()
        relay.close()
        store.close()


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
