"""What is kept of one series while it is replayed: the replay's own band, scores, times and verdicts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.annexes import LimitRule
from aiops.backtest.lanes import survey
from aiops.backtest.observe import Story, limit_over
from aiops.backtest.run import Options, Summary, backtest, tell
from aiops.models.seasonal import Seasonal, SeasonalParams
from tests.backtest.recordings import DAY, START, filling, lines_of, noisy, write_json, write_series

OPTIONS = Options(workers=1, story=True)
COUNT = 2 * DAY // 300


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A disk that fills in time beside a load with bursts, with a gap; another entity on another clock."""
    folder = tmp_path_factory.mktemp("recording")
    kept = np.ones(COUNT, bool)
    kept[200:230] = False
    time_s = START + 300 * np.arange(COUNT)
    write_series(folder, "full", time_s[kept], {"load": noisy(COUNT, 3)[kept], "disk": filling(COUNT, 1)[kept]})
    write_series(folder, "calm", 17 + 9 * DAY + time_s[:400], {"load": noisy(400, 2)})
    write_json(folder, "limits.json", {"full": {"disk": {"above": 1.0}}})
    return folder


@pytest.fixture(scope="module")
def told(recording: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Summary, Path]:
    out = tmp_path_factory.mktemp("out") / "w.jsonl"
    return backtest(recording, out, OPTIONS), out


@pytest.fixture(scope="module")
def shown(told: tuple[Summary, Path]) -> Story:
    assert told[0].story is not None
    return told[0].story


def test_the_series_with_the_hit_is_chosen(shown: Story) -> None:
    assert (shown.entity, shown.metric) == ("full", "disk")
    assert shown.time_s[[0, -1]].tolist() == [START, START + 300 * (COUNT - 1)]


def test_the_band_and_the_scores_are_the_detectors_own(shown: Story) -> None:
    detector = Seasonal(SeasonalParams(), 300)
    found = detector.score(detector.initial(1), shown.values[None, :], shown.time_s[None, :])
    for name in ("lower", "expected", "upper"):
        np.testing.assert_array_equal(getattr(shown, name), getattr(found, name)[0])
    np.testing.assert_array_equal(shown.own, -np.log10(found.p[0]) + 0.0)
    assert np.isfinite(shown.own).sum() > 420
    assert np.isnan(shown.own[200:230]).all()
    assert (shown.threshold[np.isfinite(shown.score)] >= detector.threshold(1.0)).all()


def test_the_times_told_are_those_of_the_lines(shown: Story, told: tuple[Summary, Path]) -> None:
    lines = [
        (one["at"], one["earliest"], one["expected_at"], one["latest"])
        for one in lines_of(told[1])
        if one["entity"] == "full" and one["kind"] == "exhaustion"
    ]
    kept = [(at, *(round(t, 1) for t in times)) for one in shown.episodes for at, *times in one.told]
    assert kept == lines
    assert len(lines) > 50


def test_the_verdict_and_the_crossing_are_kept(shown: Story) -> None:
    (hit,) = [one for one in shown.episodes if one.outcome is not None and one.outcome.verdict == "hit"]
    assert hit.outcome is not None
    assert hit.outcome.failed_s == shown.crossings[0]
    assert hit.opened.verdict is None
    assert hit.last.verdict == "hit"


def test_an_anomaly_of_the_entity_is_kept_whichever_metric_leads_it(tmp_path: Path) -> None:
    load, disk = (10 + np.random.default_rng(seed).normal(0, 1, 400) for seed in (1, 2))
    load[300:306] += 500
    write_series(tmp_path, "one", START + 300 * np.arange(400), {"load": load, "disk": disk})
    lane = survey(tmp_path).entries[0].load()
    stories = [tell(lane, metric, OPTIONS) for metric in lane.metrics]
    ids = [[one.opened.id for one in story.episodes] for story in stories]
    assert ids[0] == ids[1] != []
    assert {(one.opened.kind, tuple(one.told)) for story in stories for one in story.episodes} == {("anomaly", ())}
    assert any(300 <= (one.opened.opened_s - START) / 300 < 306 for one in stories[0].episodes)


def test_the_score_of_the_entity_is_that_of_the_lines(recording: Path, shown: Story, tmp_path: Path) -> None:
    backtest(recording, tmp_path / "w.jsonl", Options(workers=1, score_floor=0.0))
    ours = [one for one in lines_of(tmp_path / "w.jsonl") if (one["entity"], one["kind"]) == ("full", "anomaly")]
    lines = {one["at"]: one["score"] for one in ours}
    kept = {int(t): round(s, 5) for t, s in zip(shown.time_s.tolist(), shown.score.tolist(), strict=True) if s == s}
    assert kept == lines


def test_looking_on_changes_no_line(recording: Path, told: tuple[Summary, Path], tmp_path: Path) -> None:
    without = backtest(recording, tmp_path / "w.jsonl", Options(workers=1))
    assert without.story is None
    assert (tmp_path / "w.jsonl").read_bytes() == told[1].read_bytes()


def test_a_limit_is_in_force_from_its_step_on_and_unknown_before() -> None:
    time_s = np.arange(0, 50, 10)
    steps = LimitRule(True, float("nan"), steps=((15.0, 3.0), (30.0, 4.0)))
    np.testing.assert_array_equal(limit_over(steps, time_s), [np.nan, np.nan, 3.0, 4.0, 4.0])
    assert [steps.at(int(t)) for t in time_s[2:]] == [3.0, 4.0, 4.0]
    np.testing.assert_array_equal(limit_over(LimitRule(False, 2.0), time_s), np.full(5, 2.0))
    assert np.isnan(limit_over(None, time_s)).all()
