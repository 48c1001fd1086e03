"""`aiops backtest`: the live turn over a recording, and what it would have said, as lines in time order."""

from __future__ import annotations

import heapq
import os
import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from aiops.backtest.lanes import load_lanes
from aiops.backtest.replay import Lane, ReplaySource
from aiops.core.durations import text
from aiops.core.records import EarlyWarning
from aiops.models.card import ModelCard
from aiops.pipeline import BatchJournal, Rooms, Watch, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store


@dataclass(frozen=True, slots=True)
class Options:
    """What a backtest is asked for."""

    horizon_s: float = 14 * 86400.0
    score_floor: float | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)


@dataclass(slots=True)
class Summary:
    """What came out: turns done, lines written, verdicts by kind of card."""

    entities: int = 0
    turns: int = 0
    lines: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)

    def add(self, other: Summary) -> None:
        """Add another part's figures."""
        self.entities += other.entities
        self.turns += other.turns
        self.lines += other.lines
        self.verdicts += other.verdicts


Line = tuple[int, str, bytes]


def backtest(data: Path, out: Path, options: Options, progress: Callable[[float], None] = lambda _: None) -> Summary:
    """Replay `data` and write `out`, one JSON object a line in time order. Raises FileError or SourceError on bad input."""
    jobs = _jobs(load_lanes(data), options.workers)
    total = Summary()
    with tempfile.TemporaryDirectory(dir=out.resolve().parent) as folder:
        parts = [Path(folder) / f"{i}.part" for i in range(len(jobs))]
        if options.workers > 1 and len(jobs) > 1:
            with ProcessPoolExecutor(options.workers, mp_context=get_context("forkserver")) as pool:
                done = [pool.submit(_replay_to, lanes, part, options) for lanes, part in zip(jobs, parts, strict=True)]
                for i, future in enumerate(done):
                    total.add(future.result())
                    progress((i + 1) / len(jobs))
        else:
            for i, (lanes, part) in enumerate(zip(jobs, parts, strict=True)):
                total.add(_replay_to(lanes, part, options))
                progress((i + 1) / len(jobs))
        temporary = Path(folder) / "out"
        with temporary.open("wb") as f:
            for _, _, line in heapq.merge(*map(_read_part, parts)):
                f.write(line + b"\n")
        temporary.replace(out)
    return total


def _jobs(lanes: Sequence[Lane], workers: int) -> list[list[Lane]]:
    """Lanes of one step together, the longest first, dealt out to the workers so that each gets about the same work."""
    by_step: dict[int, list[Lane]] = defaultdict(list)
    for lane in sorted(lanes, key=lambda one: (-one.values.shape[1], one.entity)):
        by_step[lane.step_s].append(lane)
    jobs = []
    for same in by_step.values():
        shares = min(workers, len(same))
        jobs += [same[i::shares] for i in range(shares)]
    return sorted(jobs, key=lambda job: -sum(lane.values.size for lane in job))


def _replay_to(lanes: Sequence[Lane], part: Path, options: Options) -> Summary:
    summary, lines = replay(lanes, options)
    lines.sort()
    with part.open("wb") as f:
        for at, entity, line in lines:
            f.write(b"%d\t%s\t%s\n" % (at, entity.encode(), line))
    return summary


def _read_part(part: Path) -> Iterator[Line]:
    with part.open("rb") as f:
        for row in f:
            at, entity, line = row.rstrip(b"\n").split(b"\t", 2)
            yield int(at), entity.decode(), line


def replay(lanes: Sequence[Lane], options: Options) -> tuple[Summary, list[Line]]:
    """Replay lanes of one step side by side, turn by turn, with the default detector and forecaster."""
    step = lanes[0].step_s
    store = Store.open("sqlite://", None)
    journal = BatchJournal(store)
    rooms = Rooms(store, journal, marks_turns=False)
    emit = {lane.entity: lane.emit_from_s for lane in lanes}
    watches = [_watch(_anomaly_card(step), ReplaySource(lanes), step)]
    if any(lane.limits for lane in lanes):
        watches.append(_limit_watch(lanes, step, options))
    lines: list[Line] = []
    summary = Summary(entities=len(lanes))
    source = watches[0].source
    assert isinstance(source, ReplaySource)
    for now in range(source.first_s, source.last_s + 1, step):
        for watch in watches:
            result = turn(watch, now, rooms)
            summary.turns += 1
            for event in result.events:
                if event.outcome is not None and event.kind == "outcome":
                    summary.verdicts[event.outcome.verdict] += 1
            if watch.detector is not None and options.score_floor is not None and result.scores is not None:
                lines += _score_lines(watch, result.scores, options.score_floor, now, emit)
            else:
                lines += _warning_lines(watch, now, emit)
    journal.flush()
    store.close()
    summary.lines = len(lines)
    return summary, lines


def _watch(card: ModelCard, source: ReplaySource, step: int) -> Watch:
    watch = make_watch(card, source, "replay", step, None)
    watch.shift_s = source.shift_of
    return watch


def _limit_watch(lanes: Sequence[Lane], step: int, options: Options) -> Watch:
    source = ReplaySource(lanes, limited_only=True)
    watch = _watch(_exhaustion_card(step, options), source, step)
    changes = source.limit_instants()
    watch.limit_of = lambda _: source.limit_at(source.first_s)
    watch.limit_changes = lambda limit, now: source.limit_at(now) if now in changes else limit
    return watch


def _anomaly_card(step: int) -> ModelCard:
    return ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "backtest_anomaly", "owner": {"team": "backtest"},
            "summary": "Every metric of every entity, by the default detector.", "query": "replay", "unit": "1",
            "step": f"{step}s", "entity": ["entity"], "detect": {"model": "seasonal"}, "guards": {"persistence": "1/1"},
        }
    )


def _exhaustion_card(step: int, options: Options) -> ModelCard:
    return ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "backtest_exhaustion", "owner": {"team": "backtest"},
            "summary": "Every metric with a limit, by the default forecaster.", "query": "replay", "unit": "1",
            "step": f"{step}s", "entity": ["entity", "metric"], "guards": {"persistence": "1/1"},
            "forecast": {"model": "exhaustion", "limit": {"above": 1.0}, "horizon": f"{int(options.horizon_s)}s"},
        }
    )


def _score_lines(watch: Watch, scores: Any, floor: float, now: int, emit: dict[str, int]) -> list[Line]:
    with np.errstate(invalid="ignore"):
        numbers = np.flatnonzero(scores >= floor)
    if not len(numbers):
        return []
    assert watch.index is not None
    out: list[Line] = []
    with np.errstate(divide="ignore"):
        row_scores = -np.log10(watch.last_p)
    strongest = watch.index.strongest(watch.last_p)
    for number in numbers.tolist():
        entity = watch.entities[number]["entity"]
        at = watch.entity_now(number, now)
        if at < emit[entity]:
            continue
        metrics = [
            {"metric": watch.window.labels[row]["metric"], "score": round(float(row_scores[row]), 4)}
            for row in strongest[number].tolist()
            if row >= 0 and np.isfinite(row_scores[row])
        ]
        score = round(float(scores[number]), 5)
        out.append(_line(entity, None, "anomaly", at, watch.step_s, score, _confidence(score, watch.threshold), None, metrics))
    return out


def _warning_lines(watch: Watch, now: int, emit: dict[str, int]) -> list[Line]:
    out: list[Line] = []
    for warning in watch.open.values():
        entity = warning.entity["entity"]
        number = watch.entity_number_of(warning.entity)
        at = watch.entity_now(number, now)
        if at < emit[entity]:
            continue
        metrics = [{"metric": s.labels["metric"], "score": round(s.score, 4)} for s in warning.symptoms]
        out.append(
            _line(
                entity, warning.entity.get("metric"), warning.kind, at, watch.step_s, round(warning.score, 5),
                warning.confidence, warning, metrics,
            )
        )
    return out


def _confidence(score: float, threshold: float) -> float:
    return float(min(0.95, 1.0 - 0.5 * 10.0 ** -(score - threshold))) if score >= threshold else 0.0


def _line(
    entity: str, metric: str | None, kind: str, at: int, step: int, score: float, confidence: float,
    warning: EarlyWarning | None, metrics: list[dict[str, Any]],
) -> Line:
    crossing = warning.crossing if warning is not None else None
    row = {
        "entity": entity, "metric": metric, "kind": kind, "at": at, "end": at + step, "score": score,
        "confidence": round(confidence, 4),
        "expected_at": None if crossing is None else round(crossing.expected_s, 1),
        "earliest": None if crossing is None else round(crossing.earliest_s, 1),
        "latest": None if crossing is None else round(crossing.latest_s, 1),
        "metrics": metrics,
    }
    return at, entity, orjson.dumps(row)


def describe(summary: Summary, seconds: float) -> str:
    """The result in one line for people."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(summary.verdicts.items())) or "none settled"
    return f"{summary.entities} entities, {summary.turns} turns in {text(seconds)}: {summary.lines} lines; {verdicts}"
