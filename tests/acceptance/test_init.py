"""`aiops init` against a real Prometheus that scrapes this machine: what it wrote is accepted, and the daemon starts with it."""

from __future__ import annotations

import re
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests import servers
from tests.acceptance.daemon import Aiops

pytestmark = pytest.mark.acceptance


RULES = """
groups:
- name: host
  rules:
  - {alert: MemoryLow, expr: node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100 < 3, labels: {severity: warning}}
  - {alert: Down, expr: up == 0, labels: {severity: critical}}
"""


def command(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-m", "aiops", *args], capture_output=True, text=True, check=False, timeout=300)


def scraped(url: str) -> bool:
    """Whether a counter has two samples, and had two seconds ago: `init` looks at whole seconds."""
    query = urllib.parse.urlencode({"query": "rate(node_cpu_seconds_total[1m] offset 2s) >= 0"})
    with urllib.request.urlopen(f"{url}/api/v1/query?{query}", timeout=10) as answer:
        return b'"metric"' in answer.read()


def test_the_daemon_starts_with_what_was_written_and_watches_this_machine(tmp_path: Path) -> None:
    with servers.node_exporter() as node, servers.prometheus(tmp_path / "prom", {"node": node}, rules=RULES) as url:
        end = time.monotonic() + 60
        while not scraped(url):
            assert time.monotonic() < end, "nothing is scraped"
            time.sleep(0.5)
        made = command("init", "--prometheus", url, "--dir", str(tmp_path / "aiops"))
        assert made.returncode == 0, made.stderr
        config = tmp_path / "aiops" / "aiops.yaml"
        checked = command("check", "--config", str(config))
        assert (checked.returncode, checked.stderr) == (0, ""), checked.stdout
        assert "limit: {below: 0.03}" in (tmp_path / "aiops" / "models" / "memory_exhaustion.yaml").read_text()
        with Aiops.started(tmp_path, config) as aiops:
            end = time.monotonic() + 120
            while not watched(aiops) >= {"cpu_saturation", "disk_full", "memory_exhaustion", "existing_alerts"}:
                assert time.monotonic() < end, aiops.output()[-3000:]
                time.sleep(1)
            assert "Traceback" not in aiops.output()


def watched(aiops: Aiops) -> set[str]:
    """Cards that have series."""
    text = aiops.get("/metrics", text=True)
    return {m[1] for m in re.finditer(r'aiops_series\{card="(\w+)",state="\w+"\} ([\d.e+]+)', text) if float(m[2])}
