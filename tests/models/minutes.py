"""Series of minutes at steps of seconds, and when the default forecaster would let a warning of them stand."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.symptoms import guards
from aiops.telemetry.window import Window

DAY = 86400
NOON = 1_767_571_200 + 12 * 3600  # a Monday
PARAMS, GUARD = ExhaustionParams(), guards.Guards(3, 5)
Array = np.ndarray


def opened(
    free: Array, step: int, below: float = 0.05, params: ExhaustionParams = PARAMS, guard: guards.Guards = GUARD
) -> Array:
    """(n, t) where a guard lets a warning stand; `free` (n, t), NaN before a row begins."""
    n, count = free.shape
    window, model = Window.open(None, step, n), Exhaustion(params, step)
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
        out[:, k] = guards.step(gate, firing, np.isfinite(latest), guard, now)
    return out


def ends_together(series: list[Array]) -> Array:
    longest = max(map(len, series))
    return np.stack([np.concatenate([np.full(longest - len(x), np.nan), x]) for x in series])


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
