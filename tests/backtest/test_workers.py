"""However a backtest ends, its workers end with it, and what they wrote is gone at once or at the next run."""

from __future__ import annotations

import fcntl
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.workers import OWNER, each, folder_for, stoppable
from aiops.core.errors import AiopsError
from tests.backtest.recordings import DAY, START, noisy, write_series

COMMAND = "import aiops.backtest.run as run; run.CELLS_ALONE = 0; from aiops.cli import main; main()"
LONG, ENDS_WITHIN_S = 240 * DAY // 60, 5.0
"""Minutes that no machine replays while a test waits; how long workers may take to end."""


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    for i in range(2):
        write_series(folder, f"e{i}", START + 60 * np.arange(LONG), {"x": noisy(LONG, i)})
    return folder


def left(session: int) -> list[str]:
    """The processes of a session that are alive: the fourth field of `stat` after the name is its number."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = path.read_text().rpartition(")")[2].split()[:4]
        except OSError:  # it has just ended
            continue
        if int(of) == session and state != "Z":
            found.append(path.parent.name)
    return found


def within(done: Callable[[], bool], seconds: float) -> bool:
    end = time.monotonic() + seconds
    while not done():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


@pytest.fixture
def at_work(recording: Path, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A backtest whose two workers are replaying."""
    out = tmp_path / "w.jsonl"
    command = [sys.executable, "-c", COMMAND, "backtest", "--data", recording, "--warnings", out, "--workers", "2"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert within(lambda: len(list(tmp_path.glob(".backtest-*/*.part"))) == 2, 60)
        yield process
    finally:
        for number in left(process.pid):
            subprocess.run(["kill", "-9", number], check=False)
        process.wait()


def test_sigterm_ends_the_workers_and_leaves_nothing(at_work: subprocess.Popen[bytes], tmp_path: Path) -> None:
    at_work.terminate()
    assert at_work.wait(ENDS_WITHIN_S) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert within(lambda: not left(at_work.pid), ENDS_WITHIN_S)


def test_a_kill_ends_the_workers_and_the_next_run_removes_their_folder(at_work: subprocess.Popen[bytes], tmp_path: Path) -> None:
    at_work.kill()
    at_work.wait()
    assert within(lambda: not left(at_work.pid), ENDS_WITHIN_S)
    (gone,) = tmp_path.iterdir()
    with folder_for(tmp_path / "other.jsonl"):
        assert gone.exists()
    with folder_for(tmp_path / "w.jsonl") as mine:
        assert list(tmp_path.iterdir()) == [mine]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_somebody_owns_or_nobody_named_stays(tmp_path: Path) -> None:
    unnamed = tmp_path / ".backtest-x"
    unnamed.mkdir()
    (unnamed / OWNER).touch()
    with folder_for(tmp_path / "w") as other, folder_for(tmp_path / "w") as mine:
        assert {other, mine, unnamed} == set(tmp_path.iterdir())
    assert list(tmp_path.iterdir()) == [unnamed]


def test_without_locks_a_folder_is_used_and_removed_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: object) -> None:
        raise OSError("no locks here")

    monkeypatch.setattr(fcntl, "flock", refuses)
    with folder_for(tmp_path / "w") as mine:
        assert (mine / OWNER).read_bytes() == b""
    assert list(tmp_path.iterdir()) == []


def test_sigterm_is_what_it_was_before_and_after() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) != before
        with stoppable():
            pass
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before


def test_signals_belong_to_the_main_thread() -> None:
    def enter() -> None:
        with stoppable():
            entered.append(True)

    entered: list[bool] = []
    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    assert entered


def doubled(number: int, count: Callable[[int], None]) -> int:
    if number == 13:
        raise AiopsError("thirteen")
    count(number)
    return 2 * number


@pytest.mark.parametrize("workers", [1, 2])
def test_each_job_is_done_and_counted_by_any_number_of_workers(workers: int) -> None:
    told: list[int] = []
    assert each(doubled, [(1,), (2,), (3,)], workers, told.append) == [2, 4, 6]
    assert told[-1] == 6
    assert told == sorted(told)
    with pytest.raises(AiopsError, match="thirteen"):
        each(doubled, [(1,), (13,), (3,)], workers, told.append)
