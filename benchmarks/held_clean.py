"""Whether a budget holds where nothing ever happens: made-up entities without incidents, of several kinds, over several seeds.

Usage: python benchmarks/held_clean.py [--seeds 3] [--entities 6] [--weeks 8] [--budgets 0.5 1 2]

A point every 5 min, ten kinds with so many entities each. Told are, for each seed, kind and budget, the charges an entity-week
(warnings that began; one that lasts is charged once more a day) after the first two weeks. A budget is what may be spent, not
what must be: calm kinds spend less.
"""

from __future__ import annotations

import argparse

import numpy as np

from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.seasonal import Seasonal, SeasonalParams

STEP, DAY, MONDAY = 300, 288, 1_699_833_600
MERGE_S, AGAIN_S = 1800, 86400


def remembering(rng: np.random.Generator, shape: tuple[int, int], points: float) -> np.ndarray:
    """Noise of unit scale that remembers so many points."""
    keep = np.exp(-1 / points)
    shocks, out, last = rng.normal(size=shape) * np.sqrt(1 - keep**2), np.empty(shape), rng.normal(size=shape[0])
    for j in range(shape[1]):
        last = keep * last + shocks[:, j]
        out[:, j] = last
    return out


def kinds(n: int, t: np.ndarray, rng: np.random.Generator) -> dict[str, tuple[np.ndarray, int]]:
    """Of each kind its rows (n metrics each, t) and how many metrics an entity has."""
    wave = 100 + 20 * np.sin(2 * np.pi * t / DAY)
    one, five, ten = (n, len(t)), (5 * n, len(t)), (10 * n, len(t))
    load = wave * np.exp(0.1 * remembering(rng, one, 12))
    shared = np.repeat(remembering(rng, one, 6), 10, axis=0)
    batch = (t % DAY >= 24) & (t % DAY < 30)
    return {
        "wave, normal noise": (wave + 3 * rng.normal(size=one), 1),
        "noise that remembers an hour": (load, 1),
        "heavy tails (t, 3 degrees)": (wave + 3 * rng.standard_t(3, size=one), 1),
        "latency, lognormal": (40 * np.exp(0.5 * rng.normal(size=one)), 1),
        "counts, 2 an hour": (rng.poisson(2 / 12, one).astype(float), 1),
        "requests, thousands an hour": (rng.poisson(wave * 3, one).astype(float), 1),
        "a batch each night": (wave + 3 * rng.normal(size=one) + 80.0 * batch, 1),
        "five metrics apart": (wave + 3 * rng.standard_t(4, size=five), 5),
        "ten that go together loosely": (wave + 4 * shared + 3 * rng.standard_t(4, size=ten), 10),
        "ten that remember an hour": (wave * np.exp(0.1 * remembering(rng, ten, 12)), 10),
    }


def scores(made: dict[str, tuple[np.ndarray, int]], entities: int, t: np.ndarray) -> tuple[np.ndarray, Seasonal]:
    """(kinds * entities, t) scores as a turn makes them, and the detector."""
    x = np.concatenate([rows for rows, _ in made.values()])
    entity = np.concatenate(
        [k * entities + np.repeat(np.arange(entities), m) for k, (_, m) in enumerate(made.values())]
    )
    detector, index = Seasonal(SeasonalParams(), STEP), EntityIndex(entity)
    state, score = detector.initial(len(x)), np.empty((len(made) * entities, len(t)))
    for j in range(len(t)):
        found = detector.score(state, x[:, j : j + 1], np.full((len(x), 1), MONDAY + STEP * t[j]))
        score[:, j] = index.combine(found.p, found.recent, detector.moves(state))[:, 0]
    return score, detector


def charges(score: np.ndarray, time_s: np.ndarray, per_week: float, detector: Seasonal, since: int) -> np.ndarray:
    """(entities,) charges from column `since` on."""
    budget = Budget(detector.threshold, per_week)
    state, out = budget.initial(len(score)), np.zeros(len(score))
    last, begun = np.full(len(score), -AGAIN_S), np.full(len(score), -AGAIN_S)
    for j, now in enumerate(time_s.tolist()):
        budget.learn(state, score[:, j], np.full(len(score), now))
        fires = np.nan_to_num(score[:, j], nan=-1.0) >= budget.theta(state)
        counts = fires & ((now - last > MERGE_S) | (now - begun >= AGAIN_S))
        begun, last = np.where(counts, now, begun), np.where(fires, now, last)
        out += counts & (j >= since)
    return out


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--seeds", type=int, default=3)
    p.add_argument("--entities", type=int, default=6)
    p.add_argument("--weeks", type=int, default=8)
    p.add_argument("--budgets", nargs="+", type=float, default=[0.5, 1.0, 2.0])
    a = p.parse_args()
    t = np.arange(a.weeks * 7 * DAY)
    for seed in range(a.seeds):
        made = kinds(a.entities, t, np.random.default_rng(seed))
        score, detector = scores(made, a.entities, t)
        rates = [charges(score, MONDAY + STEP * t, b, detector, 14 * DAY) / (a.weeks - 2) for b in a.budgets]
        of_kind = np.array(rates).reshape(len(a.budgets), len(made), -1).mean(axis=2)
        print(f"seed {seed}: charges an entity-week at a budget of", *(f"{b:>6g}" for b in a.budgets))
        for name, one in zip([*made, "all"], [*of_kind.T, of_kind.mean(axis=1)], strict=True):
            print(f"{name:<46}", *(f"{rate:>6.2f}" for rate in one), flush=True)


if __name__ == "__main__":
    main()
