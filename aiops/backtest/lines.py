"""What a turn of a replay said, as lines of the warnings file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import orjson

from aiops.backtest.replay import Lane
from aiops.backtest.spool import Spool
from aiops.core.records import EarlyWarning, Floats
from aiops.pipeline import Watch
from aiops.symptoms.build import sureness

Found: TypeAlias = tuple[int, str, dict[str, Any]]


class Writer:
    """Writes one watch's lines, of each entity only those inside its recording and after its training.

    `known` (entities,) is the newest score of each entity: an anomaly that lasts through a gap repeats it.
    """

    def __init__(self, lanes: Sequence[Lane], spool: Spool, score_floor: float | None) -> None:
        self._span = {lane.entity: (lane.emit_from_s, lane.end_s) for lane in lanes}
        self._spool, self._floor = spool, score_floor
        self._known = np.zeros(0)

    def write(self, watch: Watch, scores: Floats | None, now_s: int) -> None:
        """The lines of a turn at the shared instant `now_s`; `scores` (entities,) -log10 p, NaN = not scored."""
        if scores is not None:
            self._known = np.where(np.isnan(scores), self._known if len(self._known) else np.nan, scores)
        if watch.detector is not None and self._floor is not None:
            found = self._scores(watch, scores, self._floor, now_s)
        else:
            found = self._warnings(watch, now_s)
        for at, entity, row in found:
            self._spool.add(at, entity, orjson.dumps(row))

    def _scores(self, watch: Watch, scores: Floats | None, floor: float, now_s: int) -> Iterator[Found]:
        """Every score from the floor on, as it leaves the models."""
        if scores is None:
            return
        with np.errstate(invalid="ignore"):
            numbers = np.flatnonzero(scores >= floor)
        if not len(numbers):
            return
        assert watch.index is not None
        with np.errstate(divide="ignore"):
            row_scores = -np.log10(watch.last_recent)
        strongest, thresholds = watch.index.strongest(watch.last_recent), watch.thresholds
        for number in numbers.tolist():
            entity, at = watch.entities[number]["entity"], watch.entity_now(number, now_s)
            if not self._inside(entity, at):
                continue
            rows = [row for row in strongest[number].tolist() if row >= 0]
            metrics = [{"metric": watch.window.labels[row]["metric"], "score": _score(row_scores[row])} for row in rows]
            score, threshold = float(scores[number]), float(thresholds[number])
            confidence = sureness(score, threshold) if score >= threshold else 0.0
            yield at, entity, _row(entity, None, "anomaly", at, watch, score, confidence, None, metrics)

    def _warnings(self, watch: Watch, now_s: int) -> Iterator[Found]:
        """The early warnings that are open, those that wait to end too."""
        for warning in watch.open.values():
            entity, number = warning.entity["entity"], watch.entity_number_of(warning.entity)
            at = watch.entity_now(number, now_s)
            if not self._inside(entity, at):
                continue
            metrics = [{"metric": s.labels["metric"], "score": _score(s.score)} for s in warning.symptoms]
            score = float(self._known[number]) if warning.kind == "anomaly" else warning.score
            metric, confidence = warning.entity.get("metric"), warning.confidence
            yield at, entity, _row(entity, metric, warning.kind, at, watch, score, confidence, warning, metrics)

    def _inside(self, entity: str, at: int) -> bool:
        first, last = self._span[entity]
        return first <= at <= last


def _score(x: float) -> float:
    return round(float(x), 4) + 0.0


def _row(
    entity: str, metric: str | None, kind: str, at: int, watch: Watch, score: float, confidence: float,
    warning: EarlyWarning | None, metrics: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    crossing = warning.crossing if warning is not None else None
    return {
        "entity": entity, "metric": metric, "kind": kind, "at": at, "end": at + watch.step_s, "score": round(score, 5) + 0.0,
        "confidence": round(confidence, 4),
        "expected_at": None if crossing is None else round(crossing.expected_s, 1),
        "earliest": None if crossing is None else round(crossing.earliest_s, 1),
        "latest": None if crossing is None else round(crossing.latest_s, 1),
        "metrics": metrics,
    }
