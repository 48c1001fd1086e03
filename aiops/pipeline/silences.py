"""What of a reading is heard of each row, for cards that tell of silence: history and the newest column by the same code."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State
from aiops.pipeline.feed import Feed
from aiops.pipeline.reading import Reading
from aiops.pipeline.rows import extended
from aiops.pipeline.watch import Apprentice, Watch
from aiops.symptoms import absence


def listen(watch: Watch, reading: Reading) -> None:
    """Take in the columns of a turn: of a first sight all that was read, so that what was regular before is missed at once.

    Of rows that were heard before only the newest column tells a silence of all: it was asked for when it was due. Older ones
    are read after something was away, the source or this process, and where nobody has a sample nothing is known.
    """
    if not watch.silence or not watch.n:
        return
    for late in reading.late:
        _hear(watch, watch.silence, late.rows, late.time_s, late.values, _somebody(late.values))
    if len(reading.time_s):
        rows = np.arange(watch.n) if reading.held is None else np.flatnonzero(~reading.held)
        values = reading.values[rows]
        sure = _somebody(values)
        sure[-1] = True
        _hear(watch, watch.silence, rows, reading.time_s, values, sure & reading.whole)


def learn(watch: Watch, state: State, rows: Ints, time_s: Ints, values: Floats) -> None:
    """Let `rows` (k,) of `state` learn columns (k, t) of history, in which no sample is a silence."""
    if state:
        _hear(watch, state, rows, time_s, values, np.ones(len(time_s), bool))


def teach(watch: Watch, learner: Apprentice, feed: Feed | None, rows: Ints, time_s: Ints, values: Floats) -> None:
    """Let an apprentice learn columns (k, t) of those `rows` that a feed had anything of; what else it delivers was silent."""
    if not learner.silence:
        return
    more = watch.n - len(learner.silence["hour"])
    if more:
        learner.silence = extended(learner.silence, absence.initial(more))
    silent = np.setdiff1d(np.flatnonzero(feed.seen), rows) if feed is not None else rows[:0]
    none = np.full((len(silent), len(time_s)), np.nan)
    learn(watch, learner.silence, np.concatenate([rows, silent]), time_s, np.concatenate([values, none]))


def take_over(watch: Watch, learner: Apprentice) -> None:
    """Take over what an apprentice has learnt of usual silences, and all that it knows of rows that were not heard since: where
    the others stand is known."""
    if not learner.silence:
        return
    learnt = learner.silence
    learnt["gone"] |= absence.firing(learnt, absence.score(learnt, watch.step_s))
    some = slice(len(learnt["gone"]))
    heard = watch.silence["hour"][some] != absence.NEVER
    for name, array in watch.silence.items():
        array[some] = np.where(heard & (name not in ("cube", "hours")), array[some], learnt[name])


def routine(watch: Watch, rows: Ints) -> Ints:
    """Those of `rows` (k,) of whose cohort something ends by itself more often than the card's budget."""
    if not len(rows):
        return rows
    kind = np.unique(watch.cohorts.kind, return_inverse=True)[1] if watch.cohorts.names else np.zeros(watch.n, np.int64)
    share = 1.0 / np.bincount(watch.entity_of)[watch.entity_of]
    return rows[absence.routine(watch.silence, rows, kind, share, watch.step_s, watch.card.anomaly_budget_per_week)]


def _somebody(values: Floats) -> Bools:
    """(t,) whether any of the columns (k, t) has a sample."""
    return np.asarray(np.isfinite(values).any(axis=0))


def _hear(watch: Watch, state: State, rows: Ints, time_s: Ints, values: Floats, sure: Bools) -> None:
    """Let `rows` (k,) of `state` hear columns (k, t); `sure` (t,): that none is there is known, as it is before a first one."""
    part = {name: array[rows] for name, array in state.items()}
    known = sure[None, :] | (part["hour"] == absence.NEVER)[:, None]
    at = time_s[None, :] + watch.window.shift_s[: watch.n][rows][:, None]
    absence.hear(part, np.isfinite(values), known, at, watch.step_s)
    for name, array in part.items():
        state[name][rows] = array
