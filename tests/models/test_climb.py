"""How much of its way must lie behind a rise: more for what has lasted for hours than for what has lasted for days."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.climb import GROWTH, JOB, far_enough
from aiops.models.scene import scene_of
from tests.models.ways import Array, history, hours, scene


def ramp(lasted_h: float, behind: float, calm_h: float = 240.0) -> Array:
    """From 0.2 after so much calm, so that `behind` of the way to 1 is done now."""
    t = hours(calm_h + lasted_h)
    return 0.2 + 0.8 * behind * np.clip(1 + t / lasted_h, 0, None)


def enough(values: Array) -> bool:
    return bool(far_enough(scene(values))[0])


@pytest.mark.parametrize("lasted_h", [4, 8, 16])
def test_a_rise_of_hours_must_have_half_of_its_way_behind_it(lasted_h: float) -> None:
    assert not enough(ramp(lasted_h, JOB - 0.1))
    assert enough(ramp(lasted_h, JOB + 0.06))


@pytest.mark.parametrize("lasted_h", [60, 100, 200])
def test_a_rise_of_days_speaks_earlier(lasted_h: float) -> None:
    assert enough(ramp(lasted_h, GROWTH + 0.06))
    assert not enough(ramp(lasted_h, GROWTH - 0.1))


def test_days_without_calm_before_them_count_less() -> None:
    share = GROWTH + 0.02
    assert enough(ramp(52, share))
    assert not enough(ramp(52, share, calm_h=1))


def test_a_daily_rhythm_is_no_rise() -> None:
    t = hours(240)
    assert not enough(0.5 + 0.3 * np.cos(2 * np.pi * (t - 1) / 24))


def test_the_days_of_a_growth_under_a_daily_rhythm_count() -> None:
    t = hours(240)
    assert enough(0.3 + 0.4 * (1 + t / 240) + 0.05 * np.cos(2 * np.pi * t / 24))


def test_the_floor_of_a_sawtooth_counts() -> None:
    t = hours(240)
    rise = 0.4 * np.clip(1 + t / 80, 0, None)
    assert enough(0.2 + rise + 0.15 * ((t / 5) % 1.0))


def test_flat_empty_and_young_rows_have_no_rise() -> None:
    assert not enough(np.full(12 * 120, 0.5))
    assert not enough(np.full(12 * 120, np.nan))
    assert not enough(np.full(12, 0.5))


def test_a_row_depends_on_itself_alone() -> None:
    rows = np.stack([ramp(8, 0.75, 232), ramp(100, 0.5, 140), np.full(12 * 240, 0.5)])
    together = far_enough(scene_of(history(rows), Limit.uniform(3, 1.0, True))[0])
    assert together.tolist() == [enough(row) for row in rows]
