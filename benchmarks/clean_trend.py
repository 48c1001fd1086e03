"""What forecasters make of the simplest case there is: a straight line to its limit, and beside it lines that stay.

Usage: python benchmarks/clean_trend.py [--models exhaustion combined harmonic isolation sarimax] [--series 8] [--days 4]
       [--begun 10] [--seed 0]

Every second of `--series` falls to its limit along a straight line that began `--begun` days before the `--days` that are
replayed, at some time in these; before it, and the others throughout, it stays. Ten days of history. Half of either have a daily
wave of a twentieth of the way. Noise: a hundredth of the way; 5-min steps; a card for each model with a horizon of a day,
`everything` for the second tier, which is fitted anew every three hours. By `aiops backtest`, so as the daemon would tell and
judge them. Told are hits, late, false and missed ones, the median lead of the hits and the seconds it took.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

STEP, DAY, BEFORE, BEGIN = 300, 86400, 10, 1_749_945_600
FIRST = {"exhaustion", "combined", "harmonic", "holt_winters", "seasonal"}


def write(folder: Path, series: int, days: int, begun: float, seed: int) -> None:
    """The recording: free shares with a limit of 0.1."""
    rng = np.random.default_rng(seed)
    t = BEGIN + STEP * np.arange((BEFORE + days) * DAY // STEP)
    (folder / "series").mkdir(parents=True)
    for i in range(series):
        way = (begun + rng.uniform(0.3, 0.9) * days) * DAY
        share = np.maximum(t - BEGIN - (BEFORE - begun) * DAY, 0.0) / way if i % 2 == 0 else 1 / 3
        wave = 0.05 * np.sin(2 * np.pi * t / DAY) if i % 4 < 2 else 0.0
        y = 0.9 - 0.8 * (share + wave + 0.01 * rng.normal(size=len(t)))
        first = int(np.argmax(y < 0.1)) if (y < 0.1).any() else len(y)
        y[first:] = 0.05  # one crossing a series: noise makes no others
        pq.write_table(pa.table({"time": t, "free": np.clip(y, 0.0, 1.0)}), folder / "series" / f"s{i:02d}.parquet")


def card(model: str) -> str:
    params = {} if model in FIRST else {"everything": True}
    forecast = {"model": model, "limit": {"below": 0.1}, "horizon": "1d", "params": params}
    about = {"apiVersion": "aiops/v1", "kind": "ModelCard", "name": f"clean_{model}", "owner": {"team": "t"}}
    watched = {"query": "free", "step": "5m", "history": f"{BEFORE}d", "entity": ["entity"]}
    return json.dumps(about | watched | {"summary": "A share falls to its limit.", "forecast": forecast})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", nargs="+", default=["exhaustion", "combined", "harmonic", "isolation", "sarimax"])
    parser.add_argument("--series", type=int, default=8)
    parser.add_argument("--days", type=int, default=4)
    parser.add_argument("--begun", type=float, default=BEFORE)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write(folder / "rec", args.series, args.days, args.begun, args.seed)
        print(f"{'model':12} {'hit':>4} {'late':>5} {'false':>6} {'missed':>7} {'lead':>8} {'seconds':>8}")
        for model in args.models:
            path = folder / f"clean_{model}.yaml"
            path.write_text(card(model))
            how = ["--data", str(folder / "rec"), "--card", str(path), "--since", f"{args.days}d", "--workers", "1", "-o", "json"]
            command = [sys.executable, "-m", "aiops", "backtest", *how]
            begun = time.monotonic()
            ran = subprocess.run(command, capture_output=True, text=True, check=False)
            if ran.returncode not in (0, 1):
                sys.exit(ran.stderr)
            rows = [json.loads(line) for line in ran.stdout.splitlines()]
            ours = next(row for row in rows if row["method"] == "aiops")
            lead = "-" if ours["median_lead_s"] is None else f"{ours['median_lead_s'] / 3600:.1f} h"
            counts = f"{ours['hit']:4d} {ours['late']:5d} {ours['false']:6d} {ours['missed']:7d}"
            print(f"{model:12} {counts} {lead:>8} {time.monotonic() - begun:8.0f}", flush=True)


if __name__ == "__main__":
    main()
