"""Paths held against limits."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Limit
from aiops.models import outlook
from aiops.models.combined import METHODS
from tests.models.hours import NOW, history_of

HOUR = 3600
PARAMS = outlook.OutlookParams()


def known(path: np.ndarray, now: int = NOW) -> dict[str, np.ndarray]:
    """The state of one row whose path is `path`, without any error."""
    state = outlook.initial(1)
    state["fit_s"][:] = now
    state["path"][0, : len(path)] = path
    state["scales"][:], state["quantiles"][:] = 1e-6, np.arange(1, 6) * 1.0
    return state


def told(state: dict[str, np.ndarray], top: float, now: int = NOW, value: float = 0.0, horizon: float = 1e6):
    history = history_of(np.full((1, 100), value), now=now)
    return outlook.told(PARAMS, state, history, Limit.uniform(1, top, True), horizon, np.array(["made"], object))


def test_the_crossing_lies_on_the_line_between_two_hours() -> None:
    found = told(known(np.arange(20.0)), 10.5)
    assert found.time_s[0, 1] - NOW == 11 * HOUR
    assert found.reason[0] == "made reaches it"


def test_hours_that_are_over_do_not_count() -> None:
    path = np.array([20.0, 0, 0, 0, 0, 20.0, 0])
    found = told(known(path, NOW), 10.0, now=NOW + 2 * HOUR)
    assert found.time_s[0, 1] > NOW + 4 * HOUR


def test_it_speaks_on_a_little_beyond_the_horizon() -> None:
    state = known(np.arange(40.0))
    silent = told(state, 20.5, horizon=18 * HOUR)
    assert np.isnan(silent.time_s).all()
    told(state, 15.5, horizon=18 * HOUR)
    assert state["up"][0]
    assert np.isfinite(told(state, 20.5, horizon=18 * HOUR).time_s).all()


def test_an_old_forecast_is_not_told() -> None:
    found = told(known(np.arange(40.0)), 30.0, now=NOW + 13 * HOUR)
    assert np.isnan(found.time_s).all()
    assert found.reason[0] == "too little history"


def test_a_lower_end_that_never_crosses_gives_the_end_of_the_path() -> None:
    state = known(np.arange(30.0))
    state["scales"][:], state["quantiles"][:] = 100.0, np.arange(1, 6) * 1.0
    early, expected, late = told(state, 10.0).time_s[0] - NOW
    assert early == 0
    assert expected == 10.5 * HOUR
    assert late == 30 * HOUR


def test_confidence_grows_with_the_distance_beyond_the_limit() -> None:
    sure = []
    for top in (28.9, 20.0, 5.0):
        state = known(np.arange(30.0))
        state["scales"][:] = 5.0
        sure.append(told(state, top).confidence[0])
    assert 0.5 <= sure[0] < sure[1] < sure[2] <= 0.95


def test_a_curve_needs_no_look_before_and_leaves_the_state_alone() -> None:
    y = 50 + 10 * np.sin(2 * np.pi * np.arange(400) / 24)[None]
    state = outlook.initial(1)
    ahead = NOW + HOUR // 2 + HOUR * np.arange(24)
    curve = outlook.curve(METHODS, PARAMS, state, history_of(y), ahead, 0.8)
    assert np.isnan(state["fit_s"]).all()
    want = 50 + 10 * np.sin(2 * np.pi * np.arange(400, 424) / 24)
    np.testing.assert_allclose(curve.mean[0], want, atol=0.5)


def test_a_curve_of_a_row_that_cannot_be_forecast_is_its_newest_value() -> None:
    history, ahead = history_of(np.full((1, 5), 7.0)), NOW + HOUR * np.arange(1, 4)
    curve = outlook.curve(METHODS, PARAMS, outlook.initial(1), history, ahead, 0.8)
    assert curve.mean.tolist() == [[7.0, 7.0, 7.0]]
