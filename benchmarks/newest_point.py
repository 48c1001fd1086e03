"""What it costs to read the newest point of every series, labels resolved: the client's CPU and the server's.

Usage: python benchmarks/newest_point.py [--series 10000 50000] [--turns 30] [--work DIR]

Against a real Prometheus, one process for each reader, every reader asking the same instants. *bare*: one instant query over a
socket, the body thrown away, which is what one distinct expression costs the server at least. *client*: prometheus-api-client's
`custom_query` with `Accept-Encoding: identity`, each series then looked up by its labels. *ours*: `PrometheusSource.fetch`, which
gives a block with the same label sets every turn, and its rows in the window; once with the compiled kernels, once the plain
way. *1 % new*: ours, and in every turn 1 % of the series were not there the turn before. Medians over the turns.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
from collections.abc import Callable

import numpy as np
from common import Server, cpu, load, memory_mib, prometheus

STEP, MINUTES = 60, 60
START = 1_790_000_000 // 3600 * 3600
QUERY, CHURNING = "bench_newest", "bench_churning"


def openmetrics(path: pathlib.Path, series: int) -> None:
    """Gauges that are always there; and as many of which 1 % leave and come each minute."""
    rng = np.random.default_rng(7)
    with path.open("w") as f:
        for name in (QUERY, CHURNING):
            f.write(f"# TYPE {name} gauge\n")
            for i in range(series):
                values = rng.uniform(0, 1) + np.cumsum(rng.normal(0, 0.01, MINUTES))
                for j, v in enumerate(values.tolist()):
                    pod = i if name == QUERY or i % 100 != j % 100 else f"{i}-{j}"
                    labels = f'instance="10.0.{i // 250}.{i % 250}:9100",job="node",pod="pod-{pod}",device="sda1",fstype="ext4"'
                    f.write(f"{name}{{{labels}}} {v!r} {START + STEP * j}\n")
        f.write("# EOF\n")


Turn = Callable[[int], int]
"""Read the newest point at an instant; gives how many series."""


def bare(url: str, folder: pathlib.Path) -> Turn:
    def turn(at: int) -> int:
        options = urllib.parse.urlencode({"query": QUERY, "time": at})
        asked = urllib.request.Request(f"{url}/api/v1/query?{options}", headers={"Accept-Encoding": "identity"})
        with urllib.request.urlopen(asked) as answer:
            return int(answer.read().count(b'"metric":'))

    return turn


def client(url: str, folder: pathlib.Path) -> Turn:
    from prometheus_api_client import PrometheusConnect

    connect, rows = PrometheusConnect(url=url, headers={"Accept-Encoding": "identity"}), {}

    def turn(at: int) -> int:
        found = connect.custom_query(QUERY, {"time": at})
        values = np.full(len(found), np.nan)
        for one in found:
            values[rows.setdefault(frozenset(one["metric"].items()), len(rows))] = float(one["value"][1])
        return len(values)

    return turn


def ours(url: str, folder: pathlib.Path, query: str = QUERY, compile_: bool = True) -> Turn:
    from aiops.core import compiled
    from aiops.core.remembered import Remembered
    from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
    from aiops.telemetry.source import ReadLimits
    from aiops.telemetry.window import Window

    if compile_:
        compiled.warm(folder / "compiled")
    source = PrometheusSource("bench", PrometheusParams(url=url), ReadLimits(seconds=120, series=200_000))
    rows_of = Remembered(Window.open(pathlib.Path(tempfile.mkdtemp(dir=folder)), STEP).rows_for)

    def turn(at: int) -> int:
        return len(rows_of(source.fetch(query, at, at, STEP).block.labels))

    return turn


READERS = {
    "bare": bare, "client": client, "ours": ours, "plain": lambda *a: ours(*a, compile_=False),
    "1 % new": lambda *a: ours(*a, query=CHURNING),
}  # fmt: skip


def measured(reader: str, server: Server, turns: int, folder: pathlib.Path) -> dict[str, float]:
    turn, used, theirs, found = READERS[reader](server.url, folder), [], 0.0, 0
    for k in range(turns + 2):  # the first two do not count: there, labels are new
        began, before = cpu(), server.cpu()
        found = turn(START + STEP * (k % MINUTES))
        used.append(cpu() - began)
        theirs += server.cpu() - before if k > 1 else 0
    return {"series": found, "us": statistics.median(used[2:]) / found * 1e6, "anon_mib": memory_mib("RssAnon"),
            "server_us": theirs / turns / found * 1e6}  # fmt: skip


def asked(reader: str, server: Server, turns: int, work: pathlib.Path) -> dict[str, float]:
    """One reader in a process of its own, and what the server used meanwhile."""
    options = ["--turns", str(turns), "--child", reader, server.url, str(server.pid), str(work)]
    done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
    row: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return row


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, nargs="+", default=[10_000, 50_000])
    p.add_argument("--turns", type=int, default=30)
    p.add_argument("--work", type=pathlib.Path)
    p.add_argument("--child", nargs=4)
    a = p.parse_args()
    if a.child:
        reader, url, pid, folder = a.child
        print(json.dumps(measured(reader, Server(url, int(pid)), a.turns, pathlib.Path(folder))))
        return
    heads = ("series", "reader", "client µs/series", "× client", "server µs/series", "× bare", "RssAnon MiB")
    print(" ".join(f"{head:>16}" for head in heads))
    for series in a.series:
        with tempfile.TemporaryDirectory(dir=a.work) as name:
            work = pathlib.Path(name)
            openmetrics(work / "samples.om", series)
            load(work / "samples.om", work)
            with prometheus(work) as server:
                rounds = [{reader: asked(reader, server, a.turns, work) for reader in READERS} for _ in range(2)]
            rows = {r: {key: statistics.mean(one[r][key] for one in rounds) for key in rounds[0][r]} for r in READERS}
            for reader, row in rows.items():
                client_share, bare_share = row["us"] / rows["client"]["us"], row["server_us"] / rows["bare"]["server_us"]
                cells = (
                    f"{row['series']:.0f}", reader, f"{row['us']:.2f}", f"{client_share:.2f}", f"{row['server_us']:.2f}",
                    f"{bare_share:.2f}", f"{row['anon_mib']:.0f}",
                )  # fmt: skip
                print(" ".join(f"{cell:>16}" for cell in cells), flush=True)


if __name__ == "__main__":
    main()
