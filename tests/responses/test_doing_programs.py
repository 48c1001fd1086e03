"""Steps that are real programs: what the engine makes of what they leave when a daemon dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.responses.actions.around import Around
from aiops.responses.catalogue import Actions
from aiops.responses.interface import Call, Result
from tests.responses.actions.samples import script
from tests.responses.rig import Replica, Rig, book, early, made

STEP: dict[str, Any] = {
    "id": "fix", "uses": "exec", "effect": "write", "with": {"argv": ["fix", "${{ target.instance }}"]}, "timeout": "1m",
    "irreversible": "What is gone is gone for good.",
}  # fmt: skip
CHECKED = {**STEP, "check": {"argv": ["is-fixed"], "expect": 'response.stdout == "yes"'}}


class Died(BaseException):
    """The process is gone: nothing after it is done."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def effects(rig: Rig) -> list[str]:
    path = rig.folder / "effects"
    return path.read_text().split() if path.exists() else []


def replica(rig: Rig, name: str) -> Replica:
    """A replica on this host: the same folder for what programs leave."""
    script(rig.folder, f'echo "$1" >> {rig.folder}/effects', "fix")
    script(rig.folder, f"test -e {rig.folder}/effects && printf yes || printf no", "is-fixed")
    one = rig.replica(name)
    programs = {program: str(rig.folder / program) for program in ("fix", "is-fixed")}
    one.engine.tools.actions = Actions({"exec": {"programs": programs}}, around=Around(folder=rig.folder / "steps"))
    one.world.numbers |= {"free{$target}": [0.3]}
    return one


def dies(one: Replica, when: Callable[[Call], bool], begun: bool) -> None:
    """The process of this replica dies before or after it runs the program of such a call."""
    action = one.engine.tools.actions.of("exec")
    real = action.run

    def run(call: Call, now_s: float) -> Result:
        if not when(call):
            return real(call, now_s)
        if begun:
            real(call, now_s)
        raise Died

    action.run = run  # type: ignore[method-assign]


def ticks(rig: Rig, one: Replica, dying: bool = False) -> None:
    rig.clock.now += 20
    rig.monotonic.now += 20
    if dying:
        with pytest.raises(Died):
            one.tick(rig.clock.now)
    else:
        one.tick(rig.clock.now)


def start(rig: Rig, step: dict[str, Any]) -> None:
    rig.write(book(step, mode="auto"))
    rig.warn(early())


@pytest.mark.parametrize("step", [CHECKED, STEP | {"idempotent": True}], ids=["checked", "idempotent"])
def test_a_program_that_ended_while_nobody_listened_is_not_run_again(rig: Rig, step: dict[str, Any]) -> None:
    start(rig, step)
    first = replica(rig, "a")
    dies(first, lambda call: True, begun=True)
    ticks(rig, first, dying=True)
    ticks(rig, replica(rig, "b"))
    assert (rig.step_states(), effects(rig)) == ({"fix": "DONE"}, ["a1"])


@pytest.mark.parametrize("step", [CHECKED, STEP | {"idempotent": True}], ids=["checked", "idempotent"])
def test_the_end_of_one_that_still_runs_is_waited_for(rig: Rig, step: dict[str, Any]) -> None:
    start(rig, step)
    first, second = replica(rig, "a"), replica(rig, "b")
    action = second.engine.tools.actions.of("exec")
    real, fence = action.busy, action.fence
    busy = [True]
    action.busy = lambda call: busy[0] or real(call)  # type: ignore[method-assign]
    action.fence = lambda call: not busy[0] and fence(call)  # type: ignore[method-assign]
    harvest = action.harvest
    action.harvest = lambda call: None if busy[0] else harvest(call)  # type: ignore[method-assign]
    dies(first, lambda call: True, begun=True)
    ticks(rig, first, dying=True)
    for _ in range(2):
        ticks(rig, second)
        assert (rig.step_states(), effects(rig)) == ({"fix": "INTENT"}, ["a1"])
    busy[0] = False
    ticks(rig, second)
    assert (rig.step_states(), effects(rig)) == ({"fix": "DONE"}, ["a1"])


def test_one_whose_end_never_comes_is_not_waited_for_for_ever(rig: Rig) -> None:
    start(rig, CHECKED)
    first, second = replica(rig, "a"), replica(rig, "b")
    action = second.engine.tools.actions.of("exec")
    action.busy = lambda call: True  # type: ignore[method-assign]
    dies(first, lambda call: True, begun=False)
    ticks(rig, first, dying=True)
    for _ in range(8):
        ticks(rig, second)
    assert rig.step_states() == {"fix": "DONE"}


def test_one_that_never_began_is_run_once_the_check_says_so(rig: Rig) -> None:
    start(rig, CHECKED)
    first = replica(rig, "a")
    dies(first, lambda call: True, begun=False)
    ticks(rig, first, dying=True)
    ticks(rig, replica(rig, "b"))
    assert (rig.step_states(), effects(rig)) == ({"fix": "DONE"}, ["a1"])


def test_what_a_check_put_out_is_not_taken_for_what_the_step_did(rig: Rig) -> None:
    start(rig, CHECKED)
    first, second = replica(rig, "a"), replica(rig, "b")
    dies(first, lambda call: True, begun=False)
    ticks(rig, first, dying=True)
    dies(second, lambda call: call.given["argv"] == ["is-fixed"], begun=True)
    ticks(rig, second, dying=True)
    ticks(rig, replica(rig, "c"))
    assert (rig.step_states(), effects(rig)) == ({"fix": "DONE"}, ["a1"])
