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
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np
from numpy.typing import NDArray

from aiops.core.records import Floats
from aiops.models.second_tier.worker import NICE, packed, serve, unpacked

DEADLINE_S, BUDGET_S, MEMORY_BYTES = 60.0, 20.0, 1 << 30
KEPT = 2048
"""Answers that are remembered; those that were not fetched yet beyond."""
WAITING = 256
"""Jobs that wait at most, before no more are taken."""
HANGS_S = 1800.0
"""How long a single job may run in a pool that is patient: fits have a bounded number of iterations, so it hangs."""
LOOK_S = 5.0
"""How often one who waits patiently looks whether there is still somebody to wait for."""
STARVED = 5.0
"""So many deadlines a worker may be behind that used less CPU than one: it is not stuck, others are in its way."""
MINUTE = 60.0
ENDED, LATE, UNBEGUN = "the worker ended", "not done before its deadline", "no time or budget before its deadline"


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
    deadline_s: float
    done: threading.Event = field(default_factory=threading.Event)
    found: Floats | None = None
    error: str = ""
    fetched: bool = False

    @property
    def left_s(self) -> float:
        """Until its deadline, below 0 beyond."""
        return self.asked + self.deadline_s - time.monotonic()


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

    A job that is not answered `deadline_s` after it was asked for is dropped. Its worker is killed once it used that much CPU
    for it, or after STARVED deadlines: on a busy machine most of the time goes into what a worker loads first, and who is
    killed there would begin it anew each time; what it answers late is there for whoever asks again. A crash, or more than
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
        self.counts, self._budget = Counts(), _Budget(budget_s)
        self._lost: dict[tuple[str, str], tuple[int, str]] = {}
        self._tickets, self._queue = OrderedDict[bytes, _Ticket](), deque[_Ticket]()
        self._changed = threading.Condition()
        self._lanes, self._closed = list[_Lane](), False

    def ask(self, job: Job) -> bytes:
        """Have it done, unless it was or is being; its key."""
        key = job.key
        with self._changed:
            known = self._tickets.get(key)
            if self._closed or (known is not None and not (known.done.is_set() and known.found is None)):
                return key
            ticket = self._tickets[key] = _Ticket(job, time.monotonic(), self.deadline_s)
            self._tickets.move_to_end(key)
            self._let_go()
            self._queue.append(ticket)
            self.counts.asked += 1
            if len(self._lanes) < min(self.workers, len(self._queue)):
                self._lanes.append(_Lane(self))
            self._changed.notify()
        return key

    def owes(self, key: bytes) -> bool:
        """Whether an answer may still come that is not there yet; of a patient pool never, for its `take` waits."""
        with self._changed:
            ticket = self._tickets.get(key)
        return ticket is not None and not self.patient and not ticket.done.is_set() and ticket.left_s > 0

    def take(self, key: bytes, wait_s: float = 0.0) -> Floats | None:
        """The numbers of a job, waited for at most `wait_s`, never beyond its deadline, if patient until it is done; or None."""
        with self._changed:
            ticket = self._tickets.get(key)
        if ticket is None:
            return None
        left = max(0.0, min(wait_s, ticket.left_s))
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
        ticket = _Ticket(job, time.monotonic(), self.deadline_s)
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

    def lost(self) -> list[tuple[str, int, str]]:
        """(model, jobs, why the newest of them has no answer), by model and kind of reason, since this was asked last."""
        with self._changed:
            found, self._lost = self._lost, {}
        return [(model, count, why) for (model, _), (count, why) in sorted(found.items())]

    def _lose(self, ticket: _Ticket, why: str) -> None:
        """It gets no answer."""
        name = str(ticket.job.settings.get("kind", ticket.job.kind)), why.partition(":")[0]
        self._lost[name] = self._lost.get(name, (0, ""))[0] + 1, why
        self._finish(ticket, None, why)

    @property
    def waiting(self) -> int:
        """Jobs that have not begun."""
        with self._changed:
            return len(self._queue)

    def close(self) -> None:
        """End every worker; jobs that wait get no answer."""
        with self._changed:
            lanes, self._lanes, self._closed = self._lanes, [], True
            for ticket in self._queue:
                self._finish(ticket, None, "closed")
            self._queue.clear()
            self._changed.notify_all()
        for lane in lanes:
            lane.end()

    def next_job(self) -> _Ticket | None:
        """The next job that may begin, waiting for it; None when the pool is closed. For the pool's own threads."""
        with self._changed:
            while not self._closed:
                while self._queue and not self.patient and self._queue[0].left_s < 0:
                    self.counts.late += 1
                    self._lose(self._queue.popleft(), UNBEGUN)
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
            if not ticket.done.is_set():
                self.counts.answered += found is not None
                self.counts.failed += found is None
                self._lose(ticket, error) if found is None else self._finish(ticket, found, "")
            elif found is not None:
                self._finish(ticket, found, "")

    def dropped(self, ticket: _Ticket) -> None:
        """Nobody waits for it any longer. For the pool's own threads."""
        with self._changed:
            self.counts.failed += 1
            self._lose(ticket, LATE)

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
        self.spent = 0.0
        """CPU seconds of the process that answers told of."""
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
        try:
            return self._done(ticket)
        except (EOFError, OSError) as e:
            return None, f"{ENDED}: {type(e).__name__}", self._stop()

    def _done(self, ticket: _Ticket) -> tuple[Floats | None, str, float]:
        connection = self._start()
        connection.send_bytes(packed(ticket.job.head, ticket.job.values))
        left = HANGS_S if self.pool.patient else max(0.0, ticket.left_s)
        if not connection.poll(left) and (self.pool.patient or not self._answers_late(ticket, connection)):
            return None, LATE, self._stop()
        head, found = unpacked(connection.recv_bytes(), "float64")
        self.spent += head["cpu"]
        return (None if head["error"] else found), head["error"], head["cpu"]

    def _answers_late(self, ticket: _Ticket, connection: Connection) -> bool:
        """Drop a job, and wait for its worker as long as that is merely slow; whether it answered."""
        self.pool.dropped(ticket)
        end, look_s = STARVED * ticket.deadline_s, min(1.0, ticket.deadline_s)
        while ticket.left_s > -end and self._used() < ticket.deadline_s:
            if connection.poll(look_s):
                return True
        return False

    def _used(self) -> float:
        """CPU seconds of the process that no answer told of; 0 when it is gone."""
        import psutil

        try:
            assert self.process is not None
            times = psutil.Process(self.process.pid).cpu_times()
        except psutil.Error:
            return 0.0
        return max(0.0, float(times.user + times.system) - self.spent)

    def _start(self) -> Connection:
        if self.connection is None or self.process is None or not self.process.is_alive():
            self._stop()
            context = get_context("spawn")
            self.connection, theirs = context.Pipe()
            nice = 0 if self.pool.patient else NICE  # whoever waits for it gains nothing by its standing back
            self.process = context.Process(None, serve, "second-tier", (theirs, self.pool.memory_bytes, nice), daemon=True)
            self.process.start()
            theirs.close()
            self.spent = 0.0
            self.pool.counts.restarts += 1
        return self.connection

    def _stop(self) -> float:
        """End the process; the CPU seconds that no answer told of."""
        used = 0.0
        if self.process is not None:
            used = self._used()
            self.process.kill()
            self.process.join()
            self.process.close()
        if self.connection is not None:
            self.connection.close()
        self.process = self.connection = None
        return used

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
    with sharing(pool):
        pass


@contextlib.contextmanager
def sharing(pool: Pool) -> Iterator[None]:
    """`pool` is the one that `shared` gives; the one before it ends when all went well, else goes on: it counts CPU of both."""
    with _lock:
        before, _shared[:] = list(_shared), [pool]
        carried = pool.counts.cpu_s = sum(one.counts.cpu_s for one in before)
    atexit.register(pool.close)
    kept, over = before, [pool]
    try:
        yield
        kept, over = over, before
    finally:
        for one in over:
            one.close()
        for one in kept:
            with one._changed:
                one.counts.cpu_s += sum(other.counts.cpu_s for other in over) - carried
        _shared[:] = kept
