"""Whether what a row told still stands: its pace was kept, it was not cleaned up meanwhile, its limit is where it was."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Ints, Limit, State
from aiops.models import paths
from aiops.models.shape import Array

TRIED, TRIED_S, KEPT, CLOSER, AFAR = 0.35, 16 * 3600.0, (0.35, 0.2), 0.8, 1.2
GIVEN_BACK, SOON_S = 1.5, 600.0
"""A row with so many times the room it was told of with was cleaned up, where it is lower than all that its window held: without
evidence it speaks on no longer than this. The teeth of a saw go as far back, and not below."""
MOVED = 0.1
"""A limit that moves by more than this share of the way that is left makes a new way of it."""
RESUMED, HALTS_S, SLOWER = 0.9, (36 * 3600.0, 14 * 86400.0), 0.5
"""What `kept` asks; see there."""


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """What the ways say of n rows: `paths` (k), `eta_s` (n, k) seconds left, NaN = silent; `lows` (n, t), the others (n,)."""

    paths: list[paths.Path]
    eta_s: Array
    now: Array
    top: Array
    fresh: Bools
    inside: Bools
    floor: Array
    age_s: Array
    reached: Array
    halted: Bools
    note: NDArray[np.object_]
    lows: NDArray[np.float32]
    lows_step_s: int
    touched: Bools


def cleaned_up(state: State, seen: Evidence) -> Ints:
    """Rows that speak, have GIVEN_BACK times the room they were told of with, and are lower than all that their windows held
    until SOON_S ago; so is one of which nothing is known."""
    with np.errstate(invalid="ignore"):
        rows = np.flatnonzero(state["up"] & (seen.top - seen.now > GIVEN_BACK * state["opened_room"]))
        ages = seen.lows_step_s * np.arange(seen.lows.shape[1], 0, -1)
        held = (ages > SOON_S + seen.lows_step_s) & (ages <= state["window_s"][rows, None])
        lowest = np.fmin.reduce(np.where(held, seen.lows[rows], np.inf), axis=1, initial=np.inf)
        return np.asarray(rows[seen.now[rows] < lowest])


def timed_anew(state: State, seen: Evidence, changed: Bools, limit: Limit, now_s: Ints) -> None:
    """Rows whose limit has another value now: the pace that was told carries on to it; one that moved far is told of anew."""
    if not changed.any():
        return
    pace = np.where(limit.above, state["slope"], -state["slope"])
    room = seen.top - seen.now
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        far = changed & (np.abs(limit.value - state["limit"]) > MOVED * np.abs(room))
        expected = np.where((pace > 0) & (room > 0), now_s + room / pace, np.nan)
    state["expected_s"][:] = np.where(changed & np.isfinite(state["expected_s"]), expected, state["expected_s"])
    state["opened_s"][far], state["doubt_room"][far] = np.nan, np.inf


def kept(state: State, seen: Evidence, speaks: Bools, left: Array, now_s: Ints) -> Bools:
    """Rows that speak and keep the pace they told of; one that does not falls silent until it has come CLOSER to the limit.

    Judged from TRIED of the first told time on (not before TRIED_S), against the highest level of the last 24 h: it must have
    covered as much of the way as KEPT[0] of the pace, KEPT[0] + KEPT[1] when the told time is over. One that covered at least
    SLOWER of that, and of which a window speaks at this very look, is slower and not over: it speaks on, and is judged anew by
    what it tells now. What comes nearer under a rhythm keeps no even pace, and is not judged while that is said. One that a
    window of HALTS_S spoke for and that stands still (`Course.halted`) falls silent until it has come RESUMED closer.
    """
    long = (state["window_s"] >= HALTS_S[0]) & (state["window_s"] < HALTS_S[1])
    with np.errstate(invalid="ignore", divide="ignore"):
        room = seen.top - seen.reached
        state["doubt_room"][room > AFAR * state["opened_room"]] = np.inf
        speaks = speaks & ~(room > state["doubt_room"])
        begins = speaks & np.isnan(state["opened_s"])
        state["opened_s"][:] = np.where(speaks, np.where(begins, now_s, state["opened_s"]), np.nan)
        state["opened_left_s"][:] = np.where(begins, left, state["opened_left_s"])
        state["opened_room"][:] = np.where(begins, room, state["opened_room"])
        tried = now_s - state["opened_s"]
        share = tried / state["opened_left_s"]
        judged = speaks & (tried >= np.maximum(TRIED * state["opened_left_s"], np.minimum(TRIED_S, state["opened_left_s"])))
        judged &= state["window_s"] < 14 * paths.DAY
        needed = (KEPT[0] + KEPT[1] * np.minimum(share, 1.0)) * np.minimum(share, 1.0)
        covered = 1.0 - room / state["opened_room"]
        uneven = [paths.said_by(name, seen.paths, seen.eta_s) for name in (paths.UNDER_RHYTHM, paths.COLLECTED, paths.COME_AGAIN)]
        broken = judged & (covered < needed) & ~np.logical_or.reduce(uneven)
        slower = broken & (covered >= SLOWER * needed) & (state["last_s"] == now_s)
        broken &= ~slower
        halted = speaks & seen.halted & long & ~broken
    for name, value in (("opened_s", now_s), ("opened_left_s", left), ("opened_room", room)):
        state[name][slower] = value[slower]
    state["doubt_room"][broken] = CLOSER * room[broken]
    state["doubt_room"][halted] = RESUMED * room[halted]
    broken |= halted
    state["opened_s"][broken] = np.nan
    state["up"] &= ~broken & speaks
    return np.asarray(speaks & ~broken)
