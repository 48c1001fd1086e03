"""What the page of a warning says of its responses: the question, the plan, what was done, all of it as text."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from aiops.responses.interface import Result
from aiops.responses.view import UNDO
from aiops.store.response_rows import Question, Run, StepRow
from aiops.web.pages.asked import asked
from tests.notify.samples import OPENED_S, warning
from tests.responses import rig as responses

PLAN = [{"id": "clean", "effect": "write", "what": "on db1: rm \x1b[31m-- /var/x", "irreversible": "files are gone"}]


class Runs:
    """What the store would give."""

    def __init__(self, run: Run, questions: list[Question], steps: list[StepRow]) -> None:
        self._run, self._questions, self._steps = run, questions, steps

    def newest(self, limit: int, state: str = "", warning_id: str = "") -> list[Run]:
        return [self._run] if warning_id == self._run.warning_id else []

    def questions(self, run_id: str) -> list[Question]:
        return self._questions

    def steps(self, run_id: str) -> list[StepRow]:
        return self._steps


ALONE = SimpleNamespace(alone=True)


def shown(
    state: str, questions: list[Question], steps: list[StepRow], snapshot: dict[str, Any] | None = None
) -> list[dict[str, Any]]:
    facts = {"context": {"target": {"instance": "db1"}}, "asking": {"who": ["group:storage"]}}
    about = ("clean-up", "abc", "t", warning().id, "disk_full", "approve", state)
    run = Run("r1", "k", *about, OPENED_S, OPENED_S, None, snapshot or {}, facts)
    responding = SimpleNamespace(runs=Runs(run, questions, steps), people=ALONE)
    daemon = SimpleNamespace(responding=responding, clock=lambda: OPENED_S + 60.0)
    return asked(daemon, warning())  # type: ignore[arg-type]


def question(state: str = "waiting", votes: tuple[str, ...] = (), quorum: int = 1) -> Question:
    fields = {
        "n": 1, "scope": -1, "state": state, "plan_hash": "h" * 64, "plan": PLAN, "asked_s": OPENED_S,
        "expires_s": OPENED_S + 660.0, "quorum": quorum, "votes": votes,
    }  # fmt: skip
    known = {name: fields[name] for name in Question.__slots__ if name in fields}
    return Question(**known)


def test_a_question_stands_with_its_plan_who_is_asked_and_until_when() -> None:
    (one,) = shown("awaiting_approval", [question()], [])
    assert one["waits"]
    assert one["hash"] == "h" * 64
    assert (one["who"], one["until"].endswith("(in 10m)")) == ("group:storage", True)
    assert one["plan"][0].startswith("clean [write] on db1: rm ")
    assert "\x1b" not in one["plan"][0]
    assert "cannot be undone: files are gone" in one["plan"][0]


def test_votes_are_told_where_more_than_one_is_needed() -> None:
    (one,) = shown("awaiting_approval", [question(votes=("ann",), quorum=2)], [])
    assert one["votes"] == "1 of 2 said yes."


def test_what_was_answered_asks_no_more() -> None:
    steps = [StepRow(0, "clean", "once", "k", "DONE"), StepRow(1, "next", "once", "k2")]
    (one,) = shown("running", [question("used", ("ann",))], steps)
    assert not one["waits"]
    assert one["steps"] == ["clean: done"]
    assert one["state"] == "running"
    assert not one["ended"]


def test_a_warning_without_responses_has_none() -> None:
    facts = {"context": {"target": {}}}
    run = Run("r1", "k", "b", "abc", "t", "other", "c", "auto", "succeeded", OPENED_S, OPENED_S, None, {}, facts)
    daemon = SimpleNamespace(responding=SimpleNamespace(runs=Runs(run, [], [])), clock=lambda: OPENED_S)
    assert asked(daemon, warning()) == []  # type: ignore[arg-type]


def test_what_looking_found_stands_beside_what_is_asked() -> None:
    steps = [
        StepRow(0, "look", "pure", "k", "DONE", result={"output": {"rc": 0, "stdout": "12 GB\x1b[31m of logs\n/var/log"}}),
        StepRow(1, "count", "pure", "k1", "DONE", result={"output": {"rc": 0}}),
        StepRow(2, "clean", "once", "k2", "DONE", result={"output": {"stdout": "removed"}}),
    ]
    (one,) = shown("awaiting_approval", [question()], steps)
    assert one["found"] == ["look found: 12 GB\\x1b[31m of logs", "look found: /var/log"]


def undo_of(step: str) -> dict[str, Any]:
    return {"id": step, "undo": {"uses": "exec", "with": {"argv": ["back"]}}}


def test_what_is_taken_back_is_told_from_what_was_done_and_what_is_still_to_be() -> None:
    steps = [
        StepRow(0, "up", "idempotent", "k", "DONE"), StepRow(1, "more", "once", "k1", "FAILED", attempt=2, why="exit code 1"),
        StepRow(UNDO, "up", "once", "k2", "DONE"), StepRow(UNDO + 1, "first", "once", "k3"),
    ]  # fmt: skip
    (one,) = shown("undoing", [], steps)
    back = ["up, taking it back: done", "first, taking it back: pending"]
    assert one["steps"] == ["up: done", "more: failed, tried 2 times: exit code 1", *back]


def test_a_plan_names_what_takes_a_step_back_and_why_it_would_be_refused() -> None:
    plan = {"id": "up", "effect": "write", "what": "scale", "undo": "scale back", "refused": "the value --x is an option"}
    (one,) = shown("awaiting_approval", [replace(question(), plan=[plan])], [])
    assert one["plan"] == ["up [write] scale (undo: scale back) (it would be refused: the value --x is an option)"]


def test_where_a_person_is_needed_every_word_stands_with_what_it_would_do() -> None:
    steps = [StepRow(0, "up", "once", "k", "DONE"), StepRow(1, "more", "once", "k1", "UNKNOWN")]
    (one,) = shown("needs_a_person", [], steps, {"runbook": {"steps": [undo_of("up"), undo_of("more")]}})
    assert dict(one["words"])["undo"] == "it took effect, take back more, up"
    assert [word for word, _ in one["words"]] == ["done", "again", "undo", "undo_before", "stop"]
    assert shown("running", [], steps)[0]["words"] == []


def test_what_is_suggested_stands_with_what_looking_found_in_it(tmp_path: Path) -> None:
    with responses.made(tmp_path) as rig:
        fix = {**responses.WRITE, "with": {"at": "${{ steps.look.host }}"}}
        rig.write(responses.book(responses.READ, fix, mode="suggest"))
        rig.warn(responses.early())
        rig.count.does["look"] = lambda call: Result("done", {"rc": 0, "host": "db1"})
        replica = rig.replica()
        replica.tick(rig.clock.now)
        responding = SimpleNamespace(runs=rig.runs, people=replica.people, engine=replica.engine)
        daemon = SimpleNamespace(responding=responding, clock=rig.clock)
        (one,) = asked(daemon, responses.early())  # type: ignore[arg-type]
    assert (one["state"], one["waits"]) == ("suggested", False)
    assert one["plan"] == ["would do fix [write] plugin.count at: db1 (cannot be undone: What is gone is gone for good.)"]
