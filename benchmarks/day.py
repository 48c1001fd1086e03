"""A day of many series against one Prometheus: CPU of daemon and server, memory, disk, and what was asked for.

Usage: python benchmarks/day.py [--series 50000] [--turns 1440] [--work DIR]

A day of minutes (and two hours before it) is written as TSDB blocks; then the daemon takes its 1,440 turns of one card with the
default detector and forecaster back to back, on a clock that stands at each minute in turn. CPU is user + system time of both
processes over the turns, as a share of what 2 cores offer in the time that the turns stand for. Memory is the most RssAnon after
any turn; the mapped rings are counted apart. The peer, in the same run: one instant query a turn by prometheus-api-client,
decoded and thrown away, and what it costs the server.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime

import numpy as np
from common import Server, cpu, load, memory_mib, prometheus
from steady_turn import CARD

STEP, LEAD_S, DAY_S = 60, 2 * 3600, 86400
START = 1_790_000_000 // 3600 * 3600
FIRST = START + LEAD_S
PEER_TURNS = 20


def openmetrics(path: pathlib.Path, series: int, turns: int) -> None:
    """Series with a daily course, a level of their own, and noise; a tenth of them climb through the day."""
    rng, count = np.random.default_rng(7), LEAD_S // STEP + turns
    stamps = [f" {START + STEP * j}\n" for j in range(count)]
    day, along = np.sin(2 * np.pi * STEP * np.arange(count) / DAY_S), np.linspace(0, 1, count)
    with path.open("w") as f:
        f.write("# TYPE bench_used_ratio gauge\n")
        for i in range(series):
            level, swing, climb = rng.uniform(0.2, 0.6), rng.uniform(0, 0.1), rng.uniform(0, 0.3) if i % 10 == 0 else 0.0
            values = np.round(level + swing * day + climb * along + rng.normal(0, 0.01, count), 4).tolist()
            name = f'bench_used_ratio{{instance="host-{i // 4:05d}",disk="{i % 4}",job="bench"}} '
            f.write("".join([f"{name}{value!r}{stamp}" for value, stamp in zip(values, stamps, strict=True)]))
        f.write("# EOF\n")


def ours(url: str, server: Server, turns: int, work: pathlib.Path) -> dict:
    """The daemon's own turns, on a clock that is set by hand."""
    from aiops.config.settings import load_settings
    from aiops.daemon.daemon import Daemon

    (work / "cards").mkdir()
    (work / "cards" / "bench.yaml").write_text(CARD)
    source = {"kind": "prometheus", "url": url, "data_class": "internal", "limits": {"seconds": "60s", "series": 200_000}}
    (work / "aiops.yaml").write_text(json.dumps({"sources": {"prom": source}, "cards": ["cards"], "limits": {"bytes": 2**28}}))
    now = [float(FIRST)]
    settings = load_settings(work / "aiops.yaml", data_dir=work / "data")
    daemon = Daemon(settings, dry_run=True, clock=lambda: now[0])
    watch = daemon.rooms.watches[0]
    began, served, most, first, wall = cpu(), server.cpu(), 0.0, 0.0, time.monotonic()
    for i in range(turns):
        now[0] = float(FIRST + STEP * i)
        daemon.tick(watch.name)
        state = daemon.board.watches[watch.name]
        assert state.error is None, state.error
        most = max(most, memory_mib("RssAnon"))
        if i == 0:
            first = cpu() - began
        if i % 120 == 0:
            print(f"turn {i}: {time.monotonic() - wall:.0f} s, RssAnon {most:.0f} MiB", file=sys.stderr, flush=True)
    used, theirs = cpu() - began, server.cpu() - served
    rings = sum(path.stat().st_size for path in (work / "data" / "windows").rglob("*") if path.is_file())
    slots = watch.n * sum(ring.size * ring.parts for ring in watch.window._rings)
    spent = daemon.rooms.links["prom"].source.spent
    asked = {"samples": spent.samples, "bytes": spent.bytes, "queries": spent.queries}
    daemon.stop()
    return {
        "series": watch.n, "states": dict(state.states), "first_s": first, "daemon_s": used, "server_s": theirs, "anon_mib": most,
        "ring_bytes": rings, "bytes_a_slot": rings / slots, "open": len(watch.open), **asked,
    }


def peer(url: str, server: Server) -> dict:
    """One instant query a turn by prometheus-api-client with identity encoding."""
    from prometheus_api_client import PrometheusConnect

    client = PrometheusConnect(url=url, headers={"Accept-Encoding": "identity"})
    began, served = cpu(), server.cpu()
    for i in range(PEER_TURNS):
        at = datetime.fromtimestamp(FIRST + STEP * i, UTC)
        assert client.custom_query("bench_used_ratio", params={"time": at.timestamp()})
    return {"client_s": (cpu() - began) / PEER_TURNS, "server_s": (server.cpu() - served) / PEER_TURNS}


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=50_000)
    p.add_argument("--turns", type=int, default=1440)
    p.add_argument("--work", type=pathlib.Path)
    p.add_argument("--child", nargs=3)
    a = p.parse_args()
    if a.child:
        which, url, pid = a.child
        server = Server(url, int(pid))
        with tempfile.TemporaryDirectory(dir=a.work) as folder:
            print(json.dumps(ours(url, server, a.turns, pathlib.Path(folder)) if which == "ours" else peer(url, server)))
        return
    with tempfile.TemporaryDirectory(dir=a.work) as work:
        folder = pathlib.Path(work)
        openmetrics(folder / "samples.om", a.series, a.turns)
        load(folder / "samples.om", folder)
        with prometheus(folder) as server:
            o, c = (child(which, a, server, folder) for which in ("ours", "peer"))
    report(o, c, a.turns)


def child(which: str, a: argparse.Namespace, server: Server, work: pathlib.Path) -> dict:
    options = ["--turns", str(a.turns), "--work", str(work), "--child", which, server.url, str(server.pid)]
    done = subprocess.run([sys.executable, __file__, *options], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def report(o: dict, c: dict, turns: int) -> None:
    offered = 2 * STEP * turns
    exist = o["series"] * (turns + LEAD_S // STEP)
    each = (o["daemon_s"] - o["first_s"]) / (turns - 1)
    print(f"{o['series']} series, {turns} turns of {STEP} s; states {o['states']}, {o['open']} warnings open at the end")
    after = f"then {each:.3f} s, {1e6 * each / o['series']:.2f} µs/series"
    print(f"daemon {o['daemon_s']:.0f} s CPU (first turn {o['first_s']:.1f} s, {after})")
    print(f"server {o['server_s']:.0f} s CPU; both are {(o['daemon_s'] + o['server_s']) / offered:.2%} of what 2 cores offer")
    store = f"{o['ring_bytes'] / 2**20:.0f} MiB, {o['bytes_a_slot']:.2f} bytes a slot"
    print(f"RssAnon at most {o['anon_mib']:.0f} MiB; window store {store}")
    asked = f"{o['samples']} samples of {exist} ({o['samples'] / exist:.3f}x)"
    print(f"asked for {asked}, {o['bytes'] / 2**20:.0f} MiB, {o['queries']} queries")
    print(f"peer, the newest point alone: client {c['client_s']:.3f} s, server {c['server_s']:.3f} s a turn;", end=" ")
    print(f"ours / peer: {each / c['client_s']:.2f} client, {o['server_s'] / turns / c['server_s']:.2f} server")


if __name__ == "__main__":
    main()
