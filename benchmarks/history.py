"""How fast history is read: asked of a real Prometheus, decoded, and placed in the ring on disk.

Usage: python benchmarks/history.py [--series 1000] [--hours 24] [--rounds 3] [--work DIR]

Every method reads the same range of the same series from the same server, each time in a process of its own, the methods by
turns. The peer is prometheus-api-client's `custom_query_range` with the header `Accept-Encoding: identity`, which alone makes
it 2.4 times as fast as it is shipped, and which only reads: what ours costs includes the ring. A source asks for the server's
settings once in ten minutes, before its first chunks: before the clock runs here, and told in the last column. Where both hold a
number, the numbers must be the same to the bit. Memory is the highest resident set, less what the imports had taken before
reading began.
"""

from __future__ import annotations

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np
from common import cpu, load, memory_mib, prometheus

STEP = 60
START = 1_790_000_000 // 86_400 * 86_400
QUERY = "bench_history"
PART_S = 3 * 3600
"""A part of the range that is asked for at once."""
CHUNK_PART_S = 12 * 3600
SETTINGS_MS: list[float] = []
"""What it took to ask for the server's settings, in this process."""


def openmetrics(path: pathlib.Path, series: int, hours: int) -> None:
    """A third counts, a third has a few decimals, a third all the digits a float has."""
    rng = np.random.default_rng(7)
    count = hours * 60
    with path.open("w") as f:
        f.write(f"# TYPE {QUERY} gauge\n")
        for i in range(series):
            walk = rng.uniform(1, 1000) + np.cumsum(rng.normal(0, 1, count))
            values = (walk.round() * 4096, walk.round(3), walk)[i % 3]
            name = f'{QUERY}{{instance="host-{i // 4:05d}:9100",device="disk-{i % 4}",job="node",mode="read"}}'
            f.write("".join(f"{name} {v!r} {START + STEP * j}\n" for j, v in enumerate(values.tolist())))
        f.write("# EOF\n")


Found = dict[str, np.ndarray]
"""Values of each instance and device, newest last."""
Method = Callable[[str, int, pathlib.Path], Callable[[], tuple[int, Callable[[], Found]]]]
"""(url, hours, folder) → what is timed, which gives how many samples were read, and how to get at them afterwards."""


def client(url: str, hours: int, _: pathlib.Path, headers: dict[str, str] | None = None) -> Any:
    """The peer, with the header that makes it fast."""
    from prometheus_api_client import PrometheusConnect

    connect = PrometheusConnect(url=url, headers=headers or {"Accept-Encoding": "identity"})
    first, last = (datetime.fromtimestamp(t, UTC) for t in (START, START + hours * 3600 - STEP))

    def read() -> Any:
        found = connect.custom_query_range(QUERY, first, last, STEP)
        return sum(len(one["values"]) for one in found), lambda: {
            _name(one["metric"]): np.array([float(v) for _, v in one["values"]]) for one in found
        }

    return read


def client_as_shipped(url: str, hours: int, folder: pathlib.Path) -> Any:
    """The peer with its defaults: the server packs the answer."""
    return client(url, hours, folder, {"Accept-Encoding": "gzip, deflate"})


def json_answers(url: str, hours: int, folder: pathlib.Path) -> Any:
    """Ours over query_range, which every PromQL API has: parts of the range in flight, each placed when its turn comes."""
    return ours(url, hours, folder, PART_S, query_api_only=True)


def chunks(url: str, hours: int, folder: pathlib.Path) -> Any:
    """Ours over streamed remote read, which Prometheus has; parts are longer, for whole chunks come."""
    return ours(url, hours, folder, CHUNK_PART_S, query_api_only=False)


def ours(url: str, hours: int, folder: pathlib.Path, part_s: int, query_api_only: bool) -> Any:
    """Our source into our window."""
    from aiops.config.yaml_file import parsed
    from aiops.core import compiled
    from aiops.core.remembered import Remembered
    from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
    from aiops.telemetry.source import ReadLimits
    from aiops.telemetry.window import Window

    compiled.warm(folder.parent / "compiled")
    parsed("config", "sources: {bench: {kind: prometheus}}")  # a daemon has read its config by then
    limits = ReadLimits(seconds=120)
    source = PrometheusSource("bench", PrometheusParams(url=url), limits)
    source.query_api_only = query_api_only
    if not query_api_only:
        began = time.perf_counter()
        source._chunks.terms(QUERY, time.monotonic() + 10)
        SETTINGS_MS.append(1000 * (time.perf_counter() - began))
    window = Window.open(folder / "window", STEP)
    rows_of = Remembered(window.rows_for)  # as a watch does

    def part(start: int) -> Any:
        return source.fetch(QUERY, start, min(start + part_s, START + hours * 3600) - STEP, STEP).block

    def read() -> Any:
        blocks = []
        with ThreadPoolExecutor(min(limits.queries, os.cpu_count() or 1)) as pool:
            for block in pool.map(part, range(START, START + hours * 3600, part_s)):
                window.append(rows_of(block.labels), block.time_s, block.values)
                blocks.append(block)
        return sum(int(np.isfinite(one.values).sum()) for one in blocks), lambda: _side_by_side(blocks)

    return read


def _side_by_side(blocks: list[Any]) -> Found:
    return dict(zip(map(_name, blocks[0].labels), np.concatenate([one.values for one in blocks], axis=1), strict=True))


METHODS: dict[str, Method] = {"client": client, "as shipped": client_as_shipped, "json": json_answers, "chunks": chunks}
PEER = "client"


def _name(labels: dict[str, str]) -> str:
    return f"{labels['instance']} {labels['device']}"


def measured(method: str, url: str, hours: int, folder: pathlib.Path) -> dict[str, Any]:
    """One method, in this process; what it read is left beside it to be compared."""
    read = METHODS[method](url, hours, folder)
    before, began, used = memory_mib("VmHWM"), time.perf_counter(), cpu()
    samples, values = read()
    row = {"samples": samples, "wall_s": time.perf_counter() - began, "cpu_s": cpu() - used,
           "peak_mib": memory_mib("VmHWM") - before, "settings_ms": sum(SETTINGS_MS)}  # fmt: skip
    found = values()
    np.save(folder / "values.npy", np.array([found[name] for name in sorted(found)]))
    return row


def turn_about(server: Any, arguments: argparse.Namespace, work: pathlib.Path) -> dict[str, list[dict[str, Any]]]:
    """Every method once a round, each in a process of its own."""
    rows: dict[str, list[dict[str, Any]]] = {method: [] for method in arguments.methods}
    for number in range(arguments.rounds):
        want = None
        for method in arguments.methods:
            with tempfile.TemporaryDirectory(dir=work) as folder:
                options = ["--hours", str(arguments.hours), "--child", method, server.url, folder]
                used = server.cpu()
                done = subprocess.run([sys.executable, __file__, *options], check=True, capture_output=True, text=True)
                row = json.loads(done.stdout.splitlines()[-1]) | {"server_s": server.cpu() - used}
                values = np.load(pathlib.Path(folder) / "values.npy")
            want = values if want is None else want
            assert want.tobytes() == values.tobytes(), f"{method} does not read the very same numbers"
            rows[method].append(row)
        print(f"round {number + 1} of {arguments.rounds}: the methods agree to the bit", file=sys.stderr)
    return rows


def report(rows: dict[str, list[dict[str, Any]]]) -> None:
    heads = ("method", "M samples/s", "× client", "client CPU s/M", "server CPU s/M", "peak MiB", "× client", "settings, ms")
    print(" ".join(f"{head:>14}" for head in heads))
    middle = {m: {key: statistics.median(one[key] for one in all_) for key in all_[0]} for m, all_ in rows.items()}
    for method, one in middle.items():
        millions, peer = one["samples"] / 1e6, middle.get(PEER, one)
        cells = (
            method, f"{millions / one['wall_s']:.2f}", f"{peer['wall_s'] / one['wall_s']:.1f}", f"{one['cpu_s'] / millions:.3f}",
            f"{one['server_s'] / millions:.3f}", f"{one['peak_mib']:.0f}", f"{one['peak_mib'] / peer['peak_mib']:.2f}",
            f"{one['settings_ms']:.0f}",
        )  # fmt: skip
        print(" ".join(f"{cell:>14}" for cell in cells), flush=True)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=1000)
    p.add_argument("--hours", type=int, default=24)
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    p.add_argument("--work", type=pathlib.Path)
    p.add_argument("--child", nargs=3)
    a = p.parse_args()
    if a.child:
        method, url, folder = a.child
        print(json.dumps(measured(method, url, a.hours, pathlib.Path(folder))))
        return
    with tempfile.TemporaryDirectory(dir=a.work) as name:
        work = pathlib.Path(name)
        openmetrics(work / "samples.om", a.series, a.hours)
        load(work / "samples.om", work)
        with prometheus(work) as server:
            report(turn_about(server, a, work))


if __name__ == "__main__":
    main()
