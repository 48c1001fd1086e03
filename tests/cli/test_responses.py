"""`aiops responses` and `aiops kill-switch`, beside a store that is held open as by a running daemon."""

from __future__ import annotations

import json
import os
import pwd
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.cli.responses import user
from aiops.responses.interface import Result
from tests.responses.rig import Rig, book, early, made

ME = pwd.getpwuid(os.geteuid()).pw_name


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    """One response that asks whoever this test runs as; the clock is the real one, since commands look at that."""
    with made(tmp_path) as one:
        one.clock.now = time.time()
        (tmp_path / "aiops.yaml").write_text(json.dumps({"data_dir": str(tmp_path), "responses": {"groups": {"sre": [ME]}}}))
        one.write(book(owner={"team": "sre"}))
        one.warn(early(1, one.clock.now))
        one.replica().tick(one.clock.now)
        yield one


def aiops(rig: Rig, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [*arguments, "--config", str(rig.folder / "aiops.yaml")])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.output
    return str(result.output)


def test_they_are_listed_and_shown_for_people_and_for_programs(rig: Rig) -> None:
    run = rig.one().id
    head, line = aiops(rig, "responses", "list").splitlines()
    assert (head.split()[0], line.split()[0], "awaiting_approval" in line) == ("ID", run, True)
    (row,) = [json.loads(one) for one in aiops(rig, "responses", "list", "-o", "json").splitlines()]
    assert (row["id"], row["state"]) == (run, "awaiting_approval")
    assert aiops(rig, "responses", "list", "--state", "blocked").splitlines() == [head]
    assert "asked:    group:sre until" in aiops(rig, "responses", "show", run[:6])
    whole: dict[str, Any] = json.loads(aiops(rig, "responses", "show", run, "-o", "json"))
    assert [step["state"] for step in whole["steps"]] == ["DONE", "PENDING"]


def test_you_are_who_the_command_runs_as_whatever_the_environment_says(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert user() == ME
    assert "confirm by typing its name, mend" in aiops(rig, "responses", "approve", rig.one().id, code=1)
    assert aiops(rig, "responses", "approve", rig.one().id, "--confirm", "mend") == "approved\n"
    assert rig.runs.questions(rig.one().id)[0].votes == (ME,)


def test_a_yes_may_be_for_one_plan_only(rig: Rig) -> None:
    run = rig.one()
    assert "the plan has changed" in aiops(rig, "responses", "approve", run.id, "--plan", "0" * 64, code=1)
    assert aiops(rig, "responses", "approve", run.id, "--plan", run.plan_hash, "--confirm", "mend") == "approved\n"


def test_a_no_and_a_yes_after_it(rig: Rig) -> None:
    run = rig.one().id
    assert aiops(rig, "responses", "deny", run, "--note", "not today") == "denied\n"
    assert "it was answered" in aiops(rig, "responses", "approve", run, code=1)


def test_it_is_cancelled(rig: Rig) -> None:
    assert aiops(rig, "responses", "cancel", rig.one().id) == "cancelled\n"
    assert "it has ended: cancelled" in aiops(rig, "responses", "cancel", rig.one().id, code=1)


def test_what_became_of_a_step_is_said(rig: Rig) -> None:
    rig.count.does["fix"] = lambda call: Result("unknown", why="the answer was lost")
    one = rig.replica()
    one.people.approve(rig.one().id, "ann", rig.clock.now, confirm="mend")
    one.tick(rig.clock.now)
    assert rig.one().state == "needs_a_person"
    assert "is none of done, again, undo, undo_before, stop" in aiops(rig, "responses", "resolve", rig.one().id, "maybe", code=1)
    assert aiops(rig, "responses", "resolve", rig.one().id, "done", "--note", "looked") == "running\n"


def test_what_there_is_not_is_said(rig: Rig, tmp_path: Path) -> None:
    assert "no response nothing" in aiops(rig, "responses", "show", "nothing", code=1)
    result = CliRunner().invoke(app, ["responses", "list", "--data-dir", str(tmp_path / "none")])
    assert (result.exit_code, "holds no aiops.db" in result.output) == (1, True)


def test_the_kill_switch_is_turned_and_shown(rig: Rig) -> None:
    assert aiops(rig, "kill-switch", "show") == "off\n"
    assert aiops(rig, "kill-switch", "on", "--why", "drill") == "on\n"
    assert aiops(rig, "kill-switch", "on", "--why", "drill") == "on, as it was\n"
    assert json.loads(aiops(rig, "kill-switch", "show", "-o", "json")) == {"on": True, "why": f"{ME}: drill"}
    assert rig.replica().engine.tools.stopped() == f"the kill switch is on ({ME}: drill)"
    assert aiops(rig, "kill-switch", "off") == "off\n"
    assert rig.replica().engine.tools.stopped() == ""


def test_what_was_said_is_told_in_json_too(rig: Rig) -> None:
    run = rig.one().id
    assert json.loads(aiops(rig, "kill-switch", "on", "-o", "json")) == {"on": True, "changed": True}
    assert json.loads(aiops(rig, "kill-switch", "off", "-o", "json")) == {"on": False, "changed": True}
    assert json.loads(aiops(rig, "responses", "deny", run, "-o", "json")) == {"id": run, "state": "denied"}
    assert json.loads(aiops(rig, "responses", "cancel", run, "-o", "json"))["ended"] is True
