"""Step 1b of a turn: values that moved by a constant factor all at once are another unit, not another state of the world.

Bytes become megabytes, a ratio a percentage, seconds milliseconds: every series of a card moves in one turn by the same power.
Taken as they are they would be an episode for each of them, and models would learn two units as one. They are refused, that is
missing, until they are back or a day has passed; the author is asked once. After the day the new unit is learnt from nothing.
"""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State
from aiops.pipeline.watch import Watch

FACTORS = np.array([100.0, 1e3, 1024.0, 3600.0, 1e6, 2.0**20, 1e9, 2.0**30])
"""What units of one quantity differ by, from 100 on."""
LEAST_ROWS, SHARE = 3, 0.8
"""Series that must have moved, at least: so many, and this share of those that are known."""
FACTOR_WITHIN, ROW_WITHIN, BACK_WITHIN = np.log(1.1), np.log(1.25), np.log(10.0)
"""How far the median of the ratios may be from a factor, a series' ratio from the median, and a value from where it was."""
LASTS_S = 86400
CHUNK_ROWS = 4096
COLUMNS_AT_MOST = 64
"""A turn with more new columns follows an outage: what was before it says little of what a value should be."""


def refuse(watch: Watch, time_s: Ints, values: Floats) -> tuple[Floats, tuple[str, ...]]:
    """(values (n, t) without what is refused, what the author is asked); the same array when nothing is.

    A series that is new, zero, or changes its sign is not judged. Columns that the window has already are left as they are.
    """
    new = np.flatnonzero(time_s > watch.window.end_s)
    if not watch.n or not len(new):
        return values, ()
    state = _state(watch)
    if not watch.window.end_s or len(new) > COLUMNS_AT_MOST:
        _put_newest(state["last"], values)
        return values, ()
    asked: list[str] = []
    for column in new.tolist():
        at, now = int(time_s[column]), values[:, column]
        _let_back(watch, state, now, at)
        moved, factor = _moved(state, now)
        if moved.any():
            state["until_s"][moved] = at + LASTS_S
            asked.append(_question(int(moved.sum()), factor))
        held = (state["until_s"] > at) & np.isfinite(now)
        if held.any():
            values = values if values.flags.owndata and values.flags.writeable else values.copy()
            values[held, column] = np.nan
        _put_newest(state["last"], values[:, column : column + 1])
    return values, tuple(asked)


def refused(watch: Watch, now_s: int) -> Bools:
    """(n,) series whose values are refused at `now_s`."""
    until_s = watch.refusal.get("until_s", np.zeros(0, np.int64))
    out = np.zeros(watch.n, bool)
    out[: len(until_s)] = until_s > now_s
    return out


def _state(watch: Watch) -> State:
    """`last` (n,) the newest value that was taken, `until_s` (n,). After a start the window says the first."""
    state, had = watch.refusal, len(watch.refusal.get("last", ()))
    if not state and watch.window.end_s and watch.n:
        state |= {"last": _known(watch), "until_s": np.zeros(watch.n, np.int64)}
    elif had < watch.n:
        more = watch.n - had
        state["last"] = np.concatenate([state.get("last", np.zeros(0)), np.full(more, np.nan)])
        state["until_s"] = np.concatenate([state.get("until_s", np.zeros(0, np.int64)), np.zeros(more, np.int64)])
    return state


def _known(watch: Watch) -> Floats:
    """(n,) the newest value of each row that the window holds of the last day, NaN = none."""
    window, out = watch.window, np.full(watch.n, np.nan)
    columns = min(window.fine_count, LASTS_S // watch.step_s)
    time_s = window.end_s - watch.step_s * np.arange(columns - 1, -1, -1, dtype=np.int64)
    for start in range(0, watch.n, CHUNK_ROWS):
        rows = np.arange(start, min(watch.n, start + CHUNK_ROWS))
        _put_newest(out[start : start + CHUNK_ROWS], window.value_at(rows, time_s))
    return out


def _put_newest(last: Floats, values: Floats) -> None:
    """Put the newest value of each row (n, t), where there is one, into `last` (n,)."""
    there = np.isfinite(values)
    rows = np.flatnonzero(there.any(axis=1))
    newest = values.shape[1] - 1 - np.argmax(there[rows, ::-1], axis=1)
    last[rows] = values[rows, newest]


def _let_back(watch: Watch, state: State, now: Floats, at: int) -> None:
    """Take values again that are about where they were; and those whose day is over, as those of series never seen."""
    was = state["until_s"] > 0
    if not was.any():
        return
    over = was & (state["until_s"] <= at)
    back = was & (np.abs(_log_ratio(state["last"], now)) < BACK_WITHIN)
    state["until_s"][over | back] = 0
    state["last"][over] = np.nan
    if watch.detector is not None and over.any():
        for name, array in watch.detector.initial(int(over.sum())).items():
            watch.detector_state[name][over] = array


def _moved(state: State, now: Floats) -> tuple[Bools, float]:
    """(rows (n,) that moved by one factor, which); none when it is no unit's, or too few did."""
    nobody = np.zeros(len(now), bool)
    ratio = _log_ratio(state["last"], now)
    judged = np.isfinite(ratio) & (state["until_s"] == 0)
    if judged.sum() < LEAST_ROWS:
        return nobody, 1.0
    middle = float(np.median(ratio[judged]))
    distance = np.abs(np.log(FACTORS) - abs(middle))
    if distance.min() > FACTOR_WITHIN:
        return nobody, 1.0
    moved = judged & (np.abs(ratio - middle) < ROW_WITHIN)
    if moved.sum() < max(LEAST_ROWS, SHARE * judged.sum()):
        return nobody, 1.0
    factor = float(FACTORS[int(distance.argmin())])
    return moved, factor if middle > 0 else 1 / factor


def _log_ratio(before: Floats, now: Floats) -> Floats:
    """(n,) ln(now / before), NaN where that says nothing."""
    with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
        out: Floats = np.log(now / before)
    return np.where(np.isfinite(out), out, np.nan)


def _question(rows: int, factor: float) -> str:
    by = f"{factor:g}" if factor >= 1 else f"1/{1 / factor:g}"
    return (
        f"{rows} series moved by a factor of {by} at once: is it another unit? They are refused until they are back, "
        "at most for a day; set the query and `unit` of the card right"
    )
