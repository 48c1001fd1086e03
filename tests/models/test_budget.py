"""The controller of the false-alarm budget, on scores whose right threshold is known."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models import budget as held
from aiops.models.budget import AGAIN_S, INCIDENTS_A_WEEK, MERGE_S, OWN, REST, REST_S, RUNGS, Budget, comparable
from aiops.models.state_files import StateLoss, read_state, save_state

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


def normal(entities: int, weeks: float, middle: float, seed: int = 0) -> np.ndarray:
    """(entities, t) independent scores whose tail bends."""
    return middle + 0.35 * np.random.default_rng(seed).standard_normal((entities, int(weeks * WEEK / STEP)))


@pytest.mark.parametrize("shift", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("per_week", [0.5, 1.0, 3.0])
def test_however_heavy_the_tail_warnings_stay_near_the_days_that_may_have_one(per_week: float, shift: float) -> None:
    score = exponential(30, 8, shift)
    theta = thetas(Budget(usual, per_week), score)
    later = slice(score.shape[1] // 2, None)
    assert per_week / 2 < rate(score[:, later], theta[:, later]) < 1.4 * (per_week + INCIDENTS_A_WEEK)


@pytest.mark.parametrize("middle", [0.8, 1.2, 1.8])
def test_wherever_its_body_lies_an_entity_warns_equally_often(middle: float) -> None:
    score = normal(20, 8, middle)
    theta = thetas(Budget(usual, 1.0), score)
    later = slice(score.shape[1] // 4, None)
    assert 0.5 < rate(score[:, later], theta[:, later]) < 1.5


def test_a_quiet_entity_does_not_use_its_budget_up() -> None:
    score = exponential(5, 4, -1.0)
    theta = thetas(Budget(usual, 1.0), score)
    np.testing.assert_allclose(theta[:, -1], usual(1.0), atol=1e-4)
    assert rate(score, theta) < 0.3


def test_a_restless_entity_is_known_after_two_days() -> None:
    score, budget = normal(20, 1, 1.6), Budget(usual, 1.0)
    state = budget.initial(20)
    assert (state["base"] < usual(1.0) + 0.2).all()
    thetas(budget, score[:, : 3 * 144], state)
    assert np.median(state["base"]) > usual(1.0) + 0.5


def test_beside_incidents_on_a_tenth_of_the_days_a_budget_is_held_within_twice() -> None:
    score, day = normal(40, 8, 1.2), 86400 // STEP
    incident = np.arange(score.shape[1]) // day % 10 == 3
    incident &= np.arange(score.shape[1]) % day < day // 4
    outside = ~incident & (np.arange(score.shape[1]) >= score.shape[1] // 2)
    without, beside = (thetas(Budget(usual, 1.0), score + more * incident)[:, outside] for more in (0.0, 2.5))
    assert 0.5 < rate(score[:, outside], without) < 1.5
    assert 0.5 < rate(score[:, outside], beside) < 2.0


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
    assert (before > usual(1.0) + 0.1).all()
    assert (budget.theta(state) < before - 0.2).all()


def test_the_first_day_asks_what_is_usual_and_one_more_day_changes_it_only_afterwards() -> None:
    budget = Budget(usual, 1.0)
    score, state = exponential(3, 1, 1.0), budget.initial(3)
    base = np.empty_like(score)
    for j in range(score.shape[1]):
        budget.learn(state, score[:, j], np.full(3, START + j * STEP))
        base[:, j] = state["base"]
    day = (START + np.arange(score.shape[1]) * STEP) // 86400
    assert (base[:, day == day[0]] == budget.initial(1)["base"]).all()
    assert abs(budget.initial(1)["base"][0] - usual(1.0)) < 0.2
    for d in np.unique(day):
        assert (np.ptp(base[:, day == d], axis=1) == 0).all()


def test_after_an_episode_more_is_asked_for_and_less_and_less_and_nothing_while_it_goes_on() -> None:
    budget = Budget(usual, 1.0)
    state, asked = budget.initial(1), {}
    for at in range(-28 * 86400, 20 * 3600, STEP):
        budget.learn(state, np.array([4.0 if 0 <= at < 3600 else 0.5]), np.array([START // 86400 * 86400 + at]))
        asked[at] = budget.theta(state)[0] - state["base"][0]
    last = 3600 - STEP
    assert all(abs(asked[at]) < 1e-4 for at in range(0, last + MERGE_S + 1, STEP))
    assert asked[last + MERGE_S + STEP] == pytest.approx(REST * np.exp(-(MERGE_S + STEP) / REST_S), rel=1e-3)
    assert asked[last + 43200] == pytest.approx(REST / np.e, rel=1e-3)


def test_an_episode_that_lasts_counts_once_a_day_and_is_no_longer_asked_for_in_the_end() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(1)
    for at in range(START, START + 10 * 86400, STEP):
        budget.learn(state, np.array([6.0]), np.array([at]))
    days = state["episodes"][0] + state["today"][0]
    assert AGAIN_S == 86400
    assert (days > 8).all()
    assert (days <= 11).all()
    assert budget.theta(state)[0] > 4.0


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
    back = read_state(tmp_path, "budget", {})  # type: ignore[arg-type]
    assert not isinstance(back, StateLoss)
    for j in range(half, score.shape[1]):
        budget.learn(back, score[:, j], np.full(6, START + j * STEP))
        np.testing.assert_array_equal(budget.theta(back), together[:, j])


def test_state_is_small() -> None:
    assert sum(array.nbytes for array in Budget(usual, 1.0).initial(10).values()) / 10 <= 1024


def test_half_a_budget_is_held_as_well_as_a_whole_one() -> None:
    score, later = normal(60, 12, 1.2), slice(4 * WEEK // STEP, None)
    spent = {b: rate(score[:, later], thetas(Budget(usual, b), score)[:, later]) / b for b in (0.5, 1.0)}
    assert 0.6 * spent[1.0] < spent[0.5] < 1.1 * spent[1.0]


# --- a young entity ---------------------------------------------------------------------------------------------------


def watched_for(budget: Budget, days: float) -> State:
    """One calm entity."""
    state = budget.initial(1)
    for at in range(0, int(days * 86400), STEP):
        budget.learn(state, np.array([0.2]), np.array([START + at]))
    return state


@pytest.mark.parametrize("days", [0.1, 1.5, 5.0])
def test_of_a_young_entity_a_higher_score_is_asked_for(days: float) -> None:
    state = watched_for(Budget(usual, 1.0), days)
    more = held.YOUNG * np.exp(-days * 86400 / held.YOUNG_S)
    assert state["theta"][0] - state["base"][0] == pytest.approx(more, abs=0.02)


def test_the_score_of_a_young_entity_counts_less_in_what_is_learnt() -> None:
    budget, counted = Budget(usual, 1.0), []
    for days in (0.1, 28.0):
        state = watched_for(budget, days)
        before = int(state["today"][0].sum())
        budget.learn(state, np.array([3.0]), state["newest"] + STEP)
        counted.append(int(state["today"][0].sum()) - before)
    assert counted[1] - counted[0] == pytest.approx(held.YOUNG / (RUNGS[1] - RUNGS[0]), abs=1.5)


def test_beside_its_first_warning_a_young_entity_tells_only_what_goes_far_beyond_it() -> None:
    budget = Budget(usual, 1.0)
    for days, told in ((0.1, [True, False, True]), (28.0, [True, True, True])):
        state, found = watched_for(budget, days), []
        for score in (2.6, 2.8, 5.8):
            budget.learn(state, np.array([score]), state["newest"] + 6 * 3600)
            found.append(bool(score >= budget.theta(state)[0]))
        assert found == told


def test_the_budget_of_a_week_is_not_spent_on_the_first_days_though_scores_are_higher_there() -> None:
    score = normal(60, 5, 1.5)
    score[:] += 0.6 * np.exp(-np.arange(score.shape[1]) * STEP / 86400)
    theta, week = thetas(Budget(usual, 1.0), score), WEEK // STEP
    first, fifth = (rate(score[:, part], theta[:, part]) for part in (slice(week), slice(4 * week, None)))
    assert fifth < 1.5
    assert first < 3.0


def test_an_entity_with_a_score_an_hour_is_watched_all_the_time_and_one_with_a_gap_of_days_is_not() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(3)
    for hour in range(24 * 6 + 1):
        gap = 24 < hour < 24 * 6
        score = np.array([0.2, np.nan if gap else 0.2, np.nan if hour % 2 else 0.2])
        budget.learn(state, score, np.full(3, START + 3600 * hour))
    days = state["weeks"] * 7 + state["scored"] / 86400
    np.testing.assert_allclose(days, [6.0, 1.0 + 2 / 24, 6.0], rtol=0.12)


# --- a routine --------------------------------------------------------------------------------------------------------


def routine(days: float, height: float, weeks: float = 8, entities: int = 20) -> np.ndarray:
    """(entities, t) calm scores in which for an hour, every so many days give or take half a day, it is `height`."""
    score, rng = exponential(entities, weeks, -0.7), np.random.default_rng(5)
    at = np.zeros(score.shape, bool)
    for row in at:
        begin = rng.uniform(0, days)
        while begin < weeks * 7:
            row[int(begin * 144) : int(begin * 144) + 6] = True
            begin += max(days + rng.uniform(-0.5, 0.5), 0.5)
    return np.where(at, height + 0.05 * rng.standard_normal(score.shape), score)


@pytest.mark.parametrize("days", [1.0, 2.0, 4.0])
def test_what_comes_every_few_days_equally_strange_is_told_a_few_times_and_then_no_more(days: float) -> None:
    score = routine(days, 2.2)
    theta, week = thetas(Budget(usual, 1.0), score), WEEK // STEP
    assert rate(score[:, : 2 * week], theta[:, : 2 * week]) > 0.5
    assert rate(score[:, 4 * week :], theta[:, 4 * week :]) < 0.1
    assert np.median(theta[:, -1]) < 2.2 + 0.5


def test_what_is_rarer_than_the_budget_is_told_each_time() -> None:
    score = routine(10.0, 2.2)
    theta, week = thetas(Budget(usual, 1.0), score), WEEK // STEP
    assert rate(score[:, 2 * week :], theta[:, 2 * week :]) > 0.9 * 0.7


def test_what_is_far_stranger_than_the_rest_is_told_however_often_it_comes() -> None:
    score = routine(2.5, usual(1.0) + held.FARTHER + 0.5)
    theta, later = thetas(Budget(usual, 1.0), score), slice(4 * WEEK // STEP, None)
    assert rate(score[:, later], theta[:, later]) > 2.0


def test_an_incident_beside_a_routine_is_told() -> None:
    score = routine(2.0, 2.2)
    score[:, -6:] = 3.0
    assert (thetas(Budget(usual, 1.0), score)[:, -1] < 3.0).all()


# --- a cohort ---------------------------------------------------------------------------------------------------------


def cohort(budget: Budget, entities: int = 20, wild: int = 0) -> State:
    """Restless entities after three weeks, `wild` of them far more so, and one that nothing is known of."""
    score = np.concatenate([exponential(entities, 3, 0.6, seed=3), np.full((1, int(3 * WEEK / STEP)), np.nan)])
    score[:wild] += 1.5
    state = budget.initial(entities + 1)
    thetas(budget, score, state)
    return state


def test_an_entity_starts_at_the_threshold_of_its_cohort() -> None:
    budget = Budget(usual, 1.0)
    state = cohort(budget)
    assert budget.waiting(state).tolist() == [False] * 20 + [True]
    budget.start(state, np.array([20]), np.arange(20)[None])
    assert abs(budget.theta(state)[20] - np.median(state["base"][:20])) < 0.15
    assert not budget.waiting(state)[20]


def test_a_tenth_of_a_cohort_does_not_move_the_start() -> None:
    budget, found = Budget(usual, 1.0), []
    for wild in (0, 2):
        state = cohort(budget, wild=wild)
        budget.start(state, np.array([20]), np.append(np.arange(20), -1)[None])
        found.append(budget.theta(state)[20])
    assert abs(found[1] - found[0]) < 0.1


def test_an_entity_of_a_cohort_warns_in_its_first_week_as_the_others_do_by_now_and_is_not_taken_for_young() -> None:
    budget = Budget(usual, 1.0)
    state, score = cohort(budget), exponential(50, 1, 0.6, seed=9)
    given = {name: np.concatenate([state[name][:20], array]) for name, array in budget.initial(50).items()}
    budget.start(given, np.arange(20, 70), np.broadcast_to(np.arange(20), (50, 20)))
    theta = thetas(budget, score, {name: array[20:].copy() for name, array in given.items()})
    others = rate(score, np.broadcast_to(np.median(state["base"][:20]), score.shape))
    assert 0.7 * others < rate(score, theta) < others
    assert np.median(theta[:, :36]) < np.median(thetas(budget, score)[:, :36]) - 0.2


def test_only_those_watched_for_a_day_have_something_to_give() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(2)
    for at in range(0, 90000, STEP):
        budget.learn(state, np.array([0.5, 0.5 if at < 40000 else np.nan]), np.full(2, START + at))
    assert budget.learnt(state).tolist() == [True, False]


def test_a_score_counts_less_beside_others_the_more_restless_its_entity_is() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(2)
    thetas(budget, np.concatenate([exponential(1, 6), exponential(1, 6, 1.0, seed=1)]), state)
    calm, restless = comparable(np.array([4.0, 4.0]), budget.own(state))
    asked = budget.theta(state)
    assert asked[1] > asked[0] + 0.3
    assert calm - restless == pytest.approx(OWN * (asked[1] - asked[0]))
    told = comparable(asked, budget.own(state))
    assert told[1] > told[0]


def test_a_comparable_score_is_never_below_zero_nor_above_what_it_was_and_none_stays_none() -> None:
    budget = Budget(usual, 1.0)
    state = budget.initial(3)
    thetas(budget, exponential(3, 2, 0.5), state)
    got = comparable(np.array([0.0, np.nan, 2.0]), budget.own(state))
    assert got[0] == 0.0
    assert np.isnan(got[1])
    assert 0.0 < got[2] < 2.0
