"""The engine from the match to the end: each step once, in order, as far as mode, people and time let it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.responses.interface import Call, Result
from tests.responses.rig import READ, WRITE, Replica, Rig, book, early, made

GOOD = {"free{$target}": [0.3]}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def pass_time(rig: Rig, one: Replica, seconds: float, every_s: float = 60.0) -> None:
    """Ticks until so much time has gone."""
    until = rig.clock.now + seconds
    while rig.clock.now < until:
        rig.clock.now += every_s
        rig.monotonic.now += every_s
        one.tick(rig.clock.now)


def begun(rig: Rig, *books: object, **warning: object) -> Replica:
    """One warning, these runbooks, one tick."""
    rig.write(*(books or (book(),)))  # type: ignore[arg-type]
    rig.warn(early(**warning))  # type: ignore[arg-type]
    one = rig.replica()
    one.world.numbers |= GOOD
    one.tick(rig.clock.now)
    return one


def test_a_yes_starts_it_and_what_helped_for_long_enough_has_succeeded(rig: Rig) -> None:
    one = begun(rig)
    assert (rig.one().state, rig.count.steps) == ("awaiting_approval", ["look"])
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.step_states()) == ("verifying", {"look": "DONE", "fix": "DONE"})
    pass_time(rig, one, 240)
    assert rig.one().state == "verifying"
    pass_time(rig, one, 60)
    assert rig.one().state == "succeeded"
    assert rig.count.steps == ["look", "look", "fix"], "what only reads is read again before the start"
    assert rig.told()[-1] == "mend helped"


def test_in_mode_auto_nobody_is_asked(rig: Rig) -> None:
    begun(rig, book(mode="auto"))
    assert (rig.one().state, rig.count.steps) == ("verifying", ["look", "fix"])


@pytest.mark.parametrize(
    ("ceiling", "stage", "state", "steps"),
    [
        ("suggest", "page", "suggested", ["look"]),
        ("shadow", "page", "shadowed", []),
        ("auto", "shadow", "shadowed", []),
        ("auto", "ticket", "awaiting_approval", ["look"]),
        ("approve", "page", "awaiting_approval", ["look"]),
        ("auto", "page", "verifying", ["look", "fix"]),
    ],
)
def test_it_goes_as_far_as_file_configuration_and_stage_let_it(
    tmp_path: Path, ceiling: str, stage: str, state: str, steps: list[str]
) -> None:
    with made(tmp_path, ceiling=ceiling) as rig:
        begun(rig, book(mode="auto"), stage=stage)
        assert (rig.one().state, rig.count.steps) == (state, steps)


def test_what_looking_found_is_told_with_what_would_be_done(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "12 GB of logs"})
    begun(rig, book(mode="suggest"))
    assert (rig.one().state, rig.told()) == ("suggested", ["mend looked and suggests fix"])
    with rig.store._read() as c:
        (payload,) = c.exec_driver_sql("SELECT payload FROM outbox").fetchone()
    assert json.loads(payload)["text"].splitlines()[:2] == [
            "look found: 12 GB of logs",
            "would do fix [write] plugin.count at: a1 (cannot be undone: What is gone is gone for good.)",
        ]


@pytest.mark.parametrize("end", ["failed", "gone"])
def test_what_was_only_to_look_disturbs_nobody_by_failing(rig: Rig, end: Any) -> None:
    rig.count.does["look"] = lambda call: Result(end, why="not listed", effect=False)
    begun(rig, book(mode="suggest"))
    assert (rig.one().ended, rig.told()) == (True, [])


def test_a_ceiling_that_was_lowered_meanwhile_holds(rig: Rig) -> None:
    one = begun(rig)
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    rig.warn(early(stage="shadow"))
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps) == ("suggested", ["look"])


@pytest.mark.row("R3")
def test_an_episode_is_answered_once_however_often_it_is_seen(rig: Rig) -> None:
    rig.write(book(mode="auto"))
    rig.warn(early())
    replicas = [rig.replica(name) for name in "ab"]
    for _ in range(50):
        for one in replicas:
            one.tick(rig.clock.now)
    assert len(rig.runs.newest()) == 1
    assert rig.count.steps == ["look", "fix"]


def test_a_condition_that_is_false_skips_its_step(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"json": {"gb": 3}})
    small = {**WRITE, "if": "steps.look.json.gb > 5"}
    begun(rig, book(READ, small, {**WRITE, "id": "other", "if": "steps.look.json.gb < 5"}, mode="auto"))
    assert rig.step_states() == {"look": "DONE", "fix": "SKIPPED", "other": "DONE"}


def test_what_an_earlier_step_found_is_given_to_the_next_with_its_type(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"json": {"n": 4}})
    plan = {"id": "plan", "uses": "compute", "with": {"n": "steps.look.json.n + 2"}}
    begun(rig, book(READ, plan, {**WRITE, "with": {"n": "${{ steps.plan.n }}"}}, mode="auto"))
    assert rig.count.calls[-1].given == {"n": 6}


def test_a_look_up_that_finds_nothing_is_never_sent(rig: Rig) -> None:
    one = begun(rig, book(READ, {**WRITE, "with": {"n": "${{ steps.look.json.n }}"}}, mode="auto"))
    assert (rig.one().state, rig.count.steps) == ("needs_a_person", ["look"])
    assert "steps.look.json.n is not known" in rig.one().body["why"]
    assert one.engine.tick() == 0


def test_a_pause_ends_by_the_clock_whoever_looks(rig: Rig) -> None:
    one = begun(rig, book({"id": "pause", "uses": "wait", "with": {"for": "10m"}}, WRITE, mode="auto"))
    pass_time(rig, one, 540)
    assert rig.count.steps == []
    other = rig.replica("b", at_once=True)
    other.world.numbers |= GOOD
    pass_time(rig, other, 60)
    assert rig.count.steps == ["fix"]


def test_a_query_is_a_step_too(rig: Rig) -> None:
    ask = {"id": "ask", "uses": "promql", "with": {"query": "free{$target}"}}
    begun(rig, book(ask, {**WRITE, "with": {"n": "${{ steps.ask.value }}"}}, mode="auto"))
    assert rig.count.calls[-1].given == {"n": 0.3}


def test_where_nothing_may_be_changed_a_look_that_is_not_possible_is_left_out(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("failed", why="df is not listed", effect=False)
    begun(rig, book({**READ, "id": "look"}, {**READ, "id": "more"}, WRITE, mode="suggest"))
    assert (rig.one().state, rig.count.steps) == ("suggested", ["look", "more"])
    assert rig.step_states() == {"look": "SKIPPED", "more": "DONE", "fix": "PENDING"}
    (row,) = [row for row in rig.runs.steps(rig.one().id) if row.step_id == "look"]
    assert row.why == "df is not listed"


def test_a_look_that_failed_calls_a_person_all_the_same(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("failed", why="exit code 1")
    begun(rig, book(READ, WRITE, mode="suggest"))
    assert rig.one().state == "needs_a_person"


def test_a_step_that_fails_before_it_began_is_tried_as_often_as_it_says(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("failed", why="no route", effect=False)
    one = begun(rig, book({**READ, "retry": {"attempts": 3, "backoff": "10s"}}, WRITE, mode="auto"))
    assert rig.count.steps == ["look"]
    pass_time(rig, one, 60, 10)
    assert (rig.count.steps, rig.one().state) == (["look"] * 3, "needs_a_person")
    assert len({call.idem_key for call in rig.count.calls}) == 1


def test_a_target_that_is_gone_costs_nothing_and_is_told_once(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("gone", why="no such host")
    one = begun(rig, book(mode="auto"))
    pass_time(rig, one, 120)
    assert (rig.one().state, rig.count.steps) == ("target_gone", ["look"])
    assert [c.waived for c in rig.runs.charges()] == [True]
    assert rig.told() == ["mend: the target is gone"]


@pytest.mark.row("R21")
def test_the_kill_switch_stops_before_the_next_step_and_lets_go_on_after_it(rig: Rig) -> None:
    def turned_on(call: Call) -> Result:
        rig.runs.switch(True, "ann", "drill", rig.clock.now)
        return Result("done")

    rig.count.does["look"] = turned_on
    one = begun(rig, book(mode="auto"))
    assert (rig.one().state, rig.count.steps) == ("running", ["look"])
    pass_time(rig, one, 120)
    assert rig.count.steps == ["look"]
    rig.runs.switch(False, "ann", "over", rig.clock.now)
    one.tick(rig.clock.now)
    assert rig.count.steps == ["look", "fix"]


def test_a_switch_that_is_turned_at_the_last_moment_still_counts(rig: Rig) -> None:
    """After everything was looked at, before the intent is kept."""
    one = begun(rig, book(WRITE, mode="shadow"))

    def killed() -> str:
        rig.runs.switch(True, "ann", "now", rig.clock.now)
        return ""

    one.engine.tools.world.killed = killed  # type: ignore[method-assign]
    rig.write(book(WRITE, mode="auto", name="second"))
    one.responder.runbooks = rig.books
    one.tick(rig.clock.now)
    assert rig.count.steps == []


def test_a_file_in_the_data_directory_stops_everything(rig: Rig) -> None:
    (rig.folder / "kill-switch").touch()
    one = begun(rig, book(mode="auto"))
    assert rig.count.steps == []
    (rig.folder / "kill-switch").unlink()
    one.tick(rig.clock.now)
    assert rig.count.steps == ["look", "fix"]


def test_no_state_lasts_for_ever(rig: Rig) -> None:
    rig.runs.switch(True, "ann", "long", rig.clock.now)
    one = begun(rig, book(mode="auto"))
    pass_time(rig, one, 7200, 600)
    assert (rig.one().state, rig.one().body["because"]) == ("blocked", "deadline")


def test_a_warning_that_ends_before_the_first_change_leaves_nothing_to_do(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: rig.clear() or Result("done")  # type: ignore[func-returns-value]
    begun(rig, book(mode="auto"))
    assert (rig.one().state, rig.count.steps) == ("cleared_before_action", ["look"])


def test_a_person_who_has_taken_over_is_not_disturbed(rig: Rig) -> None:
    from aiops.pipeline.desk import Desk

    rig.warn(early())
    Desk(rig.store).acted("0" * 15 + "1", "freed by hand", "ann", rig.clock.now, rig.clock.now)
    begun(rig, book(mode="auto"))
    assert (rig.one().state, rig.one().body["why"], rig.count.steps) == ("blocked", "ann has taken it over", [])


def test_the_revision_that_was_matched_counts_whatever_becomes_of_the_file(rig: Rig) -> None:
    one = begun(rig)
    rig.write(book(READ, {**WRITE, "with": {"at": "elsewhere"}}))
    one.responder.runbooks = rig.books
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert rig.count.calls[-1].given == {"at": "a1"}


def test_the_warning_hears_of_what_was_done_about_it(rig: Rig) -> None:
    begun(rig, book(mode="auto"))
    (said,) = rig.store.statements(kind="action", warning_id="0" * 15 + "1")
    assert (said.who, said.body["what"]) == (f"mend@{rig.books[0].sha}", "mend: fix")
    assert said.body["begun_s"] <= said.body["at_s"] == said.said_s


def test_everything_that_was_decided_stands_in_the_ledger(rig: Rig) -> None:
    one = begun(rig, book(mode="auto"))
    pass_time(rig, one, 300)
    assert rig.store.verify_ledger().ok
    with rig.store._read() as c:
        actions = [row[0] for row in c.exec_driver_sql("SELECT action FROM ledger WHERE action LIKE 'response.%' ORDER BY seq")]
    assert actions == [f"response.{s}" for s in ("matched", "guarded", *["running"] * 4, "verifying", "succeeded")]


def test_what_takes_long_holds_up_nobody_but_itself(rig: Rig) -> None:
    enter, leave = threading.Event(), threading.Event()

    def slow(call: Call) -> Result:
        if call.given["at"] == "a1":
            enter.set()
            assert leave.wait(30)
        return Result("done")

    rig.count.does["look"] = slow
    rig.write(book(mode="auto"))
    rig.warn(early(1), early(2))
    one = rig.replica()
    one.world.numbers |= GOOD
    one.engine.at_once = 2
    one.tick(rig.clock.now)
    assert enter.wait(30)
    one.tick(rig.clock.now)
    assert not one.engine.settle(0.05)
    for _ in range(5000):
        one.tick(rig.clock.now)
        if "fix" in rig.count.steps:
            break
    leave.set()
    assert one.engine.settle(30)
    assert sorted((call.given["at"], call.step_id) for call in rig.count.calls) == [
        ("a1", "fix"), ("a1", "look"), ("a2", "fix"), ("a2", "look"),
    ]  # fmt: skip
    one.engine.stop()
    one.tick(rig.clock.now)


def test_more_responses_than_threads_all_get_their_turn(rig: Rig) -> None:
    rig.write(book())
    rig.warn(*(early(n) for n in range(1, 4)))
    one = rig.replica()
    one.engine.at_once = 1
    one.tick(rig.clock.now)
    assert one.engine.settle(30)
    assert {run.state for run in rig.runs.newest()} == {"awaiting_approval"}
    one.engine.stop()
