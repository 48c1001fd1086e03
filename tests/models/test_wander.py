"""How a series wanders from day to day, and how far it walked."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
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
    step, drift = np.zeros(12), np.zeros(12)
    step[2:], drift[2:] = 100.0, np.arange(10.0)
    usual = np.sqrt(lived(np.zeros(2))["wander"][0])
    walked = WILD * max(usual, 1.0)
    assert lived(step)["room"][0] == pytest.approx(ROOM * walked * np.exp(-9 / WALK_DAYS))
    assert lived(drift)["room"][0] > ROOM * 5


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
