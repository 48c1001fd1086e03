"""One step: what its class lets be done when it failed, when its result was lost, and when its process died."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aiops.responses.interface import Call, Result
from aiops.responses.procedure import Unclear
from aiops.store.response_rows import Decision, StepRow
from tests.responses.rig import READ, WRITE, Count, Replica, Rig, book, early, made

PLAIN = {k: v for k, v in WRITE.items() if k not in ("idempotent", "irreversible")}
FINAL = {"irreversible": "What is gone is gone for good."}
CHECK = {"promql": "done{$target}", "expect": "response.value >= 1"}
UNDO = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}, "timeout": "1m"}
STEPS: dict[str, dict[str, Any]] = {
    "pure": READ,
    "idempotent": {**PLAIN, **FINAL, "idempotent": True},
    "checked": {**PLAIN, **FINAL, "check": CHECK},
    "both": {**PLAIN, **FINAL, "check": CHECK, "idempotent": True},
}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


class Died(BaseException):
    """The process is gone: nothing after it is done."""


def begun(rig: Rig, step: dict[str, Any], done: Any = ()) -> Replica:
    rig.write(book(step, mode="auto"))
    rig.warn(early())
    one = rig.replica()
    one.world.numbers["done{$target}"] = done
    return one


def died(rig: Rig, step: dict[str, Any], done: Any, effect: bool = True) -> Replica:
    """A replica that died in the step, and the next that finds it."""

    def dies(call: Call) -> Result:
        raise Died

    one = begun(rig, step)
    rig.count.does[step["id"]] = dies
    if not effect:
        rig.count.run = lambda call, now_s: dies(call)  # type: ignore[method-assign]
    with pytest.raises(Died):
        one.tick(rig.clock.now)
    assert rig.step_states() == {step["id"]: "INTENT"}
    rig.count.does.clear()
    vars(rig.count).pop("run", None)
    rig.clock.now += 20
    rig.monotonic.now += 20
    next_one = rig.replica("b")
    next_one.world.numbers |= {"done{$target}": done, "free{$target}": [0.3]}
    next_one.tick(rig.clock.now)
    if rig.step_states() == {step["id"]: "INTENT"}:  # its check is a query, which is a scrape old
        rig.settled(next_one)
    return next_one


@pytest.mark.parametrize(
    ("klass", "done", "calls", "state"),
    [
        ("pure", [], 2, "DONE"),
        ("idempotent", [], 2, "DONE"),
        ("checked", [1.0], 1, "DONE"),
        ("checked", [0.0], 2, "DONE"),
        ("checked", [], 1, "UNKNOWN"),
        ("checked", Unclear("away"), 1, "UNKNOWN"),
        ("both", Unclear("away"), 2, "DONE"),
    ],
)
def test_after_a_crash_in_the_effect_it_goes_by_its_class(rig: Rig, klass: str, done: Any, calls: int, state: str) -> None:
    died(rig, STEPS[klass], done)
    assert (len(rig.count.calls), list(rig.step_states().values())) == (calls, [state])
    assert len({call.idem_key for call in rig.count.calls}) == 1
    assert rig.one().state == ("needs_a_person" if state == "UNKNOWN" else "verifying")


@pytest.mark.parametrize("klass", ["pure", "idempotent", "checked"])
def test_after_a_crash_before_the_effect_it_is_done_once(rig: Rig, klass: str) -> None:
    died(rig, STEPS[klass], [0.0], effect=False)
    assert (len(rig.count.calls), list(rig.step_states().values())) == (1, ["DONE"])


BACKS: dict[str, dict[str, Any]] = {
    "pure": {"uses": "notify", "with": {"route": "pager", "message": "please take it back"}},
    "idempotent": {**UNDO, "idempotent": True},
    "checked": {**UNDO, "check": {**CHECK, "promql": "back{$target}"}},
    "once": UNDO,
}


def taken_back(rig: Rig, undo: dict[str, Any], back: Any = (), program: Count | None = None) -> Replica:
    """A replica whose next look takes back what did not help. `program`: what stands for all programs."""
    one = begun(rig, {**PLAIN, "idempotent": True, "undo": undo})
    one.engine.tools.actions._open |= {} if program is None else {"exec": program}
    one.tick(rig.clock.now)
    rig.clock.now += 1801
    one.lease._monotonic = lambda: rig.clock.now
    one.world.numbers["back{$target}"] = seen(rig, back)
    one.engine.tools.actions._open["notify"] = rig.count
    return one


def seen(rig: Rig, back: Any) -> Any:
    """What a query gives; of a function what it gives of the rig then."""
    return (lambda run: back(rig)) if callable(back) else back


def died_taking_back(rig: Rig, undo: dict[str, Any], back: Any = ()) -> None:
    """One that died in it, and the next that finds it."""

    def dies(call: Call) -> Result:
        raise Died

    one = taken_back(rig, undo)
    rig.count.does["fix"] = dies
    with pytest.raises(Died):
        one.tick(rig.clock.now)
    rig.count.does.clear()
    rig.clock.now += 20
    next_one = rig.replica("b")
    next_one.world.numbers["back{$target}"] = seen(rig, back)
    next_one.engine.tools.actions._open["notify"] = rig.count
    next_one.tick(rig.clock.now)
    for _ in range(2):
        if rig.step_states().get("fix~") == "INTENT":
            rig.settled(next_one)


@pytest.mark.parametrize(
    ("klass", "back", "calls", "state"),
    [
        ("pure", [], 3, "DONE"),
        ("idempotent", [], 3, "DONE"),
        ("checked", [1.0], 2, "DONE"),
        ("checked", lambda rig: [float(len(rig.count.calls) > 2)], 3, "DONE"),
        ("checked", Unclear("away"), 2, "UNKNOWN"),
        ("once", [], 2, "UNKNOWN"),
    ],
)
def test_after_a_crash_in_taking_back_it_goes_by_the_class_of_the_undo(
    rig: Rig, klass: str, back: Any, calls: int, state: str
) -> None:
    died_taking_back(rig, BACKS[klass], back)
    assert (rig.step_states(), len(rig.count.calls)) == ({"fix": "DONE", "fix~": state}, calls)
    assert len({call.idem_key for call in rig.count.calls}) == 2
    assert rig.one().state == ("undone" if state == "DONE" else "needs_a_person")
    said = [one.body["what"] for one in rig.store.statements(kind="action")]
    assert said == ["mend: fix", *(["mend: fix taken back"] if state == "DONE" and klass != "pure" else [])]


def test_what_may_be_done_once_only_is_left_to_a_person(rig: Rig) -> None:
    died_taking_back(rig, UNDO)
    assert (rig.step_states(), rig.one().state) == ({"fix": "DONE", "fix~": "UNKNOWN"}, "needs_a_person")
    assert "the process died while it ran" in rig.one().body["why"]
    assert rig.count.steps == ["fix", "fix"]


@pytest.mark.parametrize(("fences", "said"), [(True, False), (False, True)])
def test_a_target_that_cannot_refuse_is_said_to_be_one(rig: Rig, fences: bool, said: bool) -> None:
    rig.count.can_fence = fences
    test_what_may_be_done_once_only_is_left_to_a_person(rig)
    assert ("it may still take effect" in rig.one().body["why"]) is said


def test_a_result_that_can_still_be_had_is_taken(rig: Rig) -> None:
    """The action kept it, the process died before it could be recorded."""
    rig.count.keeps_results = True
    one = begun(rig, STEPS["checked"])
    runs = one.engine.tools.runs
    real = runs.decide

    def dies_at_record(d: Decision, epoch: int | None, now_s: float, actor: str = "daemon") -> bool:
        if any(change.new.state == "DONE" for change in d.steps):
            raise Died
        return real(d, epoch, now_s, actor)

    runs.decide = dies_at_record  # type: ignore[method-assign]
    with pytest.raises(Died):
        one.tick(rig.clock.now)
    rig.clock.now += 20
    rig.monotonic.now += 20
    rig.replica("b").tick(rig.clock.now)
    assert (rig.step_states(), rig.count.steps) == ({"fix": "DONE"}, ["fix"])


def test_a_step_that_brings_its_process_down_is_not_begun_for_ever(rig: Rig) -> None:
    def dies(call: Call) -> Result:
        raise Died

    begun(rig, STEPS["idempotent"])
    rig.count.does["fix"] = dies
    for life in range(20):
        one = rig.replica(f"life {life}", at_once=True)
        try:
            one.tick(rig.clock.now)
        except Died:
            continue
    assert (rig.step_states(), rig.one().state) == ({"fix": "UNKNOWN"}, "needs_a_person")
    assert "begun 6 times and never came to an end" in rig.one().body["why"]


LOST = Result("unknown", why="the answer was lost")
FAILED = Result("failed", why="exit code 1")
REFUSED = Result("failed", why="not listed", effect=False)


@pytest.mark.parametrize(
    ("klass", "result", "done", "calls", "state"),
    [
        ("pure", LOST, [], 3, "FAILED"),
        ("idempotent", LOST, [], 3, "UNKNOWN"),
        ("idempotent", FAILED, [], 3, "FAILED"),
        ("checked", LOST, [1.0], 1, "DONE"),
        ("checked", LOST, [0.0], 3, "FAILED"),
        ("checked", LOST, [], 1, "UNKNOWN"),
        ("checked", FAILED, [1.0], 1, "DONE"),
        ("checked", REFUSED, [], 3, "FAILED"),
        ("both", LOST, [], 3, "FAILED"),
    ],
)
@pytest.mark.row("R4")
def test_what_did_not_end_well_is_tried_again_as_far_as_its_class_lets_it(
    rig: Rig, klass: str, result: Result, done: Any, calls: int, state: str
) -> None:
    step = {**STEPS[klass], "retry": {"attempts": 3, "backoff": "1s"}}
    one = begun(rig, step, done)
    rig.count.does[step["id"]] = lambda call: result
    for _ in range(6):
        one.tick(rig.clock.now)
        rig.settled(one)
        rig.clock.now += 5
        rig.monotonic.now += 5
    assert (len(rig.count.calls), list(rig.step_states().values())) == (calls, [state])


@pytest.mark.parametrize(
    ("klass", "result", "back", "calls", "state"),
    [
        ("pure", LOST, [], 3, "FAILED"),
        ("idempotent", LOST, [], 3, "UNKNOWN"),
        ("idempotent", FAILED, [], 3, "FAILED"),
        ("checked", LOST, [1.0], 1, "DONE"),
        ("checked", LOST, [0.0], 3, "FAILED"),
        ("checked", LOST, [], 1, "UNKNOWN"),
        ("once", LOST, [], 1, "UNKNOWN"),
        ("once", FAILED, [], 1, "FAILED"),
        ("once", REFUSED, [], 3, "FAILED"),
    ],
)
def test_taking_back_is_tried_again_as_far_as_its_class_lets_it(
    rig: Rig, klass: str, result: Result, back: Any, calls: int, state: str
) -> None:
    one = taken_back(rig, {**BACKS[klass], "retry": {"attempts": 3, "backoff": "1s"}}, back)
    rig.count.calls.clear()
    rig.count.does["fix"] = lambda call: result
    one.tick(rig.clock.now)
    one.tick(rig.clock.now)
    assert len(rig.count.calls) == 1, "not before its pause is over"
    for _ in range(8):
        rig.clock.now += 5
        one.tick(rig.clock.now)
        rig.settled(one)
    assert (len(rig.count.calls), rig.step_states()["fix~"]) == (calls, state)


class Program(Count):
    """Ends with an exit code, as `exec` tells it."""

    def __init__(self, rc: int) -> None:
        super().__init__()
        self._rc = rc

    def run(self, call: Call, now_s: float) -> Result:
        super().run(call, now_s)
        end = "done" if self._rc == 0 else "failed"
        return Result(end, {"rc": self._rc, "stdout": ""}, effect=self._rc != 127)  # type: ignore[arg-type]


@pytest.mark.parametrize(("rc", "state", "calls"), [(0, "DONE", 1), (1, "FAILED", 2), (127, "UNKNOWN", 1)])
def test_a_program_that_is_asked_answers_by_its_exit_code(rig: Rig, rc: int, state: str, calls: int) -> None:
    """`grep -q` says no with 1; one that could not be started says nothing."""
    check = {"argv": ["grep", "-q", "done"], "expect": "response.rc == 0"}
    one = begun(rig, {**PLAIN, **FINAL, "check": check, "retry": {"attempts": 2, "backoff": "1s"}})
    program = one.engine.tools.actions._open["exec"] = Program(rc)
    rig.count.does["fix"] = lambda call: LOST
    for _ in range(3):
        one.tick(rig.clock.now)
        rig.clock.now += 5
        rig.monotonic.now += 5
    assert (rig.step_states(), len(rig.count.calls)) == ({"fix": state}, calls)
    assert all(call.idem_key.endswith(".check") for call in program.calls)


def test_the_step_is_told_its_key_its_epoch_and_how_long_it_may_take(rig: Rig) -> None:
    begun(rig, STEPS["idempotent"]).tick(rig.clock.now)
    (call,) = rig.count.calls
    (row,) = rig.runs.steps(rig.one().id)
    assert (call.idem_key, call.epoch, call.left_s, call.step_id) == (row.idem_key, 1, 600.0, "fix")


def test_the_intent_stands_in_the_journal_before_the_effect_begins(rig: Rig) -> None:
    seen: list[StepRow] = []
    one = begun(rig, STEPS["idempotent"])

    def look(call: Call) -> Result:
        seen.extend(rig.runs.steps(call.run_id))
        return Result("done")

    rig.count.does["fix"] = look
    one.tick(rig.clock.now)
    (row,) = seen
    assert (row.state, row.attempt, row.given) == ("INTENT", 1, {"at": "a1"})
    assert row == replace(row, deadline_s=rig.clock.now + 600.0)


def test_an_action_that_is_not_there_is_no_effect(rig: Rig) -> None:
    begun(rig, {**READ, "uses": "plugin.nothing"}).tick(rig.clock.now)
    assert (rig.one().state, "no kind 'nothing'" in rig.one().body["why"]) == ("needs_a_person", True)
