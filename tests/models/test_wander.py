"""How a series wanders from day to day, and how far it walked."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.wander import DAY_S, ROOM, WALK_DAYS, WILD, Wander

BLOCK_S = 21600
A_DAY = DAY_S // BLOCK_S


def lived(levels: np.ndarray, least: float = 1.0, blocks: int = A_DAY) -> State:
    """The state of one row after days of these levels, each seen in so many of its blocks."""
    wander = Wander(BLOCK_S, 30 * DAY_S)
    state = wander.initial(1) | {"block": np.zeros(1, np.int64), "around": np.ones(1)}
    for day, level in enumerate(levels.tolist()):
        for block in range(blocks):
            state["block"][:] = day * A_DAY + block
            following = state["block"] + 1 if block < blocks - 1 else np.array([(day + 1) * A_DAY])
            wander.learn(state, np.zeros(1, np.int64), np.array([level]), np.array([least]), following)
    return state


def test_before_two_days_were_seen_there_is_no_room() -> None:
    assert lived(np.array([5.0]))["room"][0] == 0.0
    assert lived(np.array([5.0, 6.0]))["room"][0] == pytest.approx(ROOM)


def test_a_step_is_walked_once_and_forgotten_and_a_drift_every_day() -> None:
    step, drift = np.zeros(52), np.zeros(52)
    step[42:], drift[42:] = 100.0, np.arange(10.0)
    usual = np.sqrt(lived(np.zeros(42))["wander"][0])
    walked = WILD * max(usual, 1.0)
    assert lived(step)["room"][0] == pytest.approx(ROOM * walked * np.exp(-9 / WALK_DAYS), rel=0.05)
    assert lived(drift)["room"][0] > ROOM * 5


@pytest.mark.parametrize("pace", [1.0, -3.0])
def test_what_a_series_has_drifted_by_since_its_first_day_is_no_walk_and_another_pace_is(pace: float) -> None:
    noise = np.random.default_rng(2).normal(scale=0.2, size=60)
    always = pace * np.arange(60.0)
    last = [lived(always[:days] + noise[:days], 0.1)["room"][0] for days in range(35, 60)]
    assert max(last) < ROOM * 2.0 * abs(pace), "its walk would be 7 times its pace"
    faster = np.append(always, always[-1] + 3.0 * pace * np.arange(1.0, 6.0))
    assert lived(faster, 0.1)["room"][0] > ROOM * 5.0 * abs(pace)


def test_a_disk_that_fills_evenly_is_no_anomaly_until_it_fills_faster() -> None:
    step, a_day = 1800, 48
    days = np.arange(42 * a_day) / a_day
    even = 21.6 * days + np.array([[0.4], [3.0]]) * np.random.default_rng(3).normal(size=(2, len(days)))
    x = np.vstack([even, even + 43.0 * np.maximum(days - 28.0, 0.0)])
    detector = Seasonal(SeasonalParams(), step)
    p = detector.score(detector.initial(4), x, np.tile(1_700_006_400 + step * np.arange(x.shape[1]), (4, 1))).p
    daily = -np.log10(p[:, 14 * a_day :]).reshape(4, 28, a_day).max(axis=2)
    assert daily[:2].max() < 1.6, "within what calm noise reaches, where it would be 2.3"
    assert (daily[2:, 18:26] > 1.9).all(), "and goes on being strange"


def test_days_that_do_not_agree_make_no_pace() -> None:
    levels = np.zeros(40)
    levels[20:] = 5.0
    wild = lived(levels, 0.01)
    assert abs(wild["drawn"][0]) ** 3 / wild["wander"][0] < 0.02 * 5.0


def test_the_usual_change_is_learnt_of_days_and_one_wild_one_hardly_counts() -> None:
    levels = np.random.default_rng(0).normal(size=200).cumsum()
    usual = np.sqrt(lived(levels, 0.01)["wander"][0])
    assert 0.7 < usual < 1.3
    wild = np.append(levels, levels[-1] + 1000.0)
    assert np.sqrt(lived(wild, 0.01)["wander"][0]) < 1.2 * usual


def test_a_day_of_which_little_was_seen_does_not_count() -> None:
    wander = Wander(3600, 30 * DAY_S)
    state = wander.initial(1) | {"block": np.array([3]), "around": np.ones(1)}
    wander.learn(state, np.zeros(1, np.int64), np.array([7.0]), np.array([1.0]), np.array([30]))
    assert state["wander_days"][0] == 0.0
    assert state["today_blocks"][0] == 0.0


def test_rows_do_not_influence_each_other() -> None:
    wander, rng = Wander(BLOCK_S, 30 * DAY_S), np.random.default_rng(1)
    levels = rng.normal(size=(5, 40)).cumsum(axis=1)
    state = wander.initial(5) | {"block": np.zeros(5, np.int64), "around": np.ones(5)}
    for j in range(40):
        state["block"][:] = j * A_DAY
        wander.learn(state, np.arange(5), levels[:, j], np.ones(5), np.full(5, (j + 1) * A_DAY))
    for i in range(5):
        alone = lived(levels[i], blocks=1)
        for name in ("wander", "walk", "room", "eve"):
            assert alone[name][0] == state[name][i], name
