from __future__ import annotations

import numpy as np

from aiops.core.records import History, Limit
from aiops.models.paths import AGES
from aiops.models.scene import oriented, scene_of
from tests.models.ways import NOON, history, hours


def seen(values: np.ndarray, above: bool = True) -> History:
    return history(np.atleast_2d(values))


def test_downwards_is_turned_upwards() -> None:
    values = 1 - 0.01 * (hours(48) + 48)
    up = scene_of(seen(-values), Limit.uniform(1, -0.2, True))[0]
    down = scene_of(seen(values), Limit.uniform(1, 0.2, False))[0]
    for name in ("now", "top", "record", "floor", "day_mean", "day_peak", "low", "high"):
        np.testing.assert_array_equal(getattr(up, name), getattr(down, name))


def test_rows_of_both_directions_stand_side_by_side() -> None:
    values = np.stack([0.3 + 0.01 * hours(24), 0.7 - 0.01 * hours(24)])
    limit = Limit(np.array([1.0, 0.0]), np.array([True, False]), np.full(2, np.nan), np.zeros(2, np.int8))
    high, low = oriented(seen(values).mid, limit)
    assert (high >= low).all()
    assert (np.diff(high, axis=1) > 0).all()


def test_the_level_now_is_the_median_of_three_samples() -> None:
    values = np.full((3, 400), 0.5)
    values[0, -1] = 9.0
    values[1, -3:] = [np.nan, 0.7, np.nan]
    values[2, -3:] = np.nan
    scene, fresh, _ = scene_of(seen(values), Limit.uniform(3, 1.0, True))
    np.testing.assert_allclose(scene.now, [0.5, 0.7, np.nan], rtol=1e-6)
    assert fresh.tolist() == [True, True, False]


def test_the_record_before_a_window_leaves_out_the_window_and_lone_hours() -> None:
    t = hours(96)
    values = np.where((t > -30.6) & (t < -30.4), 0.9, np.where((t > -50) & (t < -45), 0.6, 0.3))
    scene = scene_of(seen(values), Limit.uniform(1, 1.0, True))[0]
    assert [round(float(scene.before(h)[0][0]), 3) for h in (24, 36, 72)] == [0.6, 0.6, 0.3]
    assert np.isnan(scene.before(240)[0]).all()


def test_only_what_came_after_the_last_reset_counts() -> None:
    t = hours(72)
    course = ((t + 12 - 1e-6) % 24) / 24
    limit = Limit(np.ones(1), np.ones(1, bool), np.full(1, np.nan), np.ones(1, np.int8))
    scene = scene_of(seen(course), limit)[0]
    assert np.isfinite(scene.high[0]).sum() == NOON % 86400 // 300
    assert np.isnan(scene.before(16)[0]).all()


def test_a_day_with_too_few_hours_has_no_mean() -> None:
    values = np.full(12 * 24 * 3, 0.4)
    values[12 * 24 : 12 * 24 + 12 * 9] = np.nan
    days = scene_of(seen(values), Limit.uniform(1, 1.0, True))[0].day_mean[0, -3:]
    assert np.isfinite(days).tolist() == [True, False, True]


def test_what_was_before_the_limit_was_crossed_is_no_past_to_stand_above() -> None:
    t = hours(240)
    filled = 0.4 + 0.6 * np.clip((t + 150) / 30, 0, 1) * (t < -114)  # full 120 h ago, cleaned 6 h later
    scene = scene_of(seen(np.stack([filled, 0.9 * filled])), Limit.uniform(2, 0.95, True))[0]
    past, unharmed = scene.record[:, AGES.index(24)]
    assert abs(past - 0.4) < 1e-3
    assert abs(unharmed - 0.9) < 1e-3
    assert np.isnan(scene.record[0, AGES.index(120)])


def test_a_spike_beyond_the_limit_ends_no_past() -> None:
    values = np.where(hours(240) < -100, 0.7, 0.4)
    spiky = values.copy()
    spiky[12 * 100 : 12 * 200 : 120] = 1.0
    with_spikes, without = (scene_of(seen(one), Limit.uniform(1, 0.95, True))[0] for one in (spiky, values))
    np.testing.assert_array_equal(with_spikes.record, without.record)


def test_a_past_is_forgotten_only_by_a_crossing_that_fell_back_and_of_who_does_not_live_there() -> None:
    t = hours(120)
    course = np.interp(t, [-120, -96, -40, -39, 0], [0.1, 0.1, 1.02, 0.2, 0.4])  # filled up, cleaned, fills again
    partly = np.where(t > -39.5, 0.7 + 0.3 * (course - 0.2), course)  # cleaned by less than half of the way
    restless = np.where(t < -40, np.where(np.arange(len(t)) % 30 == 0, 1.01, 0.95), course)  # noise crosses from just below
    restless[t < -110] = 0.1
    scene = scene_of(seen(np.stack([course, partly, restless])), Limit.uniform(3, 1.0, True))[0]
    record = scene.before(24)[0]
    assert record[0] < 0.35, "what was until it failed is no measure of what comes"
    assert record[1] > 0.95, "it has not been mended"
    assert record[2] > 0.9, "it lives just below its limit"


def test_a_limit_crossed_in_the_first_hour_of_all_is_no_error() -> None:
    scene = scene_of(seen(np.linspace(0.97, 1.2, 12)), Limit.uniform(1, 1.0, True))[0]
    assert scene.now[0] > 1.0
