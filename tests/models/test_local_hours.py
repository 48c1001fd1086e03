"""Hours on the clock of a zone, over the days on which clocks are changed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import History, Resolution
from aiops.models import outlook
from aiops.models.harmonic import Harmonic, HarmonicParams
from aiops.models.local_hours import localised

HOUR, DAY = 3600, 86400
SPRING, AUTUMN = 1_774_746_000, 1_792_890_000
"""29 March 2026, 01:00 UTC, and 25 October 2026, 01:00 UTC: clocks change in Berlin."""


def history(values: np.ndarray, end_s: int) -> History:
    long = Resolution(HOUR, end_s, *(np.asarray(values + by, np.float32)[None] for by in (0.0, -1.0, 1.0)))
    nothing = Resolution(300, end_s, *(np.full((1, 3), np.nan, np.float32) for _ in range(3)))
    fine = replace(nothing, mean=long.mean[:, -3:], low=long.low[:, -3:], high=long.high[:, -3:])
    return History(fine, nothing, long, np.zeros(1), np.array([end_s]), np.array([end_s - HOUR * len(values)]))


@pytest.mark.parametrize(("changed", "before"), [(SPRING, -1), (AUTUMN, 1)])
def test_a_peak_at_nine_local_time_stands_in_every_24th_column(changed: int, before: int) -> None:
    end = changed // HOUR * HOUR + 3 * DAY + 9 * HOUR
    hours = np.arange(end - 10 * DAY, end, HOUR)
    local = hours // HOUR + np.where(hours < changed, before, 0)
    peak = np.asarray(local % 24 == local[-1] % 24, float)
    moved = localised(history(peak, end), "Europe/Berlin").long.mean[0]
    assert np.flatnonzero(moved > 0.5).tolist() == [240 - 1 - 24 * k for k in range(9, -1, -1)]
    assert np.isnan(moved).sum() == 1


def test_the_hour_that_comes_twice_is_one() -> None:
    end = AUTUMN + 5 * HOUR
    values = np.zeros(48)
    at = 48 - 1 - (end - AUTUMN) // HOUR
    values[at : at + 2] = 2.0, 6.0
    long = localised(history(values, end), "Europe/Berlin").long
    assert (long.mean[0, at + 1], long.low[0, at + 1], long.high[0, at + 1]) == (4.0, 1.0, 7.0)


def test_where_no_clock_is_changed_it_is_the_very_same() -> None:
    seen = history(np.zeros(24 * 30), 1_782_864_000)
    assert localised(seen, "Europe/Berlin") is seen
    assert localised(history(np.zeros(48), SPRING + DAY), "UTC").long.mean.shape == (1, 48)
    over = history(np.zeros(24 * 5), SPRING + 2 * DAY)
    assert localised(over, "UTC") is over
    assert localised(over, "Asia/Kolkata") is over


def test_a_load_that_follows_people_is_foreseen_at_their_hours_after_the_clocks_changed() -> None:
    end = SPRING // HOUR * HOUR + 2 * DAY + 5 * HOUR
    hours = np.arange(end - 21 * DAY, end, HOUR)
    course = lambda at: 50 + 20 * np.sin(2 * np.pi * (at // HOUR + np.where(at < SPRING, 1, 2)) / 24)  # noqa: E731
    future = np.arange(end, end + DAY, HOUR)
    wrong = {}
    for zone in ("UTC", "Europe/Berlin"):
        model, seen = Harmonic(HarmonicParams(), 60), localised(history(course(hours), end), zone)
        state = model.initial(1)
        outlook.learn(model.methods, state, seen, np.array([0]), np.ones(1, bool))
        told = model.curve(state, seen, future + HOUR // 2, 0.8).mean[0]
        wrong[zone] = float(np.abs(told - course(future)).mean())
    assert wrong["Europe/Berlin"] < 0.5 * wrong["UTC"]
