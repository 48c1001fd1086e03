"""The compiled way through a column of points gives what the plain way gives: every score and all state, to the bit."""

from __future__ import annotations

from datetime import date
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from aiops.core import compiled
from aiops.models import seasonal
from aiops.models.seasonal import Seasonal, SeasonalParams
from tests.telemetry.kernels import loaded

START = 1_711_843_200 - 3 * 86400
"""Three days before the clocks of Europe are set forward, on a Thursday."""
FIELDS = ("p", "expected", "lower", "upper", "recent")


@pytest.fixture(scope="module")
def kernels() -> ModuleType:
    return loaded("models.fast_seasonal") or pytest.skip("no kernels here")


def hostile(t: int, seed: int = 0) -> np.ndarray:
    """Series of all kinds, with gaps, infinities, huge and tiny numbers, counts, constants, signed zeros."""
    rng = np.random.default_rng(seed)
    calm, at = rng.normal(size=t), np.arange(t)
    rows = [
        calm, np.zeros(t), np.full(t, 3.25), np.full(t, np.nan), np.where(rng.random(t) < 0.3, np.nan, calm), 0.01 * at,
        np.where(rng.random(t) < 0.02, rng.exponential(50, t), 0.0), np.where(at % 50, calm, np.inf), np.sin(at / 50), -0.0 * at,
        np.round(3 + calm), rng.poisson(0.2, t).astype(float), 1e12 + calm, -1e15 + 10 * calm, 1e-12 * calm, 1e36 * calm,
        1e-300 * calm, np.cumsum(calm), np.where(at < t - 5, np.nan, 1.0), np.where(at % 97, 5.0, -1e300),
        np.repeat(calm[: t // 20 + 1], 20)[:t], (rng.random(t) < 0.01) * 1.0, (rng.random(t) < 0.01) * rng.exponential(1, t),
    ]  # fmt: skip
    return np.stack(rows)


def ways(
    monkeypatch: pytest.MonkeyPatch, kernels: ModuleType, detector: Seasonal, x: np.ndarray, time_s: np.ndarray, parts: list[int]
) -> Any:
    """(scores, state) the plain way and the compiled way."""
    out = []
    for found in (None, kernels):
        monkeypatch.setattr(compiled, "module", lambda name, size, found=found: found)
        state, scores, begin = detector.initial(len(x)), [], 0
        for end in (*parts, x.shape[1]):
            scores.append(detector.score(state, x[:, begin:end], time_s[:, begin:end]))
            begin = end
        out.append(({f: np.concatenate([getattr(one, f) for one in scores], axis=1) for f in FIELDS}, state))
    return out


def same(out: Any) -> None:
    (plain, state), (fast, other) = out
    for name in FIELDS:
        np.testing.assert_array_equal(fast[name], plain[name], name)
    assert list(state) == list(other)
    for name, array in state.items():
        np.testing.assert_array_equal(other[name], array, name)


CASES = [
    ({}, 60), ({}, 300), ({"block_s": 900}, 600), ({"time_zone": "Europe/Berlin", "holidays": (date(2024, 3, 29),)}, 300),
    ({"block_s": 21600, "warmup_points": 8}, 3600), ({"cap": 3.0, "profile_rate": 1.0}, 300), ({}, 86400),
]  # fmt: skip


@pytest.mark.parametrize(("params", "step"), CASES)
def test_every_series_scores_the_same(
    monkeypatch: pytest.MonkeyPatch, kernels: ModuleType, params: dict[str, Any], step: int
) -> None:
    t = min(6 * 86400 // step, 1200) if step < 3600 else 300
    x = hostile(t)
    time_s = np.broadcast_to(START + step * np.arange(t), x.shape).astype(np.int64)
    same(ways(monkeypatch, kernels, Seasonal(SeasonalParams(**params), step), x, time_s, [1, 2, t // 2, t // 2 + 1]))


def test_rows_with_clocks_of_their_own_and_jumps_in_time_score_the_same(
    monkeypatch: pytest.MonkeyPatch, kernels: ModuleType
) -> None:
    x = np.concatenate([hostile(900, seed) for seed in range(3)])
    time_s = START + 300 * np.arange(900) + 7 * 3600 * (np.arange(len(x)) % 5)[:, None]
    time_s[:, 500:] += 86400 * 2 + 300
    time_s[::7, 700:] -= 3600
    same(ways(monkeypatch, kernels, Seasonal(SeasonalParams(), 300), x, time_s, [1, 300]))


def test_whatever_was_learnt_of_weeks_levels_drifts_and_events_scores_the_same(
    monkeypatch: pytest.MonkeyPatch, kernels: ModuleType
) -> None:
    x = np.concatenate([hostile(200, seed) for seed in range(4)])
    rng, n = np.random.default_rng(7), len(x)
    plain = Seasonal.initial

    def known(self: Seasonal, rows: int) -> Any:
        given = np.random.default_rng(8)
        state = plain(self, rows)
        state["less"], state["more"] = -given.exponential(size=rows), given.exponential(size=rows)
        state["past"], state["past_stay"] = np.where(given.random(rows) < 0.5, given.normal(size=rows), 0.0), np.full(rows, 9.0)
        state["room"], state["rare"] = given.exponential(size=rows), (given.random(rows) < 0.5).astype(float)
        state["event"] = np.where(given.random(rows) < 0.3, np.inf, given.exponential(size=rows))
        return state

    monkeypatch.setattr(Seasonal, "initial", known)
    x[:, :40] = rng.normal(size=(n, 40))
    time_s = np.broadcast_to(START + 60 * np.arange(200), x.shape).astype(np.int64)
    same(ways(monkeypatch, kernels, Seasonal(SeasonalParams(warmup_points=8, warmup_s=60), 60), x, time_s, [50]))


def test_more_rows_than_a_part_and_values_that_may_not_be_written(monkeypatch: pytest.MonkeyPatch, kernels: ModuleType) -> None:
    monkeypatch.setattr(seasonal, "ROWS", 16)
    x = np.concatenate([hostile(300, seed) for seed in range(3)])
    x.setflags(write=False)
    time_s = np.broadcast_to(START + 300 * np.arange(300), x.shape).astype(np.int64)
    same(ways(monkeypatch, kernels, Seasonal(SeasonalParams(), 300), x, time_s, [100, 101]))
    with np.errstate(over="ignore"):
        x = x.astype(np.float32)
    same(ways(monkeypatch, kernels, Seasonal(SeasonalParams(), 300), x, time_s, [100, 101]))


def test_small_work_has_nothing_loaded_and_large_work_goes_on_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(compiled, "module", lambda name, size: asked.append(size))
    detector = Seasonal(SeasonalParams(), 300)
    for n in (100, 30_000):
        found = detector.score(detector.initial(n), np.zeros((n, 1)), np.full((n, 1), START))
        assert found.p.shape == (n, 1)
    assert asked[0] < compiled.WORTH_BYTES <= max(asked)
