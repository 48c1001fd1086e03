"""The same drills live: fifty exporters, one Prometheus with their rules, one daemon; days of minutes instead of hours."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from common import Server, _running, free_port
from drill_courses import FAILURES, VARIANTS, Drill
from drill_exporter import rules
from drill_stage import asked, drill_of, exporter, file_systems, node_exporter, record

STEP_S, INTERVAL_S = 5, 5
DAY_S = 240.0
"""A day on the drills' clock: what happens every night happens every four minutes."""
HISTORY_S = 30 * int(DAY_S)
FOR_S = 30
SETTLES_S = 15.0
"""After so long an exporter has its port, or has ended."""
RECORDING_S = 5
"""What recording one drill may take, on a machine that does other things too."""
CARD = {
    "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "existing_alerts", "alerts": {"match": ['severity="warning"']},
    "horizon": "6h", "step": f"{STEP_S}s", "stage": "ticket",
}  # fmt: skip


@dataclass
class Watched:
    """What was seen: when each drill's alert fired first, the warnings about it, and how many of them were louder than shadow."""

    began_s: float
    fired: dict[str, float] = field(default_factory=dict)
    warned: dict[str, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))
    loud: dict[str, int] = field(default_factory=dict)


def drills_of(seed: int, begin_s: int, lasts_s: tuple[float, float]) -> list[Drill]:
    """Fifty drills that all begin within a minute of `begin_s`."""
    rng = np.random.default_rng([seed, 78])
    return [
        Drill(failure, variant, alike, seed, begin_s + rng.uniform(0, 60), rng.uniform(*lasts_s), DAY_S)
        for failure in FAILURES for variant in VARIANTS for alike in (False, True)
    ]  # fmt: skip


def watch(
    drills: Mapping[str, Drill], mounts: Mapping[str, pathlib.Path], folder: pathlib.Path, start_s: int, cards: Sequence[object]
) -> Watched:
    """Go on live where the record ends, until every failure has fired."""
    with contextlib.ExitStack() as stack:
        targets = {}
        waiting = list(drills.values())
        while waiting:  # a port may be taken by somebody else before it is used: then another
            begun = []
            for drill in waiting:
                port = 0 if drill.failure == "filesystem" else free_port()
                process = subprocess.Popen(exporter(drill, mounts.get(drill.name, folder), "--listen", port))
                stack.callback(_stop, process)
                begun.append((drill, process))
                if port:
                    targets[drill.name] = (drill.failure, f"127.0.0.1:{port}")
            time.sleep(SETTLES_S)
            waiting = [drill for drill, process in begun if process.poll() is not None]
        node = stack.enter_context(node_exporter(folder))
        targets["host"] = ("node", node.url.removeprefix("http://"))
        time.sleep(max(0.0, start_s - time.time()))
        text = rules(DAY_S, dict.fromkeys(FAILURES, FOR_S), INTERVAL_S, f"{folder}/mnt/.*")
        server = stack.enter_context(_scraping(folder, targets, text))
        daemon = stack.enter_context(_daemon(folder, server, cards))
        seen = Watched(time.time())
        end = max(d.begin_s + d.lasts_s for d in drills.values()) + FOR_S + 60
        wanted = {name for name, drill in drills.items() if not drill.alike}
        while time.time() < end and not wanted <= set(seen.fired):
            time.sleep(2)
            for alert in asked(server.url, "/api/v1/alerts")["alerts"]:
                name = drill_of(alert["labels"], drills)
                if alert["state"] == "firing" and name:
                    seen.fired.setdefault(name, time.time())
        with_warnings(seen, daemon, drills)
        return seen


def with_warnings(seen: Watched, daemon: Server, drills: Mapping[str, Drill]) -> None:
    """What the daemon told, from its own API."""
    with urllib.request.urlopen(f"{daemon.url}/api/v1/warnings?limit=1000") as answer:
        told = json.load(answer)
    now_s = time.time()
    for warning in told:
        name = drill_of(warning["labels"], drills) or drill_of(warning["entity"], drills)
        if name:
            until = max(warning["closed_s"] or now_s, warning["told_latest_s"] or 0.0)
            seen.warned[name].append((warning["opened_s"], until))
            if warning["stage"] != "shadow":
                seen.loud[name] = seen.loud.get(name, 0) + 1


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(20)


@contextlib.contextmanager
def _scraping(folder: pathlib.Path, targets: Mapping[str, tuple[str, str]], text: str) -> Iterator[Server]:
    (folder / "rules.yml").write_text(text)
    jobs: dict[str, list[object]] = defaultdict(list)
    for name, (job, address) in targets.items():
        jobs[job].append({"targets": [address], "labels": {"instance": name}})
    config = {
        "global": {"scrape_interval": f"{STEP_S}s", "scrape_timeout": f"{STEP_S}s"}, "rule_files": [f"{folder}/rules.yml"],
        "scrape_configs": [{"job_name": job, "static_configs": some} for job, some in jobs.items()],
    }  # fmt: skip
    (folder / "prom.yml").write_text(json.dumps(config))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prom.yml", f"--storage.tsdb.path={folder}/tsdb", "--log.level=error",
               "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}"]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "prom.log") as server:
        yield server


@contextlib.contextmanager
def _daemon(folder: pathlib.Path, server: Server, cards: Sequence[object]) -> Iterator[Server]:
    (folder / "cards").mkdir()
    for i, card in enumerate(cards):
        (folder / "cards" / f"{i}.yaml").write_text(json.dumps(card))
    source = {"kind": "prometheus", "url": server.url, "step": f"{STEP_S}s", "data_class": "internal"}
    (folder / "aiops.yaml").write_text(json.dumps({"sources": {"drills": source}, "cards": ["cards"]}))
    port = free_port()
    command = [sys.executable, "-m", "aiops", "run", "--config", f"{folder}/aiops.yaml", "--data-dir", f"{folder}/data",
               "--listen", f"127.0.0.1:{port}"]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "aiops.log") as found:
        yield found


def run(
    seed: int, lasts_s: tuple[float, float], folder: pathlib.Path, only: str = "", cards: Sequence[object] = (CARD,)
) -> tuple[dict[str, Drill], Watched]:
    """Record what was before, then live; `only` those whose name matches a regular expression."""
    start_s = int(time.time()) // STEP_S * STEP_S
    wanted = [drill.name for drill in drills_of(seed, start_s, lasts_s) if re.search(only, drill.name)]
    start_s += 30 + RECORDING_S * len(wanted)
    drills = {drill.name: drill for drill in drills_of(seed, start_s + 30, lasts_s) if drill.name in wanted}
    with file_systems(list(drills.values()), folder) as mounts:
        record(list(drills.values()), mounts, folder, np.arange(start_s - HISTORY_S, start_s + 1, STEP_S))
        print(f"recorded, {start_s - time.time():.0f} s before it was needed", file=sys.stderr)
        return drills, watch(drills, mounts, folder, start_s, cards)
