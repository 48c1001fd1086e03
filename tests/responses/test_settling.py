"""A check is believed once what it sees is younger than the step, and what takes a step back once its check says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.responses.interface import Call, Result
from aiops.responses.settling import Settling
from aiops.store.response_rows import StepRow
from tests.responses.rig import Rig, made
from tests.responses.test_doing import BACKS, LOST, STEPS, UNDO, Died, Program, begun, taken_back

ROW = StepRow(0, "fix", "checked", "key", "INTENT", epoch=3, attempt=1)


@pytest.mark.parametrize("known", [None, Result("unknown", {"status": 502}, "status 502"), Result("failed", effect=False)])
def test_what_the_action_said_is_kept_until_its_check_is_asked(known: Result | None) -> None:
    off = Settling(130.0, 600.0, known)
    change = off.put_off(ROW)
    assert Settling.of(change.new) == off
    assert (change.old, change.new.state, change.new.attempt, Settling.of(ROW)) == (ROW, "INTENT", 1, None)


def test_people_read_when_it_is_asked() -> None:
    lost = Settling(130.0, 600.0, Result("unknown", why="the connection broke")).put_off(ROW).new.why
    assert lost == "the connection broke; its check is asked at 1970-01-01T00:02:10Z, when it sees what is so since"
    assert Settling(0.0, 30.0, None).put_off(ROW).new.why.startswith("its check is asked at 1970-01-01T00:00:00Z")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def scraped(rig: Rig, every_s: float = 60.0) -> Any:
    """A query that sees what the step had done at the last scrape before now."""
    done: list[float] = []

    def takes_effect(call: Call) -> Result:
        done.append(rig.clock.now)
        return LOST

    rig.count.does["fix"] = takes_effect
    return lambda run: [float(sum(at <= rig.clock.now // every_s * every_s for at in done))]


@pytest.mark.parametrize("crashed", [True, False])
def test_a_query_that_is_a_scrape_old_lets_nothing_be_done_twice(rig: Rig, crashed: bool) -> None:
    """P1: it took effect; what the query sees right after it is still what was before."""
    one = begun(rig, {**STEPS["checked"], "retry": {"attempts": 3, "backoff": "1s"}})
    rig.clock.now += 7
    told = one.world.numbers["done{$target}"] = scraped(rig)
    if crashed:
        begins = rig.count.does["fix"]
        rig.count.does["fix"] = lambda call: dies(begins(call))
        with pytest.raises(Died):
            one.tick(rig.clock.now)
        rig.clock.now += 20
        rig.monotonic.now += 20
        one = rig.replica("b")
        one.world.numbers["done{$target}"] = told
    one.tick(rig.clock.now)
    assert (rig.step_states(), rig.count.steps) == ({"fix": "INTENT"}, ["fix"])
    (row,) = rig.runs.steps(rig.one().id)
    assert "its check is asked at 2025-06-15T" in row.why
    asked = len(one.world.asked)
    for _ in range(23):
        rig.settled(one, 5.0)
    assert (rig.step_states(), len(one.world.asked)) == ({"fix": "INTENT"}, asked), "not before two scrapes are over"
    rig.settled(one, 10.0)
    assert (rig.step_states(), rig.count.steps, rig.one().state) == ({"fix": "DONE"}, ["fix"], "verifying")


def dies(result: Result) -> Result:
    raise Died


SEEN: list[tuple[Any, str, str, str]] = [
    ([1.0], "DONE", "undone", ""),
    ([0.0], "FAILED", "needs_a_person", "it ended well; its check says that it is not taken back"),
    ([], "UNKNOWN", "needs_a_person", "it ended well; whether it is done cannot be told: no data"),
    (lambda rig: [float(rig.clock.now - rig.runs.steps(rig.one().id)[1].begun_s > 200)], "DONE", "undone", ""),
]


@pytest.mark.parametrize(("back", "state", "ends", "why"), SEEN)
def test_what_took_a_step_back_is_verified_by_its_check(rig: Rig, back: Any, state: str, ends: str, why: str) -> None:
    """P22: that an undo ended well is no proof; what is not seen at once may take its time, until the undo's own is over."""
    one = taken_back(rig, {**BACKS["checked"], "timeout": "5m"}, back)
    one.tick(rig.clock.now)
    assert (rig.step_states()["fix~"], rig.one().state) == ("INTENT", "undoing")
    for _ in range(70):
        rig.settled(one, 5.0)
    assert (rig.step_states()["fix~"], rig.one().state, rig.count.steps) == (state, ends, ["fix", "fix"])
    assert why in rig.one().body["why"]
    said = [one.body["what"] for one in rig.store.statements(kind="action")]
    assert said == ["mend: fix", *(["mend: fix taken back"] if state == "DONE" else [])]


@pytest.mark.parametrize(("rc", "state"), [(0, "DONE"), (1, "FAILED"), (127, "UNKNOWN")])
def test_a_program_that_says_whether_it_was_taken_back_is_asked_at_once(rig: Rig, rc: int, state: str) -> None:
    check = {"argv": ["grep", "-q", "back"], "expect": "response.rc == 0"}
    program = Program(rc)
    one = taken_back(rig, {**UNDO, "check": check}, program=program)
    one.tick(rig.clock.now)
    assert (rig.step_states()["fix~"], len(program.calls)) == ("DONE" if rc == 0 else "INTENT", 1)
    for _ in range(30):
        rig.settled(one, 2.5)
    assert rig.step_states()["fix~"] == state
    assert len(program.calls) <= 1 + 60 // 5 + 1
