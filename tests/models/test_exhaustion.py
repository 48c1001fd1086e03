"""The default forecaster as a card sees it: what it says of shapes, when it falls silent, and why."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

MINUTE, HOUR, DAY = 60, 3600, 86400
NOON = 1_767_571_200 + 12 * HOUR  # a Monday
Array = np.ndarray


def told(values: Array, limit: Limit, step: int = 300, end: int = NOON, looks: int = 12, horizon: float = 14 * DAY) -> Crossings:
    """The answer after `looks` turns, 5 min apart (a step, where that is less), the last one at `end`."""
    every = max(step, 300) if step >= MINUTE else step
    window, model = Window.open(None, step, len(values)), Exhaustion(ExhaustionParams(), step)
    rows = window.rows_for([{"row": str(i)} for i in range(len(values))])
    state, out = model.initial(len(values)), None
    first = end - step * (values.shape[1] - 1)
    done = 0
    for look in range(looks):
        now = end - every * (looks - 1 - look)
        column = (now - first) // step + 1
        window.append(rows, first + step * np.arange(done, column), values[:, done:column])
        done = column
        out = model.crossings(state, window.history(rows, now), limit, horizon)
    assert out is not None
    return out


def above(n: int, value: float = 1.0) -> Limit:
    return Limit.uniform(n, value, True)


def hours(count: float, step: int = 300) -> Array:
    """Hours before the end, ascending to 0."""
    return np.arange(-round(count * HOUR / step), 1) * step / HOUR


def noise(size: int, scale: float = 0.003, seed: int = 0) -> Array:
    return scale * np.random.default_rng(seed).normal(size=size)


def daily(t: Array) -> Array:
    """0-1, highest at noon."""
    return 0.5 * (1 + np.cos(2 * np.pi * t / 24))


def saw(t: Array, period: float) -> Array:
    return (t / period) % 1.0


CROSSING = {
    "a steady fill": (0.7 + 0.02 * hours(80) * 24 / 24 / 2, 30.0),
    "a leak under a daily rhythm": (0.62 + 0.05 * hours(240) / 24 + 0.1 * daily(hours(240)), 0.28 / 0.05 * 24),
    "a sawtooth whose floor and ceiling rise": (0.45 + 0.006 * hours(96) + 0.2 * saw(hours(96), 3), 0.35 / 0.006),
    "a ramp after days of calm": (0.3 + 0.055 * np.clip(hours(96) + 9, 0, None), 0.205 / 0.055),
    "peaks that grow from day to day": ((0.25 + 0.6 * daily(hours(300))) * (1 + 0.02 * hours(300) / 24), 9 * 24),
}


@pytest.mark.parametrize("name", CROSSING)
@pytest.mark.parametrize("downwards", [False, True])
def test_what_is_on_its_way_to_the_limit_is_told_with_an_interval(name: str, downwards: bool) -> None:
    values, expected = CROSSING[name]
    values = values + noise(len(values))
    answer = told(1 - values[None], Limit.uniform(1, 0.0, False)) if downwards else told(values[None], above(1))
    early, middle, late = (answer.time_s[0] - NOON) / HOUR
    assert early < middle < late
    assert early < expected < late
    assert answer.slope[0] * (-1 if downwards else 1) > 0
    assert 0.3 <= answer.confidence[0] <= 0.95


QUIET = {
    "constant": (np.full(865, 0.5), "no steady way to the limit"),
    "noise": (0.5 + noise(2000, 0.02), "no steady way to the limit"),
    "receding": (0.9 - 0.004 * (hours(96) + 96), "no steady way to the limit"),
    "a daily rhythm": (0.3 + 0.6 * daily(hours(240) + 3), ""),
    "a sawtooth on a flat floor": (0.3 + 0.5 * saw(hours(96), 2.0), "sawtooth, floor flat"),
    "a step": (0.3 + 0.4 * (hours(96) > -5), ""),
    "a rise that levels off": (0.9 - 0.5 * np.exp(-np.clip(hours(96) + 20, 0, None) / 6), "levels off before the limit"),
    "a plateau": (0.3 + 0.4 * np.clip((hours(96) + 20) / 10, 0, 1), ""),
    "a slow rise far from the limit": (0.2 + 0.0005 * (hours(96) + 96), "comes nearer, but the limit is too far away to tell"),
    "a rise to less than there was before": (
        np.where(hours(96) < -40, 0.8 - 0.01 * np.abs(hours(96) + 60), 0.3 + 0.03 * np.clip(hours(96) + 12, 0, None)),
        "comes nearer, but no nearer than it has been before",
    ),
}


@pytest.mark.parametrize("name", QUIET)
def test_look_alikes_stay_unsaid_and_say_why(name: str) -> None:
    values, why = QUIET[name]
    answer = told(values[None] + noise(len(values), 0.001), above(1))
    assert np.isnan(answer.time_s).all()
    assert answer.reason[0] == why or (not why and answer.reason[0])


def test_what_is_on_its_way_beyond_the_horizon_is_said_to_be() -> None:
    values = 0.6 + 0.002 * (hours(240) + 120) + noise(2881, 0.001)
    assert np.isfinite(told(values[None], above(1)).time_s).all()
    answer = told(values[None], above(1), horizon=6 * HOUR)
    assert np.isnan(answer.time_s).all()
    assert answer.reason[0] == "on its way to the limit, and there only after the horizon"


def test_gaps_and_lone_spikes_do_not_hide_a_fill() -> None:
    values = np.tile(0.7 + 0.01 * hours(80), (3, 1)) + noise(961)
    rng = np.random.default_rng(1)
    values[0, rng.random(961) < 0.3] = np.nan
    values[1, 500:560] = np.nan
    values[2, 300] = 1.5
    answer = told(values, above(3))
    assert np.isfinite(answer.time_s).all()


def test_rows_without_sample_limit_or_room_name_the_reason() -> None:
    rise = 0.7 + 0.01 * hours(80)
    values = np.stack([np.full(961, np.nan), rise, rise + 0.4, np.where(hours(80) > -1, np.nan, rise)])
    limit = above(4)
    limit.value[1] = np.nan
    answer = told(values, limit)
    assert np.isnan(answer.time_s).all()
    assert answer.reason.tolist() == ["no sample now", "no limit", "already beyond the limit", "no sample now"]


@pytest.mark.parametrize("step", [15, 300])
@pytest.mark.parametrize("scale", [-1.7e308, -1e300, 1e39, 1e300, 1.7e308])
def test_numbers_too_large_to_follow_are_refused_with_that_reason(scale: float, step: int) -> None:
    t = hours(80)
    values = scale * np.stack([0.7 + 0.01 * t, 0 * t + 0.5, 0.5 + 0.1 * noise(len(t), 1.0), np.where(t < -5, 0.1, 0.9)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        out = told(values, Limit.uniform(4, scale, scale > 0), step, looks=3)
    assert np.isnan(out.time_s).all()
    assert list(out.reason) == ["numbers too large to follow"] * 4


def test_a_lone_number_of_any_size_is_no_end_of_the_others() -> None:
    rise = 0.7 + 0.01 * hours(80)
    for spike in (1e39, 1e300, -1.7e308):
        values = rise[None].copy()
        values[0, -30] = spike
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert told(values, above(1)).time_s[0, 1] - NOON == pytest.approx(30 * HOUR, rel=0.05)


def test_the_first_samples_say_nothing() -> None:
    answer = told(np.array([[0.1, 0.3, 0.5]]), above(1), looks=3)
    assert np.isnan(answer.time_s).all()


def test_whole_numbers_percent_and_bytes_are_followed_alike() -> None:
    share = 0.7 + 0.01 * hours(80)
    values = np.stack([np.round(100 * share), np.round(4096 * share), 2.0**41 * share, 1e-6 * share])
    limit = Limit(np.array([100, 4096, 2.0**41, 1e-6]), np.ones(4, bool), np.full(4, np.nan), np.zeros(4, np.int8))
    left = (told(values, limit).time_s[:, 1] - NOON) / HOUR
    np.testing.assert_allclose(left, 30, rtol=0.2)


def test_a_beyond_the_horizon_crossing_is_not_told() -> None:
    values = 0.7 + 0.01 * hours(80)
    assert np.isfinite(told(values[None], above(1), horizon=2 * DAY).time_s).all()
    assert np.isnan(told(values[None], above(1), horizon=DAY).time_s).all()


def test_the_past_of_a_row_matters_not_only_its_last_days() -> None:
    rise = 0.7 + 0.01 * hours(80)
    before = np.full(5 * 288, 0.1)
    stood_higher = np.concatenate([before, np.full(24, 0.9), before, rise])
    stood_lower = np.concatenate([before, np.full(24, 0.3), before, rise])
    answer = told(np.stack([stood_higher, stood_lower]), above(2))
    assert np.isfinite(answer.time_s[:, 1]).tolist() == [False, True]


# --- over several looks -----------------------------------------------------------------------------------------------


class Turns:
    """A forecaster over a growing history, a look each 5 min."""

    def __init__(self, limit: Limit, before: Array, params: ExhaustionParams | None = None) -> None:
        self.limit, self.now = limit, NOON
        self.window, self.model = Window.open(None, 300, 1), Exhaustion(params or ExhaustionParams(), 300)
        self.rows, self.state = self.window.rows_for([{"row": "0"}]), self.model.initial(1)
        times = NOON + 300 * np.arange(-len(before) + 1, 1)
        self.window.append(self.rows, times, before[None])

    def look(self, value: float) -> bool:
        self.now += 300
        self.window.append(self.rows, np.array([self.now]), np.array([[value]]))
        answer = self.model.crossings(self.state, self.window.history(self.rows, self.now), self.limit, 14 * DAY)
        return bool(np.isfinite(answer.time_s[0, 1]))


RISE = 0.7 + 0.01 * hours(80)
PER_LOOK = 0.01 / 12


def test_a_row_speaks_only_after_some_agreement() -> None:
    turns = Turns(above(1), RISE)
    said = [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)]
    assert said == sorted(said)
    assert 1200 / 300 <= said.index(True) <= 1200 / 300 + 1


@pytest.mark.parametrize(("gap", "said"), [(3, True), (45, False)])
def test_a_gap_of_minutes_is_no_word_against_what_agreed_before_it(gap: int, said: bool) -> None:
    turns = Turns(above(1), RISE)
    assert not turns.look(0.7 + PER_LOOK)
    assert not any(turns.look(np.nan) for _ in range(gap))
    assert turns.look(0.7 + PER_LOOK * (gap + 2)) is said, "after hours it is looked at anew"


@pytest.mark.parametrize(("hours_missing", "said"), [(12, True), (25, False)])
def test_what_was_told_goes_on_at_the_first_look_after_an_outage_of_up_to_a_day(hours_missing: int, said: bool) -> None:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    for _ in range(12 * hours_missing):
        turns.look(np.nan)
    assert turns.look(0.7 + PER_LOOK * (12 * hours_missing + 9)) is said


def test_a_row_falls_silent_when_the_rise_stops_or_falls_back() -> None:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    said = [turns.look(0.7) for _ in range(400)]
    assert said[0]
    assert not any(said[300:])


def test_a_row_without_samples_falls_silent() -> None:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    said = [turns.look(np.nan) for _ in range(150)]
    assert said[1]
    assert not any(said[130:])


def test_a_crossed_limit_ends_what_is_said() -> None:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    for _ in range(2):
        turns.look(1.1)
    assert not turns.look(1.1)


def test_after_a_changed_limit_a_row_waits_and_then_judges_anew() -> None:
    turns = Turns(above(1), RISE)
    assert [turns.look(0.7 + PER_LOOK * (i + 1)) for i in range(8)][-1]
    turns.limit = above(1, 1.05)
    said = [turns.look(0.707 + PER_LOOK * (i + 1)) for i in range(30)]
    assert not any(said[:10])
    assert said[-1]


def test_the_told_time_moves_by_half_of_what_a_look_adds() -> None:
    model = Exhaustion(ExhaustionParams(pending_s=0), 300)
    state = model.initial(1)
    rng = np.random.default_rng(5)
    values = 0.7 + 0.01 * hours(80) + 0.01 * rng.normal(size=961)
    window = Window.open(None, 300, 1)
    rows = window.rows_for([{"row": "0"}])
    window.append(rows, NOON + 300 * np.arange(-960, 1), values[None])
    seen = model.evidence(window.history(rows, NOON), above(1))
    fresh = NOON + float(np.nanmedian(seen.eta_s[0]))
    state["expected_s"][:], state["since_s"][:], state["up"][:] = fresh + 7200.0, NOON - 7200, True
    answer = model.told(state, seen, np.array([NOON]), above(1), 14 * DAY)
    assert answer.time_s[0, 1] == pytest.approx(fresh + 3600.0)


# --- quantities that start again --------------------------------------------------------------------------------------


def resetting(kind: int, value: float = 1.0) -> Limit:
    return Limit(np.array([value]), np.ones(1, bool), np.full(1, np.nan), np.full(1, kind, np.int8))


def test_a_daily_quota_follows_the_course_of_earlier_days() -> None:
    t = hours(5 * 24 + 12)
    of_day = (t + 12) % 24
    usual = 0.6 * of_day / 24
    busy = np.where(t >= -12, 2.5 * usual, usual)
    quiet = told(usual[None], resetting(1))
    assert np.isnan(quiet.time_s).all()
    answer = told(busy[None], resetting(1))
    # noon: 0.75 of the quota is used, 1.5 of it would be by midnight
    assert (answer.time_s[0, 1] - NOON) / HOUR == pytest.approx(4, abs=0.5)
    assert "today" in answer.reason[0]


def test_a_monthly_quota_that_will_hold_is_left_alone() -> None:
    end = 1_769_817_600 - 8 * DAY + 12 * HOUR  # 23 January, noon
    t = hours(22 * 24 + 12)
    share = (t - t[0]) / 24 / 31
    holds, breaks = 0.9 * share[None], 1.8 * share[None]
    assert np.isnan(told(holds, resetting(2), end=end).time_s).all()
    answer = told(breaks[:, : -6 * 288], resetting(2), end=end - 6 * DAY)
    assert np.isfinite(answer.time_s).all()


# --- the screen -------------------------------------------------------------------------------------------------------


def test_the_screen_skips_flat_rows_and_never_changes_what_is_said() -> None:
    rng = np.random.default_rng(2)
    t = hours(120)
    rows = [0.7 + 0.005 * t + noise(len(t), seed=i) for i in range(2)]
    rows += [0.5 + noise(len(t), seed=i) for i in range(20)]
    rows += [0.3 + 0.05 * np.clip(t + rng.uniform(5, 40), 0, None) for _ in range(4)]
    rows += [0.4 + 0.4 * daily(t + rng.uniform(0, 24)) for _ in range(4)]
    values = np.stack(rows)
    n = len(values)
    window, model = Window.open(None, 300, n), Exhaustion(ExhaustionParams(), 300)
    index = window.rows_for([{"row": str(i)} for i in range(n)])
    times = NOON + 300 * np.arange(values.shape[1])
    limit, screened, all_rows = above(n), model.initial(n), model.initial(n)
    looked = 0
    for k in range(values.shape[1]):
        window.append(index, times[k : k + 1], values[:, k : k + 1])
        if k % 6:
            continue
        now = int(times[k])
        look = np.flatnonzero(model.screen(screened, window.latest(now), limit, np.full(n, now)))
        looked += len(look)
        full = model.crossings(all_rows, window.history(index, now), limit, 14 * DAY).time_s
        got = np.full((n, 3), np.nan)
        if len(look):
            part = {name: array[look] for name, array in screened.items()}
            got[look] = model.crossings(part, window.history(look, now), limit.take(look), 14 * DAY).time_s
            for name, array in part.items():
                screened[name][look] = array
        np.testing.assert_array_equal(got, full)
    assert np.isfinite(full).any()
    assert looked < 0.5 * n * values.shape[1] / 6


@pytest.mark.parametrize("resets", [0, 1])
def test_no_rows_have_no_crossings_however_long_their_window_is_known(resets: int) -> None:
    window = Window.open(None, 300)
    window.rows_for([{"row": "0"}])
    window.append(np.array([0]), NOON + 300 * np.arange(-2000, 1), 0.5 + np.zeros((1, 2001)))
    none, model = np.zeros(0, np.int64), Exhaustion(ExhaustionParams(), 300)
    limit = Limit(np.zeros(0), np.zeros(0, bool), np.zeros(0), np.zeros(0, np.int8) + np.int8(resets))
    answer = model.crossings(model.initial(0), window.history(none, NOON), limit, DAY)
    assert answer.time_s.shape == (0, 3)


@pytest.mark.parametrize("step_h", [1, 2, 3, 24])
def test_steps_of_hours_and_of_a_day_are_looked_at(step_h: int) -> None:
    values = 0.3 + np.arange(200) * 0.003 * np.array([[1.0], [0.0]])
    answer = told(values, above(2), step=step_h * HOUR, end=NOON // DAY * DAY, looks=40)
    assert answer.reason[0] != ""
    assert not np.isfinite(answer.time_s[1]).any()
