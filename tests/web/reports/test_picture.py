"""What a chart is given: true points, few of them, and what lies behind them."""

from __future__ import annotations

import numpy as np
import orjson
import pytest

from aiops.web.reports import picture
from aiops.web.reports.picture import close, heights, picked, runs_of, spans, states, told_at, view, whole
from tests.backtest.recordings import START
from tests.backtest.stories import episode, outcome, story


def test_few_points_are_all_there() -> None:
    assert picked(story(300), 0, 300, 100).tolist() == list(range(300))


def test_of_each_column_the_extremes_and_the_strangest_point_are_kept() -> None:
    rng = np.random.default_rng(1)
    values, own = rng.normal(0, 1, 100_000), rng.random(100_000)
    at = picked(story(100_000, values=values, own=own, score=own), 0, 100_000, 1000)
    assert len(at) <= 4 * 1000 + 2
    kept = set(at.tolist())
    for column in range(0, 100_000, 100):
        part = slice(column, column + 100)
        assert {column + int(np.argmin(values[part])), column + int(np.argmax(values[part]))} <= kept
        assert column + int(np.argmax(own[part])) in kept


def test_a_single_point_out_of_a_million_is_in_the_picture() -> None:
    values = np.ones(1_000_000)
    values[654_321] = 7.0
    shown = whole(story(1_000_000, values=values), [])
    assert max(shown["value"]) == 7.0
    assert len(shown["t"]) < 6000
    assert len(orjson.dumps(shown)) < 600_000


def test_openings_endings_and_changes_of_the_limit_are_points_of_the_picture() -> None:
    limit = np.where(np.arange(50_000) < 20_011, 5.0, 6.0)
    shown = whole(story(50_000, limit=limit), [(1, episode(30_007, 30_013))])
    assert {START + 60 * i for i in (20_010, 20_011, 30_007, 30_013)} <= set(shown["t"])


def test_a_wide_gap_breaks_the_line_and_a_single_missing_sample_does_not() -> None:
    values = np.ones(50_000)
    values[10_000:11_000] = np.nan
    values[30_000] = np.nan
    scores = np.where(np.isnan(values), np.nan, 0.5)
    s = story(50_000, values=values, own=scores, score=scores)
    missing = [i for i in picked(s, 0, 50_000, 1000).tolist() if np.isnan(values[i])]
    assert len(missing) == 1
    assert 10_000 <= missing[0] < 11_000
    assert list(spans(s, 0, 50_000, 1000))[-1] == [START + 60 * 9_999, START + 60 * 10_999, picture.GAP]


def test_learning_gaps_and_refused_samples_are_told_apart() -> None:
    s = story(40)
    s.values[20:25] = np.nan
    s.own[20:25] = np.nan
    s.own[30:33] = np.nan
    found = [run for run in runs_of(states(s)) if run[2] != picture.SEEN]
    assert found == [(0, 10, picture.LEARNING), (20, 25, picture.GAP), (30, 33, picture.UNSCORED)]


def test_training_is_shaded_up_to_its_end() -> None:
    assert next(spans(story(300, told_from_s=START + 6000), 0, 300, 100)) == [START, START + 6000, picture.TRAINING]
    assert next(spans(story(300, told_from_s=START + 6000), 200, 300, 100), None) is None


def test_a_far_limit_is_not_drawn_and_a_near_one_is() -> None:
    low, high, drawn = heights(story(limit=np.full(300, 5.0)), 0, 300)
    assert drawn
    assert low < 0.5 < 5.0 < high
    low, high, drawn = heights(story(limit=np.full(300, 500.0)), 0, 300)
    assert not drawn
    assert high < 10
    assert whole(story(limit=np.full(300, 500.0)), [])["limit"] is None


def test_a_band_that_is_still_wide_does_not_flatten_the_series() -> None:
    low, high, _ = heights(story(lower=np.full(300, -1e9), upper=np.full(300, 1e9), limit=np.full(300, np.nan)), 0, 300)
    assert high - low < 6
    assert low < 1 < 3 < high


@pytest.mark.parametrize("values", [np.full(300, np.nan), np.zeros(300)])
def test_a_series_without_any_height_has_a_picture(values: np.ndarray) -> None:
    low, high, _ = heights(story(values=values, limit=np.full(300, np.nan)), 0, 300)
    assert low < high


def test_the_times_told_stand_at_the_turn_that_told_them() -> None:
    told = told_at(story(episodes=(episode(50, 60),)))
    assert np.flatnonzero(np.isfinite(told[0])).tolist() == list(range(50, 60))
    assert told[:, 50].tolist() == [START + 60.0 * (50 + ahead) for ahead in (60, 90, 120)]


def test_the_view_of_a_warning_reaches_to_what_became_of_it() -> None:
    hit = episode(1000, 1100, outcome("hit", 1000, 1180))
    shown = close(story(3000, episodes=(hit,), crossings=(START + 60 * 1180,)), hit, [(1, hit)])
    assert shown["from"] < START + 60 * 1000
    assert START + 60 * 1180 < shown["to"] < START + 60 * 1300
    assert shown["crossings"] == [START + 60 * 1180]
    (mark,) = shown["marks"]
    assert mark["first"] == [START + 60 * (1000 + ahead) for ahead in (60, 90, 120)]
    assert mark["at_limit"] == 5.0


def test_a_view_of_one_point_is_no_empty_one() -> None:
    shown = view(story(1), 0, 1, 100, [])
    assert shown["to"] > shown["from"]
    assert len(shown["t"]) == 1
