"""Second opinions on few entities: asked of a detector's slower model, joined with its scores, kept beside its state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from aiops.core.labels import key
from aiops.core.records import Floats, Ints
from aiops.models.cohort import Marks
from aiops.models.together import Moves
from aiops.pipeline.mask_history import Unmasked
from aiops.pipeline.watch import Watch

OWN, GROUP = 64, 96
"""Rows of an entity that are asked for at most, the strongest, and rows of their cohorts beside them."""


def take_due(watch: Watch, now_s: int) -> None:
    """Use the answers that are due at `now_s`."""
    if watch.opinion is None or not watch.n:
        return
    due = watch.opinion.due(watch.opinion_state, watch.row_now(now_s))
    for rows in _by_entity(watch, due):
        watch.opinion.take(watch.opinion_state, rows)


def joined(watch: Watch, scores: Floats, now_s: int, moves: Moves | None) -> Floats:
    """(entities,) scores as they leave the detector with what was answered of them; without an answer as they are. `moves` (n,
    blocks): how the rows moved lately."""
    second = answered(watch, now_s, moves)
    return scores if second is None or watch.opinion is None else watch.opinion.joined(scores, second)


def ask(watch: Watch, scores: Floats, now_s: int) -> None:
    """Ask for the entities that deserve it by their scores (entities,), those nearest to their thresholds first."""
    opinion, state = watch.opinion, watch.opinion_state
    if opinion is None or not watch.n:
        return
    thresholds = watch.thresholds
    wanted = opinion.deserving(scores, thresholds)
    if not wanted.any():
        return
    busy = np.zeros(len(wanted), bool)
    np.logical_or.at(busy, watch.entity_of, opinion.busy(state, watch.row_now(now_s)))
    entities = np.flatnonzero(wanted & ~busy)
    away = np.abs(scores - thresholds)
    nearest = sorted(entities.tolist(), key=lambda entity: (away[entity], key(watch.entities[entity])))
    for entity in nearest[: opinion.room()]:
        rows = _strongest(watch, entity)
        beside = _beside(watch, rows, entity)
        both = np.concatenate([rows, beside])
        history = Unmasked(watch).history(both, watch.window.history(both, now_s))
        opinion.ask(state, rows, history)


def told(watch: Watch, entity: int, about: Mapping[str, Any], second: Floats | None) -> dict[str, Any]:
    """The evidence `about` an entity, and what was `answered` of it: a reason, or what speaks against it."""
    out = dict(about)
    if second is None or watch.opinion is None or not np.isfinite(second[entity]):
        return out
    name, score = watch.opinion.name, float(watch.comparable(second)[entity])
    out["second_opinion"] = {"model": name, "score": round(score, 3)}
    if score >= watch.thresholds[entity]:
        out["reason"] = f"unlike what was usual here, and so says {name}"
    else:
        out["against"] = [*out.get("against", ()), f"{name} finds it less strange ({score:.1f})"]
    return out


def answered(watch: Watch, now_s: int, moves: Moves | None) -> Floats | None:
    """(entities,) -log10 p of what was answered, NaN = nothing; None: nothing of any. Rows that are the same count once."""
    if watch.opinion is None or watch.index is None or not watch.n:
        return None
    p = watch.opinion.said(watch.opinion_state, watch.row_now(now_s))
    return watch.index.combine(p[:, None], None, moves)[:, 0] if np.isfinite(p).any() else None


def _by_entity(watch: Watch, rows: Ints) -> Iterator[Ints]:
    """These rows an entity at a time, in the order of their labels: it does not depend on how rows are numbered."""
    for entity in np.unique(watch.entity_of[rows]).tolist():
        yield _ordered(watch, rows[watch.entity_of[rows] == entity])


def _ordered(watch: Watch, rows: Ints) -> Ints:
    names = [key(watch.window.labels[row]) for row in rows.tolist()]
    return rows[sorted(range(len(names)), key=names.__getitem__)]


def _strongest(watch: Watch, entity: int) -> Ints:
    """The rows of an entity, at most OWN of them, those with the smallest p."""
    rows = _ordered(watch, watch.rows_of(entity))
    if len(rows) > OWN:
        rows = _ordered(watch, rows[np.argsort(np.nan_to_num(watch.last_p[rows], nan=1.0), kind="stable")[:OWN]])
    return rows


def _beside(watch: Watch, rows: Ints, entity: int) -> Ints:
    """Rows of other entities of the same cohorts, so that there are GROUP at most: those with the smallest marks."""
    kind: Marks = watch.cohorts.kind
    if not len(kind):
        return np.zeros(0, np.int64)
    alike = np.isin(kind, np.unique(kind[rows])) & (kind != 0) & (watch.entity_of != entity)
    found = np.flatnonzero(alike)
    return found[np.argsort(watch.cohorts.mark[found], kind="stable")[: GROUP - len(rows)]]
