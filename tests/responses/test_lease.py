"""The lease: one holder, epochs that only grow, and a holder that knows by itself when to stop."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from aiops.responses.lease import Lease
from aiops.store import Store
from aiops.store.responses import Responses
from tests.responses.rig import Clock

NOW = 1_750_000_200.0


@pytest.fixture
def runs(tmp_path: Path) -> Iterator[Responses]:
    store = Store.open("", tmp_path)
    yield Responses(store)
    store.close()


def test_while_one_holds_it_another_cannot(runs: Responses) -> None:
    a, b = Lease(runs, "a"), Lease(runs, "b")
    assert (a.keep(NOW), b.keep(NOW + 14), a.epoch) == (True, False, 1)
    assert not b.held()


def test_renewing_keeps_the_epoch_and_taking_over_raises_it(runs: Responses) -> None:
    a, b = Lease(runs, "a"), Lease(runs, "b")
    for at in range(0, 60, 5):
        assert a.keep(NOW + at)
    assert (a.epoch, b.keep(NOW + 71), b.epoch, a.keep(NOW + 72)) == (1, True, 2, False)


def test_it_stops_before_it_ends_by_a_clock_that_nobody_can_set(runs: Responses) -> None:
    monotonic = Clock(50.0)
    a = Lease(runs, "a", monotonic=monotonic)
    assert not a.held()
    a.keep(NOW)
    monotonic.now += 11.9
    assert a.held()
    monotonic.now += 0.2
    assert not a.held()


def test_who_holds_the_lock_of_the_data_directory_need_not_wait(runs: Responses) -> None:
    Lease(runs, "a").keep(NOW)
    b = Lease(runs, "b", at_once=True)
    assert (b.keep(NOW + 1), b.epoch) == (True, 2)


def test_what_is_left_can_be_taken_at_once(runs: Responses) -> None:
    a, b = Lease(runs, "a"), Lease(runs, "b")
    a.keep(NOW)
    a.leave()
    assert (a.held(), b.keep(NOW + 1), b.epoch) == (False, True, 2)
