"""`aiops check` beside a config: groups that nobody is in, windows that nobody defined, and what is not listed for actions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from aiops.cli.check import run_check
from tests.responses.rig import book

GUARDS = {**book()["guards"], "skip_during": ["change-freeze"]}
FREEZE = {"change-freeze": {"kind": "cron", "cron": "0 0 * * *", "for": "1h"}}


def said(folder: Path, runbook: dict[str, object], but: str = "would be refused", **config: object) -> list[str]:
    """What is said of group and window; that no card leads to the runbook is not what is asked here."""
    (folder / "mend.yaml").write_text(json.dumps(runbook))
    (folder / "aiops.yaml").write_text(json.dumps(config))
    _, lines = run_check([folder / "mend.yaml"], folder / "aiops.yaml")
    return [line.partition(": ")[2] for line in lines if "match" not in line and but not in line]


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


CLEAN = {
    "id": "clean", "uses": "exec", "effect": "write", "timeout": "1m", "idempotent": True,
    "with": {"argv": ["clean", "--", "${{ target.instance }}"], "host": "${{ symptom.labels.instance }}"},
    "undo": {"uses": "http", "with": {"method": "PUT", "url": "https://v.example.net/${{ target.instance }}"}},
}  # fmt: skip
UNLISTED = [
    "steps[0].uses: warning: it would be refused: clean is not listed under responses.actions.exec.programs",
    "steps[0].uses: warning: it would be refused: its undo: v.example.net:443 is not listed under responses.actions.http.hosts",
]
ACTIONS = {"exec": {"programs": {"clean": "/bin/true"}}, "http": {"hosts": ["v.example.net"]}}


@pytest.mark.parametrize(
    ("mode", "actions", "wanted"), [("approve", {}, UNLISTED), ("auto", {}, UNLISTED), ("suggest", {}, []), ("auto", ACTIONS, [])]
)
def test_what_is_to_act_and_is_not_listed_is_told_by_what_stands_in_the_file(
    tmp_path: Path, mode: str, actions: dict[str, object], wanted: list[str]
) -> None:
    """Which host it is for is not known yet."""
    responses = {"groups": {"sre": ["ann"]}, "actions": actions, "ceilings": [{"matchers": ["env=stage"], "mode": "auto"}]}
    assert said(tmp_path, book(CLEAN, mode=mode), "-/-", responses=responses) == wanted
    assert said(tmp_path, book(CLEAN, mode=mode), "-/-", responses={**responses, "ceilings": []}) == [], "nothing acts"
