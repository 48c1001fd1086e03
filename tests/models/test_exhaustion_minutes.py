"""The default forecaster at steps of seconds: fills, copies and calm hosts of minutes."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window
from tests.models.minutes import DAY, NOON, calm_host, ends_together, opened


@pytest.mark.parametrize("step", [2, 5])
def test_fills_of_minutes_are_told_before_half_of_their_time(step: int) -> None:
    rng = np.random.default_rng(step)
    series, lengths = [], []
    for seconds in (300, 330, 390, 480, 600, 900):
        for flat in (60, 600, 3600):
            t = np.arange(-flat, seconds + step, step)
            base = rng.uniform(0, 0.2)
            used = base + (1 - base) * np.clip(t / seconds, 0, 1)
            series.append(1 - used + 0.001 * rng.normal(size=len(t)))
            lengths.append(seconds)
    values = ends_together(series)
    stands = opened(values, step)
    for row, seconds in enumerate(lengths):
        begin = values.shape[1] - 1 - seconds // step
        first = int(stands[row].argmax())
        assert stands[row].any()
        assert first > begin
        assert (first - begin) * step < 0.52 * seconds


def test_at_steps_of_seconds_nobody_waits_longer_for_agreement_than_a_quarter_of_what_is_left() -> None:
    left = np.arange(7200 + 400, 0, -5.0)[None]
    n = (7200 + 5) // 5
    early, late = left[:, :n], left[:, n:]
    model, window = Exhaustion(ExhaustionParams(), 5), Window.open(None, 5, 1)
    rows, state, limit = window.rows_for([{"row": "0"}]), model.initial(1), Limit.uniform(1, 0.0, False)
    window.append(rows, NOON + 5 * np.arange(n), early)
    told = []
    for k in range(late.shape[1] // 2):
        now_s = NOON + 5 * (n + k)
        window.append(rows, np.array([now_s]), late[:, k : k + 1])
        told.append(bool(np.isfinite(model.crossings(state, window.history(np.arange(1), now_s), limit, 3 * DAY).time_s[0, 1])))
    assert told.index(True) <= 0.3 * late.shape[1]


def test_copies_that_end_within_a_hundred_seconds_stay_unsaid() -> None:
    rng = np.random.default_rng(0)
    series = []
    for seconds in (10, 30, 60, 80, 100):
        for used in (0.4, 0.6, 0.75):
            t = np.arange(-600, seconds + 600, 5)
            series.append(0.95 - (used - 0.05) * np.clip(t / seconds, 0, 1) + 0.001 * rng.normal(size=len(t)))
    assert not opened(ends_together(series), 5).any()


def test_a_copy_of_half_an_hour_to_60_percent_stays_unsaid_and_a_fill_of_an_hour_does_not() -> None:
    t = np.arange(-1200, 2600, 5)
    copy = 1 - 0.6 * np.clip(t / 1500, 0, 1)
    fill = 1 - np.clip(t / 3200, 0, 1)
    stands = opened(np.stack([copy, fill]), 5)
    assert stands.any(axis=1).tolist() == [False, True]
    assert t[stands[1].argmax()] < 0.75 * 3200


def test_a_calm_host_at_5_s_is_quiet() -> None:
    rng = np.random.default_rng(11)
    series = [x for _ in range(4) for x in calm_host(rng, 900)]
    assert not opened(np.stack(series), 5).any()
