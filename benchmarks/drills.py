"""Live drills: five failures in five variants, each with its look-alike, real exporters, real rules, one real Prometheus.

Usage: python benchmarks/drills.py [--seeds 0] [--days 9] [--horizons 6h] [--lasts 7h-26h] [--work DIR] [--keep DIR]
       python benchmarks/drills.py --live [--lasts 5m-7m] [--seeds 0] [--only REGEX] [-o json] [--work DIR]

Every thing of a drill is a process that really leaks, fills, queues, expires, or holds connections; its days until now are what
it said itself on a recorded clock, once a minute, loaded with promtool; when its rule fired is what Prometheus' own engine says
of its expression, `for:` added. With --live they go on under a real scrape, real rules and a real daemon, on a clock on which a
day takes four minutes; then two hours of it were recorded before.

Time available: from the first instant at which an oracle that knows the true slope puts the crossing inside the horizon, to the
firing. Told is which share of it the warning left; * marks warnings that did not come true by the latest time they told.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import signal
import sys
import tempfile
import time
from collections import defaultdict

import drill_live
import numpy as np
from common import Server, prometheus
from drill_courses import FOR_S, Drill
from drill_exporter import rules
from drill_judge import Warned, judged, table
from drill_stage import alerts, drill_of, drills_of, file_systems, put_alerts, record
from drill_turns import by_daemon

from aiops.core.durations import seconds
from aiops.rules.program import program
from aiops.rules.served import served_in
from aiops.scan.past import STEP_S, Past, grid, replay
from aiops.scan.rows import View
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits

DAY = 86400
STEP = 60
GAP_S = 1800.0
"""Warnings closer than this are one."""
JUDGED_S = 2 * DAY


def by_scan(server: Server, now_s: int, days: float, horizon_s: float, drills: dict[str, Drill]) -> Warned:
    """When `aiops scan` would have told of each drill, asked every 5 minutes."""
    source = PrometheusSource("drills", PrometheusParams(url=server.url), ReadLimits(seconds=60))
    source.query_api_only = True
    served = served_in(source.alerting_rules(), source.name)
    first, last = grid(now_s, int(days * DAY))
    time_s = np.arange(first, last + 1, STEP_S)
    leaves = [leaf for one in served for leaf in one.compiled.leaves]
    blocks = {leaf.expr: source.fetch(leaf.expr, first, last, STEP_S).block for leaf in leaves}
    past = Past.of(leaves, blocks, time_s)
    columns = np.arange(len(time_s) - JUDGED_S // STEP_S, len(time_s))
    told = replay(past, columns, horizon_s)
    assert told is not None
    view = View.of(past, told, columns, frozenset())
    found: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in served:
        for labels, formula in view.formulas(one):
            times = program([formula], len(past.leaves)).crossing(view.times.transpose(1, 0, 2))[0]
            name = drill_of(labels, drills)
            found[name] += warnings(told.look_s.astype(float), times[:, 2] + one.hold_s)
    return found


def warnings(look_s: np.ndarray, latest_s: np.ndarray) -> list[tuple[float, float]]:
    """Stretches of looks at which a crossing was told, those closer than GAP_S being one, each with the latest time told."""
    up = np.flatnonzero(np.isfinite(latest_s))
    if not len(up):
        return []
    parts = np.split(up, np.flatnonzero(np.diff(look_s[up]) > GAP_S) + 1)
    return [(float(look_s[part[0]]), float(np.max(latest_s[part]))) for part in parts]


def recorded(
    seed: int, days: float, lasts_s: tuple[float, float], work: pathlib.Path
) -> tuple[int, dict[str, Drill], dict[str, float]]:
    """(the newest instant, drills, when each fired first); what is there of an earlier run is taken as it is."""
    kept = work / "fired.json"
    if kept.exists():
        found = json.loads(kept.read_text())
        return found["now_s"], {drill.name: drill for drill in drills_of(seed, found["now_s"], lasts_s)}, found["fired"]
    now_s = int(time.time()) // STEP_S * STEP_S - STEP_S
    drills = {drill.name: drill for drill in drills_of(seed, now_s, lasts_s)}
    with file_systems(list(drills.values()), work) as mounts:
        record(list(drills.values()), mounts, work, np.arange(now_s - int(days * DAY), now_s + 1, STEP))
    with prometheus(work, rules(DAY, FOR_S, STEP, f"{work}/mnt/.*")) as server:
        alerts_found = list(alerts(server, now_s - int(days * DAY), now_s, STEP))
    put_alerts(alerts_found, work)
    fired = {drill_of(labels, drills): float(at[0]) for labels, at in alerts_found if len(at)}
    wrong = set(fired) ^ {drill.name for drill in drills.values() if not drill.alike}
    if wrong:
        raise SystemExit(f"fired and should not, or did not and should: {sorted(wrong)}")
    kept.write_text(json.dumps({"now_s": now_s, "fired": fired}))
    return now_s, drills, fired


def one_seed(
    seed: int, days: float, lasts_s: tuple[float, float], horizons: list[float], work: pathlib.Path
) -> None:
    """Record, load, replay, judge."""
    began = time.monotonic()
    now_s, drills, fired = recorded(seed, days, lasts_s, work)
    print(f"seed {seed}: recorded and loaded in {time.monotonic() - began:.0f} s", flush=True)
    with prometheus(work, rules(DAY, FOR_S, STEP, f"{work}/mnt/.*")) as server:
        for horizon_s in horizons:
            began = time.monotonic()
            warned = by_scan(server, now_s, days, horizon_s, drills)
            verdicts = judged(list(drills.values()), fired, warned, horizon_s, now_s - JUDGED_S)
            took = time.monotonic() - began
            print(f"\nseed {seed}, scan, horizon {horizon_s / 3600:.0f} h, {took:.0f} s\n{table(verdicts)}", flush=True)
            began, first_s = time.monotonic(), int(min(drill.begin_s for drill in drills.values())) // STEP * STEP - 3600
            warned, loud = by_daemon(server, first_s, now_s, horizon_s, drills, work)
            verdicts = judged(list(drills.values()), fired, warned, horizon_s, first_s)
            took, loud_alike = time.monotonic() - began, sum(n for name, n in loud.items() if drills[name].alike)
            said = f"{took:.0f} s, {loud_alike} look-alikes louder than shadow"
            print(f"\nseed {seed}, daemon, horizon {horizon_s / 3600:.0f} h, {said}\n{table(verdicts)}", flush=True)


def one_live(seed: int, lasts_s: tuple[float, float], work: pathlib.Path, only: str, as_json: bool) -> None:
    """The drills of one seed, live."""
    drills, seen = drill_live.run(seed, lasts_s, work, only)
    horizon_s = seconds(str(drill_live.CARD["horizon"]))
    verdicts = judged(list(drills.values()), seen.fired, seen.warned, horizon_s, seen.began_s)
    if as_json:
        for one in verdicts:
            print(json.dumps({
                "drill": one.drill.name, "alike": one.drill.alike, "available_s": one.available_s, "used": one.used,
                "early": one.early, "loud": seen.loud.get(one.drill.name, 0), "passed": one.passed,
            }))  # fmt: skip
        return
    loud = sum(count for name, count in seen.loud.items() if drills[name].alike)
    print(f"\nseed {seed}, live, {loud} look-alikes louder than shadow\n{table(verdicts)}", flush=True)


def main() -> None:
    """All seeds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--days", type=float, default=9)
    parser.add_argument("--horizons", default="6h")
    parser.add_argument("--live", action="store_true")
    parser.add_argument("--lasts", help="how long each takes to its limit: 7h-26h, with --live 5m-7m")
    parser.add_argument("--only", default="", help="a regular expression on the drills' names, with --live")
    parser.add_argument("-o", dest="output", choices=("text", "json"), default="text", help="with --live")
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="keep what was recorded here, and take it the next time")
    asked = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was mounted and started ends with it
    shortest, _, longest = (asked.lasts or ("5m-7m" if asked.live else "7h-26h")).partition("-")
    lasts_s = seconds(shortest), seconds(longest or shortest)
    first, _, last = asked.seeds.partition("-")
    for seed in range(int(first), int(last or first) + 1):
        with contextlib.ExitStack() as stack:
            work = asked.keep or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(dir=asked.work)))
            folder = (work / f"seed-{seed}").absolute()
            folder.mkdir(parents=True, exist_ok=True)
            if asked.live:
                one_live(seed, lasts_s, folder, asked.only, asked.output == "json")
            else:
                one_seed(seed, asked.days, lasts_s, [seconds(text) for text in asked.horizons.split(",")], folder)


if __name__ == "__main__":
    main()
