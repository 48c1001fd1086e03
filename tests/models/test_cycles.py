"""Growth that is taken back in part on a cycle: what whole cycles leave is the pace, the last one comes again on top of it."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.cycles import EARLY, FARTHEST, LATE, WIDE, Cycles
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import COME_AGAIN, FROM_DAY_TO_DAY, HOUR, NOTHING, PEAKS, RISES, Path
from tests.models.ways import Array, history, hours, scene

MODEL = Exhaustion(ExhaustionParams(), 300)


def taken_back(period: float, gain: float, back: float, days: float, ago: float = 5.0, since: float | None = None) -> Array:
    """`back` + `gain` come in each cycle of `period` hours, `back` is taken away at once, last `ago` hours ago; nothing was left
    before `since` hours ago."""
    t = hours(24 * days) + ago
    cycle, into = np.floor(t / period), t % period / period
    left = gain * (np.maximum(cycle, np.floor((ago - since) / period) if since else cycle) + into * (since is None or t > -since))
    return np.asarray(0.4 + left + back * into + np.random.default_rng(0).normal(0, 0.0005, len(t)))


def not_taken_back() -> Array:
    """For a day it went on as it came."""
    values = taken_back(24, 0.02, 0.1, 12)
    values[-29 * 12 :] = values[-29 * 12] + 0.005 * (hours(29) + 29)
    return values


def found(values: Array, limit: float = 1.0) -> Cycles:
    return Cycles.of(scene(values, limit), 0.0)


def line(eta_h: float, hours_: float, name: str = RISES) -> Path:
    return Path(np.array([eta_h * HOUR]), np.ones(1), hours_ * HOUR, name, np.full(1, NOTHING, np.int8))


@pytest.mark.parametrize(("period", "days"), [(24, 12), (48, 14), (72, 14), (96, 20), (168, 34)])
def test_the_time_is_that_of_the_tooth_that_reaches_the_limit(period: int, days: int) -> None:
    seen = found(taken_back(period, 0.02, 0.1, days), 0.53)
    assert seen.period_h.tolist() == [period]
    assert seen.gain[0] == pytest.approx(0.02, abs=0.003)
    left = period - 5 + period * 0.11 / 0.12  # this tooth ends at 0.52, the next one rises by 0.12 from 0.42 on
    assert seen.eta_s[0] / HOUR == pytest.approx(left, abs=1.5)
    assert EARLY[0] <= seen.bounds[0, 0] <= EARLY[1]
    assert LATE[0] <= seen.bounds[0, 1] <= LATE[1]


def test_the_shortest_cycle_that_fits_is_it() -> None:
    assert found(taken_back(24, 0.02, 0.1, 14)).period_h.tolist() == [24]


@pytest.mark.parametrize(
    "values",
    [
        taken_back(24, 0.0, 0.2, 12),  # all that came is taken back
        taken_back(24, 0.02, 0.0, 12),  # nothing is
        taken_back(24, 0.02, 0.1, 2.5),  # two days say nothing yet
        not_taken_back(),
    ],
    ids=["net zero", "a line", "young", "overdue"],
)
def test_no_cycle(values: Array) -> None:
    seen = found(values)
    assert np.isnan(seen.period_h).all()
    assert np.isnan(seen.goes_on(np.zeros(1, bool)).eta_s).all()


def test_gaps_of_days_are_no_cycle_and_no_warning() -> None:
    values = taken_back(24, 0.02, 0.1, 12)
    values[-12 * 40 : -12 * 10] = np.nan
    assert np.isnan(found(values).period_h).all()
    assert np.isnan(found(np.full(12 * 24 * 5, np.nan)).period_h).all()


def test_a_line_is_told_by_the_cycle_and_at_most_twice_as_far_away() -> None:
    seen = found(taken_back(24, 0.02, 0.1, 12), 0.6)
    left = seen.eta_s[0] / HOUR
    assert seen.timed(line(0.7 * left, 16)).eta_s[0] / HOUR == pytest.approx(left)
    assert seen.timed(line(1.4 * left, 96, FROM_DAY_TO_DAY)).eta_s[0] / HOUR == pytest.approx(left)
    assert seen.timed(line(0.2 * left, 16)).eta_s[0] / HOUR == pytest.approx(FARTHEST * 0.2 * left)
    for path in (line(3.0, 4), line(0.7 * left, 96, PEAKS)):  # minutes to hours, and a way that knows of rhythms
        assert seen.timed(path) is path
    assert np.isnan(seen.timed(line(np.nan, 16)).eta_s[0])


def test_what_goes_back_much_without_a_cycle_is_told_with_a_wide_interval() -> None:
    values = 0.3 + 0.2 * (hours(24 * 12) + 288) / 288
    values[-12 * 50 :] -= 0.1
    values[-12 * 30 :] += 0.004 * (hours(30) + 30)
    seen = found(values)
    assert seen.uneven.all()
    path = seen.timed(line(30.0, 24))
    assert path.bounds is not None
    assert path.bounds.tolist() == [list(WIDE)]
    assert path.eta_s[0] == 30.0 * HOUR


def test_cycles_that_left_alike_speak_unless_days_bend_to_a_level_or_the_limit_is_far() -> None:
    seen = found(taken_back(24, 0.02, 0.1, 12), 0.56)
    told = seen.goes_on(np.zeros(1, bool))
    assert told.eta_s[0] == seen.eta_s[0] > 0
    assert np.isnan(seen.goes_on(np.ones(1, bool)).eta_s[0])
    assert np.isnan(found(taken_back(24, 0.02, 0.1, 12), 0.8).goes_on(np.zeros(1, bool)).eta_s[0])
    assert np.isnan(found(taken_back(24, 0.02, 0.1, 12, since=30.0), 0.56).goes_on(np.zeros(1, bool)).eta_s[0])


def test_cycles_that_were_higher_before_say_nothing_by_themselves() -> None:
    values = taken_back(24, 0.02, 0.1, 14)
    values[: 12 * 24 * 4] = 0.9 + 0.02 * np.sin(hours(96) / 4)
    seen = found(values)
    assert not seen.stands.any()
    assert np.isnan(seen.goes_on(np.zeros(1, bool)).eta_s[0])


@pytest.mark.parametrize("above", [True, False])
def test_the_forecaster_tells_it_with_the_bounds_of_its_row(above: bool) -> None:
    values = taken_back(24, 0.02, 0.1, 12)
    limit = Limit.uniform(1, 0.56 if above else -0.56, above)
    past = history(values[None] if above else -values[None])
    seen, state = MODEL.evidence(past, limit), MODEL.initial(1)
    here = [path.name == COME_AGAIN for path in seen.paths]
    left = seen.eta_s[0, here][0]
    assert np.isfinite(left)
    for _ in range(2):  # twice: windows of 90 min and more must agree for 20 min
        told = MODEL.crossings(state, past, limit, 14 * 86400.0)
        past = type(past)(past.fine, past.mid, past.long, past.offset, past.now_s + 1200, past.first_s)
    early, expected, late = (told.time_s[0] - past.now_s[0] + 1200) / HOUR
    assert expected == pytest.approx(left / HOUR, abs=2.0)
    assert (early / expected, late / expected) == pytest.approx(tuple(found(values, 0.56).bounds[0]), abs=0.02)
