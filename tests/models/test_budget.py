"""The controller of the false-alarm budget, on scores whose right threshold is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.budget import AGAIN_S, RUNGS, Budget
from aiops.models.state_files import load_state, save_state

STEP, START = 600, 1_700_000_000 // 600 * 600
WEEK = 7 * 86400


def usual(per_week: float) -> float:
    return float(1.5 - np.log10(per_week) / 1.2)


def exponential(entities: int, weeks: float, shift: float = 0.0, seed: int = 0) -> np.ndarray:
    """(entities, t) independent scores; above `shift` + 1.5 there is one a week, ten times as many every 1 / 1.2 below it."""
    count = int(weeks * WEEK / STEP)
    rng = np.random.default_rng(seed)
    return shift + 1.5 - np.log10(WEEK / STEP) / 1.2 + rng.exponential(1 / (1.2 * np.log(10)), (entities, count))


def thetas(budget: Budget, score: np.ndarray, state: State | None = None) -> np.ndarray:
    """(entities, t) as known at each instant."""
    state = budget.initial(len(score)) if state is None else state
    out = np.empty_like(score)
    for j in range(score.shape[1]):
        budget.learn(state, score[:, j], np.full(len(score), START + j * STEP))
        out[:, j] = budget.theta(state)
    return out


def rate(score: np.ndarray, theta: np.ndarray) -> float:
    """Episodes an entity-week."""
    firing = [np.flatnonzero(row) * STEP for row in score >= theta]
    episodes = sum(1 + int((np.diff(at) > 1800).sum()) for at in firing if len(at))
    return episodes / (score.size * STEP / WEEK)


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("per_week", [0.5, 1.0, 3.0])
def test_without_any_incident_what_is_left_for_them_is_spent_too_and_no_more(per_week: float, shift: float) -> None:
    score = exponential(30, 8, shift)
    theta = thetas(Budget(usual, per_week), score)
    later = slice(score.shape[1] // 2, None)
    assert per_week / 2 < rate(score[:, later], theta[:, later]) < 1.6 * (per_week + 0.7)


def test_a_quiet_entity_does_not_use_its_budget_up() -> None:
    theta = thetas(Budget(usual, 1.0), exponential(5, 4, -1.0))
    assert (theta == usual(1.0)).all()


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
def test_beside_incidents_on_a_tenth_of_the_days_the_budget_is_held_within_a_factor_of_two(shift: float) -> None:
    score = exponential(40, 8, shift)
    day = 86400 // STEP
    incident = np.arange(score.shape[1]) // day % 10 == 3
    incident &= np.arange(score.shape[1]) % day < day // 4
    theta = thetas(Budget(usual, 1.0), score + 3.0 * incident)
    outside = ~incident & (np.arange(score.shape[1]) >= score.shape[1] // 2)
    assert 0.5 < rate(score[:, outside], theta[:, outside]) < 2.0


def test_incidents_on_a_tenth_of_the_days_do_not_raise_what_is_asked_for() -> None:
    calm = exponential(30, 8, 0.5)
    incidents = calm.copy()
    day = 86400 // STEP
    for first in range(3 * day, calm.shape[1], 10 * day):
        incidents[:, first : first + day // 2] += 3.0
    budget = Budget(usual, 1.0)
    clean, dirty = thetas(budget, calm)[:, -1], thetas(budget, incidents)[:, -1]
    assert np.median(dirty - clean) < 0.25
    assert (dirty < incidents[:, 3 * day : 3 * day + day // 2].max(axis=1)).all()


def test_what_was_long_ago_is_forgotten() -> None:
    restless, calm = exponential(4, 4, 1.0), exponential(4, 16, -1.0)
    budget = Budget(usual, 1.0)
    state = budget.initial(4)
    before = thetas(budget, restless, state)[:, -1]
    for j in range(calm.shape[1]):
        budget.learn(state, calm[:, j], np.full(4, START + 4 * WEEK + j * STEP))
    assert (before > usual(1.0) + 0.4).all()
    assert (budget.theta(state) < before - 0.3).all()


def test_the_first_day_asks_what_is_usual_and_one_more_day_changes_it_only_afterwards() -> None:
    score = exponential(3, 1, 1.0)
    theta = thetas(Budget(usual, 1.0), score)
    day = (START + np.arange(score.shape[1]) * STEP) // 86400
    assert (theta[:, day == day[0]] == usual(1.0)).all()
    for d in np.unique(day):
        assert (np.ptp(theta[:, day == d], axis=1) == 0).all()


def test_an_episode_that_lasts_counts_once_a_day() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(1)
    for at in range(START, START + 10 * 86400, STEP):
        budget.learn(state, np.array([6.0]), np.array([at]))
    days = state["episodes"][0] + state["today"][0]
    assert AGAIN_S == 86400
    assert (days > 8).all()
    assert (days <= 11).all()
    assert budget.theta(state)[0] == RUNGS[-1]


def test_an_instant_counts_once_and_what_has_no_score_counts_nothing() -> None:
    score = exponential(3, 2)
    budget = Budget(usual, 1.0)
    once, twice = budget.initial(3), budget.initial(3)
    for j in range(score.shape[1]):
        at = np.full(3, START + j * STEP)
        budget.learn(once, score[:, j], at)
        for column in (score[:, j], score[:, j] + 5, np.full(3, np.nan)):
            budget.learn(twice, column, at)
    for name in once:
        np.testing.assert_array_equal(once[name], twice[name], err_msg=name)


def test_entities_alone_and_together_and_over_a_restart_are_the_same(tmp_path: object) -> None:
    score = exponential(6, 3, 0.5)
    budget = Budget(usual, 1.0)
    together = thetas(budget, score)
    for i in (0, 5):
        np.testing.assert_array_equal(thetas(budget, score[i : i + 1])[0], together[i])
    state = budget.initial(6)
    half = score.shape[1] // 2
    thetas(budget, score[:, :half], state)
    save_state(tmp_path, "budget", state, {})  # type: ignore[arg-type]
    back = load_state(tmp_path, "budget", {})  # type: ignore[arg-type]
    assert back is not None
    for j in range(half, score.shape[1]):
        budget.learn(back, score[:, j], np.full(6, START + j * STEP))
        np.testing.assert_array_equal(budget.theta(back), together[:, j])


def test_state_is_small() -> None:
    assert sum(array.nbytes for array in Budget(usual, 1.0).initial(10).values()) / 10 <= 1024
