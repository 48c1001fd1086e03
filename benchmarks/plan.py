"""How far `aiops plan` is off: what it says before, and what a daemon then needs, on the same server.

Usage: python benchmarks/plan.py [--series 1000 10000] [--turns 20] [--work DIR]

For each size a real Prometheus holds some hours of minutes. One process plans the card as of an instant; another runs the daemon
from that instant on, turn by turn on a clock set by hand. CPU is the process's user + system time a turn over whole forecasting
cycles; memory is the growth of RssAnon from before the card was opened; bytes and queries are what the source counted. Every
figure is printed with its error, (plan - daemon) / daemon; all are meant to be within 25 %.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from common import cpu, load, memory_mib, prometheus
from day import CARD, FIRST, LEAD_S, STEP, openmetrics

HOURS = 6
NOW = FIRST - LEAD_S + HOURS * 3600
FIGURES = ("series", "points_a_turn", "bytes_a_turn", "cpu_ms_a_turn", "queries_a_minute", "memory_mib", "disk_mib")


def configured(url: str, work: pathlib.Path):
    from aiops.config.settings import load_settings

    (work / "cards").mkdir(exist_ok=True)
    (work / "cards" / "bench.yaml").write_text(CARD)
    source = {"kind": "prometheus", "url": url, "data_class": "internal", "limits": {"seconds": "60s"}}
    (work / "aiops.yaml").write_text(json.dumps({"sources": {"prom": source}, "cards": ["cards"]}))
    return load_settings(work / "aiops.yaml", data_dir=work / "data")


def planned(url: str, work: pathlib.Path, _: int) -> dict:
    from aiops.models.card import load_cards
    from aiops.pipeline.plan import make_plan

    settings = configured(url, work)
    (one,) = make_plan(settings, load_cards(settings.cards), NOW).cards
    return {
        "series": one.series, "points_a_turn": one.points_a_turn, "bytes_a_turn": one.bytes_a_turn,
        "cpu_ms_a_turn": 1000 * one.cpu_s_a_turn, "queries_a_minute": one.queries_a_minute,
        "memory_mib": one.memory_bytes / 2**20, "disk_mib": one.disk_bytes / 2**20,
    }  # fmt: skip


def run(url: str, work: pathlib.Path, turns: int) -> dict:
    from aiops.core import compiled
    from aiops.daemon.daemon import Daemon

    settings, now = configured(url, work), [float(NOW)]
    before = memory_mib("RssAnon")
    daemon = Daemon(settings, dry_run=True, clock=lambda: now[0])
    watch = daemon.rooms.watches[0]
    daemon.tick(watch.name)
    compiled.settle()
    spent = watch.feeds[0].link.source.spent
    samples, size, queries, began = spent.samples, spent.bytes, spent.queries, cpu()
    for i in range(1, turns + 1):
        now[0] = float(NOW + STEP * i)
        daemon.tick(watch.name)
    used, memory = cpu() - began, memory_mib("RssAnon") - before
    daemon.stop()
    disk = sum(path.stat().st_size for path in (work / "data" / "windows").rglob("*") if path.is_file())
    return {
        "series": watch.n, "points_a_turn": (spent.samples - samples) / turns, "bytes_a_turn": (spent.bytes - size) / turns,
        "cpu_ms_a_turn": 1000 * used / turns, "queries_a_minute": (spent.queries - queries) / turns * 60 / STEP,
        "memory_mib": memory, "disk_mib": disk / 2**20,
    }  # fmt: skip


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--series", type=int, nargs="+", default=[1000, 10_000])
    p.add_argument("--turns", type=int, default=20)
    p.add_argument("--work", type=pathlib.Path)
    p.add_argument("--child", nargs=2)
    a = p.parse_args()
    if a.child:
        which, url = a.child
        with tempfile.TemporaryDirectory(dir=a.work) as folder:
            print(json.dumps((planned if which == "plan" else run)(url, pathlib.Path(folder), a.turns)))
        return
    print(f"{'':>18}{'plan':>14}{'daemon':>14}{'error':>9}")
    for series in a.series:
        with tempfile.TemporaryDirectory(dir=a.work) as name:
            work = pathlib.Path(name)
            openmetrics(work / "samples.om", series, HOURS * 60 + a.turns + 1)
            load(work / "samples.om", work)
            with prometheus(work) as server:
                plan, real = (child(which, a, server.url, work) for which in ("plan", "run"))
        for figure in FIGURES:
            off = f"{plan[figure] / real[figure] - 1:+.0%}" if real[figure] else ""
            print(f"{figure:>18}{plan[figure]:>14.2f}{real[figure]:>14.2f}{off:>9}", flush=True)


def child(which: str, a: argparse.Namespace, url: str, work: pathlib.Path) -> dict:
    options = ["--turns", str(a.turns), "--work", str(work), "--child", which, url]
    done = subprocess.run([sys.executable, __file__, *options], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    main()
