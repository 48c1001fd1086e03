"""The default forecaster at steps of seconds: fills, copies and calm hosts of minutes."""

from __future__ import annotations

import numpy as np
import pytest

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.symptoms import guards
from aiops.telemetry.window import Window

DAY = 86400
NOON = 1_767_571_200 + 12 * 3600  # a Monday
Array = np.ndarray


def opened(free: Array, step: int, below: float = 0.05) -> Array:
    """(n, t) where a 3/5 guard lets a warning stand; `free` (n, t), NaN before a row begins."""
    n, count = free.shape
    window, model = Window.open(None, step, n), Exhaustion(ExhaustionParams(), step)
    rows = window.rows_for([{"row": str(i)} for i in range(n)])
    state, gate, limit = model.initial(n), guards.initial(n), Limit.uniform(n, below, False)
    out = np.zeros((n, count), bool)
    for k in range(count):
        now = np.full(n, NOON + step * k)
        window.append(rows, now[:1], free[:, k : k + 1])
        latest = window.latest(int(now[0]))
        look = np.flatnonzero(model.screen(state, latest, limit, now))
        firing = np.zeros(n, bool)
        if len(look):
            part = {name: array[look] for name, array in state.items()}
            history = window.history(look, int(now[0]))
            firing[look] = np.isfinite(model.crossings(part, history, limit.take(look), 3 * DAY).time_s[:, 1])
            for name, array in part.items():
                state[name][look] = array
        out[:, k] = guards.step(gate, firing, np.isfinite(latest), guards.Guards(3, 5), now)
    return out


def ends_together(series: list[Array]) -> Array:
    longest = max(map(len, series))
    return np.stack([np.concatenate([np.full(longest - len(x), np.nan), x]) for x in series])


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


def calm_host(rng: np.random.Generator, count: int) -> list[Array]:
    """An hour and a quarter at 5 s of what a host does all day; free share of something."""
    t = 5.0 * np.arange(count)
    slow = np.zeros(count)
    tau = rng.uniform(60, 1800)
    for i, e in enumerate(rng.normal(size=count)):
        slow[i] = slow[i - 1] * np.exp(-5 / tau) + e * np.sqrt(1 - np.exp(-10 / tau))
    cache = np.clip(np.cumsum((rng.random(count) < 5 / 900) * rng.normal(0, 0.05, count)), -0.3, 0.25)
    period = rng.uniform(40, 500)
    start = int(rng.integers(60, count // 2))
    return [
        0.6 + rng.uniform(0.01, 0.05) * slow + 0.003 * rng.normal(size=count),
        0.6 + cache + 0.002 * rng.normal(size=count),
        0.8 - rng.uniform(0.1, 0.4) * ((t % period) / period),
        1 - np.round(60 + 8 * slow) / 1024,
        0.8 - 0.5 * (1 - np.exp(-np.clip(t - t[start], 0, None) / rng.uniform(20, 600))),
        0.7 - 0.3 * ((t + 300) % 1800) / 1800,
    ]


def test_a_calm_host_at_5_s_is_quiet() -> None:
    rng = np.random.default_rng(11)
    series = [x for _ in range(4) for x in calm_host(rng, 900)]
    assert not opened(np.stack(series), 5).any()
