"""The same input gives the same output to the bit: whatever the order of series, the size of blocks, restarts, or workers.

For every detector and forecaster of the catalogue with many rows at once, as sums over blocks of another size may be added in
another order; for the score of entities and their budget; and for whole turns of a watch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.core.records import Crossings, History, Limit, Resolution, State
from aiops.models import seasonal, spread
from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.second_tier import kept
from aiops.models.second_tier import pool as pools
from aiops.models.state_files import StateLoss, read_state, save_state
from aiops.pipeline import Watch, evaluate, keep, turn
from aiops.plugins import catalogue, load
from aiops.store import Store
from tests.daemon.rig import START_S, World, calm, card, falling
from tests.models.hours import NOW, history_of
from tests.pipeline.made import rooms_of, watch_of

DETECTORS, FORECASTERS = sorted(catalogue("detectors")), sorted(catalogue("forecasters"))
SLOW = [name for name in FORECASTERS if hasattr(load("forecasters", name), "kind")]
QUICK = [name for name in FORECASTERS if name not in SLOW]
STEP, ROWS = 300, 301
LATERS = tuple(range(0, 3600, 600))
Split = Callable[[int], list[np.ndarray]]


def halves(n: int) -> list[np.ndarray]:
    return [np.arange(n)[: n // 3], np.arange(n)[n // 3 :]]


def singles(n: int) -> list[np.ndarray]:
    """One row of each kind that there is in what follows by itself, and the rest."""
    alone = np.array([0, 1, 2, 3, 4, 15])
    return [*alone[:, None], np.setdiff1d(np.arange(n), alone)]


def shuffled(n: int) -> list[np.ndarray]:
    return [np.random.default_rng(5).permutation(n)]


def shuffled_parts(n: int) -> list[np.ndarray]:
    return np.array_split(np.random.default_rng(6).permutation(n), 7)


SPLITS = pytest.mark.parametrize("split", [halves, singles, shuffled, shuffled_parts])


def equal(a: State, b: State, what: str = "") -> None:
    assert list(a) == list(b)
    for name in a:
        np.testing.assert_array_equal(a[name], b[name], f"{what}{name}")


def loads(n: int, t: int, seed: int = 0) -> np.ndarray:
    """(n, t) points of series of many kinds: courses, drifts, counts, gaps, bursts, constants."""
    rng = np.random.default_rng(seed)
    at = np.arange(t) * STEP
    x = rng.uniform(1, 100, (n, 1)) + rng.uniform(0, 5, (n, 1)) * np.sin(2 * np.pi * at / 86400 + rng.uniform(0, 6, (n, 1)))
    x += rng.normal(size=(n, t)) * rng.uniform(0, 1, (n, 1)) + rng.uniform(0, 0.01, (n, 1)) * np.arange(t)
    x[1::5] = np.round(x[1::5])
    x[2::5] = np.where(rng.random((len(x[2::5]), t)) < 0.1, np.nan, x[2::5])
    x[3::5] *= 1 + 3 * (rng.random((len(x[3::5]), t)) < 0.01)
    x[4::20] = 3.0
    return x


def taken(state: State, rows: np.ndarray) -> State:
    return {name: array[rows] for name, array in state.items()}


# --- detectors --------------------------------------------------------------------------------------------------------


@cache
def scored(name: str) -> tuple[Any, np.ndarray, np.ndarray, State, Any]:
    """A detector, points and times of many rows, and what it has learnt and says of them together."""
    kind = load("detectors", name)
    detector, x = kind(kind.Params(), STEP), loads(ROWS, 700)
    times = np.broadcast_to(NOW + STEP * np.arange(700), x.shape).astype(np.int64)
    together = detector.initial(ROWS)
    return detector, x, times, together, detector.score(together, x, times)


@SPLITS
@pytest.mark.parametrize("name", DETECTORS)
def test_scores_do_not_depend_on_the_order_or_the_blocks(name: str, split: Split, monkeypatch: pytest.MonkeyPatch) -> None:
    detector, x, times, together, want = scored(name)
    monkeypatch.setattr(seasonal, "ROWS", 64)
    for rows in split(ROWS):
        state = detector.initial(len(rows))
        for part in (slice(0, 333), slice(333, 334), slice(334, 700)):
            found = detector.score(state, x[rows, part], times[rows, part])
            for field in ("p", "expected", "lower", "upper", "recent"):
                np.testing.assert_array_equal(getattr(found, field), getattr(want, field)[rows, part], field)
        equal(state, taken(together, rows))


def test_entities_and_their_budgets_do_not_depend_on_the_order() -> None:
    rng = np.random.default_rng(0)
    entity = np.sort(rng.integers(0, 60, ROWS))
    detector = load("detectors", "seasonal")
    budget, order = Budget(detector(detector.Params(), STEP).threshold, 1.0), np.random.default_rng(1).permutation(ROWS)
    there, first = np.unique(entity[order], return_index=True)
    number = np.argsort(np.argsort(first))  # entities are numbered as they come
    states = [budget.initial(len(there)) for _ in range(2)]
    indices = [EntityIndex(np.searchsorted(there, entity)), EntityIndex(number[np.searchsorted(there, entity[order])])]
    for at in range(NOW, NOW + 400 * STEP, STEP):
        p = rng.random((ROWS, 1)) ** 4
        p[rng.random(ROWS) < 0.1] = np.nan
        recent = np.fmin(p, rng.random((ROWS, 1)))
        scores = [indices[0].combine(p, recent)[:, 0], indices[1].combine(p[order], recent[order])[:, 0]]
        np.testing.assert_array_equal(scores[0], scores[1][number])
        for state, score in zip(states, scores, strict=True):
            budget.learn(state, score, np.full(len(there), at))
    np.testing.assert_array_equal(budget.theta(states[0]), budget.theta(states[1])[number])
    equal(states[0], taken(states[1], number))


# --- forecasters ------------------------------------------------------------------------------------------------------


def history(n: int, hours: int = 700) -> tuple[History, Limit]:
    """What a window holds of n series, a third of which grow; and their limits."""
    rng = np.random.default_rng(2)
    t = np.arange(float(hours))
    y = rng.uniform(10, 50, (n, 1)) + rng.uniform(0, 6, (n, 1)) * np.sin(2 * np.pi * t / 24) + rng.normal(size=(n, hours))
    steady = np.arange(n) % 3 == 0
    y[steady] = 10 + rng.uniform(0.05, 0.2, (steady.sum(), 1)) * t + 0.01 * rng.normal(size=(steady.sum(), hours))
    y[1::7, rng.integers(0, hours - 100)] = np.nan
    small = y[:, -72:].repeat(12, axis=1) + 0.01 * rng.normal(size=(n, 864))
    limit = y[:, -48:].mean(axis=1) * rng.uniform(1.05, 1.2, n)
    return history_of(y, small, spread=0.5), Limit(limit, np.ones(n, bool), np.full(n, np.nan), np.zeros(n, np.int8))


def of(seen: History, rows: np.ndarray, later_s: int = 0) -> History:
    """Some rows of a history, looked at later."""

    def part(one: Resolution) -> Resolution:
        mean = one.mean[rows]
        return Resolution(one.step_s, one.end_s, mean, mean if one.low is one.mean else one.low[rows], one.high[rows])

    return History(
        part(seen.fine), part(seen.mid), part(seen.long), seen.offset[rows], seen.now_s[rows] + later_s, seen.first_s[rows]
    )


def told(found: Crossings) -> dict[str, Any]:
    return {name: getattr(found, name) for name in ("time_s", "confidence", "slope", "window_s", "reason")}


def looks(model: Any, state: State, seen: History, limit: Limit, rows: np.ndarray, laters: tuple[int, ...]) -> dict[str, Any]:
    found = {}
    for later_s in laters:
        found = told(model.crossings(state, of(seen, rows, later_s), limit.take(rows), 3 * 86400))
    return found


@cache
def foretold(name: str) -> tuple[Any, History, Limit, State, dict[str, Any]]:
    """A forecaster, a history of many rows with their limits, and what it has learnt and says of them together."""
    kind = load("forecasters", name)
    model, (seen, limit) = kind(kind.Params(), STEP), history(ROWS)
    together = model.initial(ROWS)
    return model, seen, limit, together, looks(model, together, seen, limit, np.arange(ROWS), LATERS)


@SPLITS
@pytest.mark.parametrize("name", QUICK)
def test_forecasts_do_not_depend_on_the_order_or_the_blocks(name: str, split: Split) -> None:
    model, seen, limit, together, want = foretold(name)
    assert np.isfinite(want["time_s"]).any()
    for rows in split(ROWS):
        state = model.initial(len(rows))
        for field, array in looks(model, state, seen, limit, rows, LATERS).items():
            np.testing.assert_array_equal(array, want[field][rows], field)
        equal(state, taken(together, rows))


@pytest.mark.parametrize("name", QUICK)
def test_forecasts_after_a_restart_are_those_without(name: str, tmp_path: Path) -> None:
    kind = load("forecasters", name)
    model, (seen, limit) = kind(kind.Params(), STEP), history(40)
    rows, state = np.arange(40), model.initial(40)
    looks(model, state, seen, limit, rows, (0, 300))
    save_state(tmp_path, "model", state, {})
    back = read_state(tmp_path, "model", {})
    assert not isinstance(back, StateLoss)
    want = looks(model, state, seen, limit, rows, (600, 3900))
    for field, array in looks(kind(kind.Params(), STEP), back, seen, limit, rows, (600, 3900)).items():
        np.testing.assert_array_equal(array, want[field], field)
    equal(back, state)


FAMILIES = pytest.mark.parametrize("names", [["pca"], pytest.param(SLOW, marks=pytest.mark.long)])


def slow_models(names: list[str]) -> dict[str, Any]:
    return {name: load("forecasters", name)(load("forecasters", name).Params(everything=True), STEP) for name in names}


def asked_of_slow(
    names: list[str], workers: int, order: np.ndarray, seen: History, limit: Limit
) -> dict[str, tuple[State, dict[str, Any]]]:
    """What slow forecasters have learnt and say of some rows in that order, once answered."""
    pools.share(pools.Pool(workers, patient=True))
    models = slow_models(names)
    found = {name: (model.initial(len(order)), {}) for name, model in models.items()}
    for later_s in (0, 300):  # all of them ask before any is answered
        for name, model in models.items():
            state = found[name][0]
            found[name] = state, looks(model, state, seen, limit, order, (later_s,))
    assert all(state["second"].all() for state, _ in found.values()), pools.shared().counts
    return found


@pytest.fixture
def own_pool() -> Iterator[None]:
    yield
    pools.share(pools.Pool(patient=True))


@FAMILIES
def test_slow_forecasts_do_not_depend_on_the_workers_or_the_order(names: list[str], own_pool: None) -> None:
    seen, limit = history(3, hours=240)
    want = asked_of_slow(names, 1, np.arange(3), seen, limit)
    for count, order in [(2, np.array([2, 0, 1])), (5, np.array([1, 2, 0]))][: 2 if names == SLOW else 1]:
        back = np.argsort(order)
        for name, (state, said) in asked_of_slow(names, count, order, seen, limit).items():
            for field, array in said.items():
                np.testing.assert_array_equal(array[back], want[name][1][field], f"{name} {field}")
            equal(taken(state, back), want[name][0], f"{name} ")


@FAMILIES
def test_slow_forecasts_after_a_restart_are_those_without(names: list[str], own_pool: None, tmp_path: Path) -> None:
    """Killed between the asking and the answer, and taken up with what is saved of it."""
    (seen, limit), rows = history(2, hours=240), np.arange(2)
    want, found = asked_of_slow(names, 2, rows, seen, limit), {}
    pools.share(pools.Pool(2, patient=True))
    models = slow_models(names)
    for name, model in models.items():
        state = model.initial(2)
        looks(model, state, seen, limit, rows, (0,))
        save_state(tmp_path, name, state | kept.put(pools.shared(), [state]), {})
    pools.share(pools.Pool(1, patient=True))
    for name in names:
        back = read_state(tmp_path, name, {})
        assert not isinstance(back, StateLoss)
        kept.take_up(pools.shared(), back)
        found[name] = back
    for name, model in models.items():
        for field, array in looks(model, found[name], seen, limit, rows, (300,)).items():
            np.testing.assert_array_equal(array, want[name][1][field], f"{name} {field}")
        equal(found[name], want[name][0], f"{name} ")


# --- whole turns ------------------------------------------------------------------------------------------------------


def lived(
    order: np.ndarray, tmp: Store, folder: Path | None = None, begins_h: int = 30, hours: int = 4, **more: Any
) -> Watch:  # fmt: skip
    """Some hours of a watch whose source tells its series in that order; with a `folder` it is stopped and restored half way."""
    world, courses = World(), []
    for i in range(12):
        course = falling(0.00003 * i) if i % 2 else calm(0.1 * i)
        courses.append(({"instance": f"i{i}", "disk": str(i % 3)}, course))
    for i in order.tolist():
        world.add("free", *courses[i])
    written = card(**({"detect": {"model": "seasonal"}} | more), guards={"persistence": "2/3"})
    watch, rooms = watch_of(world, written, folder=folder), rooms_of(tmp)
    begins = START_S + begins_h * 3600
    for now in range(begins, begins + hours * 3600, STEP):
        if folder is not None and now == begins + hours * 1800:
            keep.save(watch, folder)
            pools.share(pools.Pool(1, patient=True))
            watch = watch_of(world, written, folder=folder)
            keep.restore(watch, tmp, folder)
            assert not watch.losses
        assert turn(watch, now // STEP * STEP, rooms).error is None
    return watch


def by_labels(watch: Watch) -> dict[str, dict[str, Any]]:
    """What is known of each series, by its labels."""
    assert watch.crossings is not None
    states = {**watch.detector_state, **watch.forecaster_state, **told(watch.crossings), "last_p": watch.last_p}
    names = [json.dumps(dict(one), sort_keys=True) for one in watch.window.labels]
    return {name: {part: array[row] for part, array in states.items()} for row, name in enumerate(names)}


@cache
def as_ever() -> Watch:
    """The series in their order, in blocks as shipped."""
    return lived(np.arange(12), Store.open("sqlite://", None))


@pytest.mark.parametrize(("rows", "columns"), [(512, 512), (5, 512), (1, 7)])
def test_turns_do_not_depend_on_the_order_of_series_or_on_blocks(
    rows: int, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    want = as_ever()
    monkeypatch.setattr(evaluate, "CHUNK_ROWS", rows)
    monkeypatch.setattr(evaluate, "CHUNK_COLUMNS", columns)
    found = lived(np.random.default_rng(3).permutation(12), Store.open("sqlite://", None))
    assert want.open
    same(found, want)


def same(found: Watch, want: Watch) -> None:
    assert sorted(found.open) == sorted(want.open)
    known = by_labels(found)
    for name, parts in by_labels(want).items():
        for part, value in parts.items():
            np.testing.assert_array_equal(known[name][part], value, f"{name} {part}")


EVERY = [
    *(pytest.param("forecasters", name, marks=pytest.mark.long if name in SLOW else ()) for name in FORECASTERS),
    *(pytest.param("detectors", name, marks=() if name == "seasonal" else pytest.mark.long) for name in DETECTORS),
]


@pytest.mark.parametrize(("group", "name"), EVERY)
def test_turns_of_every_model_do_not_depend_on_order_blocks_or_restarts(
    group: str, name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_pool: None
) -> None:
    """A look may fit as many as half of the series, so that others wait. Second opinions are asked on all of them."""
    monkeypatch.setattr(spread, "budget", lambda step_s: 6)
    everything = {"everything": True} if "everything" in load(group, name).Params.model_fields else {}
    more: dict[str, Any] = {"history": "9d", "begins_h": 172, "hours": 1, "cohort": ["disk"]}
    if group == "detectors":
        more |= {"detect": {"model": name, "params": everything}}
    else:
        more |= {"forecast": {"model": name, "params": everything, "limit": {"below": 0.05}, "horizon": "3d"}}
    pools.share(pools.Pool(2, patient=True))
    want = lived(np.arange(12), Store.open("sqlite://", None), **more)
    if everything:
        answered = want.opinion_state["p"] if group == "detectors" else np.where(want.forecaster_state["second"], 1.0, np.nan)
        assert np.isfinite(answered).any()
    monkeypatch.setattr(evaluate, "CHUNK_ROWS", 5)
    pools.share(pools.Pool(2, patient=True))
    same(lived(np.random.default_rng(4).permutation(12), Store.open("sqlite://", None), tmp_path, **more), want)
