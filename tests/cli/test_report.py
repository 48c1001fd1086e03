"""`aiops report` and `aiops warnings ack`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.core.records import Outcome
from aiops.store import Store
from tests.outcomes.made import warning

DAY = 86400
NOW = int(time.time())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        for number in range(1, 13):
            opened = NOW - number * DAY
            one = warning(opened, id=f"{number:02}", fingerprint=f"{number}")
            tx.put_warning(one)
            tx.put_outcome(Outcome(one.id, one.card, one.entity, "false", opened + 9, opened, None, None, None, None))
    store.close()
    since = time.strftime("%Y-%m-%d", time.gmtime(NOW - 20 * DAY))
    pilot = {"cards": ["disk_full"], "owner": "sre", "since": since, "stop": {"precision_below": 0.5}}
    (tmp_path / "aiops.yaml").write_text(json.dumps({"pilots": {"disks": pilot}}))
    return tmp_path


def aiops(data: Path, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--config", str(data / "aiops.yaml"), "--data-dir", str(data)])


def test_all_cards_over_a_time(data: Path) -> None:
    done = aiops(data, "report", "--since", "7d")
    assert done.exit_code == 0
    assert "Warnings told                                           6" in done.stdout
    (line,) = aiops(data, "report", "-o", "json").stdout.splitlines()
    assert json.loads(line)["figures"]["warnings_told"]["value"] == 12


def test_a_pilot_that_must_stop_is_exit_1_with_the_reason(data: Path) -> None:
    done = aiops(data, "report", "--pilot", "disks")
    assert done.exit_code == 1
    assert "verdict: STOP (sre decides)" in done.stdout
    assert "0 of 12 came true" in done.stdout


def test_a_part_of_a_pilot_has_its_own_figures_and_the_verdict_of_the_whole(data: Path) -> None:
    (line,) = aiops(data, "report", "--pilot", "disks", "--since", "7d", "-o", "json").stdout.splitlines()
    found = json.loads(line)
    assert found["figures"]["warnings_told"]["value"] == 6
    assert (found["verdict"], found["until_s"] - found["since_s"]) == ("stop", pytest.approx(7 * DAY))
    assert any("0 of 12 came true" in one for one in found["reasons"])
    assert found["reasons"][-1].startswith("by all figures since ")
    (line,) = aiops(data, "report", "--pilot", "disks", "--since", "90d", "-o", "json").stdout.splitlines()
    assert json.loads(line)["figures"]["warnings_told"]["value"] == 12  # it began later


def test_it_is_written_as_a_page_or_as_markdown(data: Path) -> None:
    page = data / "report.html"
    aiops(data, "report", "--pilot", "all", "-o", "html", "--out", str(page))
    assert page.read_text().startswith("<!doctype html>")
    assert aiops(data, "report", "--pilot", "disks", "-o", "markdown").stdout.startswith("# Pilot disks\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["--pilot", "none"], "there are disks"), (["-o", "pdf"], "known: text, json"), (["--since", "soon"], "no duration")],
)
def test_what_cannot_be_asked_for(data: Path, arguments: list[str], said: str) -> None:
    done = aiops(data, "report", *arguments)
    assert (done.exit_code, said in done.stderr) == (2, True)


def test_a_pilot_of_a_card_that_there_is_not_is_refused(data: Path) -> None:
    pilot = {"cards": ["disk_full", "disk_ful"], "owner": "sre", "since": "2026-01-01"}
    (data / "aiops.yaml").write_text(json.dumps({"pilots": {"disks": pilot}}))
    for which in ("disks", "all"):
        done = aiops(data, "report", "--pilot", which)
        assert (done.exit_code, done.stderr) == (2, "pilot disks: no card 'disk_ful'; did you mean disk_full?\n")
    assert aiops(data, "report").exit_code == 0


def test_a_pilot_that_has_not_begun_is_kept_and_says_when_it_does(data: Path) -> None:
    pilot = {"cards": ["disk_full"], "owner": "sre", "since": "2099-01-01", "stop": {"precision_below": 0.5}}
    (data / "aiops.yaml").write_text(json.dumps({"pilots": {"disks": pilot}}))
    for output in ("text", "markdown", "html"):
        done = aiops(data, "report", "--pilot", "disks", "-o", output)
        assert (done.exit_code, "it begins in " in done.stdout) == (0, True), done.stdout
        assert "(0s)" in done.stdout, "not a time below nothing"
    found = json.loads(aiops(data, "report", "--pilot", "disks", "-o", "json").stdout)
    assert (found["verdict"], found["until_s"] - found["since_s"]) == ("keep", 0)


def test_who_looks_at_a_warning_says_so(data: Path) -> None:
    done = aiops(data, "warnings", "ack", "01", "--by", "ann")
    assert (done.exit_code, done.stdout) == (0, "01: acknowledged, by ann\n")
    assert "ack        " in aiops(data, "warnings", "show", "01").stdout
    assert aiops(data, "warnings", "ack", "nothing").exit_code == 1
