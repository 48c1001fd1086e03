"""A clock that moves on its own is not believed at once."""

from __future__ import annotations

import pytest

from aiops.responses.clock import ClockWatch
from tests.responses.rig import Clock


@pytest.mark.parametrize(("jump", "believed"), [(0.0, True), (59.0, True), (-59.0, True), (61.0, False), (-7200.0, False)])
def test_a_jump_is_held_against_a_clock_that_nobody_can_set(jump: float, believed: bool) -> None:
    monotonic = Clock(100.0)
    watch = ClockWatch(60.0, monotonic)
    assert watch.believed(1000.0)
    monotonic.now += 10
    assert watch.believed(1010.0 + jump) is believed
    assert watch.jumped_s == pytest.approx(jump)
    monotonic.now += 10
    assert watch.believed(1020.0 + jump), "two looks agree"
