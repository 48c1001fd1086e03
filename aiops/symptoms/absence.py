"""How unusual it is that a series is silent, from how long it was silent before. Vectorised over rows."""

from __future__ import annotations

import math

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State

HOUR_S, MEMORY_HOURS, DAYS_AT_MOST = 3600, 720, 7
LEAST_S, LEAST_STEPS = 60.0, 3
"""The smallest scale of a silence: a sample that comes late, or is lost, is none."""
YOUNG, GROWTH = 4.0, 4.5
"""After n hours the scale is wider by the factor 1 + YOUNG / n; one hour makes it at most GROWTH times as large."""
RATIO = 3.0
"""From so many times its scale on a silence is a symptom: by Markov's inequality less than one hour in 27 has one as long."""


def initial(n: int) -> State:
    """Nothing known of n rows: how long they are silent, the longest silence of the open hour, what hours had before."""
    names = ("silent_s", "longest_s", "cube", "hours")
    return {name: np.zeros(n) for name in names} | {"hour": np.full(n, np.iinfo(np.int64).min, np.int64)}


def step(state: State, present: Bools, known: Bools, time_s: Ints, step_s: int) -> Floats:
    """One turn: (n,) -log10 p of how long each row has been silent, NaN = not known; `state` is updated in place.

    p = (1 + silent / s)^-3, s^3 the mean of M^3 over a month, M the longest silence of an hour that ended in it. `present` (n,):
    there is a sample now; `known` (n,): its source could say so: else the row stands still. What lasts teaches nothing until it
    has ended, so that silence does not get usual by lasting. NaN until an hour with samples was seen.

    Source: as the detector `seasonal`, whose stand-stills are judged alike.
    """
    here = present & known
    _learn(state, here, time_s // HOUR_S)
    state["longest_s"][:] = np.where(here, np.maximum(state["longest_s"], state["silent_s"]), state["longest_s"])
    state["silent_s"][:] = np.where(here, 0.0, state["silent_s"] + np.where(known, float(step_s), 0.0))
    silent = np.where(state["hours"] >= 1, state["silent_s"], np.nan)
    return np.asarray(3.0 * np.log10(1.0 + silent / scale(state, step_s)))


def scale(state: State, step_s: int) -> Floats:
    """(n,) the scale s of each row's silences, seconds."""
    least = max(LEAST_S, LEAST_STEPS * float(step_s))
    return np.asarray(np.maximum(np.cbrt(state["cube"]), least) * (1.0 + YOUNG / np.maximum(state["hours"], 1.0)))


def firing(state: State, score: Floats) -> Bools:
    """(n,) whether the silence is a symptom; after a week a series is taken to be gone, and is none any more."""
    with np.errstate(invalid="ignore"):
        return np.asarray((score >= 3.0 * math.log10(1.0 + RATIO)) & (state["silent_s"] <= DAYS_AT_MOST * 86400))


def _learn(state: State, here: Bools, hour: Ints) -> None:
    """Close the hour of rows that have a sample in another one."""
    rows = np.flatnonzero(here & (hour != state["hour"]))
    begun = rows[state["hour"][rows] != np.iinfo(np.int64).min]
    rate = np.maximum(1.0 / MEMORY_HOURS, 1.0 / (state["hours"][begun] + 1.0))
    before = np.maximum(np.cbrt(state["cube"][begun]), LEAST_S)
    longest = np.minimum(state["longest_s"][begun], GROWTH / np.cbrt(rate) * before)
    state["cube"][begun] += rate * (longest**3 - state["cube"][begun])
    state["hours"][begun] += 1.0
    state["longest_s"][rows], state["hour"][rows] = 0.0, hour[rows]
