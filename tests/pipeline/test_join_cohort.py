"""New series and entities start from their cohort, in whole turns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.pipeline import Watch, evaluate, turn
from aiops.pipeline.keep import restore, save
from aiops.store import Store
from tests.pipeline.made import START_S, STEP_S, World, anomaly_card, rooms_of, watch_of

BORN_S = START_S + 2 * 86400
OLD, NEW = 6, 3
COHORT = ["job"]


def pod(number: int, begins_s: int = START_S) -> Any:
    """A course of its own noise, there from an instant on."""

    def at(t: np.ndarray) -> np.ndarray:
        wobble = np.sin(t * (0.0131 + 0.0017 * number)) + np.sin(t * 0.0037 + number)
        x = (5 + number) * (1 + 0.2 * np.sin(2 * np.pi * t / 86400) + 0.01 * wobble)
        return np.where(t >= begins_s, x, np.nan)

    return at


def world(order: np.ndarray | None = None, job: str = "shop") -> World:
    found = World()
    for i in range(OLD + NEW) if order is None else order.tolist():
        found.add("load", {"instance": f"i{i}", "job": job}, pod(i, BORN_S if i >= OLD else START_S))
    return found


def written(cohort: list[str]) -> dict[str, Any]:
    return anomaly_card(cohort=cohort)


def through(watch: Watch, store: Store, first_s: int, last_s: int, every_s: int = STEP_S) -> None:
    rooms = rooms_of(store)
    for now in range(first_s, last_s + 1, every_s):
        assert turn(watch, now // STEP_S * STEP_S, rooms).error is None


@pytest.fixture
def store() -> Store:
    return Store.open("sqlite://", None)


def row(watch: Watch, name: str) -> int:
    return [one["instance"] for one in watch.window.labels].index(name)


def judged_after(cohort: list[str], store: Store) -> int:
    watch = watch_of(world(), written(cohort))
    through(watch, store, BORN_S - 1800, BORN_S - STEP_S)
    for now in range(BORN_S, BORN_S + 86400, STEP_S):
        through(watch, store, now, now)
        if "i8" in [one["instance"] for one in watch.window.labels] and np.isfinite(watch.last_p[row(watch, "i8")]):
            return now - BORN_S
    raise AssertionError("never")


def test_a_new_series_is_judged_after_few_points(store: Store) -> None:
    assert judged_after(COHORT, store) <= 9 * STEP_S


def test_without_a_cohort_it_is_judged_once_it_has_learnt_itself(store: Store) -> None:
    assert judged_after([], store) >= 55 * STEP_S


def test_a_label_that_no_series_has_makes_no_cohort(store: Store) -> None:
    assert judged_after(["team"], store) >= 55 * STEP_S


def test_a_new_entity_starts_from_the_budget_of_its_cohort(store: Store) -> None:
    watch = watch_of(world(), written(COHORT))
    through(watch, store, BORN_S - 1800, BORN_S - STEP_S)
    old = watch.budget_state
    old["episodes"][:OLD, :9] = 60.0  # a restless cohort
    old["warned_days"][:OLD, :9] = 10.0
    through(watch, store, BORN_S, BORN_S + 3600)
    new = watch.budget_state["base"][[watch.entity_number_of({"instance": f"i{i}"}) for i in range(OLD, OLD + NEW)]]
    assert watch.budget is not None
    assert (new > watch.budget.initial(1)["base"][0] + 0.2).all()


def known(watch: Watch) -> dict[str, dict[str, np.ndarray]]:
    out = {}
    for at, labels in enumerate(watch.window.labels):
        number = watch.entity_of[at]
        own = {name: array[at] for name, array in watch.detector_state.items()} | {"last_p": watch.last_p[at]}
        out[labels["instance"]] = own | {f"budget.{name}": array[number] for name, array in watch.budget_state.items()}
    return out


def same(a: Watch, b: Watch) -> None:
    mine, others = known(a), known(b)
    assert mine.keys() == others.keys()
    for name, parts in mine.items():
        for part, value in parts.items():
            np.testing.assert_array_equal(others[name][part], value, f"{name} {part}")


LAST_S = BORN_S + 5 * 3600 - STEP_S


def lived(store: Store, order: np.ndarray | None = None, every_s: int = STEP_S) -> Watch:
    watch = watch_of(world(order), written(COHORT))
    through(watch, store, BORN_S - 1800, BORN_S - STEP_S)
    through(watch, store, BORN_S - STEP_S + every_s, LAST_S, every_s)
    return watch


def test_the_order_of_series_does_not_matter(store: Store) -> None:
    same(lived(store), lived(Store.open("sqlite://", None), np.random.default_rng(3).permutation(OLD + NEW)))


def test_how_many_columns_a_turn_reads_does_not_matter(store: Store) -> None:
    same(lived(store), lived(Store.open("sqlite://", None), every_s=3600))


@pytest.mark.parametrize("columns", [1, 7])
def test_the_size_of_blocks_does_not_matter(columns: int, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    want = lived(store, every_s=3600)
    monkeypatch.setattr(evaluate, "CHUNK_COLUMNS", columns)
    same(want, lived(Store.open("sqlite://", None), every_s=3600))


def test_a_restart_does_not_matter(tmp_path: Path) -> None:
    want = lived(Store.open("sqlite://", None))
    store = Store.open("sqlite://", None)
    watch = watch_of(world(), written(COHORT), folder=tmp_path)
    restore(watch, store, tmp_path)
    through(watch, store, BORN_S - 1800, BORN_S + 1200)  # new ones have points, and have not started
    save(watch, tmp_path)
    back = watch_of(world(np.arange(OLD + NEW)[::-1]), written(COHORT), folder=tmp_path)
    restore(back, store, tmp_path)
    through(back, store, BORN_S + 1500, LAST_S)
    same(want, back)


def test_series_that_begin_together_learn_for_themselves(store: Store) -> None:
    states = []
    for cohort in ([], COHORT):
        watch = watch_of(world(), written(cohort))
        through(watch, store if cohort else Store.open("sqlite://", None), BORN_S - 7200, BORN_S - STEP_S)
        states.append(known(watch))
    assert states[0].keys() == states[1].keys()
    for name, parts in states[0].items():
        for part, value in parts.items():
            np.testing.assert_array_equal(states[1][name][part], value, f"{name} {part}")


def test_a_new_one_is_told_beside_its_cohort_and_an_old_one_beside_itself(store: Store) -> None:
    """What is minutes old has no usual course of its own."""

    def bad(number: int, begins_s: int, from_s: int) -> Any:
        return lambda t: pod(number, begins_s)(t) * np.where(t >= from_s, 6.0, 1.0)

    found = World()
    for i in range(OLD):
        found.add("load", {"instance": f"i{i}", "job": "shop"}, bad(i, START_S, BORN_S + 600) if i == 0 else pod(i))
    found.add("load", {"instance": "new", "job": "shop"}, bad(2, BORN_S, BORN_S))
    watch = watch_of(found, written(COHORT))
    through(watch, store, BORN_S - 1800, BORN_S + 5400)
    told = {one.entity["instance"]: one.symptoms[0].evidence for one in store.warnings(limit=10)}
    assert told.keys() == {"i0", "new"}
    assert (told["new"]["usual_of"], told["new"]["reason"][:18]) == ("cohort", "unlike its cohort;")
    assert told["new"]["usual_high"] < 20.0 < told["new"]["now"]
    assert "usual_of" not in told["i0"]
    assert told["i0"]["reason"] == "unlike what was usual here"
