"""What a cohort is worth to a new series: false warnings of its first day and the time to see an incident, with and without.

Usage: python benchmarks/cohort.py [--seeds 3] [--days 5] [--data ../shared/data]

*made-up pods*: 20 that have run for `--days`, three series each (load, memory, latency), of unlike size, with a shared course of
the day, noise that remembers an hour and is heavy-tailed, bursts, and starts (a peak of load of 4 min, memory that fills for
10 min). Then a day of churn: 20 new pods come one after another, as many old ones leave; each lives for a day and has an incident
of 40 min (latency x 2.5, load x 1.8) between its first half hour and its 23rd hour; or, a second time, from its first minute on.
*machines*: the recorded memory of 27 (`alibaba_mem` of `--data`), every second of which is seen from the fifth day on only, with
40 min at 1.25 times its memory some time in that day.

Columns of a minute go through the turn's own code (`pipeline.evaluate`), one a turn; a warning is an episode of the entity's
score at its threshold, firings at most 30 min apart being one, as at a budget of one a week. *plain*: the same without a cohort.

Told are: when a new entity is first judged; false warnings an entity in its first day (outside of the incident and the hour
after) and in its first 6 h; the most that one entity had; incidents seen while they last, of all and of those in the first 6 h;
the median time that took, of those that were seen.
"""

from __future__ import annotations

import argparse
import pathlib
from dataclasses import dataclass

import numpy as np
import pyarrow.parquet as pq

from aiops.core.params import Params
from aiops.core.records import Lineage
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.evaluate import score
from aiops.pipeline.reading import Reading
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits, Source

STEP, DAY, HOUR, MERGE_S, START = 60, 86400, 3600, 1800, 1_749_945_600
LASTS_S = 2400
METRICS = ("load", "memory", "latency")


@dataclass
class Case:
    """Series (n, t) with NaN where they are not, the entity and metric of each, and of each new entity the columns of its birth
    and its incident."""

    x: np.ndarray
    entity: list[str]
    metric: list[str]
    new: dict[str, tuple[int, int]]


class Nothing(Source[Params]):
    """Columns are given to the turn, not asked for."""

    Params = Params

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        raise NotImplementedError

    def probe(self) -> str:
        return "nothing"


def noise(rng: np.random.Generator, t: int, minutes: float) -> np.ndarray:
    """(t,) heavy-tailed noise of unit scale that remembers so many minutes."""
    keep = np.exp(-1 / minutes)
    shocks = rng.standard_t(4, t) * np.sqrt(1 - keep**2) / np.sqrt(2)
    out = np.empty(t)
    last = 0.0
    for i, shock in enumerate(shocks.tolist()):
        last = keep * last + shock
        out[i] = last
    return out


def pods(seed: int, days: int, born: bool = False) -> Case:
    rng = np.random.default_rng(seed)
    t = (days * DAY + 32 * HOUR) // STEP
    at = np.arange(t) * STEP
    course = 1 + 0.4 * np.sin(2 * np.pi * at / DAY) + 0.15 * np.sin(4 * np.pi * at / DAY + 1)
    common = 0.06 * noise(rng, t, 120)
    births = days * DAY // STEP + np.arange(20) * (8 * 60 // 20)
    rows, entity, metric, new = [], [], [], {}
    for number in range(40):
        name, young = f"pod-{number:02d}", number >= 20
        begin = int(births[number - 20]) if young else 0
        end = begin + DAY // STEP if young else int(births[number]) + 60 if number % 2 else t
        size = rng.lognormal(0, 0.4)
        swing = np.exp(np.log(course) * rng.uniform(0.7, 1.1) + common)
        load = size * swing * np.exp(0.12 * noise(rng, t, 5) + 0.08 * noise(rng, t, 60)) + 0.02 * size * rng.standard_t(4, t)
        bursts = rng.random(t) < 1 / 700
        load += size * np.convolve(bursts * rng.exponential(1.0, t), np.ones(4), "full")[:t]
        memory = 400 * size * (1 + 0.1 * (swing - 1) + 0.02 * noise(rng, t, 60))
        latency = 40 * np.exp(0.3 * (swing - 1) + 0.10 * noise(rng, t, 3) + 0.07 * noise(rng, t, 60))
        age = np.maximum(np.arange(t) - begin, 0)
        load = np.where(age < 4, load + 2 * size, load)
        memory = memory * np.minimum(1.0, 0.5 + 0.05 * age)
        if young:
            first = begin if born else begin + int(rng.uniform(30, 23 * 60))
            during = slice(first, first + LASTS_S // STEP)
            latency[during] *= 2.5
            load[during] *= 1.8
            new[name] = begin, first
        for kind, x in zip(METRICS, (load, memory, latency), strict=True):
            rows.append(np.where((np.arange(t) >= begin) & (np.arange(t) < end), np.maximum(x, 0), np.nan))
            entity.append(name)
            metric.append(kind)
    return Case(np.stack(rows), entity, metric, new)


def machines(folder: pathlib.Path, seed: int) -> Case:
    rng = np.random.default_rng(seed)
    read = {path.stem: pq.read_table(path) for path in sorted(folder.iterdir())}
    times = {name: table["time"].to_numpy() // STEP for name, table in read.items()}
    begin = min(int(t[0]) for t in times.values())
    x = np.full((len(read), max(int(t[-1]) for t in times.values()) - begin + 1), np.nan)
    new = {}
    for i, (name, table) in enumerate(read.items()):
        x[i, times[name] - begin] = table[table.column_names[1]].to_numpy()
        if i % 2:
            birth = 4 * DAY // STEP + 15 * i
            first = birth + int(rng.uniform(30, 23 * 60))
            x[i, :birth] = np.nan
            x[i, first : first + LASTS_S // STEP] *= 1.25
            new[name] = birth, first
    return Case(x, list(read), ["memory"] * len(read), new)


def firing(case: Case, cohort: bool) -> dict[str, np.ndarray]:
    """Of each new entity (t, 2): judged, fired."""
    card = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": "pods", "owner": {"team": "t"}, "query": "x", "step": "1m",
            "summary": "Something is unlike usual here.", "entity": ["pod"], "detect": {"model": "seasonal"},
            "cohort": ["job", "metric"] if cohort else []}  # fmt: skip
    watch = make_watch(ModelCard.model_validate(card), [Link(Nothing("none", Params(), ReadLimits()), pause_s=0.0)], STEP, None)
    born = np.argmax(np.isfinite(case.x), axis=1)
    order = np.argsort(born, kind="stable")
    labels = [{"job": "shop", "pod": case.entity[i], "metric": case.metric[i]} for i in order]
    x, born = case.x[order], born[order]
    out = {name: np.zeros((x.shape[1], 2), bool) for name in case.new}
    for j in range(x.shape[1]):
        there = int(np.searchsorted(born, j, "right"))
        if there > watch.n:
            watch.window.rows_for(labels[watch.n : there])
            watch.grow()
            watch.lineage = Lineage("none", "x", 0, 0)
        at = np.array([START + j * STEP])
        found = score(watch, Reading(at, x[:there, j : j + 1], np.zeros((there, 1), bool)))
        with np.errstate(invalid="ignore"):
            fired = found >= watch.thresholds
        for number, entity in enumerate(watch.entities):
            if entity["pod"] in out:
                out[entity["pod"]][j] = np.isfinite(found[number]), fired[number]
    return out


def episodes(at: np.ndarray) -> np.ndarray:
    return at[np.diff(at, prepend=-(10**9)) * STEP > MERGE_S]


def judged(case: Case, found: dict[str, np.ndarray]) -> dict[str, list]:
    out = {name: [] for name in ("first", "false", "false6", "delay", "early")}
    for name, (birth, first) in case.new.items():
        seen, fired = found[name][:, 0], np.flatnonzero(found[name][:, 1])
        last = first + LASTS_S // STEP
        day = fired[(fired >= birth) & (fired < birth + DAY // STEP)]
        false = episodes(day[(day < first) | (day >= last + HOUR // STEP)])
        during = fired[(fired >= first) & (fired < last)]
        out["first"].append(int(np.argmax(seen)) - birth)
        out["false"].append(len(false))
        out["false6"].append(int((false < birth + 6 * HOUR // STEP).sum()))
        out["delay"].append(int(during[0]) - first if len(during) else np.inf)
        out["early"].append(first < birth + 6 * HOUR // STEP)
    return out


def report(title: str, cases: list[Case]) -> None:
    print(f"{title}\n         judged after  false in 24 h  in 6 h  most of one     seen  within 6 h  median delay")
    for name, cohort in (("plain", False), ("cohort", True)):
        parts = [judged(case, firing(case, cohort)) for case in cases]
        a = {key: np.array([v for part in parts for v in part[key]], float) for key in parts[0]}
        seen, early = np.isfinite(a["delay"]), a["early"] > 0
        false = f"{a['false'].mean():13.2f} {a['false6'].mean():7.2f} {a['false'].max():12.0f}"
        delay = np.median(a["delay"][seen]) if seen.any() else np.nan
        caught = f"{seen.sum():4d}/{len(seen):3d}  {(seen & early).sum():6d}/{early.sum():3d}"
        print(f"{name:8} {np.median(a['first']):8.0f} min {false} {caught} {delay:9.0f} min", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--days", type=int, default=5)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    args = parser.parse_args()
    report("made-up pods", [pods(seed, args.days) for seed in range(args.seeds)])
    report("made-up pods, bad from their first minute on", [pods(seed, args.days, born=True) for seed in range(args.seeds)])
    folder = args.data / "alibaba_mem" / "series"
    if folder.is_dir():
        report("machines", [machines(folder, seed) for seed in range(args.seeds)])


if __name__ == "__main__":
    main()
