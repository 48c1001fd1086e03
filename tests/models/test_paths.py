"""Each way on its own: what makes it speak, what keeps it silent, and which reason it gives."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import Bools
from aiops.models import paths
from aiops.models.shape import Sums
from tests.models.ways import Array, eta_hours, hours, scene


def why(path: paths.Path) -> str:
    return paths.WHY[int(path.why[0])]


def run(
    given: paths.Scene, hours: float, reach: float, young: float, stopped: Bools | bool = False, few: bool = False
) -> paths.Path:
    """One window alone; `few`: its rise was carried by a few hours."""
    carried = {hours: np.zeros(len(given.now), bool)} if few else {}
    return paths.runs(given, [(hours, reach)], young, stopped, carried)[0]


def envelope(given: paths.Scene, hours: float, reach: float) -> paths.Path:
    return paths.envelopes(given, [(hours, reach)])[0]


NOISE = 0.0005 * np.random.default_rng(0).normal(size=12 * 24 * 16)


# --- run --------------------------------------------------------------------------------------------------------------


def test_a_run_tells_how_long_a_straight_rise_takes() -> None:
    path = run(scene(0.6 + 0.01 * hours(96)), 48, 1.3, 1.0)
    assert eta_hours(path) == pytest.approx(40, rel=0.01)
    assert path.pace[0] * 3600 == pytest.approx(0.01, rel=0.01)


def test_a_run_looks_only_so_many_windows_ahead() -> None:
    path = run(scene(0.6 + 0.004 * hours(96)), 48, 1.3, 1.0)
    assert np.isnan(path.eta_s[0])
    assert why(path) == "comes nearer, but the limit is too far away to tell"


@pytest.mark.parametrize("begins", [1.0, 2.5, 4.0, 6.0, 9.0])
def test_a_gap_of_two_hours_does_not_hide_a_straight_rise(begins: float) -> None:
    t = hours(96)
    values = np.where((t > -begins - 2) & (t <= -begins), np.nan, 0.3 + 0.02 * np.clip(t + 20, 0, None))
    path = run(scene(values), 12, 1.3, 1.0)
    assert eta_hours(path) == pytest.approx(15, rel=0.02)


def test_a_young_row_speaks_early_where_even_a_daily_rhythm_would_go_that_far() -> None:
    t = hours(4.5)
    noisy = NOISE[: len(t)] * 20
    near, far = (0.9 + 0.12 * t + noisy, 0.6 + 0.12 * t + noisy)
    assert np.isfinite(run(scene(near), 4, 0.5, 1.0).eta_s[0])
    silent = run(scene(far), 4, 1.0, 1.0)
    assert np.isnan(silent.eta_s[0])
    assert why(silent) == "comes nearer, but its history is too short to tell from a daily rhythm"


def test_a_noisy_fill_of_nine_hours_speaks_and_the_middle_of_a_daily_rhythm_does_not() -> None:
    t = hours(9)
    noisy = NOISE[: len(t)] * 10
    assert np.isfinite(run(scene(0.7 + 0.06 * t + noisy), 8, 0.9, 1.0).eta_s[0])
    assert np.isnan(run(scene(0.45 + 0.3 * np.sin(2 * np.pi * (t + 4.5) / 24) + noisy), 8, 0.9, 1.0).eta_s[0])


def test_what_a_course_says_keeps_a_run_silent_with_its_reason() -> None:
    rising = scene(0.6 + 0.01 * hours(96))
    stands, few = run(rising, 48, 1.3, 1.0, np.array([True])), run(rising, 48, 1.3, 1.0, few=True)
    assert np.isnan([stands.eta_s[0], few.eta_s[0]]).all()
    assert why(stands) == "came nearer, and stands still now"
    assert why(few) == "a step or a few, not a steady way to the limit"


def test_a_run_of_hours_wants_a_day_before_it_to_know_the_rhythm() -> None:
    ramp = 0.3 + 0.06 * np.clip(hours(60) + 8, 0, None)
    assert np.isfinite(run(scene(ramp), 8, 1.3, 1.0).eta_s[0])
    assert np.isnan(run(scene(ramp[-12 * 20 :]), 8, 1.3, 1.0).eta_s[0])


def test_a_young_row_speaks_when_all_it_ever_did_was_rise_straight() -> None:
    line = 0.2 + 0.034 * (hours(14) + 14)
    assert np.isfinite(run(scene(line), 12, 1.0, 1.0).eta_s[0])
    wavy = line + 0.06 * np.sin(hours(14) * 2)
    assert np.isnan(run(scene(wavy), 12, 1.0, 1.0).eta_s[0])


def test_a_young_row_waits_for_half_a_day_since_a_morning_also_rises() -> None:
    t = hours(8)
    morning = 0.5 + 0.35 * np.sin(2 * np.pi * (t + 3) / 24)
    assert np.isnan(run(scene(morning, 0.95), 6, 1.0, 1.0).eta_s[0])
    assert np.isfinite(run(scene(0.2 + 0.06 * (t + 8)), 6, 1.0, 1.0).eta_s[0])


def test_the_shortest_line_of_a_young_row_is_straight_as_a_ruler() -> None:
    t = hours(16 / 3)
    assert np.isfinite(run(scene(0.4 + 0.06 * (t + 6)), 16 / 3, 0.0, 1.0).eta_s[0])
    for hour in np.arange(0, 24, 0.5):  # whatever part of a cosine is seen
        wave = 0.5 + 0.35 * np.sin(2 * np.pi * (t + hour) / 24)
        assert np.isnan(run(scene(wave, wave[-1] + 0.1), 16 / 3, 0.0, 1.0).eta_s[0])


def test_after_a_cleanup_a_rise_must_stand_well_above_the_one_before() -> None:
    t = hours(72)

    def again(top: float) -> Array:  # a cycle to 0.5, cleaned up 30 h ago
        return np.where(t < -30, np.clip(0.5 + 0.01 * (t + 30), 0.1, 0.5), top + (top - 0.1) * t / 30)

    assert np.isnan(run(scene(again(0.6)), 24, 3.0, 1.0).eta_s[0])
    assert np.isfinite(run(scene(again(0.8)), 24, 3.0, 1.0).eta_s[0])


def test_what_rose_by_day_is_told_at_the_pace_of_whole_days() -> None:
    t = hours(120)
    by_day = 0.3 + 0.1 * (t + 96) / 24 * (t > -96) + 0.03 * np.sin(2 * np.pi * t / 24) * (t > -96)
    path = run(scene(by_day), 72, 2.0, 1.0)
    assert float(path.pace[0]) * 86400 == pytest.approx(0.1, rel=0.1)


def test_what_also_happened_yesterday_at_this_hour_is_not_new() -> None:
    t = hours(72)
    wave = 0.5 * (1 - np.cos(2 * np.pi * (t + 10) / 24))  # rises from ten hours ago on
    again = 0.1 + 0.6 * wave * np.where(t > -12, 1.3, 1.0)
    once = 0.1 + 0.6 * wave * np.where(t > -12, 1.3, 0.0)
    assert np.isnan(run(scene(again), 8, 5.0, 1.0).eta_s[0])
    assert np.isfinite(run(scene(once), 8, 5.0, 1.0).eta_s[0])


def test_a_run_must_stand_above_what_was_before_it() -> None:
    t = hours(120)
    path = run(scene(np.where(t < -30, 0.75 + 0.001 * np.sin(t), 0.2 + 0.07 * np.clip(t + 8, 0, None))), 8, 1.3, 1.0)
    assert np.isnan(path.eta_s[0])
    assert why(path) == "comes nearer, but no nearer than it has been before"


def test_a_lone_hours_spike_is_no_record_but_two_hours_are() -> None:
    t = hours(96)
    ramp = 0.3 + 0.05 * np.clip(t + 8, 0, None)
    spike = np.where((t > -50.5) & (t < -50.2), 0.9, ramp)
    plateau = np.where((t > -52) & (t < -48), 0.9, ramp)
    assert np.isfinite(run(scene(spike), 8, 1.3, 1.0).eta_s[0])
    assert np.isnan(run(scene(plateau), 8, 1.3, 1.0).eta_s[0])


@pytest.mark.parametrize(
    ("shape", "reason"),
    [
        (np.where(hours(96) > -3, 0.7, 0.2) + 0.001 * hours(96), "a step or a few, not a steady way to the limit"),
        (0.8 - 0.5 * np.exp(-np.clip(hours(96) + 12, 0, None) / 4), "levels off before the limit"),
        (np.full(96 * 12, 0.4), "no steady way to the limit"),
        (0.9 + 0.005 * -hours(96), "no steady way to the limit"),
        (np.full(96 * 12, np.nan), "no steady way to the limit"),
    ],
)
def test_a_silent_run_says_why(shape: Array, reason: str) -> None:
    path = run(scene(shape), 12, 1.3, 1.0)
    assert np.isnan(path.eta_s[0])
    assert why(path) == reason


def test_too_little_history_says_nothing() -> None:
    short = scene(0.6 + 0.01 * hours(2))
    for path in (
        run(short, 24, 1.3, 1.0), envelope(short, 24, 1.3),
    ):  # fmt: skip
        assert np.isnan(path.eta_s[0])


def test_a_window_of_fewer_steps_than_parts_says_nothing() -> None:
    six_hourly = replace(scene(0.6 + 0.001 * hours(96)), mid_step_s=6 * paths.HOUR)
    for path in (run(six_hourly, 24, 1.3, 1.0), envelope(six_hourly, 12, 1.3), envelope(six_hourly, 24, 1.3)):
        assert np.isnan(path.eta_s[0])


# --- envelope ---------------------------------------------------------------------------------------------------------


def test_an_envelope_meets_the_limit_with_its_ceiling() -> None:
    t = hours(96)
    path = envelope(scene(0.4 + 0.008 * t + 0.2 * ((t / 2) % 1)), 48, 1.3)
    assert eta_hours(path) == pytest.approx((1 - 0.6) / 0.008, rel=0.1)


@pytest.mark.parametrize(
    ("floor", "ceiling"), [(0.0, 0.0), (0.0, 0.004), (0.004, 0.0)], ids=["both flat", "floor flat", "ceiling flat"]
)
def test_an_envelope_needs_floor_and_ceiling(floor: float, ceiling: float) -> None:
    t = hours(96)
    low, high = 0.3 + floor * (t + 96), 0.8 + ceiling * (t + 96) * 0.4
    path = envelope(scene(low + (high - low) * ((t / 2) % 1)), 48, 9.0)
    assert np.isnan(path.eta_s[0])
    if not floor:
        assert why(path) == "sawtooth, floor flat"


def test_windows_beside_each_other_say_what_each_says_alone() -> None:
    t = hours(400)
    rows = [scene(values) for values in (0.6 + 0.005 * t, 0.4 + 0.001 * t + 0.2 * ((t / 2) % 1), 0.5 + 0.1 * np.sin(t / 4))]
    sizes = [(4, 0.7), (24, 1.1), (48, 1.4), (72, 1.4)]
    for row in rows:
        both = zip(paths.runs(row, sizes, 1.0), [run(row, *size, 1.0) for size in sizes], strict=True)
        edges = zip(paths.envelopes(row, sizes), [envelope(row, *size) for size in sizes], strict=True)
        for beside, alone in [*both, *edges]:
            assert (beside.window_s, beside.name) == (alone.window_s, alone.name)
            for name in ("eta_s", "pace", "why"):
                np.testing.assert_array_equal(getattr(beside, name), getattr(alone, name))
    assert np.isfinite([path.eta_s[0] for path in paths.runs(rows[0], sizes, 1.0)]).any()


# --- a rise that stopped ----------------------------------------------------------------------------------------------


def by_day(paused_h: float) -> Array:
    """Five days that rise by day and hardly by night; nothing in the last `paused_h` hours."""
    t = hours(120)
    rate = (1 + 0.9 * np.cos(2 * np.pi * t / 24)) * (t < -paused_h)
    return 0.2 + 0.5 * np.cumsum(rate) / rate.sum()


def test_a_rise_that_is_missing_at_its_usual_hours_has_stopped() -> None:
    assert scene(by_day(14)).stopped[0]
    assert not scene(by_day(0)).stopped[0]


def test_a_usual_night_is_no_stop() -> None:
    t = hours(120)
    nightly = 0.2 + 0.5 * np.cumsum(np.clip(np.cos(2 * np.pi * (t + 12) / 24), 0, None)) / 400
    assert not scene(nightly).stopped[0]


# --- minutes ----------------------------------------------------------------------------------------------------------


def fast(values: Array, columns: int, behind: float, tight: bool) -> paths.Path:
    """`values` at 5 s, level now = the last one."""
    base = scene(np.full(600, 0.0))
    here = replace(base, now=values[-1:])
    nothing = np.full(1, np.nan)
    return paths.fast(Sums.of(values[None]), here, (nothing, nothing), columns, 5, behind, tight)


RAMP = np.clip(np.arange(-30, 30) / 60, 0, None)


def test_minutes_of_a_straight_fill_give_its_pace() -> None:
    path = fast(RAMP, 27, 0.3, True)
    assert path.eta_s[0] == pytest.approx((1 - RAMP[-1]) * 300, rel=0.05)


def test_a_tight_window_holds_nothing_but_the_rise() -> None:
    assert np.isnan(fast(RAMP, 45, 0.3, True).eta_s[0])


def test_minutes_need_their_share_of_the_way_behind_them() -> None:
    assert np.isnan(fast(RAMP, 27, 0.6, True).eta_s[0])


def test_a_rise_that_stopped_seconds_ago_is_over() -> None:
    stopped = np.concatenate([RAMP, np.full(4, RAMP[-1])])
    assert np.isnan(fast(stopped, 27, 0.3, True).eta_s[0])
