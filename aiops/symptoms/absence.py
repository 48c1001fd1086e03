"""How unusual it is that a series is silent, from how long it was silent before. Vectorised over rows."""

from __future__ import annotations

import math

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State

HOUR_S, MEMORY_HOURS, DAYS_AT_MOST, WEEK_HOURS = 3600, 720, 7, 168
LEAST_S, LEAST_STEPS = 60.0, 3
"""The smallest scale of a silence: a sample that comes late, or is lost, is none."""
YOUNG, GROWTH = 4.0, 4.5
"""After n hours the scale is wider by the factor 1 + YOUNG / n; one hour makes it at most GROWTH times as large."""
RATIO = 3.0
"""From so many times its scale on a silence is a symptom: by Markov's inequality less than one hour in 27 has one as long."""
CELLS = 1_000_000
"""Samples of history that are gone through at once, so that memory stays flat."""
BELOW = 1.28
"""Of n ends by themselves n - BELOW * sqrt(n) are taken for sure: about nine times in ten there are as many again."""
NEVER = np.iinfo(np.int64).min


def initial(n: int) -> State:
    """Nothing known of n rows: how long they are silent, the longest silence of the open hour, what hours had before, and
    whether they were `gone` when they were first looked at."""
    names = ("silent_s", "longest_s", "cube", "hours")
    return {name: np.zeros(n) for name in names} | {"hour": np.full(n, NEVER, np.int64), "gone": np.zeros(n, bool)}


def hear(state: State, present: Bools, known: Bools, time_s: Ints, step_s: int) -> None:
    """Take in columns (n, t), oldest first, at each row's own instants `time_s` (n, t); `state` is updated in place, and comes to
    the same however many columns are taken at once, but for who is `gone`.

    `present`: there is a sample; `known`: its source could say so: else the row stands still. Silence begins after a first
    sample, and what lasts teaches nothing until it has ended, so that silence does not get usual by lasting. Of rows that were
    never heard before, those whose silence is a symptom at the end of what is read are `gone`, until they report again.
    """
    fresh = state["hour"] == NEVER
    at_once = max(1, CELLS // max(1, present.shape[1]))
    for first in range(0, len(fresh), at_once):
        some = slice(first, first + at_once)
        _hear({name: array[some] for name, array in state.items()}, present[some], known[some], time_s[some], step_s)
    if fresh.any():
        state["gone"] |= fresh & firing(state, score(state, step_s))


def score(state: State, step_s: int) -> Floats:
    """(n,) -log10 p of how long each row has been silent; NaN until an hour with samples was seen.

    p = (1 + silent / s)^-3, s^3 the mean of M^3 over a month, M the longest silence of an hour that ended in it.

    Source: as the detector `seasonal`, whose stand-stills are judged alike.
    """
    silent = np.where(state["hours"] >= 1, state["silent_s"], np.nan)
    return np.asarray(3.0 * np.log10(1.0 + silent / scale(state, step_s)))


def scale(state: State, step_s: int) -> Floats:
    """(n,) the scale s of each row's silences, seconds."""
    least = max(LEAST_S, LEAST_STEPS * float(step_s))
    return np.asarray(np.maximum(np.cbrt(state["cube"]), least) * _young(state))


def seen(state: State) -> Floats:
    """(n,) the same as far as silences were seen, without a smallest one: 0 where there was none."""
    return np.asarray(np.cbrt(np.maximum(state["cube"], state["longest_s"] ** 3 / MEMORY_HOURS)) * _young(state))


def _young(state: State) -> Floats:
    return np.asarray(1.0 + YOUNG / np.maximum(state["hours"], 1.0))


def firing(state: State, score: Floats) -> Bools:
    """(n,) whether the silence is a symptom; after a week a series is taken to be gone, and is none any more."""
    with np.errstate(invalid="ignore"):
        long = score >= 3.0 * math.log10(1.0 + RATIO)
        return np.asarray(long & (state["silent_s"] <= DAYS_AT_MOST * 86400) & ~state["gone"])


def routine(state: State, rows: Ints, kind: Ints, share: Floats, step_s: int, per_week: float) -> Bools:
    """(k,) whether what is like each of `rows` (k,) ends by itself more often than `per_week` in a week of one, as pods of a job
    do: that one of them ends is no news. `kind` (n,): rows with the same number are alike; `share` (n,): a row's part of its
    entity.

    Ends and hours lived are counted of those that lived at least half as long, of the hours what lies behind that half, so that
    what lives long is not judged by what is short; half is of the power of two below. Of ends the hour with the most is left out,
    which may be one failure that struck many.
    """
    heard, silent = state["hour"] != NEVER, state["silent_s"]
    lived, over = state["hours"] + heard, heard & (silent >= RATIO * scale(state, step_s))
    when = np.where(state["gone"], -1.0 - silent // HOUR_S, silent // HOUR_S).astype(np.int64)
    octave = np.log2(np.maximum(lived[rows], 1.0)).astype(np.int64)
    out, kinds = np.zeros(len(rows), bool), int(kind.max(initial=0)) + 1
    for power in np.unique(octave).tolist():
        mine, young = octave == power, 2.0 ** (power - 1)
        hours = np.bincount(kind, share * np.maximum(lived - young, 0.0), kinds)
        ended = over & (lived >= young)
        pairs, which = np.unique(np.stack([kind, when])[:, ended], axis=1, return_inverse=True)
        ends = np.bincount(which.ravel(), share[ended], pairs.shape[1])
        most = np.zeros(kinds)
        np.maximum.at(most, pairs[0], ends)
        others = np.maximum(np.bincount(pairs[0], ends, kinds) - most, 0.0)
        out[mine] = ((others - BELOW * np.sqrt(others)) * WEEK_HOURS > per_week * hours)[kind[rows[mine]]]
    return out


def _hear(state: State, present: Bools, known: Bools, time_s: Ints, step_s: int) -> None:
    heard = state["hour"] != NEVER
    quiet = np.cumsum(known & ~present, axis=1, dtype=np.int64)
    rows, columns = np.nonzero(present & known)
    if len(rows):
        at, hour = quiet[rows, columns], time_s[rows, columns] // HOUR_S
        begins = np.diff(rows, prepend=-1) != 0
        first, last = np.flatnonzero(begins), np.append(np.flatnonzero(begins[1:]), len(rows) - 1)
        gap = np.diff(at, prepend=0) * float(step_s)
        gap[first] = np.where(heard[rows[first]], state["silent_s"][rows[first]] + at[first] * float(step_s), 0.0)
        starts = np.flatnonzero(begins | (np.diff(hour, prepend=hour[0]) != 0))
        _through(state, rows[starts], hour[starts], np.maximum.reduceat(gap, starts))
        there = rows[first]
        state["silent_s"][there], state["gone"][there], heard[there] = 0.0, False, True
        quiet[there, -1] -= at[last]
    state["silent_s"] += np.where(heard, quiet[:, -1] * float(step_s), 0.0)


def _through(state: State, rows: Ints, hour: Ints, longest: Floats) -> None:
    """Go through hours that have samples, of all rows side by side: `rows` (h,) ascending, each one's hours in order, and the
    longest silence that ended in each."""
    begins = np.flatnonzero(np.diff(rows, prepend=-1))
    count = np.diff(begins, append=len(rows))
    for place in range(int(count.max())):
        part = begins[count > place] + place
        row, now = rows[part], hour[part]
        new = now != state["hour"][row]
        _close(state, row[new], now[new])
        state["longest_s"][row] = np.maximum(state["longest_s"][row], longest[part])


def _close(state: State, rows: Ints, hour: Ints) -> None:
    """Learn the hour of rows that have a sample in another one."""
    begun = rows[state["hour"][rows] != NEVER]
    rate = np.maximum(1.0 / MEMORY_HOURS, 1.0 / (state["hours"][begun] + 1.0))
    before = np.maximum(np.cbrt(state["cube"][begun]), LEAST_S)
    longest = np.minimum(state["longest_s"][begun], GROWTH / np.cbrt(rate) * before)
    state["cube"][begun] += rate * (longest**3 - state["cube"][begun])
    state["hours"][begun] += 1.0
    state["longest_s"][rows], state["hour"][rows] = 0.0, hour
