"""Afterwards: no data is not good, what holds must hold for long enough, and what did not help is taken back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiops.core.records import CROSSED
from aiops.responses.interface import Result
from tests.responses.rig import READ, WRITE, Replica, Rig, book, early, made, no_answer
from tests.responses.test_engine import pass_time

UNDO = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}", "back": "yes"}, "timeout": "1m"}
BACK = {**{k: v for k, v in WRITE.items() if k != "irreversible"}, "undo": UNDO}
CLEAR = {"name": "clear", "forecast": "clear"}
ROOM = {"name": "room", "promql": "free{$target}", "expect": ">= 0.2", "for": "5m"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def done(rig: Rig, *steps: dict[str, Any], **more: Any) -> Replica:
    """Everything is done and is to be judged."""
    rig.write(book(*(steps or (WRITE,)), mode="auto", **more))
    rig.warn(early())
    one = rig.replica()
    one.tick(rig.clock.now)
    assert rig.one().state == "verifying"
    return one


@pytest.mark.parametrize("numbers", [[], [0.1], [0.3, 0.1], [float("nan")], no_answer()])
@pytest.mark.row("R5")
def test_what_is_bad_or_not_known_until_time_is_up_did_not_help(rig: Rig, numbers: Any) -> None:
    one = done(rig)
    one.world.numbers["free{$target}"] = numbers
    pass_time(rig, one, 29 * 60)
    assert rig.one().state == "verifying"
    pass_time(rig, one, 120)
    assert (rig.one().state, rig.one().body["because"]) == ("verify_failed", "room")
    assert [c.good for c in rig.runs.charges()] == [False]


def test_what_holds_only_now_and_then_does_not_hold(rig: Rig) -> None:
    one = done(rig)
    for minute in range(31):
        one.world.numbers["free{$target}"] = [0.3] if minute % 4 else [0.1]
        pass_time(rig, one, 60)
    assert rig.one().state == "verify_failed"


def test_how_long_it_has_held_is_not_forgotten_over_a_restart(rig: Rig) -> None:
    one = done(rig)
    one.world.numbers["free{$target}"] = [0.3]
    pass_time(rig, one, 240)
    other = rig.replica("b", at_once=True)
    other.world.numbers["free{$target}"] = [0.3]
    pass_time(rig, other, 120)
    assert rig.one().state == "succeeded"


def test_the_forecast_must_no_longer_cross(rig: Rig) -> None:
    one = done(rig, verify={"within": "30m", "all": [CLEAR]})
    pass_time(rig, one, 600)
    assert rig.one().state == "verifying"
    rig.clear()
    pass_time(rig, one, 60)
    assert rig.one().state == "succeeded"


def test_what_came_true_did_not_help_and_of_what_nobody_sees_it_is_not_known(rig: Rig) -> None:
    one = done(rig, verify={"within": "30m", "all": [CLEAR]})
    rig.clear(why=CROSSED)
    pass_time(rig, one, 31 * 60)
    assert (rig.one().state, rig.one().body["why"]) == ("verify_failed", "'clear': the limit was crossed")


@pytest.mark.parametrize(("keep", "state"), [(False, "verify_failed"), (True, "succeeded")])
def test_no_data_is_not_a_clear_forecast(rig: Rig, keep: bool, state: str) -> None:
    """P23: its series are gone, or its sources are away."""
    one = done(rig, verify={"within": "30m", "keep_if_unknown": keep, "all": [CLEAR]})
    rig.clear(why="the series is gone")
    pass_time(rig, one, 31 * 60)
    assert rig.one().state == state
    rig.warn(early(2, stale_since_s=int(rig.clock.now), crossing=None))
    situation = one.world.situation(replace(rig.one(), warning_id=f"{2:016x}"), rig.clock.now)
    assert situation is not None
    assert (situation.clear, situation.unseen_s) == (None, rig.clock.now)


def test_what_could_not_be_judged_is_kept_where_the_author_says_so(rig: Rig) -> None:
    one = done(rig, verify={"within": "30m", "keep_if_unknown": True, "all": [ROOM]})
    pass_time(rig, one, 31 * 60)
    assert (rig.one().state, rig.one().body["why"]) == ("succeeded", "it is kept, though it could not be judged")


def test_what_is_bad_is_not_kept_even_so(rig: Rig) -> None:
    one = done(rig, verify={"within": "30m", "keep_if_unknown": True, "all": [ROOM]})
    one.world.numbers["free{$target}"] = [0.1]
    pass_time(rig, one, 31 * 60)
    assert rig.one().state == "verify_failed"


def test_what_did_not_help_is_taken_back_newest_first(rig: Rig) -> None:
    one = done(rig, READ, BACK, {**BACK, "id": "more"}, WRITE | {"id": "stays"})
    pass_time(rig, one, 31 * 60)
    assert rig.one().state == "undone"
    assert rig.count.steps == ["look", "fix", "more", "stays", "more", "fix"]
    assert rig.count.calls[-1].given == {"at": "a1", "back": "yes"}
    assert len({call.idem_key for call in rig.count.calls}) == 6
    said = [s.body["what"] for s in rig.store.statements(kind="action")]
    assert said == ["mend: fix", "mend: more", "mend: stays", "mend: more taken back", "mend: fix taken back"]


@pytest.mark.row("R25")
def test_a_failing_undo_calls_a_person_at_once_and_stops(rig: Rig) -> None:
    one = done(rig, BACK, {**BACK, "id": "more"})
    rig.count.does["more"] = lambda call: Result("failed", why="exit code 1")
    pass_time(rig, one, 31 * 60)
    assert rig.one().state == "needs_a_person"
    assert rig.step_states() == {"fix": "DONE", "more": "DONE", "more~": "FAILED", "fix~": "PENDING"}
    assert rig.told()[-1] == "mend needs a person: more taking it back failed: exit code 1"
    del rig.count.does["more"]
    one.people.resolve(rig.one().id, "again", "ann", rig.clock.now)
    pass_time(rig, one, 60)
    assert rig.one().state == "undone"


def test_an_undo_of_which_nobody_knows_is_not_done_again(rig: Rig) -> None:
    one = done(rig, BACK)
    rig.count.does["fix"] = lambda call: Result("unknown", why="the connection broke")
    pass_time(rig, one, 60 * 60)
    assert (rig.one().state, rig.step_states()["fix~"], rig.count.steps) == ("needs_a_person", "UNKNOWN", ["fix", "fix"])


def test_without_anything_to_judge_it_is_over(rig: Rig) -> None:
    rig.write(book(READ, mode="auto", verify=None, guards=None, approval=None, tests=None))
    rig.warn(early())
    rig.replica().tick(rig.clock.now)
    assert (rig.one().state, rig.told()) == ("succeeded", [])
