"""Scoring and forecasting: in parts as at once, and only rows that need a look get one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import Remark
from aiops.pipeline import evaluate, read
from aiops.pipeline.evaluate import forecast, score
from tests.daemon.rig import calm, falling
from tests.pipeline.made import START_S, World, anomaly_card, card, reading, watch_of

NOW = START_S + 10 * 3600


def world() -> World:
    found = World()
    for i in range(7):
        found.add("free", {"instance": f"f{i}"}, falling(0.0002 * i))
        found.add("load", {"instance": f"l{i}"}, calm(0.1 * (i + 1)))
    return found


def test_scoring_in_parts_equals_scoring_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = watch_of(world(), anomaly_card()), watch_of(world(), anomaly_card())
    at_once = score(whole, read.read(whole, NOW))
    monkeypatch.setattr(evaluate, "CHUNK_COLUMNS", 7)
    np.testing.assert_array_equal(score(parts, read.read(parts, NOW)), at_once)
    for name, array in whole.detector_state.items():
        np.testing.assert_array_equal(parts.detector_state[name], array)


def test_what_is_masked_is_not_scored_and_not_learnt() -> None:
    watch, other = watch_of(world(), anomaly_card()), watch_of(world(), anomaly_card())
    first = read.read(watch, NOW)
    first.masked[3] = True
    scores = score(watch, first)
    assert np.isnan(scores[3])
    score(other, read.read(other, NOW))
    assert watch.detector_state["count"][3] == 0
    np.testing.assert_array_equal(watch.last_p[[0, 1, 2, 4, 5, 6]], other.last_p[[0, 1, 2, 4, 5, 6]])


def test_nothing_new_is_not_scored() -> None:
    watch = watch_of(world(), anomaly_card())
    score(watch, read.read(watch, NOW))
    assert np.isnan(score(watch, read.read(watch, NOW))).all()


def test_forecasting_in_parts_equals_forecasting_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    whole, parts = watch_of(world()), watch_of(world())
    for watch, rows in ((whole, 512), (parts, 2)):
        monkeypatch.setattr(evaluate, "CHUNK_ROWS", rows)
        read.read(watch, NOW)
        forecast(watch, NOW)
    assert whole.crossings is not None
    assert parts.crossings is not None
    np.testing.assert_array_equal(parts.crossings.time_s, whole.crossings.time_s)
    assert parts.crossings.reason.tolist() == whole.crossings.reason.tolist()


def test_rows_that_the_screen_leaves_out_would_not_have_spoken(monkeypatch: pytest.MonkeyPatch) -> None:
    screened, all_rows = watch_of(world()), watch_of(world())
    assert all_rows.forecaster is not None
    monkeypatch.setattr(all_rows.forecaster, "screen", lambda state, latest, *_: np.ones(len(latest), bool))
    for now in range(NOW, NOW + 3600, 300):
        for watch in (screened, all_rows):
            read.read(watch, now)
            forecast(watch, now)
        assert screened.crossings is not None
        assert all_rows.crossings is not None
        np.testing.assert_array_equal(screened.crossings.time_s, all_rows.crossings.time_s)


@pytest.mark.parametrize(
    ("step", "after_s", "looks"), [("1m", 60, False), ("1m", 300, True), ("5m", 300, True), ("30s", 30, True)]
)
def test_steps_of_a_minute_are_forecast_every_five(step: str, after_s: int, looks: bool) -> None:
    watch = watch_of(world(), card(step=step))
    for now in (NOW, NOW + after_s):
        read.read(watch, now)
        forecast(watch, now)
    assert watch.looked is looks
    assert watch.crossings is not None, "between two looks the last answer stands"


def test_a_card_without_the_model_does_without() -> None:
    watch = watch_of(world(), anomaly_card())
    read.read(watch, NOW)
    forecast(watch, NOW)
    assert watch.crossings is None
    other = watch_of(world())
    assert len(score(other, read.read(other, NOW))) == 0


def test_from_an_answer_that_may_lack_something_nothing_is_learnt_and_everything_is_scored() -> None:
    whole, lacking, gaps = (watch_of(world(), anomaly_card()) for _ in range(3))
    for watch in (whole, lacking, gaps):
        first = reading(watch, [[0.5] * 300, [0.6] * 300])
        score(watch, first)
    step = whole.step_s
    said = reading(whole, [[0.9], [0.6]], int(first.time_s[-1]) + step)
    trusted = score(whole, said)
    distrusted = score(lacking, replace(said, partial=("a store is missing",)))
    score(gaps, replace(said, values=np.full((2, 1), np.nan)))
    assert trusted[0] + whole.own[0] == pytest.approx(distrusted[0] + lacking.own[0], rel=1e-12)
    assert trusted[1] == distrusted[1] == 0.0
    for name, array in gaps.detector_state.items():
        np.testing.assert_array_equal(lacking.detector_state[name], array, err_msg=name)


def test_a_remark_of_ours_is_no_reason_not_to_learn() -> None:
    one, other = watch_of(world(), anomaly_card()), watch_of(world(), anomaly_card())
    for watch, notes in ((one, ()), (other, (Remark("2 series left out"),))):
        score(watch, replace(reading(watch, [[0.5] * 50]), partial=notes))
    for name, array in one.detector_state.items():
        np.testing.assert_array_equal(other.detector_state[name], array, err_msg=name)


def test_who_warns_does_not_depend_on_what_is_taken_off_scores() -> None:
    watch = watch_of(world(), anomaly_card())
    score(watch, reading(watch, [[0.5] * 300, [0.6] * 300]))
    watch.budget_state["theta"][:] = [1.8, 5.0]
    asked = watch.budget_state["theta"]
    assert watch.own[1] > watch.own[0] + 0.5
    assert watch.comparable(asked).tolist() == watch.thresholds.tolist()
    assert (watch.comparable(asked - 0.01) < watch.thresholds).all()


def test_of_what_needs_no_look_it_is_said_where_it_stands() -> None:
    """What is beyond its limit and stays there climbs no more than what is far from it."""
    world = World()
    for name, free in (("full", 0.03), ("wide", 0.9)):
        world.add("free", {"instance": name}, lambda t, free=free: 0.0 * t + free)
    watch = watch_of(world, card())
    for now in (NOW, NOW + 300):  # the first one looks at all
        read.read(watch, now)
        forecast(watch, now)
    assert watch.crossings is not None
    said = {one["instance"]: why for one, why in zip(watch.window.labels, watch.crossings.reason.tolist(), strict=True)}
    assert said == {"full": "already beyond the limit", "wide": "far from the limit"}
