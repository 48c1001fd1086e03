"""How full the mounted file systems are, read so that one that hangs holds up nothing."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import psutil

PATIENCE_S = 1.0
_NO_SPACE = re.compile(
    "autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|efivarfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|proc|"
    "pstore|ramfs|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs"
)
"""Kinds of file systems that have no space to run out of."""
_NO_MOUNTS = re.compile(r"/(dev(?!/shm$)|proc|sys|run/credentials/.+|var/lib/(docker|containers/storage)/.+)($|/.*)")


class Mounts:
    """Reads the figures of all mounts in a thread; a mount that does not answer is left out until it does.

    A dead NFS server makes statvfs wait for ever, and nothing can end that wait: at most one thread waits on each such mount.
    """

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self.patience_s = patience_s
        self._stuck: set[str] = set()

    def read(self) -> Iterator[tuple[Any, os.statvfs_result]]:
        """(mount as psutil describes it, its figures); a mount that is gone, or not for this user, is left out."""
        mounts = watched()
        found: dict[str, os.statvfs_result | None] = {}
        waiting = [point for point in mounts if point not in self._stuck]
        while waiting:
            reader = threading.Thread(target=self._read, args=(waiting, found), name="statvfs", daemon=True)
            reader.start()
            reader.join(self.patience_s)
            if not reader.is_alive():
                break
            stuck = next((point for point in waiting if point not in found), None)
            if stuck is None:  # it was ending just then
                break
            self._stuck.add(stuck)
            waiting = waiting[waiting.index(stuck) + 1 :]
        for point, stat in list(found.items()):
            if stat is not None and point not in self._stuck:
                yield mounts[point], stat

    def _read(self, points: list[str], found: dict[str, os.statvfs_result | None]) -> None:
        for point in points:
            try:
                found[point] = os.statvfs(point)
            except OSError:
                found[point] = None
            if point in self._stuck:  # another thread went on from here
                self._stuck.discard(point)
                return


def watched() -> dict[str, Any]:
    """Mounts with space that can run out, by mount point; where several lie over each other, the one on top."""
    found = {
        part.mountpoint: part for part in psutil.disk_partitions(all=True) if not _NO_MOUNTS.fullmatch(part.mountpoint)
    }
    return {point: part for point, part in found.items() if not _NO_SPACE.fullmatch(part.fstype)}
