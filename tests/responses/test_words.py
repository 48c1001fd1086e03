"""What a person may say where one is needed, and what becomes of a response by it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from aiops.config.responses import ResponseSettings
from aiops.responses.interface import Result
from aiops.responses.people import Unheard
from aiops.responses.words import offered
from tests.responses.rig import READ, WRITE, Replica, Rig, book, early, made
from tests.responses.test_doing import Program
from tests.responses.test_engine import pass_time
from tests.responses.test_verifying import BACK

LOST = Result("unknown", why="the connection broke")
FAILED = Result("failed", why="exit code 1")
ONCE = {key: value for key, value in BACK.items() if key != "idempotent"} | {
    "id": "more", "check": {"promql": "done{$target}", "expect": "response.value >= 1"},
}  # fmt: skip
LAST = {key: value for key, value in WRITE.items() if key != "idempotent"} | {"id": "last", "check": ONCE["check"]}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    with made(tmp_path) as one:
        yield one


def needs_a_person(rig: Rig, last: dict[str, Any], ends: Result = LOST, **more: Any) -> Replica:
    """One step is done, and nobody knows of the last one, or it failed midway."""
    rig.write(book(BACK, last, mode="auto", **more))
    rig.warn(early())
    rig.count.does[last["id"]] = lambda call: ends
    one = rig.replica()
    one.tick(rig.clock.now)
    rig.settled(one)
    assert (rig.one().state, rig.count.steps) == ("needs_a_person", ["fix", last["id"]])
    del rig.count.does[last["id"]]
    return one


def words(rig: Rig) -> list[str]:
    return list(offered(rig.one(), rig.runs.steps(rig.one().id)))


def say(rig: Rig, one: Replica, word: Any) -> str:
    one.people.resolve(rig.one().id, word, "ann", rig.clock.now)
    pass_time(rig, one, 120)
    return rig.one().state


def test_what_took_effect_is_taken_back_with_all_before_it_newest_first(rig: Rig) -> None:
    one = needs_a_person(rig, ONCE)
    assert words(rig) == ["done", "again", "undo", "undo_before", "stop"]
    assert say(rig, one, "undo") == "undone"
    assert rig.count.steps == ["fix", "more", "more", "fix"]
    assert rig.step_states() == {"fix": "DONE", "more": "DONE", "more~": "DONE", "fix~": "DONE"}
    assert rig.told()[-2:] == ["mend is taken back: ann: more is taken back", "mend was taken back: ann: more is taken back"]
    heard = [one.body["what"] for one in rig.store.statements(kind="action")]
    assert heard == ["mend: fix", "mend: more", "mend: more taken back", "mend: fix taken back"]


def test_what_goes_on_by_a_persons_word_keeps_others_from_its_target(rig: Rig) -> None:
    one = needs_a_person(rig, ONCE)
    assert rig.runs.charges()[0].ended_s is not None
    one.people.resolve(rig.one().id, "undo", "ann", rig.clock.now)
    assert rig.runs.charges()[0].ended_s is None
    pass_time(rig, one, 120)
    assert rig.runs.charges()[0].ended_s is not None


def test_of_what_did_not_take_effect_only_what_was_before_is_taken_back(rig: Rig) -> None:
    one = needs_a_person(rig, ONCE)
    assert say(rig, one, "undo_before") == "undone"
    assert (rig.count.steps, rig.step_states()["more"]) == (["fix", "more", "fix"], "FAILED")
    assert [one.body["what"] for one in rig.store.statements(kind="action")] == ["mend: fix", "mend: fix taken back"]


def test_what_failed_midway_is_left_to_a_person_who_may_have_what_was_before_taken_back(rig: Rig) -> None:
    one = needs_a_person(rig, {**WRITE, "id": "last"}, FAILED)
    assert words(rig) == ["done", "again", "undo_before", "stop"]
    with pytest.raises(Unheard, match="undo would do nothing here; say done or again or undo_before or stop"):
        say(rig, one, "undo")
    assert say(rig, one, "undo_before") == "undone"


def test_the_message_that_calls_a_person_has_the_command_of_each_word(rig: Rig) -> None:
    needs_a_person(rig, ONCE)
    with rig.store._read() as c:
        payload = str(c.exec_driver_sql("SELECT payload FROM outbox ORDER BY seq DESC LIMIT 1").scalar())
    command = f"aiops responses resolve {rig.one().id}"
    assert f"{command} undo (it took effect, take back more, fix)" in payload
    assert f"{command} undo_before (it did not, take back fix)" in payload


def test_what_nothing_takes_back_offers_no_taking_back(rig: Rig) -> None:
    rig.write(book(LAST, mode="auto"))
    rig.warn(early())
    rig.count.does["last"] = lambda call: LOST
    one = rig.replica()
    one.tick(rig.clock.now)
    rig.settled(one)
    assert words(rig) == ["done", "again", "stop"]


def test_while_steps_are_taken_back_a_word_is_about_that(rig: Rig) -> None:
    one = needs_a_person(rig, ONCE)
    rig.count.does["fix"] = lambda call: LOST
    assert say(rig, one, "undo") == "needs_a_person"
    assert words(rig) == ["done", "again", "stop"]
    assert offered(rig.one(), rig.runs.steps(rig.one().id))["done"] == "it was taken back, go on"
    del rig.count.does["fix"]
    assert say(rig, one, "again") == "undone"


def test_what_was_cancelled_midway_can_still_be_taken_back(rig: Rig) -> None:
    rest = {"id": "rest", "uses": "wait", "with": {"for": "1h"}}
    rig.write(book(BACK, rest, mode="auto"))
    rig.warn(early())
    one = rig.replica()
    one.tick(rig.clock.now)
    one.people.cancel(rig.one().id, "ann", rig.clock.now)
    assert (rig.one().state, words(rig)) == ("cancelled", ["undo_before"])
    assert say(rig, one, "undo_before") == "undone"
    assert (rig.count.steps, words(rig)) == (["fix", "fix"], [])


def test_nobody_is_offered_anything_where_nobody_is_needed(rig: Rig) -> None:
    rig.write(book())
    rig.warn(early())
    rig.replica().tick(rig.clock.now)
    assert words(rig) == []


ASKED = {"argv": ["grep", "-q", "done"], "expect": "response.rc == 0"}
UNCLEAR = {**READ, "id": "then", "with": {"at": "${{ steps.fix.nowhere }}"}}
REFUSED = Result("failed", why="not listed", effect=False)


@pytest.mark.parametrize(
    ("last", "ends", "calls"),
    [
        ({**READ, "id": "then"}, FAILED, ["fix", "more", "then", "more", "fix"]),
        ({**READ, "id": "then"}, Result("gone", why="no such host"), ["fix", "more", "then", "more", "fix"]),
        ({**WRITE, "id": "then"}, REFUSED, ["fix", "more", "then", "more", "fix"]),
        (LAST | {"id": "then", "check": ASKED}, FAILED, ["fix", "more", "then", "more", "fix"]),
        (UNCLEAR, None, ["fix", "more", "more", "fix"]),
        ({**READ, "id": "then", "if": "steps.look.nothing > 1"}, None, ["look", "fix", "more", "more", "fix"]),
    ],
)
def test_what_will_surely_not_come_to_its_end_is_taken_back_newest_first(
    rig: Rig, last: dict[str, Any], ends: Result | None, calls: list[str]
) -> None:
    """A step that failed and changed nothing, after two that changed something: nothing stays half done."""
    look = [READ] if "look" in str(last.get("if")) else []
    rig.write(book(*look, BACK, {**BACK, "id": "more"}, last, mode="auto"))
    rig.warn(early())
    if ends is not None:
        rig.count.does["then"] = lambda call: ends
    one = rig.replica()
    one.engine.tools.actions._open["exec"] = Program(1)
    one.tick(rig.clock.now)
    pass_time(rig, one, 60)
    assert (rig.one().state, rig.count.steps) == ("undone", calls)
    assert rig.told()[-2].startswith("mend cannot go on, and is taken back: then")
    assert [charge.good for charge in rig.runs.charges()] == [False]


def test_once_a_query_sees_what_is_so_since_its_no_takes_back_what_was_before(rig: Rig) -> None:
    rig.write(book(BACK, LAST, mode="auto"))
    rig.warn(early())
    rig.count.does["last"] = lambda call: LOST
    one = rig.replica()
    one.world.numbers["done{$target}"] = [0.0]
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps) == ("running", ["fix", "last"])
    rig.settled(one)
    assert (rig.one().state, rig.count.steps) == ("undone", ["fix", "last", "fix"])


def test_a_failing_step_is_tried_as_often_as_it_says_before_anything_is_taken_back(rig: Rig) -> None:
    tries = iter([FAILED, FAILED, Result("done")])
    rig.write(book(BACK, {**READ, "id": "then", "retry": {"attempts": 3, "backoff": "1s"}}, mode="auto"))
    rig.warn(early())
    rig.count.does["then"] = lambda call: next(tries)
    one = rig.replica()
    pass_time(rig, one, 120, 10)
    assert (rig.one().state, rig.count.steps) == ("verifying", ["fix", "then", "then", "then"])


def test_where_nothing_takes_it_back_a_person_is_called(rig: Rig) -> None:
    rig.write(book(WRITE, {**READ, "id": "then"}, mode="auto"))
    rig.warn(early())
    rig.count.does["then"] = lambda call: FAILED
    rig.replica().tick(rig.clock.now)
    assert (rig.one().state, words(rig)) == ("needs_a_person", ["done", "again", "stop"])


def lowered(rig: Rig) -> Replica:
    """The ceiling is lowered between two steps."""
    rest = {"id": "rest", "uses": "wait", "with": {"for": "1m"}}
    rig.write(book(BACK, rest, {**BACK, "id": "more"}, mode="auto"))
    rig.warn(early())
    rig.replica().tick(rig.clock.now)
    assert rig.step_states() == {"fix": "DONE", "rest": "PENDING", "more": "PENDING"}
    rig.settings = ResponseSettings.model_validate({"ceiling": "suggest", "groups": rig.settings.groups})
    one = rig.replica("b", at_once=True)
    pass_time(rig, one, 120)
    return one


def test_a_ceiling_that_is_lowered_midway_calls_a_person_who_may_have_it_taken_back(rig: Rig) -> None:
    one = lowered(rig)
    assert (rig.one().state, rig.one().body["why"]) == ("needs_a_person", "its mode is suggest now, and part of it is done")
    assert words(rig) == ["undo_before", "stop"]
    assert say(rig, one, "undo_before") == "undone"
    assert rig.count.steps == ["fix", "fix"]


@pytest.mark.parametrize("no", ["deny", "nobody", "clears"])
def test_a_later_question_that_nobody_says_yes_to_leaves_the_first_change_to_a_person(rig: Rig, no: str) -> None:
    approval = {"for": "every_step", "from": ["group:sre"], "expires": "20m", "quorum": 1}
    rig.write(book(BACK, {**BACK, "id": "more"}, approval=approval))
    rig.warn(early())
    one = rig.replica()
    one.tick(rig.clock.now)
    one.people.approve(rig.one().id, "ann", rig.clock.now)
    one.tick(rig.clock.now)
    assert (rig.one().state, rig.count.steps) == ("awaiting_approval", ["fix"])
    if no == "deny":
        one.people.deny(rig.one().id, "bob", rig.clock.now)
    elif no == "clears":
        rig.clear()
    pass_time(rig, one, 1300 if no == "nobody" else 60)
    assert (rig.one().state, words(rig)) == ("needs_a_person", ["undo_before", "stop"])
    assert rig.one().body["why"].endswith("and part of it is done")
    assert say(rig, one, "undo_before") == "undone"
