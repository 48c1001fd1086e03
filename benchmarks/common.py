"""What the benchmarks share: made-up samples in a real Prometheus, and what a process used."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import resource
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Server:
    """A running Prometheus or VictoriaMetrics."""

    url: str
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU that it has used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def prometheus(folder: pathlib.Path, rules: str = "", scrape: str = "") -> Iterator[Server]:
    """Debian's Prometheus on a free loopback port, serving `folder`/tsdb; `rules` is a rule file's text, `scrape` a HOST:PORT
    that it reads every minute."""
    (folder / "rules.yml").write_text(rules)
    job = {"job_name": "bench", "scrape_interval": "60s", "honor_labels": True, "static_configs": [{"targets": [scrape]}]}
    config = {"scrape_configs": [job] if scrape else [], "rule_files": [f"{folder}/rules.yml"]}
    (folder / "prom.yml").write_text(json.dumps(config))
    port = free_port()
    command = ["prometheus", f"--config.file={folder}/prom.yml", f"--storage.tsdb.path={folder}/tsdb", "--log.level=error",
               "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}", "--query.max-samples=100000000"]
    with _running(command, f"http://127.0.0.1:{port}", "/-/ready", folder / "prom.log") as server:
        yield server


@contextlib.contextmanager
def alertmanager(folder: pathlib.Path) -> Iterator[str]:
    """Debian's Alertmanager on a free loopback port, which tells nobody; its URL."""
    (folder / "alertmanager.yml").write_text(json.dumps({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}))
    url = f"http://127.0.0.1:{free_port()}"
    command = ["prometheus-alertmanager", f"--config.file={folder}/alertmanager.yml", f"--storage.path={folder}/alertmanager",
               f"--web.listen-address={url.removeprefix('http://')}", "--cluster.listen-address=",
               "--log.level=error"]  # fmt: skip
    with _running(command, url, "/-/ready", folder / "alertmanager.log") as server:
        yield server.url


@contextlib.contextmanager
def victoria_metrics(folder: pathlib.Path, samples: pathlib.Path) -> Iterator[Server]:
    """Debian's VictoriaMetrics on a free loopback port, with the `samples` of a file in Prometheus' text format (ms)."""
    port = free_port()
    command = ["victoria-metrics", f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={folder}/vm", "-retentionPeriod=1200"]
    with _running(command, f"http://127.0.0.1:{port}", "/health", folder / "vm.log") as server:
        urllib.request.urlopen(f"{server.url}/api/v1/import/prometheus", data=samples.read_bytes()).close()
        urllib.request.urlopen(f"{server.url}/internal/force_flush").close()
        yield server


def free_port() -> int:
    """A port of this machine that nobody has."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port: int = s.getsockname()[1]
    return port


@contextlib.contextmanager
def _running(command: list[str], url: str, ready: str, log: pathlib.Path) -> Iterator[Server]:
    with open(log, "w") as f, subprocess.Popen(command, stdout=f, stderr=f) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), urllib.request.urlopen(url + ready) as r:
                    if r.status == 200:
                        break
                time.sleep(0.1)
            yield Server(url, process.pid)
        finally:
            process.terminate()


def load(samples: pathlib.Path, folder: pathlib.Path) -> None:
    """Blocks in `folder`/tsdb of an OpenMetrics file, which is then deleted."""
    command = ["promtool", "tsdb", "create-blocks-from", "openmetrics", "--max-block-duration=240h"]
    subprocess.run([*command, samples, folder / "tsdb"], check=True, stdout=subprocess.DEVNULL)
    samples.unlink()


def cpu() -> float:
    """Seconds of CPU that this process has used so far."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def memory_mib(field: str) -> float:
    """VmHWM (the most there was), VmRSS, RssAnon … of this process."""
    for line in pathlib.Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    return float("nan")
