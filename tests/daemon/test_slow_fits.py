"""What the log says of slow fits that have no answer."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import structlog

from aiops.daemon.slow_fits import EVENT, EVERY_S, SlowFits
from aiops.models.second_tier import pool as pools
from aiops.models.second_tier.pool import Job, Pool

FAULTY = "tests.models.second_tier.faulty:"
LONG = 300.0


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(deadline_s=LONG, budget_s=600)
    pools.share(made)
    yield made
    pools.share(Pool(patient=True))


def asked(pool: Pool, name: str, n: int = 0) -> None:
    pool.take(pool.ask(Job(FAULTY + name, np.arange(5 + n, dtype=np.float32), {})), LONG)


def said(slow: SlowFits, now_s: float) -> list[dict[str, Any]]:
    with structlog.testing.capture_logs() as logs:
        slow.look(now_s)
    assert all(one["event"] == EVENT for one in logs)
    return [dict(one) for one in logs]


def test_why_slow_fits_have_no_answer_is_said_once_in_a_while_with_how_many(pool: Pool) -> None:
    slow = SlowFits()
    assert said(slow, 0.0) == []
    asked(pool, "doubled")
    assert said(slow, 1.0) == []
    asked(pool, "refuse")
    (first,) = said(slow, 2.0)
    assert (first["log_level"], first["count"], first["why"]) == ("info", 1, "ValueError: no")
    asked(pool, "crash")
    asked(pool, "crash", 1)
    assert said(slow, 3.0) == []
    (later,) = said(slow, 2.0 + EVERY_S)
    assert (later["log_level"], later["count"], later["model"]) == ("warning", 2, FAULTY + "crash")
    assert later["why"].startswith("the worker ended")
    assert "second_tier.memory" in later["write"]


def test_what_found_no_time_or_budget_names_the_settings_that_give_more(pool: Pool) -> None:
    asked(pool, "doubled")
    pool.deadline_s = 0.2
    pool.ask(Job(FAULTY + "hang", np.zeros(3, np.float32), {"seconds": 1.0}))
    pool.ask(Job(FAULTY + "doubled", np.zeros(7, np.float32), {}))  # its turn comes when its deadline has passed
    end = time.monotonic() + LONG
    while pool.counts.failed + pool.counts.late < 2:
        assert time.monotonic() < end
        time.sleep(0.02)
    told = {one["why"]: one["write"] for one in said(SlowFits(), 0.0)}
    assert "second_tier.deadline" in told[pools.LATE]
    assert "second_tier.cpu" in told[pools.UNBEGUN]
