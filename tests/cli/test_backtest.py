"""`aiops backtest --html`: the page beside the lines, and what is said when it cannot be had."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from aiops.backtest.run import Summary
from aiops.cli import backtest
from aiops.cli.app import app
from aiops.core.errors import FileError
from tests.backtest.recordings import DAY, START, filling, noisy, write_json, write_series
from tests.backtest.stories import story


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that fills beside a load, and a calm entity."""
    folder = tmp_path_factory.mktemp("recording")
    count = DAY // 300
    time_s = START + 300 * np.arange(count)
    write_series(folder, "full", time_s, {"load": noisy(count, 3), "disk": filling(count, 1)})
    write_series(folder, "calm", time_s, {"load": noisy(count, 2)})
    write_json(folder, "limits.json", {"full": {"disk": {"above": 1.0}}})
    return folder


def call(recording: Path, folder: Path, *more: str) -> Any:
    return CliRunner().invoke(app, ["backtest", "--data", str(recording), "--warnings", str(folder / "w.jsonl"), *more])


def test_the_page_shows_the_hit_whatever_the_number_of_workers(
    recording: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiops.backtest.run.CELLS_ALONE", 0)
    pages = []
    for workers in ("1", "2"):
        page = tmp_path / f"{workers}.html"
        done = call(recording, tmp_path, "--html", str(page), "--workers", workers, "-o", "json")
        assert done.exit_code == 0
        assert json.loads(done.stdout)["shown"] == {"entity": "full", "metric": "disk"}
        pages.append(page.read_bytes())
    assert pages[0] == pages[1]
    assert b"<title>Backtest of full: disk</title>" in pages[0]
    assert b"(hit) opened" in pages[0]


def test_another_series_can_be_asked_for(recording: Path, tmp_path: Path) -> None:
    assert call(recording, tmp_path, "--html", str(tmp_path / "p.html"), "--series", "full/load").exit_code == 0
    assert "<title>Backtest of full: load</title>" in (tmp_path / "p.html").read_text()


@pytest.mark.parametrize(
    ("more", "code", "why"),
    [
        (["--series", "full"], 2, "--series chooses what --html shows"),
        (["--html", "{}/p", "--series", "nope"], 2, "no entity nope"),
        (["--html", "{}/p", "--series", "full/nope"], 2, "has no metric nope"), (["--html", "{}"], 1, "--html takes a file"),
        (["--html", "{}/no/p"], 1, "cannot be written"),
    ],
)  # fmt: skip
def test_what_cannot_be_shown_is_said_before_anything_is_replayed(
    more: list[str], code: int, why: str, recording: Path, tmp_path: Path
) -> None:
    done = call(recording, tmp_path, *(one.replace("{}", str(tmp_path)) for one in more))
    assert done.exit_code == code
    assert why in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_without_a_page_nothing_is_said_of_one() -> None:
    assert "shown" not in backtest.as_object(Summary(), 1.0)


def test_a_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "p.html").mkdir()
    with pytest.raises(FileError):
        backtest.write_page(story(), tmp_path / "p.html")
    assert [p.name for p in tmp_path.iterdir()] == ["p.html"]


def test_gates_say_what_was_found_and_what_was_wanted() -> None:
    found = Summary(leads_s=[60.0])
    found.verdicts.update({"hit": 1, "false": 1})
    assert list(backtest.failed_gates(found, 0.5, 60.0)) == []
    assert list(backtest.failed_gates(found, 0.6, 90.0)) == ["precision 0.5 is below 0.6", "median lead in s 60 is below 90"]
