"""Baselines beside the replay of a recording, and whether how it is replayed matters."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.annexes import LimitRule
from aiops.backtest.contest import OURS, standings
from aiops.backtest.contest_lanes import CARD, ground_of
from aiops.backtest.replay import Lane
from aiops.backtest.run import Options, backtest
from tests.backtest.recordings import DAY, START, filling, noisy, write_json, write_series


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lanes")
    count = 2 * DAY // 300
    for i in range(3):
        time_s = START + 40 * DAY * i + 17 * i + 300 * np.arange(count)
        write_series(folder, f"e{i}", time_s, {"load": noisy(count, i), "disk": filling(count, i, 0.7 + 0.1 * i)})
    write_json(folder, "limits.json", {f"e{i}": {"disk": {"above": 1.0}} for i in range(3)})
    return folder


def lines(recording: Path, workers: int) -> list[dict[str, object]]:
    found = backtest(recording, None, Options(horizon_s=DAY, workers=workers, compare=True))
    assert found.lines > 0
    return [one.as_json() for one in standings(found.told)]


def test_every_lane_is_compared_on_its_own_clock(recording: Path) -> None:
    found = lines(recording, 1)
    mine = found[0]
    assert (mine["card"], mine["method"], mine["series"]) == (CARD, OURS, 3)
    assert mine["hit"] == 3
    static = next(one for one in found if one["method"] == "static")
    assert (static["late"], static["in_time"], static["wins"]) == (3, 0.0, False)


def test_workers_make_no_difference(recording: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.backtest.run.CELLS_ALONE", 0)
    assert lines(recording, 2) == lines(recording, 1)


def test_without_the_wish_nothing_is_compared(recording: Path, tmp_path: Path) -> None:
    assert backtest(recording, tmp_path / "w.jsonl", Options(workers=1)).told == []


def test_the_ground_of_a_lane_holds_its_limited_series_and_their_limits() -> None:
    values = np.stack([np.arange(5.0), np.full(5, 9.0)])
    steps = LimitRule(False, np.nan, steps=((START, 3.0), (START + 120, 4.0)))
    found = ground_of(Lane("e", ("a", "b"), START, 60, values, limits={"b": steps}), 3600.0)
    assert found.values.tolist() == [[9.0] * 5]
    assert found.limit.tolist() == [[3.0, 3.0, 4.0, 4.0, 4.0]]
    assert found.above.tolist() == [False]
    assert found.entities == [{"entity": "e", "metric": "b"}]
    assert not found.told
