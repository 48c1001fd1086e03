"""How the scales of residuals are learnt, and how small they may be."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.scales import COUNTS, CREEP, KINDS, LARGER, POSITIVE, STILL, WHOLE, Scales, event_after
from aiops.models.seasonal import Seasonal
from aiops.models.seasonal_params import SeasonalParams

PARAMS = SeasonalParams()
DEPARTURE = KINDS.index("departure")


def learnt(peaks: np.ndarray, **known: float) -> State:
    """The state of one row after blocks whose largest residuals were `peaks` (blocks, kinds)."""
    state = Seasonal(PARAMS, 300).initial(1)
    for name, value in known.items():
        state[name][:] = value
    scales, row = Scales(PARAMS, 900, 1800.0), np.zeros(1, np.int64)
    for peak in peaks:
        state["peak"][:] = peak
        scales.learn(state, row, scales.smallest(state, row))
    return state


def peaks(blocks: int, size: float) -> np.ndarray:
    return np.full((blocks, len(KINDS)), size)


def test_a_scale_becomes_what_blocks_reach() -> None:
    scale = learnt(peaks(1000, 2.0))["scale"][0] * COUNTS
    np.testing.assert_allclose(scale[[DEPARTURE, CREEP]], 2.0, rtol=0.01)
    assert scale[STILL] == 1800.0


def test_one_block_makes_a_scale_a_few_times_as_large_and_creep_hardly() -> None:
    calm = learnt(peaks(1000, 1.0))["scale"][0]
    wild = learnt(np.concatenate([peaks(1000, 1.0), peaks(1, 1e6)]))["scale"][0]
    assert 2.0 < wild[DEPARTURE] / calm[DEPARTURE] < 1.2 * PARAMS.growth
    assert wild[CREEP] / calm[CREEP] < 1.01


def test_creep_has_the_scale_of_what_a_level_wanders_and_of_the_scatter_around_its_course() -> None:
    states = [learnt(peaks(1000, 1e-3), wander=wander, around=around) for wander, around in ((0, 1), (4, 1), (4, 0))]
    scale = [state["scale"][0, CREEP] * COUNTS[CREEP] for state in states]
    assert scale[2] == pytest.approx(2 * PARAMS.creep_floor)
    assert scale[1] == pytest.approx(scale[0] + scale[2])
    of_all = learnt(peaks(1000, 1e-3), power=1e6)["scale"][0]
    assert of_all[CREEP] < 0.01 < 100 < of_all[DEPARTURE]


def test_events_are_rare_where_the_level_is_far_below_one_of_them() -> None:
    assert learnt(peaks(3, 0.0), level=0.1, event=1.0, sort=WHOLE)["rare"][0] == 1.0
    assert learnt(peaks(3, 0.0), level=0.1, event=0.15, sort=POSITIVE)["rare"][0] == 0.0
    assert learnt(peaks(3, 0.0), level=0.0, event=1.0, sort=0)["rare"][0] == 0.0


def test_the_size_of_an_event_is_that_of_the_first_and_then_about_the_median() -> None:
    unknown, whole = np.array([np.inf]), np.array([WHOLE], np.uint8)
    assert event_after(unknown, whole, np.array([7.0]))[0] == 1.0
    assert event_after(unknown, whole, np.array([0.25]))[0] == 0.25
    assert event_after(unknown, np.array([POSITIVE], np.uint8), np.array([7.0]))[0] == 7.0
    size, rng = np.array([1.0]), np.random.default_rng(0)
    for x in np.exp(rng.normal(size=500) + 3):
        before, size = size, event_after(size, whole, np.array([x]))
        assert 1 / LARGER - 1e-9 <= size[0] / before[0] <= LARGER + 1e-9
    assert 0.5 < size[0] / np.exp(3) < 2.0
