"""Scores as they are recorded and played."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.question import Question, close, read_all, rooms_of
from aiops.backtest.shares import path_of, work
from aiops.backtest.tape import SCORES
from aiops.backtest.tape_scores import ScorePlayer
from tests.backtest.carded import DAYS, STEP, recorded, write_card
from tests.backtest.recordings import DAY, START

END = START + DAYS * DAY - STEP
BEGIN = END - DAY // 4


def asked(folder: Path, **more: object) -> Question:
    card = write_card(folder, detect={"model": "seasonal"}, **more)
    return Question(None, recorded(folder / "rec"), (str(card),), BEGIN, END)


def rows_in(path: Path) -> list[int]:
    with path.with_suffix(SCORES).open("rb") as f:
        np.load(f)
        return [int(row) for row in np.load(f)]


@pytest.mark.parametrize(("cohort", "shares"), [(["metric"], [[], [0, 1, 2]]), ([], [[0, 2], [1]])])
def test_a_cohort_is_one_workers_and_no_series_is_nobodys(cohort: list[str], shares: list[list[int]], tmp_path: Path) -> None:
    question, found = asked(tmp_path, cohort=cohort), []
    for share in (0, 1):
        work(question, tmp_path / "kept", "disk@recording", END - 2 * STEP, share, 2)
        found.append(rows_in(path_of(tmp_path / "kept", "disk@recording", share, 2)))
    assert sorted(found) == sorted(shares)


def test_scores_that_nobody_recorded_are_an_error_and_no_silence(tmp_path: Path) -> None:
    question = asked(tmp_path)
    work(question, tmp_path / "kept", "disk@recording", END - 2 * STEP, 0, 1)
    rooms = rooms_of(question, tmp_path / "kept")
    (watch,) = read_all(rooms, lambda _: None)
    assert watch.detector is not None
    player = ScorePlayer(watch.detector, watch, [path_of(tmp_path / "kept", "disk@recording", 0, 1).with_suffix(SCORES)])
    with pytest.raises(KeyError, match="were recorded"):
        player.score(watch.detector_state, np.zeros((0, 1)), np.full((1, 1), START - 60))
    player.close()
    close(rooms)
