"""A replica that is paused at any moment for longer than its lease, while another goes on, and then wakes: it does nothing more.

The points are found by running undisturbed: before every transaction, and before and after every effect. The clock that cannot be
set stands still while it sleeps, as it does when a machine is suspended: nothing but the store and the target can stop it.
"""

from __future__ import annotations

import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiops.core.errors import StoreError
from aiops.responses.interface import Call, Result
from aiops.responses.view import UNDO
from aiops.store import Store
from tests.faults.response_mutants import BY_PAUSE, MUTANTS
from tests.responses.rig import WRITE, Count, Replica, Rig, book, early, made

TAKES_S = 20.0
CHECK = {"promql": "marks{$target}", "expect": "response.value >= 1"}
UNDONE = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}, "timeout": "1m"}
FINAL = "What is gone is gone for good."
STEPS = (
    {**WRITE, "id": "first", "idempotent": None, "check": CHECK},
    {**WRITE, "id": "second", "irreversible": None, "undo": UNDONE},
)


class Sleeper:
    """Counts the points that a replica passes; at one it sleeps until it is woken."""

    def __init__(self, at: int | None) -> None:
        self.at, self.passed = at, 0
        self.asleep, self.wake = threading.Event(), threading.Event()

    def point(self) -> None:
        self.passed += 1
        if self.at is not None and self.passed - 1 == self.at:
            self.asleep.set()
            assert self.wake.wait(60)

    def before(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def paused(*args: Any, **kwargs: Any) -> Any:
            self.point()
            return function(*args, **kwargs)

        return paused


class Target(Count):
    """Counts effects, and those on steps that are closed."""

    def __init__(self, rig: Rig, sleepers: dict[int, Sleeper]) -> None:
        super().__init__()
        self._rig, self._sleepers = rig, sleepers
        self.effects: Counter[str] = Counter()
        self.late: list[str] = []

    def run(self, call: Call, now_s: float) -> Result:
        sleeper = self._sleepers.get(threading.get_ident())
        if sleeper is not None:
            sleeper.point()
        if self.can_fence and call.epoch < self.fences.get(call.idem_key, 0):
            return Result("failed", why="fenced", effect=False)
        self.effects[call.idem_key] += 1
        row = next(row for row in self._rig.runs.steps(call.run_id) if row.idem_key == call.idem_key)
        if row.state in ("DONE", "FAILED", "UNKNOWN"):
            self.late.append(f"{row.klass} {row.state}")
        if sleeper is not None:
            sleeper.point()
        return Result("done", {"rc": 0})


def stage(rig: Rig, sleepers: dict[int, Sleeper]) -> Target:
    clean = [{k: v for k, v in step.items() if v is not None} for step in STEPS]
    rig.write(book(*clean, mode="auto", verify={"within": "1m", "all": [{"name": "room", "promql": "free", "expect": "> 0"}]}))
    rig.warn(early())
    rig.count = target = Target(rig, sleepers)
    return target


def ready(rig: Rig, target: Target, owner: str, monotonic: Callable[[], float]) -> Replica:
    one = rig.replica(owner, monotonic=monotonic)
    checked = lambda run: [float(bool(target.effects[next(r.idem_key for r in rig.runs.steps(rig.one().id))]))]  # noqa: E731
    one.world.numbers |= {"marks{$target}": checked, "free": [0.0]}
    return one


def to_the_end(rig: Rig, one: Replica, errors: list[str], turns: int = 8) -> None:
    for _ in range(turns):
        try:
            one.tick(rig.clock.now)
        except StoreError as e:  # the database refuses what a mutant does
            errors.append(str(e))
        rig.clock.now += TAKES_S


def slept(folder: Path, at: int | None, url: str = "") -> tuple[list[str], int]:
    """(what is wrong, how many points the first replica passed) when it sleeps at point `at` while the other goes on.

    With the `url` of a database that several may write to, the other has a connection of its own.
    """
    folder.mkdir()
    with made(folder, url) as rig, contextlib.ExitStack() as held:
        sleepers: dict[int, Sleeper] = {}
        sleeper, target = Sleeper(at), stage(rig, sleepers)
        there = held.enter_context(contextlib.closing(Store.open(url, None, alone=False))) if url else rig.store
        other = replace(rig, store=there)
        first = ready(rig, target, "a", lambda: 0.0)
        for name in ("begin", "decide", "charge", "take_lease"):
            setattr(first.engine.tools.runs, name, sleeper.before(getattr(first.engine.tools.runs, name)))
        first.lease._runs = first.responder._runs = first.engine.tools.runs
        errors: list[str] = []

        def life() -> None:
            sleepers[threading.get_ident()] = sleeper
            to_the_end(rig, first, errors)

        thread = threading.Thread(target=life)
        thread.start()
        if at is not None:
            while thread.is_alive() and not sleeper.asleep.wait(0.05):
                pass
            rig.clock.now += TAKES_S
            second = ready(other, target, "b", lambda: rig.clock.now)
            to_the_end(rig, second, errors, 16)  # a check waits until its query sees what is so since
        sleeper.wake.set()
        thread.join(60)
        if at is not None:
            to_the_end(rig, second, errors, 4)
        return [*wrongs(rig, target), *errors], sleeper.passed


def wrongs(rig: Rig, target: Target) -> Iterator[str]:
    yield from (f"late effect on a step: {one}" for one in target.late)
    rows = rig.runs.steps(rig.one().id)
    for row in rows:
        times = target.effects[row.idem_key]
        if row.klass in ("once", "checked") and times > 1:
            yield f"{row.klass} step took effect {times} times"
        if row.state == "DONE" and not times:
            yield f"{row.klass} step is done and never took effect"
    unknown = any(row.state == "UNKNOWN" for row in rows)
    if rig.one().state != ("needs_a_person" if unknown else "undone"):
        yield f"it ended {rig.one().state}"
    if not rig.store.verify_ledger().ok:
        yield "the ledger does not fit"


@pytest.fixture
def points(tmp_path: Path) -> int:
    """How many points there are until everything was done, judged and taken back."""
    found, passed = slept(tmp_path / "undisturbed", None)
    assert found == []
    return passed


def test_undisturbed_both_kinds_of_steps_are_done_and_one_is_taken_back(tmp_path: Path, points: int) -> None:
    with made(tmp_path) as rig:
        target = stage(rig, {})
        to_the_end(rig, ready(rig, target, "a", lambda: 0.0), [])
        assert [(row.idx, row.klass, row.state) for row in rig.runs.steps(rig.one().id)] == [
            (0, "checked", "DONE"), (1, "idempotent", "DONE"), (UNDO, "once", "DONE"),
        ]  # fmt: skip
        assert sorted(target.effects.values()) == [1, 1, 1]
    assert points > 20


@pytest.mark.row("R2")
def test_whenever_it_sleeps_it_does_nothing_more_when_it_wakes(tmp_path: Path, points: int) -> None:
    found = {at: slept(tmp_path / f"at{at}", at) for at in range(points)}
    assert {at: wrongs for at, (wrongs, _) in found.items() if wrongs} == {}
    assert all(passed > at for at, (_, passed) in found.items()), "each point is reached"


@pytest.mark.usefixtures("as_shipped")
@pytest.mark.parametrize("mutant", BY_PAUSE)
def test_a_mutant_is_caught(tmp_path: Path, points: int, mutant: str) -> None:
    MUTANTS[mutant]()
    found = (one for at in range(points) for one in slept(tmp_path / f"at{at}", at)[0])
    assert any("took effect" in one or "late" in one for one in found)
