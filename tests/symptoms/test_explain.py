"""Paces over spans, and what speaks against a forecast: on courses whose answer is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from aiops.core.records import Floats, History, Limit, Resolution
from aiops.symptoms.explain import SPANS_S, Moved, against, paces, positive, reached_before, still, usual, windows

NOW_S = 1_750_000_000 // 3600 * 3600
HOUR_S = 3600


def history(*courses: Callable[[Floats], Floats], days: float = 14.0) -> History:
    """Courses over hours before now (0 = now, negative before), as three resolutions of step 60 s, 5 min, 1 h."""

    def resolution(step_s: int, span_s: float) -> Resolution:
        hours = np.arange(-int(span_s // step_s) + 1, 1) * step_s / HOUR_S
        mean = np.stack([course(hours) for course in courses]).astype(np.float32)
        return Resolution(step_s, NOW_S, mean, mean, mean)

    span = days * 86400
    n = len(courses)
    return History(
        resolution(60, min(6 * HOUR_S, span)), resolution(300, min(3 * 86400, span)), resolution(3600, span),
        np.zeros(n), np.full(n, NOW_S), np.full(n, int(NOW_S - span)),
    )  # fmt: skip


def straight(per_hour: float) -> Callable[[Floats], Floats]:
    return lambda h: 50.0 + per_hour * h


def said(course: Callable[[Floats], Floats], slope_per_hour: float, cover: float = 1.0, why: str = "") -> list[str]:
    found, limit = history(course), Limit.uniform(1, 100.0, True)
    slope = np.array([slope_per_hour / HOUR_S])
    return against(found, limit, paces(found), slope, np.array([cover]), np.array([3600.0]), np.array([why], dtype=object))[0]


def test_a_straight_line_has_one_pace_over_every_span() -> None:
    assert paces(history(straight(2.0))) * HOUR_S == pytest.approx(np.full((1, len(SPANS_S)), 2.0), rel=1e-3)


def test_spans_longer_than_the_history_have_none() -> None:
    found = paces(history(straight(2.0), days=0.5))[0]
    assert np.isfinite(found[:2]).all()
    assert np.isnan(found[2:]).all()


def test_a_gap_is_no_pace() -> None:
    assert np.isnan(paces(history(lambda h: np.where(h > -1, np.nan, h)))[0, 0])


def test_only_spans_that_agree_are_its_windows() -> None:
    pace = np.array([3.0, 2.0, -1.0, np.nan, 0.5]) / HOUR_S
    assert windows(pace, 1.0, "1") == ["1h: 3 an hour", "6h: 2 an hour", "7d: 0.5 an hour"]
    assert windows(pace * 2**20, -1.0, "By") == ["1d: -1 MiB an hour"]


def test_nothing_speaks_against_a_steady_line() -> None:
    assert said(straight(2.0), 2.0) == []


def test_a_rise_that_slowed_down_is_said() -> None:
    found = said(lambda h: np.where(h < -1, 50 + 2 * (h + 1), 50 + 0.2 * (h + 1)), 2.0)
    assert found == ["over the last 1h it moved at 10% of that pace"]


def test_of_a_rise_that_just_began_the_shortest_slow_span_is_said_alone() -> None:
    found = said(lambda h: np.where(h < -2, 50.0, 50 + 2 * (h + 2)), 2.0)
    assert [line for line in found if "of that pace" in line] == ["over the last 6h it moved at 31% of that pace"]


def test_a_turn_back_is_said() -> None:
    assert said(lambda h: np.where(h < -1, 50 + 2 * h, 50 - 2 * h - 4), 2.0)[0] == "over the last 1h it moved the other way"


def test_a_level_that_was_reached_before_is_said() -> None:
    found = said(lambda h: np.where(h < -100, 60.0, 40 + 0.1 * (h + 100)), 0.1)
    assert "it stood there 4d5h ago and did not go on" in found


def test_right_after_a_jump_nothing_before_was_as_far_out() -> None:
    """The newest sample is held against the worst one of an hour, not a mean that the jump has hardly moved."""
    found = history(lambda h: np.where(h > -0.01, 9.0, np.where(abs(h + 50) < 0.6, 4.0, 1.0)))
    assert np.isnan(reached_before(found, np.ones(1))[0])
    assert np.isnan(reached_before(history(lambda h: np.where(h > -0.01, np.nan, 1.0 - h)), np.ones(1))[0]), "no sample now"


def test_what_most_days_bring_at_another_hour_is_not_as_far_out_as_now() -> None:
    peaks = lambda h: np.where(np.abs(h % 24 - 12) < 2, 9.0, 1.0)  # noqa: E731
    found = history(lambda h: np.where(h > -0.01, 8.0, peaks(h)), lambda h: np.where(h > -0.01, 8.0, peaks(h) * (h > -60)))
    assert reached_before(found, np.ones(2)).tolist() == [35 * HOUR_S] * 2
    assert reached_before(found, np.ones(2), daily=False) == pytest.approx([np.nan, 35 * HOUR_S], nan_ok=True)


@pytest.mark.parametrize(("value", "true"), [(5.0, True), (4.0, True), (5.1, False), (2.0, False), (-5.0, False)])
def test_a_doubt_goes_when_the_newest_value_no_longer_bears_it_out(value: float, true: bool) -> None:
    said = ["before"] if true else []
    one = Moved(7, {"against": ["before"]}, 1.0, 3.0, 5.0, False)
    assert one.of(value, (1.0, 0.0, 3.0))["against"] == said
    assert Moved(7, {"against": ["before"]}, -1.0, 3.0, 5.0, False).of(-value, (1.0, 0.0, 3.0))["against"] == said


def test_what_never_was_below_0_is_not_told_to_be_usual_there() -> None:
    found = history(lambda h: np.where(h > -1, 3.0, 0.0), lambda h: np.where(abs(h + 200) < 1, -1.0, 2.0))
    assert positive(found).tolist() == [True, False]
    assert Moved(7, {"against": []}, 1.0, 3.0, 5.0, True).of(3.0, (-0.1, -0.2, 0.8)) == {
        "against": [], "expected": 0.0, "usual_low": 0.0,
    }  # fmt: skip
    assert Moved(7, {"against": []}, 1.0, 3.0, 5.0, True).of(-3.0, (-0.1, -0.2, 0.8)) == {"against": []}
    assert Moved(7, {"against": []}, 1.0, 3.0, 5.0, False).of(3.0, (-0.1, -0.2, 0.8)) == {"against": []}


def test_usual_are_the_quantiles_of_the_same_hour_on_days_that_are_known() -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=(3, 14 * 24))
    noise[0, rng.random(14 * 24) < 0.3], noise[2] = np.nan, np.nan
    rows: list[Callable[[Floats], Floats]] = [lambda h, i=i: 0 * h + np.resize(noise[i], len(h)) for i in range(3)]  # type: ignore[misc]
    found = history(*rows)
    days = found.long.mean[:2, found.long.mean.shape[1] - 24 * np.arange(1, 15)].astype(np.float64)
    low, high = usual(found)
    assert low[:2].tolist() == np.nanquantile(days, 0.1, axis=1).tolist()
    assert high[:2].tolist() == np.nanquantile(days, 0.9, axis=1).tolist()
    assert np.isnan([low[2], high[2]]).all()


def test_missing_samples_and_a_pause_are_said() -> None:
    assert said(straight(2.0), 2.0, 0.75, "it comes no nearer for now") == [
        "25% of the samples of its 1h are missing", "of late it came no nearer",
    ]  # fmt: skip


def test_below_a_limit_falling_is_the_way() -> None:
    found, limit = history(straight(-2.0)), Limit.uniform(1, 0.0, False)
    one = np.array([-2.0 / HOUR_S])
    assert against(found, limit, paces(found), one, np.ones(1), np.full(1, 3600.0), np.array([""], dtype=object)) == [[]]
    assert windows(paces(found)[0], float(one[0]), "1")[0] == "1h: -2 an hour"


def noisy(h: Floats) -> Floats:
    return np.sin(h * 977.0) + np.sin(h * 331.0)


@pytest.mark.parametrize("hours", [0.5, 5.0, 30.0])
def test_a_series_that_always_moves_and_stopped_has_been_still_since(hours: float) -> None:
    (found,) = still(history(lambda h: np.where(h > -hours, 7.25, noisy(h))))
    assert found == pytest.approx(hours * HOUR_S, abs=600)


def test_what_moves_often_stands_still_or_has_no_sample_is_not_still() -> None:
    often = [lambda h: np.where((h + 1000) % 2 < 1.5, 0.0, 1.0), lambda h: 0.0 * h, noisy]
    gone = [lambda h: np.where(h > -3, np.nan, np.where(h > -4, 7.25, noisy(h)))]
    assert still(history(*often, *gone)).tolist() == [0.0] * 4


def test_a_gap_does_not_end_standing_still() -> None:
    (found,) = still(history(lambda h: np.where((h > -1) & (h < -0.5), np.nan, np.where(h > -2, 7.25, noisy(h)))))
    assert found == pytest.approx(2 * HOUR_S, abs=600)
