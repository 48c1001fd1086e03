"""Worker processes of a backtest: they end with who asked, however that ended; and the folders in which they write."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn, TypeVar

from aiops.core.errors import AiopsError

T = TypeVar("T")
PREFIX, OWNER = ".backtest-", "owner"
_counter: Any = None
"""In a worker: the turns that all workers have done."""


def each(
    work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], workers: int, progress: Callable[[int], None]
) -> list[T]:
    """What `work(*job, count)` gives of each job; `count` takes turns done, `progress` gets those of all jobs together.

    More than one of `workers` are processes. Raises AiopsError when one is killed. Whatever ends this one, a kill included, ends
    them at once.
    """
    return _side_by_side(work, jobs, workers, progress) if workers > 1 else _in_turn(work, jobs, progress)


def _in_turn(work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], progress: Callable[[int], None]) -> list[T]:
    done = 0

    def count(turns: int) -> None:
        nonlocal done
        done += turns
        progress(done)

    return [work(*job, count) for job in jobs]


def _side_by_side(
    work: Callable[..., T], jobs: Sequence[tuple[Any, ...]], workers: int, progress: Callable[[int], None]
) -> list[T]:
    context = get_context("forkserver")
    counter = context.Value("q", 0)
    theirs, mine = context.Pipe(duplex=False)
    try:
        with ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(counter, theirs)) as pool, mine:
            futures = [pool.submit(_call, work, job) for job in jobs]
            waiting: set[Future[T]] = set(futures)
            while waiting:
                done, waiting = wait(waiting, timeout=0.3)
                progress(counter.value)
                for future in done:
                    future.result()
            return [future.result() for future in futures]
    except BrokenProcessPool as e:
        raise AiopsError("a worker was killed, perhaps for want of memory; try --workers 1") from e


def _begin(counter: Any, asked: Connection) -> None:
    global _counter
    _counter = counter
    threading.Thread(target=_end_with, args=(asked,), daemon=True).start()


def _end_with(asked: Connection) -> None:
    """End this process when nobody holds the other end of `asked` any more.

    At once: in a pool a worker whose job has failed would go on to the next one, or wait for one for ever.
    """
    asked.poll(None)
    os._exit(1)


def _call(work: Callable[..., T], job: tuple[Any, ...]) -> T:
    return work(*job, _count)


def _count(turns: int) -> None:
    with _counter.get_lock():
        _counter.value += turns


@contextmanager
def stoppable() -> Iterator[None]:
    """SIGTERM ends what is done here as Ctrl-C does, so that nothing is left behind; it exits with 143, as shells say it."""
    if threading.current_thread() is not threading.main_thread() or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _stop(number: int, _: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


@contextmanager
def folder_for(out: Path | None) -> Iterator[Path]:
    """A folder beside `out`, or anywhere, that is gone at the end; so are those for `out` that a kill has left."""
    beside, name = (None, b"") if out is None else (out.resolve().parent, os.fsencode(out.name))
    if beside is not None:
        _remove_left(beside, name)
    with tempfile.TemporaryDirectory(dir=beside, prefix=PREFIX) as made, (Path(made) / OWNER).open("wb") as owner:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(owner, fcntl.LOCK_EX)  # the system lets go of it when this process is gone
            owner.write(name)  # only now: without a name a folder is nobody's to remove
            owner.flush()
        yield Path(made)


def _remove_left(beside: Path, name: bytes) -> None:
    """Remove the folders for the file `name` whose owner is gone."""
    for path in beside.glob(f"{PREFIX}*/{OWNER}"):
        try:
            with path.open("rb") as owner:
                fcntl.flock(owner, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if owner.read() == name:
                    shutil.rmtree(path.parent, ignore_errors=True)
        except OSError:  # it is at work, has just ended, or is another user's
            continue
