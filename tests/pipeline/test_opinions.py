"""Second opinions in whole turns: asked for few entities, joined with their scores, the same for any order and any workers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.models.second_tier import pool as pools
from aiops.models.second_tier.pool import Pool
from aiops.pipeline import Watch, opinions, turn
from aiops.pipeline.forget import keep_only
from aiops.pipeline.keep import restore, save
from aiops.store import Store
from tests.pipeline.made import START_S, STEP_S, World, anomaly_card, rooms_of, watch_of

PODS = 8
MOVES_S = START_S + 36 * 3600
"""When the load of all pods grows at once, and that of one alone differs."""


@pytest.fixture(scope="module", autouse=True)
def pool() -> Iterator[Pool]:
    made = Pool(patient=True)
    pools.share(made)
    yield made
    pools.share(Pool(patient=True))


@pytest.fixture
def another_life(pool: Pool) -> Iterator[Pool]:
    """A pool of a later process, with two workers."""
    made = Pool(2, patient=True)
    pools._shared[:] = [made]
    yield made
    made.close()
    pools._shared[:] = [pool]


@pytest.fixture
def store() -> Store:
    return Store.open("sqlite://", None)


def pod(number: int, moves: float) -> Any:
    """A load that all pods share, noise of its own, and from MOVES_S on something more."""

    def at(t: np.ndarray) -> np.ndarray:
        common = 3 * np.sin(t * 0.00031) + 2 * np.sin(t * 0.00077 + 1)
        own = np.random.default_rng(1000 + number).normal(size=4096)[(t // STEP_S) % 4096]
        return 50 + common + 0.3 * own + np.where(t >= MOVES_S, moves, 0.0)

    return at


def world(all_move: float = 0.0, one_moves: float = 0.0, order: list[int] | None = None) -> World:
    found = World()
    for i in range(PODS) if order is None else order:
        moves = all_move + (one_moves if i == 2 else 0.0)
        found.add("load", {"instance": f"i{i}", "job": "shop"}, pod(i, moves))
    return found


def card_of(model: str = "pca", **params: Any) -> dict[str, Any]:
    detect = {"model": model, "params": params}
    return anomaly_card(cohort=["job"], history="4d") | {"detect": detect}


def through(watch: Watch, store: Store, first_s: int, last_s: int, every_s: int = STEP_S) -> list[np.ndarray]:
    rooms, found = rooms_of(store), []
    for now in range(first_s, last_s + 1, every_s):
        result = turn(watch, now // STEP_S * STEP_S, rooms)
        assert result.error is None
        found.append(result.scores)
    return found


def lived(written: dict[str, Any], made: World, store: Store, until_s: int = MOVES_S + 1800) -> tuple[Watch, list[np.ndarray]]:
    watch = watch_of(made, written)
    return watch, through(watch, store, MOVES_S - 1800, until_s)


def by_name(watch: Watch, values: np.ndarray) -> dict[str, float]:
    return {entity["instance"]: float(value) for entity, value in zip(watch.entities, values, strict=True)}


def answered(watch: Watch) -> np.ndarray | None:
    assert watch.detector is not None
    return opinions.answered(watch, MOVES_S + 1800, watch.detector.moves(watch.detector_state))


def test_only_those_near_their_threshold_are_asked_for(store: Store, pool: Pool) -> None:
    watch = watch_of(world(), card_of(near=0.01))
    before = pool.counts.asked
    through(watch, store, MOVES_S - 1800, MOVES_S - 600)
    assert pool.counts.asked == before
    scores = watch.thresholds.copy()
    scores[1:] -= 0.5
    opinions.ask(watch, scores, MOVES_S - 600)
    assert np.isfinite(watch.opinion_state["asked_s"]).tolist() == [True] + [False] * (PODS - 1)
    assert pool.counts.asked == before + 1


def test_who_is_asked_for_does_not_hang_on_the_order_of_series(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    for order in (list(range(PODS)), list(reversed(range(PODS)))):
        watch = watch_of(world(order=order), card_of(near=0.01))
        through(watch, store, MOVES_S - 1800, MOVES_S - 600)
        monkeypatch.setattr(type(watch.opinion), "room", lambda self: 3)
        opinions.ask(watch, watch.thresholds.copy(), MOVES_S - 600)
        asked.append({watch.entities[i]["instance"] for i in np.flatnonzero(np.isfinite(watch.opinion_state["asked_s"]))})
    assert asked[0] == asked[1] == {"i0", "i1", "i2"}


def test_what_is_said_of_copies_counts_once(store: Store) -> None:
    made = World()
    for name, number in (("a", 2), ("b", 2), ("c", 2), ("d", 3), ("e", 4), ("f", 5)):
        made.add("load", {"instance": name, "job": "shop"}, pod(number, 9.0))
    card = anomaly_card(entity=["job"], history="4d") | {"detect": {"model": "pca", "params": {"everything": True}}}
    watch, _ = lived(card, made, store)
    state, names = watch.opinion_state, [one["instance"] for one in watch.window.labels]
    state["of_s"][:] = MOVES_S + 900
    state["p"][:] = [1e-3 if name in "abc" else 0.5 for name in names]
    copies = answered(watch)
    state["p"][:] = [1e-3 if name == "a" else np.nan if name in "bc" else 0.5 for name in names]
    single = answered(watch)
    assert copies is not None
    assert single is not None
    assert copies[0] == pytest.approx(single[0])


def test_until_the_answer_is_due_the_first_tier_speaks(store: Store) -> None:
    first = lived(card_of("seasonal"), world(one_moves=4.0), store)[1]
    both = lived(card_of(everything=True), world(one_moves=4.0), Store.open("sqlite://", None))[1]
    np.testing.assert_array_equal(first[0], both[0])
    assert (first[-1] != both[-1]).any()


def test_what_all_do_together_is_less_strange_than_what_one_does(store: Store) -> None:
    together, said = lived(card_of(everything=True), world(all_move=4.0), store)
    first = lived(card_of("seasonal"), world(all_move=4.0), Store.open("sqlite://", None))[1]
    assert (said[-1] < first[-1] - 0.1).all(), "all of them move: no news to the second opinion"
    alone, told = lived(card_of(everything=True), world(one_moves=4.0), Store.open("sqlite://", None))
    assert by_name(alone, told[-1])["i2"] > by_name(together, said[-1])["i2"] + 0.4


def test_the_budget_sees_the_scores_that_warn(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = watch_of(world(all_move=4.0), card_of(everything=True))
    seen: list[np.ndarray] = []
    assert watch.budget is not None
    learn = type(watch.budget).learn

    def heard(self: Any, state: Any, score: Any, time_s: Any) -> None:
        seen.append(score)
        learn(self, state, score, time_s)

    monkeypatch.setattr(type(watch.budget), "learn", heard)
    told = through(watch, store, MOVES_S - 1800, MOVES_S + 1800)
    np.testing.assert_array_equal(watch.comparable(seen[-1]), told[-1])


def test_people_are_told_what_it_says(store: Store) -> None:
    watch, _ = lived(card_of(everything=True), world(all_move=4.0), store)
    number = watch.entity_number_of({"instance": "i2"})
    against = opinions.told(watch, number, {"against": ["one"]}, answered(watch))
    assert against["second_opinion"]["model"] == "pca"
    assert against["against"][0] == "one"
    assert against["against"][1].startswith("pca finds it less strange")
    alone, _ = lived(card_of(everything=True), world(one_moves=9.0), Store.open("sqlite://", None))
    assert "so says pca" in opinions.told(alone, alone.entity_number_of({"instance": "i2"}), {}, answered(alone))["reason"]


@pytest.mark.parametrize("model", ["pca", pytest.param("isolation", marks=pytest.mark.long)])
def test_neither_order_nor_workers_matter(model: str, store: Store, request: pytest.FixtureRequest) -> None:
    want, scores = lived(card_of(model, everything=True), world(one_moves=3.0), store, MOVES_S)
    request.getfixturevalue("another_life")
    other = world(one_moves=3.0, order=[5, 2, 7, 0, 1, 6, 3, 4])
    found, again = lived(card_of(model, everything=True), other, Store.open("sqlite://", None), MOVES_S)
    assert np.isfinite(want.opinion_state["p"]).all()
    for one, two in zip(scores, again, strict=True):
        assert by_name(want, one) == by_name(found, two)
    labels = [[json.dumps(dict(one)) for one in watch.window.labels] for watch in (want, found)]
    for name, array in want.opinion_state.items():
        place = [labels[1].index(one) for one in labels[0]]
        np.testing.assert_array_equal(found.opinion_state[name][place], array, name)


def test_after_a_restart_amid_the_asking_scores_are_those_without(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    want = lived(card_of(everything=True), world(one_moves=3.0), store, MOVES_S + 900)[1]
    written, end = card_of(everything=True), MOVES_S - 1200
    first, other = watch_of(world(one_moves=3.0), written, folder=tmp_path / "w"), Store.open("sqlite://", None)
    told = through(first, other, MOVES_S - 1800, end)
    assert np.isfinite(first.opinion_state["asked_s"]).any()
    save(first, tmp_path)
    request.getfixturevalue("another_life")
    again = watch_of(world(one_moves=3.0), written, folder=tmp_path / "w")
    restore(again, other, tmp_path)
    assert again.losses == {}
    told += through(again, other, end + STEP_S, MOVES_S + 900)
    for one, two in zip(want, told, strict=True):
        np.testing.assert_array_equal(one, two)


def test_rows_that_are_let_go_take_their_answers_with_them(store: Store) -> None:
    watch, _ = lived(card_of(everything=True), world(one_moves=3.0), store, MOVES_S - 900)
    asked = by_name(watch, watch.opinion_state["p"])
    keep_only(watch, np.array([1, 4, 5]))
    assert len(watch.opinion_state["p"]) == 3
    through(watch, store, MOVES_S - 600, MOVES_S - 600)
    assert set(by_name(watch, watch.opinion_state["p"][: len(watch.entities)])) <= set(asked)


def test_a_large_entity_is_asked_for_its_strongest_rows(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opinions, "OWN", 4)
    monkeypatch.setattr(opinions, "GROUP", 5)
    watch = watch_of(world(one_moves=6.0), anomaly_card(entity=["job"], history="4d") | {"detect": {"model": "pca"}})
    through(watch, store, MOVES_S - 1800, MOVES_S)
    opinions.ask(watch, watch.thresholds.copy(), MOVES_S)
    asked = np.flatnonzero(np.isfinite(watch.opinion_state["asked_s"]))
    assert len(asked) == 4
    assert [one["instance"] for one in watch.window.labels].index("i2") in asked
