"""Steps 2 and 3 of a turn: score the new points, forecast the crossings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Crossings, Floats, History, Ints, Scores, State
from aiops.models import spread
from aiops.models.local_hours import localised
from aiops.models.together import Moves
from aiops.pipeline import limits, proving
from aiops.pipeline.join_cohort import columns_at_once, start_entities, start_rows
from aiops.pipeline.mask_history import Unmasked
from aiops.pipeline.opinions import ask, joined, take_due
from aiops.pipeline.reading import Reading
from aiops.pipeline.rows import no_crossings
from aiops.pipeline.watch import LAST, Watch

CHUNK_ROWS = 512
"""Rows whose history is copied at once: small enough for the cache, and memory stays flat."""
CHUNK_COLUMNS = 512
"""Columns scored at once after a backfill or an outage."""


def score(watch: Watch, reading: Reading) -> Floats:
    """(entities,) -log10 p of the newest column, as `Watch.comparable` gives it, NaN = not scored; every new column is learnt."""
    if watch.detector is None or not watch.n:
        return np.zeros(0)
    everyone = slice(0, watch.n)
    for late in reading.late:
        learn(watch, watch.detector_state, late.rows, late.time_s, np.where(late.masked, np.nan, late.values))
    if not len(reading.time_s):
        return np.full(len(watch.entities), np.nan)
    rows = everyone if reading.held is None else np.flatnonzero(~reading.held)
    values = np.where(reading.masked, np.nan, reading.values)[rows]
    newest = int(reading.time_s[-1])
    take_due(watch, newest)
    state = watch.detector_state
    before = proving.before_scoring(watch, values.shape[1]) if reading.whole and len(values) == watch.n else []
    if reading.whole:
        found = learn(watch, state, rows, reading.time_s, values, partial(_spend, watch, rows))
    else:
        state = {k: v.copy() for k, v in watch.detector_state.items()}
        found = learn(watch, state, rows, reading.time_s, values)
        learn(watch, watch.detector_state, rows, reading.time_s, np.full(values.shape, np.nan))
    for name in LAST:
        last = np.full(watch.n, np.nan)
        if found is not None:
            said = getattr(found, name.removeprefix("last_"))
            last[rows] = (found.p if said is None else said)[:, -1]
        setattr(watch, name, last)
    watch.evaluated = np.isfinite(watch.last_p)
    if found is None:
        return np.full(len(watch.entities), np.nan)
    moves = watch.detector.moves(state)
    of_entities = _of_entities(watch, rows, found, moves)
    scores = watch.comparable(joined(watch, of_entities[:, -1], newest, moves))
    proving.scored(watch, before, values, found, scores, newest)
    ask(watch, scores, newest)
    return scores


def _of_entities(watch: Watch, rows: slice | Ints, found: Scores, moves: Moves | None) -> Floats:
    """(entities, m) scores from those of some rows; the others have none. `moves` (n, blocks): how all rows moved."""
    p = np.full((watch.n, found.p.shape[1]), np.nan)
    recent = p if found.recent is None else p.copy()
    p[rows] = found.p
    if found.recent is not None:
        recent[rows] = found.recent
    assert watch.index is not None
    return watch.index.combine(p, recent, moves)


def _spend(watch: Watch, rows: slice | Ints, time_s: Ints, found: Scores, moves: Moves | None) -> None:
    """Let the false-alarm budget see what the entities' scores were; `moves` (k, blocks): how these rows moved."""
    if watch.budget is None:
        return
    if moves is not None and len(moves) < watch.n:
        some, moves = moves, np.zeros((watch.n, moves.shape[1]), moves.dtype)
        moves[rows] = some
    shift_s = watch.window.shift_s[watch.first_rows]
    for at, scores in zip(time_s.tolist(), _of_entities(watch, rows, found, moves).T, strict=True):
        start_entities(watch, scores)
        watch.budget.learn(watch.budget_state, joined(watch, scores, at, moves), at + shift_s)


def learn(
    watch: Watch, state: State, rows: slice | Ints, time_s: Ints, values: Floats,
    told: Callable[[Ints, Scores, Moves | None], None] = lambda time_s, found, moves: None,
) -> Scores | None:  # fmt: skip
    """Score and learn columns (k, m) of some rows of a detector's `state` (n, …); the scores of the last part.

    `told` hears of every part: its instants, its scores, how rows moved before. New rows of a cohort start from what the others
    of `rows` know.
    """
    assert watch.detector is not None
    whole = rows == slice(0, watch.n) if isinstance(rows, slice) else False
    part_state = state if whole else {name: array[rows] for name, array in state.items()}
    shift = watch.window.shift_s[: watch.n][rows]
    found, at, clocks = None, 0, np.unique(shift)[:, None]
    while at < (values.shape[1] if len(values) else 0):
        part = slice(at, at + columns_at_once(watch, part_state, CHUNK_COLUMNS))
        part = slice(at, at + watch.detector.at_once(time_s[part] + clocks))
        found = watch.detector.score(part_state, values[:, part], time_s[part][None, :] + shift[:, None])
        told(time_s[part], found, watch.detector.moves(part_state))
        at = min(part.stop, values.shape[1])
        start_rows(watch, part_state, rows, np.isfinite(values[:, at - 1]), time_s[at - 1] + shift)
    if not whole:
        for name, array in part_state.items():
            state[name][rows] = array
    return found


def forecast(watch: Watch, now_s: int) -> None:
    """Bring `watch.crossings` up to `now_s`; between two looks the last answer stands."""
    if watch.forecaster is None or not watch.n:
        return
    watch.looked = False
    if watch.limit_changes is not None:
        watch.limit = watch.limit_changes(watch.limit, now_s)
    if watch.step_s >= 60 and now_s % spread.looks_every(watch.step_s) and not limits.moved(watch):
        return
    latest = watch.window.latest(now_s)
    look(watch, now_s, latest, watch.window.history)
    if watch.detector is None:
        watch.evaluated = np.isfinite(latest) & ~watch.forecaster.waiting(watch.forecaster_state)


def look(watch: Watch, now_s: int, latest: NDArray[np.float64], history_of: Callable[[Ints, int], History]) -> None:
    """Ask the forecaster at `now_s` of the rows that need it; `latest` (n,) values then, `history_of` some rows at an instant."""
    assert watch.forecaster is not None
    wanted = watch.forecaster.screen(watch.forecaster_state, latest, watch.limit, watch.row_now(now_s))
    rows = np.flatnonzero(wanted)
    found, unmasked = no_crossings(watch.n, "far from the limit"), Unmasked(watch)
    with np.errstate(invalid="ignore"):
        there = np.where(watch.limit.above, latest >= watch.limit.value, latest <= watch.limit.value)
    found.reason[there] = "already beyond the limit"  # of rows that need no look too
    found.reason[watch.forecaster.waiting(watch.forecaster_state)] = "not forecast yet: others have their turn"
    for horizon_s, part in _chunks(watch, rows):
        state = {name: array[part] for name, array in watch.forecaster_state.items()}
        history = unmasked.history(part, history_of(part, now_s))
        if not watch.limit.resets.any():  # the days of a quota begin by its own clock
            history = localised(history, watch.card.time_zone or "UTC")
        told = watch.forecaster.crossings(state, history, watch.limit.take(part), horizon_s)
        proving.looked(watch, part, history, horizon_s, told)
        _put(found, part, told)
        for name, array in state.items():
            watch.forecaster_state[name][part] = array
    limits.looked(watch, found)
    watch.crossings, watch.looked = found, True
    assert watch.held is not None
    speaks = np.flatnonzero(np.isfinite(found.time_s[:, 1]))
    _put(watch.held, speaks, found.take(speaks))


def _chunks(watch: Watch, rows: Ints) -> Iterator[tuple[float, Ints]]:
    """(how far ahead is looked, rows), at most CHUNK_ROWS of one horizon at once."""
    for horizon_s, mine in watch.services.by_horizon(watch.window.labels[: watch.n], rows, watch.horizon_s):
        for start in range(0, len(mine), CHUNK_ROWS):
            yield horizon_s, mine[start : start + CHUNK_ROWS]


def _put(found: Crossings, rows: Ints, some: Crossings) -> None:
    found.time_s[rows] = some.time_s
    found.confidence[rows] = some.confidence
    found.slope[rows] = some.slope
    found.window_s[rows] = some.window_s
    found.reason[rows] = some.reason

