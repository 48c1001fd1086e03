"""What one steady turn costs: read the new points from a real Prometheus, score, forecast, decide, persist.

Usage: python benchmarks/steady_turn.py [--series 1000 10000 20000] [--turns 12] [--work DIR]

Makes the series (8 h of minutes, a third of them on their way to their limit), loads them into Debian's Prometheus, and runs
the turns of one card with the default detector and forecaster through `pipeline.turn`, one process for each size. Beside
it, on the same server: prometheus-api-client as shipped, reading the same newest points with nothing done to them.
CPU is the process's own user + system time; memory is RssAnon after the turns.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import numpy as np
from common import cpu, load, memory_mib, prometheus

STEP, HOURS = 60, 8
START = 1_790_000_000 // 3600 * 3600
END = START + HOURS * 3600
CARD = """
apiVersion: aiops/v1
kind: ModelCard
name: bench
summary: Every series has a limit and a detector.
owner: {team: bench}
query: bench_used_ratio
unit: "1"
step: 60s
entity: [instance]
forecast: {model: exhaustion, limit: {above: 0.95}, horizon: 1d}
detect: {model: seasonal}
guards: {persistence: 3/5}
"""


def openmetrics(path: pathlib.Path, series: int) -> None:
    """Series around a level of their own; a third of them rise steadily, none reaches its limit."""
    rng = np.random.default_rng(7)
    count = HOURS * 60 + 1
    level, slope = rng.uniform(0.2, 0.6, series), np.where(np.arange(series) % 3 == 0, rng.uniform(0, 0.2, series), 0)
    t = np.linspace(0, 1, count)
    with path.open("w") as f:
        f.write("# TYPE bench_used_ratio gauge\n")
        for i in range(series):
            values = level[i] + slope[i] * t + rng.normal(0, 0.01, count)
            name = f'bench_used_ratio{{instance="host-{i // 4:05d}",disk="{i % 4}",job="bench"}}'
            f.write("".join(f"{name} {v:.5f} {START + STEP * j}\n" for j, v in enumerate(values)))
        f.write("# EOF\n")


def ours(url: str, turns: int, folder: pathlib.Path) -> dict:
    """One card's steady turns, in this process."""
    from aiops.config.settings import Settings, SourceSettings
    from aiops.models.card import load_card
    from aiops.pipeline import assemble, keep, turn
    from aiops.store import Store

    card_file = folder / "bench.yaml"
    card_file.write_text(CARD)
    settings = Settings(sources={"prom": SourceSettings.model_validate({"kind": "prometheus", "url": url})}, data_dir=folder)
    store = Store.open("", folder)
    rooms = assemble(settings, [load_card(card_file)], [], store, folder)
    watch = rooms.watches[0]
    first = END - STEP * turns
    began = cpu()
    result = turn(watch, first, rooms)
    assert result.error is None, result.error
    backfill = cpu() - began
    keep.save(watch, folder)
    costs = []
    for now in range(first + STEP, END + 1, STEP):
        began = cpu()
        result = turn(watch, now, rooms)
        assert result.error is None, result.error
        costs.append((cpu() - began, now % 300 == 0))
    looked = [c for c, look in costs if look]
    memory = memory_mib("RssAnon")
    store.close()
    return {
        "series": watch.n, "backfill_s": backfill, "anon_mib": memory, "open": len(watch.open),
        "turn_s": statistics.median(c for c, _ in costs), "mean_s": statistics.mean(c for c, _ in costs),
        "worst_s": max(c for c, _ in costs), "with_forecast_s": statistics.median(looked) if looked else None,
    }


def peer(url: str, turns: int) -> dict:
    """prometheus-api-client as shipped: the same newest points, only read and decoded."""
    from datetime import UTC, datetime

    from prometheus_api_client import PrometheusConnect

    client, costs = PrometheusConnect(url=url), []
    for now in range(END - STEP * turns + STEP, END + 1, STEP):
        at = datetime.fromtimestamp(now, UTC)
        began = cpu()
        found = client.custom_query_range("bench_used_ratio", at, at, STEP)
        costs.append(cpu() - began)
    return {"series": len(found), "turn_s": statistics.median(costs), "anon_mib": memory_mib("RssAnon")}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, nargs="+", default=[1000, 10_000, 20_000])
    p.add_argument("--turns", type=int, default=12)
    p.add_argument("--work", type=pathlib.Path)
    p.add_argument("--child", nargs=2)
    a = p.parse_args()
    if a.child:
        which, url = a.child
        with tempfile.TemporaryDirectory(dir=a.work) as folder:
            print(json.dumps(ours(url, a.turns, pathlib.Path(folder)) if which == "ours" else peer(url, a.turns)))
        return
    heads = ("series", "turn CPU s", "worst", "µs/series", "RssAnon MiB", "backfill s", "client alone s", "ours/client")
    print(" ".join(f"{head:>14}" for head in heads))
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        for series in a.series:
            folder = pathlib.Path(work) / str(series)
            folder.mkdir()
            openmetrics(folder / "samples.om", series)
            load(folder / "samples.om", folder)
            with prometheus(folder) as server:
                rows = []
                for which in ("ours", "peer"):
                    options = ["--turns", str(a.turns), "--work", str(folder), "--child", which, server.url]
                    child = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
                    rows.append(json.loads(child.stdout.splitlines()[-1]))
            o, c = rows
            cells = (
                f"{o['series']}", f"{o['turn_s']:.3f}", f"{o['worst_s']:.3f}", f"{1e6 * o['mean_s'] / o['series']:.1f}",
                f"{o['anon_mib']:.0f}", f"{o['backfill_s']:.1f}", f"{c['turn_s']:.3f}", f"{o['turn_s'] / c['turn_s']:.2f}",
            )  # fmt: skip
            print(" ".join(f"{cell:>14}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
