"""Lanes side by side: every entity keeps its own clock."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.backtest.annexes import LimitRule
from aiops.backtest.replay import Lane, ReplaySource, on_grid
from tests.backtest.recordings import DAY, START


def lane(entity: str, start_s: int, count: int = 10, step_s: int = 60, **limits: LimitRule) -> Lane:
    return Lane(entity, ("x", "y"), start_s, step_s, np.arange(2.0 * count).reshape(2, count), limits=limits)


def test_samples_land_on_the_first_instant_not_before_them() -> None:
    start, grid = on_grid(np.array([100, 101, 160, 250]), np.array([[1.0, 2.0, 3.0, 4.0]]), 60)
    assert start == 100
    np.testing.assert_array_equal(grid, [[1, 3, np.nan, 4]])


@pytest.mark.parametrize("step", [1, 6, 60, 75, 300, 400, 3600, 7200, DAY, 3 * DAY])
def test_a_shared_instant_is_on_the_grid_and_the_hours_of_both_clocks_meet(step: int) -> None:
    for begin in (START, START + 1, START + 12345, START + 99 * DAY + 7, -5_000_001):
        one = lane("a", begin, step_s=step)
        assert one.first % step == 0
        assert one.first > 0
        if step <= 3600:
            assert (one.phase_s - begin % step) % 3600 == 0
            assert one.first < 3600 + 2 * DAY


def test_lanes_of_different_dates_are_replayed_at_the_same_time() -> None:
    source = ReplaySource([lane("a", START), lane("b", START + 200 * DAY + 13)])
    assert (source.last_s - source.first_s) // 60 < 70
    block = source.fetch("any", source.first_s, source.last_s, 60).block
    own = block.time_s[None, :] + source.shift_of(block.labels)[:, None]
    for row, begin in ((0, START), (2, START + 200 * DAY + 13)):
        here = np.isfinite(block.values[row])
        np.testing.assert_array_equal(own[row][here], begin + 60 * np.arange(10))


def test_outside_the_recording_there_is_nothing() -> None:
    source = ReplaySource([lane("a", START)])
    values = source.fetch("any", source.first_s - 120, source.last_s + 60, 60).block.values
    assert np.isnan(values[:, [0, 1, -1]]).all()
    assert np.isfinite(values[:, 2:-1]).all()


def test_the_limits_in_force_follow_each_own_clock() -> None:
    steps = LimitRule(True, float("nan"), steps=((START, 1.0), (START + 90, 2.0)))
    source = ReplaySource([lane("a", START, x=steps), lane("b", START + DAY, y=LimitRule(False, 7.0, 9.0, 1))], limited_only=True)
    assert [labels["metric"] for labels in source.labels] == ["x", "y"]
    before, after = source.limit_at(source.first_s), source.limit_at(source.first_s + 120)
    assert (before.value.tolist(), after.value.tolist()) == ([1.0, 7.0], [2.0, 7.0])
    assert (before.above.tolist(), before.capacity[1], before.resets.tolist()) == ([True, False], 9.0, [0, 1])


def test_a_limit_changes_at_the_first_turn_not_before_its_time() -> None:
    steps = LimitRule(True, float("nan"), steps=((START, 1.0), (START + 90, 2.0)))
    source = ReplaySource([lane("a", START, x=steps)])
    assert {at - source.first_s for at in source.limit_instants()} == {0, 120}
