"""`aiops backtest`: the live turn over a recording, and what it would have said, as lines in time order."""

from __future__ import annotations

import os
import statistics
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiops.backtest.contest import Told
from aiops.backtest.contest_lanes import Heard
from aiops.backtest.lanes import Entry, survey
from aiops.backtest.lines import Writer
from aiops.backtest.observe import Observer, Story
from aiops.backtest.replay import Lane, ReplaySource
from aiops.backtest.series import Telling, check_asked, choose, event_s, most_telling, telling
from aiops.backtest.shown import Shown
from aiops.backtest.spool import Spool, merge
from aiops.backtest.workers import each, folder_for, stoppable
from aiops.core.durations import text
from aiops.core.errors import FileError, Mistake
from aiops.core.records import Outcome
from aiops.models.card import ModelCard
from aiops.pipeline import BatchJournal, Event, Rooms, Watch, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link

CELLS_A_JOB = 40_000_000
"""Samples replayed side by side at most: what keeps the memory of a process bounded."""
CELLS_ALONE = 400_000
"""A recording this small is replayed in this process: starting others would take longer."""
TURNS_A_MARK = 64
"""Turns between two reports of progress."""

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True)
class Options:
    """What a backtest is asked for: `story` of one series, that of `series` (ENTITY or ENTITY/METRIC) or the most telling one;
    `compare`: baselines beside ours.

    Raises ValueError on what makes no sense.
    """

    horizon_s: float = 14 * 86400.0
    score_floor: float | None = None
    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    story: bool = False
    series: str = ""
    compare: bool = False

    def __post_init__(self) -> None:
        if not self.horizon_s >= 1:
            raise ValueError("a horizon must be at least a second")
        if self.score_floor is not None and self.score_floor != self.score_floor:
            raise ValueError("a score floor must be a number")


@dataclass(slots=True)
class Summary:
    """What came out: turns done, lines written, verdicts by kind, the lead of each hit (s), what was left out and why.

    `telling`: the most telling warning of each entity that had any; `story`, `told` and `shown` only where
    they were asked for.
    """

    entities: int = 0
    turns: int = 0
    lines: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    leads_s: list[float] = field(default_factory=list)
    notes: tuple[str, ...] = ()
    telling: dict[str, Telling] = field(default_factory=dict)
    story: Story | None = None
    told: list[Told] = field(default_factory=list)
    shown: list[Shown] = field(default_factory=list)

    def add(self, other: Summary) -> None:
        """Add another part's figures."""
        self.entities += other.entities
        self.turns += other.turns
        self.lines += other.lines
        self.verdicts += other.verdicts
        self.leads_s += other.leads_s
        self.telling |= other.telling
        self.told += other.told
        self.shown += other.shown

    @property
    def precision(self) -> float | None:
        """The share of judged forecasts that came true; None when none was judged."""
        came = self.verdicts["hit"] + self.verdicts["late"]
        judged = came + self.verdicts["false"]
        return came / judged if judged else None

    @property
    def median_lead_s(self) -> float | None:
        """The median lead of the hits; None without one."""
        return statistics.median(self.leads_s) if self.leads_s else None

    def hear(self, events: Sequence[Event], spans: Mapping[str, tuple[int, int]]) -> None:
        """Count the verdicts among events and remember what is most telling.

        `spans`: of each entity when its training ends, before which nothing tells, and when its recording does.
        """
        for event in events:
            outcome = event.outcome if event.kind == "outcome" else None
            if outcome is not None and outcome.settled_s <= spans[outcome.entity["entity"]][1]:
                self._judged(outcome)
            found = telling(event)
            if found is not None and spans[found.entity][0] <= event_s(event) <= spans[found.entity][1]:
                best = most_telling(one for one in (self.telling.get(found.entity), found) if one is not None)
                assert best is not None
                self.telling[found.entity] = best

    def _judged(self, outcome: Outcome) -> None:
        self.verdicts[outcome.verdict] += 1
        if outcome.verdict == "hit" and outcome.lead_s is not None:
            self.leads_s.append(outcome.lead_s)


def backtest(data: Path, out: Path | None, options: Options, progress: Progress = lambda _: None) -> Summary:
    """Replay `data` and write `out`, one JSON object a line in time order; `out` is written whole or not at all; None: nowhere.

    Raises FileError on bad input, with every mistake found, and when `out` cannot be written; UnknownSeries when the series
    to tell the story of is not there.
    """
    if out is not None:
        check_out(out, "--warnings")
    found = survey(data)
    check_asked(found.entries, options.series)
    jobs = jobs_of(found.entries, options.workers)
    turns = _turns(jobs)
    longest = max(entry.columns for entry in found.entries) if options.story else 0
    share = turns / (turns + longest)
    total = Summary(notes=found.notes)
    with stoppable(), folder_for(out) as folder:
        asked = [(job, folder / f"{i}.part", options) for i, job in enumerate(jobs)]
        alone = len(jobs) == 1 or sum(_cells(job) for job in jobs) <= CELLS_ALONE
        for summary in each(
            _replay_to, asked, 1 if alone else options.workers, lambda done: progress(share * min(1.0, done / turns))
        ):
            total.add(summary)
        if out is not None:
            temporary = folder / "out"
            merge([part for _, part, _ in asked], temporary)
            temporary.replace(out)
        if options.story:
            lane, metric = choose(found.entries, options.series, total.telling)
            total.story = tell(lane, metric, options, lambda done: progress(share + (1 - share) * done))
    return total


def tell(lane: Lane, metric: str, options: Options, progress: Progress = lambda _: None) -> Story:
    """The story of one series: its entity replayed alone, which says what it says beside others."""
    observer, done = Observer(lane, metric), 0

    def mark(turns: int) -> None:
        nonlocal done
        done += turns
        progress(min(1.0, done / lane.values.shape[1]))

    with folder_for(None) as folder:
        spool = Spool(folder / "alone", [lane.entity])
        replay([lane], options, spool, mark, observer)
        spool.close()
    return observer.story()


def check_out(out: Path, option: str) -> None:
    """Raise FileError unless a file can be written to `out`, which `option` names."""
    folder = out.resolve().parent
    problem = ""
    if out.is_dir():
        problem = f"is a folder; {option} takes a file"
    elif not folder.is_dir():
        problem = f"cannot be written: there is no folder {folder}"
    elif not os.access(folder, os.W_OK):
        problem = f"cannot be written: {folder} is not writable"
    if problem:
        raise FileError([Mistake(str(out), 1, 1, "", problem)])


def _cells(job: Sequence[Entry]) -> int:
    return sum(entry.columns * entry.metrics for entry in job)


def jobs_of(entries: Sequence[Entry], workers: int) -> list[list[Entry]]:
    """Entities of one step together, the longest first, dealt out so that each worker gets about the same work.

    A job has at most CELLS_A_JOB samples, or one entity.
    """
    by_step: dict[int, list[Entry]] = defaultdict(list)
    for entry in sorted(entries, key=lambda one: (-one.columns, one.entity)):
        by_step[entry.step_s].append(entry)
    jobs = []
    for same in by_step.values():
        shares = min(max(workers, -(-_cells(same) // CELLS_A_JOB)), len(same))
        jobs += [same[i::shares] for i in range(shares)]
    return sorted(jobs, key=lambda job: -_cells(job))


def _turns(jobs: Sequence[Sequence[Entry]]) -> int:
    return sum(max(entry.columns for entry in job) for job in jobs)


def _replay_to(job: Sequence[Entry], part: Path, options: Options, mark: Callable[[int], None]) -> Summary:
    spool = Spool(part, [entry.entity for entry in job])
    summary = replay([entry.load() for entry in job], options, spool, mark)
    spool.close()
    return summary


def replay(
    lanes: Sequence[Lane], options: Options, spool: Spool, mark: Callable[[int], None] = lambda _: None,
    observer: Observer | None = None, heard: Callable[[Heard], None] = lambda _: None,
) -> Summary:  # fmt: skip
    """Replay lanes of one step side by side, turn by turn, with the default detector and forecaster.

    An `observer` looks on; it needs a lane that is replayed alone. `heard` gets what baselines are held against.
    """
    step = lanes[0].step_s
    store = Store.open("sqlite://", None)
    journal = BatchJournal(store)
    rooms = Rooms(store, journal, marks_turns=False)
    source = ReplaySource(lanes)
    watches = [_watch(_anomaly_card(step), source, step)]
    if any(lane.limits for lane in lanes):
        watches.append(_limit_watch(lanes, step, options))
    writers = [Writer(lanes, spool, options.score_floor) for _ in watches]
    spans = {lane.entity: (lane.emit_from_s, lane.end_s) for lane in lanes}
    summary, truth = Summary(entities=len(lanes)), Heard()
    for i, now in enumerate(range(source.first_s, source.last_s + 1, step), 1):
        for watch, writer in zip(watches, writers, strict=True):
            result = turn(watch, now, rooms)
            summary.turns += 1
            summary.hear(result.events, spans)
            if options.compare:
                truth.hear(result.events, spans)
            if observer is not None:
                observer.turn(watch, result)
            writer.write(watch, result.scores, now)
        if i % TURNS_A_MARK == 0:
            mark(TURNS_A_MARK)
    journal.flush()
    store.close()
    summary.lines = len(spool)
    if options.compare:
        heard(truth)
        summary.told, summary.shown = truth.told(lanes, options.horizon_s)
    return summary


def _watch(card: ModelCard, source: ReplaySource, step: int) -> Watch:
    watch = make_watch(card, [Link(source)], step, None)
    watch.shift_s = source.shift_of
    watch.forget_from = sys.maxsize  # what has ended is still reported on
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


def describe(summary: Summary, seconds: float) -> str:
    """The result in one line for people."""
    verdicts = ", ".join(f"{count} {verdict}" for verdict, count in sorted(summary.verdicts.items())) or "none settled"
    return f"{summary.entities} entities, {summary.turns} turns in {text(seconds)}: {summary.lines} lines; {verdicts}"
