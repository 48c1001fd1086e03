"""Exhaustion forecasts by the forecaster alone, without the turn: on a grid of 5 min, a look every 20 min, 64 series at a time.

Usage: python benchmarks/exhaustion_alone.py [BENCH] [--seeds 3000-3001] [--extra MODULE] [--keep DIR]
BENCH, --keep   as for exhaustion.py beside this, whose corpus, scorer and table it has; no baselines
--extra   the kinds of a module in place of the corpus' own

A tenth of the time of `exhaustion.py`, for sets of kinds that are too many to be lived turn by turn. Figures differ from those by
a little: the turn looks as often as the step of a series is, and waits for `persistence`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from exhaustion import command, extra_of, run, show, written

from aiops.core.records import Limit
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

STEP_S, LOOKS, BLOCK = 300, 4, 64
HORIZON_S = 14 * 86400
RESETS = {None: 0, "daily": 1, "monthly": 2}
Floats = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class Series:
    """One metric of one entity: its times, values and limit."""

    entity: str
    metric: str
    time_s: Floats
    values: Floats
    limit: Mapping[str, Any]

    @property
    def day_s(self) -> int:
        """When the day began in which its first sample lies."""
        return int(self.time_s[0]) // 86400 * 86400

    def limit_at(self, now_s: int) -> float:
        """Its limit; before the first of its steps that one."""
        steps = self.limit.get("steps")
        if not steps:
            return float(self.limit.get("above", self.limit.get("below")))
        return float([value for since, value in steps if since <= max(now_s, steps[0][0])][-1])


def read(corpus: Path) -> list[Series]:
    """All that have a limit, those that last alike side by side."""
    limits = json.loads((corpus / "limits.json").read_text())
    found = []
    for entity, metrics in limits.items():
        table = pq.read_table(corpus / "series" / f"{entity}.parquet")
        for metric, limit in metrics.items():
            found.append(Series(entity, metric, table["time"].to_numpy(), table[metric].to_numpy().astype(np.float64), limit))
    return sorted(found, key=lambda one: float(one.time_s[-1]) - one.day_s)


def told(block: list[Series]) -> Iterator[dict[str, Any]]:
    """What is said of a block, whose series all begin on the day 0 of one window, each `shift_s` later in truth."""
    n, base = len(block), min(one.day_s for one in block)
    shift = np.array([one.day_s - base for one in block])
    ends = np.array([int(one.time_s[-1]) for one in block])
    grid = np.full((n, int((ends - shift).max() - base) // STEP_S + 1), np.nan)
    for row, one in enumerate(block):
        grid[row, (one.time_s - one.day_s).astype(np.int64) // STEP_S] = one.values
    window, model = Window.open(None, STEP_S, n), Exhaustion(ExhaustionParams(), STEP_S)
    rows, state = window.rows_for([{"row": str(row)} for row in range(n)], shift), model.initial(n)
    above = np.array(["above" in one.limit for one in block])
    resets = np.array([RESETS[one.limit.get("resets")] for one in block], np.int8)
    times, latest = base + STEP_S * np.arange(grid.shape[1]), np.full(n, np.nan)
    for first in range(0, grid.shape[1] - LOOKS + 1, LOOKS):
        part = grid[:, first : first + LOOKS]
        window.append(rows, times[first : first + LOOKS], part)
        for column in part.T:
            latest = np.where(np.isfinite(column), column, latest)
        now = times[first + LOOKS - 1] + shift
        values = np.array([one.limit_at(int(at)) for one, at in zip(block, now, strict=True)])
        limit = Limit(values, above, np.full(n, np.nan), resets)
        look = np.flatnonzero(model.screen(state, latest, limit, now) & (now <= ends + LOOKS * STEP_S))
        if not len(look):
            continue
        some = {name: array[look] for name, array in state.items()}
        history = window.history(rows[look], int(times[first + LOOKS - 1]))
        said = model.crossings(some, history, limit.take(look), HORIZON_S)
        for name, array in some.items():
            state[name][look] = array
        for at_row in np.flatnonzero(np.isfinite(said.time_s[:, 1])).tolist():
            one, at = block[look[at_row]], int(now[look[at_row]])
            early, expected, late = said.time_s[at_row].tolist()
            yield {"entity": one.entity, "metric": one.metric, "kind": "exhaustion", "at": at, "end": at + LOOKS * STEP_S,
                   "earliest": early, "expected_at": expected, "latest": late}  # fmt: skip


def measure(args: argparse.Namespace, folder: Path) -> None:
    corpus, lines = folder / "corpus", folder / "alone.jsonl"
    written(args, corpus)
    if args.extra:
        corpus = extra_of(args.bench, corpus, folder)
    series, begun = read(corpus), time.monotonic()
    with lines.open("w") as file:
        for first in range(0, len(series), BLOCK):
            file.writelines(json.dumps(line) + "\n" for line in told(series[first : first + BLOCK]))
    title = f"the kinds of {args.extra or 'the corpus'}, seeds {args.seeds}"
    show(title, args.bench, corpus, {"aiops": lines}, {"aiops": time.monotonic() - begun})


if __name__ == "__main__":
    run(command(__doc__, "3000-3001"), measure)
