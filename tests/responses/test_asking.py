"""What a question says, what is never asked, what is said of a plan that changed; answers are tested with people."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.responses.asking import difference, refused_in
from aiops.responses.interface import Result
from aiops.responses.shown import FOUND_AT_MOST
from tests.responses.rig import READ, WRITE, Rig, book, early, made

LOOK, FIX = {"id": "look", "what": "df /"}, {"id": "fix", "what": "rm /tmp/a"}


def test_the_first_step_that_differs_is_named_with_both_forms() -> None:
    assert difference([LOOK, FIX], [LOOK, {**FIX, "what": "rm /tmp/b"}]) == "fix was rm /tmp/a, is rm /tmp/b"


def test_more_or_fewer_steps_are_other_steps() -> None:
    assert difference([LOOK, FIX], [LOOK]) == "other steps"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def begun(rig: Rig, one: dict[str, Any]) -> None:
    rig.write(one)
    rig.warn(early())
    rig.replica().tick(rig.clock.now)


def asked_text(rig: Rig) -> list[str]:
    with rig.store._read() as c:
        rows = c.exec_driver_sql("SELECT payload FROM outbox ORDER BY seq").fetchall()
    return [line for row in rows for line in json.loads(row[0])["text"].splitlines()]


def test_a_question_says_what_each_step_changes_how_it_is_taken_back_and_what_is_at_stake(rig: Rig) -> None:
    undo = {"uses": "plugin.count", "with": {"at": "${{ target.instance }}"}}
    second = {name: value for name, value in {**WRITE, "id": "second", "undo": undo}.items() if name != "irreversible"}
    begun(rig, book(WRITE, second))
    assert rig.one().state == "awaiting_approval"
    assert asked_text(rig)[:3] == [
        "fix [write] plugin.count at: a1 (cannot be undone: What is gone is gone for good.)",
        "second [write] plugin.count at: a1 (undo: plugin.count at: a1)",
        "Impact: Writes there will fail.",
    ]


def test_a_question_says_what_looking_found_when_how_sure_and_how_to_call_it_wrong(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "12 GB of logs\n" + "more\n" * 30})
    begun(rig, book())
    text = asked_text(rig)
    assert rig.one().state == "awaiting_approval"
    assert text[1:3] == ["look found: 12 GB of logs", "look found: more"]
    assert sum(line.startswith("look found:") for line in text) == FOUND_AT_MOST + 1
    said = [line.partition(":")[0] for line in text]
    assert [name for name in said if name in ("About", "How sure", "Wrong")] == ["About", "How sure", "Wrong"]


def test_a_question_that_is_asked_anew_says_what_looking_found_now(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "12 GB of logs", "at": "a1"})
    fix = {**WRITE, "with": {"at": "${{ steps.look.stdout }}"}}
    rig.write(book(READ, fix))
    rig.warn(early())
    one = rig.replica()
    one.tick(rig.clock.now)
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "3 GB of logs", "at": "a1"})
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert rig.one().state == "awaiting_approval"
    assert [line for line in asked_text(rig) if line.startswith("look found:")] == [
        "look found: 12 GB of logs", "look found: 3 GB of logs",
    ]  # fmt: skip


@pytest.mark.parametrize("mode", ["approve", "auto"])
def test_nothing_is_asked_or_begun_where_a_later_step_would_be_refused(rig: Rig, mode: str) -> None:
    last = {
        "id": "last", "uses": "exec", "effect": "read", "timeout": "5s",
        "with": {"argv": ["df", "${{ symptom.labels.nowhere }}"]},
    }  # fmt: skip
    begun(rig, book(WRITE, last, mode=mode))
    assert (rig.one().state, rig.one().body["because"]) == ("blocked", "last")
    assert "an argument is empty" in rig.one().body["why"]
    assert not rig.count.calls


@pytest.mark.parametrize(
    ("step", "found"),
    [
        ({"refused": "no", "known": True}, True),
        ({"refused": "no", "known": False}, True),
        ({"refused": "no", "known": False, "if": "steps.a.rc == 0"}, False),
        ({"known": True}, False),
    ],
)
def test_a_step_that_may_never_be_reached_refuses_nothing_yet(step: dict[str, Any], found: bool) -> None:
    assert (refused_in([{"id": "a", **step}]) is not None) == found


CLEAN = {"id": "clean", "uses": "exec", "effect": "write", "with": {"argv": ["clean"]}, "timeout": "1m", "idempotent": True}
GONE = {"irreversible": "What is gone is gone for good."}
ASK = {"argv": ["is-clean"], "expect": "response.rc == 0"}


@pytest.mark.parametrize(
    ("step", "why"),
    [
        ({**CLEAN, **GONE, "with": {"argv": ["wipe"]}}, "clean: wipe is not listed under responses.actions.exec.programs"),
        ({**CLEAN, "undo": {"uses": "exec", "with": {"argv": ["fill"]}}}, "clean: its undo: fill is not listed under"),
        ({**CLEAN, **GONE, "check": ASK}, "clean: its check: is-clean is not listed under"),
        ({**CLEAN, **GONE, "with": {"argv": ["clean"], "host": "${{ target.instance }}"}}, "clean: a1 is not listed under"),
    ],
)
@pytest.mark.parametrize("mode", ["approve", "auto"])
def test_nobody_is_asked_for_what_the_configuration_does_not_let_be_done(
    rig: Rig, step: dict[str, Any], why: str, mode: str
) -> None:
    """Nor is anything begun that could not be ended, taken back, or asked for after a crash."""
    rig.write(book(WRITE, step, mode=mode))
    rig.warn(early())
    one = rig.replica()
    one.engine.tools.actions._params["exec"] = {"programs": {"clean": "/bin/true"}}
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.one().body["because"], rig.count.calls) == ("blocked", "clean", [])
    assert rig.one().body["why"].startswith(why)


def test_what_is_only_suggested_says_what_would_be_refused(rig: Rig) -> None:
    rig.count.does["look"] = lambda call: Result("done", {"stdout": "9 GB"})
    begun(rig, book(READ, {**CLEAN, **GONE}, mode="suggest"))
    assert rig.one().state == "suggested"
    said = "(it would be refused: clean is not listed under responses.actions.exec.programs)"
    assert any(line.startswith("would do clean [write]") and line.endswith(said) for line in asked_text(rig))
