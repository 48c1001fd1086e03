"""The schedule: lanes that do not hold each other up, one run at a time, nothing lost, nothing begun while it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from aiops.daemon.schedule import Schedule, _Every

PATIENCE_S = 20.0


class Results:
    """What the schedule told."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, str, str]] = []

    def __call__(self, job: str, result: str, error: BaseException | None) -> None:
        self.seen.append((job, result, str(error) if error else ""))


@contextmanager
def running(*lanes: str) -> Iterator[tuple[Schedule, Results]]:
    results = Results()
    schedule = Schedule(dict.fromkeys(lanes, 1), results)
    try:
        yield schedule, results
    finally:
        schedule.stop()


def wait_for(condition: Callable[[], bool]) -> bool:
    end = time.monotonic() + PATIENCE_S
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_lane_that_hangs_holds_up_no_other() -> None:
    hangs, runs = threading.Event(), []
    with running("slow", "quick") as (schedule, _):
        schedule.every(0.05, "slow", "hang", hangs.wait, PATIENCE_S, first_s=time.time())
        schedule.every(0.05, "quick", "run", runs.append, 1, first_s=time.time())
        schedule.start()
        try:
            assert wait_for(lambda: len(runs) >= 5)
        finally:
            hangs.set()


def test_a_job_never_overlaps_itself_and_what_was_skipped_is_counted() -> None:
    inside, most, done = 0, 0, threading.Event()

    def job() -> None:
        nonlocal inside, most
        inside += 1
        most = max(most, inside)
        done.wait(0.3)
        inside -= 1

    with running("lane") as (schedule, results):
        schedule.every(0.05, "lane", "job", job, first_s=time.time())
        schedule.start()
        assert wait_for(lambda: ("job", "skipped", "") in results.seen)
        assert wait_for(lambda: ("job", "ok", "") in results.seen)
        done.set()
    assert most == 1


def test_ticks_that_were_due_in_the_past_run_once() -> None:
    runs: list[float] = []
    with running("lane") as (schedule, _):
        schedule.every(3600.0, "lane", "job", lambda: runs.append(time.time()), first_s=time.time() - 10 * 3600 - 10)
        schedule.start()
        assert wait_for(lambda: bool(runs))
    assert len(runs) == 1


def test_a_clock_that_jumped_over_years_is_no_work() -> None:
    runs: list[int] = []
    with running("lane") as (schedule, _):
        schedule.every(1.0, "lane", "job", runs.append, 1, first_s=0.0)
        schedule.start()
        assert wait_for(lambda: len(runs) >= 2)


def test_later_runs_stay_on_the_grid_of_the_first() -> None:
    first = datetime(2026, 3, 4, 12, 0, 1, tzinfo=UTC)
    trigger = _Every(timedelta(seconds=60), first)
    assert trigger.get_next_fire_time(None, first) == first
    assert trigger.get_next_fire_time(first, first) == first + timedelta(seconds=60)
    assert trigger.get_next_fire_time(first, first + timedelta(seconds=59.9)) == first + timedelta(seconds=60)
    assert trigger.get_next_fire_time(first, first + timedelta(hours=3, seconds=7)) == first + timedelta(hours=3, seconds=60)


def test_what_a_job_raises_is_told_and_the_job_goes_on() -> None:
    def bad() -> None:
        raise KeyError("gone")

    with running("lane") as (schedule, results):
        schedule.every(0.05, "lane", "bad", bad, first_s=time.time())
        schedule.start()
        assert wait_for(lambda: results.seen.count(("bad", "error", "'gone'")) >= 2)


def test_jobs_that_wait_in_their_lane_do_not_begin_once_it_stops() -> None:
    began, release, ran = threading.Event(), threading.Event(), []

    def first() -> None:
        began.set()
        release.wait(PATIENCE_S)

    with running("lane") as (schedule, _):
        now = time.time()
        schedule.every(3600.0, "lane", "first", first, first_s=now)
        for i in range(5):
            schedule.every(3600.0, "lane", f"later {i}", ran.append, i, first_s=now + 0.05)
        schedule.start()
        assert began.wait(PATIENCE_S)
        time.sleep(0.2)
        stopper = threading.Thread(target=schedule.stop)
        stopper.start()
        time.sleep(0.1)
        assert stopper.is_alive(), "it must wait for the job that runs"
        release.set()
        stopper.join(PATIENCE_S)
    assert ran == []


def test_a_job_that_waits_for_a_time_the_clock_was_set_back_from_runs_now() -> None:
    runs: list[int] = []
    with running("lane") as (schedule, _):
        schedule.every(1.0, "lane", "job", runs.append, 1, first_s=time.time() + 7200)
        schedule.start()
        schedule.mind_the_clock()
        assert wait_for(lambda: bool(runs))


def test_minding_the_clock_leaves_jobs_alone_that_wait_as_they_should() -> None:
    runs: list[int] = []
    with running("lane") as (schedule, _):
        schedule.every(3600.0, "lane", "job", runs.append, 1, first_s=time.time() + 3000)
        schedule.start()
        schedule.mind_the_clock()
        time.sleep(0.2)
    assert runs == []


def test_stopping_what_never_began_is_fine() -> None:
    Schedule({"lane": 1}, Results()).stop()
