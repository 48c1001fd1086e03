"""What programs leave on disk: for each step a lock while it runs, a fence of the highest epoch, a mark of beginning, a result.

Only the standard library: the keeper, which starts anew for every program, imports it.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

LOOK_AGAIN_S = 0.02
ROOM = "aiops-step-"
"""How the names of private folders begin."""


class Desk:
    """The files of one step in a folder on a local disk. `key`: the step's idempotency key.

    lock: held by the keeper and by every program it started, so that whoever takes it knows that none is alive.
    fence: the highest epoch that ever asked. began: the program may have begun. result: what came of it.
    """

    def __init__(self, folder: Path, key: str) -> None:
        name = sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:40]
        self.folder = folder
        self._lock, self._fence = folder / f"{name}.lock", folder / f"{name}.fence"
        self._began, self._result = folder / f"{name}.began", folder / f"{name}.json"

    def take(self) -> int | None:
        """A descriptor that holds the lock; None while another holds it."""
        held = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return None
        return held

    def raise_fence(self, epoch: int) -> int:
        """Let nobody below `epoch` begin from now on; returns the highest epoch that ever asked."""
        held = os.open(self._fence, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX)
            before = int(os.pread(held, 32, 0).decode() or "-1")
            if epoch > before:
                os.pwrite(held, f"{epoch:<31}\n".encode(), 0)
                os.fsync(held)
            return max(epoch, before)
        finally:
            os.close(held)

    def quiet(self, within_s: float) -> bool:
        """Whether no program of the step is alive, or ends within so many seconds."""
        end = time.monotonic() + within_s
        while (held := self.take()) is None:
            if time.monotonic() >= end:
                return False
            time.sleep(LOOK_AGAIN_S)
        os.close(held)
        return True

    def begin(self, room: str) -> None:
        """Durably: an earlier result is gone, and the program may begin from now on in the folder `room`."""
        self._result.unlink(missing_ok=True)
        _write(self._began, room.encode())

    def has_begun(self) -> bool:
        """Whether the program, or one of an earlier attempt, may have begun."""
        return self._began.exists()

    def never_began(self) -> None:
        """It did not begin after all."""
        self._began.unlink(missing_ok=True)

    def finish(self, result: dict[str, Any]) -> None:
        """Durably, and whole or not at all: what came of it."""
        _write(self._result, json.dumps(result).encode())

    def result(self) -> dict[str, Any] | None:
        """What came of it, where that is known."""
        try:
            found = json.loads(self._result.read_bytes())
        except FileNotFoundError:
            return None
        return found if isinstance(found, dict) else None

    @contextlib.contextmanager
    def alone(self) -> Iterator[int | None]:
        """The lock for as long as the context lasts; None while another holds it."""
        held = self.take()
        try:
            yield held
        finally:
            if held is not None:
                os.close(held)


def sweep(folder: Path, older_s: float, now_s: float) -> None:
    """Remove the files of steps that ended long ago, and the private folders of those whose keeper was killed."""
    for path in folder.glob("*.fence"):
        files = [path.with_suffix(kind) for kind in (".began", ".json", ".lock", ".fence")]
        if now_s - max(map(_changed_s, files)) <= older_s:
            continue
        with contextlib.suppress(OSError, ValueError):
            room = Path(files[0].read_text())
            if room.name.startswith(ROOM):
                shutil.rmtree(room, ignore_errors=True)
        for one in files:
            one.unlink(missing_ok=True)


def _changed_s(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _write(path: Path, data: bytes) -> None:
    temporary = path.with_suffix(path.suffix + ".new")
    with open(temporary, "wb") as f:
        f.write(data)
        f.flush()
        os.fsync(f.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
