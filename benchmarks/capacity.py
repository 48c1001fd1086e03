"""Time-to-limit tasks on recorded series: ours beside predict_linear, judged task by task.

Usage: python benchmarks/capacity.py [DATA] [--sets alibaba_mem,llm_aging] [--bench BENCH] [--keep DIR]
DATA  the folder that holds the sets (default ../shared/data); a set has series/ and capacity_tasks.json.

Every limit of the tasks becomes a row of its own and is replayed from the first sample on by `aiops backtest`. A task asks at its
issue time when the limit is first crossed afterwards; null = not before the recording's end.

  in time   of the tasks that cross: a line between the issue and min(1 h, 10 % of what is left) before the crossing
  lead      of those: (crossing - first line) / (crossing - issue)
  wrong     |told - crossing| / (crossing - line) at that line; covered: earliest <= crossing <= latest
  at issue  the same tasks: a line stood at the issue
  denied    of the tasks that do not cross: the share where a line from the issue on told a time that came without a crossing
            within the recording; by the latest end of the interval, where there is one
  charges   on rows that never cross: episodes, once more for every 24 h they stay up, per 100 series-weeks
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from exhaustion import BASELINES, HERE, done

Lines = dict[str, list[dict[str, Any]]]
MERGE_S, HOUR, DAY, WEEK = 1800, 3600, 86400, 604800


def write(source: Path, tasks: list[dict[str, Any]], folder: Path) -> dict[tuple[str, str, float], str]:
    """One recording for each (entity, metric, limit) of the tasks; what each is called."""
    (folder / "series").mkdir(parents=True)
    names: dict[tuple[str, str, float], str] = {}
    limits: dict[str, Any] = {}
    for task in tasks:
        key = (task["entity"], task["metric"], task["threshold"])
        if key in names:
            continue
        names[key] = f"row{len(names):04d}"
        table = pq.read_table(source / "series" / f"{task['entity']}.parquet", columns=["time", task["metric"]])
        known = np.isfinite(table[task["metric"]].to_numpy())
        values = {"time": table["time"].filter(pa.array(known)), "value": table[task["metric"]].filter(pa.array(known))}
        pq.write_table(pa.table(values), folder / "series" / f"{names[key]}.parquet")
        limits[names[key]] = {"value": {task["direction"]: task["threshold"], "unit": "1"}}
    (folder / "limits.json").write_text(json.dumps(limits))
    return names


def read(path: Path) -> Lines:
    lines: Lines = defaultdict(list)
    for text in path.read_text().splitlines():
        line = json.loads(text)
        if line["kind"] == "exhaustion":
            lines[line["entity"]].append(line)
    return lines


def charges(lines: list[dict[str, Any]]) -> int:
    """Episodes, each once more for every whole day it stays up."""
    total, begin, end = 0, None, -np.inf
    for line in lines:
        if line["at"] > end + MERGE_S:
            total += 1 + (0 if begin is None else int((end - begin) // DAY))
            begin = line["at"]
        end = line["end"]
    return total + (0 if begin is None else int((end - begin) // DAY))


def crossed(task: dict[str, Any], lines: list[dict[str, Any]]) -> dict[str, float]:
    """What was said of a task that crosses."""
    issue, crossing = task["issue_time"], task["crossing_time"]
    last = crossing - min(HOUR, 0.1 * (crossing - issue))
    said = [line for line in lines if issue <= line["at"] <= last]
    out = {"in time": bool(said), "at issue": any(issue - MERGE_S < line["at"] <= issue for line in lines)}
    if not said:
        return out
    first = said[0]
    out["lead"] = (crossing - first["at"]) / (crossing - issue)
    out["wrong"] = abs(first["expected_at"] - crossing) / (crossing - first["at"])
    if first.get("latest") is not None:
        out["covered"] = first["earliest"] <= crossing <= first["latest"]
    return out


def denied(task: dict[str, Any], lines: list[dict[str, Any]]) -> bool:
    """Whether a time was told that came without a crossing."""
    said = (line for line in lines if line["at"] >= task["issue_time"])
    return any((line.get("latest") or line["expected_at"]) < task["observed_until"] for line in said)


def score(tasks: list[dict[str, Any]], names: dict[tuple[str, str, float], str], lines: Lines) -> dict[str, float]:
    """The figures of the module's text."""
    found: dict[str, list[float]] = defaultdict(list)
    for task in tasks:
        own = lines.get(names[task["entity"], task["metric"], task["threshold"]], [])
        if task["crossing_time"] is None:
            found["denied"].append(denied(task, own))
        else:
            for key, value in crossed(task, own).items():
                found[key].append(value)
    out = {key: float((np.median if key in ("lead", "wrong") else np.mean)(values)) for key, values in found.items()}
    out["charges"] = calm_rate(tasks, names, lines)
    return out


def calm_rate(tasks: list[dict[str, Any]], names: dict[tuple[str, str, float], str], lines: Lines) -> float:
    """Charges per 100 series-weeks on the rows that no task sees cross, from the first issue on."""
    calm: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for task in tasks:
        calm[names[task["entity"], task["metric"], task["threshold"]]].append(task)
    total, span = 0, 0.0
    for name, own in calm.items():
        if any(task["crossing_time"] is not None for task in own):
            continue
        begin = min(task["issue_time"] for task in own)
        total += charges([line for line in lines.get(name, []) if line["at"] >= begin])
        span += own[0]["observed_until"] - begin
    return 100 * total / (span / WEEK) if span else float("nan")


def measure(source: Path, bench: Path, folder: Path) -> None:
    """Replay one set and print its table."""
    tasks = json.loads((source / "capacity_tasks.json").read_text())["tasks"]
    names = write(source, tasks, folder / "rows")
    crossing = sum(task["crossing_time"] is not None for task in tasks)
    print(f"\n{source.name}: {len(tasks)} tasks on {len(names)} rows, {crossing} cross")
    titles = ("in time", "at issue", "lead", "wrong", "covered", "denied", "charges")
    print(" " * 50 + "".join(f"{title:>10}" for title in titles))
    jobs: dict[str, list[Any]] = {"aiops": ["-m", "aiops", "backtest", "--data", folder / "rows", "--warnings"]}
    jobs |= {name: [bench / "baselines_exhaustion.py", folder / "rows"] for name in BASELINES}
    for number, (name, job) in enumerate(jobs.items()):
        out = folder / f"{number}.jsonl"
        done(*job, out, *BASELINES.get(name, []))
        result = score(tasks, names, read(out))
        cells = [f"{result[t]:10.1f}" if t == "charges" else f"{result.get(t, np.nan):10.0%}" for t in titles]
        print(f"{name:<50}" + "".join(cells), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=HERE.parent.parent / "shared" / "data")
    parser.add_argument("--sets", default="alibaba_mem,llm_aging")
    parser.add_argument("--bench", type=Path, default=HERE.parent.parent / "shared" / "bench")
    parser.add_argument("--keep", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for name in args.sets.split(","):
            if not (args.data / name / "capacity_tasks.json").is_file():
                sys.exit(f"{args.data / name}: no capacity_tasks.json there; give the folder of the sets as an argument")
            measure(args.data / name, args.bench, (args.keep or Path(scratch)) / name)


if __name__ == "__main__":
    main()
