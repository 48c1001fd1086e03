"""The grid of a past, what the forecaster is shown of it, and the baseline's lines."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Block, Lineage
from aiops.rules.compiler import Leaf
from aiops.scan.past import STEP_S, Past, grid, replay, trends

NOW = 1_790_000_000 // 300 * 300 + 300 * 5
LEAF = Leaf("used", ">", 0.9, "forecast")


def past_of(values: np.ndarray, leaf: Leaf = LEAF, span_s: int = 14 * 86400) -> Past:
    first, last = grid(NOW, span_s)
    times = np.arange(first, last + 1, STEP_S)
    values = values[:, -len(times) :]
    labels = tuple({"x": str(i)} for i in range(len(values)))
    return Past.of([leaf], {leaf.expr: Block(labels, times, values, "1", Lineage("s", leaf.expr, first, last))}, times)


def columns(span_s: int = 14 * 86400) -> int:
    first, last = grid(NOW, span_s)
    return (last - first) // STEP_S + 1


def test_a_grid_begins_right_after_a_full_hour_and_ends_by_now() -> None:
    first, last = grid(NOW + 7, 86400)
    assert first % 3600 == STEP_S
    assert last == NOW
    assert 86400 - STEP_S <= last - first < 86400 + 3600


def test_history_at_a_column_holds_nothing_newer_and_hours_are_those_of_their_samples() -> None:
    values = np.random.default_rng(1).uniform(0, 1, (2, columns()))
    past = past_of(values)
    column = 1000
    seen = past.history(np.array([1]), column)
    now = past.time_s[column]
    assert seen.now_s.tolist() == [now]
    assert seen.offset[0] + seen.fine.mean[0, -1] == pytest.approx(values[1, column], abs=1e-6)
    assert seen.fine.mean.shape[1] == 72
    assert seen.mid.mean.shape[1] == 864
    inside = (past.time_s > seen.long.end_s - 3600) & (past.time_s <= seen.long.end_s)
    assert seen.long.end_s <= now
    assert inside.sum() == 12
    assert seen.offset[0] + seen.long.mean[0, -1] == pytest.approx(values[1, inside].mean(), abs=1e-6)
    assert seen.offset[0] + seen.long.high[0, -1] == pytest.approx(values[1, inside].max(), abs=1e-6)


def test_a_replay_knows_nothing_of_what_comes_later() -> None:
    count = columns()
    ramp = np.full(count, 0.2)
    ramp[-192:] = np.linspace(0.2, 0.8, 192)
    other = ramp.copy()
    other[-12:] = 0.2
    looks = np.arange(36 + count % 2, count - 12, 2)
    both = replay(past_of(np.stack([ramp, other])), looks, 86400.0)
    assert both is not None
    np.testing.assert_array_equal(both.time_s[:, 0], both.time_s[:, 1])
    assert np.isfinite(both.time_s[:, 0, 1]).any()


def test_a_steady_rise_is_told_and_rest_is_not() -> None:
    count = columns()
    ramp, rest = np.full(count, 0.2), np.full(count, 0.5)
    ramp[-96:] = np.linspace(0.2, 0.75, 96)
    told = replay(past_of(np.stack([ramp, rest])), np.arange(count - 40, count), 86400.0)
    assert told is not None
    left = told.time_s[-1, 0, 1] - NOW
    assert left == pytest.approx(0.15 / (0.55 / 95) * STEP_S, rel=0.25)
    assert np.isnan(told.time_s[:, 1]).all()


def test_a_replay_that_would_not_be_done_in_time_is_given_up() -> None:
    assert replay(past_of(np.full((1, columns()), 0.5)), np.arange(100, 4000), 86400.0, until=0.0) is None


def test_what_moves_in_few_steps_is_not_forecast() -> None:
    values = np.stack([np.arange(columns()) % 7, np.arange(columns()) % 17]).astype(float)
    past = past_of(values, Leaf("count(used > 1)", ">", 90.0, "forecast", steps=True))
    assert past.few.tolist() == [True, False]
    assert past.forecast.tolist() == [False, True]
    assert np.isnan(past.limit.value).tolist() == [True, False]


@pytest.mark.parametrize(("op", "inclusive", "holds"), [
    (">", False, [False, False, True, False]), (">", True, [False, True, True, False]), ("<", False, [True, False, False, False]),
    ("<=", False, [True, True, False, False]), ("==", False, [False, True, False, False]),
    ("!=", False, [True, False, True, False]),
])  # fmt: skip
def test_a_comparison_is_true_as_its_operator_has_it_never_without_a_value(op: str, inclusive: bool, holds: list[bool]) -> None:
    values = np.full((1, columns()), np.nan)
    values[0, -4:] = [1.0, 2.0, 3.0, np.nan]
    past = past_of(values, Leaf("used", op, 2.0, "gate"))
    assert past.holds(np.array([inclusive]))[-4:, 0].tolist() == holds
    assert not past.forecast.any()


def test_lines_are_those_of_least_squares_also_with_gaps_and_large_values() -> None:
    rng = np.random.default_rng(2)
    values = 1e9 + rng.normal(0, 1, (1, columns())).cumsum(axis=1)
    values[0, rng.uniform(size=values.shape[1]) < 0.2] = np.nan
    past = past_of(values)
    slope, level = trends(past, 6 * 3600)
    for column in (500, 4000):
        x, y = past.time_s[column - 71 : column + 1], values[0, column - 71 : column + 1]
        there = np.isfinite(y)
        best = np.polyfit(x[there] - x[-1], y[there] - 1e9, 1)
        assert slope[0, column] == pytest.approx(best[0], rel=1e-6)
        assert level[0, column] - 1e9 == pytest.approx(best[1], rel=1e-6, abs=1e-5)
    assert np.isnan(slope[0, 0])


def test_nothing_at_all_is_a_past_without_rows() -> None:
    times = np.arange(300, 30000, 300)
    past = Past.of([LEAF], {}, times)
    told = replay(past, np.arange(36, 99), 86400.0)
    assert told is not None
    assert told.time_s.shape == (63, 0, 3)
    assert past.series_of(LEAF) == []
