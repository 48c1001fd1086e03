"""This host as a source: psutil's figures, named and labelled as node_exporter's."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.samples import LiveSamples
from aiops.telemetry.source import Answer, ReadLimits, Source

Sample = tuple[dict[str, str], float]
_CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_NO_FILE_SYSTEMS = {
    "autofs",
    "binfmt_misc",
    "bpf",
    "cgroup",
    "cgroup2",
    "configfs",
    "debugfs",
    "devpts",
    "devtmpfs",
    "fusectl",
    "hugetlbfs",
    "iso9660",
    "mqueue",
    "nsfs",
    "proc",
    "pstore",
    "rpc_pipefs",
    "securityfs",
    "selinuxfs",
    "squashfs",
    "sysfs",
    "tracefs",
}
_NO_MOUNTS = ("/dev", "/proc", "/sys", "/run/credentials", "/var/lib/docker")


class HostParams(Params):
    """Parameters of `HostSource`."""

    instance: str = Field(default_factory=socket.gethostname, description="the label `instance` of every series")
    every: int = Field(5, ge=1, description="seconds between two collections")
    keep_hours: float = Field(2.0, gt=0, le=48, description="how long collected samples are kept in memory")


class HostSource(Source[HostParams]):
    """Collects this host's figures and evaluates the PromQL subset over them; nothing leaves the machine."""

    Params = HostParams

    def __init__(self, name: str, params: HostParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._samples = LiveSamples(int(params.keep_hours * 3600 / params.every))

    def collect(self, now_s: float) -> None:
        """Take one collection, stamped `now_s`."""
        common = {"instance": self.params.instance, "job": "host"}
        self._samples.add(now_s, (({**labels, **common}, value) for labels, value in collected(now_s)))

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`; collects first when the newest collection is older than asked."""
        newest = self._samples.last_s
        if newest is None or newest < end_s:
            self.collect(float(end_s))
        found = evaluate(query, self._samples, start_s, end_s, step_s, source=self.name)
        values = np.where(np.isfinite(found.values), found.values, np.nan)
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        return Answer(Block(tuple(found.labels), times, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What answers."""
        return f"this host, {sum(1 for _ in collected(time.time()))} samples a collection"

    def oldest_s(self) -> int | None:
        """The first collection that is kept."""
        first = self._samples.first_s
        return None if first is None else int(first)


def collected(now_s: float) -> Iterator[Sample]:
    """One collection: (labels with __name__, value)."""
    yield from _cpu()
    yield from _memory()
    yield from _filesystems()
    yield from _disks()
    yield from _network()
    yield from _processes()
    yield {"__name__": "node_time_seconds"}, now_s
    yield {"__name__": "node_boot_time_seconds"}, psutil.boot_time()


def _cpu() -> Iterator[Sample]:
    for number, times in enumerate(psutil.cpu_times(percpu=True)):
        for mode in _CPU_MODES:
            if hasattr(times, mode):
                labels = {"__name__": "node_cpu_seconds_total", "cpu": str(number), "mode": mode}
                yield labels, float(getattr(times, mode))
    for name, value in zip(("node_load1", "node_load5", "node_load15"), psutil.getloadavg(), strict=True):
        yield {"__name__": name}, value


def _memory() -> Iterator[Sample]:
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    parts = {
        "MemTotal": memory.total,
        "MemAvailable": memory.available,
        "MemFree": memory.free,
        "Buffers": getattr(memory, "buffers", 0),
        "Cached": getattr(memory, "cached", 0),
        "SwapTotal": swap.total,
        "SwapFree": swap.free,
    }
    for name, value in parts.items():
        yield {"__name__": f"node_memory_{name}_bytes"}, float(value)
    yield {"__name__": "node_vmstat_pswpin"}, swap.sin / os.sysconf("SC_PAGE_SIZE")
    yield {"__name__": "node_vmstat_pswpout"}, swap.sout / os.sysconf("SC_PAGE_SIZE")


def _filesystems() -> Iterator[Sample]:
    seen = set()
    for part in psutil.disk_partitions(all=True):
        if part.fstype in _NO_FILE_SYSTEMS or part.mountpoint in seen:
            continue
        if any(part.mountpoint == m or part.mountpoint.startswith(m + "/") for m in _NO_MOUNTS):
            continue
        seen.add(part.mountpoint)
        try:
            stat = os.statvfs(part.mountpoint)
        except OSError:
            continue
        labels = {"device": part.device, "fstype": part.fstype, "mountpoint": part.mountpoint}
        figures = {
            "size_bytes": stat.f_blocks * stat.f_frsize,
            "free_bytes": stat.f_bfree * stat.f_frsize,
            "avail_bytes": stat.f_bavail * stat.f_frsize,
            "files": stat.f_files,
            "files_free": stat.f_ffree,
        }
        for name, value in figures.items():
            yield {"__name__": f"node_filesystem_{name}", **labels}, float(value)


def _disks() -> Iterator[Sample]:
    for device, c in (psutil.disk_io_counters(perdisk=True) or {}).items():
        figures = {
            "read_bytes_total": c.read_bytes,
            "written_bytes_total": c.write_bytes,
            "reads_completed_total": c.read_count,
            "writes_completed_total": c.write_count,
            "io_time_seconds_total": getattr(c, "busy_time", 0) / 1000,
        }
        for name, value in figures.items():
            yield {"__name__": f"node_disk_{name}", "device": device}, float(value)


def _network() -> Iterator[Sample]:
    for device, c in psutil.net_io_counters(pernic=True).items():
        for way, numbers in (
            ("receive", (c.bytes_recv, c.packets_recv, c.errin, c.dropin)),
            ("transmit", (c.bytes_sent, c.packets_sent, c.errout, c.dropout)),
        ):
            for name, value in zip(("bytes", "packets", "errs", "drop"), numbers, strict=True):
                yield {"__name__": f"node_network_{way}_{name}_total", "device": device}, float(value)


def _processes() -> Iterator[Sample]:
    try:
        allocated, _, maximum = Path("/proc/sys/fs/file-nr").read_text().split()
        yield {"__name__": "node_filefd_allocated"}, float(allocated)
        yield {"__name__": "node_filefd_maximum"}, float(maximum)
        for row in Path("/proc/stat").read_text().splitlines():
            if row.startswith(("procs_running ", "procs_blocked ")):
                name, value = row.split()
                yield {"__name__": f"node_{name}"}, float(value)
    except OSError:  # not Linux: those figures do not exist there
        return
    yield {"__name__": "node_processes_pids"}, float(len(psutil.pids()))
