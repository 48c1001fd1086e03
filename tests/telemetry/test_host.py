"""This host as a source: the figures and labels of node_exporter, and nothing that it cannot read breaks a collection."""

from __future__ import annotations

import os
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import psutil
import pytest
from prometheus_client.parser import text_string_to_metric_families

from aiops.telemetry import host, mounts
from aiops.telemetry.host import Host, HostParams, HostSource
from aiops.telemetry.mounts import Mounts, watched
from aiops.telemetry.source import ReadLimits
from tests.servers import node_exporter
from tests.shipped import HOST_CARDS

NOW = 1_800_000_000
CARDS = {card.name: card for card in HOST_CARDS}


def source(every: int = 5) -> HostSource:
    return HostSource("host", HostParams(instance="here", every=every), ReadLimits())


def collected(now_s: float = NOW, of: Host | None = None) -> dict[frozenset[Any], float]:
    return {frozenset(labels.items()): value for labels, value in (of or Host()).collected(now_s)}


def names(found: dict[frozenset[Any], float]) -> set[str]:
    return {dict(one)["__name__"] for one in found}


def test_the_shipped_cards_watch_at_least_25_series_of_a_small_host() -> None:
    made = source()
    for k in range(61):
        made.collect(float(NOW + 5 * k))
    now = NOW + 300
    counts = {name: len(made.fetch(card.query, now, now, 5).block.labels) for name, card in CARDS.items()}
    always = {
        "disk_full",
        "cpu_saturation",
        "load_anomaly",
        "memory_exhaustion",
        "network_errors",
        "fd_exhaustion",
        "process_count",
    }
    assert {name for name, count in counts.items() if count} >= always
    assert sum(counts.values()) >= 25


def test_a_fetch_collects_when_the_newest_collection_is_older() -> None:
    made = source()
    query = CARDS["memory_exhaustion"].query
    block = made.fetch(query, NOW, NOW, 5).block
    assert block.labels == ({"instance": "here", "job": "host"},)
    assert 0 < block.values[0, 0] < 1
    assert made.oldest_s() == NOW
    made.fetch(query, NOW + 5, NOW + 5, 5)
    made.fetch(query, NOW + 5, NOW + 5, 5)
    assert np.isfinite(made.fetch(query, NOW - 5, NOW + 5, 5).block.values).tolist() == [[False, True, True]]


def test_label_objects_stay_the_same_from_turn_to_turn() -> None:
    made = source()
    query = CARDS["disk_full"].query
    first, second = (made.fetch(query, NOW + t, NOW + t, 5).block.labels for t in (0, 5))
    assert first
    assert all(a is b for a, b in zip(first, second, strict=True))


def test_probe_says_how_much_there_is() -> None:
    assert "this host" in source().probe()


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    everything = "--collector.filesystem.mount-points-exclude=^/(proc|sys)($|/)"
    kinds = "--collector.filesystem.fs-types-exclude=^(proc|sysfs|cgroup2?|devpts|devtmpfs|squashfs|nsfs)$"
    with node_exporter(everything, kinds, "--collector.netdev.device-exclude=^$", "--collector.processes") as url:
        yield url


def scraped(url: str) -> dict[frozenset[Any], float]:
    with urllib.request.urlopen(f"{url}/metrics", timeout=20) as answer:
        text = answer.read().decode()
    return {
        frozenset({"__name__": s.name, **s.labels}.items()): s.value
        for family in text_string_to_metric_families(text)
        for s in family.samples
        if s.name.startswith("node_")
    }


STEADY = ("node_memory_MemTotal_bytes", "node_memory_SwapTotal_bytes", "node_filesystem_size_bytes", "node_filesystem_files",
          "node_filefd_maximum", "node_boot_time_seconds")  # fmt: skip
JUMPY = (
    "node_procs_running",
    "node_procs_blocked",
    "node_time_seconds",
    "node_filefd_allocated",
    "node_processes_pids",
)


def test_every_series_of_the_host_is_one_of_node_exporter_with_the_same_labels_and_value(exporter: str) -> None:
    one = Host()
    before, theirs, after = collected(time.time(), one), scraped(exporter), collected(time.time(), one)
    assert len(before) > 40
    missing = {tuple(sorted(series)) for series in before if series in after and series not in theirs}
    assert not missing
    for series in before.keys() & after.keys():
        name = dict(series)["__name__"]
        low, high, value = min(before[series], after[series]), max(before[series], after[series]), theirs[series]
        if name in JUMPY:
            continue
        slack = 0.01 * high + 1.0 if name not in STEADY else 0.0
        if "memory" in name or "filesystem" in name:
            slack = 0.05 * high if name not in STEADY else 0.0
        assert low - slack <= value <= high + slack, (series, low, value, high)


def test_what_the_cards_use_is_there_on_the_host_as_on_node_exporter(exporter: str) -> None:
    used = {word for card in CARDS.values() for word in _metrics(card.query) if word.startswith("node_")}
    assert len(used) > 10
    assert used <= names(collected())
    assert used <= names(scraped(exporter))


def _metrics(query: str) -> set[str]:
    return {
        word
        for word in "".join(c if c.isalnum() or c == "_" else " " for c in query).split()
        if word.startswith("node_")
    }


def test_dev_shm_and_mounts_under_mnt_are_watched_and_what_cannot_fill_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [
        ("/dev/vda", "/", "ext4"), ("tmpfs", "/dev/shm", "tmpfs"), ("tmpfs", "/dev/shm", "tmpfs"),
        ("/dev/vdb", "/mnt/data", "xfs"), ("overlay", "/merged", "overlay"), ("tmpfs", "/run", "tmpfs"),
        ("x", "/devices", "ext4"), ("proc", "/proc", "proc"), ("devtmpfs", "/dev", "devtmpfs"),
        ("mqueue", "/dev/mqueue", "mqueue"), ("t", "/dev/other", "tmpfs"), ("t", "/sys/x", "tmpfs"),
        ("/dev/loop1", "/snap/core/1", "squashfs"), ("o", "/var/lib/docker/overlay2/abc/merged", "overlay"),
        ("x", "/procs", "ext4"), ("auto", "/net", "autofs"), ("nfs:/", "/net", "nfs4"), ("a", "/hidden", "ext4"),
        ("b", "/hidden", "proc"),
    ]  # fmt: skip
    monkeypatch.setattr(
        psutil, "disk_partitions", lambda **_: [SimpleNamespace(device=d, mountpoint=m, fstype=f) for d, m, f in parts]
    )
    found = {point: part.device for point, part in watched().items()}
    assert found == {
        "/": "/dev/vda", "/dev/shm": "tmpfs", "/mnt/data": "/dev/vdb", "/merged": "overlay", "/run": "tmpfs", "/devices": "x",
        "/procs": "x", "/net": "nfs:/",
    }  # fmt: skip


def part(point: str) -> Any:
    return SimpleNamespace(device="d", mountpoint=point, fstype="ext4")


def test_a_mount_that_vanished_or_is_forbidden_is_left_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def statvfs(path: str) -> os.statvfs_result:
        if path == "/forbidden":
            raise PermissionError(13, "no")
        return real(path)

    real = os.statvfs
    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(mounts, "watched", lambda: {p: part(p) for p in ("/", str(tmp_path / "gone"), "/forbidden")})
    assert [one.mountpoint for one, _ in Mounts().read()] == ["/"]


def test_a_mount_that_hangs_holds_up_nothing_and_comes_back_when_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = threading.Event()
    waiting: list[str] = []

    def statvfs(path: str) -> Any:
        if path == "/dead":
            waiting.append(path)
            answers.wait(30)
        return SimpleNamespace(f_blocks=1)

    monkeypatch.setattr(os, "statvfs", statvfs)
    monkeypatch.setattr(mounts, "watched", lambda: {p: part(p) for p in ("/", "/dead", "/late")})
    made = Mounts(patience_s=0.2)
    for _ in range(3):
        assert [one.mountpoint for one, _ in made.read()] == ["/", "/late"]
    assert waiting == ["/dead"]  # one thread waits on it, however often it is asked
    answers.set()
    deadline = time.monotonic() + 10
    while (found := [one.mountpoint for one, _ in made.read()]) == ["/", "/late"] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert found == ["/", "/dead", "/late"]


PARTS = ["cpu_times", "getloadavg", "virtual_memory", "swap_memory", "disk_partitions", "disk_io_counters", "net_io_counters",
         "pids", "boot_time"]  # fmt: skip


@pytest.mark.parametrize(
    "error", [PermissionError(13, "no"), NotImplementedError("no /proc/diskstats"), psutil.AccessDenied(1)]
)
@pytest.mark.parametrize("what", PARTS)
def test_what_cannot_be_read_is_left_out_and_the_rest_stays(
    monkeypatch: pytest.MonkeyPatch, what: str, error: Exception
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise error

    whole = names(collected())
    monkeypatch.setattr(psutil, what, fails)
    left = names(collected())
    assert left < whole
    assert len(whole - left) <= 10
    assert "node_time_seconds" in left


def test_a_processor_s_counter_does_not_fall_by_a_rounding_and_starts_anew_after_a_hotplug(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = Host()
    series = frozenset({"__name__": "node_cpu_seconds_total", "cpu": "0", "mode": "iowait"}.items())

    def reads(seconds: float) -> float:
        monkeypatch.setattr(psutil, "cpu_times", lambda percpu: [SimpleNamespace(user=1.0, iowait=seconds)])
        return collected(of=made)[series]

    assert [reads(x) for x in (10.0, 9.5, 10.2, 2.0, 2.5)] == [10.0, 10.0, 10.2, 2.0, 2.5]


def test_partitions_and_loop_devices_are_no_disks(monkeypatch: pytest.MonkeyPatch) -> None:
    one = SimpleNamespace(read_bytes=1, write_bytes=1, read_count=1, write_count=1, busy_time=1500)
    devices = ["sda", "sda1", "vda", "vdb2", "nvme0n1", "nvme0n1p1", "loop0", "ram1", "dm-0", "md0", "zram0"]
    monkeypatch.setattr(host.psutil, "disk_io_counters", lambda perdisk: dict.fromkeys(devices, one))
    found = {
        dict(s)["device"]: v for s, v in collected().items() if dict(s)["__name__"] == "node_disk_io_time_seconds_total"
    }
    assert found == dict.fromkeys(["sda", "vda", "nvme0n1", "dm-0", "md0", "zram0"], 1.5)
