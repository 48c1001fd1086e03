"""What a budget of false warnings comes to that is held without labels, for several budgets: judged afterwards, with labels.

Usage: python benchmarks/held_budget.py [--data ../shared/data] [--bench ../shared/bench] [--budgets 0.5 1 2] [--work DIR]

The scores of every turn come from the turn itself, as in `aiops backtest`; a controller for each budget sees them column by
column and each firing is a score at or above its threshold of that instant. `--work` keeps the scores, so that a change of the
controller is tried in seconds; delete its files when the detector changed.

Told are for each set of `--sets`, and all, recall at charges an entity-week outside of incidents (the scorer's rules), in the
labelled part; and charges an entity-week in the first week of each entity, there and in `--unlabelled`, incidents included.
"""

from __future__ import annotations

import argparse
import importlib
import pathlib
import sys
import types
from collections.abc import Iterator

import numpy as np

from aiops.backtest.lanes import survey
from aiops.backtest.replay import ReplaySource
from aiops.backtest.run import jobs_of
from aiops.core.records import Floats, Ints, State
from aiops.models.budget import Budget
from aiops.models.card import ModelCard
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.pipeline import BatchJournal, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link

WEEK = 7 * 86400
Scored = tuple[str, np.ndarray, np.ndarray, int]
Fired = tuple[np.ndarray, np.ndarray, np.ndarray]


class Heard(Budget):
    """A budget that keeps what it heard last: scores as they leave the detector, before what is their own is taken off."""

    newest = np.empty(0)

    def learn(self, state: State, score: Floats, time_s: Ints) -> None:
        self.newest = score.copy()
        super().learn(state, score, time_s)


def card(step: int) -> ModelCard:
    return ModelCard.model_validate(
        {
            "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "held_budget", "owner": {"team": "benchmark"},
            "summary": "Every metric of every entity.", "query": "replay", "unit": "1", "step": f"{step}s", "entity": ["entity"],
            "detect": {"model": "seasonal"}, "guards": {"persistence": "1/1"},
        }
    )  # fmt: skip


def replayed(data: pathlib.Path) -> Iterator[Scored]:
    """Of each entity its name, the instants at which it was scored, its scores, and its step."""
    for job in jobs_of(survey(data).entries, 1):
        source, step = ReplaySource([entry.load() for entry in job]), job[0].step_s
        watch = make_watch(card(step), [Link(source)], step, None)
        watch.shift_s, watch.forget_from = source.shift_of, sys.maxsize
        assert watch.detector is not None
        watch.budget = heard = Heard(watch.detector.threshold, 1.0)
        store = Store.open("sqlite://", None)
        rooms = Rooms(store, BatchJournal(store), marks_turns=False)
        kept: list[tuple[int, np.ndarray]] = []
        for now in range(source.first_s, source.last_s + 1, step):
            told = turn(watch, now, rooms).scores
            if told is not None:
                kept.append((now, np.where(np.isfinite(told), heard.newest, np.nan) if np.isfinite(told).any() else told))
        store.close()
        for number, entity in enumerate(watch.entities):
            at = [(now, found[number]) for now, found in kept if number < len(found) and np.isfinite(found[number])]
            time_s, score = (np.array(column) for column in zip(*at, strict=True))
            yield entity["entity"], time_s + watch.entity_now(number, 0), score, step


def scores(data: pathlib.Path, work: pathlib.Path | None) -> list[Scored]:
    kept = None if work is None else work / f"{data.name}-scores.npz"
    if kept is None or not kept.exists():
        found = list(replayed(data))
        if kept is not None:
            np.savez(kept, **{f"{name}|{step}": np.stack([time_s, score]) for name, time_s, score, step in found})
        return found
    with np.load(kept, allow_pickle=False) as file:
        return [(k.rsplit("|")[0], file[k][0].astype(np.int64), file[k][1], int(k.rsplit("|")[1])) for k in file.files]


def firings(found: list[Scored], per_week: float) -> list[Fired]:
    """Of each entity (start, end, 1) of what a controller that holds `per_week` lets through."""
    n, columns = len(found), max(len(time_s) for _, time_s, _, _ in found)
    time, score = np.zeros((columns, n), np.int64), np.full((columns, n), np.nan)
    for i, (_, time_s, s, _) in enumerate(found):
        time[: len(time_s), i], time[len(time_s) :, i], score[: len(s), i] = time_s, time_s[-1], s
    budget = Budget(Seasonal(SeasonalParams(), 300).threshold, per_week)
    state, fires = budget.initial(n), np.zeros((columns, n), bool)
    for j in range(columns):
        budget.learn(state, score[j], time[j])
        fires[j] = np.nan_to_num(score[j], nan=-np.inf) >= budget.theta(state)
    start = [time[fires[:, i], i].astype(float) for i in range(n)]
    return [(s, s + one[3], np.ones(len(s))) for s, one in zip(start, found, strict=True)]


def first_week(found: list[Scored], fired: list[Fired], core: types.ModuleType) -> float:
    """Charges an entity-week until each entity is a week old, or its recording ends."""
    charges = weeks = 0.0
    for (_, time_s, _, _), (start, end, _) in zip(found, fired, strict=True):
        until = min(time_s[-1], time_s[0] + WEEK)
        first, last = core.merge(start[start < until], end[start < until], core.MERGE)
        charges += len(first) + np.floor((last + core.MERGE - first) / core.RENOTIFY).sum()
        weeks += (until - time_s[0]) / WEEK
    return charges / weeks


def main() -> None:
    shared = pathlib.Path(__file__).resolve().parents[2] / "shared"
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--data", type=pathlib.Path, default=shared / "data", help="the folder of the data sets")
    p.add_argument("--bench", type=pathlib.Path, default=shared / "bench", help="the folder of score_detection.py")
    p.add_argument("--sets", nargs="+", default=["smd", "asd", "jumpstarter_d2", "nab"])
    p.add_argument("--unlabelled", nargs="*", default=["alibaba_mem", "llm_aging"])
    p.add_argument("--budgets", nargs="+", type=float, default=[0.5, 1.0, 2.0])
    p.add_argument("--work", type=pathlib.Path, help="a folder to keep the scores in")
    a = p.parse_args()
    sys.path.insert(0, str(a.bench))
    scorer = importlib.import_module("score_detection")
    core, all_found = scorer.S, {name: scores(a.data / name, a.work) for name in [*a.sets, *a.unlabelled]}
    truth = {name: core.load_truth({"entities": scorer.truth_of(a.data / name)}) for name in a.sets}
    for per_week in a.budgets:
        print(f"\nbudget {per_week:g} a week    recall at charges    in the first week")
        everything, every_truth = {}, {}
        for name, found in all_found.items():
            fired = firings(found, per_week)
            judged = ""
            if name in truth:
                told = {f"{name}/{one[0]}": rows for one, rows in zip(found, fired, strict=True)}
                held = core.at_threshold(told, truth[name], 0.0)
                judged = f"{held['recall']:.3f} at {held['rate']:.2f}"
                everything |= told
                every_truth |= truth[name]
            print(f"{name:<20} {judged:>16} {first_week(found, fired, core):>20.2f}", flush=True)
        held = core.at_threshold(everything, every_truth, 0.0)
        print(f"{'all':<20} {held['recall']:>11.3f} at {held['rate']:.2f}")


if __name__ == "__main__":
    main()
