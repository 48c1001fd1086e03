"""`aiops check` beside a config: groups that nobody is in, and windows that nobody defined."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiops.cli.check import run_check
from tests.responses.rig import book

GUARDS = {**book()["guards"], "skip_during": ["change-freeze"]}
FREEZE = {"change-freeze": {"kind": "cron", "cron": "0 0 * * *", "for": "1h"}}


def said(folder: Path, runbook: dict[str, object], **config: object) -> list[str]:
    """What is said of group and window; that no card leads to the runbook is not what is asked here."""
    (folder / "mend.yaml").write_text(json.dumps(runbook))
    (folder / "aiops.yaml").write_text(json.dumps(config))
    _, lines = run_check([folder / "mend.yaml"], folder / "aiops.yaml")
    return [line.partition(": ")[2] for line in lines if "match" not in line]


def test_a_group_that_nobody_is_in_and_a_window_that_nobody_defined_are_told(tmp_path: Path) -> None:
    window, group = said(tmp_path, book(guards=GUARDS), responses={"groups": {"sra": ["ann"]}})
    assert group == "approval.from[0]: nobody is in the group 'sre' in the config; did you mean sra?"
    assert window.startswith("guards.skip_during[0]: no mask 'change-freeze' in the config")


@pytest.mark.parametrize(
    "config",
    [{"responses": {"groups": {"sre": ["ann"]}}}, {"web": {"people": {"ann": {"groups": ["sre"]}}, "accounts_file": "accounts"}}],
)
def test_people_are_in_a_group_by_the_group_or_by_themselves(tmp_path: Path, config: dict[str, object]) -> None:
    assert said(tmp_path, book(guards=GUARDS), masks=FREEZE, **config) == []


def test_what_only_suggests_asks_nobody(tmp_path: Path) -> None:
    assert said(tmp_path, book(mode="suggest")) == []
