"""What a window is made of, before it holds samples."""

from __future__ import annotations

from aiops.telemetry.window_base import LONG_COUNT, MID_COUNT, rings_of


def test_the_resolutions_of_a_step() -> None:
    assert [(ring.step_s, ring.size, ring.parts) for ring in rings_of(None, 60)] == [
        (60, 360, 1), (300, MID_COUNT, 3), (3600, LONG_COUNT, 3),
    ]  # fmt: skip
    assert [ring.step_s for ring in rings_of(None, 7200)] == [7200, 7200, 7200]
