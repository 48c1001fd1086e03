"""A watch over rules that begins amid what goes on: it first takes the looks that it would have taken had it been there before.

What is told depends on more than the history: a rise must have been seen for a while, a pause does not end it, and one that did
not keep its pace is silent. The forecaster learns all that from one look after another, so a watch takes those of the time that
it was not there, each knowing nothing newer, by the very code of its turns. Nothing is decided or told before the turn itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Bools, Floats, History, Ints, Resolution
from aiops.models import spread
from aiops.pipeline.evaluate import CHUNK_ROWS, look
from aiops.pipeline.rules_find import count_values, follow
from aiops.pipeline.rules_truth import compared
from aiops.pipeline.rules_watch import Built, RulesWatch
from aiops.telemetry.window import Window
from aiops.telemetry.window_base import MID_COUNT

LONGEST_S = 86400
"""How far back looks are taken: longer than any forecast is kept up without evidence."""
CLOSE, SELDOM_S = 36, 1800
"""So many looks before a turn are as close as live ones, those before them so far apart."""
ROW_LOOKS, LEAST = 100_000, 8
"""Rows times looks at most, about two seconds; but so many looks in any case: as long as a forecast waits for more."""
QUICK_S = 60
"""How often where the step is under a minute, and how often at most what is true is followed."""
KNOWN_S = 3 * 3600
"""With less history than this nothing that waits is told."""


def rehearse(watch: RulesWatch, now_s: int) -> None:
    """Take the looks between the last turn that was lived and the one at `now_s`, a day of them at most."""
    lived_s = watch.lived_s or 0
    if watch.forecaster is None or not watch.n or not _looks(watch, now_s, 1, lived_s):
        return
    built = watch.build()
    count_values(watch, built, now_s)
    looks = _looks(watch, now_s, max(LEAST, ROW_LOOKS // max(1, int(built.forecast.sum()))), lived_s)
    was = watch.state["active"].copy()
    kept_s = watch.window.end_s - watch.window.fine_count * watch.step_s
    beat_s = max(QUICK_S, watch.step_s)
    for at in sorted({*looks, *range(-(-min(looks, default=now_s) // beat_s) * beat_s, now_s, beat_s)}):
        watch.looked = at in looks
        if watch.looked:
            look(watch, at, _latest(watch.window, at), lambda rows, at_s: history_at(watch.window, rows, at_s))
        if at > kept_s:
            follow(watch, built, at, None)
    _forget_gone(watch, built, was, now_s)


def _forget_gone(watch: RulesWatch, built: Built, was: Bools, now_s: int) -> None:
    """Of alerts that only these looks took for symptoms, let go of those whose series are not there now: whoever was there all
    along told of them when they rose, and that they were gone; a first word on what is gone already helps nobody."""
    latest = watch.window.latest(now_s)
    present = built.program.there(np.isfinite(latest)) | built.program.holding(compared(built, latest))
    gone = watch.state["active"] & ~was & ~present
    watch.state["active"][gone], watch.state["bits"][gone] = False, 0


def rehearse_rows(watch: RulesWatch, rows: Ints, now_s: int) -> None:
    """The same for rows (k,) that came later than the watch, with a history of their own: what the forecaster learns by it."""
    assert watch.forecaster is not None
    for at in sorted(_looks(watch, now_s, max(LEAST, ROW_LOOKS // max(1, len(rows))), 0)):
        for first in range(0, len(rows), CHUNK_ROWS):
            part = rows[first : first + CHUNK_ROWS]
            state = {name: array[part] for name, array in watch.forecaster_state.items()}
            watch.forecaster.crossings(state, history_at(watch.window, part, at), watch.limit.take(part), watch.horizon_s)
            for name, array in state.items():
                watch.forecaster_state[name][part] = array


def _looks(watch: RulesWatch, now_s: int, most: int, lived_s: int) -> frozenset[int]:
    """The instants of the newest looks that were not taken."""
    begins = max(now_s - LONGEST_S, watch.window.begin_s + KNOWN_S, lived_s + 1)
    every_s = _every_s(watch.step_s)
    close = (now_s - 1) // every_s * every_s - every_s * np.arange(CLOSE)
    seldom = close[-1] // SELDOM_S * SELDOM_S - SELDOM_S * np.arange(1, LONGEST_S // SELDOM_S)
    every = np.concatenate([close, seldom])
    return frozenset(every[every >= begins][:most].tolist())


def _every_s(step_s: int) -> int:
    return max(spread.LOOK_EVERY_S, step_s) if step_s >= QUICK_S else QUICK_S


def _latest(window: Window, at_s: int) -> NDArray[np.float64]:
    """(n,) values at an instant; of one that the finest resolution does not reach back to, those of its 5 min."""
    if at_s > window.end_s - window.fine_count * window.step_s:
        return window.latest(at_s)
    mean = window.middle(np.arange(window.n), at_s).mean
    newest = mean[:, -1].astype(np.float64) if mean.shape[1] else np.nan
    return np.asarray(window.offset[: window.n] + newest)


def history_at(window: Window, rows: Ints, at_s: int) -> History:
    """What was known of rows at an instant of the past.

    Where a resolution has been overwritten since, the next coarser one stands in, so that windows of all lengths are there.
    """
    found = window.history(rows, at_s)
    mid = _mended(found.mid, found.long, min(MID_COUNT, _count(window, found.mid.step_s, at_s)))
    fine = _mended(found.fine, mid, min(window.fine_count, _count(window, found.fine.step_s, at_s)))
    fine = replace(fine, low=fine.mean, high=fine.mean)
    return replace(found, fine=fine, mid=mid, first_s=np.minimum(found.first_s, found.now_s))


def _count(window: Window, step_s: int, at_s: int) -> int:
    """How many buckets there were."""
    return max(1, at_s // step_s - (window.begin_s - 1) // step_s)


def _mended(some: Resolution, coarser: Resolution, count: int) -> Resolution:
    """The last `count` buckets: those that are missing in front, from a coarser resolution; NaN where it has none."""
    missing = count - some.mean.shape[1]
    if missing <= 0:
        return some
    ends = some.end_s - some.step_s * np.arange(count - 1, count - 1 - missing, -1)
    columns = coarser.mean.shape[1]
    place = -(-ends // coarser.step_s) - coarser.end_s // coarser.step_s + columns - 1
    there = (place >= 0) & (place < columns)

    def mended(fine: Floats, coarse: Floats) -> Floats:
        front = np.full((len(fine), missing), np.nan, np.float32)
        front[:, there] = coarse[:, place[there]]
        return np.concatenate([front, fine], axis=1)

    mean, low, high = (mended(getattr(some, name), getattr(coarser, name)) for name in ("mean", "low", "high"))
    return replace(some, mean=mean, low=low, high=high)
