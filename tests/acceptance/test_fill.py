"""A real process fills a real file system; the daemon reads a real Prometheus and tells a real Alertmanager in time.

What must arrive when: firing before 60 % of the time from the start of the fill to full, `startsAt` = the opening, kept
firing by renewals, resolved with the verdict after the crossing; nothing about a file system that was filled to 60 % once.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from aiops.core.durations import rfc3339
from tests import servers
from tests.acceptance.daemon import Aiops, until

pytestmark = pytest.mark.acceptance

STEP_S = 2
CALM_S, FILL_S = 25, 320
SIZE_MIB = 48
FILLER = """
import os, sys, time
path, calm, seconds, share = sys.argv[1], *map(float, sys.argv[2:])
time.sleep(calm)
stat = os.statvfs(path)
total = int(stat.f_bavail * stat.f_frsize * share)
print(time.time(), flush=True)
begin, written = time.monotonic(), 0
with open(os.path.join(path, "data"), "wb", buffering=0) as f:  # a full disk is told here, not at the end
    while written < total:
        due = min(total, int(total * (time.monotonic() - begin) / seconds))
        try:
            written += f.write(b"x" * (due - written))
        except OSError:
            break
        time.sleep(0.5)
print(time.time(), flush=True)
"""


@dataclass
class Stage:
    """What runs, and what was seen."""

    aiops: Aiops
    collector: Any
    steady: str
    plateau: str
    began_s: float = 0.0
    full_s: float = 0.0
    notes: dict[str, Any] = field(default_factory=dict)

    def told(self, mountpoint: str, status: str) -> list[dict[str, Any]]:
        """Alerts about a file system that the webhook received, in order."""
        alerts = [a for body in self.collector.bodies() for a in body["alerts"]]
        return [a for a in alerts if a["labels"].get("mountpoint") == mountpoint and a["status"] == status]


@pytest.fixture(scope="module")
def mounts(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    folders = tuple(tmp_path_factory.mktemp(name) for name in ("steady", "plateau"))
    mounted = []
    try:
        for folder in folders:
            command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}M", "aiops-acceptance", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode:
                pytest.skip(f"mounting a tmpfs is not permitted here: {done.stderr.strip()}")
            mounted.append(folder)
        yield folders[0], folders[1]
    finally:
        for folder in mounted:
            subprocess.run(["umount", "-l", str(folder)], check=False)


def config_of(prometheus: str, alertmanager: str) -> str:
    return f"""
sources:
  prom: {{kind: prometheus, url: {prometheus}, step: {STEP_S}s, data_class: internal}}
receivers:
  am: {{kind: alertmanager, url: {alertmanager}}}
  out: {{kind: stdout}}
routes:
  - {{receiver: am, continue: true}}
  - {{receiver: out}}
stages: {{disk_full: ticket}}
"""


@pytest.fixture(scope="module")
def stage(mounts: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("fill")
    steady, plateau = mounts
    with ExitStack() as stack:
        collector = stack.enter_context(servers.webhook())
        alertmanager = stack.enter_context(servers.alertmanager(folder / "am", webhook=collector.url))
        node = stack.enter_context(
            servers.node_exporter("--collector.filesystem.mount-points-exclude=^/(dev|proc|sys|run|srv)($|/)")
        )
        prometheus = stack.enter_context(servers.prometheus(folder / "prom", {"node": node}, interval_s=STEP_S))
        (folder / "aiops.yaml").write_text(config_of(prometheus, alertmanager))
        fillers = [
            subprocess.Popen([sys.executable, "-c", FILLER, str(path), *map(str, args)], stdout=subprocess.PIPE, text=True)
            for path, *args in ((steady, CALM_S, FILL_S, 1.05), (plateau, CALM_S + 20, 25, 0.6))
        ]
        for filler in fillers:
            stack.enter_context(filler)
            stack.callback(filler.kill)
        aiops = stack.enter_context(Aiops.started(folder, folder / "aiops.yaml"))
        stage = Stage(aiops, collector, str(steady), str(plateau))
        stage.notes["fillers"] = fillers
        yield stage


def seconds_of(stamp: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def test_the_fill_is_told_in_time_and_judged(stage: Stage) -> None:
    filler = stage.notes["fillers"][0]
    began = float(filler.stdout.readline())
    firing = until(lambda: stage.told(stage.steady, "firing"), FILL_S, "the fill reaches Alertmanager's webhook")[0]
    told_s = time.time()
    full = float(filler.stdout.readline())
    assert told_s <= began + 0.60 * (full - began), f"told after {(told_s - began) / (full - began):.0%} of the fill"
    assert firing["labels"]["stage"] == "ticket"
    assert firing["labels"]["card"] == "disk_full"
    assert "record" in " ".join(firing["annotations"]) or "unproven" in json.dumps(firing["annotations"])
    warning = next(w for w in stage.aiops.warnings() if w["entity"].get("mountpoint") == stage.steady)
    assert seconds_of(firing["startsAt"]) == warning["opened_s"]
    assert began < warning["opened_s"] < full

    resolved = until(lambda: stage.told(stage.steady, "resolved"), 60, "the warning ends at Alertmanager")[-1]
    assert resolved["annotations"]["verdict"] == "hit"
    assert resolved["fingerprint"] == firing["fingerprint"], "identity must not change over the episode"
    episodes = {a["startsAt"] for a in stage.told(stage.steady, "firing")}
    assert episodes == {firing["startsAt"]}, "one episode, kept firing by its renewals"
    judged = next(o for o in stage.aiops.get("/api/v1/outcomes") if o["entity"].get("mountpoint") == stage.steady)
    assert judged["verdict"] == "hit"
    assert judged["lead_s"] == judged["failed_s"] - warning["opened_s"] > 0
    print(f"told after {(told_s - began) / (full - began):.0%} of a fill of {full - began:.0f} s; lead {judged['lead_s']:.0f} s")


def test_a_file_system_filled_once_to_60_percent_is_not_warned_of(stage: Stage) -> None:
    assert stage.notes["fillers"][1].wait(FILL_S) == 0
    used = os.statvfs(stage.plateau)
    assert 0.5 < 1 - used.f_bavail / used.f_blocks < 0.7
    assert [w for w in stage.aiops.warnings() if w["entity"].get("mountpoint") == stage.plateau] == []
    assert stage.told(stage.plateau, "firing") == []


def test_the_ten_cards_watch_this_host_through_prometheus(stage: Stage) -> None:
    cards = stage.aiops.get("/api/v1/cards")
    assert not [c["card"] for c in cards if c["error"]]
    without = {c["card"] for c in cards if not sum(c["series"].values())}
    assert without <= {"swap_pressure", "process_memory_limit"}, "only a host without swap has no series of a card"
    assert stage.aiops.get("/-/ready")["ready"] is True


def test_what_was_told_stands_in_the_ledger_and_on_the_command_line(stage: Stage) -> None:
    listed = stage.aiops.command("warnings", "list").stdout
    warning = next(w for w in stage.aiops.warnings() if w["entity"].get("mountpoint") == stage.steady)
    assert warning["id"] in listed
    shown = stage.aiops.command("warnings", "show", warning["id"]).stdout
    assert "disk-filling-up" in shown
    assert rfc3339(warning["opened_s"]) in shown
    assert "hit" in shown
    assert stage.aiops.command("audit", "verify").returncode == 0
    stage.aiops.stop()
    assert stage.aiops.command("audit", "verify").returncode == 0
    assert "[shadow" not in "".join(line for line in stage.aiops.output().splitlines() if stage.steady in line)
