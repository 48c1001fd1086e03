"""Series and entities that are new start from their cohort: when, and from whom."""

from __future__ import annotations

import numpy as np

from aiops.core.records import Bools, Floats, Ints, State
from aiops.models.cohort import members_for
from aiops.pipeline.watch import Watch


def columns_at_once(watch: Watch, state: State, most: int) -> int:
    """How many columns may be learnt at once: one while something may start, so that it starts at the same instant, from what the
    others knew then, however many columns are read at once."""
    detector = watch.detector
    if detector is None or detector.starts is None or not watch.cohorts.names:
        return most
    everyone = bool((detector.ready(state) >= 1.0).all())
    return most if everyone and not (watch.budget is not None and watch.budget.waiting(watch.budget_state).any()) else 1


def start_rows(watch: Watch, state: State, rows: slice | Ints, here: Bools, time_s: Ints) -> None:
    """Let rows of a detector's `state` (k, …) that wait for it start from their cohorts, if they have a point (`here` (k,)).

    `rows` are the numbers of the state's rows; `time_s` (k,) their clocks.
    """
    detector = watch.detector
    if detector is None or detector.starts is None or not watch.cohorts.names:
        return
    waiting = np.flatnonzero(detector.starts.waiting(state) & here)
    if not len(waiting):
        return
    kind, mark = watch.cohorts.kind[rows], watch.cohorts.mark[rows]
    new, members = members_for(waiting, kind, mark, detector.starts.learnt(state))
    if len(new):
        detector.starts.start(state, new, members, time_s[new])


def start_entities(watch: Watch, scores: Floats) -> None:
    """Let entities that are scored for the first time (`scores` (entities,), NaN = not) start from the budgets of their cohorts.

    Members were watched for a day and have a series that has learnt enough by itself."""
    detector = watch.detector
    if watch.budget is None or detector is None or detector.starts is None or not watch.cohorts.names:
        return
    waiting = np.flatnonzero(watch.budget.waiting(watch.budget_state) & np.isfinite(scores))
    if not len(waiting):
        return
    known = np.zeros(len(watch.entities), bool)
    np.logical_or.at(known, watch.entity_of, detector.starts.learnt(watch.detector_state))
    kind, mark = watch.cohorts.of_entities(watch.entity_of, len(watch.entities))
    new, members = members_for(waiting, kind, mark, known & watch.budget.learnt(watch.budget_state))
    if len(new):
        watch.budget.start(watch.budget_state, new, members)
