"""`aiops backtest` as people and measurements call it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from tests.backtest.recordings import DAY, START, filling, lines_of, noisy, write_json, write_series


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that fills in time, and one that never does."""
    folder = tmp_path_factory.mktemp("recording")
    count = 2 * DAY // 300
    write_series(folder, "full", START + 300 * np.arange(count), {"disk": filling(count, 1)})
    write_series(folder, "calm", START + 300 * np.arange(count), {"load": noisy(count, 2)})
    write_json(folder, "limits.json", {"full": {"disk": {"above": 1.0}}, "gone": {}, "away": {"x": {"above": 1}}})
    return folder


def call(recording: Path, out: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["backtest", "--data", str(recording), "--warnings", str(out), *more])


def test_the_module_replays_and_sums_up_in_one_json_object(recording: Path, tmp_path: Path) -> None:
    out = tmp_path / "w.jsonl"
    command = [sys.executable, "-m", "aiops", "backtest", "--data", recording, "--warnings", out, "--score-floor", "0"]
    done = subprocess.run([*command, "-o", "json"], capture_output=True, text=True, check=True, timeout=300)
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["entities"] == 2
    assert found["lines"] == len(lines_of(out)) > 1000
    assert found["verdicts"]["hit"] == 1
    assert found["precision"] == 1.0
    assert found["median_lead_s"] > 3600
    said = [line for line in done.stderr.splitlines() if not re.fullmatch(r"replaying: \d+% after \d+ s", line)]
    assert said == [f"{recording / 'limits.json'}: away: no series of this entity, its limits are not used"]


@pytest.fixture(scope="module")
def plain(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """What a call with nothing but gates that are reached came to, and the file that it wrote."""
    out = tmp_path_factory.mktemp("plain") / "w.jsonl"
    return call(recording, out, "--min-precision", "1.0", "--min-lead", "1h"), out


def test_people_get_one_sentence_on_stderr_and_nothing_on_stdout(plain: tuple[Any, Path]) -> None:
    done, _ = plain
    assert done.exit_code == 0
    assert done.stdout == ""
    assert "2 entities" in done.stderr
    assert "1 hit" in done.stderr


def test_a_gate_that_is_not_reached_is_exit_1(plain: tuple[Any, Path], recording: Path, tmp_path: Path) -> None:
    assert (plain[0].exit_code, plain[1].exists()) == (0, True)
    assert call(recording, tmp_path / "w.jsonl", "--min-lead", "30d").exit_code == 1
    assert (tmp_path / "w.jsonl").exists()


def test_a_gate_without_any_judged_forecast_is_not_reached(tmp_path: Path) -> None:
    write_series(tmp_path, "a", START + 300 * np.arange(99), {"x": noisy(99, 1)})
    done = call(tmp_path, tmp_path / "w.jsonl", "--min-precision", "0.1")
    assert done.exit_code == 1
    assert "precision unknown is below 0.1" in done.stderr


@pytest.mark.parametrize(
    "bad",
    [
        ["--horizon", "soon"], ["--horizon", "0s"], ["--score-floor", "nan"], ["--workers", "0"], ["--min-lead", "-1h"],
        ["--min-precision", "2"],
    ],
)  # fmt: skip
def test_bad_options_are_a_mistake_in_usage(bad: list[str], recording: Path, tmp_path: Path) -> None:
    done = call(recording, tmp_path / "w.jsonl", *bad)
    assert done.exit_code == 2
    assert done.stderr
    assert not (tmp_path / "w.jsonl").exists()


def test_bad_data_is_exit_1_and_named(tmp_path: Path) -> None:
    path = write_series(tmp_path, "a", ["x"], {"x": [1.0]})
    done = call(tmp_path, tmp_path / "w.jsonl", "-o", "json")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith(f"{path}:1:1: column `time` must hold whole epoch seconds")


def test_a_shorter_horizon_announces_later(recording: Path, plain: tuple[Any, Path], tmp_path: Path) -> None:
    near = tmp_path / "near.jsonl"
    call(recording, near, "--horizon", "6h")
    first = [min(line["at"] for line in lines_of(path) if line["kind"] == "exhaustion") for path in (plain[1], near)]
    assert first[0] < first[1]
