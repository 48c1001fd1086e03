"""How long `aiops backtest` takes, and how much memory, on three shapes of recording made here.

Usage: python benchmarks/backtest_speed.py [--shape drifting fleet cards] [--scale 1.0] [--days 30] [--work DIR]

drifting   424 entities with one limited metric each (a few with two), 3 to 13 days of minutes or of 5 minutes, begun at
           instants spread over a year, every clock drifting by a second now and then, gaps and missing rows: 1.4 million rows
fleet      20 machines x 38 metrics x 5 weeks of minutes: 38 million samples, no limits
cards      1,000 disks x 30 days of minutes under one card with a limit, a detector and a cohort, compared with every baseline by
           two workers, with a report; some fill, some fill and are emptied, the others follow the day

Each is replayed by the command in processes of its own. Beside it, in the same run: scikit-learn's IsolationForest (100
trees) as a named peer, one forest an entity, asked once a turn as a loop over live data must; measured on 200 turns and
multiplied up to one turn a row. CPU and peak RSS are of all processes
together.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

START = 1_767_571_200
DAY = 86400
Table = tuple[str, np.ndarray, dict[str, np.ndarray], dict[str, float]]


def drifting(scale: float) -> Iterator[Table]:
    """Entities on clocks of their own; half of them grow towards their limit."""
    rng = np.random.default_rng(11)
    for i in range(int(424 * scale)):
        step = 60 if i % 7 == 0 else 300
        count = int(rng.uniform(3, 8) * DAY / 60) if step == 60 else int(rng.uniform(5, 13) * DAY / 300)
        begin = START + int(rng.integers(0, 300)) * DAY + int(rng.integers(0, DAY // 60)) * 60
        late = np.cumsum(rng.random(count) < 0.004)
        time_s = begin + step * np.arange(count) + late
        kept = rng.random(count) > rng.uniform(0, 0.012)
        at = int(rng.integers(0, count - count // 50))
        kept[at : at + count // 50] = False
        metrics = {}
        for metric in ("disk_used", "inodes_used")[: 2 if i % 17 == 0 else 1]:
            grown = np.clip(np.arange(count) / count - rng.uniform(0.2, 0.6), 0, None) * (rng.uniform(0.5, 2) if i % 2 else 0.02)
            day = 0.05 * np.sin(2 * np.pi * time_s / DAY)
            metrics[metric] = (0.3 + grown + day + rng.normal(0, 0.006, count))[kept]
        yield f"node-{i:03d}", time_s[kept], metrics, dict.fromkeys(metrics, 0.95)


def fleet(scale: float) -> Iterator[Table]:
    """Machines with a daily course, noise of their own and now and then a burst."""
    rng = np.random.default_rng(12)
    count = 35 * DAY // 60
    time_s = START + 60 * np.arange(count)
    for i in range(max(1, int(20 * scale))):
        metrics = {}
        for m in range(38):
            day = rng.uniform(0, 2) * np.sin(2 * np.pi * time_s / DAY + rng.uniform(0, 6))
            burst = np.zeros(count)
            for at in rng.integers(0, count - 60, 8):
                burst[at : at + 30] = rng.uniform(2, 12)
            metrics[f"m{m:02d}"] = 10 + day + burst + rng.normal(0, rng.uniform(0.1, 1), count)
        yield f"machine-{i:02d}", time_s, metrics, {}


def disks(scale: float, days: int) -> Iterator[Table]:
    """What one card watches: one in twelve fills in the end, one in twelve is emptied before, the others follow the day."""
    rng = np.random.default_rng(13)
    count = days * DAY // 60
    time_s = START + 60 * np.arange(count)
    for i in range(max(1, int(1000 * scale))):
        day = 0.03 * np.sin(2 * np.pi * time_s / DAY + rng.uniform(0, 6))
        grown = np.zeros(count)
        if i % 12 < 2:
            first = int(rng.uniform(0.2, 0.8) * count)
            hours = rng.uniform(12, 72)
            grown = np.clip((np.arange(count) - first) / (60 * hours), 0, 1.1) * 0.7
            if i % 12 == 1:
                grown[first + int(60 * hours * 0.7) :] = 0.0
        x = 0.3 + day + grown + rng.normal(0, 0.004, count)
        kept = rng.random(count) > 0.002
        yield f"disk-{i:04d}", time_s[kept], {"disk": x[kept]}, {}


CARD = {
    "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "disk", "owner": {"team": "benchmark"}, "query": "disk",
    "summary": "A disk fills up.", "entity": ["entity"], "cohort": ["metric"], "step": "1m", "history": "35d",
    "forecast": {"limit": {"above": 1.0}, "horizon": "3d"}, "detect": {"model": "seasonal"},
    "guards": {"persistence": "3/5"},
}  # fmt: skip
SHAPES = {"drifting": drifting, "fleet": fleet}


def cards(folder: pathlib.Path, scale: float, days: int, workers: int) -> None:
    """One card over what it watches; the table of the command, and what it took."""
    entities, _, samples, _ = write(folder / "rec", disks(scale, days))
    (folder / "disk.yaml").write_text(json.dumps(CARD))
    options = ["--data", folder / "rec", "--card", folder / "disk.yaml", "--workers", workers, "--report", folder / "r.html"]
    o = measured(options)
    turns = days * DAY // 60
    print(f"cards: {entities} series, {turns} turns, {samples} samples, {workers} workers: {o['wall_s']:.0f} s wall, "
          f"{o['cpu_s']:.0f} s CPU ({1e6 * o['cpu_s'] / samples:.1f} µs a sample), {o['rss_mib']:.0f} MiB")  # fmt: skip
    for line in map(json.loads, o["out"].splitlines()):
        print({name: line[name] for name in ("method", "warnings", "hit", "late", "false", "missed", "median_lead_s")})


def write(folder: pathlib.Path, tables: Iterator[Table]) -> tuple[int, int, int, int]:
    """Write a recording; (entities, rows, samples, distinct instants)."""
    (folder / "series").mkdir(parents=True)
    limits, samples, times = {}, 0, []
    for entity, time_s, metrics, above in tables:
        columns = {"time": pa.array(time_s)} | {name: pa.array(x.astype(np.float32)) for name, x in metrics.items()}
        pq.write_table(pa.table(columns), folder / "series" / f"{entity}.parquet")
        limits[entity] = {metric: {"above": limit, "unit": "1"} for metric, limit in above.items()}
        samples += len(time_s) * len(metrics)
        times.append(time_s)
    (folder / "limits.json").write_text(json.dumps(limits))
    return len(times), sum(map(len, times)), samples, len(np.unique(np.concatenate(times)))


def ours(folder: pathlib.Path) -> dict[str, Any]:
    """The command itself: wall and CPU seconds, and the largest memory of all its processes together, MiB."""
    o = measured(["--data", folder, "--warnings", folder / "warnings.jsonl", "--score-floor", "1"])
    return o | {"lines": json.loads(o["out"].splitlines()[-1])["lines"]}


def measured(options: list[object]) -> dict[str, Any]:
    """One run of the command: wall and CPU seconds and peak MiB of all its processes together, and what it printed."""
    command = [sys.executable, "-m", "aiops", "backtest", *map(str, options), "-o", "json"]
    began, cpu, peak = time.monotonic(), {}, 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        whole = psutil.Process(process.pid)
        while process.poll() is None:
            memory = 0
            for one in [whole, *whole.children(recursive=True)]:
                with contextlib.suppress(psutil.Error):
                    used = one.cpu_times()
                    cpu[one.pid], memory = used.user + used.system, memory + one.memory_info().rss
            peak = max(peak, memory)
            time.sleep(0.2)
        out = process.stdout.read()
    return {"wall_s": time.monotonic() - began, "cpu_s": sum(cpu.values()), "rss_mib": peak / 2**20, "out": out}


def peer(folder: pathlib.Path, turns: int, asked: int = 200) -> float:
    """Seconds that one isolation forest an entity would take for as many turns, fitted once."""
    from sklearn.ensemble import IsolationForest

    path = sorted((folder / "series").iterdir())[0]
    table = pq.read_table(path)
    x = np.stack([table[name].to_numpy() for name in table.column_names if name != "time"], axis=1)
    forest = IsolationForest(n_estimators=100, random_state=0).fit(x[:2016])
    began = time.monotonic()
    for row in x[2016 : 2016 + asked]:
        forest.score_samples(row[None])
    return (time.monotonic() - began) / asked * turns


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--shape", nargs="+", choices=[*SHAPES, "cards"], default=[*SHAPES, "cards"])
    p.add_argument("--days", type=int, default=30, help="of the shape cards")
    p.add_argument("--workers", type=int, default=2, help="of the shape cards")
    p.add_argument("--scale", type=float, default=1.0, help="share of the entities")
    p.add_argument("--work", type=pathlib.Path)
    a = p.parse_args()
    columns = ("shape", "entities", "rows", "instants", "samples", "lines", "wall s", "CPU s", "µs/sample", "RSS MiB", "forest s")
    print(f"{columns[0]:<9}", *(f"{name:>9}" for name in columns[1:]))
    for shape in a.shape:
        with tempfile.TemporaryDirectory(dir=a.work) as work:
            folder = pathlib.Path(work) / shape
            if shape == "cards":
                cards(folder, a.scale, a.days, a.workers)
                continue
            entities, rows, samples, instants = write(folder, SHAPES[shape](a.scale))
            o = ours(folder)
            counts = "".join(f" {n:>9}" for n in (entities, rows, instants, samples, o["lines"]))
            each, forest = 1e6 * o["cpu_s"] / samples, peer(folder, rows)
            costs = f"{o['wall_s']:>9.0f} {o['cpu_s']:>9.0f} {each:>9.1f} {o['rss_mib']:>9.0f} {forest:>9.0f}"
            print(f"{shape:<9}{counts} {costs}", flush=True)


if __name__ == "__main__":
    main()
