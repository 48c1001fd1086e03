"""Worker processes: what comes late, crashes, hangs or eats memory hurts nobody."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from aiops.models.second_tier.pool import Job, Pool

FAULTY = "tests.models.second_tier.faulty:"
VALUES = np.arange(5, dtype=np.float32)
LONG = 300.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(deadline_s=LONG, budget_s=600)
    yield made
    made.close()


def until(true: Callable[[], bool]) -> None:
    """Wait for it, as long as a busy machine may take."""
    end = time.monotonic() + LONG
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def job(name: str, **settings: float) -> Job:
    return Job(FAULTY + name, VALUES, settings)


def test_a_job_is_done_elsewhere_with_one_thread_and_low_priority(pool: Pool) -> None:
    double, who, threads = (pool.ask(job(name)) for name in ("doubled", "process_id", "threads"))
    np.testing.assert_array_equal(pool.take(double, LONG), 2.0 * VALUES)
    there = pool.take(who, LONG)
    assert there is not None
    assert there[0] != os.getpid()
    found = pool.take(threads, LONG)
    assert found is not None
    assert found[0] == 1
    assert found[1] > 0


def test_asking_and_taking_do_not_wait(pool: Pool) -> None:
    begun = time.monotonic()
    key = pool.ask(job("hang", seconds=3.0))
    assert pool.take(key) is None
    assert time.monotonic() - begun < 1.0


def test_a_crash_costs_one_job(pool: Pool) -> None:
    bad, good = pool.ask(job("crash")), pool.ask(job("doubled"))
    assert pool.take(bad, LONG) is None
    assert "ended" in pool.why(bad)
    assert pool.take(good, LONG) is not None
    assert pool.counts.restarts == 2


def test_too_much_memory_costs_one_job(pool: Pool) -> None:
    bad, good = pool.ask(job("devour")), pool.ask(job("doubled"))
    assert pool.take(bad, LONG) is None
    assert pool.why(bad)
    assert pool.take(good, LONG) is not None


def test_a_fit_that_fails_says_why_and_keeps_its_worker(pool: Pool) -> None:
    bad, good = pool.ask(job("refuse")), pool.ask(job("doubled"))
    assert pool.take(good, LONG) is not None
    assert pool.why(bad) == "ValueError: no"
    assert pool.counts.restarts == 1


def test_what_is_not_done_before_its_deadline_is_killed(pool: Pool) -> None:
    assert pool.take(pool.ask(job("doubled")), LONG) is not None
    pool.deadline_s = 0.5
    bad = pool.ask(job("hang", seconds=60.0))
    assert pool.take(bad, LONG) is None
    pool.deadline_s = LONG
    good = pool.ask(job("process_id"))
    assert pool.take(good, LONG) is not None
    assert pool.why(bad) == "not done before its deadline"
    assert pool.counts.cpu_s < 2.0


def test_who_is_slow_because_others_are_in_its_way_is_not_begun_anew() -> None:
    pool = Pool(deadline_s=LONG, budget_s=600)
    try:
        who = pool.take(pool.ask(job("process_id")), LONG)
        assert who is not None
        os.kill(int(who[0]), signal.SIGSTOP)
        pool.deadline_s = 2.0
        slow = pool.ask(job("doubled"))
        until(lambda: pool.why(slow) == "not done before its deadline")
        os.kill(int(who[0]), signal.SIGCONT)
        until(lambda: pool.take(slow) is not None)
        pool.deadline_s = LONG
        again = pool.take(pool.ask(job("process_id", label=1)), LONG)
        np.testing.assert_array_equal(pool.take(slow), 2.0 * VALUES)
        np.testing.assert_array_equal(again, who)
        assert (pool.counts.restarts, pool.counts.failed, pool.counts.answered) == (1, 1, 2)
        assert pool.counts.cpu_s < 1.0
    finally:
        pool.close()


def test_who_computes_beyond_its_deadline_is_killed_and_charged_what_it_used(pool: Pool) -> None:
    assert pool.take(pool.ask(job("doubled")), LONG) is not None
    pool.deadline_s = 0.5
    bad = pool.ask(job("burn", seconds=3600.0))
    until(lambda: pool.why(bad) == "not done before its deadline")
    pool.deadline_s = LONG
    assert pool.take(pool.ask(job("process_id")), LONG) is not None
    assert pool.counts.restarts == 2
    assert 0.1 < pool.counts.cpu_s < 10.0


def test_the_same_job_is_done_once(pool: Pool) -> None:
    keys = {pool.ask(job("doubled")) for _ in range(10)}
    assert len(keys) == 1
    assert pool.take(keys.pop(), LONG) is not None
    pool.ask(job("doubled"))
    assert pool.counts.asked == 1


def test_a_job_that_failed_may_be_asked_for_again(pool: Pool) -> None:
    key = pool.ask(job("refuse"))
    pool.take(key, LONG)
    pool.ask(job("refuse"))
    assert pool.counts.asked == 2


def test_nothing_begins_while_the_budget_is_overdrawn() -> None:
    pool = Pool(deadline_s=LONG, budget_s=0.5)
    try:
        assert pool.take(pool.ask(job("burn", seconds=1.0)), LONG) is not None
        pool.deadline_s = 1.0
        keys = [pool.ask(job("burn", seconds=1.0, label=i)) for i in (1, 2)]
        assert [pool.take(key, LONG) for key in keys] == [None, None]
        assert pool.counts.cpu_s < 2.0
    finally:
        pool.close()


def test_the_answer_does_not_depend_on_the_number_of_workers() -> None:
    answers = []
    for workers in (1, 2):
        pool = Pool(workers=workers, deadline_s=LONG, budget_s=600)
        keys = [pool.ask(job("doubled")), *(pool.ask(job("process_id", label=i)) for i in range(4))]
        answers.append(pool.take(keys[0], LONG))
        ids = {found[0] for key in keys[1:] if (found := pool.take(key, LONG)) is not None}
        assert 1 <= len(ids) <= workers
        pool.close()
    np.testing.assert_array_equal(*answers)


ORPHANS = """
import numpy, time
from aiops.models.second_tier.pool import Job, Pool
if __name__ == "__main__":
    pool, values = Pool(2, 600.0, 300.0), numpy.arange(5, dtype=numpy.float32)
    who = pool.take(pool.ask(Job("tests.models.second_tier.faulty:process_id", values, {})), 300.0)
    for name in ("burn", "hang"):
        pool.ask(Job(f"tests.models.second_tier.faulty:{name}", values, {"seconds": 3600.0}))
    print(int(who[0]), flush=True)
    time.sleep(3600)
"""


def test_workers_end_amid_a_job_when_their_daemon_is_killed(tmp_path: Path) -> None:
    (tmp_path / "orphans.py").write_text(ORPHANS)
    path = os.pathsep.join([os.getcwd(), os.environ.get("PYTHONPATH", "")])
    daemon = subprocess.Popen(
        [sys.executable, str(tmp_path / "orphans.py")], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    assert daemon.stdout is not None
    assert daemon.stdout.readline().strip()
    parent = psutil.Process(daemon.pid)
    until(lambda: any(sum(one.cpu_times()[:2]) > 2.0 for one in parent.children()))  # one computes
    workers = parent.children()
    daemon.kill()
    daemon.wait()
    daemon.stdout.close()
    _, alive = psutil.wait_procs(workers, timeout=60)
    for one in alive:
        one.kill()
    assert not alive


def test_a_closed_pool_leaves_no_process_and_takes_no_job() -> None:
    pool = Pool(deadline_s=LONG, budget_s=600)
    who = pool.take(pool.ask(job("process_id")), LONG)
    assert who is not None
    pool.close()
    assert pool.take(pool.ask(job("doubled")), 1.0) is None
    with pytest.raises(ProcessLookupError):
        os.kill(int(who[0]), 0)


def test_keys_tell_jobs_apart() -> None:
    jobs = [job("doubled"), job("process_id"), job("process_id", label=1), Job(FAULTY + "doubled", VALUES + 1, {})]
    assert len({one.key for one in jobs}) == len(jobs)
    assert job("doubled").key == job("doubled").key


def test_a_patient_pool_waits_whatever_its_deadline_and_budget_are() -> None:
    pool = Pool(deadline_s=0.01, budget_s=1e-9, patient=True)
    try:
        keys = [pool.ask(job("burn", seconds=0.2, label=i)) for i in range(3)]
        assert all(pool.take(key) is not None for key in keys)
        assert (pool.counts.answered, pool.counts.late, pool.counts.failed) == (3, 0, 0)
    finally:
        pool.close()


def test_what_a_replay_says_does_not_depend_on_a_worker_that_somebody_killed(tmp_path: Path) -> None:
    pool = Pool(patient=True)
    try:
        killed = pool.ask(Job(FAULTY + "crash_at_first", VALUES, {"mark": str(tmp_path / "mark")}))
        always = pool.ask(job("crash"))
        np.testing.assert_array_equal(pool.take(killed), 2.0 * VALUES)
        assert pool.take(always) is None
        assert (pool.counts.answered, pool.counts.failed) == (1, 1)
    finally:
        pool.close()


def test_without_a_daemon_a_process_is_patient() -> None:
    from aiops.models.second_tier import pool as pools

    pools._shared.clear()
    assert pools.shared().patient


def test_an_answer_that_was_not_fetched_is_not_forgotten(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.models.second_tier.pool.KEPT", 2)
    keys = [pool.ask(Job(FAULTY + "doubled", VALUES + i, {})) for i in range(5)]
    assert all(pool.take(key, LONG) is not None for key in keys)
    pool.ask(job("process_id"))
    assert [pool.kept(key) is not None for key in keys] == [False, False, False, False, True]


def test_room_is_what_may_wait_still(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aiops.models.second_tier.pool.WAITING", 2)
    pool = Pool(deadline_s=LONG, budget_s=600)
    try:
        pool.ask(job("hang", seconds=60.0))
        while pool.waiting:
            time.sleep(0.01)
        assert pool.room == 2
        pool.ask(job("doubled"))
        assert (pool.room, Pool(patient=True).room > 10**6) == (1, True)
    finally:
        pool.close()


def test_the_worker_of_a_patient_pool_does_not_stand_back() -> None:
    pool = Pool(patient=True)
    try:
        found = pool.take(pool.ask(job("threads")))
        assert found is not None
        assert found[1] == os.nice(0)
    finally:
        pool.close()
