"""What turns hold of the warnings that may open next, so that each can be computed again: see `aiops.models.proof`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import structlog

from aiops.core.labels import key
from aiops.core.records import Crossings, EarlyWarning, Floats, History, Ints, Scores, State
from aiops.models import proof
from aiops.models.proof import AT_MOST
from aiops.pipeline.rules_watch import RulesWatch
from aiops.pipeline.watch import Watch

ROWS_AT_MOST = 256
"""Rows of an entity; of one that has more nothing is held."""
log = structlog.get_logger()


def looked(watch: Watch, part: Ints, history: History, horizon_s: float, found: Crossings) -> None:
    """Hold what rows `part` (k,) rest on that speak in this look and tell of nothing yet. The watch's state is that before it."""
    if watch.proofs is None or watch.forecaster is None or watch.card.forecast is None:
        return
    speaks = np.isfinite(found.time_s[:, 1])
    if not isinstance(watch, RulesWatch):
        speaks &= ~watch.gates["exhaustion"]["active"][part]
    some = np.flatnonzero(speaks)[:AT_MOST].tolist()
    if not some:
        return
    model, limit = proof.made_by(watch.card.forecast.model, watch.forecaster), watch.limit.take(part)
    rows = part[some]
    before = {name: array[rows] for name, array in watch.forecaster_state.items()}
    for at, i in enumerate(some):
        mine = {name: array[at : at + 1].copy() for name, array in before.items()}
        one = proof.look_of(model, mine, history, limit, i, horizon_s, found)
        if one is not None:
            proof.put(watch.proofs.looks, key(watch.window.labels[part[i]]), one)


@dataclass(frozen=True, slots=True)
class Before:
    """What was known of an entity's `rows` (k,) before a turn's points."""

    entity: int
    rows: Ints
    state: State


def before_scoring(watch: Watch, columns: int) -> list[Before]:
    """What is known of the entities that fired lately and tell of nothing yet; of a turn of several columns nothing is held."""
    if watch.proofs is None or watch.detector is None or columns != 1:
        return []
    gate = watch.gates["anomaly"]
    entities = np.flatnonzero((gate["bits"] != 0) & ~gate["active"])[:AT_MOST].tolist()
    mine = [(entity, watch.rows_of(entity)) for entity in entities]
    return [
        Before(entity, rows, {name: array[rows].copy() for name, array in watch.detector_state.items()})
        for entity, rows in mine if len(rows) <= ROWS_AT_MOST
    ]  # fmt: skip


def scored(watch: Watch, before: list[Before], values: Floats, found: Scores, scores: Floats, now_s: int) -> None:
    """Hold what the scores (entities,) of those entities rest on; `values`, `found` (n, 1) of all rows."""
    if not before or watch.proofs is None or watch.detector is None or watch.card.detect is None:
        return
    model, thresholds, own = proof.made_by(watch.card.detect.model, watch.detector), watch.thresholds, watch.own
    said = None if watch.opinion is None else watch.opinion.said(watch.opinion_state, watch.row_now(now_s))
    for one in before:
        rows, time_s = one.rows, (now_s + watch.window.shift_s[one.rows])[:, None]
        recent = None if found.recent is None else found.recent[rows]
        mine = Scores(found.p[rows], found.expected[rows], found.lower[rows], found.upper[rows], recent)
        second = None if said is None or not np.isfinite(said).any() else said[rows]
        made = proof.score_of(
            model, one.state, values[rows].copy(), time_s, mine, second, float(scores[one.entity]),
            float(thresholds[one.entity]), float(own[one.entity]),
        )  # fmt: skip
        proof.put(watch.proofs.scores, key(watch.entities[one.entity]), made)


def keep(watch: Watch, warning: EarlyWarning, number: int) -> dict[str, Any]:
    """Write what a warning that opens rests on; what the ledger says of it. A disk that refuses costs the proof alone."""
    if watch.proofs is None or warning.kind not in ("exhaustion", "rule", "anomaly"):
        return {}
    name = key(warning.entity if warning.kind == "anomaly" else warning.labels)
    if isinstance(watch, RulesWatch):
        name = _leading(watch, number)
    try:
        digest = watch.proofs.keep(warning.id, name, warning.kind == "anomaly")
    except OSError as e:
        log.error("what a warning rests on could not be kept", warning=warning.id, error=str(e))
        return {}
    return {"evidence": digest} if digest else {}


def _leading(watch: RulesWatch, number: int) -> str:
    """The series whose forecast speaks for an alert; empty when none does."""
    built = watch.build()
    rows = np.flatnonzero((built.entity == number) & watch.state["active"] & (watch.state["lead"] >= 0))
    if not len(rows):
        return ""
    soonest = rows[np.argmin(watch.state["told_s"][rows, 1])]
    return key(watch.window.labels[int(watch.state["lead"][soonest])])
