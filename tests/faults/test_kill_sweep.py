"""kill -9 at any moment loses nothing and doubles nothing but a message with the same key.

A small world is lived through turn by turn, by the real turn, store, relay and files. Where a process can leave something
half done is not listed by hand: every statement, commit, rename, sync, write into a mapped ring and message is a point at
which the process is killed, in turn, and started again. Whatever the point, the world must end as it does undisturbed.
"""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from aiops.store import Store
from tests.faults.forks import fast_folder
from tests.faults.mutants import MUTANTS

KILLED = -9
QUICK_POINTS = 10
ROOT = Path(__file__).parents[2]


class World:
    """Lives of the small world, each in a process of its own, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "world"
        command = [sys.executable, "-m", "tests.faults.world"]
        environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def begin(self) -> None:
        """Nothing has happened yet."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()

    def live(self, at: int | None = None, mutant: str = "") -> int:
        """Go on from where the clock stands, to the end (0) or to the crash point `at` (KILLED)."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(self.folder), "at": at, "mutant": mutant}) + "\n")
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def points(self) -> list[str]:
        """The crash points that the last life passed."""
        found: list[str] = json.loads((self.folder / "points.json").read_text())
        return found

    def ended(self) -> dict[str, Any]:
        """How the world ended, as far as a kill must not change it."""
        store = Store.reading("", self.folder / "data")
        ledger = store.verify_ledger()
        store.close()
        got = [json.loads(line) for line in (self.folder / "got").read_text().splitlines()]
        with closing(sqlite3.connect(self.folder / "data" / "aiops.db")) as c:
            return {
                "whole": (ledger.ok, c.execute("PRAGMA integrity_check").fetchall()),
                "warnings": sorted(c.execute("SELECT id, state, opened_ms, closed_ms, verdict, body FROM warnings")),
                "outcomes": sorted(
                    c.execute("SELECT warning_id, card, verdict, settled_ms, current, body FROM outcomes")
                ),
                "decisions": sorted(
                    c.execute("SELECT action, object, detail FROM ledger WHERE action NOT LIKE 'notify.%'")
                )[1:],
                "sent": sorted(c.execute("SELECT receiver, dedup_key, state FROM outbox WHERE renewal = 0")),
                "waiting": c.execute("SELECT receiver, dedup_key FROM outbox WHERE state != 'sent'").fetchall(),
                "delivered": sorted({(name, key) for name, key, event, *_ in got if event != "updated"}),
                "order": [_order(got, one) for one in sorted({(name, group) for name, _, _, group, _ in got})],
                "same": all(len({str(line) for line in got if line[:2] == one[:2]}) == 1 for one in got),
            }

    def close(self) -> None:
        """End the process that makes them."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


def _order(got: list[Any], of: tuple[str, str]) -> list[str]:
    """What one receiver was told of one warning, renewals apart, each the first time."""
    return list(dict.fromkeys(key for name, key, event, group, _ in got if (name, group) == of and event != "updated"))


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with fast_folder("sweep", tmp_path_factory.mktemp("sweep")) as folder:
        one = World(folder)
        yield one
        one.close()


@pytest.fixture(scope="module")
def undisturbed(world: World) -> dict[str, Any]:
    world.begin()
    assert world.live() == 0
    return world.ended()


@pytest.fixture(scope="module")
def points(world: World, undisturbed: dict[str, Any]) -> list[str]:
    world.begin()
    assert world.live() == 0
    return world.points()


def telling(points: list[str], context: int, known: Sequence[str] = ()) -> list[int]:
    """Points in the order of how much they may tell.

    Each way to come to a point (`context` points before it) once, then each a second time, and so on; first the ways that the
    life `known` does not have, then what seldom happens, for where there is a decision there is something to lose.
    """
    count, seen, rank = Counter(points), Counter[tuple[str, ...]](), {}
    old = {_way(known, i, context) for i in range(len(known))}
    for i in range(len(points)):
        way = _way(points, i, context)
        rank[i] = (seen[way], way in old, min(count[name] for name in way), i)
        seen[way] += 1
    return sorted(rank, key=rank.__getitem__)


def _way(points: Sequence[str], i: int, context: int) -> tuple[str, ...]:
    return tuple(points[max(0, i - context) : i + 1])


def differences(
    world: World, undisturbed: dict[str, Any], first: int, second: int | None = None, mutant: str = ""
) -> list[str]:
    """What is not as it is undisturbed, after a kill at point `first` (and one at point `second` of the life after that)."""
    world.begin()
    assert world.live(first, mutant) == KILLED
    if second is not None:
        assert world.live(second, mutant) in (KILLED, 0)
    assert world.live(None, mutant) == 0
    ended = world.ended()
    return [name for name, wanted in undisturbed.items() if ended[name] != wanted]


def test_the_world_has_every_kind_of_warning_and_every_kind_of_point(
    undisturbed: dict[str, Any], points: list[str]
) -> None:
    verdicts = Counter(verdict for _, _, verdict, *_ in undisturbed["outcomes"])
    assert verdicts == {"hit": 1, "false": 2, "missed": 3}
    assert undisturbed["whole"] == (True, [("ok",)])
    assert undisturbed["waiting"] == []
    assert len(undisturbed["delivered"]) == len(undisturbed["sent"]) > 10
    statements = ["BEGIN IMMEDIATE", "COMMIT", "UPDATE outbox"]
    statements += [f"INSERT {name}" for name in ("warnings", "outcomes", "outbox", "ledger", "turns")]
    files = {"os.replace", "os.fsync", "os.write", "memmap.flush", "Ring.claim", "Window._close"}
    assert {f"sql {one}" for one in statements} | files | {"send opened", "send closed"} <= set(points)
    assert len(points) > 500


def test_undisturbed_it_always_goes_the_same_way(world: World, undisturbed: dict[str, Any], points: list[str]) -> None:
    assert world.ended() == undisturbed
    world.begin()
    assert world.live() == 0
    assert Counter(world.points()) == Counter(points)


def swept(world: World, undisturbed: dict[str, Any], points: list[str], chosen: Iterable[int]) -> dict[str, list[str]]:
    """Where the world does not end as it does undisturbed."""
    found = {f"{i} before {points[i]}": differences(world, undisturbed, i) for i in chosen}
    return {where: what for where, what in found.items() if what}


def test_killed_at_points_of_every_kind_it_ends_the_same(
    world: World, undisturbed: dict[str, Any], points: list[str]
) -> None:
    each = [many[5 * j % len(many)] for j, many in enumerate(_by_kind(points).values())]
    assert swept(world, undisturbed, points, {*each, *telling(points, 2)[:QUICK_POINTS]}) == {}


def _by_kind(points: list[str]) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for i, name in enumerate(points):
        found.setdefault(name, []).append(i)
    return found


@pytest.mark.long
def test_killed_at_every_point_it_ends_the_same(world: World, undisturbed: dict[str, Any], points: list[str]) -> None:
    assert swept(world, undisturbed, points, range(len(points))) == {}


@pytest.mark.parametrize("second", [0, 11, *(pytest.param(n, marks=pytest.mark.long) for n in range(1, 320, 15))])
def test_killed_again_while_it_recovers_it_ends_the_same(
    world: World, undisturbed: dict[str, Any], points: list[str], second: int
) -> None:
    for first in telling(points, 2)[second % 10 : 30 : 15]:
        assert differences(world, undisturbed, first, second) == []


def failures(ended: dict[str, Any]) -> list[tuple[str, int]]:
    """(disk, when it failed) of every verdict on a failure."""
    bodies = [json.loads(body) for *_, body in ended["outcomes"]]
    return sorted((body["entity"]["disk"], body["failed_s"]) for body in bodies if body["failed_s"])


@pytest.mark.parametrize("away", [1, pytest.param(4, marks=pytest.mark.long), pytest.param(12, marks=pytest.mark.long)])
def test_away_for_some_turns_every_failure_is_judged_once_and_all_is_told(
    world: World, undisturbed: dict[str, Any], points: list[str], away: int
) -> None:
    for first in telling(points, 2)[:9:3]:
        world.begin()
        assert world.live(first) == KILLED
        clock = world.folder / "clock"
        clock.write_text(str(int(clock.read_text()) + away * 15))
        assert world.live() == 0
        ended = world.ended()
        assert failures(ended) == failures(undisturbed)
        assert (ended["whole"], ended["waiting"], ended["same"]) == (undisturbed["whole"], [], True)
        assert ended["delivered"] == [(name, key) for name, key, _ in ended["sent"]]
        judged = [warning for warning, _, _, _, current, _ in ended["outcomes"] if warning and current]
        assert sorted(judged) == sorted({one[0] for one in ended["warnings"]})


def caught(world: World, undisturbed: dict[str, Any], points: list[str], mutant: str, tries: int) -> bool:
    world.begin()
    assert world.live(None, mutant) == 0
    assert world.ended() == undisturbed, "it must differ only after a kill"
    return any(differences(world, undisturbed, i, None, mutant) for i in telling(world.points(), 3, points)[:tries])


QUICK = (
    "ledger_in_a_transaction_of_its_own",
    "verdict_before_the_rest_and_without_a_compare",
    "marked_sent_before_it_was_sent",
    "crossings_judged_by_what_the_window_holds",
)
"""Those that one of the first kills tells."""


@pytest.mark.parametrize("mutant", [pytest.param(m, marks=() if m in QUICK else pytest.mark.long) for m in MUTANTS])
def test_a_mutant_is_caught(world: World, undisturbed: dict[str, Any], points: list[str], mutant: str) -> None:
    assert caught(world, undisturbed, points, mutant, tries=60)
