"""A refit never makes a turn late: what is slow runs beside the turns, and a turn goes on without it."""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

from aiops.daemon.metrics import FITS
from aiops.models.second_tier import pool as pools
from aiops.models.second_tier import tier
from tests.daemon.rig import Rig, card, falling
from tests.daemon.test_metrics import scraped

DAY_S = 86400
SLOW = card(forecast={"model": "ets", "limit": {"below": 0.05}, "horizon": "3d", "params": {"everything": True}}, history="5d")


def full(*_: object) -> None:
    raise OSError(28, "No space left on device")


def moving(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The pool's clock goes with the daemon's."""
    began_s, begun = rig.clock.now, time.monotonic()
    there = SimpleNamespace(monotonic=lambda: begun + rig.clock.now - began_s)
    monkeypatch.setattr(pools, "time", there)


def test_turns_go_on_while_a_fit_hangs(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tier, "FITTED", "tests.models.second_tier.faulty:stuck")
    rig.world.add("free", {"instance": "a"}, falling(0.0001))
    daemon = rig.start(SLOW)
    rig.at(5 * DAY_S)
    moving(rig, monkeypatch)
    pool = pools.shared()
    for turn in range(6):
        rig.at(5 * DAY_S + 1800 * turn)
        rig.turn()
        crossings = rig.watch("disk@made").crossings
        assert crossings is not None
        assert np.isfinite(crossings.time_s).all(), "the first tier speaks"
    assert pool.counts.asked > 1, "asked again in later hours"
    assert (pool.counts.answered, pool.counts.failed) == (0, 0), "it hangs still: nobody waited for its deadline"
    assert daemon.board.watches["disk@made"].last_success_s == rig.clock.now
    found = scraped(daemon)
    assert set(found["aiops_second_tier_fits_total"]) == {(result,) for result in FITS}
    assert found["aiops_second_tier_fits_total"]["asked",] == pool.counts.asked
    assert found["aiops_second_tier_waiting"][()] == pool.waiting == pool.counts.asked - 1
    assert found["aiops_second_tier_worker_starts_total"][()] == 1
    pool.close()


def test_the_pool_is_as_the_settings_say_and_goes_on_when_a_reload_leaves_them(rig: Rig) -> None:
    rig.more = {"second_tier": {"workers": 3, "deadline": "30s", "cpu": 0.5, "memory": 2**29}}
    daemon = rig.start(card())
    pool = pools.shared()
    assert (pool.workers, pool.deadline_s, pool.memory_bytes) == (3, 30.0, 2**29)
    assert pool._budget.per_minute == 30.0
    assert daemon.reload() == ""
    assert pools.shared() is pool
    rig.more["second_tier"]["cpu"] = 1.0
    rig.write(card())
    assert daemon.reload() == ""
    assert pools.shared()._budget.per_minute == 60.0
    pools.shared().close()


def test_a_deadline_is_over_before_an_answer_is_due() -> None:
    from aiops.config.settings import SecondTier

    with pytest.raises(ValueError, match="deadline"):
        SecondTier(deadline=tier.TAKEN_AFTER_S)


@pytest.mark.parametrize("how", ["restart", "kill", "reload"])
def test_what_was_asked_for_is_answered_in_the_next_life(how: str, rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tier, "FITTED", "tests.models.second_tier.faulty:stuck")
    rig.world.add("free", {"instance": "a"}, falling(0.0001))
    daemon = rig.start(SLOW)
    rig.at(5 * DAY_S)
    rig.turn()
    state, first = rig.watch("disk@made").forecaster_state, pools.shared()
    assert np.isfinite(state["asked_s"]).all()
    if how == "reload":
        rig.more["second_tier"] = {"workers": 2}
        rig.write(SLOW)
        assert daemon.reload() == ""
    elif how == "restart":
        rig.stop()
    else:
        daemon.store.close()
    if how != "reload":
        daemon = rig.start()
    pool, again = pools.shared(), rig.watch("disk@made").forecaster_state
    assert pool is not first
    np.testing.assert_array_equal(again["key"], state["key"])
    asked = pool.kept(again["key"][0].tobytes())
    assert asked is not None, "the pool of the daemon knows of it"
    assert asked[1] is None, "and it is being done"
    pool.close()


def test_where_a_reload_fails_the_pool_goes_on_with_what_it_was_asked_for(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tier, "FITTED", "tests.models.second_tier.faulty:stuck")
    rig.world.add("free", {"instance": "a"}, falling(0.0001))
    daemon = rig.start(SLOW)
    rig.at(5 * DAY_S)
    rig.turn()
    pool, key = pools.shared(), rig.watch("disk@made").forecaster_state["key"][0].tobytes()
    rig.more["second_tier"] = {"workers": 2}
    rig.write(SLOW)
    with monkeypatch.context() as broken:
        broken.setattr("aiops.daemon.daemon.assemble", full)
        assert "No space left" in daemon.reload()
    assert pools.shared() is pool
    asked = pool.kept(key)
    assert asked is not None
    assert asked[1] is None, "it is still being done"
    assert pool.why(key) == ""
    pool.close()
