"""The courses of the drills through the forecaster alone, without exporters, servers or a daemon: many seeds in a minute.

Usage: python benchmarks/drill_replay.py [--seeds 0-5] [--step 5s] [--day 4m] [--days 30] [--lasts 5m-7m] [--for 30s]
           [--horizon 6h] [--params JSON]

The levels are those of `drill_courses`, rounded as the things of `drill_exporter` round them; each look is one that a daemon
would take. Prints of each failure in how many seeds at least four of five variants were warned of with half of the time left,
the median share used by variant, and which share of its look-alikes was warned of.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from drill_courses import FAILURES, VARIANTS, Drill, Floats, course_of
from drill_judge import ENOUGH, Verdict, judged
from drill_stage import drills_of

from aiops.core.durations import seconds
from aiops.core.records import Limit
from aiops.models.alerts_card import FORECAST
from aiops.models.exhaustion import Exhaustion, ExhaustionParams
from aiops.telemetry.window import Window

QUANTA = {"memory": 1 / 346, "filesystem": 1 / 3686, "queue": 1 / 18_000, "pool": 1 / 360}
"""By what share of the way a thing moves at least: chunks of memory, pages, messages, connections."""
NOW_S = 1_790_000_000 // 3600 * 3600
LOOK_S, LEAD_DAYS, CHUNK = 300, 2.0, 512


@dataclass(slots=True)
class Row:
    """One drill: its levels, when its alert fires (NaN: never), and the warnings so far as in `drill_judge.Warned`."""

    drill: Drill
    level: Floats
    fired_s: float
    spans: list[list[float]] = field(default_factory=list)
    up: bool = False

    def hear(self, now_s: int, latest_s: float, level: float, for_s: float) -> None:
        """What is told at a look; a condition that holds keeps what stands."""
        if np.isfinite(latest_s) and level <= 1.0:
            if not self.up:
                self.spans.append([now_s, 0.0])
            self.spans[-1][1] = max(self.spans[-1][1], latest_s + for_s, now_s)
            self.up = True
        elif self.up and level > 1.0:
            self.spans[-1][1] = max(self.spans[-1][1], now_s)
        else:
            self.up = False


def rows_of(seeds: Sequence[int], time_s: Floats, lasts_s: tuple[float, float], day_s: float, for_s: float) -> list[Row]:
    """Fifty drills a seed."""
    rows = []
    for drill in (drill for seed in seeds for drill in drills_of(seed, NOW_S, lasts_s, day_s)):
        level, quantum = course_of(drill).level(time_s), QUANTA.get(drill.failure)
        level = level if quantum is None else np.floor(level / quantum) * quantum
        over = level > 1.0
        held = np.lib.stride_tricks.sliding_window_view(over, int(for_s / (time_s[1] - time_s[0])) + 1).all(axis=1)
        at = np.flatnonzero(held)
        rows.append(Row(drill, level, float(time_s[at[0]] + for_s) if len(at) else np.nan))
    return rows


def replay(rows: Sequence[Row], time_s: Floats, from_s: float, model: Exhaustion, horizon_s: float, for_s: float) -> None:
    """Take every look from `from_s` on."""
    n, step_s = len(rows), model.step_s
    levels = np.stack([row.level for row in rows])
    window, limit, state = Window.open(None, step_s, n), Limit.uniform(n, 1.0, True), model.initial(n)
    places, first = window.rows_for([{"row": str(i)} for i in range(n)]), int(np.searchsorted(time_s, from_s))
    window.append(places, time_s[:first].astype(np.int64), levels[:, :first])
    for k in range(first, len(time_s)):
        now_s = int(time_s[k])
        window.append(places, np.array([now_s]), levels[:, k : k + 1])
        if step_s >= 60 and now_s % LOOK_S:
            continue
        latest = np.full(n, np.nan)
        wanted = np.flatnonzero(model.screen(state, window.latest(now_s), limit, np.full(n, now_s)))
        for part in (wanted[i : i + CHUNK] for i in range(0, len(wanted), CHUNK)):
            some = {name: array[part] for name, array in state.items()}
            latest[part] = model.crossings(some, window.history(part, now_s), limit.take(part), horizon_s).time_s[:, 2]
            for name, array in some.items():
                state[name][part] = array
        for i, row in enumerate(rows):
            row.hear(now_s, float(latest[i]), float(levels[i, k]), for_s)


def table(verdicts: Sequence[Verdict], seeds: Sequence[int]) -> str:
    """A line for each failure."""
    lines = [" ".join([f"{'':12}", *(f"{name:>9}" for name in VARIANTS), f"{'4 of 5 in':>12}", f"{'alike':>9}"])]
    for failure in FAILURES:
        mine = [v for v in verdicts if v.drill.failure == failure and not v.drill.alike]
        alike = [v for v in verdicts if v.drill.failure == failure and v.drill.alike]
        used = [np.median([np.nan_to_num(v.used) for v in mine if v.drill.variant == name]) for name in VARIANTS]
        enough = sum(sum(v.passed for v in mine if v.drill.seed == seed) >= ENOUGH for seed in seeds)
        cried = sum(not v.passed for v in alike)
        shares = " ".join(f"{share:9.0%}" for share in used)
        lines.append(f"{failure:12} {shares} {enough:>9} of {len(seeds)} {cried:>4} of {len(alike)}")
    return "\n".join(lines)


def main() -> None:
    """One regime, all its seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0-5")
    parser.add_argument("--step", default="5s")
    parser.add_argument("--day", default="4m", help="how long a day is on their clock")
    parser.add_argument("--days", type=float, default=30, help="how many are known")
    parser.add_argument("--lasts", default="5m-7m")
    parser.add_argument("--for", dest="hold", default="30s")
    parser.add_argument("--horizon", default="6h")
    parser.add_argument("--params", type=json.loads, default=dict(FORECAST), help="of the forecaster; those of rules")
    asked = parser.parse_args()
    first, _, last = asked.seeds.partition("-")
    seeds, (shortest, _, longest) = range(int(first), int(last or first) + 1), asked.lasts.partition("-")
    step_s, day_s, for_s, horizon_s = int(seconds(asked.step)), seconds(asked.day), seconds(asked.hold), seconds(asked.horizon)
    end_s = NOW_S + int(0.3 * seconds(longest or shortest) + for_s)  # what hums around its limit fires late
    time_s = np.arange(NOW_S - int(asked.days * day_s), end_s + 1, step_s).astype(np.float64)
    rows = rows_of(seeds, time_s, (seconds(shortest), seconds(longest or shortest)), day_s, for_s)
    from_s = max(time_s[0] + step_s, min(row.drill.begin_s for row in rows) - day_s / 24, NOW_S - LEAD_DAYS * day_s)
    replay(rows, time_s, from_s, Exhaustion(ExhaustionParams.model_validate(asked.params), step_s), horizon_s, for_s)
    verdicts = []
    for seed in seeds:
        mine = {row.drill.name: row for row in rows if row.drill.seed == seed}
        fired = {name: row.fired_s for name, row in mine.items() if not row.drill.alike}
        warned = {name: [(first_s, last_s) for first_s, last_s in row.spans] for name, row in mine.items()}
        verdicts += judged([row.drill for row in mine.values()], fired, warned, horizon_s, from_s)
    print(table(verdicts, seeds))


if __name__ == "__main__":
    main()
