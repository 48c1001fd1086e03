"""What moved by a unit's factor all at once is refused; what moved otherwise is the world's own doing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from aiops.core.records import Floats
from aiops.pipeline.quarantine import COLUMNS_AT_MOST, LASTS_S, refuse, refused
from tests.pipeline.made import START_S, STEP_S, World, anomaly_card, reading, watch_of

ROWS = 5


def known(rows: int = ROWS, level: float = 2.0) -> Any:
    """A watch whose window knows one column: level, level + 1, …"""
    watch = watch_of(World(), anomaly_card())
    reading(watch, [[level + i] for i in range(rows)])
    return watch


def next_column(watch: Any, values: Floats | list[float], after: int = 1) -> tuple[Floats, tuple[str, ...]]:
    time_s = np.array([watch.window.end_s + after * STEP_S], np.int64)
    found, asked = refuse(watch, time_s, np.array(values, float)[:, None])
    return found[:, 0], asked


LEVELS = np.arange(ROWS) + 2.0


@pytest.mark.parametrize("factor", [100, 1e3, 1024, 3600, 1e6, 2**20, 1e9, 2**30, 1e-2, 1e-3, 1 / 1024, 1e-6])
def test_a_units_factor_is_refused_up_and_down(factor: float) -> None:
    watch = known()
    found, asked = next_column(watch, LEVELS * factor * np.array([1.0, 1.05, 0.95, 1.0, 1.1]))
    assert np.isnan(found).all()
    assert len(asked) == 1
    assert refused(watch, watch.window.end_s + STEP_S).all()


@pytest.mark.parametrize(
    "values",
    [
        LEVELS,
        LEVELS * 10,
        LEVELS * 300,
        LEVELS * np.array([1000, 1000, 1, 1, 1]),
        LEVELS * np.array([1e3, 2e3, 4e3, 500, 100]),
        -LEVELS * 1000,
    ],
    ids=["calm", "tenfold", "no unit", "two of five", "each by another factor", "another sign"],
)
def test_any_other_movement_is_taken_as_it_is(values: Floats) -> None:
    watch = known()
    found, asked = next_column(watch, values)
    assert found.tolist() == values.tolist()
    assert asked == ()


def test_two_series_are_too_few_to_tell() -> None:
    found, _ = next_column(known(rows=2), LEVELS[:2] * 1000)
    assert np.isfinite(found).all()


def test_zeros_and_gaps_before_or_now_say_nothing() -> None:
    watch = known(rows=7, level=0.0)
    found, asked = next_column(watch, [5.0, np.nan, *(LEVELS * 1000)])
    assert asked
    assert found[0] == 5.0
    assert np.isnan(found[1:]).all()


def test_they_are_taken_again_once_they_are_back() -> None:
    watch = known()
    next_column(watch, LEVELS * 1000)
    found, asked = next_column(watch, LEVELS * 1.5, after=2)
    assert found.tolist() == (LEVELS * 1.5).tolist()
    assert asked == ()
    assert not refused(watch, watch.window.end_s + 2 * STEP_S).any()


def test_after_a_day_they_are_taken_as_new_and_asked_about_no_more() -> None:
    watch = known()
    next_column(watch, LEVELS * 1000)
    day = LASTS_S // STEP_S
    found, _ = next_column(watch, LEVELS * 1000, after=day)
    assert np.isnan(found).all()
    found, asked = next_column(watch, LEVELS * 1000, after=day + 1)
    assert np.isfinite(found).all()
    assert asked == ()


def test_a_shared_block_is_not_written_to() -> None:
    watch = known()
    values = (LEVELS * 1000)[:, None]
    values.flags.writeable = False
    found, _ = refuse(watch, np.array([watch.window.end_s + STEP_S]), values)
    assert np.isnan(found).all()
    assert np.isfinite(values).all()


def test_columns_that_the_window_has_are_left_alone() -> None:
    watch = known()
    values = (LEVELS * 1000)[:, None]
    found, asked = refuse(watch, np.array([watch.window.end_s]), values)
    assert found is values
    assert asked == ()


def test_after_a_long_outage_nothing_is_compared() -> None:
    watch = known()
    time_s = START_S + STEP_S * np.arange(2, COLUMNS_AT_MOST + 3)
    values = np.repeat((LEVELS * 1000)[:, None], len(time_s), axis=1)
    found, _ = refuse(watch, time_s, values)
    assert np.isfinite(found).all()
