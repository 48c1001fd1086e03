"""The only place that knows APScheduler: a tick, nothing more. Every duty runs on its source's own thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from apscheduler.events import EVENT_JOB_ERROR, EVENT_JOB_EXECUTED, EVENT_JOB_MAX_INSTANCES, EVENT_JOB_MISSED
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

logging.getLogger("apscheduler").setLevel(logging.ERROR)  # what it says is counted by `on_result`
RESULTS = {EVENT_JOB_EXECUTED: "ok", EVENT_JOB_ERROR: "error", EVENT_JOB_MISSED: "missed", EVENT_JOB_MAX_INSTANCES: "skipped"}


class Schedule:
    """Jobs on lanes; one lane is one thread, so that what hangs on one lane holds up nobody else.

    Memory job store, coalesce, at most one instance of a job, no misfire grace: a late tick runs once, late, and is not lost.
    """

    def __init__(self, lanes: Iterable[str], on_result: Callable[[str, str], None]) -> None:
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={lane: ThreadPoolExecutor(1) for lane in lanes},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(
            lambda event: on_result(event.job_id, RESULTS[event.code]),
            EVENT_JOB_EXECUTED | EVENT_JOB_ERROR | EVENT_JOB_MISSED | EVENT_JOB_MAX_INSTANCES,
        )

    def every(self, seconds: float, lane: str, name: str, job: Callable[..., Any], *args: Any, first_s: float) -> None:
        """Run `job(*args)` on `lane` at `first_s` (epoch) and every `seconds` after it."""
        self._scheduler.add_job(
            job, "interval", seconds=seconds, args=args, id=name, executor=lane,
            start_date=datetime.fromtimestamp(first_s, UTC), next_run_time=datetime.fromtimestamp(first_s, UTC),
        )  # fmt: skip

    def start(self) -> None:
        """Begin."""
        self._scheduler.start()

    def stop(self) -> None:
        """Start nothing more and wait for what runs; every job has a deadline of its own."""
        if self._scheduler.running:
            self._scheduler.shutdown(wait=True)
