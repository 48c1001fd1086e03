"""What the baselines say, against what their PromQL would."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.backtest.baselines import LEAST, METHODS, applies, firings, usual
from aiops.backtest.ground import Ground
from tests.backtest.test_ground import ground


def spans(method: str, on: Ground) -> list[tuple[int, int, int]]:
    return [(one.entity, one.first, one.last) for one in firings(method, on)]


def test_what_is_usual_is_known_before_the_sample_and_from_enough_samples() -> None:
    values = np.random.default_rng(2).normal(7, 2, (1, 100))
    mean, spread = usual(values, 50)
    assert np.isnan(mean[0, : LEAST]).all()
    assert mean[0, 80] == pytest.approx(values[0, 30:80].mean())
    assert spread[0, 80] == pytest.approx(values[0, 30:80].std())


def test_a_static_threshold_fires_while_the_value_is_beyond_it() -> None:
    values = np.full((2, 100), 0.5)
    values[1, 40:60] = 1.0
    assert spans("static", ground(values)) == [(1, 40, 60)]


def test_a_value_that_flaps_on_its_limit_is_one_firing_as_it_is_one_failure() -> None:
    values = np.full((1, 100), 0.5)
    values[0, [40, 45, 55, 70]] = 1.2
    assert spans("static", ground(values)) == [(0, 40, 56), (0, 70, 71)]


def test_what_is_beyond_its_limit_when_first_seen_says_nothing() -> None:
    values = np.full((1, 100), 1.5)
    values[0, 50:80] = 0.2
    assert spans("static", ground(values)) == [(0, 80, 100)]


def test_a_limit_below_is_crossed_downwards() -> None:
    values = np.full((1, 50), 0.5)
    values[0, 30:] = 0.01
    on = ground(values, limit=0.05, above=np.zeros(1, bool))
    assert spans("static", on) == [(0, 30, 50)]


def test_predict_linear_fires_one_turn_after_the_line_reaches_the_limit_within_the_horizon() -> None:
    values = np.linspace(0, 0.5, 301)[None, :]  # 0.1 an hour: an hour ahead of the limit at 0.9
    on = ground(np.concatenate([values, np.linspace(0.5, 1.2, 421)[None, 1:]], axis=1))
    (one,) = firings("predict_linear[1h]", on)
    level, slope = on.values[0], (on.values[0, 60] - on.values[0, 0]) / 3600
    first = int(np.flatnonzero(level + 3600 * slope > 1.0)[0])
    assert one.first == first + 1
    assert one.expected_s == pytest.approx(int(on.time_s[one.first]) + (1.0 - level[one.first]) / slope, abs=1)
    assert level[one.last - 1] < 1.0 <= level[one.last]


def test_the_window_is_what_tells_predict_linears_apart() -> None:
    values = np.concatenate([np.full(1440, 0.2), 0.2 + 0.004 * np.arange(180)])[None, :]
    on = ground(values, horizon_s=21600.0)
    firsts = [next(iter(spans(f"predict_linear[{w}]", on)), (0, 9999, 0))[1] for w in ("1h", "6h", "24h")]
    assert firsts[0] < firsts[1] < firsts[2] == 9999


def test_a_zscore_counts_only_towards_the_limit_and_both_ways_without_one() -> None:
    values = np.random.default_rng(3).normal(0.5, 0.01, (1, 400))
    values[0, 300:303], values[0, 350:353] = 0.3, 0.7
    assert spans("zscore", ground(values)) == [(0, 351, 353)]
    assert spans("zscore", ground(values, limit=np.nan)) == [(0, 301, 303), (0, 351, 353)]


def test_bands_forgive_what_was_so_at_this_hour_a_week_ago() -> None:
    step, week = 300, 7 * 288
    rng = np.random.default_rng(4)
    values = rng.normal(0.5, 0.01, (2, week + 288))
    values[:, week + 100 : week + 120] += 0.3
    values[1, 90:130] += 0.3
    on = ground(values, step_s=step, time_s=6000 + step * np.arange(values.shape[1]))
    fired = {entity for entity, first, _ in spans("bands", on) if first > week}
    assert fired == {0}
    assert {entity for entity, first, _ in spans("zscore", on) if first > week} == {0, 1}


def test_nothing_fires_before_the_first_turn_nor_while_it_is_masked() -> None:
    values = np.full((1, 100), 0.5)
    values[0, 20:30] = values[0, 50:65] = values[0, 80:90] = 1.5
    masked = np.zeros((1, 100), bool)
    masked[0, 45:60] = True
    assert spans("static", ground(values, first=35, masked=masked)) == [(0, 80, 90)]  # also when it lasts longer than the mask
    noisy = np.random.default_rng(3).normal(0.5, 0.01, (1, 100))
    noisy[0, 50:53] = noisy[0, 80:83] = 0.7
    assert spans("zscore", ground(noisy, first=35, masked=masked)) == [(0, 81, 83)]


def test_an_entity_fires_when_one_of_its_series_does_and_that_one_leads() -> None:
    values = np.full((3, 60), 0.5)
    values[1, 20:30], values[2, 25:40] = 1.5, 1.5
    (one,) = firings("static", ground(values, [0, 0, 0]))
    assert (one.first, one.last, one.row) == (20, 40, 1)


def test_without_a_limit_only_what_is_usual_can_be_said() -> None:
    on = ground(np.zeros((1, 10)), limit=np.nan)
    assert [method for method in METHODS if applies(method, on)] == ["zscore", "bands"]
