"""What comes back every week."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.civil import Civil
from aiops.models.week import CLEAR, DAY_S, WEEKS, Week

BLOCK_S, HOURS = 3600, 168
MONDAY = 1_699_833_600 // BLOCK_S


def lived(rests: np.ndarray, one: Week | None = None) -> State:
    """The state of one row after hours from a Monday on that left these rests, in the first hour after them."""
    one = Week(BLOCK_S, Civil("UTC", (), ())) if one is None else one
    state = one.initial(1) | {"block": np.array([MONDAY]), "around": np.ones(1)}
    row = np.zeros(1, np.int64)
    for hour, rest in enumerate(rests.tolist()):
        state["block"][:] = MONDAY + hour
        one.learn(state, row, np.array([rest]))
        one.enter(state, row, np.array([MONDAY + hour + 1]))
    return state


def friday(*sizes: float) -> np.ndarray:
    """Weeks of small noise with a Friday at 8 of these sizes, up to the next Friday at 8."""
    rests = 0.3 * np.random.default_rng(0).normal(size=(len(sizes) + 1) * HOURS)
    for week, size in enumerate(sizes):
        rests[week * HOURS + 4 * 24 + 8] += size
    return rests[: len(sizes) * HOURS + 4 * 24 + 8]


def test_what_came_three_weeks_in_a_row_is_allowed_as_far_as_each_of_them_went() -> None:
    assert lived(friday(60, 50))["more"][0] == 0.0
    state = lived(friday(60, 50, 70))
    assert state["more"][0] == pytest.approx(50, abs=1)
    assert state["less"][0] == 0.0


@pytest.mark.parametrize("seed", range(4))
def test_what_was_there_before_the_first_of_them_does_not_matter(seed: int) -> None:
    calm = np.random.default_rng(seed).normal(size=4 * HOURS)
    assert lived(np.concatenate([calm, friday(60, 50, 70)]))["more"][0] == pytest.approx(50, abs=1)


def test_it_is_allowed_from_an_hour_before_to_an_hour_after() -> None:
    rests = friday(*[-60.0] * WEEKS)
    found = [lived(np.concatenate([rests, np.zeros(max(k, 0))])[: len(rests) + k])["less"][0] for k in (-2, -1, 0, 1, 2)]
    assert [one < -50 for one in found] == [False, True, True, True, False]


def test_noise_and_what_changes_sides_are_never_allowed() -> None:
    noise = np.random.default_rng(1).normal(size=8 * HOURS)
    assert (lived(noise)["weeks"] < WEEKS).all()
    assert lived(friday(60, -60, 60, -60, 60))["more"][0] == 0.0
    assert (lived(np.full(6 * HOURS, 0.9 * CLEAR))["weeks"] == 0).all()


def test_one_incident_does_not_become_usual_and_one_week_without_it_does_not_undo_six() -> None:
    assert lived(friday(60, 60, 60, 600))["more"][0] < 1.5 * 60 + 1
    assert lived(friday(60, 60, 60, 60, 60, 60, 0))["more"][0] > 50
    assert lived(friday(60, 60, 60, 0))["more"][0] == 0.0


def test_hours_follow_the_clock_of_the_zone() -> None:
    berlin = Week(BLOCK_S, Civil("Europe/Berlin", (), ()))
    state = lived(friday(*[60.0] * WEEKS), berlin)
    hour = int(np.flatnonzero(state["weeks"][0] >= WEEKS)[0])
    assert (hour - int(np.flatnonzero(lived(friday(*[60.0] * WEEKS))["weeks"][0] >= WEEKS)[0])) % HOURS == 1


@pytest.mark.parametrize("block_s", [900, 7200, 86400, 172800])
def test_blocks_of_every_length_work(block_s: int) -> None:
    one = Week(block_s, Civil("UTC", (), ()))
    state = one.initial(3) | {"block": np.full(3, np.iinfo(np.int64).min), "around": np.ones(3)}
    for block in range(200):
        one.learn(state, np.arange(3), np.full(3, 10.0))
        one.enter(state, np.arange(3), np.full(3, block))
        state["block"][:] = block
    assert state["week"].shape == (3, 7 * min(24, DAY_S // block_s))
    assert np.isfinite(state["more"]).all()
