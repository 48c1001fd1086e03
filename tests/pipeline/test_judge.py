"""Crossings are seen once, where somebody could have warned; warnings are judged by them, and failures without one are missed."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from aiops.pipeline import Changes, Rooms, Watch, turn
from aiops.pipeline.beyond import REARM_STEPS, follow
from aiops.pipeline.judge import crossed_rows, settle
from aiops.store import Store
from tests.daemon.rig import falling
from tests.pipeline.made import START_S, STEP_S, World, card, reading, rooms_of, watch_of

IN, OUT, GAP = 0.5, 0.01, float("nan")


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def columns_of(watch: Watch, *values: list[float]) -> list[int]:
    """Columns in which row 0 crosses."""
    return [j for j, begins in follow(watch, reading(watch, [list(v) for v in values]).values) if begins[0]]


def test_a_crossing_is_counted_once() -> None:
    assert columns_of(watch_of(World()), [IN, IN, OUT, OUT, OUT]) == [2]


def test_the_limit_itself_is_beyond() -> None:
    assert columns_of(watch_of(World()), [IN, 0.05]) == [1]


def test_a_limit_from_above() -> None:
    watch = watch_of(World(), card(forecast={"limit": {"above": 0.9}}))
    assert columns_of(watch, [0.5, 0.89, 0.9, 0.95]) == [2]


def test_what_is_beyond_when_first_seen_is_no_crossing() -> None:
    assert columns_of(watch_of(World()), [GAP, OUT, OUT]) == []


def test_a_row_must_stay_inside_before_it_counts_again() -> None:
    soon, late = [IN] * (REARM_STEPS - 1), [IN] * REARM_STEPS
    assert columns_of(watch_of(World()), [IN, OUT, *soon, OUT]) == [1]
    assert columns_of(watch_of(World()), [IN, OUT, *late, OUT]) == [1, 2 + REARM_STEPS]


def test_a_gap_neither_crosses_nor_counts_as_inside() -> None:
    assert columns_of(watch_of(World()), [IN, GAP, OUT, *([GAP] * 20), OUT]) == [2]
    half = [IN] * (REARM_STEPS // 2)
    assert columns_of(watch_of(World()), [IN, OUT, *half, GAP, *half, OUT]) == [1, 3 + REARM_STEPS]


def test_rows_do_not_influence_each_other() -> None:
    watch = watch_of(World())
    values = reading(watch, [[IN, OUT, OUT], [IN, IN, OUT], [OUT, OUT, OUT]]).values
    found = [begins.tolist() for _, begins in follow(watch, values)]
    assert found == [[False] * 3, [True, False, False], [False, True, False]]


def test_column_by_column_equals_all_at_once() -> None:
    rng = np.random.default_rng(7)
    values = np.where(rng.random((5, 80)) < 0.3, OUT, IN)
    values[rng.random(values.shape) < 0.1] = np.nan
    whole, parts = watch_of(World()), watch_of(World())
    reading(whole, values.tolist())
    reading(parts, values.tolist())
    at_once = [b.copy() for _, b in follow(whole, values)]
    one_by_one = [b.copy() for j in range(80) for _, b in follow(parts, values[:, j : j + 1])]
    np.testing.assert_array_equal(at_once, one_by_one)
    for name, array in whole.beyond.items():
        np.testing.assert_array_equal(parts.beyond[name], array)


def test_history_that_is_read_at_the_first_start_is_not_judged() -> None:
    watch = watch_of(World())
    assert crossed_rows(watch, reading(watch, [[IN, OUT, OUT]])) == {}


def test_after_a_restart_only_what_came_since_is_judged() -> None:
    watch = watch_of(World())
    new = reading(watch, [[IN, OUT, OUT, OUT], [IN, IN, IN, OUT]])
    watch.judged_s = int(new.time_s[1])
    assert crossed_rows(watch, new) == {1: int(new.time_s[3])}


def test_a_row_that_is_excluded_does_not_fail() -> None:
    watch = watch_of(World())
    watch.judged_s = START_S
    new = reading(watch, [[IN, OUT], [IN, OUT]])
    new.masked[0, 1] = True
    assert crossed_rows(watch, new) == {1: int(new.time_s[1])}


def judged(watch: Watch, rooms: Rooms, crossed: dict[int, int], now_s: int) -> Changes:
    changes = Changes("disk", "made", now_s)
    settle(watch, crossed, now_s, rooms, changes)
    return changes


def test_a_failure_that_nobody_warned_of_is_missed(store: Store) -> None:
    watch = watch_of(World())
    new = reading(watch, [[IN, OUT], [IN, OUT]])
    at = int(new.time_s[1])
    changes = judged(watch, rooms_of(store), {0: at, 1: at}, at)
    assert [(o.verdict, o.failed_s, dict(o.entity)) for o in changes.outcomes] == [
        ("missed", at, {"instance": "i0"}), ("missed", at, {"instance": "i1"}),
    ]  # fmt: skip
    assert [e.kind for e in changes.events] == ["crossing", "outcome", "crossing", "outcome"]


def test_a_failure_is_not_missed_while_a_warning_that_is_judged_already_stands_open(store: Store) -> None:
    watch = watch_of(World())
    at = int(reading(watch, [[IN, OUT]]).time_s[1])
    watch.stood['{"instance":"i0"}'] = at, at - 2 * STEP_S
    assert judged(watch, rooms_of(store), {0: at}, at).outcomes == []
    for begun, last in ((at + STEP_S, at + STEP_S), (0, at - 2 * STEP_S - 1)):  # it opened later, or had ended before
        watch.stood['{"instance":"i0"}'] = begun, last
        assert [o.verdict for o in judged(watch, rooms_of(store), {0: at}, at).outcomes] == ["missed"]


def test_a_crossing_that_is_not_the_truth_of_its_card_judges_nothing(store: Store) -> None:
    watch = watch_of(World(), card(truth={"crossing": False}))
    at = int(reading(watch, [[IN, OUT]]).time_s[1])
    changes = judged(watch, rooms_of(store), {0: at}, at)
    assert (changes.outcomes, [e.kind for e in changes.events]) == ([], ["crossing"])


def through(world: World, store: Store, hours: float) -> Watch:
    """Turns every step from 8 h on, until so many hours."""
    watch, rooms = watch_of(world), rooms_of(store)
    for now in range(START_S + 8 * 3600, START_S + int(hours * 3600) + 1, STEP_S):
        turn(watch, now, rooms)
    return watch


def test_a_warning_that_comes_true_is_a_hit_with_its_lead_and_ends(store: Store) -> None:
    world = World()
    world.add("free", {"instance": "a"}, falling(0.001, 0.799))
    watch = through(world, store, 13)
    (outcome,) = store.outcomes()
    (warning,) = store.warnings()
    crossed = START_S + 12 * 3600 + 1800
    assert (outcome.verdict, outcome.failed_s) == ("hit", crossed)
    assert outcome.lead_s == crossed - warning.opened_s
    assert (warning.state, warning.verdict, warning.closed_s) == ("closed", "hit", crossed)
    assert watch.pending == {}


def test_one_that_does_not_come_true_is_false_at_its_deadline(store: Store) -> None:
    world = World()
    world.add("free", {"instance": "a"}, lambda t: np.maximum(0.8 - 0.001 * (t - START_S) / 60, 0.3))
    watch = through(world, store, 24)
    assert store.warnings(), "it was forecast while it fell"
    assert {o.verdict for o in store.outcomes()} == {"false"}
    assert watch.pending == {}
    assert len(store.outcomes()) == len(store.warnings())
