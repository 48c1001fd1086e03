"""`aiops backtest` over cards, and what it exits with."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from aiops.backtest.contest import OURS
from aiops.cli.app import app
from aiops.cli.backtest import Gates, failed_standings, table
from aiops.outcomes.replayed import read
from tests.backtest.carded import recorded, write_card
from tests.backtest.recordings import DAY, START, filling, lines_of, write_json, write_series
from tests.backtest.test_contest import standing


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("cards")
    recorded(found / "rec", days=2)
    write_card(found)
    return found


def call(*more: str) -> Any:
    return CliRunner().invoke(app, ["backtest", *more])


def over_cards(folder: Path, *more: str) -> Any:
    return call("--data", str(folder / "rec"), "--card", str(folder / "disk.yaml"), "--workers", "1", *more)


def test_cards_over_a_recording_give_one_object_a_line_a_page_and_the_warnings(folder: Path, tmp_path: Path) -> None:
    files = {name: str(tmp_path / name) for name in ("r.html", "w.jsonl", "o.jsonl")}
    written = ("--report", files["r.html"], "--warnings", files["w.jsonl"], "--outcomes", files["o.jsonl"])
    done = over_cards(folder, "-o", "json", *written)
    assert done.exit_code == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["method"] for line in lines][:2] == [OURS, "static"]
    assert (lines[0]["hit"], lines[0]["missed"], lines[0]["wins"]) == (1, 1, False)
    assert "<svg" in (tmp_path / "r.html").read_text()
    assert [one["outcome"]["verdict"] for one in lines_of(tmp_path / "w.jsonl")] == ["hit", "missed"]
    taken = read((tmp_path / "o.jsonl").read_bytes().splitlines(), time.time())
    assert sorted(one.verdict for one in taken) == ["hit", "missed"]


def test_people_get_a_table_and_gates_are_exit_1(folder: Path) -> None:
    done = over_cards(folder, "--min-lead", "30d")
    assert done.exit_code == 1
    assert "predict_linear[24h]" in done.stdout
    assert "median lead in s" in done.stderr


def test_a_recording_without_cards_is_compared_when_no_lines_are_asked_for(tmp_path: Path) -> None:
    count = 2 * DAY // 300
    write_series(tmp_path, "full", START + 300 * np.arange(count), {"disk": filling(count, 1)})
    write_json(tmp_path, "limits.json", {"full": {"disk": {"above": 1.0}}})
    done = call("--data", str(tmp_path), "--horizon", "1d", "--workers", "1", "--report", str(tmp_path / "r.html"))
    assert done.exit_code == 0, done.stderr
    assert "exhaustion" in done.stdout
    assert "1 hit" in done.stderr
    assert "<svg" in (tmp_path / "r.html").read_text()


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ([], "give --data"), (["--data", "x", "--since", "1d"], "for cards"),
        (["--data", "x", "--card", "disk_full", "--html", "p"], "of cards --report writes the page"),
        (["--data", "{}/rec", "--card", "disk_fill"], "no card 'disk_fill'"),
        (["--data", "{}/rec", "--card", "disk_full", "--since", "soon"], "--since"),
        (["--data", "x", "-o", "yaml"], "neither text"),
    ],
)  # fmt: skip
def test_bad_usage_is_exit_2(arguments: list[str], why: str, folder: Path) -> None:
    done = call(*(one.replace("{}", str(folder)) for one in arguments))
    assert done.exit_code == 2
    assert why in done.stderr


def test_a_source_that_cannot_be_reached_is_exit_3(folder: Path, tmp_path: Path) -> None:
    config = {"cards": [str(folder / "disk.yaml")], "sources": {"p": {"kind": "prometheus", "url": "http://127.0.0.1:9"}}}
    write_json(tmp_path, "aiops.yaml", config)
    done = call("--config", str(tmp_path / "aiops.yaml"), "--since", "1d")
    assert done.exit_code == 3
    assert "unreachable" in done.stderr


def test_a_baseline_that_wins_is_a_reason_to_fail() -> None:
    from dataclasses import replace

    ours, better = standing(1, 3, method=OURS), replace(standing(2, 1), wins=True)
    (why,) = failed_standings([ours, better], Gates())
    assert why == "static wins: 2 failures foreseen in time and 1 false warnings, ours 1 and 3"
    assert list(failed_standings([ours, standing(0, 0)], Gates(min_precision=0.2))) == []
    assert list(failed_standings([ours], Gates(0.5))) == ["precision 0.25 is below 0.5"]


def test_the_table_fits_its_width_and_names_a_card_once() -> None:
    said = table([standing(1, 3, method=OURS), standing(2, 1)])
    assert all(len(line) <= 150 for line in said.splitlines())
    assert said.count(" c ") == 1
    assert "25% (" in said
