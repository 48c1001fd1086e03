"""Lines of hours under a daily rhythm: told by what was gained over the usual day, and by the usual day to come."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models import excess
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.paths import DAY, EDGES, HOUR, NOTHING, PEAKS, RISES, Path
from aiops.models.scene import scene_of
from tests.models.ways import NOON, Array, history, hours, scene

DAYS = 8.0
MODEL = Exhaustion(ExhaustionParams(), 300)


def busy(t: Array) -> Array:
    """0 to 1, highest at 15 h; `t` in hours before a noon."""
    return np.asarray(0.5 * (1 + np.cos(2 * np.pi * (t - 3) / 24)))


def level(until: float, leaks_for: float, pace: float, swing: float = 0.3, seed: int = 2) -> Array:
    """(t,) up to `until` hours after a noon: a rhythm of a day, and what has leaked for some hours."""
    t = hours(24 * DAYS) + until
    noise = 0.002 * np.random.default_rng(seed).normal(size=len(t))
    return np.asarray(0.15 + swing * busy(t) + pace * np.maximum(t - until + leaks_for, 0.0) + noise)


def hours_left(until: float, leaks_for: float, pace: float, swing: float = 0.3) -> float:
    t = np.arange(0, 72, 1 / 12)
    return float(t[np.argmax(0.15 + swing * busy(until + t) + pace * (leaks_for + t) >= 1.0)])


def told(values: Array, until: float, limit: float = 1.0, above: bool = True) -> tuple[float, Array]:
    """(hours left, (k, 2) bounds of the ways that speak) at `until` hours after a noon."""
    seen = MODEL.evidence(history(values[None], NOON + round(until * HOUR)), Limit.uniform(1, limit, above))
    spoke = np.flatnonzero(np.isfinite(seen.eta_s[0]))
    bounds = [found.bounds[0] for i in spoke if (found := seen.paths[i]).bounds is not None]
    return float(np.median(seen.eta_s[0, spoke])) / HOUR, np.array(bounds)


def looked(values: Array) -> float:
    """Hours that `reaches` says are left at the noon at which `values` end."""
    return float(excess.reaches(scene(values), np.ones(1, bool), 0.0)[0]) / HOUR


@pytest.mark.parametrize("downwards", [False, True])
@pytest.mark.parametrize(("until", "leaks_for", "pace"), [(-3, 10, 0.035), (0, 10, 0.035), (6, 8, 0.05), (6, 10, 0.05)])
def test_a_leak_in_the_rising_hours_is_told_by_what_it_adds_to_them(
    until: int, leaks_for: int, pace: float, downwards: bool
) -> None:
    sign = -1 if downwards else 1
    left, bounds = told(sign * level(until, leaks_for, pace), until, float(sign), not downwards)
    assert left == pytest.approx(hours_left(until, leaks_for, pace), rel=0.1)
    assert (bounds == excess.BOUNDS).all()


def test_without_the_usual_day_the_line_is_several_times_too_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(excess, "told", lambda found, scene, past_s: list(found))
    assert told(level(0, 10, 0.035), 0)[0] < 0.3 * hours_left(0, 10, 0.035)


def test_a_leak_without_a_rhythm_is_told_by_its_line() -> None:
    values = level(1, 8, 0.06, swing=0.0)
    assert np.isnan(looked(values))
    assert told(values, 1)[0] == pytest.approx(hours_left(1, 8, 0.06, 0.0), rel=0.1)


def test_a_busier_day_is_no_steady_gain() -> None:
    t = hours(24 * DAYS)
    assert np.isnan(looked(0.1 + 0.2 * busy(t) * np.where(t > -15, 3.0, 1.0)))


def test_it_wants_three_days_before_the_last_and_no_gap_in_that() -> None:
    values = level(0, 8, 0.05)
    assert looked(values) == pytest.approx(hours_left(0, 8, 0.05), rel=0.1)
    assert np.isnan(looked(values[-12 * 24 * 3 :]))
    values[-12 * 20 : -12 * 18] = np.nan
    assert np.isnan(looked(values))


def test_lines_of_minutes_of_days_and_other_ways_say_what_they_said() -> None:
    where, bounds = scene(level(0, 8, 0.05)), np.array([[0.5, 2.0]])
    says = [(2.0 * HOUR, RISES), (2.0 * DAY, RISES), (14.0 * DAY, PEAKS), (8.0 * HOUR, RISES), (12.0 * HOUR, EDGES)]
    none = np.full(1, NOTHING, np.int8)
    found = [Path(np.array([HOUR]), np.ones(1), window_s, name, none, bounds) for window_s, name in says]
    silent = Path(np.array([np.nan]), np.ones(1), 6.0 * HOUR, RISES, none)
    out = excess.told([*found, silent], where, 0.0)
    assert [path.eta_s[0] == HOUR for path in out] == [True] * 3 + [False] * 3
    assert [path.bounds is bounds for path in out[:3]] == [True] * 3
    assert out[3].eta_s[0] == out[4].eta_s[0] == excess.reaches(where, np.ones(1, bool), 0.0)[0]
    assert np.isnan(out[5].eta_s[0])


def test_rows_side_by_side_say_what_each_says_alone() -> None:
    rows = [level(0, 8, 0.05), level(0, 5, 0.07, 0.2), level(0, 8, 0.06, 0.0), np.full(len(level(0, 8, 0.05)), 0.3)]
    many = scene_of(history(np.stack(rows)), Limit.uniform(4, 1.0, True))[0]
    together = excess.reaches(many, np.ones(4, bool), 0.0)
    alone = [excess.reaches(scene(row), np.ones(1, bool), 0.0)[0] for row in rows]
    np.testing.assert_array_equal(together, alone)
    assert np.isfinite(together).tolist() == [True, True, False, False]
