"""What a second opinion looks at."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.second_tier.features import BLOCKS, FEWEST, HELD, LARGEST, departures
from tests.models.hours import NOW, history_of

HOURS = 24 * 16
T_HOURS = NOW - 3600 * np.arange(HOURS - 1, -1, -1) - 1800
T_SMALL = NOW - 300 * np.arange(863, -1, -1) - 150


def made(course, n: int = 3, noise: float = 0.1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:  # type: ignore[no-untyped-def]
    """(hourly, five-minute) values of a course (s of the epoch) with noise."""
    rng = np.random.default_rng(seed)
    return (
        course(T_HOURS) + noise * rng.normal(size=(n, HOURS)), course(T_SMALL) + noise * rng.normal(size=(n, 864)),
    )  # fmt: skip


def test_the_course_of_the_day_is_taken_out_where_it_lies() -> None:
    def peaked(t: np.ndarray) -> np.ndarray:
        return 50 + 10 * np.exp(-(((t % 86400) - 9 * 3600) ** 2) / (2 * 5400**2))

    hourly, small = made(peaked)
    away = departures(history_of(hourly, small))
    assert away is not None
    assert away.shape == (3, BLOCKS, 3)
    assert np.abs(away[:, :, 0]).max() < 9, "a course an hour off would leave some 40 scales"
    assert away.dtype == np.float32


def test_what_is_new_stands_out_in_its_own_scale() -> None:
    hourly, small = made(lambda t: 0 * t + 5.0)
    small[1, -3:] += 2.0
    small[2] *= 1000.0
    hourly[2] *= 1000.0
    away = departures(history_of(hourly, small))
    assert away is not None
    assert away[1, -1, 0] > 20
    assert np.abs(away[[0, 2], -1, 0]).max() < 5, "the unit does not matter"
    assert (away[:, :, 1] <= away[:, :, 0]).all()
    assert (away[:, :, 0] <= away[:, :, 2]).all()


def test_an_incident_that_goes_on_does_not_widen_the_scale_it_is_told_in() -> None:
    hourly, small = made(lambda t: 0 * t + 5.0)
    small[0, -3 * HELD :] += 50.0
    away = departures(history_of(hourly, small))
    assert away is not None
    assert (away[0, -HELD:, 0] == LARGEST).all()


def test_gaps_and_what_never_moves_are_nothing() -> None:
    hourly, small = made(lambda t: 0 * t + 5.0)
    small[0, 300:330] = np.nan
    hourly[1], small[1] = 5.0, 5.0
    away = departures(history_of(hourly, small))
    assert away is not None
    assert np.isnan(away[0, 100:110]).all()
    assert np.isfinite(away[0, :100]).all()
    assert np.isnan(away[1]).all()


@pytest.mark.parametrize(("buckets", "enough"), [(3 * FEWEST - 1, False), (3 * FEWEST, True)])
def test_half_a_day_is_needed(buckets: int, enough: bool) -> None:
    from dataclasses import replace

    hourly, small = made(lambda t: 0 * t + 5.0)
    seen = history_of(hourly[:, -12:], small)
    mid = replace(seen.mid, mean=seen.mid.mean[:, -buckets:], low=seen.mid.low[:, -buckets:], high=seen.mid.high[:, -buckets:])
    away = departures(replace(seen, mid=mid))
    assert (away is not None) == enough
