"""`aiops warnings feedback` and `aiops suggest`."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.store import Store
from tests.backtest.test_trial import INCIDENT, SPIKES, card, lived, recorded
from tests.outcomes.made import warning


@pytest.fixture
def data(tmp_path: Path) -> str:
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        for number in (1, 2):
            one = warning(number * 86400, id=f"{number}", fingerprint=f"{number}", entity={"instance": "a", "mountpoint": "/"})
            tx.put_warning(one.having(state="closed", closed_s=number * 86400 + 7, verdict="false"))
    store.close()
    return str(tmp_path)


def aiops(data: str, *arguments: str) -> Any:
    return CliRunner().invoke(app, [*arguments, "--data-dir", data])


def test_what_is_said_becomes_a_proposal(data: str) -> None:
    assert aiops(data, "suggest").stdout.startswith("nothing to propose")
    for number in "12":
        done = aiops(data, "warnings", "feedback", number, "expected", "--by", "ann")
        assert done.exit_code == 0
        assert done.stdout.startswith(f"{number}: expected, by ann; nothing is told of its series until 20")
    shown = aiops(data, "suggest", "disk_full").stdout
    assert "disk_full: 2 warnings were called expected; all of them opened around 23:45 UTC" in shown
    assert "  of what is kept: of 2 warnings kept it would have kept back 2 false" in shown
    assert "  not replayed: " in shown
    assert '+exclude: [{cron: "45 23 * * *", for: "30m"' in shown
    (line,) = aiops(data, "suggest", "-o", "json").stdout.splitlines()
    assert json.loads(line)["tried"] == {"of": 2, "kept_back": {"false": 2}}


def test_what_cannot_be_said(data: str) -> None:
    done = aiops(data, "warnings", "feedback", "1", "bad")
    assert (done.exit_code, "is none of useful" in done.stderr) == (1, True)
    assert aiops(data, "suggest", "disk_ful").exit_code == 1


def test_a_diff_is_tried_on_a_replay_of_the_past(tmp_path: Path) -> None:
    start = int(time.time()) // 60 * 60 - 48 * 3600
    recorded(tmp_path / "recording", start)
    file = card(tmp_path, "odd", "1/1")
    before = file.read_text()
    (tmp_path / "aiops.yaml").write_text("cards: [odd.yaml]\n")
    store = Store.open("", tmp_path)
    with store.transaction() as tx:
        for hour in SPIKES:
            tx.put_warning(lived(hour, 180, "false", start=start))
        tx.put_warning(lived(INCIDENT, 3600, "hit", start=start))
    store.close()
    where = ["--config", str(tmp_path / "aiops.yaml"), "--data-dir", str(tmp_path)]
    for hour in SPIKES:
        assert CliRunner().invoke(app, ["warnings", "feedback", f"a{hour}", "noise", "--by", "ann", *where]).exit_code == 0
    asked = ["suggest", "odd", "--since", "19h", "--data", str(tmp_path / "recording"), "-o", "json"]
    done = CliRunner().invoke(app, [*asked, *where])
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert (found["key"], found["value"]["persistence"]) == ("guards", "5/8")
    assert found["replayed"]["spoken_of"] == {"lived": 3, "found": 3, "gone": 3}
    assert found["replayed"]["hits"] == {"lived": 1, "found": 1, "gone": 0}
    assert file.read_text() == before, "nothing is changed"
