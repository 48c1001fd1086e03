"""The breaker: one tries, the others are told, and rests grow to a bound."""

from __future__ import annotations

import pytest

from aiops.core.errors import SourceError
from aiops.telemetry.breaker import QUICK_S, RESTS_AT_MOST_S, Breaker, Resting

ERROR = SourceError("prod", "timeout", "no answer")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(breaker: Breaker, clock: Clock, took_s: float = 0.0, kind: str = "timeout") -> None:
    entered = breaker.enter()
    clock.now += took_s
    breaker.failed(SourceError("prod", kind, "no answer"), entered)


def rested(breaker: Breaker, clock: Clock) -> float:
    """How long it rests from now on; the one that tries then is let go."""
    start = clock.now
    while True:
        clock.now += 1
        try:
            breaker.enter()
        except Resting:
            continue
        breaker.let_go()
        return clock.now - start


def test_after_a_failure_everybody_gets_the_old_error_at_once() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    fail(breaker, clock)
    with pytest.raises(Resting) as e:
        breaker.enter()
    assert (e.value.source, e.value.kind, e.value.message) == ("prod", "timeout", "no answer")


def test_when_the_rest_is_over_one_tries_and_the_others_wait_for_what_it_finds() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    fail(breaker, clock)
    clock.now += 30
    breaker.enter()
    with pytest.raises(Resting):
        breaker.enter()
    breaker.well()
    breaker.enter()
    breaker.enter()


def test_rests_double_and_are_bounded() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    rests = []
    for _ in range(6):
        fail(breaker, clock)
        rests.append(rested(breaker, clock))
    assert rests == [30, 60, 120, 240, RESTS_AT_MOST_S, RESTS_AT_MOST_S]


def test_what_nobody_answers_is_tried_every_minute() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    rests = []
    for _ in range(5):
        fail(breaker, clock, kind="unreachable")
        rests.append(rested(breaker, clock))
    assert rests == [30, QUICK_S, QUICK_S, QUICK_S, QUICK_S]
    slow = Breaker(clock, 150)
    fail(slow, clock, kind="unreachable")
    assert rested(slow, clock) == 150


def test_a_server_that_says_that_it_starts_is_not_made_to_wait_for_its_outage() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    for _ in range(5):
        fail(breaker, clock)
        rested(breaker, clock)
    fail(breaker, clock, kind="server_error")
    assert rested(breaker, clock) == 30


def test_queries_that_fail_together_are_one_failure() -> None:
    clock = Clock()
    breaker = Breaker(clock, 10)
    entered = [breaker.enter() for _ in range(8)]
    for at in entered:
        clock.now += 0.1
        breaker.failed(ERROR, at)
    assert rested(breaker, clock) <= 11


def test_what_took_long_to_fail_rests_as_long() -> None:
    clock = Clock()
    breaker = Breaker(clock, 1)
    fail(breaker, clock, took_s=10)
    clock.now += 9
    with pytest.raises(Resting):
        breaker.enter()
    clock.now += 1
    breaker.enter()


def test_a_clock_that_was_set_back_does_not_prolong_the_rest() -> None:
    clock = Clock()
    breaker = Breaker(clock, 30)
    fail(breaker, clock)
    clock.now -= 7200
    breaker.enter()


def test_beginning_and_end_of_an_outage_are_told_once() -> None:
    clock = Clock()
    breaker = Breaker(clock, 1)
    assert breaker.failed(ERROR, breaker.enter()) is True
    clock.now += 10
    assert breaker.failed(ERROR, breaker.enter()) is False
    clock.now += 100
    breaker.enter()
    assert [breaker.well(), breaker.well()] == [True, False]


def test_the_error_that_is_kept_holds_nothing_of_the_failed_read() -> None:
    clock = Clock()
    breaker = Breaker(clock, 1)
    try:
        raise ERROR
    except SourceError as e:
        breaker.failed(e, breaker.enter())
    assert breaker.error is not None
    assert breaker.error.__traceback__ is None
