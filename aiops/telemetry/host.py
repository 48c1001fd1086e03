"""This host as a source: psutil's figures, named and labelled as node_exporter's."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np
import psutil
from pydantic import Field

from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.labelling import Labelling
from aiops.telemetry.mounts import Mounts
from aiops.telemetry.samples import LiveSamples
from aiops.telemetry.source import Answer, ReadLimits, Source

Sample = tuple[dict[str, str], float]
_CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_NO_DISKS = re.compile(r"(ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+")
_HOTPLUG_S = 3.0
"""A processor's counter that falls by more was started anew; by less, it is the kernel's rounding."""
_PAGE_BYTES = 4096
"""What psutil takes a page for when it counts swapping in bytes."""


class HostParams(Params):
    """Parameters of `HostSource`."""

    instance: str = Field(default_factory=socket.gethostname, description="the label `instance` of every series")
    every: int = Field(5, ge=1, description="seconds between two collections")
    keep_hours: float = Field(2.0, gt=0, le=48, description="how long collected samples are kept in memory")


class HostSource(Source[HostParams]):
    """Collects this host's figures and evaluates the PromQL subset over them; nothing leaves the machine.

    Collected when something newer than the newest collection is asked for, kept in memory for `keep_hours`. What this host
    does not have (swap, another kernel's counters) gives no series. Raises SourceError for what is outside the subset.

    Source: names, labels and units of node_exporter's series; figures of psutil.

    >>> host = HostSource("host", HostParams(instance="a"), ReadLimits())
    >>> host.collect(1_700_000_000.0)
    >>> host.fetch("node_memory_MemTotal_bytes", 1_700_000_000, 1_700_000_000, 5).block.labels
    ({'instance': 'a', 'job': 'host'},)
    """

    Params = HostParams
    keeps_past: ClassVar[bool] = False

    def __init__(self, name: str, params: HostParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._samples = LiveSamples(int(params.keep_hours * 3600 / params.every))
        self._labelling = Labelling(name)
        self._host = Host()

    def collect(self, now_s: float) -> None:
        """Take one collection, stamped `now_s`."""
        common = {"instance": self.params.instance, "job": "host"}
        self._samples.add(now_s, (({**labels, **common}, value) for labels, value in self._host.collected(now_s)))

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`; collects first when the newest collection is older than asked."""
        newest = self._samples.last_s
        if newest is None or newest < end_s:
            self.collect(float(end_s))
        found = evaluate(query, self._samples, start_s, end_s, step_s, source=self.name)
        values = np.where(found.here & np.isfinite(found.values), found.values, np.nan)
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        labels = self._labelling.of(query, found.labels)
        return Answer(Block(labels, times, values, unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What answers."""
        return f"this host, {sum(1 for _ in self._host.collected(time.time()))} samples a collection"

    def oldest_s(self) -> int | None:
        """The first collection that is kept."""
        first = self._samples.first_s
        return None if first is None else int(first)


class Host:
    """The figures of this host; what it cannot or may not read is left out of a collection, the rest stays."""

    def __init__(self) -> None:
        self._mounts = Mounts()
        self._cpu_s: dict[tuple[int, str], float] = {}

    def collected(self, now_s: float) -> Iterator[Sample]:
        """One collection: (labels with __name__, value)."""
        parts: list[Callable[[], Iterator[Sample]]] = [
            self._cpu, _load, _memory, _swap, self._filesystems, _disks, _network, _processes, _boot,
        ]  # fmt: skip
        for part in parts:
            try:
                yield from part()
            except (
                OSError,
                RuntimeError,
                NotImplementedError,
                psutil.Error,
            ):  # not on this system, or not for this user
                continue
        yield {"__name__": "node_time_seconds"}, now_s

    def _cpu(self) -> Iterator[Sample]:
        for number, times in enumerate(psutil.cpu_times(percpu=True)):
            for mode in _CPU_MODES:
                if hasattr(times, mode):
                    labels = {"__name__": "node_cpu_seconds_total", "cpu": str(number), "mode": mode}
                    yield labels, self._rising(number, mode, float(getattr(times, mode)))

    def _rising(self, number: int, mode: str, seconds: float) -> float:
        """The kernel's counters of idle and waiting time fall by a little now and then, which is no new start."""
        before = self._cpu_s.get((number, mode), 0.0)
        if before - _HOTPLUG_S < seconds < before:
            return before
        self._cpu_s[number, mode] = seconds
        return seconds

    def _filesystems(self) -> Iterator[Sample]:
        for mount, stat in self._mounts.read():
            labels = {"device": mount.device, "fstype": mount.fstype, "mountpoint": mount.mountpoint}
            figures = {
                "size_bytes": stat.f_blocks * stat.f_frsize,
                "free_bytes": stat.f_bfree * stat.f_frsize,
                "avail_bytes": stat.f_bavail * stat.f_frsize,
                "files": stat.f_files,
                "files_free": stat.f_ffree,
            }
            for name, value in figures.items():
                yield {"__name__": f"node_filesystem_{name}", **labels}, float(value)


def _boot() -> Iterator[Sample]:
    yield {"__name__": "node_boot_time_seconds"}, psutil.boot_time()


def _load() -> Iterator[Sample]:
    for name, value in zip(("node_load1", "node_load5", "node_load15"), psutil.getloadavg(), strict=True):
        yield {"__name__": name}, value


def _memory() -> Iterator[Sample]:
    memory = psutil.virtual_memory()
    parts = {"MemTotal": memory.total, "MemAvailable": memory.available, "MemFree": memory.free}
    if hasattr(memory, "buffers"):
        parts["Buffers"] = memory.buffers
    for name, value in parts.items():
        yield {"__name__": f"node_memory_{name}_bytes"}, float(value)


def _swap() -> Iterator[Sample]:
    swap = psutil.swap_memory()
    yield {"__name__": "node_memory_SwapTotal_bytes"}, float(swap.total)
    yield {"__name__": "node_memory_SwapFree_bytes"}, float(swap.free)
    yield {"__name__": "node_vmstat_pswpin"}, swap.sin / _PAGE_BYTES
    yield {"__name__": "node_vmstat_pswpout"}, swap.sout / _PAGE_BYTES


def _disks() -> Iterator[Sample]:
    for device, c in (psutil.disk_io_counters(perdisk=True) or {}).items():
        if _NO_DISKS.fullmatch(device):
            continue
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
    yield {"__name__": "node_processes_pids"}, float(len(psutil.pids()))
    for row in Path("/proc/stat").read_text().splitlines():
        if row.startswith(("procs_running ", "procs_blocked ")):
            name, value = row.split()
            yield {"__name__": f"node_{name}"}, float(value)
    allocated, _, maximum = Path("/proc/sys/fs/file-nr").read_text().split()
    yield {"__name__": "node_filefd_allocated"}, float(allocated)
    yield {"__name__": "node_filefd_maximum"}, float(maximum)
