"""How long a state may last, and what stops everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from aiops.responses.desk import SLACK_S, asked, deadline_s
from aiops.responses.procedure import Unclear
from tests.responses.rig import READ, WRITE, book, early, made


def test_every_state_that_lasts_has_a_deadline(tmp_path: Path) -> None:
    undo = {"uses": "plugin.count", "with": {}, "timeout": "2m", "retry": {"attempts": 2, "backoff": "5s"}}
    back = {**{k: v for k, v in WRITE.items() if k != "irreversible"}, "undo": undo, "retry": {"attempts": 3, "backoff": "10s"}}
    with made(tmp_path) as rig:
        rig.write(book({**READ, "timeout": "30s"}, back))
        rig.warn(early())
        one = rig.replica()
        one.tick(rig.clock.now)
        view = one.engine.tools.view(rig.one().id)
        assert view is not None
        found = {state: deadline_s(view, state, 0.0) for state in ("matched", "guarded", "running", "verifying", "undoing")}
    assert found == {
        "matched": SLACK_S, "guarded": SLACK_S, "running": SLACK_S + 3 * 610.0, "verifying": 1800.0,
        "undoing": SLACK_S + 2 * 125.0,
    }  # fmt: skip


def test_what_is_not_asked_has_no_answer(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        rig.write(book())
        rig.warn(early())
        one = rig.replica()
        one.tick(rig.clock.now)
        view = one.engine.tools.view(rig.one().id)
        assert view is not None
        with pytest.raises(Unclear):
            asked(one.engine.tools, "", view)


def test_who_stopped_everything_and_why_is_said(tmp_path: Path) -> None:
    with made(tmp_path) as rig:
        tools = rig.replica().engine.tools
        assert tools.stopped() == ""
        rig.runs.switch(True, "ann", "drill", rig.clock.now)
        assert tools.stopped() == "the kill switch is on (ann: drill)"
