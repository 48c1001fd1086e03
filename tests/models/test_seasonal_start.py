"""Where a new series of a cohort starts."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.seasonal_start import BLOCKS, POINTS, QUIET, SeasonalStart

STEP, T0 = 300, 1_749_945_600
DAYS = 4
COUNT = DAYS * 288
WIDER = 1 + 4 / (BLOCKS + 1)


def detector() -> tuple[Seasonal, SeasonalStart]:
    model = Seasonal(SeasonalParams(), STEP)
    assert isinstance(model.starts, SeasonalStart)
    return model, model.starts


def course(t: np.ndarray) -> np.ndarray:
    return 1 + 0.3 * np.sin(2 * np.pi * t / 86400)


def taught(
    sizes: np.ndarray, new: np.ndarray, own_noise: float | None = None, seed: int = 0
) -> tuple[Seasonal, State, np.ndarray]:
    """Members of these sizes after some days, and one more row with the points `new`; clocks now."""
    model, _ = detector()
    rng = np.random.default_rng(seed)
    t = T0 + STEP * np.arange(COUNT)
    noise = 0.02 * rng.standard_normal((len(sizes), COUNT))
    x = np.full((len(sizes) + 1, COUNT), np.nan)
    x[:-1] = sizes[:, None] * (course(t) + noise) if own_noise is None else sizes[:, None] + own_noise / 0.02 * noise
    x[-1, COUNT - len(new) :] = new
    state = model.initial(len(x))
    model.score(state, x, np.broadcast_to(t, x.shape).astype(np.int64))
    return model, state, np.full(len(x), t[-1])


def started(model: Seasonal, state: State, clock: np.ndarray) -> State:
    start = model.starts
    assert start is not None
    new = np.flatnonzero(start.waiting(state))
    assert new.tolist() == [len(clock) - 1]
    start.start(state, new, np.flatnonzero(start.learnt(state))[None], clock[new])
    return {name: array[-1] for name, array in state.items()}


def first_points(size: float) -> np.ndarray:
    return size * course(T0 + STEP * np.arange(COUNT - POINTS, COUNT))


def test_it_waits_for_its_first_points_and_no_longer_than_until_it_is_scored() -> None:
    model, start = detector()
    state = model.initial(1)
    waits = []
    for j in range(80):
        model.score(state, np.array([[1.0 + j % 2]]), np.array([[T0 + STEP * j]]))
        waits.append(bool(start.waiting(state)[0]))
    assert waits == [POINTS - 1 <= j < 59 for j in range(80)]


def test_it_is_scored_from_the_next_point_on() -> None:
    model, state, clock = taught(np.full(5, 10.0), first_points(10.0))
    started(model, state, clock)
    x = np.full((6, 1), 10.0 * course(clock[-1:] + STEP))
    usual = model.score({k: v.copy() for k, v in state.items()}, x, clock[:, None] + STEP).p[-1, 0]
    strange = model.score(state, 1.8 * x, clock[:, None] + STEP).p[-1, 0]
    assert usual > 0.1
    assert strange < 0.01


@pytest.mark.parametrize("times", [0.3, 10.0])
def test_a_series_k_times_as_large_starts_from_scales_k_times_as_large(times: float) -> None:
    sizes = np.array([1.0, 3.0, 10.0, 30.0, 100.0])  # alike in units of their own level
    for size in (5.0, 5.0 * times):
        model, state, clock = taught(sizes, first_points(size))
        new = started(model, state, clock)
        usual = np.median(state["scale"][:-1, 1] / sizes) * WIDER
        np.testing.assert_allclose(new["scale"][1] / size, usual, rtol=0.2)
        np.testing.assert_allclose(new["base"], size, rtol=0.1)


def test_its_course_of_the_day_is_that_of_the_others_about_its_own_level() -> None:
    model, state, clock = taught(np.array([1.0, 3.0, 10.0, 30.0, 100.0]), first_points(7.0))
    new = started(model, state, clock)
    usual = np.median(state["profile"][:-1] / state["base"][:-1, None], axis=0)
    np.testing.assert_allclose(new["profile"], 7.0 * usual, rtol=0.2, atol=0.2)
    assert new["days"].max() >= 3


def test_scales_that_do_not_grow_with_the_level_are_taken_as_they_are() -> None:
    sizes = np.array([50.0, 60.0, 100.0, 200.0, 400.0])
    model, state, clock = taught(sizes, np.full(POINTS, 55.0), own_noise=1.0)
    new = started(model, state, clock)
    np.testing.assert_allclose(new["scale"][1], np.median(state["scale"][:-1, 1]) * WIDER)


def test_levels_of_both_signs_have_no_ratio() -> None:
    sizes = np.array([-2.0, -1.0, 0.5, 1.0, 2.0])
    model, state, clock = taught(sizes, np.full(POINTS, 5.0), own_noise=1.0)
    new = started(model, state, clock)
    np.testing.assert_allclose(new["scale"][1], np.median(state["scale"][:-1, 1]) * WIDER)


def test_a_quiet_beginning_does_not_make_scales_small() -> None:
    model, state, clock = taught(np.array([10.0, 11.0, 12.0, 13.0, 14.0]), np.zeros(POINTS))
    new = started(model, state, clock)
    assert new["scale"][1] > 0.5 * np.median(state["scale"][:-1, 1])


def lives(times: float = 1.0, spread: float = 0.05, loud: int = 10**6, shape: np.ndarray | None = None) -> np.ndarray:
    """(96,) p of the first points of such a row, see `lived`."""
    return lived(times, spread, loud, shape)[0]


def lived(
    times: float = 1.0, spread: float = 0.05, loud: int = 10**6, shape: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """(96,) p of the first points of a new row that is `times` its cohort of ten for its first `loud` points, then like them, and
    by `shape` besides, and whether it stays at a new level; it starts when it may, as in the turns."""
    model, state, clock = taught(10.0 * np.exp(spread * np.linspace(-1, 1, 10)), np.zeros(0))
    start, rng, out, stays = model.starts, np.random.default_rng(3), [], []
    assert start is not None
    for j in range(96):
        at = clock[:, None] + STEP * (j + 1)
        x = np.full((11, 1), np.nan)
        x[-1] = 10.0 * (course(at[-1]) + 0.02 * rng.standard_normal()) * (times if j < loud else 1.0)
        x[-1] *= shape[j] if shape is not None and j < len(shape) else 1.0
        out.append(model.score(state, x, at).p[-1, 0])
        stays.append(model.stays(state, np.array([10]))[0])
        new = np.flatnonzero(start.waiting(state) & np.isfinite(x[:, 0]))
        if len(new):
            start.start(state, new, np.flatnonzero(start.learnt(state))[None], at[new, 0])
    return np.array(out), np.array(stays)


def test_what_is_bad_from_its_first_point_on_is_strange_for_being_unlike_its_cohort() -> None:
    p = lives(2.5)
    first = int(np.isfinite(p).argmax())
    assert first == 15, "a quarter of its warm-up"
    assert (p[first : first + 3] < 1e-3).all()


@pytest.mark.parametrize(("times", "most"), [(1.6, 0.015), (2.5, 0.011)])
def test_what_is_bad_from_its_start_is_so_for_longer_than_minutes_and_stays_there_afterwards(times: float, most: float) -> None:
    p, stays = lived(times)
    first = int(np.isfinite(p).argmax())
    assert (p[first : first + 8] < most).all(), "for 40 min without a break"
    assert stays[first + 12 :].all()


def test_a_loud_start_that_ends_late_does_not_stay_anywhere() -> None:
    assert not lived(2.5, loud=30)[1][60:].any()


def test_of_members_that_are_alike_a_third_more_is_strange_where_they_do_not_vary() -> None:
    """A share of 0.55 can not be half as much again: 30 points more are beyond pods that are all alike."""
    p = lives(1.5, spread=0.05)
    first = int(np.isfinite(p).argmax())
    assert first == 15
    assert (p[first : first + 3] < 0.01).all()


def test_a_loud_start_that_is_over_in_time_is_not_strange_then() -> None:
    p = lives(2.5, loud=12)
    assert int(np.isfinite(p).argmax()) == 12 + QUIET + 1
    assert np.nanmin(p) > 0.005


def test_a_first_peak_is_not_its_level() -> None:
    p = lives(shape=np.full(3, 8.0))
    assert POINTS + QUIET <= int(np.isfinite(p).argmax()) <= POINTS + 2 * QUIET
    assert np.nanmin(p) > 0.005


@pytest.mark.parametrize(("long", "spread"), [(6, 0.05), (12, 0.05), (12, 0.8), (24, 0.05), (24, 0.8)])
def test_what_still_fills_is_judged_once_it_is_full(long: int, spread: float) -> None:
    p = lives(spread=spread, shape=np.linspace(0.4, 1.0, long))
    assert max(POINTS, long) <= int(np.isfinite(p).argmax()) <= max(POINTS, long) + 2 * QUIET
    assert np.nanmin(p) > 0.005


def test_what_never_settles_learns_by_itself() -> None:
    p = lives(shape=np.random.default_rng(1).uniform(0.2, 2.0, 96))
    assert int(np.isfinite(p).argmax()) == 60


@pytest.mark.parametrize(("times", "spread"), [(0.3, 0.05), (1.3, 0.05), (2.5, 0.8)])
def test_what_is_smaller_a_little_larger_or_of_unlike_members_is_judged_by_its_own_level(times: float, spread: float) -> None:
    p = lives(times, spread)
    assert int(np.isfinite(p).argmax()) == POINTS
    assert np.nanmin(p) > 0.002


def test_a_tenth_of_members_moves_nothing_far() -> None:
    sizes = np.linspace(9, 11, 20)
    clean_model, clean, clock = taught(sizes, first_points(10.0))
    wild_model, wild, _ = taught(np.where(np.arange(20) < 2, 1e6, sizes), first_points(10.0))
    want, found = started(clean_model, clean, clock), started(wild_model, wild, clock)
    for name in ("scale", "base", "around"):
        np.testing.assert_allclose(found[name], want[name], rtol=0.3, err_msg=name)


def test_the_order_of_members_does_not_matter() -> None:
    model, state, clock = taught(np.linspace(5, 15, 9), first_points(10.0))
    start = model.starts
    assert start is not None
    answers = []
    for members in (np.arange(9), np.random.default_rng(0).permutation(9)):
        mine = {name: array.copy() for name, array in state.items()}
        padded = np.concatenate([members, [-1, -1]])
        start.start(mine, np.array([9]), padded[None], clock[9:])
        answers.append(mine)
    for name, array in answers[0].items():
        np.testing.assert_array_equal(array, answers[1][name], name)
        np.testing.assert_array_equal(array[:9], state[name][:9], name)


def test_what_was_given_is_no_learning_to_start_from() -> None:
    model, state, clock = taught(np.full(5, 10.0), first_points(10.0))
    started(model, state, clock)
    assert model.starts is not None
    assert model.starts.learnt(state).tolist() == [True] * 5 + [False]
    assert (model.ready(state) == 1.0).all()


def test_who_is_judged_by_what_was_given_is_told_apart_until_its_own_counts_more() -> None:
    model, state, clock = taught(np.full(5, 10.0), first_points(10.0))
    assert model.starts is not None
    assert not model.starts.given(state).any()
    started(model, state, clock)
    given = []
    for j in range(1, 289):
        x = 10.0 * course(clock[-1] + STEP * np.full((6, 1), j))
        model.score(state, x, (clock[:, None] + STEP * j).astype(np.int64))
        given.append(model.starts.given(state).tolist())
    assert not any(any(one[:5]) for one in given)
    mine = [one[5] for one in given]
    assert 2 * 3600 < STEP * sum(mine) < 6 * 3600
    assert not any(mine[sum(mine) :])


def test_what_is_beyond_its_cohort_from_its_start_is_no_member_of_it_while_that_lasts() -> None:
    """Nor is a member less of one because something happens to it."""
    t = T0 + STEP * np.arange(COUNT - 20, COUNT + 276)
    model, state, clock = taught(np.linspace(9, 11, 6), 25 * course(t[:20]))
    started(model, state, clock)
    learnt, lasts, rng = list[list[bool]](), list[bool](), np.random.default_rng(7)
    for j in range(20, len(t), 4):
        x = np.array([[10.0], [25.0]]) * (course(t[j : j + 4]) + 0.02 * rng.standard_normal((2, 4)))
        model.score(state, np.stack([x[1], *[x[0]] * 5, x[1]]), np.broadcast_to(t[j : j + 4], (7, 4)).astype(np.int64))
        assert model.starts is not None
        learnt.append(model.starts.learnt(state).tolist())
        lasts.append(bool(state["out"][6] > 0))
    assert all(now[:6] == [True] * 6 for now in learnt)
    assert [now[6] for now in learnt] == [not one for one in lasts]
    assert 12 * 3600 < 4 * STEP * sum(lasts) < 22 * 3600


def test_its_first_day_is_calm() -> None:
    model, state, clock = taught(np.array([5.0, 8.0, 10.0, 12.0, 20.0]), first_points(9.0))
    started(model, state, clock)
    rng = np.random.default_rng(7)
    t = clock[-1] + STEP * np.arange(1, 289)
    x = np.full((6, 288), np.nan)
    x[-1] = 9.0 * (course(t) + 0.02 * rng.standard_normal(288))
    p = model.score(state, x, np.broadcast_to(t, x.shape).astype(np.int64)).p[-1]
    assert np.isfinite(p).all()
    assert p.min() > 0.005
