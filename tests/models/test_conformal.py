"""Weights by earlier errors, and intervals that hold what they state."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.models.combined import METHODS
from aiops.models.conformal import AHEAD, BUCKET, EDGES, LEVELS, TRIED, fitted, middle, weights, width
from aiops.models.hourly import Past


def past(y: np.ndarray, season: int = 24) -> Past:
    n = len(y)
    return Past(np.arange(n), y.astype(np.float32), np.zeros(n), np.ones(n), 3600 if season else 300, season)


def test_who_was_half_as_wrong_weighs_sixteen_times_as_much() -> None:
    found = weights(np.array([[1.0, 2.0, 1.0]]))[0]
    assert found[0] / found[1] == pytest.approx(16, rel=1e-6)
    assert found.sum() == pytest.approx(1)


def test_nothing_wrong_weighs_the_same() -> None:
    np.testing.assert_allclose(weights(np.zeros((1, 4))), 0.25)


def test_the_middle_is_the_lower_weighted_median() -> None:
    rng = np.random.default_rng(0)
    paths = [rng.integers(0, 5, (130, 30)).astype(np.float32) for _ in range(6)]
    weight = rng.dirichlet(np.ones(6), 130)
    found = middle(paths, weight)
    for r in (0, 63, 64, 129):
        for h in range(30):
            pairs = sorted((float(p[r, h]), float(w)) for p, w in zip(paths, weight[r], strict=True))
            mass = np.cumsum([w for _, w in pairs])
            assert found[r, h] == pairs[int(np.argmax(mass >= 0.5 - 1e-6))][0]


def test_a_method_that_runs_away_moves_nothing() -> None:
    def wild(y, ends, season):
        return {e: np.full((len(y), a), 1e9, np.float32) for e, a in ends.items()}

    y = np.random.default_rng(1).normal(size=(4, 400))
    calm = {name: METHODS[name] for name in ("last", "usual_day", "harmonic")}
    with_it, without = fitted(calm | {"wild": wild}, past(y)), fitted(calm, past(y))
    assert with_it is not None
    assert without is not None
    np.testing.assert_allclose(with_it.path, without.path, atol=1e-5)


def test_sizes_never_fall_with_the_lead_and_widths_grow_with_the_level() -> None:
    y = np.cumsum(np.random.default_rng(2).normal(size=(9, 504)), axis=1)
    found = fitted(METHODS, past(y))
    assert found is not None
    assert (np.diff(found.scales, axis=1) >= 0).all()
    widths = [width(found.quantiles.astype(np.float32), level) for level in (0.5, 0.7, *LEVELS[1:], 0.999)]
    assert (np.diff(np.stack(widths), axis=0) > 0).all()


def test_a_random_walk_widens_as_the_root_of_the_lead_beyond_what_was_tried() -> None:
    y = np.cumsum(np.random.default_rng(3).normal(size=(5, 840)), axis=1)
    found = fitted({"last": METHODS["last"]}, past(y))
    assert found is not None
    np.testing.assert_allclose(found.scales[:, -1] / found.scales[:, EDGES.index(TRIED)], np.sqrt(AHEAD / TRIED))


def test_intervals_of_a_known_process_hold_what_they_state() -> None:
    rng = np.random.default_rng(4)
    e = rng.normal(size=(400, 700))
    y = np.zeros_like(e)
    for i in range(1, 700):
        y[:, i] = 0.6 * y[:, i - 1] + e[:, i]
    y += 3 * np.sin(2 * np.pi * np.arange(700) / 24)
    found = fitted(METHODS, past(y[:, :600]))
    assert found is not None
    for level in (0.5, 0.8, 0.95):
        half = width(found.quantiles, level)[:, None] * found.scales[:, BUCKET[:72]]
        hit = (np.abs(y[:, 600:672] - found.path[:, :72]) <= half).mean()
        assert hit == pytest.approx(level, abs=0.06)


def test_what_comes_after_the_past_is_not_used() -> None:
    y = np.random.default_rng(5).normal(size=(3, 336))
    seen: list[int] = []

    def spy(x, ends, season):
        seen.append(x.shape[1])
        return METHODS["last"](x, ends, season)

    fitted({"spy": spy}, past(y))
    assert seen == [336]


def test_a_past_without_an_origin_gives_nothing() -> None:
    assert fitted(METHODS, past(np.zeros((1, 4)), season=0)) is None
