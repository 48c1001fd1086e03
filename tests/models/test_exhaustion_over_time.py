"""The default forecaster over hours and days: intervals, clocks, rises that stop, rows that did not keep their pace."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Crossings, Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

HOUR, DAY = 3600, 86400
NOON = 1_767_571_200 + 12 * HOUR
Array = np.ndarray


def answers(values: Array, looks: int, limit: Limit, level: float = 0.8) -> list[Crossings]:
    """What is said at the last `looks` samples of `values` (t,), 5 min apart."""
    window, model = Window.open(None, 300, 1), Exhaustion(ExhaustionParams(level=level), 300)
    rows, state = window.rows_for([{"row": "0"}]), model.initial(1)
    times = NOON + 300 * np.arange(len(values), dtype=np.int64)
    window.append(rows, times[:-looks], values[None, :-looks])
    out = []
    for i in range(len(values) - looks, len(values)):
        window.append(rows, times[i : i + 1], values[None, i : i + 1])
        out.append(model.crossings(state, window.history(rows, int(times[i])), limit, 14 * DAY))
    return out


def speaks(said: list[Crossings]) -> Array:
    return np.array([bool(np.isfinite(one.time_s[0, 1])) for one in said])


def test_a_certificate_is_told_to_the_hour_as_soon_as_the_horizon_reaches_its_end() -> None:
    left = 22.0 * DAY - 300.0 * np.arange(288 * 8) + np.random.default_rng(0).uniform(-20, 20, 288 * 8)
    said = answers(left, 288 * 4, Limit.uniform(1, 3 * DAY, False))
    first = int(np.argmax(speaks(said)))
    at = NOON + 300 * (288 * 4 + first)
    early, expected, late = said[first].time_s[0] - at
    assert 13.5 * DAY < expected <= 14 * DAY
    assert expected == pytest.approx(19 * DAY - (at - NOON), rel=0.002)
    assert late - early < 0.03 * expected
    assert "like a clock" in str(said[first].reason[0])


def test_a_lower_level_gives_a_narrower_interval() -> None:
    rise = 0.7 + 0.01 * np.arange(-960, 1) / 12
    wide, narrow = (answers(rise, 12, Limit.uniform(1, 1.0, True), level)[-1].time_s[0] for level in (0.8, 0.5))
    assert wide[0] < narrow[0] < narrow[1] < narrow[2] < wide[2]
    assert narrow[1] == wide[1]


def test_who_did_not_keep_the_told_pace_is_silent_until_clearly_nearer() -> None:
    t = np.arange(-24 * 6 * 12, 24 * 9 * 12) / 12
    level = 0.1 + 0.5 * np.clip((t + 144) / 144, 0, 1) + 0.10 * np.clip(t, 0, None) / 96  # at a third of its pace from 0 on
    said = speaks(answers(level, 24 * 9 * 12, Limit.uniform(1, 1.0, True)))
    times = np.arange(len(said)) / 12
    begins = np.flatnonzero(said[1:] & ~said[:-1]) + 1
    assert said[: 12 * 12].any()
    assert not said[(times > 60) & (times < 90)].any()
    assert len(begins) <= 2


def test_no_time_told_lies_before_the_next_look() -> None:
    rise = 0.9995 - 0.01 * np.arange(960, -1, -1) / 12
    early, expected, late = answers(rise, 12, Limit.uniform(1, 1.0, True))[-1].time_s[0] - (NOON + 300 * 960)
    assert 300 <= early <= expected <= late
