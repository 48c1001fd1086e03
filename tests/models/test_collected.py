"""A floor that grows under a ceiling that stays is told by the floor; one that stays, wanders or falls back is not."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import COLLECTED, HOUR
from tests.models.ways import Array, history, hours

MODEL = Exhaustion(ExhaustionParams(), 300)
CEILING, LIMIT = 88.0, 100.0


def heap(floor: Array, period: float = 1.3, seed: int = 2) -> Array:
    """Teeth of about `period` hours from `floor` (t,) to the ceiling."""
    r = np.random.default_rng(seed)
    out, level, pace = np.empty(len(floor)), float(floor[0]), 1.0
    for i, low in enumerate(floor):
        level = max(level + pace * (CEILING - 30) / (12 * period), low)
        if level >= max(CEILING, low + 3):
            level, pace = low, r.uniform(0.8, 1.2)
        out[i] = level
    return out + r.normal(0, 0.4, len(floor))


def told(values: Array, limit: float = LIMIT, above: bool = True) -> tuple[set[str], float]:
    """(ways that speak, median of the hours they say are left)."""
    seen = MODEL.evidence(history(values[None]), Limit.uniform(1, limit, above))
    spoke = np.flatnonzero(np.isfinite(seen.eta_s[0]))
    return {seen.paths[i].name for i in spoke}, float(np.median(seen.eta_s[0, spoke])) / HOUR if len(spoke) else np.nan


@pytest.mark.parametrize("lasts", [16.0, 40.0, 100.0])
@pytest.mark.parametrize("downwards", [False, True])
def test_a_floor_that_grows_is_told_while_peaks_are_as_always(lasts: float, downwards: bool) -> None:
    sign = -1 if downwards else 1
    t = hours(24 * 11)
    values = heap(30 + 38 * np.maximum(1 + t / lasts, 0))
    names, left = told(sign * values, sign * LIMIT, not downwards)
    assert names == {COLLECTED}
    assert left == pytest.approx(lasts * 27 / 38, rel=0.3)


def test_it_stays_told_until_it_crosses_and_is_not_told_of_before() -> None:
    lasts, state, spoke = 60.0, MODEL.initial(1), {}
    t = hours(24 * 8 + 30)
    values = heap(30 + 38 * np.maximum(1 + (t + 30) / lasts, 0))
    end = 1_767_571_200 + 12 * HOUR
    for back in np.arange(110, 0, -1 / 3):
        k = round(12 * back)
        seen = MODEL.crossings(state, history(values[None, :-k], end - 300 * k), Limit.uniform(1, LIMIT, True), 14 * 86400)
        spoke[back] = bool(np.isfinite(seen.time_s[0, 1]))
    crossed = 30 - lasts * 27 / 38  # hours before the end at which floor and limit meet, about
    assert not any(up for back, up in spoke.items() if back > 30 + lasts)
    assert all(up for back, up in spoke.items() if crossed + 12 < back < 28)


@pytest.mark.parametrize("form", ["flat", "levels off", "falls back", "by day", "far below"])
def test_floors_that_do_not_go_there_say_nothing(form: str) -> None:
    for back in range(0, 60, 5):
        t = hours(24 * 11) + 60 - back
        floor = {
            "flat": np.full(len(t), 40.0),
            "levels off": 30 + 25 * -np.expm1(-np.maximum(t + 30, 0) / 8),
            "falls back": 30 + 30 * (t % 40) / 40,
            "by day": 40 + 12 * np.cos(2 * np.pi * t / 24),
            "far below": 30 + 25 * np.maximum(1 + t / 80, 0),
        }[form]
        names, _ = told(heap(floor), 300.0 if form == "far below" else LIMIT)
        assert COLLECTED not in names, back


def test_a_few_teeth_are_no_floor() -> None:
    t = hours(24 * 11)
    assert COLLECTED not in told(heap(30 + 38 * np.maximum(1 + t / 40, 0), period=9.0))[0]
