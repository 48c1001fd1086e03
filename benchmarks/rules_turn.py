"""What one turn over a team's alerting rules costs: 1,000 rules of 50 series each on a real Prometheus.

Usage: python benchmarks/rules_turn.py [--rules 1000] [--series 50] [--turns 11] [--work DIR]

Makes rules (single comparisons, pairs of levels on one quantity, guards, `or`, `unless`, matching on labels) and an hour of
minutes of their series, a tenth of them on their way to the limit; loads both into Debian's Prometheus, and runs the turns of
one card with `alerts:` through `pipeline.turn`. Queries are counted by the server itself. CPU is this process's own user +
system time; memory is RssAnon after the turns. The last line says how many distinct comparisons there are: no turn may ask
more queries.
"""

from __future__ import annotations

import argparse
import pathlib
import statistics
import tempfile
import time
import urllib.request

import numpy as np
from common import cpu, load, memory_mib, prometheus

STEP, MINUTES = 60, 60
START = 1_790_000_000 // 3600 * 3600
END = START + MINUTES * STEP
CARD = "kind: ModelCard\nname: existing_alerts\nalerts: {}\nhorizon: 6h\nhistory: 1h\n"


def rules_of(count: int) -> str:
    """A rule file with `count` rules of six shapes."""
    shapes = (
        "bench_{i}_used_ratio > 0.9", "bench_{i}_used_ratio > 0.97", "bench_{i}_free_bytes < 5e9",
        "bench_{i}_used_ratio > 0.9 and on (instance) bench_open_state == 1",
        "bench_{i}_used_ratio > 0.95 or bench_{i}_used_ratio > 0.9 and on (instance) bench_open_state == 1",
        "bench_{i}_used_ratio > 0.9 unless on (instance) bench_open_state == 0",
    )  # fmt: skip
    lines = ["groups:", "- name: bench", "  interval: 1m", "  rules:"]
    for i in range(count):
        shape = shapes[i % len(shapes)]
        metric = i - 1 if i % len(shapes) == 1 else i  # a second level on the quantity of the rule before
        lines += [f"  - alert: Bench{i}", f"    expr: {shape.format(i=metric)}", "    for: 5m", "    labels: {severity: warning}"]
    return "\n".join(lines) + "\n"


def openmetrics(path: pathlib.Path, rules: int, series: int) -> None:
    """An hour of each quantity: around a level, a tenth rising to 0.8 of the range."""
    rng = np.random.default_rng(7)
    t = np.linspace(0, 1, MINUTES + 1)
    with path.open("w") as f:
        for i in [*range(rules), None]:
            name = "bench_open_state" if i is None else f"bench_{i}_{'free_bytes' if i % 6 == 2 else 'used_ratio'}"
            f.write(f"# TYPE {name} gauge\n")
            for j in range(series):
                level = rng.uniform(0.2, 0.6)
                up = (0.8 - level) * t if rng.random() < 0.1 else 0
                values = np.ones(len(t)) if i is None else level + up + rng.normal(0, 0.002, len(t))
                values = 1e11 * (1 - values) if name.endswith("bytes") else values
                f.write("".join(f'{name}{{instance="h{j:03d}"}} {v:.6g} {START + STEP * k}\n' for k, v in enumerate(values)))
        f.write("# EOF\n")


def asked(url: str) -> int:
    """Queries that the server has answered."""
    with urllib.request.urlopen(url + "/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    count = "prometheus_http_request_duration_seconds_count"
    wanted = [f'{count}{{handler="/api/v1/{one}"}}' for one in ("query", "query_range", "read")]
    return sum(int(float(line.split()[1])) for line in lines if line.split(" ")[0] in wanted)


def turns(url: str, count: int, folder: pathlib.Path) -> None:
    """The turns, and what they cost."""
    from aiops.config.settings import Settings, SourceSettings
    from aiops.core import compiled
    from aiops.models.card import load_card
    from aiops.pipeline import assemble, keep, turn
    from aiops.pipeline.rules_watch import RulesWatch
    from aiops.store import Store

    (folder / "card.yaml").write_text(CARD)
    settings = Settings(sources={"prom": SourceSettings.model_validate({"kind": "prometheus", "url": url})}, data_dir=folder)
    store = Store.open("", folder)
    compiled.allow(folder / "compiled")
    rooms = assemble(settings, [load_card(folder / "card.yaml")], [], store, folder)
    watch = rooms.watches[0]
    assert isinstance(watch, RulesWatch)
    first, costs, walls, queries = END - STEP * count, [], [], []
    for now in range(first, END + 1, STEP):
        before, began, wall = asked(url), cpu(), time.perf_counter()
        result = turn(watch, now, rooms)
        costs.append(cpu() - began)
        walls.append(time.perf_counter() - wall)
        queries.append(asked(url) - before)
        assert result.error is None, result.error
        if now == first:
            keep.save(watch, folder)
            compiled.settle()
    rows = 0 if watch.built is None else len(watch.built.rows)
    looks = [c for c, now in zip(costs, range(first, END + 1, STEP), strict=True) if now % 300 == 0 and now > first]
    book, steady, memory = watch.book, costs[2:], memory_mib("RssAnon")
    wall, most = statistics.median(walls[2:]), max(queries[2:])
    print(f"{len(book.followed)} rules, {len(book.refused)} refused, {watch.n} series, {rows} rows, {len(watch.open)} open")
    print(f"first turn: {costs[0]:.2f} s CPU, {walls[0]:.2f} s, {queries[0]} queries")
    print(f"a turn: {statistics.median(steady):.3f} s CPU, {wall:.3f} s, {most} queries at most")
    print(f"with a forecast: {statistics.median(looks):.3f} s CPU; worst {max(steady):.3f} s; RssAnon {memory:.0f} MiB")
    print(f"distinct comparisons: {len(book.parts)}")
    store.close()


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rules", type=int, default=1000)
    p.add_argument("--series", type=int, default=50)
    p.add_argument("--turns", type=int, default=11)
    p.add_argument("--work", type=pathlib.Path)
    a = p.parse_args()
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        folder = pathlib.Path(work)
        openmetrics(folder / "samples.om", a.rules, a.series)
        load(folder / "samples.om", folder)
        with prometheus(folder, rules=rules_of(a.rules)) as server:
            turns(server.url, a.turns, folder)


if __name__ == "__main__":
    main()
