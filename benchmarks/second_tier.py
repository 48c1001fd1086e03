"""What the models of both tiers cost, and what a second opinion changes for a fleet whose members move together.

Usage: OMP_NUM_THREADS=1 python -m benchmarks.second_tier [--rows 6] [--days 16] [--pods 12] [--seeds 0-2]
       [--series 100000] [--only cost|first|fleet]

Cost: CPU seconds of one job, as a worker does it (imports aside), median and largest of `--rows` made series of 35 d of hourly
means, rolling origins included; of second opinions, for groups of 8, 32 and 96 rows; of the quick forecasters, milliseconds a
series in a block of 1,000; of `exhaustion`, microseconds a look and row in a block of 512, 5-min steps, 35 d of history.

First: `--series` series of one card that `combined` has never forecast, looked at turn by turn at steps of 5 s, 30 s, 1 and 5 min
until all have a forecast: CPU seconds of the dearest look, most fits of one, looks and minutes until all have one; and the same
where one look fits all of them. Histories of 35 d of hourly means are made beforehand, 1,000 of them over and over.

Fleet: `--pods` series of one cohort, a point in 5 min, that share a course of the day, its wandering, and ten times after the
first week a step of half an hour that all of them make (a deploy, a failover, a campaign). Ten times one of them alone departs,
by four to seven of its own standard deviations, for an hour. Whole turns with each detector at the default budget of one false
warning an entity-week, three firing turns of five. `caught`: departures with a warning of that pod from their beginning to 30 min
after their end; `false`: warnings a pod-week outside of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from typing import Any

import numpy as np

from aiops.core.params import Params
from aiops.core.records import Block, History, Limit, Lineage, Resolution
from aiops.models import conformal, spread
from aiops.models.card import ModelCard
from aiops.models.combined import METHODS, Combined, CombinedParams
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.models.harmonic import harmonic
from aiops.models.holt_winters import holt_winters
from aiops.models.hourly import pasts
from aiops.models.second_tier import fits, judges
from aiops.models.second_tier.worker import answer, packed, unpacked
from aiops.pipeline import BatchJournal, Rooms, turn
from aiops.pipeline.assemble import make_watch
from aiops.store import Store
from aiops.telemetry.link import Link
from aiops.telemetry.source import Answer, ReadLimits, Source

HOURS, STEP_S, DAY_S = 840, 300, 86400
BEGIN_S = 1_750_000_200 // DAY_S * DAY_S
QUIET_DAYS, EVENTS, LATE_S = 7, 10, 1800
FITTED, JUDGED = "aiops.models.second_tier.fits:fitted", "aiops.models.second_tier.judges:judged"


def loads(rows: int, seed: int = 0) -> np.ndarray:
    """(rows, 840) hourly means of loads: a day, a week, a drift, noise."""
    rng, t = np.random.default_rng(seed), np.arange(HOURS)
    day = rng.uniform(2, 8, (rows, 1)) * np.sin(2 * np.pi * (t / 24 + rng.random((rows, 1))))
    week = rng.uniform(0, 3, (rows, 1)) * np.sin(2 * np.pi * t / 168)
    return 50 + day + week + rng.uniform(-0.01, 0.02, (rows, 1)) * t + rng.normal(size=(rows, HOURS))


def history(values: np.ndarray) -> History:
    """What a window holds of hourly means."""
    y, n = values.astype(np.float32), len(values)
    none = Resolution(STEP_S, 0, *[y[:, :0]] * 3)
    return History(none, none, Resolution(3600, 0, y, y, y), np.zeros(n), np.zeros(n, np.int64), np.zeros(n, np.int64))


def cost(rows: int) -> None:
    """Print what a job of each model costs."""
    values = loads(rows)
    past = pasts(history(values), np.arange(rows))[0]
    print(f"CPU s a job, median and largest of {rows}")
    for kind in fits.KINDS:
        took = [_cpu(FITTED, {"kind": kind, "season": 24, "step_s": 3600}, one) for one in (past.values[:1], *past.values)][1:]
        print(f"  forecaster {kind:12} {statistics.median(took):7.3f} {max(took):7.3f}")
    for kind in judges.KINDS:
        for many in (8, 32, 96):
            rng = np.random.default_rng(1)
            away = np.sort(rng.normal(size=(rows + 1, many, 288, 3)), axis=3)[:, :, :, [1, 0, 2]].astype(np.float32)
            took = [_cpu(JUDGED, {"kind": kind, "own": min(8, many), "rows": many}, one) for one in away][1:]
            print(f"  detector {kind:10} {many:3} rows {statistics.median(took):7.3f} {max(took):7.3f}")
    many = pasts(history(loads(1000)), np.arange(1000))[0]
    for name, methods in (("combined", METHODS), ("harmonic", {"h": harmonic}), ("holt_winters", {"h": holt_winters})):
        begun = time.process_time()
        conformal.fitted(methods, many)
        print(f"  forecaster {name:12} {time.process_time() - begun:7.3f} ms a series, in a block of 1,000")


    print(f"  forecaster exhaustion   {1e6 * _exhaustion() / 512:7.1f} us a look and row, in a block of 512")


def _exhaustion(rows: int = 512, looks: int = 5) -> float:
    """CPU seconds of a look at a block of rows that fill up."""
    rng, model = np.random.default_rng(2), Exhaustion(ExhaustionParams(), STEP_S)
    hours = (np.linspace(0.2, 0.7, HOURS) + 0.005 * rng.normal(size=(rows, HOURS))).astype(np.float32)
    small = (np.linspace(0.66, 0.7, 864) + 0.005 * rng.normal(size=(rows, 864))).astype(np.float32)
    state, limit, took = model.initial(rows), Limit.uniform(rows, 0.95, True), []
    for i in range(looks):
        now = BEGIN_S + i * STEP_S
        fine, mid, long = small[:, -72:], (small, small - 0.01, small + 0.01), (hours, hours - 0.01, hours + 0.01)
        seen = History(
            Resolution(STEP_S, now, fine, fine, fine), Resolution(300, now, *mid), Resolution(3600, now // 3600 * 3600, *long),
            np.zeros(rows), np.full(rows, now), np.full(rows, now - 35 * DAY_S),
        )  # fmt: skip
        begun = time.process_time()
        model.crossings(state, seen, limit, 3.0 * DAY_S)
        took.append(time.process_time() - begun)
    return statistics.median(took)


def first(series: int) -> None:
    """Print what it takes until every series of a card has its first forecast."""
    for step_s in (5, 30, 60, 300):
        for shared in (True, False):
            took, fits, at = _first(series, step_s, shared)
            line = f"  steps of {step_s:3} s, {'spread' if shared else 'at once':7}: dearest look {max(took):6.2f} CPU s"
            print(f"{line}, at most {max(fits):6} fits; {len(took):3} looks, {at / 60:5.1f} min until all have one", flush=True)


def _first(series: int, step_s: int, shared: bool) -> tuple[list[float], list[int], int]:
    """(CPU seconds a look, fits a look, seconds from the first look to the last)."""
    model, made, begin = Combined(CombinedParams(), step_s), history(loads(1000)), BEGIN_S
    state, limit = model.initial(series), Limit.uniform(series, 200.0, True)
    model.named(state, [f'{{"instance":"host-{i}"}}' if shared else "" for i in range(series)])
    took, fits, now = list[float](), list[int](), begin
    while True:
        before, begun = np.isfinite(state["fit_s"]).sum(), time.process_time()
        if not shared:  # everybody has this turn
            state["place"][:] = now // spread.looks_every(step_s)
        wanted = np.flatnonzero(model.screen(state, np.full(series, 50.0), limit, np.full(series, now)))
        for start in range(0, len(wanted), 512):
            rows = wanted[start : start + 512]
            some = {name: array[rows] for name, array in state.items()}
            model.crossings(some, _seen(made, rows % 1000, now), limit.take(rows), 14.0 * DAY_S)
            for name, array in some.items():
                state[name][rows] = array
        took.append(time.process_time() - begun)
        fits.append(int(np.isfinite(state["fit_s"]).sum() - before))
        if np.isfinite(state["fit_s"]).all():
            return took, fits, now - begin
        now += spread.looks_every(step_s)


def _seen(made: History, rows: np.ndarray, now_s: int) -> History:
    """Some rows of a history, as known at `now_s`."""
    long, at = made.long.mean[rows], np.full(len(rows), now_s)
    short = Resolution(STEP_S, now_s, *[long[:, -3:]] * 3)
    return History(short, short, Resolution(3600, now_s // 3600 * 3600, long, long, long), made.offset[rows], at, at - 35 * DAY_S)


def _cpu(kind: str, settings: dict[str, Any], values: np.ndarray) -> float:
    head, _ = unpacked(answer(packed({"kind": kind, "settings": settings}, np.ascontiguousarray(values.ravel()))), "float64")
    if head["error"]:
        raise SystemExit(f"{settings}: {head['error']}")
    return float(head["cpu"])


class Fleet(Source[Params]):
    """Pods of one job, and when what happened to them."""

    Params = Params

    def __init__(self, pods: int, days: int, seed: int) -> None:
        super().__init__("fleet", Params(), ReadLimits())
        rng, count = np.random.default_rng(seed), days * DAY_S // STEP_S
        t = np.arange(count)
        common = 8 * np.sin(2 * np.pi * t * STEP_S / DAY_S) + 0.3 * np.cumsum(rng.normal(size=count)) / 8
        values = 60 + common + rng.normal(size=(pods, count))
        begins = QUIET_DAYS * DAY_S // STEP_S + 144
        at = begins + np.linspace(0, count - begins - 60, 2 * EVENTS).astype(int)
        self.together, self.alone = at[::2], list(zip(at[1::2].tolist(), rng.integers(0, pods, EVENTS).tolist(), strict=True))
        for begin in self.together.tolist():
            values[:, begin : begin + 6] += rng.uniform(6, 12)
        for begin, pod in self.alone:
            values[pod, begin : begin + 12] += rng.uniform(4, 7) * rng.choice([-1, 1])
        self.values = values
        self.names = tuple({"instance": f"pod-{i:02}", "job": "shop"} for i in range(pods))

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """The columns start … end."""
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        at = (times - BEGIN_S) // STEP_S
        known = (at >= 0) & (at < self.values.shape[1])
        out = np.full((len(self.names), len(times)), np.nan)
        out[:, known] = self.values[:, at[known]]
        return Answer(Block(self.names, times, out, unit, Lineage("fleet", query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return "a made fleet"

    def oldest_s(self) -> int:
        """The first sample."""
        return BEGIN_S


def card_of(model: str, **params: Any) -> ModelCard:
    """A card with that detector and the default budget."""
    return ModelCard.model_validate({
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "fleet", "owner": {"team": "bench"}, "query": "load",
        "summary": "A pod is unlike the others.", "step": "5m", "history": "7d", "cohort": ["job"],
        "detect": {"model": model, "params": params}, "guards": {"persistence": "3/5"},
    })  # fmt: skip


def lived(fleet: Fleet, card: ModelCard, days: int) -> tuple[int, int, float]:
    """(departures caught, false warnings, CPU seconds of the turns) after the first week."""
    store = Store.open("sqlite://", None)
    rooms = Rooms(store, BatchJournal(store), marks_turns=False)
    watch = make_watch(card, [Link(fleet)], STEP_S, None)
    rooms.watches = [watch]
    told: list[tuple[int, str]] = []
    begun = time.process_time()
    for now in range(BEGIN_S + QUIET_DAYS * DAY_S, BEGIN_S + days * DAY_S - STEP_S, STEP_S):
        result = turn(watch, now, rooms)
        told += [(now, e.warning.entity["instance"]) for e in result.events if e.kind == "opened" and e.warning is not None]
    took = time.process_time() - begun
    store.close()
    spans = [(BEGIN_S + begin * STEP_S, BEGIN_S + (begin + 12) * STEP_S + LATE_S, f"pod-{pod:02}") for begin, pod in fleet.alone]
    caught = sum(any(a <= at <= b and pod == name for at, pod in told) for a, b, name in spans)
    false = sum(not any(a <= at <= b and pod == name for a, b, name in spans) for at, pod in told)
    return caught, false, took


def fleet(pods: int, days: int, seeds: list[int]) -> None:
    """Print what each detector makes of a fleet."""
    weeks = pods * (days - QUIET_DAYS) / 7 * len(seeds)
    print(f"fleet of {pods}, {days} d, seeds {seeds}: {EVENTS} moves of all, {EVENTS} departures of one, each")
    for model, params in (("seasonal", {}), ("pca", {}), ("pca", {"everything": True}), ("isolation", {})):
        found = [lived(Fleet(pods, days, seed), card_of(model, **params), days) for seed in seeds]
        caught, false, took = (sum(part) for part in zip(*found, strict=True))
        name, all_of_them = model + (" everything" if params else ""), EVENTS * len(seeds)
        line = f"  {name:16} caught {caught:3} of {all_of_them}  false a pod-week {false / weeks:5.2f}  turns {took:6.1f} CPU s"
        print(line, flush=True)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=6)
    parser.add_argument("--days", type=int, default=16)
    parser.add_argument("--pods", type=int, default=12)
    parser.add_argument("--seeds", default="0-2")
    parser.add_argument("--series", type=int, default=100_000)
    parser.add_argument("--only", choices=("cost", "fleet", "first"))
    asked = parser.parse_args()
    if asked.only in (None, "cost"):
        cost(asked.rows)
    if asked.only in (None, "first"):
        first(asked.series)
    if asked.only in (None, "fleet"):
        begin, _, end = asked.seeds.partition("-")
        fleet(asked.pods, asked.days, list(range(int(begin), int(end or begin) + 1)))


if __name__ == "__main__":
    main()
