"""How long `aiops scan` takes on many rules, from a real Prometheus.

Usage: python benchmarks/scan.py [--rules 500] [--series 20] [--days 1] [--work DIR]

Makes the series (5-minute samples; a tenth of them rises steadily to a limit that is hours away), loads them into Debian's
Prometheus with one alerting rule for each metric, every fifth with a guard, every tenth on a ratio of two metrics, and runs
`aiops scan` as people do. Time and memory are those of the whole command, the server's CPU is told beside them.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import time

import numpy as np
from common import load, prometheus

STEP, AHEAD = 300, 3600


def values(rule: int, series: int, count: int) -> np.ndarray:
    """(series, count): levels of their own, with noise; a tenth rises over the whole time."""
    rng = np.random.default_rng(rule)
    level = rng.uniform(0.1, 0.4, series)[:, None] + rng.normal(0, 0.004, (series, count))
    rising = (np.arange(series) + rule) % 10 == 0
    return level + rising[:, None] * np.linspace(0, rng.uniform(0.2, 0.4), count)


def openmetrics(path: pathlib.Path, rules: int, series: int, days: float, now_s: int) -> None:
    """All samples; an hour more of the last value, so that the server has something to evaluate while it is asked."""
    times = np.arange(now_s - int(days * 86400) - 3600, now_s + 1, STEP)
    with path.open("w") as f:
        for rule in range(rules):
            name = f"bench_{rule:04d}_used_ratio"
            f.write(f"# TYPE {name} gauge\n")
            for i, row in enumerate(values(rule, series, len(times))):
                head = f'{name}{{instance="host-{i:05d}",job="bench"}}'
                f.write("".join(f"{head} {v:.5f} {t}\n" for t, v in zip(times.tolist(), row.tolist(), strict=True)))
                f.write("".join(f"{head} {row[-1]:.5f} {now_s + k}\n" for k in range(60, AHEAD, 60)))
        f.write("# EOF\n")


def rule_file(rules: int) -> str:
    """One rule for each metric, all in one group."""
    out = []
    for rule in range(rules):
        name = f"bench_{rule:04d}_used_ratio"
        expr = f"{name} > 0.9"
        if rule % 10 == 0:
            expr = f"{name} / (1 + 0 * {name}) > 0.9"
        elif rule % 5 == 0:
            expr = f"{name} > 0.9 and {name} >= 0.05"
        out.append({"alert": f"Bench{rule:04d}", "expr": expr, "for": "5m", "labels": {"severity": "page"}})
    return json.dumps({"groups": [{"name": "bench", "interval": "1m", "rules": out}]})


def main() -> None:
    """Make, load, scan, tell."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rules", type=int, default=500)
    parser.add_argument("--series", type=int, default=20)
    parser.add_argument("--days", type=float, default=1)
    parser.add_argument("--work", type=pathlib.Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.work) as name:
        folder, now_s = pathlib.Path(name), int(time.time()) // STEP * STEP
        openmetrics(folder / "samples.om", asked.rules, asked.series, asked.days, now_s)
        load(folder / "samples.om", folder)
        with prometheus(folder, rule_file(asked.rules)) as server:
            before, began = server.cpu(), time.monotonic()
            command = [sys.executable, "-m", "aiops", "scan", "--prometheus", server.url, "-o", "json"]
            found = subprocess.run(command, capture_output=True, text=True, check=True)
            took, used = time.monotonic() - began, server.cpu() - before
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    states, records = collections.Counter(row["state"] for row in rows), sum(row["record"]["computed"] for row in rows)
    mine = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{asked.rules} rules, {len(rows)} rows {dict(states)}, {records} with a record, in {took:.1f} s")
    print(f"peak memory {mine.ru_maxrss / 1024:.0f} MiB of the largest process, server CPU {used:.1f} s")
    print(found.stderr.splitlines()[-1])


if __name__ == "__main__":
    main()
