"""Trend and waves, fitted robustly."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.harmonic import harmonic

T = np.arange(500.0)
DAY = np.sin(2 * np.pi * T / 24) + 0.5 * np.cos(2 * np.pi * T / 8)


def error(y: np.ndarray, truth: np.ndarray, end: int = 400, ahead: int = 72) -> float:
    return float(np.abs(harmonic(y[None, :end], {end: ahead}, 24)[end][0] - truth[end : end + ahead]).max())


def test_waves_of_a_day_and_a_week_are_carried_on() -> None:
    y = 20 + DAY + np.cos(2 * np.pi * T / 168)
    assert error(y, y) < 0.2


def test_a_trend_is_carried_on() -> None:
    y = 5 + 0.01 * T + DAY
    assert error(y, y) < 0.2


def test_an_incident_weighs_little(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    clean = 20 + DAY
    y = clean + 0.05 * rng.normal(size=500)
    y[300:306] += 40
    robust = error(y, clean)
    monkeypatch.setattr("aiops.models.harmonic.ROUNDS", 0)
    assert robust < error(y, clean) / 3


def test_what_is_left_fades() -> None:
    y = 20 + DAY
    y[395:400] += 2
    path = harmonic(y[None, :400], {400: 72}, 24)[400][0] - (20 + DAY)[400:472]
    assert path[0] > 1.0
    assert abs(path[-1]) < 0.5


def test_nothing_after_an_end_is_known() -> None:
    y = np.random.default_rng(1).normal(size=(3, 500)).astype(np.float32)
    other = y.copy()
    other[:, 400:] = 1e6
    both = [harmonic(x, {400: 24, 500: 24}, 24)[400] for x in (y, other)]
    np.testing.assert_array_equal(*both)


def test_a_row_alone_and_among_others_is_the_same() -> None:
    y = np.random.default_rng(2).normal(size=(131, 480)).astype(np.float32)
    whole = harmonic(y, {480: 336}, 24)[480]
    for i in (0, 1, 7, 64, 130):
        np.testing.assert_array_equal(whole[i : i + 1], harmonic(y[i : i + 1], {480: 336}, 24)[480])


def test_a_constant_stays() -> None:
    np.testing.assert_allclose(harmonic(np.full((1, 100), 3.0), {100: 48}, 24)[100], 3.0, atol=1e-6)
