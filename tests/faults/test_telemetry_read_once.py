"""Counted at the fault proxy: how many samples are asked for of those that exist."""

from __future__ import annotations

import numpy as np
import pytest

from tests.daemon.rig import START_S, Rig
from tests.faults.plant import NOW_S, disk, on, strange, window
from tests.faults.proxy import Proxy, hang

STEP_S, DAY_S = 900, 86400
SERIES = 4


def a_day(rig: Rig, proxy: Proxy, trouble: bool) -> None:
    """A day of turns; with trouble: an outage of two hours, hours in which it hangs, and a restart."""
    for after in range(NOW_S, NOW_S + DAY_S + 1, STEP_S):
        hour = (after - NOW_S) / 3600
        if trouble and hour == 5:
            proxy.down()
        if trouble and hour == 7:
            proxy.up()
        if trouble:
            proxy.fault = hang if 10 <= hour < 10.5 else None
        if trouble and hour == 15:
            rig.stop()
            rig.start()
        rig.at(after)
        rig.turn()


def asked_share(proxy: Proxy, instants: int) -> float:
    """Samples that passed to samples that exist."""
    share = proxy.samples / (SERIES * instants)
    print(f"{share:.3f} of {SERIES * instants} samples; {proxy.body_bytes} bytes in {proxy.queries} queries")
    return share


def whole(rig: Rig, name: str) -> None:
    assert np.isfinite(np.array(list(window(rig, name).values()))).all(), "nothing that exists is missing"
    assert rig.watch(name).window.end_s == rig.clock.now // STEP_S * STEP_S


@pytest.mark.parametrize("trouble", [False, True], ids=["calm", "outages-and-a-restart"])
def test_over_a_day_with_the_history_before_it_no_more_than_a_tenth_is_asked_for_twice(
    rig: Rig, proxy: Proxy, trouble: bool
) -> None:
    on(rig, proxy, seconds=0.4 if trouble else 20)
    rig.start(disk(step="15m"))
    a_day(rig, proxy, trouble)
    whole(rig, "disk@a")
    first, last = -(-START_S // STEP_S), int(rig.clock.now) // STEP_S
    assert 1 <= asked_share(proxy, last - first + 1) <= 1.1


def test_two_cards_that_ask_the_same_share_every_newest_sample_of_a_day(rig: Rig, proxy: Proxy) -> None:
    on(rig, proxy, seconds=20)
    rig.start(disk(step="15m"), strange(step="15m"))
    rig.at(NOW_S)
    rig.turn()
    proxy.forget()
    a_day(rig, proxy, trouble=False)
    whole(rig, "disk@a")
    whole(rig, "strange@a")
    assert 1 <= asked_share(proxy, DAY_S // STEP_S) <= 1.1
