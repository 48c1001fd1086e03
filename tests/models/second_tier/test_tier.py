"""A slow forecaster in quick turns: who speaks when."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit, State
from aiops.models.combined import Combined, CombinedParams
from aiops.models.hourly import pasts
from aiops.models.second_tier import kept, tier
from aiops.models.second_tier import pool as pools
from aiops.models.second_tier.forecasters import Ets, EtsParams, Pca, PcaParams
from aiops.models.second_tier.pool import Job, Pool
from aiops.models.state_files import StateLoss, read_state, save_state
from tests.models.hours import NOW, history_of

HOUR, DAY = 3600, 86400
LONG = 300.0
T = np.arange(400.0)


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(patient=True)
    pools.share(made)
    yield made
    pools.share(Pool(patient=True))


def filling(n: int = 1) -> np.ndarray:
    rng = np.random.default_rng(0)
    return 20 + 0.15 * T + 3 * np.sin(2 * np.pi * T / 24) + 0.2 * rng.normal(size=(n, len(T)))


def look(model: Ets, state: State, y: np.ndarray, limit: Limit, later_s: int = 0) -> Crossings:
    """A look `later_s` after NOW; `y` (n, 400) holds the hours up to NOW."""
    history = history_of(y, now=NOW + later_s)
    return model.crossings(state, history, limit, 5 * DAY)


def test_the_first_tier_speaks_until_the_second_has_answered(pool: Pool) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model, simple = Ets(EtsParams(), 60), Combined(CombinedParams(), 60)
    state = model.initial(1)
    first = look(model, state, y, limit)
    want = simple.crossings(simple.initial(1), history_of(y), limit, 5 * DAY)
    np.testing.assert_array_equal(first.time_s, want.time_s)
    assert pool.counts.asked == 1
    again = look(model, state, y, limit, 60)
    assert again.reason[0] == first.reason[0] != "ets reaches it"
    second = look(model, state, y, limit, tier.TAKEN_AFTER_S)
    assert second.reason[0] == "ets reaches it"
    assert (second.time_s[0, 1] - NOW) / HOUR == pytest.approx((90 - y[0, -24:].mean()) / 0.15 - 12, rel=0.25)
    assert pool.counts.answered == 1


def test_an_answer_speaks_until_it_is_too_old(pool: Pool) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Ets(EtsParams(every_s=3600), 60)
    state = model.initial(1)
    look(model, state, y, limit)
    look(model, state, y, limit, 300)
    assert state["second"][0]
    dead = Pool()
    dead.close()
    pools.share(dead)
    assert look(model, state, y, limit, HOUR + 300).reason[0] == "ets reaches it"
    later = look(model, state, y, limit, 2 * HOUR + 300)
    assert later.reason[0] != "ets reaches it"
    assert np.isfinite(later.time_s).all()


def test_without_a_worker_that_works_the_first_tier_speaks(pool: Pool) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Ets(EtsParams(), 60)
    state = model.initial(1)
    pool.memory_bytes = 1 << 20  # no worker can even import numpy
    for later in range(0, 900, 300):
        found = look(model, state, y, limit, later)
        assert np.isfinite(found.time_s).all()
    assert not state["second"][0]
    assert pool.counts.answered == 0
    assert pool.counts.failed > 0


def test_only_series_that_may_cross_are_asked_for_the_nearest_first(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    y = np.repeat(filling(), 4, axis=0) + np.arange(4)[:, None] * 1e-3
    limit = Limit(np.array([95.0, 85.0, 1e6, 90.0]), np.ones(4, bool), np.full(4, np.nan), np.zeros(4, np.int8))
    model = Ets(EtsParams(), 60)
    state = model.initial(4)
    look(model, state, y, limit)
    assert np.isfinite(state["asked_s"]).tolist() == [True, True, False, True]
    monkeypatch.setattr(pools, "WAITING", 2)
    pools.share(Pool(budget_s=1e-9, deadline_s=LONG))
    state = model.initial(4)
    look(model, state, y, limit)
    assert np.isfinite(state["asked_s"]).tolist() == [False, True, False, True]
    pools.share(Pool(budget_s=1e-9, deadline_s=LONG))
    monkeypatch.setattr(pools, "WAITING", 256)
    everything = Ets(EtsParams(everything=True), 60)
    state = everything.initial(4)
    look(everything, state, y, limit)
    assert np.isfinite(state["asked_s"]).all()


def restarted(state: State, tmp_path: Path, patient: bool = True) -> State:
    """The state and what it waits for, saved, and taken up by another life with a pool of its own."""
    save_state(tmp_path, "model", state | kept.put(pools.shared(), [state]), {})
    pools.share(Pool(patient=patient))
    found = read_state(tmp_path, "model", {})
    assert not isinstance(found, StateLoss)
    kept.take_up(pools.shared(), found)
    assert set(found) == set(state)
    return found


@pytest.mark.parametrize("answered", [False, True])
def test_a_restart_between_asking_and_answer_loses_nothing(answered: bool, pool: Pool, tmp_path: Path) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Pca(PcaParams(), 60)
    state = model.initial(1)
    look(model, state, y, limit)
    if answered:
        assert pool.take(state["key"][0].tobytes(), LONG) is not None
    back = restarted({name: array.copy() for name, array in state.items()}, tmp_path)
    assert pools.shared().counts.asked == (0 if answered else 1)
    found = look(model, back, y, limit, tier.TAKEN_AFTER_S)
    assert found.reason[0] == "pca reaches it"
    pools.share(Pool(patient=True))
    pools.shared().ask(Job(tier.FITTED, *of_the(y)))
    np.testing.assert_array_equal(found.time_s, look(model, state, y, limit, tier.TAKEN_AFTER_S).time_s)


def test_a_live_turn_after_a_restart_waits_for_nothing(pool: Pool, tmp_path: Path) -> None:
    """What was open when the daemon ended is done anew: the turns go on, and use it when it is there."""
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Pca(PcaParams(), 60)
    state = model.initial(1)
    look(model, state, y, limit)
    saved = restarted(state, tmp_path, patient=False)
    live, key = pools.shared(), saved["key"][0].tobytes()
    first = look(model, saved, y, limit, tier.TAKEN_AFTER_S)
    assert first.reason[0] != "pca reaches it", "a worker needs far longer to begin than this look"
    assert saved["asked_s"][0] == NOW, "it may still come"
    assert live.take(key, LONG) is not None
    assert look(model, saved, y, limit, tier.TAKEN_AFTER_S + 30).reason[0] == "pca reaches it"
    assert np.isnan(saved["asked_s"][0])


def test_what_hangs_after_a_restart_is_let_go_at_its_deadline(
    pool: Pool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Pca(PcaParams(), 60)
    state = model.initial(1)
    monkeypatch.setattr(tier, "FITTED", "tests.models.second_tier.faulty:stuck")
    look(model, state, y, limit)
    saved = restarted(state, tmp_path, patient=False)
    live, begun = pools.shared(), time.monotonic()
    found = look(model, saved, y, limit, tier.TAKEN_AFTER_S)
    assert np.isfinite(found.time_s).all(), "the first tier speaks"
    assert live.owes(saved["key"][0].tobytes())
    assert saved["asked_s"][0] == NOW, "it may still come"
    there = SimpleNamespace(monotonic=lambda: begun + 2 * pools.DEADLINE_S)
    monkeypatch.setattr(pools, "time", there)
    look(model, saved, y, limit, tier.TAKEN_AFTER_S + 120)
    assert saved["asked_s"][0] == NOW + tier.TAKEN_AFTER_S + 120, "asked for again"


def test_a_job_that_failed_is_not_done_again_after_a_restart(pool: Pool, tmp_path: Path) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Pca(PcaParams(), 60)
    state = model.initial(1)
    pool.memory_bytes = 1 << 20
    look(model, state, y, limit)
    assert pool.take(state["key"][0].tobytes(), LONG) is None
    back = restarted(state, tmp_path)
    assert look(model, back, y, limit, tier.TAKEN_AFTER_S).reason[0] != "pca reaches it"
    assert pools.shared().counts.asked == 1, "asked again at that look, not before"


def of_the(y: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """What a look at these hours asks `Pca` for."""
    past = pasts(history_of(y), np.arange(1))[0]
    return past.values[0], {"kind": "pca", "season": past.season, "step_s": past.step_s}


def test_an_answer_that_is_due_is_looked_at_between_two_hours(pool: Pool) -> None:
    y, limit = filling(), Limit.uniform(1, 90.0, True)
    model = Ets(EtsParams(), 60)
    state = model.initial(1)
    look(model, state, y, limit)
    state["up"][:] = False
    now = np.array([NOW + 60])
    assert not model.screen(state, y[:, -1], limit, now)[0]
    assert model.screen(state, y[:, -1], limit, now + tier.TAKEN_AFTER_S)[0]
