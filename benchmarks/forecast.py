"""Forecasts of hourly means, ours beside AutoETS, statsmodels and the seasonal naive one: error, interval coverage, speed.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.forecast [--data ../shared/data] [--half odd|even] [--most 20] [--origins 2]
       [--second] [--model ZZZ|AZA]

Needs statsforecast beside the project: pip install statsforecast. Hosts stand in the order of their names; the choices in the
code were made on every second one (`even`), the figures in docs/models/combined.md are of the others (`odd`). At most `--most`
series of a set, evenly taken, from `--origins` origins a week and some hours apart; each method gets up to 35 d of hourly means
and forecasts 24 and 72 h. Ours get gaps as gaps, peers get them bridged by straight lines.

Error of a case: mean absolute error over the horizon, in units of the past's mean absolute change to the hour or the day before,
the larger one. `geo`: geometric mean over cases of (error + 0.01) / (AutoETS's + 0.01); `mean`: ratio of mean errors;
`90 %`: where geo lies in 90 of 100 draws of hosts. Speed: series per second of CPU; peers are called one series at a time, as
they are offered, ours with all cases of the half together, as the daemon calls them, each way with its own preparation.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import time
import warnings
from collections.abc import Callable

import numpy as np

from aiops.core.records import History, Resolution
from aiops.models import combined, conformal, harmonic, holt_winters
from aiops.models.conformal import Method
from aiops.models.hourly import pasts
from aiops.models.second_tier import fits
from benchmarks.forecast_cases import FAR, LONGEST, SEASON, Case, cases, filled

SETS = ["alibaba_mem", "asd", "smd", "jumpstarter_d2", "nab"]
OURS = {"combined": combined.METHODS, "harmonic": harmonic.METHODS, "holt_winters": holt_winters.METHODS}
LEVELS = (0.5, 0.8, 0.95)
LEAST = 0.01
Peer = Callable[[np.ndarray, int], np.ndarray]


def history(chosen: list[Case]) -> History:
    """What the daemon would hold of these cases, each at its origin."""
    n = len(chosen)
    offset = np.array([case.past[np.isfinite(case.past)][0] for case in chosen])
    values = np.full((n, LONGEST), np.nan, np.float32)
    for i, case in enumerate(chosen):
        values[i, -len(case.past) :] = case.past - offset[i]
    long, none = Resolution(3600, 0, values, values, values), Resolution(300, 0, *[values[:, :0]] * 3)
    return History(none, none, long, offset, np.zeros(n, np.int64), np.zeros(n, np.int64))


def ours(methods: dict[str, Method], chosen: list[Case]) -> tuple[np.ndarray, np.ndarray, float]:
    """((n, 72) forecasts, (n, levels, 72) half widths, CPU seconds)."""
    path, half = np.full((len(chosen), FAR), np.nan), np.full((len(chosen), len(LEVELS), FAR), np.nan)
    held, begun = history(chosen), time.process_time()
    for past in pasts(held, np.arange(len(chosen))):
        found = conformal.fitted(methods, past)
        if found is None:
            continue
        path[past.rows] = past.base[:, None] + past.scale[:, None] * found.path[:, :FAR]
        size = past.scale[:, None] * found.scales[:, conformal.BUCKET[:FAR]]
        for i, level in enumerate(LEVELS):
            half[past.rows, i] = conformal.width(found.quantiles, level)[:, None] * size
    return path, half, time.process_time() - begun


def peers(model: str, second: bool) -> dict[str, Peer]:
    """Name to (past without gaps, how far) → forecast."""
    from statsforecast.models import AutoETS
    from statsmodels.tsa.holtwinters import ExponentialSmoothing

    def auto_ets(x: np.ndarray, ahead: int) -> np.ndarray:
        return AutoETS(season_length=SEASON, model=model).forecast(x, h=ahead)["mean"]

    def smoothing(x: np.ndarray, ahead: int) -> np.ndarray:
        fit = ExponentialSmoothing(x, trend="add", damped_trend=True, seasonal="add", seasonal_periods=SEASON).fit()
        return fit.forecast(ahead)

    def slow(kind: str) -> Peer:
        def forecast(x: np.ndarray, ahead: int) -> np.ndarray:
            base, scale = x[-1], max(np.abs(x - x[-1]).max(), 1e-300)
            season = SEASON
            past = ((x - base) / scale).astype(np.float32)
            return base + scale * fits.fitted(past, kind, season, 3600)[:ahead]

        return forecast

    found: dict[str, Peer] = {
        "AutoETS": auto_ets, "statsmodels Holt-Winters": smoothing,
        "seasonal naive": lambda x, ahead: x[-SEASON:][np.arange(ahead) % SEASON],
    }  # fmt: skip
    return found | ({f"second tier: {kind}": slow(kind) for kind in fits.KINDS} if second else {})


def one_by_one(peer: Peer, chosen: list[Case]) -> tuple[np.ndarray, float]:
    """((n, 72) forecasts, CPU seconds); a case that a peer refuses gets its last value."""
    out = np.full((len(chosen), FAR), np.nan)
    peer(filled(chosen[0].past), len(chosen[0].future))  # what is compiled is compiled now
    begun = time.process_time()
    for i, case in enumerate(chosen):
        x = filled(case.past)
        try:
            out[i, : len(case.future)] = peer(x, len(case.future))
        except (ValueError, ArithmeticError, RuntimeError, IndexError):
            out[i, : len(case.future)] = x[-1]
    return out, time.process_time() - begun


def errors(chosen: list[Case], path: np.ndarray, ahead: int) -> np.ndarray:
    """(n,) scaled mean absolute errors over `ahead` hours; NaN where the future is shorter."""
    return np.array([
        np.abs(path[i, :ahead] - case.future[:ahead]).mean() / case.scale if len(case.future) >= ahead else np.nan
        for i, case in enumerate(chosen)
    ])  # fmt: skip


def spread(ratio: np.ndarray, hosts: list[tuple[str, int]], draws: int = 500) -> tuple[float, float]:
    """Where the geometric mean of ratios lies in 90 of 100 draws of hosts."""
    rng = np.random.default_rng(0)
    names = sorted(set(hosts))
    parts = [np.log(ratio[[i for i, host in enumerate(hosts) if host == name]]) for name in names]
    means = []
    for _ in range(draws):
        drawn = np.concatenate([parts[i] for i in rng.integers(0, len(parts), len(parts))])
        means.append(np.exp(drawn.mean()))
    return float(np.quantile(means, 0.05)), float(np.quantile(means, 0.95))


def table(chosen: list[Case], paths: dict[str, np.ndarray], rates: dict[str, float], ahead: int) -> None:
    """One line a method, compared with AutoETS on the cases that both have."""
    theirs = errors(chosen, paths["AutoETS"], ahead)
    print(f"\n{ahead} h, {np.isfinite(theirs).sum()} cases")
    print(f"{'':28} {'geo':>6} {'90 %':>13} {'mean':>6} {'median':>7} {'better':>7} {'series/s':>9} {'x AutoETS':>9}")
    for name, path in paths.items():
        mine = errors(chosen, path, ahead)
        known = np.isfinite(mine) & np.isfinite(theirs)
        ratio = (mine[known] + LEAST) / (theirs[known] + LEAST)
        low, high = spread(ratio, [(c.data, c.host) for c, k in zip(chosen, known, strict=True) if k])
        geo, mean = np.exp(np.log(ratio).mean()), mine[known].mean() / theirs[known].mean()
        print(
            f"{name:28} {geo:6.3f} {low:6.3f}-{high:5.3f} {mean:7.3f}"
            f" {np.median(mine[known]):7.3f} {(ratio < 1).mean():6.0%} {rates[name]:9.1f} {rates[name] / rates['AutoETS']:9.1f}"
        )


def by_set(chosen: list[Case], paths: dict[str, np.ndarray], ahead: int) -> None:
    """Ours against AutoETS, set by set, losses included."""
    mine, theirs = (errors(chosen, paths[name], ahead) for name in ("combined", "AutoETS"))
    for data in SETS:
        of = np.array([case.data == data for case in chosen]) & np.isfinite(mine) & np.isfinite(theirs)
        if of.any():
            ratio = (mine[of] + LEAST) / (theirs[of] + LEAST)
            geo, mean = np.exp(np.log(ratio).mean()), mine[of].mean() / theirs[of].mean()
            print(
                f"  {data:16} {of.sum():4} cases  geo {geo:.3f}  mean {mean:.3f}"
                f"  better {(ratio < 1).mean():.0%}  twice as wrong or worse {(ratio >= 2).mean():.0%}"
            )


def coverage(chosen: list[Case], path: np.ndarray, half: np.ndarray, ahead: int) -> str:
    """Share of hours inside the interval of each level."""
    hits = []
    for i in range(len(LEVELS)):
        inside = [
            (np.abs(path[r, :ahead] - case.future[:ahead]) <= half[r, i, :ahead]).mean()
            for r, case in enumerate(chosen) if len(case.future) >= ahead and np.isfinite(path[r, 0])
        ]  # fmt: skip
        hits.append(f"{LEVELS[i]:.0%} holds {np.mean(inside):.1%}")
    return ", ".join(hits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=pathlib.Path, default=pathlib.Path("../shared/data"))
    parser.add_argument("--half", choices=["even", "odd"], default="odd")
    parser.add_argument("--most", type=int, default=20)
    parser.add_argument("--origins", type=int, default=2)
    parser.add_argument("--model", default="ZZZ", help="AutoETS's form; ZZZ is its default, AZA its quicker one")
    parser.add_argument("--second", action="store_true", help="the forecasters of the second tier as well")
    asked = parser.parse_args()
    warnings.simplefilter("ignore")
    if os.environ.get("OMP_NUM_THREADS") != "1":
        print("set OMP_NUM_THREADS=1: several threads would count as speed here")
    half = ["even", "odd"].index(asked.half)
    everything = cases(asked.data, SETS, half, 10**6, asked.origins)
    chosen = cases(asked.data, SETS, half, asked.most, asked.origins)
    print(f"{len(chosen)} cases for all, {len(everything)} to time ours; {asked.half} hosts; AutoETS {asked.model}")
    paths: dict[str, np.ndarray] = {}
    rates: dict[str, float] = {}
    halves: dict[str, np.ndarray] = {}
    for name, methods in OURS.items():
        ours(methods, everything[:64])
        rates[name] = len(everything) / ours(methods, everything)[2]
        paths[name], halves[name], _ = ours(methods, chosen)
    for name, peer in peers(asked.model, asked.second).items():
        paths[name], seconds = one_by_one(peer, chosen)
        rates[name] = len(chosen) / max(seconds, 1e-9)
    for ahead in (SEASON, FAR):
        table(chosen, paths, rates, ahead)
        by_set(chosen, paths, ahead)
        for name in OURS:
            print(f"  interval of {name}: {coverage(chosen, paths[name], halves[name], ahead)}")


if __name__ == "__main__":
    main()
