"""The only place that knows APScheduler: a tick, nothing more. Every duty runs on the threads of its lane."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

logging.getLogger("apscheduler").setLevel(logging.CRITICAL)  # what it says is counted and told by `on_result`
RESULTS = {EVENT_JOB_EXECUTED: "ok", EVENT_JOB_ERROR: "error", EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "skipped"}
OnResult = Callable[[str, str, BaseException | None], None]


class _Every(BaseTrigger):  # type: ignore[misc]
    """Fires at `first` and every `interval` after it, on that grid.

    What was missed is one firing, found in one step: APScheduler's own interval counts through every one that was missed,
    which after a jump of the clock by years takes hours.
    """

    def __init__(self, interval: timedelta, first: datetime) -> None:
        self.interval, self.first = interval, first

    def get_next_fire_time(self, previous: datetime | None, now: datetime) -> datetime:
        if previous is None:
            return self.first
        return self.first + self.interval * max(1, (now - self.first) // self.interval + 1)


class Schedule:
    """Jobs on lanes (name to how many run at once), so that what hangs on one lane holds up nobody else.

    Memory job store, coalesce, at most one instance of a job, no misfire grace: a late tick runs once, late, and is not lost.
    `on_result` gets (job, result of RESULTS, what it raised).
    """

    def __init__(self, lanes: Mapping[str, int], on_result: OnResult) -> None:
        self._stopping = threading.Event()
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={lane: ThreadPoolExecutor(threads) for lane, threads in lanes.items()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(
            lambda event: on_result(event.job_id, RESULTS[event.code], getattr(event, "exception", None)),
            EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES,
        )

    def every(self, seconds: float, lane: str, name: str, job: Callable[..., Any], *args: Any, first_s: float) -> None:
        """Run `job(*args)` on `lane` at `first_s` (epoch) and every `seconds` after it."""
        trigger = _Every(timedelta(seconds=seconds), datetime.fromtimestamp(first_s, UTC))
        self._scheduler.add_job(self._run, trigger, args=(job, *args), id=name, executor=lane)

    def _run(self, job: Callable[..., Any], *args: Any) -> None:
        """Run a job, unless it only waited in its lane while everything was told to stop."""
        if not self._stopping.is_set():
            job(*args)

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def mind_the_clock(self) -> None:
        """After the clock was set back every job would wait for the old time; those that would wait too long run now."""
        now = datetime.now(UTC)
        for job in self._scheduler.get_jobs():
            if job.next_run_time is not None and job.next_run_time - now > job.trigger.interval + timedelta(seconds=1):
                job.modify(next_run_time=now)

    def stop(self) -> None:
        """Start nothing more and wait for what runs; every job has a deadline of its own."""
        self._stopping.set()
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
