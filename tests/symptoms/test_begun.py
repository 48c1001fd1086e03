"""When what speaks now began."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import History, Resolution
from aiops.symptoms import begun

NOW, HOUR, DAY = 1_700_006_400 // 604800 * 604800 + 4 * 86400, 3600, 86400
STEP = 60


def history(course: np.ndarray, shift: int = 0) -> History:
    """One series of minutes (t,), newest last, as a window holds it; its own clock is `shift` ahead."""
    offset = course[0]
    y = (course - offset).astype(np.float32)

    def part(step: int, columns: int) -> Resolution:
        many = step // STEP
        whole = y[len(y) % many :].reshape(-1, many)
        held = np.full((1, columns), np.nan, np.float32)
        count = min(columns, len(whole))
        for j, array in enumerate((whole.mean(1), whole.min(1), whole.max(1))):
            if j == 0:
                held[0, columns - count :] = array[len(array) - count :]
        return Resolution(step, NOW, held, held, held)

    first = NOW + shift - len(course) * STEP
    return History(
        part(STEP, 360), part(300, 864), part(3600, 840), np.array([offset]), np.array([NOW + shift]), np.array([first])
    )


def ramp(hours: float, before_h: float, noise: float = 0.0, rhythm: float = 0.0, gain: float = 10.0) -> np.ndarray:
    """Flat for so long, then a straight rise up to now."""
    t = np.arange(-(before_h + hours) * 60, 0) * STEP
    y = gain * np.clip(1 + t / (hours * HOUR), 0, 1) + rhythm * np.sin(2 * np.pi * (t + NOW) / DAY)
    return 50 + y + noise * np.random.default_rng(0).normal(size=len(t))


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize(
    ("hours", "window_h", "off_h"),
    [(0.5, 0.4, 0.1), (1.5, 1.5, 0.3), (3, 3, 0.5), (8, 6, 1), (16, 12, 2), (30, 16, 3), (60, 36, 6), (160, 72, 12),
     (400, 168, 36)],
)
def test_a_rise_out_of_calm_began_where_it_left_it(hours: float, window_h: float, off_h: float, sign: float) -> None:
    y = sign * ramp(hours, 2 * hours + 48, noise=0.05)
    began, edge = begun.rise(history(y), np.array([sign]), np.array([window_h * HOUR]))
    assert abs(NOW - began[0] - hours * HOUR) <= off_h * HOUR
    assert not edge[0]


@pytest.mark.parametrize("hours", [60, 160, 300])
def test_a_rhythm_of_days_does_not_move_it_by_more_than_a_day(hours: float) -> None:
    began, _ = begun.rise(history(ramp(hours, 400, 0.05, rhythm=2.0)), np.ones(1), np.array([72.0 * HOUR]))
    assert abs(NOW - began[0] - hours * HOUR) <= DAY


def test_a_rise_that_was_there_from_the_first_sample_on_may_be_older() -> None:
    began, edge = begun.rise(history(ramp(100, 0)), np.ones(1), np.array([72.0 * HOUR]))
    assert edge[0]
    assert began[0] >= NOW - 100 * HOUR
    assert begun.plain(float(began[0]), True) == {"began_s": float(began[0]), "began_before": True}


def test_after_a_restart_it_began_there() -> None:
    y = np.concatenate([ramp(200, 0), ramp(20, 0) - 50])
    began, _ = begun.rise(history(y + 50), np.ones(1), np.array([12.0 * HOUR]))
    assert abs(NOW - began[0] - 20 * HOUR) < 2 * HOUR


def test_what_falls_or_has_no_samples_rose_at_no_time() -> None:
    for course in (ramp(20, 100)[::-1], np.full(5000, np.nan), np.full(5000, 3.0)):
        began, edge = begun.rise(history(course), np.ones(1), np.array([6.0 * HOUR]))
        assert np.isnan(began[0])
        assert not edge[0]
    assert begun.plain(float(began[0])) == {}


@pytest.mark.parametrize("minutes", [1, 20, 200, 700, 2000])
@pytest.mark.parametrize("way", [1, -1])
def test_a_departure_began_with_the_first_bucket_outside(minutes: int, way: int) -> None:
    y = 50 + np.random.default_rng(1).normal(0, 0.5, 5 * 1440)
    y[-minutes:] += 10 * way
    began = begun.departure(history(y), np.array([47.0]), np.array([53.0]))
    assert abs(NOW - began[0] - (minutes - 1) * STEP) <= (STEP if minutes < 300 else 600)


def test_a_departure_goes_on_over_a_gap_and_one_or_two_samples_inside_and_keeps_its_side() -> None:
    y = np.full(2000, 50.0)
    y[-60:] = 60.0
    y[-20:-17], y[-40:-30] = 50.0, np.nan
    y[-61] = 40.0
    assert NOW - begun.departure(history(y), np.array([47.0]), np.array([53.0]))[0] == 59 * STEP


def test_a_departure_from_the_course_of_the_day_began_in_the_morning_and_not_the_night_before() -> None:
    """A free day: nobody comes; before that hour nobody is there on any day."""
    at = np.arange(NOW - 20 * DAY, NOW, STEP)
    hour = (at - NOW) / HOUR % 24  # now is midnight here: people are there for the last five hours, and from 19 h on
    y = 10 + 40 * (hour >= 19.0) + np.random.default_rng(3).normal(0, 0.5, len(at))
    y[-5 * 60 :] = 10.0
    began = begun.departure(history(y), np.array([45.0]), np.array([55.0]))
    assert NOW - began[0] == pytest.approx(5 * HOUR, abs=HOUR)


def test_what_stood_out_from_its_first_sample_on_began_with_that_and_not_with_the_bucket_that_holds_it() -> None:
    held = history(np.full(25, 60.0))
    held.fine.mean[:, :-22] = np.nan
    born = replace(held, first_s=np.array([NOW - 22 * STEP]))
    assert begun.departure(born, np.array([47.0]), np.array([53.0]))[0] == NOW - 22 * STEP


@pytest.mark.parametrize(("low", "high"), [(47.0, 53.0), (np.nan, np.nan), (np.nan, 40.0)])
def test_inside_or_without_a_range_nothing_departed(low: float, high: float) -> None:
    assert np.isnan(begun.departure(history(np.full(2000, 50.0)), np.array([low]), np.array([high]))[0])


def test_times_are_on_the_clock_of_the_row() -> None:
    y = np.full(2000, 50.0)
    y[-30:] = 60.0
    seen, later = history(y), history(y, shift=7200)
    low, high = np.array([47.0]), np.array([53.0])
    assert begun.departure(later, low, high)[0] == begun.departure(seen, low, high)[0] + 7200
    rises = [begun.rise(history(ramp(8, 60), shift), np.ones(1), np.array([6.0 * HOUR]))[0][0] for shift in (0, 7200)]
    assert rises[1] == rises[0] + 7200


def departed(y: np.ndarray) -> np.ndarray:
    """How far it jumped when it left 49 to 51."""
    held = history(y)
    return begun.jumps(held, begun.departure(held, np.array([49.0]), np.array([51.0])))[0]


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("minutes", [1, 2, 10, 60, 240, 900])
def test_a_jump_is_told_by_how_much_it_was(minutes: int, sign: float) -> None:
    t = np.arange(-4 * 1440, 0)
    y = 50.0 + 0.1 * np.random.default_rng(1).normal(size=len(t)) + sign * 20.0 * (t >= -minutes)
    assert departed(y)[0] == pytest.approx(20.0 * sign, abs=0.5)


@pytest.mark.parametrize("hours", [0.5, 1.0, 4.0])
def test_a_ramp_is_no_jump(hours: float) -> None:
    assert np.isnan(departed(ramp(hours, 72, 0.05, gain=20.0))[0])


def test_a_step_that_became_a_climb_is_a_climb() -> None:
    t = np.arange(-4 * 1440, 0)
    assert np.isnan(departed(50.0 + 3.0 * (t >= -120) + 0.1 * np.clip(t + 120, 0, None))[0])


def test_without_the_hour_before_nothing_is_said() -> None:
    assert np.isnan(departed(np.full(30, 60.0))[0])
