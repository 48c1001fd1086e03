"""What the benchmarks share: made-up samples in a real Prometheus, and what a process used."""

from __future__ import annotations

import contextlib
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
    """A running Prometheus."""

    url: str
    pid: int

    def cpu(self) -> float:
        """Seconds of CPU that it has used so far."""
        fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def prometheus(folder: pathlib.Path) -> Iterator[Server]:
    """Debian's Prometheus on a free loopback port, serving `folder`/tsdb."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    (folder / "prom.yml").write_text("scrape_configs: []\n")
    command = ["prometheus", f"--config.file={folder}/prom.yml", f"--storage.tsdb.path={folder}/tsdb", "--log.level=error",
               "--storage.tsdb.retention.time=100y", f"--web.listen-address=127.0.0.1:{port}", "--query.max-samples=100000000"]
    with open(folder / "prom.log", "w") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready") as r:
                    if r.status == 200:
                        break
                time.sleep(0.1)
            yield Server(f"http://127.0.0.1:{port}", process.pid)
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
