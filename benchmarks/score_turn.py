"""What one turn of the default detector costs: score + screen of many series, beside what the memory of this machine gives.

Usage: python benchmarks/score_turn.py [--series 100000] [--entity 20] [--turns 60] [--plain]

Every turn brings one new point of each series, a minute after the last. *score*: `Seasonal.score`, by its kernel or the plain
way; *screen*: from the scores of series to those of entities (`EntityIndex`), the budget's controller (`Budget`), and which
entities warn. Every 15th turn closes a block (its scales and the profile of the day are learnt); these are told apart, and the
first turns, whose memory the system has yet to hand out, are left out. *kernel*: the compiled pass over the state alone.
*peers*: the same points through what is common: an exponentially weighted z-score in numpy, and in pandas.

*triad*: a = b + s * c in one compiled pass, three arrays that are together as large as what the kernel touches; 24 bytes an
element. *rate*: bytes that a turn must touch, a second: each number of the state that a point changes counts as read and written,
one that it needs as read, points as read, the five answers as written; what a cache line brings along beside them does not count.
CPU time of one core.
"""

from __future__ import annotations

import argparse
import itertools
import pathlib
import tempfile
import time
from collections.abc import Callable

import numpy as np

from aiops.core import compiled
from aiops.models import fast_seasonal as fast
from aiops.models.budget import Budget
from aiops.models.entity import EntityIndex
from aiops.models.seasonal import Seasonal, SeasonalParams

STEP, START, SKIP = 60, 1_700_000_000 // 86400 * 86400, 31
CLOCK = 16
"""Bytes of a series that are looked at to know that its block and its part of the clock go on."""


def timed(work: Callable[[], object]) -> float:
    begin = time.thread_time()
    work()
    return (time.thread_time() - begin) * 1e3


def triad(size: int) -> Callable[[], float]:
    """A measurement of a = b + s * c: milliseconds in which it moves `size` bytes."""
    import numba

    @numba.njit(error_model="numpy")
    def run(a: np.ndarray, b: np.ndarray, c: np.ndarray, s: float) -> None:
        for i in range(len(a)):
            a[i] = b[i] + s * c[i]

    a, b, c = (np.ones(size // 24) for _ in range(3))
    run(a, b, c, 3.0)
    return lambda: timed(lambda: run(a, b, c, 3.0))


def touched(state: dict[str, np.ndarray]) -> int:
    """Bytes of one series that the kernel reads and writes."""
    of = {name: array.nbytes // len(array) for name, array in state.items()}
    both = sum(2 * of[name] for name in (*fast.ROWS, "sort", "peak"))
    read = sum(of[name] for name in (*fast.READ, "scale", "recent")) + 2 * 4 + 2 * 1  # two places of the profile and its days
    return both + read + 8 + 8 + 5 * 8  # the newest part of `recent`, the point, the answers


def kernel_alone(detector: Seasonal, state: dict[str, np.ndarray], x: np.ndarray, at: np.ndarray) -> Callable[[], float]:
    """A measurement of the kernel on a state: milliseconds, without what surrounds it, into memory that is there. One of a few
    points of each series: the very same one, over and over, would make all series strange, for they would not move any more."""
    points = [np.ascontiguousarray(np.roll(x[:, 0], k)) for k in range(16)]
    found = tuple(np.zeros(len(x)) for _ in range(5))
    arrays = [tuple(state[name] for name in names) for names in (fast.ROWS, fast.READ, fast.TABLES, fast.KEPT)]
    place = detector._profile.place(state, at[:, 0])
    own = state["profile"], state["days"], state["sort"]
    column = itertools.cycle(points)
    return lambda: timed(lambda: fast.column(next(column), *arrays, *own, *place, detector._numbers, found))


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
    p.add_argument("--plain", action="store_true", help="without the kernel")
    a = p.parse_args()
    if not a.plain:
        with tempfile.TemporaryDirectory() as folder:
            why = compiled.warm(pathlib.Path(folder) / "compiled")
        if why:
            raise SystemExit(f"no kernels here: {why}")
    n, rng = a.series, np.random.default_rng(0)
    detector = Seasonal(SeasonalParams(), STEP)
    state, index = detector.initial(n), EntityIndex(np.arange(n) // a.entity)
    budget = Budget(detector.threshold, 1.0)
    spent, plain = budget.initial(index.entities), Plain(n)
    score, screen, closing, peer, alone, memory = [], [], [], [], [], []
    size = touched(state) * n
    moved = triad(size)
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
            memory.append(moved())
    total = sum(array.nbytes for array in state.values()) / n
    rate, own = size / np.median(memory) * 1e3, (size + CLOCK * n) / np.median(score) * 1e3
    if not a.plain:
        kernel = kernel_alone(detector, {name: array.copy() for name, array in state.items()}, x, at)
        alone = np.median([(kernel(), moved()) for _ in range(60)], axis=0)
    both = np.array(score) + np.median(screen)
    more = sum(array.nbytes for array in spent.values()) / n
    print(f"{n} series, {index.entities} entities; state {total:.0f} bytes a series, and {more:.0f} of the budget")
    print(f"score            {np.median(score):7.1f} ms   worst {max(score):.1f}")
    print(f"  closing blocks {np.median(closing):7.1f} ms   worst {max(closing):.1f}")
    print(f"screen           {np.median(screen):7.1f} ms   worst {max(screen):.1f}")
    print(f"score + screen   {np.median(both):7.1f} ms   with a block closed {np.median(closing) + np.median(screen):.1f}")
    print(f"triad            {rate / 1e9:7.1f} GB/s   measured between the turns")
    print(f"  whole score    {own / 1e9:7.1f} GB/s   {size / n + CLOCK:.0f} B a series: {own / rate:.0%} of the triad")
    if len(alone):
        share = alone[1] / alone[0]
        fast_rate = size / alone[0] / 1e6
        print(f"  kernel alone   {fast_rate:7.1f} GB/s   in {alone[0]:.1f} ms: {share:.0%} of the triad, in turn with it")
    print(f"peer, numpy EW z {np.median(peer):7.1f} ms   (one residual, one scale, no profile)")
    try:
        print(f"peer, pandas z   {pandas_turn(n, rng):7.1f} ms   (rolling hour, newest point)")
    except ImportError:
        print("peer, pandas z   not installed")


if __name__ == "__main__":
    main()
