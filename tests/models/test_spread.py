"""Fits spread over turns."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models import spread
from aiops.models.combined import Combined, CombinedParams
from tests.models.hours import NOW, history_of

NAMES = [f'{{"instance":"i{i}"}}' for i in range(3000)]


def whose(names: list[str], now_s: int, step_s: int = 5) -> np.ndarray:
    return spread.turns(spread.places(names), np.full(len(names), now_s), step_s)


def test_as_long_as_a_look_may_fit_all_of_them_nobody_waits() -> None:
    many = spread.budget(5)
    assert many == 2000
    assert whose(NAMES[:many], NOW).all()
    assert not whose(NAMES[: many + 1], NOW).all()


@pytest.mark.parametrize(("rows", "step_s"), [(3000, 5), (100_000, 5), (100_000, 30), (30_000, 1), (100_000, 60), (500_000, 300)])
def test_no_look_has_more_than_its_budget_and_everybody_has_a_turn_in_a_round(rows: int, step_s: int) -> None:
    place = np.random.default_rng(0).integers(0, 2**32, rows, dtype=np.uint32)
    every, seen = spread.looks_every(step_s), np.zeros(rows, int)
    looks = np.ceil(spread.HEADROOM * rows / spread.budget(step_s)).astype(int)
    for look in range(looks):
        mine = spread.turns(place, np.full(rows, NOW + look * every), step_s)
        assert mine.sum() <= spread.budget(step_s)
        seen += mine
    assert (seen == 1).all()


def test_a_turn_is_told_by_the_labels_and_the_clock_alone() -> None:
    order = np.random.default_rng(1).permutation(len(NAMES))
    there = whose(NAMES, NOW)
    np.testing.assert_array_equal(whose([NAMES[i] for i in order], NOW), there[order])
    others = [*NAMES[:1500], *(f"other {i}" for i in range(1500))]
    np.testing.assert_array_equal(whose(others, NOW)[:1500], there[:1500])
    assert spread.places(NAMES[:2]).tolist() == [1107992237, 3543001200]
    assert spread.places(["\ud800"]).dtype == np.uint32


def test_however_many_there_are_a_round_ends_while_forecasts_are_in_use() -> None:
    place = np.arange(2_000_000, dtype=np.uint32)
    seen = np.zeros(len(place), bool)
    for look in range(spread.ROUND_S // 300):
        seen |= spread.turns(place, np.full(len(place), NOW + look * 300), 60)
    assert seen.all()


def test_looks_are_every_step_and_every_five_minutes_from_a_minute_on() -> None:
    assert [spread.looks_every(step) for step in (1, 30, 60, 300, 900)] == [1, 30, 300, 300, 900]


def test_a_first_look_at_many_fits_no_more_than_its_budget_and_the_next_ones_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    """The forecaster itself, with a budget of forty fits a look."""
    monkeypatch.setattr(spread, "FITS_A_SECOND", 8)
    n, model = 300, Combined(CombinedParams(), 5)
    y = 50 + np.random.default_rng(2).normal(size=(n, 100))
    limit, state, latest = Limit.uniform(n, 1000.0, True), model.initial(n), np.full(n, 50.0)
    model.named(state, NAMES[:n])
    fitted = []
    for look in range(10):
        now = NOW + 5 * look
        rows = np.flatnonzero(model.screen(state, latest, limit, np.full(n, now)))
        some = {name: array[rows] for name, array in state.items()}
        model.crossings(some, history_of(y[rows], now=now), limit.take(rows), 86400.0)
        for name, array in some.items():
            state[name][rows] = array
        waits = np.isnan(state["fit_s"])
        np.testing.assert_array_equal(model.waiting(state), waits)
        fitted.append(n - int(waits.sum()))
    assert 0 < fitted[0] <= 40
    assert max(np.diff(fitted)) <= 40 + 15  # places are drawn: of so few the shares differ by more than the headroom
    assert fitted[-1] == n


def test_who_speaks_is_looked_at_each_time_and_forecast_anew_in_its_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    model, limit = Combined(CombinedParams(), 5), Limit.uniform(2, 120.0, True)
    state, y = model.initial(2), np.arange(100.0) + np.zeros((2, 1))
    model.named(state, ["a", "b"])
    model.crossings(state, history_of(y), limit, 5 * 86400.0)
    assert state["up"].all()
    monkeypatch.setattr(spread, "turns", lambda place, now_s, step_s: np.array([True, False]))
    now = np.full(2, NOW + 3600)
    assert model.screen(state, y[:, -1], limit, now).all()
    found = model.crossings(state, history_of(np.c_[y, y[:, -1:] + 1], now=NOW + 3600), limit, 5 * 86400.0)
    assert state["fit_s"].tolist() == [NOW + 3600, NOW]
    assert np.isfinite(found.time_s).all()
