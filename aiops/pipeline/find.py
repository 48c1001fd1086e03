"""Step 4 of a turn: guards and persistence, then symptoms grouped by entity."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from aiops.core.records import Bools, Floats, Ints, Symptom, SymptomKind
from aiops.models.budget import SLACK
from aiops.models.entity import parts
from aiops.models.together import Moves
from aiops.pipeline.explain import (
    MOVED,
    by_labels,
    explain_absences,
    explain_anomalies,
    explain_crossings,
    newest,
    of_others,
)
from aiops.pipeline.mask import masked
from aiops.pipeline.opinions import answered, told
from aiops.pipeline.silences import routine
from aiops.pipeline.watch import Watch
from aiops.symptoms import absence, build, guards
from aiops.symptoms.guards import Guards

LEAST_COVERAGE = 0.8
"""Share of samples below which a forecast that is not seen any more may only be one that cannot be seen."""
EASED = 0.5
"""An anomaly that was found goes on where it is this share as far from what was expected as it had to be."""
SETTLES = Guards(1, 5)
"""A conflict has ended once five turns found none."""


@dataclass(frozen=True, slots=True)
class Found:
    """Symptoms of this turn by kind and entity number."""

    by_kind: dict[SymptomKind, dict[int, list[Symptom]]] = field(default_factory=dict)


def find_symptoms(watch: Watch, scores: Floats, now_s: int, held: Bools | None = None) -> Found:
    """The symptoms of this turn; a row fires when its guards let it. Rows that are `held`, and masked ones, stay as they were."""
    found, hidden = Found(), masked(watch, now_s)
    if hidden.any():
        held = hidden if held is None else held | hidden
    if watch.forecaster is not None and watch.n:
        found.by_kind["exhaustion"] = _exhaustion(watch, now_s, held)
    if watch.detector is not None and len(scores):
        found.by_kind["anomaly"] = _anomalies(watch, scores, now_s, held)
    if watch.disputed and watch.n:
        found.by_kind["conflict"] = _conflicts(watch, now_s)
    if watch.silence and watch.n:
        found.by_kind["absence"] = _absences(watch, now_s, held)
    return found


def _step(
    watch: Watch, kind: SymptomKind, firing: Bools, present: Bools, at: Ints, held: Bools | None, near: Bools | None = None
) -> Bools:
    """One turn of a gate; of what is held nothing is known, whatever the card says of missing samples."""
    gate = watch.gates[kind]
    if held is None or not held.any():
        return guards.step(gate, firing, present, watch.guards, at, near)
    before = {name: array[held] for name, array in gate.items()}
    guards.step(gate, firing, present, watch.guards, at, near)
    for name, array in before.items():
        gate[name][held] = array
    return gate["active"]


def _exhaustion(watch: Watch, now_s: int, held: Bools | None) -> dict[int, list[Symptom]]:
    assert watch.crossings is not None
    assert watch.held is not None
    latest = watch.window.latest(now_s)
    row_now = watch.row_now(now_s)
    gate = watch.gates["exhaustion"]
    if watch.looked:
        firing = np.isfinite(watch.crossings.time_s[:, 1])
        present = np.isfinite(latest) & ~unsure(watch, np.flatnonzero(gate["active"] & ~firing), now_s)
        _step(watch, "exhaustion", firing, present, row_now, held)
    over = watch.beyond["beyond"]  # what is there already is no early warning, and begins anew once it has left
    gate["active"][over], gate["bits"][over] = False, 0
    rows = np.flatnonzero(gate["active"] & np.isfinite(watch.held.time_s[:, 1]))
    explain_crossings(watch, rows, now_s)
    symptoms = build.exhaustion(
        rows, watch.held, latest, watch.limit, gate["since_s"], row_now,
        _about(watch, _joined(watch.explained, newest(watch, rows, now_s))),
    )
    return _grouped(watch, rows, symptoms)


def unsure(watch: Watch, rows: Ints, now_s: int) -> Bools:
    """(n,) which of `rows`, silent now, lack samples in the window that their forecast was seen in: a gap is no all-clear.

    It is none up to the latest crossing that was told; what has not come by then is judged by what there is.
    """
    assert watch.held is not None
    rows = rows[watch.row_now(now_s)[rows] <= watch.held.time_s[rows, 2]]
    out, spans = np.zeros(watch.n, bool), watch.held.window_s[rows]
    for span_s in np.unique(spans[np.isfinite(spans)]).tolist():
        some = rows[spans == span_s]
        out[some] = watch.window.coverage(some, now_s - int(span_s), now_s) < LEAST_COVERAGE
    if watch.limits:  # a limit that nobody told of is no all-clear either
        out[rows] |= np.isnan(watch.limit.value[rows])
    return out


def _anomalies(watch: Watch, scores: Floats, now_s: int, held: Bools | None) -> dict[int, list[Symptom]]:
    gate, thresholds = watch.gates["anomaly"], watch.thresholds
    with np.errstate(invalid="ignore", divide="ignore"):
        firing, near = scores >= thresholds, scores >= thresholds - SLACK
        score_of = np.nan_to_num(-np.log10(watch.last_recent) + 0.0, nan=0.0)
    if near.any():
        latest = watch.window.latest(now_s)
        firing &= _moved(watch, watch.guards, latest)
        near &= _moved(watch, guards.eased(watch.guards, EASED), latest)
    at = now_s + watch.window.shift_s[watch.first_rows]
    whole = None if held is None else watch.held_entities(held)
    active = _step(watch, "anomaly", firing, np.isfinite(scores), at, whole, near)
    entities = np.flatnonzero(active)
    if not len(entities):
        return {}
    latest = watch.window.latest(now_s)
    out: dict[int, list[Symptom]] = {}
    usual = watch.last_expected, watch.last_lower, watch.last_upper
    moves = None if watch.detector is None else watch.detector.moves(watch.detector_state)
    known = _known(watch, scores, entities, moves)
    leading = {entity: _leading(watch, entity, score_of, moves) for entity in entities.tolist()}
    second = answered(watch, now_s, moves)
    rows_told = np.concatenate([rows for _, rows, _ in leading.values()])
    about = _about(watch, _joined(explain_anomalies(watch, rows_told, now_s), newest(watch, rows_told, now_s)))
    for entity, (order, rows, shares) in leading.items():
        strange = build.Strange(
            rows, shares, float(known[entity]), float(thresholds[entity]), int(gate["since_s"][entity])
        )
        also = told(watch, entity, of_others(watch, order, len(rows), score_of, latest), second)
        out[entity] = build.anomalies(strange, score_of, latest, usual, about, also)
    return out


def _moved(watch: Watch, rules: Guards, latest: Floats) -> Bools:
    """(entities,) which have a row that is as far from what was expected as the guards want; one that has been silent for so
    long that nothing of it counts in the score is no such row."""
    moved = np.zeros(len(watch.entities), bool)
    far = guards.far_from_expected(latest, watch.last_expected, rules)
    moved[watch.entity_of[far & np.isfinite(watch.last_recent)]] = True
    return moved


def _about(watch: Watch, more: Mapping[int, Mapping[str, Any]]) -> build.About:
    return build.About(watch.window.labels, watch.naming, watch.lineage_of, more)


def _joined(first: Mapping[int, Mapping[str, Any]], second: Mapping[int, Mapping[str, Any]]) -> dict[int, dict[str, Any]]:
    """What both say of each row."""
    return {row: {**first.get(row, {}), **second.get(row, {})} for row in (*first, *second)}


def _known(watch: Watch, scores: Floats, entities: Ints, moves: Moves | None) -> Floats:
    """(entities,) scores; of those that have none at this turn, and are still active, what was known last."""
    if np.isfinite(scores[entities]).all() or watch.index is None:
        return scores
    before = watch.index.combine(watch.last_p[:, None], watch.last_recent[:, None], moves)[:, 0]
    return np.where(np.isfinite(scores), scores, watch.comparable(before))


def _leading(watch: Watch, entity: int, score_of: Floats, moves: Moves | None) -> tuple[Ints, Ints, Floats]:
    """(all rows of an entity, the strongest first, equal ones by their labels; those of them that lead, and their shares of its
    score): who leads counts for its score and is strange itself; one leads in any case."""
    members = by_labels(watch, watch.rows_of(entity))
    rows, shares = parts(members, watch.last_recent, moves)
    if not len(rows):
        rows, shares = members[:1], np.zeros(1)
    count = max(1, min(build.LEADING, int(np.sum(score_of[rows] >= MOVED))))
    others = members[~np.isin(members, rows)]
    order = np.concatenate([rows, others[np.argsort(-score_of[others], kind="stable")]])
    return order, rows[:count], shares[:count]


def _conflicts(watch: Watch, now_s: int) -> dict[int, list[Symptom]]:
    """Series that two sources have told apart for long."""
    state = watch.dispute
    lasting = watch.agreement.lasting(state, watch.step_s) & ~masked(watch, now_s)
    active = guards.step(watch.gates["conflict"], lasting, state["first_of"] >= 0, SETTLES, watch.row_now(now_s))
    rows = np.flatnonzero(active)
    names = [feed.name for feed in watch.feeds]
    symptoms = build.conflicts(rows, state, names, watch.agreement.tolerance, _about(watch, {}))
    return _grouped(watch, rows, symptoms)


def _absences(watch: Watch, now_s: int, held: Bools | None) -> dict[int, list[Symptom]]:
    """Series that are silent for unusually long, while the source that delivers them answers in full."""
    state, at = watch.silence, watch.row_now(now_s)
    known = np.full(watch.n, watch.lineage.whole) if held is None else ~held & watch.lineage.whole
    score = absence.score(state, watch.step_s)
    firing = absence.firing(state, score) & ~masked(watch, now_s)
    firing[routine(watch, np.flatnonzero(firing))] = False
    rows = np.flatnonzero(guards.step(watch.gates["absence"], firing, known, watch.guards, at))
    usual = absence.scale(state, watch.step_s)
    about = _about(watch, explain_absences(watch, rows, now_s))
    symptoms = build.absences(rows, score, state["silent_s"], usual, at, about, absence.seen(state))
    return _grouped(watch, rows, symptoms)


def _grouped(watch: Watch, rows: Ints, symptoms: list[Symptom]) -> dict[int, list[Symptom]]:
    out: dict[int, list[Symptom]] = defaultdict(list)
    for row, symptom in zip(rows.tolist(), symptoms, strict=True):
        out[int(watch.entity_of[row])].append(symptom)
    return dict(out)
