"""The robust seasonal fit: the median of every place of a period, and the median distance from it, beside numpy's own.

Usage: OMP_NUM_THREADS=1 python benchmarks/robust_fit.py [--series 1000] [--rounds 5]

Made-up series in float32: a day's course, noise, outliers. *ours*: `medians.usual` (a sorting network over whole arrays), as the
forecasters `combined`, `harmonic` and the second tier's first answers use it on hourly means, and once more over the distances.
*peers*: the same by `numpy.median` and `numpy.nanmedian` (which a window's gaps call for), over the layout in which they are
fastest of two. Rounds alternate; what each gives is compared bit for bit, else the run ends. *gaps*: one value in fifty is
missing: the network then moves it out of the middle's way first. CPU time of one core, the best round of each.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable

import numpy as np

from aiops.models.medians import usual

CASES = {
    "28 d of hours, by hour of day": (672, 24),
    "5 weeks of hours, by hour of week": (840, 168),
    "28 d of 5 min, by place of day": (8064, 288),
}
Fit = tuple[np.ndarray, np.ndarray]


def series(n: int, t: int, period: int, gaps: float) -> np.ndarray:
    rng = np.random.default_rng(0)
    x = 10 + 3 * np.sin(2 * np.pi * np.arange(t) / period) + rng.normal(size=(n, t))
    x += np.where(rng.random((n, t)) < 0.01, 50, 0)
    return np.where(rng.random((n, t)) < gaps, np.nan, x).astype(np.float32)


def ours(x: np.ndarray, period: int) -> Fit:
    middle = usual(x, period)
    away = np.abs(x - np.tile(middle, (1, x.shape[1] // period)))
    return middle, usual(away, period)


def by_numpy(median: Callable[..., np.ndarray], last: bool) -> Callable[[np.ndarray, int], Fit]:
    """`last`: the values of a place side by side in memory, else a place's values a period apart, as they come."""

    def places(x: np.ndarray, period: int) -> np.ndarray:
        parts = x.reshape(len(x), -1, period)
        return median(np.ascontiguousarray(parts.transpose(0, 2, 1)), axis=2) if last else median(parts, axis=1)

    def fit(x: np.ndarray, period: int) -> Fit:
        middle = places(x, period)
        return middle, places(np.abs(x - np.tile(middle, (1, x.shape[1] // period))), period)

    return fit


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=1000)
    p.add_argument("--rounds", type=int, default=5)
    a = p.parse_args()
    warnings.simplefilter("ignore", RuntimeWarning)  # places without a value
    print(f"{a.series} series; ns a point, and how many times longer than ours")
    print(f"{'':<42}{'ours':>8}{'median':>18}{'nanmedian':>18}")
    for gaps in (0.0, 0.02):
        for name, (t, period) in CASES.items():
            x = series(a.series, t, period, gaps)
            ways = {"ours": ours} | {f"{which} {last}": by_numpy(getattr(np, which), last)
                                     for which in ("median", "nanmedian") for last in (False, True)}  # fmt: skip
            if gaps:
                ways = {way: fit for way, fit in ways.items() if not way.startswith("median")}
            took: dict[str, float] = {}
            wanted: Fit | None = None
            for _ in range(a.rounds):
                for way, fit in ways.items():
                    began = time.thread_time()
                    found = fit(x, period)
                    took[way] = min(took.get(way, np.inf), (time.thread_time() - began) * 1e9 / x.size)
                    wanted = wanted or found
                    for one, other in zip(found, wanted, strict=True):
                        np.testing.assert_array_equal(one.view(np.uint32), other.view(np.uint32), way)
            cells = [f"{took['ours']:8.1f}"]
            for which in ("median", "nanmedian"):
                best = min((took[way] for way in took if way.startswith(which + " ")), default=np.nan)
                cells.append("" if np.isnan(best) else f"{best:8.1f} {best / took['ours']:5.1f} x")
            label = name + (", gaps" if gaps else "")
            print(f"{label:<42}" + cells[0] + "".join(f"{cell:>18}" for cell in cells[1:]), flush=True)


if __name__ == "__main__":
    main()
