"""The keeper ends programs in time, with all they started, and leaves a result whatever happens to the daemon."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.responses.actions.desk import Desk
from aiops.responses.actions.keeper import descendants
from tests.responses.actions.samples import KEY, alive, call, fixed, runner, script, until

PATH = {"PATH": "/usr/bin:/bin"}
ROOT = Path(__file__).parents[3]


def python(folder: Path, text: str) -> Path:
    path = folder / "program.py"
    path.write_text(f"#!{sys.executable} -S\n{textwrap.dedent(text)}")
    path.chmod(0o755)
    return path


def pids(path: Path) -> list[int]:
    return [int(one) for one in path.read_text().split()]


@pytest.mark.row("R6")
def test_a_hanging_program_is_stopped(tmp_path: Path) -> None:
    text = f"echo $$ > {tmp_path}/pids; echo begun; sleep 600 & echo $! >> {tmp_path}/pids; wait"
    found = runner(tmp_path, {"hang": script(tmp_path, text)}, env=PATH, grace=0.2).run(call({"argv": ["hang"]}, left_s=2.5), 0.0)
    assert (found.end, found.output["stdout"]) == ("unknown", "begun\n")
    assert found.why.startswith("stopped at its deadline")
    assert [pid for pid in pids(tmp_path / "pids") if alive(pid)] == []


def test_it_is_asked_to_end_before_it_is_killed(tmp_path: Path) -> None:
    text = "trap 'echo tidied; exit 0' TERM; echo begun; while :; do sleep 0.05; done"
    found = runner(tmp_path, {"tidy": script(tmp_path, text)}, env=PATH, grace=30).run(call({"argv": ["tidy"]}, left_s=2.5), 0.0)
    assert (found.end, found.output["stdout"]) == ("unknown", "begun\ntidied\n")


def test_a_grandchild_that_ignores_the_request_and_holds_the_output_is_killed(tmp_path: Path) -> None:
    text = f"(trap '' TERM; echo held; sh -c 'trap \"\" TERM; echo $$ > {tmp_path}/pids; sleep 600') & trap '' TERM; wait"
    found = runner(tmp_path, {"hold": script(tmp_path, text)}, env=PATH, grace=0.2).run(call({"argv": ["hold"]}, left_s=2.5), 0.0)
    assert (found.end, found.output["rc"]) == ("unknown", -signal.SIGKILL)
    assert [pid for pid in pids(tmp_path / "pids") if alive(pid)] == []


@pytest.mark.row("R7")
def test_nobody_escapes_into_a_session_of_his_own(tmp_path: Path) -> None:
    text = f"""
        import os, time
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                open({str(tmp_path / "pids")!r}, "w").write(str(os.getpid()))
                time.sleep(600)
            os._exit(0)
        while not os.path.exists({str(tmp_path / "pids")!r}) or not open({str(tmp_path / "pids")!r}).read(): time.sleep(0.01)
        """
    found = runner(tmp_path, {"escape": python(tmp_path, text)}).run(call({"argv": ["escape"]}), 0.0)
    assert found.end == "done"
    assert [pid for pid in pids(tmp_path / "pids") if alive(pid)] == []


def test_memory_is_bounded(tmp_path: Path) -> None:
    program = python(tmp_path, "x = bytearray(2 * 2**30)")
    found = runner(tmp_path, {"hog": program}, memory=2**28).run(call({"argv": ["hog"]}), 0.0)
    assert found.end == "failed"
    assert "MemoryError" in found.output["stderr"]


def test_cpu_time_is_bounded(tmp_path: Path) -> None:
    found = runner(tmp_path, {"spin": script(tmp_path, "while :; do :; done")}, cpu_seconds=1).run(call({"argv": ["spin"]}), 0.0)
    assert (found.end, found.why[:15]) == ("failed", "ended by signal")


def test_files_are_bounded(tmp_path: Path) -> None:
    found = runner(tmp_path, {"write": script(tmp_path, "head -c 100000 /dev/zero > f")}, env=PATH, file_size=1000).run(
        call({"argv": ["write"]}), 0.0
    )
    assert found.end == "failed"


@pytest.mark.skipif(os.getuid() != 0, reason="the limit does not hold for root, and only root can become another user")
@pytest.mark.row("R10")
def test_a_fork_bomb_is_contained(tmp_path: Path) -> None:
    mark = f"600.{os.getpid()}"  # seconds for which nobody else on this machine sleeps
    bomb = ["sh", "-c", f"i=0; while [ $i -lt 200 ]; do sleep {mark} & i=$((i+1)); done; wait"]
    action = runner(tmp_path, {"sh": Path("/bin/sh")}, env=PATH, user=idle_user(), processes=30, grace=0.1)
    found = action.run(call(fixed(bomb), left_s=2.5), 0.0)
    assert found.end in ("failed", "unknown")
    assert "fork" in found.output["stderr"].lower()
    left_over = f"sleep\x00{mark}\x00".encode()
    assert count_of(left_over) == 0
    with subprocess.Popen(["sleep", mark]) as one:  # so would it have been seen
        try:
            until(lambda: count_of(left_over) == 1)
        finally:
            one.kill()


def idle_user() -> str:
    """A user without processes, since a limit of processes counts all of a user's: another test may be one already."""
    running = set[int]()
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(FileNotFoundError):
            running.add(entry.stat().st_uid)
    idle = [one.pw_name for one in pwd.getpwall() if one.pw_uid not in running]
    return idle[os.getpid() % len(idle)]


def count_of(command: bytes) -> int:
    found = 0
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                found += command in (entry / "cmdline").read_bytes() and alive(int(entry.name))
            except OSError:
                continue
    return found


def test_descendants_are_those_below() -> None:
    child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE)
    assert child.stdout is not None
    try:
        grandchild = int(child.stdout.readline())
        assert {child.pid, grandchild} <= descendants(os.getpid())
        assert grandchild in descendants(child.pid)
        assert child.pid not in descendants(grandchild)
    finally:
        os.kill(grandchild, signal.SIGKILL)
        child.wait()
        child.stdout.close()


DAEMON = """
import sys
from pathlib import Path
from tests.responses.actions.samples import call, runner
runner(Path(sys.argv[1]), {"slow": Path(sys.argv[2])}, env={"PATH": "/usr/bin:/bin"}).run(call({"argv": ["slow"]}), 0.0)
"""


@contextlib.contextmanager
def begun_by_a_daemon(folder: Path, text: str) -> Iterator[subprocess.Popen[bytes]]:
    """Another process that runs the program, which has begun when the context does."""
    slow = script(folder, f"touch {folder}/begun; {text}", "slow")
    daemon = subprocess.Popen([sys.executable, "-c", DAEMON, str(folder), str(slow)], cwd=ROOT)
    try:
        until((folder / "begun").exists)
        yield daemon
    finally:
        daemon.kill()
        daemon.wait()


def keepers_of(pid: int) -> list[int]:
    found = []
    for one in descendants(pid):
        with contextlib.suppress(OSError):
            if b"actions.keeper" in Path(f"/proc/{one}/cmdline").read_bytes():
                found.append(one)
    return found


def test_the_result_is_there_although_the_daemon_died(tmp_path: Path) -> None:
    with begun_by_a_daemon(tmp_path, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done; echo finished"):
        pass
    action = runner(tmp_path, {})
    asked = call({"argv": ["slow"]}, left_s=0.1, epoch=4)
    assert action.harvest(asked) is None
    assert action.busy(asked) is True
    assert action.fence(asked) is False, "the program still runs"
    (tmp_path / "go").touch()
    assert action.fence(call({"argv": ["slow"]}, left_s=60.0, epoch=4)) is True
    assert action.busy(asked) is False
    found = action.harvest(asked)
    assert found is not None
    assert (found.end, found.output["stdout"]) == ("done", "finished\n")


def test_a_keeper_that_is_told_to_stop_ends_the_program_and_says_so(tmp_path: Path) -> None:
    text = f"echo $$ > {tmp_path}/pids; trap 'echo tidied; exit 0' TERM; while :; do sleep 0.05; done"
    with begun_by_a_daemon(tmp_path, text) as daemon:
        until(lambda: (tmp_path / "pids").exists() and pids(tmp_path / "pids"))
        for pid in keepers_of(daemon.pid):
            os.kill(pid, signal.SIGTERM)
        daemon.wait()
    found = runner(tmp_path, {}).harvest(call({"argv": ["slow"]}))
    assert found is not None
    assert (found.end, found.why) == ("unknown", "stopped before its time, with its keeper")
    assert [pid for pid in pids(tmp_path / "pids") if alive(pid)] == []


def test_a_killed_keeper_takes_nothing_for_granted(tmp_path: Path) -> None:
    with begun_by_a_daemon(tmp_path, "sleep 1") as daemon:
        for pid in keepers_of(daemon.pid):
            os.kill(pid, signal.SIGKILL)
        daemon.wait()
    action = runner(tmp_path, {})
    assert action.fence(call({"argv": ["slow"]}, left_s=60.0)) is True, "the lock lasts as long as the program"
    assert action.harvest(call({"argv": ["slow"]})) is None


def test_a_lower_epoch_begins_nothing_once_there_was_a_fence(tmp_path: Path) -> None:
    action = runner(tmp_path, {"touch": Path("/usr/bin/touch")})
    asked = {"argv": ["touch", str(tmp_path / "touched")]}
    assert action.fence(call(asked, epoch=5)) is True
    found = action.run(call(asked, epoch=4), 0.0)
    assert (found.end, found.effect, found.why) == ("failed", False, "epoch 5 has taken over, this call has 4")
    assert not (tmp_path / "touched").exists()
    assert action.run(call(asked, epoch=5), 0.0).end == "done"
    assert action.fence(call(asked, epoch=4)) is False


def test_two_attempts_of_one_step_never_run_at_once(tmp_path: Path) -> None:
    with begun_by_a_daemon(tmp_path, f"while [ ! -e {tmp_path}/go ]; do sleep 0.02; done"):
        found = runner(tmp_path, {"echo": Path("/bin/echo")}).run(call({"argv": ["echo"]}), 0.0)
        assert (found.end, found.effect, found.why) == ("failed", False, "an earlier attempt still runs")
        (tmp_path / "go").touch()


def test_what_an_earlier_attempt_left_is_not_taken_for_the_result_of_a_later_one(tmp_path: Path) -> None:
    action = runner(tmp_path, {"fail": Path("/bin/false")})
    action.run(call({"argv": ["fail"]}), 0.0)
    assert action.harvest(call({"argv": ["fail"]})) is not None
    Desk(tmp_path / "desk", KEY).begin("")
    assert action.harvest(call({"argv": ["fail"]})) is None


def test_what_old_steps_left_is_swept_now_and_then(tmp_path: Path) -> None:
    action = runner(tmp_path, {"true": Path("/bin/true")})
    action.run(call({"argv": ["true"]}, idem_key="old"), 0.0)
    action.run(call({"argv": ["true"]}), time.time() + 31 * 86400.0)
    assert action.harvest(call({}, idem_key="old")) is None
    assert action.harvest(call({})) is not None


def test_programs_hold_the_lock_of_the_data_directory(tmp_path: Path) -> None:
    lock = os.open(tmp_path / "lock", os.O_RDWR | os.O_CREAT)
    try:
        text = f"ls -l /proc/self/fd | grep -c {tmp_path}/lock"
        found = runner(tmp_path, {"look": script(tmp_path, text)}, lock_fd=lock, env=PATH).run(call({"argv": ["look"]}), 0.0)
        assert found.output["stdout"] == "1\n"
    finally:
        os.close(lock)
