"""Rows T15 to T19: clocks that are wrong, counters that are reset, samples that are missing, labels that change all at once."""

from __future__ import annotations

import numpy as np
import pytest
import structlog

from tests.daemon.rig import START_S, Rig
from tests.daemon.test_metrics import scraped
from tests.faults.plant import NOW_S, STEP_S, disk, failing, on, strange, turns, window
from tests.faults.proxy import Proxy, Rewrite, Rows, each, labels, rewritten, values


def moved(by_s: float) -> Rewrite:
    return each(lambda points: [(at + by_s, value) for at, value in points])


@pytest.mark.parametrize("by_s", [600, 7200, -600], ids=["ten-minutes-ahead", "two-hours-ahead", "ten-minutes-behind"])
def test_T15_samples_of_a_clock_that_is_wrong_are_never_from_the_future(rig: Rig, proxy: Proxy, by_s: float) -> None:
    on(rig, proxy)
    daemon = rig.start(disk())
    turns(rig, 0, 0)
    proxy.fault = rewritten(moved(by_s))
    turns(rig, 1, 4)
    found = rig.watch("disk@a").window
    assert found.end_s == rig.clock.now
    assert found.newest_s[: found.n].max() <= rig.clock.now
    assert np.isnan(window(rig, "disk@a")["a"][-4:]).all(), "a sample is taken at its own time or not at all"
    assert daemon.store.open_warnings() == []
    proxy.fault = None
    turns(rig, 5, 5)
    assert np.isfinite(window(rig, "disk@a")["a"][-1])


@pytest.mark.parametrize("jump_s", [3600, -3600])
def test_T16_a_clock_that_jumps_is_one_turn_that_reads_what_is_missing_or_none(
    rig: Rig, proxy: Proxy, jump_s: int
) -> None:
    on(rig, proxy)
    daemon = rig.start(strange())
    turns(rig, 0, 1)
    proxy.forget()
    rig.clock.now += jump_s
    for _ in range(3):
        rig.turn()
    missed = max(0, jump_s // STEP_S)
    assert len(proxy.calls) == min(1, missed)
    assert proxy.samples == 4 * missed
    for watch in daemon.board.watches.values():
        assert watch.seconds >= 0
        assert watch.overdue_s(rig.clock.now) >= 0
    rig.clock.now = START_S + NOW_S + 3 * STEP_S + max(0, jump_s)
    rig.turn()
    assert rig.watch("strange@a").window.end_s == rig.clock.now
    assert np.isfinite(window(rig, "strange@a")["a"]).all()


def test_T17_a_counter_that_is_reset_twice_in_one_window_is_no_spike(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(strange("rate(hits_total[10m])"))
    turns(rig, 0, 8)
    seen = window(rig, "strange@a")["a"]
    assert np.isfinite(seen[-8:]).all()
    assert seen.max() < 1.3, "63 a minute is 1.05 a second"
    assert daemon.store.warnings(limit=10) == []


def thinned(share: float) -> Rewrite:
    """That share of the samples of each series is lost, by a rule that is the same for every answer."""
    rng = np.random.default_rng(3)
    lost = {int(at) for at in range(START_S, START_S + 12 * 3600 + 1, STEP_S) if rng.random() < share}
    return values(lambda metric, at, text: None if int(at) in lost or share >= 1 else text)


@pytest.mark.parametrize("share", [0.05, 0.5, 1.0])
def test_T18_samples_that_are_missing_end_no_warning_and_make_none(rig: Rig, proxy: Proxy, share: float) -> None:
    on(rig, proxy)
    daemon = rig.start(disk("falling"), strange())
    rig.until_warned()
    at = rig.clock.now
    proxy.fault = rewritten(thinned(share))
    for i in range(1, 13):
        rig.clock.now = at + STEP_S * i
        rig.turn()
    (warning,) = daemon.store.open_warnings()
    assert (warning.card, warning.state) == ("disk", "open")
    assert failing(rig) == {}
    states = scraped(daemon)["aiops_series"]
    if share == 1:
        assert states["disk", "stale"] == 2
        assert states["strange", "stale"] == 4
        assert states["strange", "active"] == 0, "nothing there is nothing scored, and no all-clear"


def renamed(rows: Rows) -> Rows:
    return labels(lambda metric: {**metric, "instance": f"new-{metric['instance']}"})(rows)


def test_T19_when_all_instances_are_renamed_at_once_there_is_no_storm(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy)
    daemon = rig.start(disk(), strange())
    turns(rig, 0, 6)
    proxy.fault = rewritten(renamed)
    with structlog.testing.capture_logs() as logs:
        turns(rig, 7, 30)
    assert daemon.store.warnings(limit=100) == []
    assert len([one for one in logs if one["log_level"] in ("warning", "error")]) <= 1
    states = scraped(daemon)["aiops_series"]
    assert states["strange", "stale"] == 4, "the old ones"
    assert states["strange", "active"] + states["strange", "learning"] == 4, "the new ones, which begin anew"
    assert states["strange", "learning"] >= 1
