"""The keeper: a small process of its own that runs one program, ends it in time with all it started, and leaves the result.

It outlives the daemon, so that a program that was begun is still stopped at its deadline and its result is still written. It
reads its job as JSON on standard input (secrets never stand in arguments) and answers there only when it refuses. Only the
standard library.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from aiops.responses.actions.desk import ROOM, Desk
from aiops.responses.actions.hidden import Hidden
from aiops.responses.actions.said import KEPT, cut

_SET_NO_NEW_PRIVS, _SET_CHILD_SUBREAPER = 38, 36
_CHUNK, _SWEEP_S, _TURN_S = 65536, 5.0, 0.2
LOG = "ssh.log"


def main() -> None:
    """Run the job on standard input. Prints `{"refused": why}` when the program surely was not begun."""
    job = json.load(sys.stdin)
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # there are secrets in here
    desk = Desk(Path(job["folder"]), job["key"])
    try:
        lock = desk.take()
        highest = desk.raise_fence(job["epoch"])
    except OSError as e:
        _refuse(f"its fence cannot be read: {e}")
        return
    if lock is None:
        _refuse("an earlier attempt still runs")
    elif highest > job["epoch"]:
        _refuse(f"epoch {highest} has taken over, this call has {job['epoch']}")
    else:
        _keep(job, desk, lock)  # the lock goes with this process, and with the last of those that it started


def _refuse(why: str) -> None:
    print(json.dumps({"refused": why}))


def _keep(job: dict[str, Any], desk: Desk, lock: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    told_to_stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: told_to_stop.append(number))
    inherited = [lock, *([job["lock_fd"]] if job["lock_fd"] is not None else [])]
    try:  # of another user's way to his folder nothing is ours
        room = tempfile.mkdtemp(prefix=ROOM, dir=None if job["user"] else desk.folder)
        desk.begin(room)
    except OSError as e:
        _refuse(f"there is no folder for it: {e}")
        return
    hide = Hidden(job["secrets"])
    try:
        try:
            program = _start(job, room, inherited)
        except (OSError, subprocess.SubprocessError, KeyError) as e:
            desk.never_began()
            _refuse(f"{job['argv'][0]} cannot be started: {e}")
            return
        desk.finish({**_Watch(program, job, hide, told_to_stop).until_the_end(), "epoch": job["epoch"], "log": _log(room)})
    finally:
        shutil.rmtree(room, ignore_errors=True)


def _log(room: str) -> str:
    """What the connection to another host said of itself."""
    try:
        return cut((Path(room) / LOG).read_bytes(), 4096)[0]
    except OSError:
        return ""


def _start(job: dict[str, Any], room: str, inherited: list[int]) -> subprocess.Popen[bytes]:
    as_user: dict[str, Any] = {}
    if job["user"]:
        import pwd

        found = pwd.getpwnam(job["user"])
        os.chown(room, found.pw_uid, found.pw_gid)
        as_user = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}

    def bounded() -> None:
        for name, most in job["limits"].items():
            which = getattr(resource, name)
            hard = resource.getrlimit(which)[1]
            most = most if hard == resource.RLIM_INFINITY else min(most, hard)
            resource.setrlimit(which, (most, most))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if job["no_new_privileges"]:
            ctypes.CDLL(None).prctl(_SET_NO_NEW_PRIVS, 1, 0, 0, 0)

    argv = [one.replace("{room}", room) if i in job["with_room"] else one for i, one in enumerate(job["argv"])]
    return subprocess.Popen(
        argv, executable=job["path"], cwd=room, env=job["env"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, start_new_session=True, preexec_fn=bounded, pass_fds=inherited, **as_user,
    )  # fmt: skip


class _Watch:
    """One running program: its streams, its deadline, and everything that it started."""

    def __init__(self, program: subprocess.Popen[bytes], job: dict[str, Any], hide: Hidden, stops: list[int]) -> None:
        assert program.stdin is not None
        assert program.stdout is not None
        assert program.stderr is not None
        self._program, self._hide, self._kept = program, hide, KEPT + hide.longest
        self._deadline, self._grace_s = time.monotonic() + job["left_s"], job["grace_s"]
        self._rest, self._stops = job["stdin"].encode(), stops
        self._said: dict[str, bytearray] = {"stdout": bytearray(), "stderr": bytearray()}
        self._all = {"stdout": 0, "stderr": 0}
        self._streams = selectors.DefaultSelector()
        for name, stream in (("stdout", program.stdout), ("stderr", program.stderr)):
            self._listen(stream, selectors.EVENT_READ, name)
        if self._rest:
            self._listen(program.stdin, selectors.EVENT_WRITE, "stdin")
        else:
            program.stdin.close()

    def _listen(self, stream: IO[bytes], event: int, name: str) -> None:
        os.set_blocking(stream.fileno(), False)
        self._streams.register(stream, event, name)

    def until_the_end(self) -> dict[str, Any]:
        """What came of the program, once it and all that it started are gone."""
        late = not self._ended_by(self._deadline)
        told = bool(self._stops)
        if late:
            self._signal(signal.SIGTERM)
            self._stops.clear()
            self._ended_by(time.monotonic() + self._grace_s)
        left_over = self._end_all()
        self._drain()
        code = self._program.wait()
        cuts = {name: cut(self._hide(bytes(data))) for name, data in self._said.items()}
        return {
            "rc": code,
            **{name: text for name, (text, _) in cuts.items()},
            "truncated": sorted(n for n, (_, more) in cuts.items() if more or self._all[n] > self._kept),
            "late": late,
            "told_to_stop": late and told,
            "left_over": left_over,
        }

    def _ended_by(self, deadline: float) -> bool:
        """Pass streams on until the program itself has ended; False when it has not by then."""
        while self._program.poll() is None:
            left = deadline - time.monotonic()
            if left <= 0 or self._stops:
                return False
            self._turn(min(left, _TURN_S))
        return True

    def _turn(self, wait_s: float) -> int:
        """Wait for streams, at most so long; the number of those that had something to say or to take."""
        if not self._streams.get_map():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._program.wait(min(wait_s, 0.02))
            return 0
        ready = self._streams.select(wait_s if self._program.poll() is None else 0)
        for key, _ in ready:
            self._pass_on(key.fileobj, str(key.data))  # type: ignore[arg-type]
        return len(ready)

    def _pass_on(self, stream: IO[bytes], name: str) -> None:
        try:
            if name == "stdin":
                self._rest = self._rest[os.write(stream.fileno(), self._rest[:_CHUNK]) :]
                if self._rest:
                    return
            else:
                data = os.read(stream.fileno(), _CHUNK)
                self._all[name] += len(data)
                self._said[name] += data[: self._kept - len(self._said[name])]
                if data:
                    return
        except BlockingIOError:
            return
        except BrokenPipeError:  # it does not want to hear more
            pass
        self._streams.unregister(stream)
        stream.close()

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._program.pid, number)

    def _end_all(self) -> int:
        """Kill the program's group and whatever else descends from it, wherever it went; how many it had left, beside itself.

        Orphans come to this process, which is their reaper; so nobody escapes by forking twice or by a session of its own.
        """
        end, seen = time.monotonic() + _SWEEP_S, set[int]()
        while True:
            self._signal(signal.SIGKILL)
            alive = descendants(os.getpid()) - {self._program.pid}
            seen |= alive
            for pid in alive:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGKILL)
            self._program.poll()
            self._reap(alive)
            if (not alive and self._program.returncode is not None) or time.monotonic() > end:
                return len(seen)
            time.sleep(0.005)

    def _reap(self, pids: set[int]) -> None:
        for pid in pids:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(pid, os.WNOHANG)

    def _drain(self) -> None:
        """What still stands in the pipes; nobody writes any more, unless a program of another user could not be killed."""
        end = time.monotonic() + 1.0
        while self._streams.get_map() and self._turn(0) and time.monotonic() < end:
            pass


def descendants(root: int) -> set[int]:
    """Every process below `root` that has not ended."""
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdecimal():
            try:
                fields = Path(f"/proc/{entry}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry))
    found, to_see = set[int](), [root]
    while to_see:
        below = children.get(to_see.pop(), [])
        found.update(below)
        to_see += below
    return found
