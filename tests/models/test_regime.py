"""A level that lasts becomes usual beside the one before it, and leaves nothing in scales."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.regime import LASTS_S, VISIT_S
from aiops.models.scales import KINDS
from aiops.models.seasonal import Seasonal, SeasonalParams

STEP, DAY, HOUR, MONDAY = 300, 288, 12, 1_699_833_600
AT = 15 * DAY + 115
"""A change of level comes amid a day."""
DEPARTURE = KINDS.index("departure")


def calm(days: int, rows: int = 3, seed: int = 0) -> np.ndarray:
    """A daily wave of 20 with scatter 3, (rows, days)."""
    t = np.arange(days * DAY)
    return 100 + 20 * np.sin(2 * np.pi * t / DAY) + 3 * np.random.default_rng(seed).normal(size=(rows, len(t)))


def scored(x: np.ndarray, until: int | None = None) -> tuple[np.ndarray, dict[str, np.ndarray], Seasonal]:
    """-log10 p of the points up to `until`, the state after them, and the detector."""
    x = x[:, :until]
    detector = Seasonal(SeasonalParams(), STEP)
    state, time_s = detector.initial(len(x)), np.broadcast_to(MONDAY + STEP * np.arange(x.shape[1]), x.shape)
    return -np.log10(detector.score(state, x, time_s).p), state, detector


def lasting(size: float, hours: float, days: int = 21) -> np.ndarray:
    """Calm rows with a change of level by so many scatters."""
    x = calm(days)
    x[:, AT : AT + round(hours * HOUR)] += 3 * size
    return x


def test_after_a_shift_of_three_days_a_smaller_one_is_seen_and_scales_are_as_before() -> None:
    x = lasting(20, 72)
    later = AT + 72 * HOUR + 31 * HOUR
    x[:, later : later + 2 * HOUR] += 3 * 8
    score, _, _ = scored(x)
    assert (score[:, later : later + HOUR].max(axis=1) > 1.7).all()
    usual, scales = scored(x, AT)[1]["scale"], scored(x, later)[1]["scale"]
    assert (scales[:, DEPARTURE] < 2.2 * usual[:, DEPARTURE]).all()


@pytest.mark.parametrize("size", [12, -20])
def test_a_level_that_lasts_is_strange_first_and_usual_from_its_documented_time_on(size: float) -> None:
    x = lasting(size, 10_000)
    score, state, _ = scored(x)
    usual_from = AT + LASTS_S // STEP + DAY // 96
    assert (score[:, AT : AT + HOUR].max(axis=1) > 1.8).all()
    np.testing.assert_allclose(state["base"] - 100, 3 * size, atol=5)
    np.testing.assert_allclose(state["past"], -3 * size, atol=5)
    assert (np.quantile(score[:, usual_from + HOUR :], 0.99, axis=1) < 1.2).all()


def test_going_back_to_the_level_before_is_not_strange() -> None:
    score, state, _ = scored(lasting(20, 72))
    back = AT + 72 * HOUR
    assert (score[:, back : back + 6 * HOUR].max(axis=1) < 1.5).all()
    assert (np.abs(state["base"] - 100) < 5).all()


def test_a_level_that_was_visited_for_a_day_or_two_is_strange_again_soon_after() -> None:
    x = lasting(20, 40)
    again = AT + 40 * HOUR + VISIT_S // STEP + 6 * HOUR
    x[:, again : again + HOUR] += 3 * 20
    assert (scored(x)[0][:, again : again + HOUR].max(axis=1) > 1.8).all()


def test_what_lasts_for_hours_a_drift_and_an_unrest_move_no_baseline() -> None:
    x = np.concatenate([lasting(20, 12), calm(21), calm(21, seed=1)])
    x[3:6] += np.maximum(np.arange(x.shape[1]) - AT, 0) * 36 / DAY
    x[6:, AT:] += 12 * np.random.default_rng(2).normal(size=(3, x.shape[1] - AT))
    for until in range(AT + DAY, x.shape[1], DAY):
        assert (scored(x, until)[1]["past"] == 0.0).all()


def test_it_stays_where_it_went_until_it_is_back_or_usual() -> None:
    x, rows = np.concatenate([lasting(12, 10), lasting(12, 100)]), np.arange(6)

    def stays(at: int) -> list[bool]:
        _, state, detector = scored(x, at)
        return list(detector.stays(state, rows))

    assert stays(AT) == [False] * 6
    assert stays(AT + 6 * HOUR) == [True] * 6
    assert stays(AT + 12 * HOUR) == [False] * 3 + [True] * 3
    assert stays(AT + LASTS_S // STEP + HOUR) == [False] * 6


def test_rows_do_not_influence_each_other() -> None:
    x = np.concatenate([lasting(20, 72), lasting(-8, 30), calm(21)])
    whole, state, _ = scored(x)
    for rows in ([4], [8, 0]):
        alone, own, _ = scored(x[rows])
        np.testing.assert_array_equal(alone, whole[rows])
        for name, array in own.items():
            np.testing.assert_array_equal(array, state[name][rows], name)
