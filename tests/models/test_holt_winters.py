"""Exponential smoothing, its rates chosen for each row."""

from __future__ import annotations

import numpy as np

from aiops.models.holt_winters import FIRST_DAYS, GRID, holt_winters

T = np.arange(600.0)


def path(y: np.ndarray, end: int, ahead: int = 48, season: int = 24) -> np.ndarray:
    return holt_winters(y[None], {end: ahead}, season)[end][0]


def by_the_book(y: np.ndarray, setting: tuple[float, ...], season: int, ahead: int) -> tuple[np.ndarray, float]:
    """The recursion of the docstring for one row and one setting, with its forgotten one-step errors."""
    alpha, beta, phi, gamma = setting
    days = y[: FIRST_DAYS * season].reshape(FIRST_DAYS, season)
    b = (days[-1].mean() - days[0].mean()) / (season * (FIRST_DAYS - 1))
    level = days.mean() - b * (days.size + 1) / 2
    s = (y[: days.size] - level - b * np.arange(1, days.size + 1)).reshape(days.shape).mean(axis=0)
    total = 0.0
    for i, value in enumerate(y):
        b *= phi
        level += b
        e = value - level - s[i % season]
        total = total * 0.5 ** (1 / 168) + abs(e) if i >= days.size else total
        level += alpha * e
        b += alpha * beta * e
        s[i % season] += gamma * (1 - alpha) * e
    lead = np.arange(1, ahead + 1)
    return level + np.cumsum(phi**lead) * b + s[(len(y) + lead - 1) % season], total


def test_it_is_the_recursion_of_the_books_with_the_best_setting() -> None:
    rng = np.random.default_rng(0)
    y = 3 * np.sin(2 * np.pi * T[:300] / 24) + np.cumsum(0.2 * rng.normal(size=300))
    tried = [by_the_book(y, setting, 24, 48) for setting in GRID]
    best = min(range(len(GRID)), key=lambda i: tried[i][1])
    np.testing.assert_allclose(path(y, 300), tried[best][0], rtol=1e-9)


def test_a_season_is_repeated() -> None:
    y = 10 + np.tile(np.arange(24.0), 10)
    np.testing.assert_allclose(path(y, 240), np.tile(10 + np.arange(24.0), 2), atol=1e-6)


def test_a_trend_goes_on_for_days() -> None:
    y = 100 - 0.5 * T[:200]
    np.testing.assert_allclose(path(y, 200), 100 - 0.5 * (200 + np.arange(48)), atol=6)


def test_a_new_level_is_learnt() -> None:
    y = np.where(T[:300] < 200, 5.0, 9.0) + 0.1 * np.sin(T[:300])
    assert abs(path(y, 300).mean() - 9) < 0.5


def test_without_a_season_the_newest_level_counts() -> None:
    y = np.where(T[:100] < 50, 1.0, 2.0)
    np.testing.assert_allclose(path(y, 100, season=0), 2.0, atol=0.05)


def test_one_pass_gives_every_end_as_if_it_were_the_last() -> None:
    y = np.random.default_rng(1).normal(size=(5, 400)).astype(np.float32)
    ends = {150: 24, 250: 30, 400: 48}
    whole = holt_winters(y, ends, 24)
    for end, ahead in ends.items():
        np.testing.assert_array_equal(whole[end], holt_winters(y[:, :end], {end: ahead}, 24)[end])


def test_a_row_alone_and_among_others_is_the_same() -> None:
    y = np.random.default_rng(2).normal(size=(67, 300)).astype(np.float32)
    whole = holt_winters(y, {300: 100}, 24)[300]
    for i in (0, 5, 66):
        np.testing.assert_array_equal(whole[i : i + 1], holt_winters(y[i : i + 1], {300: 100}, 24)[300])
