"""What the default detector and a budget of one a week say of series whose right answer is known: drifts, steps, walks, rare
events, what comes every week, copies.

Usage: python benchmarks/made_up_series.py [--only drift shift events week copies] [--rows 4] [--weeks 8]

Each row is an entity of its own, a point every 15 min; told are the warnings that began an entity-week, in each week. *drift*:
from the 28th day on for two weeks, and how many days after its beginning the first warning came (median); beside it steps and
walks. *shift*: a level that changes on the 28th day for so many hours, or for good, and once more, by 8 scatters for 2 h, 31 h
after its end or 72 h after it began; told are the shares of rows that are warned of its beginning, its end and the later one
within 2 h, and all warnings from its beginning on.
*events*: counts and rates of so many events a week. *week*: batches on Fridays. *copies*: the score of an entity of ten
metrics of which one, or four that are the same, are at p = 0.01.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.seasonal import Seasonal, SeasonalParams
from aiops.models.together import BLOCKS

STEP, DAY, MONDAY = 900, 96, 1_699_833_600
Case = tuple[str, np.ndarray]


def episodes(x: np.ndarray) -> list[np.ndarray]:
    """Of each row the first points of what warns."""
    detector = Seasonal(SeasonalParams(), STEP)
    time_s = np.broadcast_to(MONDAY + STEP * np.arange(x.shape[1]), x.shape).astype(np.int64)
    found = detector.score(detector.initial(len(x)), x, time_s)
    score = EntityIndex(np.arange(len(x))).combine(found.p, found.recent)
    budget, fires = Budget(detector.threshold, 1.0), np.zeros(x.shape, bool)
    state = budget.initial(len(x))
    for j in range(x.shape[1]):
        budget.learn(state, score[:, j], time_s[:, j])
        fires[:, j] = np.nan_to_num(score[:, j], nan=-1.0) >= budget.theta(state)
    begins = [np.flatnonzero(row) for row in fires]
    return [at[np.diff(at, prepend=-9999) > 2] for at in begins]


def calm(rows: int, t: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    return 100 + 20 * np.sin(2 * np.pi * t / DAY) + 3 * rng.normal(size=(rows, len(t)))


def drift(rows: int, t: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    for a_day in (0, 3, 6, 12, 24):
        yield f"drift of {a_day} a day", calm(rows, t, rng) + a_day * np.clip(t / DAY - 28, 0, 14)
    for size in (10, 30, 100):
        yield f"step of {size}", calm(rows, t, rng) + size * (t >= 28 * DAY)
    for size in (0.3, 1.0):
        yield f"random walk, {size} a point", calm(rows, t, rng) + size * rng.normal(size=(rows, len(t))).cumsum(axis=1)
    levels = np.repeat(10 * rng.normal(size=(rows, len(t) // DAY)), DAY, axis=1)
    yield "level of each day its own, 10", calm(rows, t, rng) + levels


def shift(rows: int, t: np.ndarray, rng: np.random.Generator) -> Iterator[tuple[str, np.ndarray, list[int]]]:
    """Each case with its changes: when it begins, ends, and the later one begins."""
    begins = 28 * DAY + 38
    for size, hours in ((20, 2), (20, 12), (20, 72), (8, 72), (20, None), (8, None)):
        ends = len(t) if hours is None else begins + 4 * hours
        later = begins + 4 * 72 if hours is None else ends + 4 * 31
        x = calm(rows, t, rng) + 3 * size * ((t >= begins) & (t < ends)) + 24 * ((t >= later) & (t < later + 8))
        yield f"{size} scatters {'for good' if hours is None else f'for {hours} h'}", x, [begins, ends, later]


def shifts(cases: list[tuple[str, np.ndarray, list[int]]], rows: int) -> None:
    found = episodes(np.concatenate([x for _, x, _ in cases]))
    for i, (title, _, changes) in enumerate(cases):
        mine = found[i * rows : (i + 1) * rows]
        told = [np.mean([((one >= at) & (one < at + 8)).any() for one in mine]) for at in changes]
        total = np.mean([(one >= changes[0]).sum() for one in mine])
        print(f"{title:<38} begins {told[0]:.2f}  ends {told[1]:.2f}  later {told[2]:.2f}  in all {total:.2f}", flush=True)


def events(rows: int, t: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    for a_week in (0.5, 1, 2, 6, 20, 200, 600):
        counts = rng.poisson(a_week / (7 * DAY), (rows, len(t))).astype(float)
        yield f"counts, {a_week} a week", counts
        yield f"rates, {a_week} a week", counts * (1 + 0.05 * rng.random(counts.shape)) / STEP


def week(rows: int, t: np.ndarray, rng: np.random.Generator) -> Iterator[Case]:
    hour, friday, number = t % DAY / 4, t // DAY % 7 == 4, t // (7 * DAY)
    late = 0.2 * rng.normal(size=(rows, number[-1] + 1))[:, number]
    yield "Fridays 8 to 12", calm(rows, t, rng) + 60.0 * (friday & (hour >= 8) & (hour < 12))
    yield "Fridays 8:20 to 12, give or take", calm(rows, t, rng) + 60.0 * (friday & (hour >= 8.3 + late) & (hour < 12 + late))
    yield "Fridays 8 to 9, not in the 6th week", calm(rows, t, rng) + 60.0 * (friday & (number != 5) & (hour >= 8) & (hour < 9))
    size = np.where(number == 6, 210, 60)
    yield "Fridays, larger in the 7th week", calm(rows, t, rng) + size * (friday & (hour >= 8) & (hour < 12))


def copies(rng: np.random.Generator) -> None:
    moves, index = rng.integers(-16, 17, (10, BLOCKS)).astype(np.int8), EntityIndex(np.zeros(10, np.int64))
    for name, many in (("one of ten", 1), ("four that are the same", 4), ("four that are apart", 4)):
        p, own = np.full((10, 1), 0.7), moves.copy()
        p[:many] = 0.01
        if "same" in name:
            own[1:4] = own[0]
        print(f"{name:<38} score {index.combine(p, None, own)[0, 0]:.2f}")


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ["drift", "shift", "events", "week", "copies"]
    p.add_argument("--only", nargs="+", choices=parts, default=parts)
    p.add_argument("--rows", type=int, default=4)
    p.add_argument("--weeks", type=int, default=8)
    a = p.parse_args()
    t, rng = np.arange(a.weeks * 7 * DAY), np.random.default_rng(0)
    for name in a.only:
        if name == "copies":
            copies(rng)
            continue
        if name == "shift":
            shifts(list(shift(a.rows, t, np.random.default_rng(1))), a.rows)
            continue
        cases = list({"drift": drift, "events": events, "week": week}[name](a.rows, t, rng))
        found = episodes(np.concatenate([x for _, x in cases]))
        for i, (title, _) in enumerate(cases):
            mine = found[i * a.rows : (i + 1) * a.rows]
            weekly = np.mean([np.bincount(one // (7 * DAY), minlength=a.weeks) for one in mine], axis=0)
            first = [one[one >= 28 * DAY][0] / DAY - 28 if (one >= 28 * DAY).any() else np.inf for one in mine]
            after = f"   first after {np.median(first):.1f} days" if title.startswith("drift") else ""
            print(f"{title:<38}", " ".join(f"{w:5.2f}" for w in weekly), after, flush=True)


if __name__ == "__main__":
    main()
