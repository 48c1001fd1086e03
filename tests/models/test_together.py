"""Metrics of an entity that go together are counted once."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.entity import EntityIndex
from aiops.models.together import BLOCKS, MOST, STEPS, STRONGEST, LastMoves, counted_once


def moves(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return np.clip(np.rint(STEPS * rng.normal(size=(*shape, BLOCKS))), -MOST, MOST).astype(np.int8)


def learnt(rests: np.ndarray) -> np.ndarray:
    """The moves (n, BLOCKS) of rows that left these rests (n, t)."""
    one, n = LastMoves(), len(rests)
    state = one.initial(n) | {"block": np.zeros(n, np.int64)}
    for j in range(rests.shape[1]):
        state["block"][:] = j
        one.learn(state, np.arange(n), rests[:, j])
    found: np.ndarray = state["bends_of_day"]
    return found


def test_units_and_signs_do_not_matter() -> None:
    rest = np.random.default_rng(0).normal(size=300)
    found = learnt(np.stack([rest, -8.0 * rest, 2.0**20 * rest]))
    np.testing.assert_array_equal(found[0], -found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_a_constant_series_does_not_move_and_goes_with_nothing() -> None:
    found = learnt(np.zeros((2, 200)))
    assert not found.any()
    np.testing.assert_array_equal(counted_once(np.array([[2.0, 1.0]]), found[None]), [[2.0, 1.0]])


@pytest.mark.parametrize("amplitude", [0.0, 20.0, 300.0])
def test_copies_are_known_on_a_first_day_and_what_only_follows_the_same_day_is_none(amplitude: float) -> None:
    rng = np.random.default_rng(9)
    wave = amplitude * np.sin(2 * np.pi * np.arange(BLOCKS) / BLOCKS)
    one, other = (wave + rng.normal(size=BLOCKS) for _ in range(2))
    found = counted_once(np.array([[3.0, 2.0, 2.5]]), learnt(np.stack([one, 1e3 - 7.0 * one, other]))[None])
    np.testing.assert_array_equal(found, [[3.0, -np.inf, 2.5]])


def test_of_copies_the_strongest_is_kept_and_what_is_apart_counts_in_full() -> None:
    rng = np.random.default_rng(1)
    one, other = moves(rng), moves(rng)
    found = counted_once(np.array([[1.0, 3.0, 2.5, 2.0]]), np.stack([one, -one, other, one])[None])
    np.testing.assert_array_equal(found, [[-np.inf, 3.0, 2.5, -np.inf]])


def test_the_closer_two_go_together_the_less_the_weaker_counts() -> None:
    rng = np.random.default_rng(2)
    base, found = rng.normal(size=4000), []
    for noise in (3.0, 0.3, 0.22, 0.05):
        rest = np.stack([base, base + noise * rng.normal(size=len(base))])
        found.append(float(counted_once(np.array([[2.0, 2.0]]), learnt(rest)[None]).min()))
    assert found[0] == 2.0
    assert found == sorted(found, reverse=True)
    assert found[-1] == -np.inf


def test_one_incident_of_metrics_that_are_apart_makes_them_no_copies() -> None:
    rng = np.random.default_rng(3)
    rest = rng.normal(size=(4, 400))
    rest[:, -8:] += 50.0
    found = counted_once(np.full((1, 4), 3.0), learnt(rest)[None])
    np.testing.assert_array_equal(found, np.full((1, 4), 3.0))


def test_few_moves_say_nothing() -> None:
    few = np.zeros((1, 2, BLOCKS), np.int8)
    few[:, :, :5] = MOST
    np.testing.assert_array_equal(counted_once(np.array([[2.0, 1.5]]), few), [[2.0, 1.5]])


@pytest.mark.parametrize("ties", [False, True])
def test_neither_the_order_of_metrics_nor_other_entities_matter(ties: bool) -> None:
    rng = np.random.default_rng(4)
    k, w = 6, STRONGEST + 9
    score = rng.integers(1, 4, (k, w)).astype(float) if ties else rng.exponential(size=(k, w))
    score[0, 3:] = -np.inf
    course = moves(rng, k, w)
    course[:, 1::3] = course[:, ::3][:, : course[:, 1::3].shape[1]]
    together = counted_once(score, course)
    for i in range(k):
        order = rng.permutation(w)
        alone = counted_once(score[i : i + 1, order], course[i : i + 1, order])
        np.testing.assert_array_equal(np.sort(alone[0]), np.sort(together[i]))


def test_a_signal_that_is_mirrored_counts_as_one_in_the_score_of_its_entity() -> None:
    rng = np.random.default_rng(5)
    index, own = EntityIndex(np.zeros(10, np.int64)), moves(rng, 10)
    calm, strange = 10**-0.15, 10**-2.0
    single = index.combine(np.array([[strange]] + [[calm]] * 6 + [[np.nan]] * 3), None, own)
    p = np.array([[strange]] * 4 + [[calm]] * 6)
    copies = own.copy()
    copies[1:4] = copies[0]
    assert index.combine(p, None, own)[0, 0] == pytest.approx(2.0)
    assert index.combine(p, None, copies)[0, 0] == pytest.approx(single[0, 0])


def test_copies_do_not_make_one_metric_that_stands_out_one_of_many() -> None:
    rng = np.random.default_rng(7)
    own, calm = moves(rng, 6), [[10**-0.2]] * 5
    few = EntityIndex(np.zeros(6, np.int64)).combine(np.array([[1e-4], *calm]), None, own)
    for times, near in ((2, 0.0), (5, 0.1)):  # the latter are more than are compared
        p, index = np.array([[1e-4], *calm] * times), EntityIndex(np.zeros(6 * times, np.int64))
        assert index.combine(p, None, np.tile(own, (times, 1)))[0, 0] == pytest.approx(few[0, 0], abs=near)


def test_an_entity_of_copies_alone_is_one_with_a_single_metric() -> None:
    course = np.repeat(moves(np.random.default_rng(6), 1), 4, axis=0)
    p = np.full((4, 1), 1e-3)
    single = EntityIndex(np.zeros(1, np.int64)).combine(p[:1])
    assert EntityIndex(np.zeros(4, np.int64)).combine(p, None, course)[0, 0] == single[0, 0]
