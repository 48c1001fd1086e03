"""What a turn makes durable of many series, and how long it takes with fsync, beside other ways to the same end.

Usage: python benchmarks/hot_state.py [--series 100000] [--turns 20] [--work DIR]

One card with the default detector and forecaster on a made-up source in this process, through `pipeline.turn`, with the real
store and files. *intake*: what a turn appends and syncs before anything is decided by it: the points it took in, from which the
turns since the last save are lived again after a kill. *save*: all learnt state and the window, every five minutes, after a turn.
*after a kill*: what a start takes: state and window are loaded, the turns since the save are lived again; the learnt state is
compared with that of the life that was not killed, bit for bit. *peers*, for the same detector, in the same run: the columns that
change with every point appended and synced; those written into a mapped file and flushed; all state in one file that is replaced;
one row a series in SQLite. Wall time; the median, and the worst.
"""

from __future__ import annotations

import argparse
import mmap
import os
import pathlib
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.models.card import ModelCard
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.state_files import save_state
from aiops.pipeline import Rooms, StoreJournal, Watch, keep, turn
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.sense import live_again
from aiops.store import Store
from aiops.telemetry.intake import Intake
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits, Source

STEP, START, SAVE_EVERY = 60, 1_790_000_000 // 300 * 300, 5
CARD = {
    "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "bench", "owner": {"team": "bench"}, "query": "q", "unit": "1",
    "summary": "Every series has a limit and a detector.", "entity": ["instance"], "step": "1m", "history": "1h",
    "forecast": {"model": "exhaustion", "limit": {"above": 100}, "horizon": "1d"}, "detect": {"model": "seasonal"},
}  # fmt: skip


class Noise(Source[Params]):
    """Series that are noise, each instant another."""

    Params = Params
    series = 0

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        values = np.stack([np.random.default_rng(at).normal(size=self.series) for at in times.tolist()], axis=1)
        return Answer(Block(self.labels, times, values, unit, Lineage(self.name, query, start_s, end_s)))

    @property
    def labels(self) -> tuple[dict[str, str], ...]:
        if not hasattr(self, "_labels"):
            self._labels = tuple({"instance": f"host-{i // 20:05d}", "disk": str(i % 20)} for i in range(self.series))
        return self._labels

    def probe(self) -> str:
        return "noise"

    def oldest_s(self) -> int | None:
        return START


def born(folder: pathlib.Path, store: Store) -> Watch:
    watch = make_watch(ModelCard.model_validate(CARD), [Link(Noise("noise", Params(), ReadLimits()))], STEP, folder)
    keep.restore(watch, store, folder)
    return watch


@contextmanager
def timed_appends(spent: list[float]) -> Iterator[None]:
    append = Intake.append

    def measured(self: Intake, *args: object) -> None:
        began = time.perf_counter()
        append(self, *args)
        spent.append((time.perf_counter() - began) * 1e3)

    Intake.append = measured
    try:
        yield
    finally:
        Intake.append = append


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return (time.perf_counter() - began) * 1e3


def line(name: str, took: list[float], size: float, n: int, more: str = "") -> None:
    wrote = f"{size / n:7.1f} B a series" if size else ""
    print(f"{name:<34} {statistics.median(took):8.1f} ms   worst {max(took):8.1f}   {wrote}   {more}".rstrip(), flush=True)


def ours(folder: pathlib.Path, turns: int) -> None:
    store = Store.open("", folder)
    rooms, watch = Rooms(store, StoreJournal(store)), born(folder, store)
    spent, saves, whole = [], [], []
    turn(watch, START, rooms)
    keep.save(watch, folder)
    n, file = watch.n, next(folder.rglob("intake"))
    head = size = file.stat().st_size
    with timed_appends(spent):
        for k in range(1, turns + 1):
            whole.append(milliseconds(lambda k=k: turn(watch, START + k * STEP, rooms)))
            size = file.stat().st_size
            if k % SAVE_EVERY == 0 and k < turns:
                saves.append(milliseconds(lambda: keep.save(watch, folder)))
    line("intake: points, appended + fsync", spent, (size - head) / SAVE_EVERY, n)
    line("  the whole turn with it", whole, 0, n)
    learnt = sum(f.stat().st_size for f in folder.rglob("*.npz"))
    line("save: all state and the window", saves, learnt, n, "without the mapped window; after a turn, every 5 min")
    wanted = {name: array.copy() for name, array in watch.detector_state.items()}
    store.close()
    copy = folder.with_name("killed")
    shutil.copytree(folder, copy)
    store = Store.open("", copy)
    found: list[Watch] = []
    load = milliseconds(lambda: found.append(born(copy, store)))
    again = milliseconds(lambda: live_again(found[0]))
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[0].detector_state[name], array, "not what it was before the kill")
    store.close()
    print(f"after a kill: loaded in {load:.0f} ms, {SAVE_EVERY} turns lived again in {again:.0f} ms; state equal bit for bit")


def peers(folder: pathlib.Path, n: int, turns: int) -> None:
    detector, rng = Seasonal(SeasonalParams(), STEP), np.random.default_rng(0)
    state = detector.initial(n)
    for k in range(40):
        before = {name: array.copy() for name, array in state.items()}
        detector.score(state, rng.normal(size=(n, 1)), np.full((n, 1), START + STEP * k))
    hot = [array for name, array in state.items() if (np.count_nonzero(array != before[name]) > array.size // 10)]
    size = sum(array.nbytes for array in hot)
    with (folder / "hot").open("wb", buffering=0) as f:

        def append() -> None:
            for array in hot:
                f.write(array.tobytes())
            os.fsync(f.fileno())

        line("peer: hot columns, append + fsync", [milliseconds(append) for _ in range(turns)], size, n)
    with (folder / "mapped").open("w+b") as f:
        f.truncate(size)
        mapped = mmap.mmap(f.fileno(), size)

        def put() -> None:
            at = 0
            for array in hot:
                mapped[at : at + array.nbytes] = array.tobytes()
                at += array.nbytes
            mapped.flush()

        line("peer: hot columns, mapped + msync", [milliseconds(put) for _ in range(turns)], size, n)
        mapped.close()
    total = sum(array.nbytes for array in state.values())
    replaced = [milliseconds(lambda: save_state(folder, "peer", state, {})) for _ in range(5)]
    line("peer: all state, file replaced", replaced, total, n)
    with sqlite3.connect(folder / "peer.db") as db:
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=FULL")
        db.execute("CREATE TABLE state (id INTEGER PRIMARY KEY, level REAL, short REAL)")

        def rows() -> None:
            values = zip(range(n), state["level"].tolist(), state["short"].tolist(), strict=True)
            db.executemany("INSERT OR REPLACE INTO state VALUES (?, ?, ?)", values)
            db.commit()

        line("peer: SQLite, two numbers a row", [milliseconds(rows) for _ in range(5)], 16, n)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=100_000)
    p.add_argument("--turns", type=int, default=20)
    p.add_argument("--work", type=pathlib.Path, help="a folder on the disk to be measured")
    a = p.parse_args()
    Noise.series = a.series
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        folder = pathlib.Path(work) / "data"
        folder.mkdir()
        print(f"{a.series} series, {a.turns} turns")
        ours(folder, a.turns // SAVE_EVERY * SAVE_EVERY)
        peers(pathlib.Path(work), a.series, a.turns)


if __name__ == "__main__":
    main()
