"""The default forecaster over hours and days: intervals, clocks, rises that stop, rows that did not keep their pace."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

HOUR, DAY = 3600, 86400
NOON = 1_767_571_200 + 12 * HOUR
Array = np.ndarray


def answers(values: Array, looks: int, limit: Limit, level: float = 0.8, every: int = 1) -> list[Crossings]:
    """What is said at the last `looks` samples of `values` (t,) or (n, t), 5 min apart; at every third one with `every` 3, as a
    daemon may look."""
    values = np.atleast_2d(values)
    n, count = values.shape
    window, model = Window.open(None, 300, n), Exhaustion(ExhaustionParams(level=level), 300)
    rows, state = window.rows_for([{"row": str(row)} for row in range(n)]), model.initial(n)
    times = NOON + 300 * np.arange(count, dtype=np.int64)
    window.append(rows, times[:-looks], values[:, :-looks])
    out = []
    for i in range(count - looks, count):
        window.append(rows, times[i : i + 1], values[:, i : i + 1])
        if (count - 1 - i) % every == 0:
            out.append(model.crossings(state, window.history(rows, int(times[i])), limit, 14 * DAY))
    return out


def speaks(said: list[Crossings], row: int = 0) -> Array:
    return np.array([bool(np.isfinite(one.time_s[row, 1])) for one in said])


def test_a_certificate_is_told_to_the_hour_as_soon_as_the_horizon_reaches_its_end() -> None:
    left = 22.0 * DAY - 300.0 * np.arange(432 + 288 * 4) + np.random.default_rng(0).uniform(-20, 20, 432 + 288 * 4)
    said = answers(left, 432, Limit.uniform(1, 3 * DAY, False))
    first = int(np.argmax(speaks(said)))
    at = NOON + 300 * (288 * 4 + first)
    early, expected, late = said[first].time_s[0] - at
    assert 13.5 * DAY < expected <= 14 * DAY
    assert expected == pytest.approx(19 * DAY - (at - NOON), rel=0.002)
    assert late - early < 0.03 * expected
    assert "like a clock" in str(said[first].reason[0])


def test_a_lower_level_gives_a_narrower_interval() -> None:
    rise = 0.7 + 0.01 * np.arange(-960, 1) / 12
    wide, narrow = (answers(rise, 12, Limit.uniform(1, 1.0, True), level)[-1].time_s[0] for level in (0.8, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < narrow[2] < wide[2]
    assert narrow[1] == wide[1]


@pytest.mark.parametrize("days", [4, pytest.param(9, marks=pytest.mark.long)])
def test_who_did_not_keep_the_told_pace_is_silent_until_clearly_nearer(days: int) -> None:
    t = np.arange(-24 * 6 * 12, 24 * days * 12) / 12
    level = 0.1 + 0.5 * np.clip((t + 144) / 144, 0, 1) + 0.10 * np.clip(t, 0, None) / 96  # at a third of its pace from 0 on
    said = speaks(answers(level, 24 * days * 12, Limit.uniform(1, 1.0, True), every=3))
    times = t[-24 * days * 12 :][2::3]
    begins = np.flatnonzero(said[1:] & ~said[:-1]) + 1
    assert said[times < 12].any()
    assert not said[(times > 60) & (times < 90)].any()
    assert len(begins) <= 2


def test_no_time_told_lies_before_the_next_look() -> None:
    rise = 0.9995 - 0.01 * np.arange(960, -1, -1) / 12
    early, expected, late = answers(rise, 12, Limit.uniform(1, 1.0, True))[-1].time_s[0] - (NOON + 300 * 960)
    assert 300 <= early <= expected <= late


@pytest.mark.parametrize("hours", [24, pytest.param(72, marks=pytest.mark.long)])
def test_a_fill_that_reached_its_retention_is_let_go_within_eight_hours_and_stays_unsaid(hours: int) -> None:
    t = np.arange(-24 * 4 * 12, hours * 12) / 12
    level = 0.75 + 0.005 * np.minimum(t, 0.0) + 0.0005 * np.random.default_rng(1).normal(size=len(t))
    said = speaks(answers(level, (4 + hours) * 12, Limit.uniform(1, 1.0, True)))
    times = (np.arange(len(said)) - 4 * 12) / 12
    assert said[(times > -2) & (times < 0)].all()
    assert not said[times > 8].any()


def test_a_row_that_stood_still_says_so() -> None:
    t = np.arange(-24 * 4 * 12, 9 * 12) / 12
    level = 0.75 + 0.005 * np.minimum(t, 0.0) + 0.0005 * np.random.default_rng(1).normal(size=len(t))
    last = answers(level, 24 * 12, Limit.uniform(1, 1.0, True))[-1]
    assert str(last.reason[0]) == "came nearer, and stands still now"


def test_a_quota_that_starts_again_first_is_silent_with_that_reason() -> None:
    t = np.arange(-24 * 5 * 12, 1) / 12
    limit = Limit(np.array([1.0]), np.array([True]), np.array([np.nan]), np.array([2], np.int8))
    values = 0.7 + 0.004 * t
    window, model = Window.open(None, 300, 1), Exhaustion(ExhaustionParams(), 300)
    rows, end = window.rows_for([{"row": "0"}]), 1_767_225_600 + 30 * DAY  # a day before the month's end
    window.append(rows, end + 300 * np.arange(-len(t) + 1, 1, dtype=np.int64), values[None])
    said = model.crossings(model.initial(1), window.history(rows, end), limit, 14 * DAY)
    assert str(said.reason[0]) == "starts again before it gets there"


def test_what_was_told_before_a_quota_started_again_does_not_outlast_it() -> None:
    end = 1_767_225_600 + 31 * DAY  # 1 February 2026, 00:00 UTC
    t = np.arange(-24 * 5 * 12, 24 * 12 // 4) / 12
    values = np.where(t < 0, 0.4 + 0.0046 * (t + 120), 0.0046 * t)
    monthly = Limit(np.array([1.0]), np.array([True]), np.array([np.nan]), np.array([2], np.int8))
    window, model = Window.open(None, 300, 1), Exhaustion(ExhaustionParams(), 300)
    rows, state = window.rows_for([{"row": "0"}]), model.initial(1)
    state["up"][:], state["window_s"][:], state["last_s"][:] = True, 72 * HOUR, end - 300
    state["expected_s"][:], state["slope"][:] = end + 10 * HOUR, 1e-6
    said = []
    for i, value in enumerate(values.tolist()):
        now = end + int(t[i] * HOUR)
        window.append(rows, np.array([now]), np.array([[value]]))
        if t[i] >= 0:
            said.append(model.crossings(state, window.history(rows, now), monthly, 14 * DAY))
    assert not speaks(said).any()


def test_a_limit_that_is_measured_is_timed_anew_at_once_and_a_written_one_after_a_while() -> None:
    t = np.arange(-24 * 4 * 12, 1) / 12
    for settle_s, expected in ((0.0, True), (3000.0, False)):
        model = Exhaustion(ExhaustionParams(settle_s=settle_s), 300)
        state, window = model.initial(1), Window.open(None, 300, 1)
        rows = window.rows_for([{"row": "0"}])
        said = []
        for i, value in enumerate((0.7 + 0.01 * t).tolist()):
            now = NOON + 300 * i
            window.append(rows, np.array([now]), np.array([[value]]))
            if i >= len(t) - 12:
                limit = Limit.uniform(1, 1.0 if i < len(t) - 1 else 1.1, True)
                said.append(model.crossings(state, window.history(rows, now), limit, 14 * DAY))
        assert speaks(said[-2:]).tolist() == [True, expected]
        if expected:
            before, after = (one.time_s[0, 1] for one in said[-2:])
            assert after - before == pytest.approx(10 * HOUR, rel=0.1)


def test_what_failed_and_was_mended_is_told_again_when_it_goes_the_same_way() -> None:
    t = np.arange(0, 264 * 12) / 12
    level = 0.4 + 0.002 * np.random.default_rng(2).normal(size=len(t))
    for begins in (150, 240):  # full after 28 h, cleaned 8 h later
        level += np.where((t >= begins) & (t < begins + 36), np.minimum((t - begins) / 28 * 0.56, 0.6), 0.0)
    said = speaks(answers(level, 124 * 12, Limit.uniform(1, 0.95, True), every=3))
    times = t[-124 * 12 :][2::3]
    for begins in (150, 240):
        assert said[(times > begins) & (times < begins + 24)].any()
    assert not said[(times > 190) & (times < 240)].any()


def test_a_fill_that_comes_again_every_other_day_and_goes_beyond_the_limit_is_told_each_time() -> None:
    t = np.arange(0, 238 * 12) / 12
    begins, lasts, rows = np.arange(130.0, 230.0, 50.0), 14.0, [(1.02, 0.3, 0.3), (1.04, 6.0, 3.0), (1.1, 1.0, 0.1)]
    level = np.tile(0.3 + 0.003 * np.random.default_rng(4).normal(size=len(t)), (len(rows), 1))
    for row, (beyond, stays, cleaned) in enumerate(rows):
        for begin in begins:
            peak = lasts * (1 + (beyond - 1) * 1.5)
            left = np.where(t < begin + peak + stays, 1.0, np.clip(1 - (t - begin - peak - stays) / cleaned, 0, 1))
            level[row] += np.where(t > begin, 0.6 * np.minimum((t - begin), peak) / lasts * left, 0.0)
    answered = answers(level, len(t) - 120 * 12, Limit.uniform(len(rows), 0.9, True), every=3)
    times = t[120 * 12 :][2::3]
    for row, how in enumerate(rows):
        said = speaks(answered, row)
        for begin in begins:
            assert said[(times > begin) & (times < begin + 0.65 * lasts)].any(), how
            assert not said[(times > begin + lasts + 10) & (times < begin + 50)].any(), how


def test_every_tooth_of_a_sawtooth_that_goes_beyond_the_limit_is_told() -> None:
    t = np.arange(0, 24 * 9 * 12) / 12
    rng, heights = np.random.default_rng(3), (0.8, 0.55)
    level = np.stack([0.2 + height * (t % 30) / 30 + 0.003 * rng.normal(size=len(t)) for height in heights])
    answered = answers(level, 24 * 4 * 12, Limit.uniform(2, 0.95, True), every=3)
    for row, told in enumerate((True, False)):
        teeth = speaks(answered, row).reshape(-1, 4 * 6)[: 24 * 4 // 30 * 5].reshape(-1, 5 * 4 * 6)
        assert teeth.any(axis=1).all() == told
        assert teeth.any() == told


def test_a_quota_is_told_to_the_minute_whatever_of_the_hour_has_gone() -> None:
    t = NOON + 300.0 * np.arange(288 * 4)
    spent = (t - 1) % DAY / DAY * np.where(t < NOON + 3.5 * DAY, 0.6, 1.6)  # evenly through the day
    times, limit = t[-288 // 2 :], Limit(np.ones(1), np.ones(1, bool), np.full(1, np.nan), np.ones(1, np.int8))
    said = answers(spent, len(times), limit)
    here = speaks(said) & (times < NOON + 3.5 * DAY + 14 * HOUR)
    expected = np.array([one.time_s[0, 1] for one in said])[here]
    assert here.sum() > 60
    assert np.abs(expected - (NOON + 3.5 * DAY + DAY / 1.6)).max() < 600
