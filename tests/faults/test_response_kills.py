"""kill -9 at any moment does nothing twice that must be done once, forgets nothing that was decided, and tells everybody.

The points are not listed by hand: every statement, commit and file that the start mode without sources writes, and the moment
before and after every effect, is one; at each in turn the process is killed, and started again. Every time one of each kind is
taken: what is about to happen between what was before and what would be next.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aiops.store import Store
from tests.faults.forks import fast_folder
from tests.faults.response_mutants import BY_KILL
from tests.faults.responses_world import BOOKS, marks

KILLED = -9
ROOT = Path(__file__).parents[2]
ENDS = {"checked": {"succeeded"}, "asked": {"succeeded"}, "lost": {"undone", "needs_a_person"}}


class World:
    """Lives of the small world, each in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "world"
        command = [sys.executable, "-m", "tests.faults.responses_world"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.kills = 0

    def begin(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        assert self._order(begin=True) == 0

    def live(self, at: int | None = None, mutant: str = "") -> int:
        ended = self._order(at=at, mutant=mutant)
        self.kills += ended == KILLED
        return ended

    def _order(self, **order: Any) -> int:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(self.folder), "at": None, **order}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def points(self) -> list[str]:
        found: list[str] = json.loads((self.folder / "points.json").read_text())
        return found

    def close(self) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def wrongs(self) -> list[str]:
        """Everything that does not hold at the end of the world."""
        with closing(sqlite3.connect(self.folder / "data" / "aiops.db")) as c:
            return [*self._effects(c), *self._runs(c), *self._told(c), *self._recorded(c)]

    def _effects(self, c: sqlite3.Connection) -> Iterator[str]:
        done = Counter(key for key, *_ in marks(self.folder / "marks"))
        rows = c.execute("SELECT idem_key, klass, state, run_id, idx FROM steps").fetchall()
        said = {key for (key,) in c.execute("SELECT key FROM statements WHERE kind = 'action'")}
        for key, klass, state, run, idx in rows:
            times = done.pop(key, 0)
            if klass in ("once", "checked") and times > 1:
                yield f"{klass} step took effect {times} times"
            if state == "DONE" and not times:
                yield f"{klass} step is done and never took effect"
            if state in ("PENDING", "SKIPPED") and times and klass != "pure":
                yield f"{klass} step is {state} and took effect"
            if (f"{run}:{idx}" in said) != (state == "DONE" and klass != "pure"):
                yield f"what was done by a {klass} step in {state} is not what the warning hears"
        if done:
            yield "effects of no step"

    def _runs(self, c: sqlite3.Connection) -> Iterator[str]:
        found = c.execute("SELECT runbook, state, id, plan_hash FROM responses").fetchall()
        if sorted(name for name, *_ in found) != sorted(BOOKS):
            yield f"responses: {found}"
        for name, state, run, plan in found:
            unknown = c.execute("SELECT count(*) FROM steps WHERE run_id = ? AND state = 'UNKNOWN'", (run,)).fetchone()[0]
            if state not in ENDS[name] or (state == "needs_a_person") != bool(unknown):
                yield f"{name} ended {state} with {unknown} unknown steps"
            used = c.execute("SELECT plan_hash FROM approvals WHERE run_id = ? AND state = 'used'", (run,)).fetchall()
            if used != ([(plan,)] if name == "asked" else []):
                yield f"{name} was approved {len(used)} times"
            charged = c.execute("SELECT ended_ms, good FROM charges WHERE run_id = ?", (run,)).fetchall()
            if [(bool(ended), bool(good)) for ended, good in charged] != [(True, state == "succeeded")]:
                yield f"{name} is charged {charged}"

    def _told(self, c: sqlite3.Connection) -> Iterator[str]:
        got = {json.loads(line)[1] for line in (self.folder / "got").read_text().splitlines()}
        rows = c.execute("SELECT dedup_key, state FROM outbox").fetchall()
        if any(state != "sent" for _, state in rows) or got != {key for key, _ in rows}:
            yield f"told {sorted(got)}, kept {rows}"
        for run, state in c.execute("SELECT id, state FROM responses"):
            if not any(key.startswith(f"{run}:{state}:") for key, _ in rows):
                yield f"nobody was told that a response is {state}"

    def _recorded(self, c: sqlite3.Connection) -> Iterator[str]:
        store = Store.reading("", self.folder / "data")
        found = store.verify_ledger()
        store.close()
        if not found.ok or c.execute("PRAGMA integrity_check").fetchall() != [("ok",)]:
            yield f"the ledger: {found.why}"
        for run, state in c.execute("SELECT id, state FROM responses"):
            rows = c.execute("SELECT action, detail FROM ledger WHERE object = ? ORDER BY seq", (run,)).fetchall()
            steps = {one["idx"]: one["state"] for _, detail in rows for one in json.loads(detail).get("steps", ())}
            kept = c.execute("SELECT idx, state FROM steps WHERE run_id = ? AND state != 'PENDING'", (run,)).fetchall()
            if not rows or rows[-1][0] != f"response.{state}" or steps != dict(kept):
                yield "the ledger says something else than the journal"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fast_folder("responses", tmp_path_factory.mktemp("sweep")) as folder:
        one = World(folder)
        yield one
        one.close()


@pytest.fixture(scope="module")
def points(world: World) -> list[str]:
    world.begin()
    assert world.live() == 0
    return world.points()


def after(world: World, *kills: int, mutant: str = "") -> list[str]:
    """What is wrong after a kill at each of these points, one after the other, and a life to the end."""
    world.begin()
    for at in kills:
        if world.live(at, mutant) == 0:
            break
    assert world.live(None, mutant) == 0
    return world.wrongs()


def test_undisturbed_everything_holds_and_every_kind_of_point_is_passed(world: World, points: list[str]) -> None:
    world.begin()
    assert world.live() == 0
    assert world.wrongs() == []
    sql = ["BEGIN IMMEDIATE", "COMMIT", "UPDATE responses", "UPDATE steps", "UPDATE approvals", "UPDATE leases"]
    sql += [f"INSERT {one}" for one in ("responses", "steps", "approvals", "charges", "outbox", "ledger", "statements")]
    assert {f"sql {one}" for one in sql} | {"effect look", "effect fix", "effect fix is done", "send response"} <= set(points)


def swept(world: World, points: list[str], chosen: Collection[int]) -> dict[str, list[str]]:
    """What does not hold after a kill at each of these points, which all must be reached."""
    before = world.kills
    found = {f"{at} before {points[at]}": after(world, at) for at in chosen}
    print(f"{world.kills - before} kills")
    assert world.kills - before >= len(chosen)
    return {where: wrongs for where, wrongs in found.items() if wrongs}


def of_every_kind(points: list[str]) -> list[int]:
    """One point of each kind, not always the first."""
    return [many[5 * number % len(many)] for number, many in enumerate(ways(points).values())]


def ways(points: list[str]) -> dict[tuple[str, ...], list[int]]:
    """The points of each kind: of the same name between the same two others."""
    found: dict[tuple[str, ...], list[int]] = {}
    for at, way in enumerate(zip(["", *points], points, [*points[1:], ""], strict=False)):
        found.setdefault(way, []).append(at)
    return found


@pytest.mark.row("R1")
def test_killed_at_points_of_every_kind_everything_holds(world: World, points: list[str]) -> None:
    chosen = of_every_kind(points)
    assert {points[at] for at in chosen} == set(points)
    assert len(chosen) == len(ways(points)) > 50
    assert swept(world, points, chosen) == {}


@pytest.mark.long
@pytest.mark.row("R1")
def test_killed_at_every_point_everything_holds(world: World, points: list[str]) -> None:
    assert swept(world, points, range(len(points))) == {}


@pytest.mark.long
@pytest.mark.parametrize("second", range(1, 120, 7))
def test_killed_again_while_it_recovers_everything_holds(world: World, points: list[str], second: int) -> None:
    before = world.kills
    found = {f"{at} then {second}": after(world, at, second) for at in range(second % 2, len(points), 2)}
    print(f"{world.kills - before} kills")
    assert {where: wrongs for where, wrongs in found.items() if wrongs} == {}
    assert world.kills - before > len(points) // 2


@pytest.mark.parametrize("mutant", BY_KILL)
def test_a_mutant_is_caught(world: World, points: list[str], mutant: str) -> None:
    world.begin()
    assert world.live(None, mutant) == 0
    assert world.wrongs() == [], "it must differ only after a kill"
    assert any(after(world, at, mutant=mutant) for at in telling(world.points(), points))


def telling(passed: list[str], known: list[str]) -> list[int]:
    """Points of a mutant in the order of how much they may tell: in turn one beside what the world outside sees, and one between
    what never, or seldom, stands so in the real one."""
    pairs, real = list(zip(passed, [*passed[1:], ""], strict=True)), Counter(zip(known, [*known[1:], ""], strict=True))
    outside = [name.startswith(("send", "effect fix")) for name in passed]
    beside = [seen or (at > 0 and outside[at - 1]) for at, seen in enumerate(outside)]
    seldom = sorted(range(len(pairs)), key=lambda at: (real[pairs[at]], at))
    seen = sorted(seldom, key=lambda at: not beside[at])
    return list(dict.fromkeys(at for both in zip(seen, seldom, strict=True) for at in both))
