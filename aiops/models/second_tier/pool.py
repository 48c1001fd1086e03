"""Worker processes for slow fits: a deadline for each job, a budget of CPU for all, and no harm when one crashes."""

from __future__ import annotations

import atexit
import contextlib
import hashlib
import json
import sys
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats
from aiops.models.second_tier.worker import NICE, packed, serve, unpacked

DEADLINE_S = 60.0
BUDGET_S = 20.0
MEMORY_BYTES = 1 << 30
KEPT = 2048
"""Answers that are remembered; those that were not fetched yet beyond."""
WAITING = 256
"""Jobs that wait at most, before no more are taken."""
HANGS_S = 1800.0
"""How long a single job may run in a pool that is patient: fits have a bounded number of iterations, so it hangs."""
LOOK_S = 5.0
"""How often one who waits patiently looks whether there is still somebody to wait for."""
MINUTE = 60.0
ENDED = "the worker ended"


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A function `module:name` of our own, called by a worker with `values` (t,) float32 and `settings`; gives numbers."""

    kind: str
    values: NDArray[np.float32]
    settings: Mapping[str, int | float | str | bool]

    @property
    def head(self) -> dict[str, object]:
        """What of it is sent as JSON."""
        return {"kind": self.kind, "settings": dict(self.settings)}

    @property
    def key(self) -> bytes:
        """16 bytes that are the same exactly for the same job."""
        name = json.dumps(self.head, sort_keys=True).encode()
        return hashlib.blake2b(name + b"\n" + self.values.tobytes(), digest_size=16).digest()


@dataclass(slots=True, eq=False)
class _Ticket:
    job: Job
    asked: float
    done: threading.Event = field(default_factory=threading.Event)
    found: Floats | None = None
    error: str = ""
    fetched: bool = False


class _Budget:
    """CPU seconds a minute: spent afterwards, by what was really used; nothing begins while it is overdrawn."""

    def __init__(self, per_minute: float) -> None:
        self.per_minute = self.left = per_minute
        self.at = time.monotonic()

    def short(self) -> float:
        """Seconds until something may begin; 0: now."""
        now = time.monotonic()
        self.left = min(self.per_minute, self.left + (now - self.at) * self.per_minute / MINUTE)
        self.at = now
        return 0.0 if self.left > 0 else max(-self.left, 0.01) * MINUTE / self.per_minute


@dataclass(slots=True)
class Counts:
    """What a pool did so far: jobs and CPU seconds."""

    asked: int = 0
    answered: int = 0
    failed: int = 0
    late: int = 0
    restarts: int = 0
    cpu_s: float = 0.0


class Pool:
    """Fits jobs in `workers` processes; `ask` never waits, `take` gives what is there.

    A job that is not answered `deadline_s` after it was asked for is dropped and its worker killed; a crash, or more than
    `memory_bytes`, costs that one job. `budget_s`: CPU seconds a minute for all workers together; jobs wait for it, in the
    order of asking. Processes start with the first job and end with the pool, or when the daemon is gone. Thread-safe.

    What comes of a job depends on the job alone, not on the number of workers or on other jobs; whether it comes in time does.
    A `patient` pool has neither deadline nor budget, `take` waits, and a job whose worker was killed is done once more: what
    comes of a replay, where minutes pass at once, then depends neither on the machine nor on what else it does.
    """

    def __init__(
        self, workers: int = 1, budget_s: float = BUDGET_S, deadline_s: float = DEADLINE_S, memory_bytes: int = MEMORY_BYTES,
        patient: bool = False,
    ) -> None:  # fmt: skip
        self.deadline_s, self.memory_bytes, self.workers, self.patient = deadline_s, memory_bytes, workers, patient
        self.counts = Counts()
        self._budget = _Budget(budget_s)
        self._tickets: OrderedDict[bytes, _Ticket] = OrderedDict()
        self._queue: deque[_Ticket] = deque()
        self._changed = threading.Condition()
        self._lanes: list[_Lane] = []
        self._closed = False

    def ask(self, job: Job) -> bytes:
        """Have it done, unless it was or is being; its key."""
        key = job.key
        with self._changed:
            known = self._tickets.get(key)
            if self._closed or (known is not None and not (known.done.is_set() and known.found is None)):
                return key
            ticket = self._tickets[key] = _Ticket(job, time.monotonic())
            self._tickets.move_to_end(key)
            self._let_go()
            self._queue.append(ticket)
            self.counts.asked += 1
            if len(self._lanes) < min(self.workers, len(self._queue)):
                self._lanes.append(_Lane(self))
            self._changed.notify()
        return key

    def take(self, key: bytes, wait_s: float = 0.0) -> Floats | None:
        """The numbers of a job, waiting for them at most `wait_s` and never beyond its deadline; None: there are none.

        A patient pool waits until the job is done.
        """
        with self._changed:
            ticket = self._tickets.get(key)
        if ticket is None:
            return None
        left = max(0.0, min(wait_s, ticket.asked + self.deadline_s - time.monotonic()))
        while not ticket.done.wait(LOOK_S if self.patient else left) and self.patient and self._works():
            continue
        ticket.fetched = True
        return ticket.found

    def _works(self) -> bool:
        """Whether somebody is left to do a job."""
        with self._changed:
            return any(lane.thread.is_alive() for lane in self._lanes)

    def kept(self, key: bytes) -> tuple[Job, Floats | None] | None:
        """A job, and its numbers: None while it is not done, none at all where it failed. None: it is not known."""
        with self._changed:
            ticket = self._tickets.get(key)
        if ticket is None:
            return None
        return ticket.job, (ticket.found if ticket.found is not None else np.zeros(0)) if ticket.done.is_set() else None

    def adopt(self, job: Job, found: Floats | None) -> None:
        """Take up what `kept` told in an earlier life: what was not done is done now."""
        if found is None:
            self.ask(job)
            return
        ticket = _Ticket(job, time.monotonic())
        self._finish(ticket, found if len(found) else None, "" if len(found) else "it failed in an earlier life")
        with self._changed:
            self._tickets.setdefault(job.key, ticket)
            self._let_go()

    def _let_go(self) -> None:
        """Forget the oldest answers that were fetched."""
        over = len(self._tickets) - KEPT
        for key in [key for key, ticket in self._tickets.items() if ticket.fetched][: max(0, over)]:
            del self._tickets[key]

    @property
    def room(self) -> int:
        """How many more jobs may be asked for; of a patient pool any number."""
        return sys.maxsize if self.patient else max(0, WAITING - self.waiting)

    def why(self, key: bytes) -> str:
        """Why a job has no answer, "" when it has one or is not done."""
        with self._changed:
            ticket = self._tickets.get(key)
        return "not asked for" if ticket is None else ticket.error

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        with self._changed:
            return len(self._queue)

    def close(self) -> None:
        """End every worker; jobs that wait get no answer."""
        with self._changed:
            self._closed = True
            lanes, self._lanes = self._lanes, []
            for ticket in self._queue:
                ticket.error = "closed"
                ticket.done.set()
            self._queue.clear()
            self._changed.notify_all()
        for lane in lanes:
            lane.end()

    def next_job(self) -> _Ticket | None:
        """The next job that may begin, waiting for it; None when the pool is closed. For the pool's own threads."""
        with self._changed:
            while not self._closed:
                while self._queue and not self.patient and time.monotonic() - self._queue[0].asked > self.deadline_s:
                    self.counts.late += 1
                    self._finish(self._queue.popleft(), None, "no time or budget before its deadline")
                short = (0.0 if self.patient else self._budget.short()) if self._queue else None
                if short == 0.0:
                    return self._queue.popleft()
                self._changed.wait(short if short is None else min(short, 1.0))
        return None

    def finished(self, ticket: _Ticket, found: Floats | None, error: str, cpu_s: float) -> None:
        """Keep an answer. For the pool's own threads."""
        with self._changed:
            self._budget.left -= cpu_s
            self.counts.cpu_s += cpu_s
            self.counts.answered += found is not None
            self.counts.failed += found is None
            self._finish(ticket, found, error)

    @staticmethod
    def _finish(ticket: _Ticket, found: Floats | None, error: str) -> None:
        ticket.found, ticket.error = found, error
        ticket.done.set()


class _Lane:
    """One worker process and the thread that feeds it."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self.process: BaseProcess | None = None
        self.connection: Connection | None = None
        self.thread = threading.Thread(target=self._run, name="second-tier", daemon=True)
        self.thread.start()

    def _run(self) -> None:
        while (ticket := self.pool.next_job()) is not None:
            found, error, cpu = self._answer(ticket)
            if self.pool.patient and error.startswith(ENDED):  # perhaps somebody else took the memory: no reason to say less
                found, error, cpu = self._answer(ticket)
            self.pool.finished(ticket, found, error, cpu)
        self._stop()

    def _answer(self, ticket: _Ticket) -> tuple[Floats | None, str, float]:
        begun = time.monotonic()
        try:
            return self._done(ticket)
        except (EOFError, OSError) as e:
            self._stop()
            return None, f"{ENDED}: {type(e).__name__}", time.monotonic() - begun

    def _done(self, ticket: _Ticket) -> tuple[Floats | None, str, float]:
        connection = self._start()
        begun = time.monotonic()
        connection.send_bytes(packed(ticket.job.head, ticket.job.values))
        left = HANGS_S if self.pool.patient else max(0.0, ticket.asked + self.pool.deadline_s - begun)
        if not connection.poll(left):
            self._stop()
            return None, "not done before its deadline", time.monotonic() - begun
        head, found = unpacked(connection.recv_bytes(), "float64")
        return (None if head["error"] else found), head["error"], head["cpu"]

    def _start(self) -> Connection:
        if self.connection is None or self.process is None or not self.process.is_alive():
            self._stop()
            context = get_context("spawn")
            self.connection, theirs = context.Pipe()
            nice = 0 if self.pool.patient else NICE  # whoever waits for it gains nothing by its standing back
            arguments = (theirs, self.pool.memory_bytes, nice)
            self.process = context.Process(target=serve, args=arguments, name="second-tier", daemon=True)
            self.process.start()
            theirs.close()
            self.pool.counts.restarts += 1
        return self.connection

    def _stop(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.join()
            self.process.close()
        if self.connection is not None:
            self.connection.close()
        self.process = self.connection = None

    def end(self) -> None:
        """Kill the worker, also one that is just being started; its thread ends with it."""
        for _ in range(50):
            process = self.process
            with contextlib.suppress(ValueError, AttributeError):  # the thread was quicker, or is not that far yet
                if process is not None:
                    process.kill()
            self.thread.join(timeout=0.1)
            if not self.thread.is_alive():
                return


_shared: list[Pool] = []
_lock = threading.Lock()


def shared() -> Pool:
    """The pool of this process, ended with it: a daemon's own, else a patient one, made when first asked for."""
    with _lock:
        if not _shared:
            _shared.append(Pool(patient=True))
            atexit.register(_shared[0].close)
        return _shared[0]


def share(pool: Pool) -> None:
    """Make `pool` the one that `shared` gives; the one before it ends."""
    with _lock:
        before, _shared[:] = list(_shared), [pool]
    atexit.register(pool.close)
    for old in before:
        old.close()
