"""What a long ledger costs: verifying all of it, and a daemon's start on it.

Usage: python benchmarks/ledger.py [--rows 1000000] [--work DIR]

Rows as openings, messages and verdicts write them, in a store on disk (SQLite), made through the store's own transactions. The
peer in the same run is hashlib alone, SHA-256 over the same bytes: the least that a check of this chain can take. A start is
timed twice: the first has to go over the whole ledger, the second goes on from what the first one kept. All times are CPU time of
one core, so that other work on the machine changes no ratio; wall time stands in brackets.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import pathlib
import resource
import tempfile
import time

from aiops.daemon.witness import Witness
from aiops.governance.checkpoint import Tree
from aiops.store import Store
from aiops.store.paging import Pages

AT_ONCE = 5_000
BEGAN_S = 1_790_000_000.0


def fill(store: Store, rows: int) -> None:
    """A ledger of so many rows: an opening, two messages and a verdict for each warning."""
    for begin in range(Pages(store).head() + 1, rows + 1, AT_ONCE):
        with store.transaction() as tx:
            for number in range(begin, min(begin + AT_ONCE, rows + 1)):
                about, at = f"{number // 4:016x}", BEGAN_S + number
                facts = {
                    "card": "disk_full", "entity": {"instance": f"db{number % 997}:9100", "mountpoint": "/var/lib/postgresql"},
                    "expected_s": at + 22_200, "confidence": 0.8125, "stage": "ticket", "policy": "0f3a9c51d2e7",
                    "evidence": hashlib.sha256(about.encode()).hexdigest(),
                }  # fmt: skip
                action = ("warning.opened", "notify.sent", "notify.sent", "outcome")[number % 4]
                tx.record("daemon", action, about, facts if number % 4 in (0, 3) else {"receiver": "on-call"}, at)


def hashed(store: Store) -> tuple[float, int]:
    """Seconds that hashlib alone takes for the bytes of all rows, and how many bytes these are."""
    pages, took, size, seq, prev = Pages(store), 0.0, 0, 0, b"\0" * 32
    while rows := pages.ledger_after(seq, AT_ONCE):
        bodies = []
        for row in rows:
            fields = [round(row.at_s * 1000), row.actor, row.action, row.object, row.detail]
            bodies.append(json.dumps(fields, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode())
        began = time.process_time()
        for body in bodies:
            prev = hashlib.sha256(b"\0" + prev + body).digest()
        took += time.process_time() - began
        size += sum(33 + len(body) for body in bodies)
        seq = rows[-1].seq
        if prev.hex() != rows[-1].hash:
            raise SystemExit("hashlib alone found another hash")
    return took, size


def start(store: Store, folder: pathlib.Path, now_s: float) -> Witness:
    """A witness that has followed the ledger to its end, as the first look of a daemon does."""
    witness = Witness(store, folder)
    witness.look(now_s)
    return witness


class Timed:
    """How long what stands in a `with` takes: `cpu` and `wall` seconds."""

    def __enter__(self) -> Timed:
        self.cpu, self.wall = -time.process_time(), -time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.cpu += time.process_time()
        self.wall += time.perf_counter()

    def __str__(self) -> str:
        return f"{self.cpu:.2f} s ({self.wall:.1f})"


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--work")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.work) as name:
        folder = pathlib.Path(name)
        store = Store.open("", folder)
        with Timed() as took:
            fill(store, given.rows)
        print(f"{given.rows:,} rows, {(folder / 'aiops.db').stat().st_size / 1e6:.0f} MB, written in {took}")
        alone, size = hashed(store)
        print(f"hashlib alone: {alone:.2f} s for {size / 1e6:.0f} MB")
        tree = Tree()
        with Timed() as took:
            found = store.verify_ledger(None, tree.add)
        print(f"verify: ok {found.ok}, {found.rows:,} rows in {took}, {took.cpu / alone:.1f} times hashlib alone")
        held = []
        for name, later in (("first", 0), ("next", 1)):
            with Timed() as took:
                held.append(start(store, folder, BEGAN_S + 2 * given.rows + later))
            print(f"start, the {name}: {took}, {took.cpu / alone:.2f} times hashlib alone")
        whole = all(one.holds and one.last is not None and one.last.merkle_root == tree.root() for one in held)
        print(f"same root: {whole}; peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
        store.close()


if __name__ == "__main__":
    main()
