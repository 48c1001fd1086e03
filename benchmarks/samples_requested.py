"""How many samples a day asks a source for, counted by a proxy in between, as a multiple of the samples that exist.

Usage: python benchmarks/samples_requested.py [--series 200] [--history-hours 72] [--work DIR]

A real Prometheus behind a counting proxy; the daemon takes the turns of a day at a 1 min step on a clock set by hand. Three
cards: two ask the same query, one another. In the day it is stopped and started again, killed, its source is away for two hours,
and a card is edited where its query is not. The peer, counted beside it: every card reading its whole window of 6 h again each
turn, as a detector without a store of its own does (counted, not run).
"""

from __future__ import annotations

import argparse
import json
import pathlib
import sys
import tempfile
import time

import numpy as np
from common import load, prometheus

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

STEP, DAY_S = 60, 86400
START = 1_790_000_000 // 86400 * 86400
PEER_WINDOW_S = 6 * 3600


def openmetrics(path: pathlib.Path, series: int, seconds: int) -> None:
    """Two metrics of noisy gauges."""
    rng, count = np.random.default_rng(5), seconds // STEP + 1
    stamps = [f" {START + STEP * j}\n" for j in range(count)]
    with path.open("w") as f:
        for metric in ("load", "free"):
            f.write(f"# TYPE {metric} gauge\n")
            for i in range(series):
                values = np.round(rng.uniform(0.3, 0.6) + rng.normal(0, 0.01, count), 4).tolist()
                name = f'{metric}{{instance="host-{i}"}} '
                f.write("".join([f"{name}{value!r}{stamp}" for value, stamp in zip(values, stamps, strict=True)]))
        f.write("# EOF\n")


def card(name: str, query: str, **more: object) -> dict:
    return {
        "apiVersion": "aiops/v1", "kind": "ModelCard", "name": name, "summary": "A benchmark.", "owner": {"team": "bench"},
        "query": query, "unit": "1", "step": "1m", "history": "35d", "entity": ["instance"], **more,
    }  # fmt: skip


def live(work: pathlib.Path, proxy, first: int) -> list[str]:  # noqa: C901  a day, hour by hour
    """The day's turns; what happened in it."""
    from aiops.config.settings import load_settings
    from aiops.daemon.daemon import Daemon

    cards = [
        card("strange", "load", detect={"model": "seasonal"}),
        card("rising", "load", forecast={"limit": {"above": 0.95}, "horizon": "1d"}),
        card("falling", "free", forecast={"limit": {"below": 0.05}, "horizon": "1d"}, detect={"model": "seasonal"}),
    ]
    now, said = [float(first)], []

    def written() -> None:
        (work / "cards").mkdir(exist_ok=True)
        for one in cards:
            (work / "cards" / f"{one['name']}.yaml").write_text(json.dumps(one))

    def started() -> Daemon:
        source = {"kind": "prometheus", "url": proxy.url, "data_class": "internal", "limits": {"seconds": "30s"}}
        (work / "aiops.yaml").write_text(json.dumps({"sources": {"prom": source}, "cards": ["cards"]}))
        settings = load_settings(work / "aiops.yaml", data_dir=work / "data")
        return Daemon(settings, dry_run=True, clock=lambda: now[0])

    written()
    daemon = started()
    for i in range(DAY_S // STEP):
        now[0] = float(first + STEP * i)
        hour = i * STEP / 3600
        if hour == 5:
            said.append(f"{hour:g} h: stopped and started")
            daemon.stop()
            daemon = started()
        elif hour == 10:
            said.append(f"{hour:g} h: the source is away for 2 h")
            proxy.down()
        elif hour == 12:
            proxy.up()
        elif hour == 15:
            said.append(f"{hour:g} h: a limit was edited")
            cards[1]["forecast"]["limit"]["above"] = 0.9
            written()
            assert daemon.reload() == ""
        elif hour == 20:
            said.append(f"{hour:g} h: killed and started")
            daemon.store.close()
            daemon = started()
        for watch in daemon.rooms.watches:
            daemon.tick(watch.name)
    daemon.stop()
    return said


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, default=200)
    p.add_argument("--history-hours", type=int, default=72)
    p.add_argument("--work", type=pathlib.Path)
    a = p.parse_args()
    from tests.faults.proxy import proxied

    before = a.history_hours * 3600
    with tempfile.TemporaryDirectory(dir=a.work) as folder:
        work = pathlib.Path(folder)
        openmetrics(work / "samples.om", a.series, before + DAY_S)
        load(work / "samples.om", work)
        began = time.monotonic()
        with prometheus(work) as server, proxied(server.url) as proxy:
            said = live(work, proxy, START + before)
            samples, size, queries = proxy.samples, proxy.body_bytes, proxy.queries
    exist = 2 * a.series * ((before + DAY_S) // STEP)
    again = 3 * a.series * (DAY_S // STEP) * (PEER_WINDOW_S // STEP)
    print("; ".join(said))
    print(f"{2 * a.series} series, {a.history_hours} h of history and a day of minutes: {exist} samples exist")
    answers = f"{size / 2**20:.1f} MiB of answers, {size / samples:.1f} B each"
    print(f"asked for {samples} ({samples / exist:.3f}x) in {queries} queries, {answers}")
    took = time.monotonic() - began
    print(f"reading 6 h again each turn and card would ask for {again} ({again / exist:.1f}x); took {took:.0f} s")


if __name__ == "__main__":
    main()
