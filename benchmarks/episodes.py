"""How many warnings one incident makes, and when they end: incidents of 20 min to 3 h in pods, through scores, guards and gates.

Usage: python benchmarks/episodes.py [--seeds 2] [--steps 60] [--persistence 1/1 3/5]

40 pods of three series (cpu, latency, errors: a shared course of the day, noise that remembers minutes and an hour, counts)
have run for two days. In hours 1 to 3 of the third each gets one incident: latency x 1.5 to 3, in three of five cpu, in every
other one errors; at once, as a ramp over a third of it, or in waves of 12 min. Columns go through the turn's own code
(`evaluate`, `find`). A step of 60 s takes minutes, one of 15 s four times as long.

Told are: incidents seen; warnings that began while one lasted; of these those that began at most 10 and 30 min after one of the
same pod had ended; warnings in all; how long after the end of the incident those that were open then ended: median, mean, 90 %.
"""

from __future__ import annotations

import argparse

import numpy as np
from cohort import Nothing, noise

from aiops.core.params import Params
from aiops.core.records import Lineage
from aiops.models.card import ModelCard
from aiops.pipeline.assemble import make_watch
from aiops.pipeline.evaluate import score
from aiops.pipeline.find import find_symptoms
from aiops.pipeline.reading import Reading
from aiops.telemetry.link import Link
from aiops.telemetry.source import ReadLimits

MINUTE, HOUR, DAY, START, PODS = 60, 3600, 86400, 1_749_945_600, 40
METRICS = ("cpu", "latency", "errors")


def made(seed: int, step: int) -> tuple[np.ndarray, np.ndarray]:
    """(3 x PODS, t) series and (PODS, 2) columns at which the incident of each pod begins and is over."""
    rng, t, minute = np.random.default_rng(seed), (2 * DAY + 10 * HOUR) // step, MINUTE / step
    course = 1 + 0.3 * np.sin(2 * np.pi * np.arange(t) * step / DAY)
    rows, incidents = [], []
    for _ in range(PODS):
        swing = course ** rng.uniform(0.7, 1.1)
        cpu = 0.3 * swing * np.exp(0.1 * noise(rng, t, 5 * minute) + 0.08 * noise(rng, t, 60 * minute))
        latency = 40 * swing**0.3 * np.exp(0.1 * noise(rng, t, 3 * minute) + 0.07 * noise(rng, t, 60 * minute))
        errors = rng.poisson(2.0, t).astype(float)
        begin = int((2 * DAY + rng.uniform(1, 3) * HOUR) // step)
        lasts = int(rng.choice([20, 40, 90, 180]) * minute)
        at, during = np.arange(lasts), slice(begin, begin + lasts)
        wave = 0.6 + 0.4 * np.sin(2 * np.pi * at / (12 * minute))
        shape = (np.ones(lasts), np.minimum(1.0, 3 * at / lasts), wave)[rng.integers(3)] * rng.choice([0.5, 0.8, 1.2, 2.0])
        latency[during] *= 1 + shape
        if rng.random() < 0.6:
            cpu[during] *= 1 + 0.6 * shape
        if rng.random() < 0.5:
            errors[during] += rng.poisson(3 * shape)
        rows += [np.clip(cpu, 0, 1), latency, errors]
        incidents.append((begin, begin + lasts))
    return np.stack(rows), np.array(incidents)


def active(x: np.ndarray, step: int, persistence: str) -> np.ndarray:
    """(t, PODS) whether each pod has an open anomaly."""
    card = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": "pods", "owner": {"team": "t"}, "query": "x",
            "step": f"{step}s", "summary": "Something is unlike usual here.", "entity": ["pod"],
            "detect": {"model": "seasonal"}, "guards": {"persistence": persistence}}  # fmt: skip
    watch = make_watch(ModelCard.model_validate(card), [Link(Nothing("none", Params(), ReadLimits()), pause_s=0.0)], step, None)
    labels = [{"pod": f"pod-{i:02d}", "metric": metric} for i in range(PODS) for metric in METRICS]
    rows = watch.window.rows_for(labels)
    watch.grow()
    watch.lineage = Lineage("none", "x", 0, 0)
    out = np.zeros((x.shape[1], PODS), bool)
    for j in range(x.shape[1]):
        now, column = START + j * step, x[:, j : j + 1]
        watch.window.append(rows, np.array([now]), column)
        find_symptoms(watch, score(watch, Reading(np.array([now]), column, np.zeros(column.shape, bool))), now)
        out[j] = watch.gates["anomaly"]["active"]
    return out


def judged(found: np.ndarray, incidents: np.ndarray, step: int) -> dict[str, list[float]]:
    out: dict[str, list[float]] = {name: [] for name in ("seen", "during", "again10", "again30", "all", "after")}
    for row, (begin, over) in zip(found.T, incidents, strict=True):
        edges = np.flatnonzero(np.diff(np.r_[False, row, False]))
        opens, ends = edges[::2], edges[1::2]
        gaps = (opens[1:] - ends[:-1]) * step
        during = (opens >= begin) & (opens < over)
        out["seen"].append(bool(during.any()))
        out["during"].append(during.sum())
        for minutes in (10, 30):
            out[f"again{minutes}"].append((during[1:] & (gaps <= minutes * MINUTE)).sum())
        out["all"].append(len(opens))
        out["after"] += ((ends[(opens < over) & (ends >= over)] - over) * step / MINUTE).tolist()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--steps", type=int, nargs="+", default=[60])
    parser.add_argument("--persistence", nargs="+", default=["1/1", "3/5"])
    args = parser.parse_args()
    print("step  persistence   seen  began in it  again in 10 min  in 30 min    all  ended after: median  mean  90 %")
    for step in args.steps:
        cases = [made(seed, step) for seed in range(args.seeds)]
        for persistence in args.persistence:
            parts = [judged(active(x, step, persistence), incidents, step) for x, incidents in cases]
            a = {key: np.array([v for part in parts for v in part[key]], float) for key in parts[0]}
            after = f"{np.median(a['after']):10.0f} min {a['after'].mean():5.0f} {np.quantile(a['after'], 0.9):5.0f}"
            counts = f"{a['during'].sum():12.0f} {a['again10'].sum():16.0f} {a['again30'].sum():10.0f} {a['all'].sum():6.0f}"
            print(f"{step:3d} s {persistence:>11}  {a['seen'].sum():3.0f}/{len(a['seen'])} {counts} {after}", flush=True)


if __name__ == "__main__":
    main()
