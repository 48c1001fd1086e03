"""Series that left are forgotten, so that churn (a pod, a build, a request id in a label) never fills disk and memory."""

from __future__ import annotations

import numpy as np

from aiops.core.labels import key
from aiops.core.records import Bools, Ints, State
from aiops.models.entity import EntityIndex
from aiops.pipeline.watch import LAST, Watch

TTL_S = 86400
"""A series that was silent so long comes back as a new one, when others want its place."""
SPARE_ROWS = 4096
"""Silent series a watch keeps in any case, beside as many as are alive."""
SILENT_S, SILENT_STEPS = 900, 5


def forget(watch: Watch) -> int:
    """Let go of series that have been silent for long, if there are many; how many went.

    Kept are those that are alive, those of entities with a warning that is open or not judged, and of the silent ones the latest,
    at most as many as are alive and no fewer than SPARE_ROWS, none older than TTL_S. Rows are numbered anew. While a source is
    away nothing is forgotten, and silence is counted up to the newest sample there is: an outage makes nobody silent.
    """
    if watch.n < watch.forget_from or watch.failed:
        return 0
    newest = watch.window.newest_s[: watch.n]
    now_s = int(newest.max(initial=0))
    alive = newest >= now_s - max(SILENT_S, SILENT_STEPS * watch.step_s)
    wanted = alive | _warned(watch)
    room = max(SPARE_ROWS, int(alive.sum()))
    silent = np.flatnonzero(~wanted & (newest >= now_s - TTL_S))
    latest = silent[np.argsort(-newest[silent], kind="stable")[:room]]
    wanted[latest] = True
    kept = np.flatnonzero(wanted)
    gone = watch.n - len(kept)
    if gone:
        keep_only(watch, kept)
    watch.forget_from = watch.n + max(SPARE_ROWS, watch.n // 4)
    return gone


def _warned(watch: Watch) -> Bools:
    names = {key(w.entity) for w in watch.open.values()} | {pending.name for pending in watch.pending.values()}
    numbers = [n for n in (watch.entity_number(name) for name in names) if n is not None]
    out = np.zeros(watch.n, bool)
    for number in numbers:
        out[watch.rows_of(number)] = True
    return out


def keep_only(watch: Watch, kept: Ints) -> None:
    """Keep these rows (k,), ascending, of every per-row array, and the entities they belong to."""
    entities = np.unique(watch.entity_of[kept])
    watch.window.keep_only(kept)
    watch.cohorts.keep_only(kept)
    watch.explained.clear()
    watch.moved.clear()
    for name in ("entity_of", *LAST, "evaluated", "seen_s"):
        setattr(watch, name, getattr(watch, name)[kept])
    for name in ("detector_state", "opinion_state", "forecaster_state", "beyond", "dispute", "silence", "refusal", "limits"):
        setattr(watch, name, _rows_of(getattr(watch, name), kept))
    watch.budget_state = {part: array[entities] for part, array in watch.budget_state.items()}
    for kind, gate in watch.gates.items():
        rows = entities if kind == "anomaly" else kept
        watch.gates[kind] = {part: array[rows] for part, array in gate.items()}
    for learner in (watch.apprentice, watch.final):
        if learner is not None:
            learner.state, learner.silence = _rows_of(learner.state, kept), _rows_of(learner.silence, kept)
    if watch.forecaster is not None and watch.crossings is not None and watch.held is not None:
        watch.limit, watch.crossings, watch.held = watch.limit.take(kept), watch.crossings.take(kept), watch.held.take(kept)
    watch.mask.keep_only(kept)
    watch.services.keep_only(kept)
    for feed in watch.feeds:
        feed.seen = feed.seen[kept[kept < len(feed.seen)]]
    watch.number_anew(entities)
    watch.index = EntityIndex(watch.entity_of)


def _rows_of(state: State, kept: Ints) -> State:
    """These rows (k,) of per-row arrays; what has come since, and is not counted in them yet, is left out."""
    return {part: array[kept[kept < len(array)]] for part, array in state.items()}
