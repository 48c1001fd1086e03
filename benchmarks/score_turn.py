"""What one turn of the default detector costs: score + screen of many series, beside what the memory of this machine gives.

Usage: python benchmarks/score_turn.py [--series 100000] [--entity 20] [--turns 60]

Every turn brings one new point of each series, a minute after the last. *score*: `Seasonal.score`; *screen*: from the scores of
series to those of entities (`EntityIndex`), the budget's controller (`Budget`), and which entities warn. Every 15th turn closes a
block (its scales and the profile of the day are learnt); these are told apart, and the first turns, whose memory the system has
yet to hand out, are left out. *peers*: the same points through what is common: an exponentially weighted z-score in numpy, and in
pandas. *triad*: a = b + c * d over arrays of the size of the detector's state, as bytes a second; the detector's own rate is
what it reads and writes of its state, each array counted once each way. CPU time of one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.seasonal import Seasonal, SeasonalParams

STEP, START, SKIP = 60, 1_700_000_000 // 86400 * 86400, 31
SLOTS = ("profile", "days")
"""Of these a turn touches two places a row."""


def timed(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1e3


def triad(size: int) -> float:
    """Bytes a second of a = b + c * d."""
    a, b, c, d = (np.ones(size // 8) for _ in range(4))
    best = min(timed(lambda: np.add(b, np.multiply(c, d, out=a), out=a)) for _ in range(5))
    return 6 * size / best * 1e3


class Plain:
    """|x - mean| / deviation, both exponentially weighted over a day."""

    def __init__(self, n: int) -> None:
        self.mean, self.square, self.rate = np.zeros(n), np.ones(n), STEP / 86400

    def score(self, x: np.ndarray) -> np.ndarray:
        away = x - self.mean
        z = np.abs(away) / np.sqrt(self.square)
        self.mean += self.rate * away
        self.square += self.rate * (away * away - self.square)
        return z


def pandas_turn(n: int, rng: np.random.Generator) -> float:
    """Milliseconds of the newest z-score of each of n series from an hour of points, by rolling means of pandas."""
    import pandas as pd

    frame = pd.DataFrame(rng.normal(size=(60, n)))
    return timed(lambda: ((frame.iloc[-1] - frame.rolling(60).mean().iloc[-1]) / frame.rolling(60).std().iloc[-1]).abs())


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=100_000)
    p.add_argument("--entity", type=int, default=20, help="series of one entity")
    p.add_argument("--turns", type=int, default=60)
    a = p.parse_args()
    n, rng = a.series, np.random.default_rng(0)
    detector = Seasonal(SeasonalParams(), STEP)
    state, index = detector.initial(n), EntityIndex(np.arange(n) // a.entity)
    budget = Budget(detector.threshold, 1.0)
    spent, plain = budget.initial(index.entities), Plain(n)
    score, screen, closing, peer = [], [], [], []
    for turn in range(SKIP + a.turns):
        x, at = rng.normal(size=(n, 1)), np.full((n, 1), START + STEP * turn)
        found = []
        took = timed(lambda x=x, at=at, found=found: found.append(detector.score(state, x, at)))

        def see(found=found, at=at) -> np.ndarray:
            scores = index.combine(found[0].p, found[0].recent)[:, 0]
            budget.learn(spent, scores, at[: index.entities, 0])
            return np.flatnonzero(scores >= budget.theta(spent))

        seen = timed(see)
        z = timed(lambda x=x: plain.score(x[:, 0]))
        if turn >= SKIP:
            (closing if turn % 15 == 0 else score).append(took)
            screen.append(seen)
            peer.append(z)
    size = sum(array.nbytes for name, array in state.items() if name not in SLOTS)
    total = sum(array.nbytes for array in state.values()) / n
    memory, own = triad(size), 2 * size / np.median(score) * 1e3
    both = np.array(score) + np.median(screen)
    more = sum(array.nbytes for array in spent.values()) / n
    print(f"{n} series, {index.entities} entities; state {total:.0f} bytes a series, and {more:.0f} of the budget")
    print(f"score            {np.median(score):7.1f} ms   worst {max(score):.1f}")
    print(f"  closing blocks {np.median(closing):7.1f} ms   worst {max(closing):.1f}")
    print(f"screen           {np.median(screen):7.1f} ms   worst {max(screen):.1f}")
    print(f"score + screen   {np.median(both):7.1f} ms   with a block closed {np.median(closing) + np.median(screen):.1f}")
    print(f"memory           {own / 1e9:7.1f} GB/s of state, triad {memory / 1e9:.1f} GB/s: {own / memory:.0%}")
    print(f"peer, numpy EW z {np.median(peer):7.1f} ms   (one residual, one scale, no profile)")
    try:
        print(f"peer, pandas z   {pandas_turn(n, rng):7.1f} ms   (rolling hour, newest point)")
    except ImportError:
        print("peer, pandas z   not installed")


if __name__ == "__main__":
    main()
