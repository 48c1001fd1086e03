"""Whether what is measured left its course after something was done: a step, a change of slope, noise, gaps."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Floats
from aiops.outcomes.course import left_course

AT, WITHIN = 100_000, 3600.0
TIME = np.arange(AT - 4 * 3600, AT + 2 * 3600 + 1, 300, dtype=np.int64)


def course(slope_after: float, step: float = 0.0, noise: float = 0.0) -> Floats:
    """Down by 0.01 an hour to AT, then by another slope, after a step."""
    hours = (TIME - AT) / 3600
    flat = 0.5 + np.where(hours <= 0, -0.01 * hours, slope_after * hours + step)
    return flat + noise * np.random.default_rng(3).standard_normal(len(TIME))


@pytest.mark.parametrize(
    ("slope", "step", "wanted"),
    [
        (-0.01, 0.0, False),  # goes on as it went
        (-0.011, 0.0, False),
        (0.0, 0.0, True),  # it stopped
        (-0.01, 0.1, True),  # room was made, and it fills as before
        (-0.05, 0.0, False),  # it got worse
        (-0.01, -0.1, False),
    ],
)
def test_a_step_or_a_change_of_slope_away_from_the_limit(slope: float, step: float, wanted: bool) -> None:
    assert left_course(TIME, course(slope, step), False, AT, WITHIN) is wanted
    assert left_course(TIME, -course(slope, step), True, AT, WITHIN) is wanted


def test_what_is_within_the_noise_is_no_change() -> None:
    assert not left_course(TIME, course(-0.005, noise=0.01), False, AT, WITHIN)
    assert left_course(TIME, course(-0.01, step=0.2, noise=0.01), False, AT, WITHIN)


def test_with_too_few_points_nothing_is_known() -> None:
    values = course(0.0)
    assert not left_course(TIME, np.where(TIME > AT, np.nan, values), False, AT, WITHIN)
    assert not left_course(TIME, np.where(TIME <= AT, np.nan, values), False, AT, WITHIN)


def test_a_change_that_comes_later_is_not_of_this_action() -> None:
    late = np.where(TIME > AT + WITHIN, 0.9, course(-0.01))
    assert not left_course(TIME, late, False, AT, WITHIN)
