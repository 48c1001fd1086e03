"""How far a runbook may go: the most cautious counts, and is named."""

from __future__ import annotations

import pytest

from aiops.core.records import Stage
from aiops.runbooks.reach import reach
from aiops.runbooks.schema import Mode


@pytest.mark.parametrize(
    ("asked", "ceiling", "stage", "mode", "by"),
    [
        ("auto", "auto", "page", "auto", ("the file", "responses.ceiling", "stage page")),
        ("approve", "auto", "page", "approve", ("the file",)),
        ("auto", "suggest", "page", "suggest", ("responses.ceiling",)),
        ("auto", "auto", "ticket", "approve", ("stage ticket",)),
        ("auto", "approve", "ticket", "approve", ("responses.ceiling", "stage ticket")),
        ("auto", "auto", "shadow", "shadow", ("stage shadow",)),
        ("auto", "approve", None, "approve", ("responses.ceiling",)),
    ],
)
def test_the_most_cautious_decides(asked: Mode, ceiling: Mode, stage: Stage | None, mode: Mode, by: tuple[str, ...]) -> None:
    found = reach(asked, ("responses.ceiling", ceiling), stage)
    assert (found.mode, found.by, found.as_json()["stopped"]) == (mode, by, "")


@pytest.mark.parametrize(
    ("last", "mode"),
    [("", "auto"), ("succeeded", "auto"), ("undone", "approve"), ("verify_failed", "approve"), ("needs_a_person", "approve")],
)
def test_what_did_not_help_the_last_time_does_not_act_alone(last: str, mode: Mode) -> None:
    found = reach("auto", ("responses.ceiling", "auto"), "page", last=last)
    assert (found.mode, found.by[-1]) == (mode, f"its last response ({last})" if mode == "approve" else "stage page")
    assert reach("suggest", ("responses.ceiling", "auto"), "page", last=last).mode == "suggest"


def test_the_kill_switch_decides_over_all_and_the_mode_is_told_all_the_same() -> None:
    found = reach("auto", ("responses.ceilings[2]", "approve"), "page", "ann: incident 4711")
    assert (found.by, found.mode) == (("the kill switch",), "approve")
    wanted = "mode approve by responses.ceilings[2] (the file allows auto, stage page auto); nothing is begun: ann: incident 4711"
    assert found.words() == wanted
