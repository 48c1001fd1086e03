"""What a pool was asked for, as arrays beside the hot state."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.core.records import State
from aiops.models.second_tier import kept
from aiops.models.second_tier.pool import Job, Pool
from aiops.models.state_files import StateLoss, read_state, save_state

FAULTY = "tests.models.second_tier.faulty:"


def waiting(*keys: bytes) -> State:
    """A state of three rows, the first of which wait for these jobs."""
    state = {"asked_s": np.full(3, np.nan), "key": np.zeros((3, 16), np.uint8)}
    for row, key in enumerate(keys):
        state["asked_s"][row], state["key"][row] = 60.0, np.frombuffer(key, np.uint8)
    return state


@pytest.fixture
def pool() -> Pool:
    """Nothing is ever done in it but what a test says."""
    return Pool(budget_s=1e-9)


def test_jobs_come_back_as_they_were_done_failed_or_open(pool: Pool, tmp_path: Path) -> None:
    jobs = [Job(FAULTY + "doubled", np.arange(n, dtype=np.float32), {"label": n}) for n in (5, 3, 4)]
    pool.adopt(jobs[0], np.array([1.0, 2.0]))
    pool.adopt(jobs[1], np.zeros(0))
    pool._closed = True  # the third waits for ever
    pool._tickets[jobs[2].key] = type(pool._tickets[jobs[0].key])(jobs[2], 0.0, 300.0)
    states = [waiting(*(job.key for job in jobs)), {"other": np.zeros(3)}, waiting(jobs[0].key)]
    save_state(tmp_path, "learnt", kept.put(pool, states), {})
    saved = read_state(tmp_path, "learnt", {})
    assert not isinstance(saved, StateLoss)
    later = Pool(budget_s=1e-9)
    kept.take_up(later, saved)
    assert saved == {}
    np.testing.assert_array_equal(later.take(jobs[0].key), [1.0, 2.0])
    assert later.take(jobs[1].key) is None
    assert later.why(jobs[1].key) == "it failed in an earlier life"
    assert (later.counts.asked, later.why(jobs[2].key)) == (1, ""), "the open one is asked for again"
    later.close()


def test_what_nobody_waits_for_is_not_kept(pool: Pool) -> None:
    job = Job(FAULTY + "doubled", np.zeros(2, np.float32), {})
    pool.adopt(job, np.ones(1))
    assert kept.put(pool, [waiting()]) == {}
    assert kept.put(pool, [waiting(b"x" * 16)]) == {}, "nor what the pool does not know"
    assert list(kept.pending([waiting(job.key), waiting(job.key)])) == [job.key]


def test_a_state_without_any_is_taken_up_as_it_is(pool: Pool) -> None:
    saved = {"detector.count": np.zeros(2)}
    kept.take_up(pool, saved)
    assert list(saved) == ["detector.count"]
