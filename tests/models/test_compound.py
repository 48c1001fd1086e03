"""Growth that compounds: told by its ratio, where a line, a power of time since a calm, and a rhythm are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from aiops.core.records import Limit, Resolution
from aiops.models.compound import BUSY, SURE, Compound, Fit, shapes
from aiops.models.exhaustion import Exhaustion, ExhaustionParams, _usual_bounds
from aiops.models.kept import Evidence
from aiops.models.paths import COMPOUNDS, HOUR
from aiops.models.scene import scene_of
from tests.models.ways import Array, history, hours, scene

MODEL = Exhaustion(ExhaustionParams(), 300)
CALM = 10.0


def noise(t: Array, size: float, seed: int = 1) -> Array:
    return np.random.default_rng(seed).normal(0, size, len(t))


def doubles(every: float, left: float, days: float = 6.0, size: float = 0.2, seed: int = 1) -> Array:
    """10 and what doubles `every` so many hours, 90 in `left` hours."""
    t = hours(24 * days)
    return CALM + 90 * 2.0 ** ((t - left) / every) + noise(t, size, seed)


def told(values: Array, limit: float = 100.0, above: bool = True) -> tuple[set[str], float, tuple[float, float]]:
    """(ways that speak, hours left by the first of them, earliest and latest as shares of that)."""
    seen = MODEL.evidence(history(values[None]), Limit.uniform(1, limit, above))
    spoke = np.flatnonzero(np.isfinite(seen.eta_s[0]))
    if not len(spoke):
        return set(), np.nan, (np.nan, np.nan)
    first = seen.paths[spoke[0]]
    early, late = _usual_bounds(first) if first.bounds is None else first.bounds[0].tolist()
    return {seen.paths[i].name for i in spoke}, float(seen.eta_s[0, spoke[0]]) / HOUR, (early, late)


def believed(values: Array, limit: float = 100.0) -> float:
    return float(Compound.of(scene(values, limit)).belief.max())


@pytest.mark.parametrize(("every", "left"), [(0.7, 1.4), (1.0, 2.0), (1.5, 2.5), (20.0, 40.0), (30.0, 50.0)])
@pytest.mark.parametrize("downwards", [False, True])
def test_what_doubles_is_told_for_when_it_gets_there(every: float, left: float, downwards: bool) -> None:
    sign = -1 if downwards else 1
    names, eta, (early, late) = told(sign * doubles(every, left, 14.0), sign * 100.0, not downwards)
    assert names == {COMPOUNDS}
    assert eta == pytest.approx(left, rel=0.25)
    assert early * eta < left < late * eta


def test_nothing_is_told_of_it_while_less_than_its_share_of_the_way_lies_behind() -> None:
    assert told(doubles(1.0, 3.0))[0] == set()


def test_the_interval_is_wider_where_the_ratio_is_known_less() -> None:
    rough = [told(doubles(1.0, 2.0, size=1.2, seed=seed))[2] for seed in range(8)]
    tight = [told(doubles(1.0, 2.0, size=0.05, seed=seed))[2] for seed in range(8)]
    assert np.nanmean([late / early for early, late in rough]) > 1.2 * np.nanmean([late / early for early, late in tight])


@pytest.mark.parametrize("power", [1.0, 1.5])
@pytest.mark.parametrize("begun", [9.0, 20.0, 40.0])
def test_a_line_or_a_power_of_time_after_calm_does_not_compound(power: float, begun: float) -> None:
    t = hours(24 * 6)
    for seed in range(5):
        values = CALM + 60 * np.maximum(1 + t / begun, 0.0) ** power + noise(t, 0.3, seed)
        assert believed(values) < SURE


@pytest.mark.parametrize("begun", [9.0, 20.0, 40.0])
def test_a_square_of_time_is_told_a_third_off_at_most(begun: float) -> None:
    t, left = hours(24 * 6), begun * (np.sqrt(1.5) - 1)
    for seed in range(5):
        eta = told(CALM + 60 * np.maximum(1 + t / begun, 0.0) ** 2 + noise(t, 0.3, seed))[1]
        assert eta == pytest.approx(left, rel=0.35)


def test_a_steep_morning_does_not_compound() -> None:
    for until in range(0, 24, 2):
        t = hours(24 * 6) + until
        values = 10 + 60 * (0.5 * (1 + np.cos(2 * np.pi * (t - 14) / 24))) ** 4 + noise(t, 0.5)
        assert believed(values) == 0.0


def test_a_rhythm_beside_it_is_taken_off_by_yesterday() -> None:
    t = hours(24 * 6)
    for at in range(0, 24, 4):
        values = doubles(1.0, 2.0) + 5 * np.cos(2 * np.pi * (t - at) / 24)
        names, eta, _ = told(values, 105.0)
        assert names == {COMPOUNDS}
        assert eta == pytest.approx(2.0, rel=0.2)


@pytest.mark.parametrize(("every", "left"), [(5.0, 4.0), (8.0, 5.0), (12.0, 8.0)])
def test_who_may_compound_moves_its_line_and_widens_its_interval(every: float, left: float) -> None:
    values = doubles(every, left)
    assert believed(values) == BUSY
    names, eta, (early, late) = told(values)
    assert COMPOUNDS not in names
    straight = (100 - values[-12:].mean()) / (values[-12:].mean() - values[-24:-12].mean())
    assert left < eta < straight
    assert early * eta < left
    assert late * eta > straight


@pytest.mark.parametrize("weeks", [0, 1])
def test_what_the_week_before_did_at_these_hours_does_not_compound(weeks: int) -> None:
    values = doubles(1.0, 2.0, 14.0)
    if weeks:
        values[: -7 * 288] += values[7 * 288 :] - CALM
        values[-7 * 288 : -5 * 288] = CALM
    assert (believed(values) >= SURE) == (not weeks)


def test_a_row_says_the_same_alone_and_beside_others() -> None:
    t = hours(144)
    fell = CALM + np.where(t < -60, 0.4 * (t + 144), t + 60)  # on no cycle: its interval is a wide one
    rows = [doubles(1.0, 2.0), CALM + 0.4 * (t + 144) + noise(t, 0.2), doubles(8.0, 5.0, seed=3), fell + noise(t, 0.2)]
    together = MODEL.evidence(history(np.stack(rows)), Limit.uniform(len(rows), 100.0, True))

    def of(seen: Evidence, row: int) -> list[list[float]]:
        says = np.flatnonzero(np.isfinite(seen.eta_s[row])).tolist()
        return [[float(seen.eta_s[row, i]), *np.nan_to_num(seen.paths[i].own_bounds[row]).tolist()] for i in says]

    for i, row in enumerate(rows):
        alone = of(MODEL.evidence(history(row[None]), Limit.uniform(1, 100.0, True)), 0)
        assert alone
        assert of(together, i) == alone


@pytest.mark.parametrize("parts", [7, 8, 10])
def test_every_shape_that_is_met_gives_its_own_time(parts: int) -> None:
    known, x = shapes(parts), np.arange(parts) + 0.0
    end = parts - 0.5
    for course, left in [
        (lambda t: known.growth[5] ** t, 4.0), (lambda t: (t + 1.5) ** 2, 3.0),
        (lambda t: 1 / (known.poles[1] - t), 1.0), (lambda t: np.maximum(t - 2, 0) ** 1.5, 5.0),
    ]:  # fmt: skip
        means = np.array([course(x)])
        fit = Fit.of(means, np.array([course(end + left) - course(end)]))
        assert np.exp(fit.middle[0]) == pytest.approx(left, rel=0.25)


def test_of_steps_longer_than_a_part_of_a_window_the_window_says_nothing() -> None:
    values = doubles(1.0, 2.0, 14.0)
    known, parts = history(values[None]), values[-172 * 5 :].reshape(1, 172, 5)
    coarse = Resolution(1500, known.mid.end_s, parts.mean(axis=2), parts.min(axis=2), parts.max(axis=2))  # 3 h are seven steps
    seen = Compound.of(scene_of(replace(known, mid=coarse), Limit.uniform(1, 100.0, True))[0])
    assert (seen.belief > 0).any()
    assert not seen.belief[:, seen.window_s <= 3 * HOUR].any()
