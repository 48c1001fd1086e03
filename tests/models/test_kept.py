"""What was told and is over ends soon; what only looks so does not."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.kept import Evidence, kept
from aiops.models.paths import FROM_DAY_TO_DAY, Path
from tests.models.test_exhaustion import PER_LOOK, RISE, Turns, above


def told() -> Turns:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    return turns


def test_a_row_that_was_cleaned_up_falls_silent_within_minutes() -> None:
    turns = told()
    said = [turns.look(-0.2 + PER_LOOK * i) for i in range(100)]
    assert said[0]
    assert not any(said[6:])


@pytest.mark.parametrize("level", [0.65, 0.4])
def test_a_row_that_fell_back_to_where_its_window_has_been_is_waited_for(level: float) -> None:
    turns = told()
    assert sum(turns.look(level) for _ in range(30)) > 15


def test_one_sample_far_down_ends_nothing() -> None:
    turns = told()
    level = 0.7 + PER_LOOK * 8 + PER_LOOK * np.arange(1, 21)
    level[5] = -0.5
    assert all(turns.look(float(x)) for x in level)


@pytest.mark.parametrize(
    ("covered", "spoken_s_ago", "stays"), [(0.6, 600, True), (0.4, 0, True), (0.4, 600, False), (0.2, 0, False)]
)
def test_who_comes_nearer_slower_than_told_is_judged_anew_as_long_as_it_does(
    covered: float, spoken_s_ago: int, stays: bool
) -> None:
    now, told = 10 * 3600, np.array([36000.0])
    state = Exhaustion(ExhaustionParams(), 300).initial(1)
    state["opened_s"][:], state["opened_left_s"][:], state["opened_room"][:] = 0.0, told, 1.0
    state["window_s"][:], state["up"][:], state["last_s"][:] = 86400.0, True, now - spoken_s_ago
    one, yes, no = np.ones(1), np.ones(1, bool), np.zeros(1, bool)
    seen = Evidence(
        [], np.zeros((1, 0)), covered * one, one, yes, yes, 0 * one, one, covered * one, no, np.full(1, "", object),
        np.zeros((1, 1), np.float32), 300, no,
    )  # fmt: skip
    assert kept(state, seen, yes, 0.5 * told, np.array([now])).tolist() == [stays]
    anew = stays and covered < 0.55
    assert state["opened_room"][0] == pytest.approx(1.0 - covered if anew else 1.0)
    assert np.isfinite(state["doubt_room"][0]) == (not stays)


@pytest.mark.parametrize(("reached", "hours", "stays"), [(0.85, 17, True), (0.85, 19, False), (0.6, 17, False), (0.6, 11, True)])
def test_a_pause_ends_after_half_a_day_and_after_18_hours_where_the_peak_of_the_day_still_stands(
    reached: float, hours: int, stays: bool
) -> None:
    """Told at 0.8; the rhythm of its day has it at 0.5 now."""
    now, model = 48 * 3600, Exhaustion(ExhaustionParams(), 300)
    state = model.initial(1)
    state["opened_s"][:], state["opened_left_s"][:], state["opened_room"][:] = 0.0, 30 * 86400.0, 0.2
    state["window_s"][:], state["up"][:], state["last_s"][:] = 7 * 86400.0, True, now - hours * 3600.0
    state["expected_s"][:], state["limit"][:] = 30 * 86400.0, 1.0
    one, yes, no = np.ones(1), np.ones(1, bool), np.zeros(1, bool)
    path = Path(np.full(1, np.nan), one, 7 * 86400.0, FROM_DAY_TO_DAY, np.zeros(1, np.int8))
    seen = Evidence(
        [path], np.full((1, 1), np.nan), 0.5 * one, one, yes, yes, 0 * one, one, reached * one, no, np.full(1, "", object),
        np.zeros((1, 288), np.float32), 300, no,
    )  # fmt: skip
    told = model.told(state, seen, np.array([now]), Limit.uniform(1, 1.0, True), 40 * 86400.0)
    assert np.isfinite(told.time_s[0, 1]) == stays
