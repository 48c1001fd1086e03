"""What the daemon says of its own use, stretch by stretch."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import pytest

from aiops.core.errors import StoreError
from aiops.daemon.spending import Spending, cpu_s
from aiops.models.second_tier import pool as pools
from aiops.models.second_tier.pool import Pool
from aiops.store import Store
from tests.daemon.rig import Rig, card, falling


@pytest.fixture
def store() -> Iterator[Store]:
    found = Store.open("sqlite://", None)
    yield found
    found.close()


def said(store: Store) -> list[dict[str, object]]:
    return [dict(one.body) for one in store.statements(kind="spent")]


def test_a_stretch_tells_cpu_turns_and_series_of_each_card_over_all_its_watches(store: Store) -> None:
    used = iter([5.0, 8.0, 8.5])
    one = Spending(100.0, lambda: next(used))
    for seconds in (0.1, 0.3):
        one.turned("disk", "disk@a", seconds, 10)
        one.turned("disk", "disk@b", seconds, 4)
    one.turned("cpu", "cpu@a", 0.2, 3)
    one.keep(store, 160.0)
    one.keep(store, 170.0)
    assert said(store) == [
        {"cpu_s": 3.0, "span_s": 60.0, "turn_s": {"disk": 0.8, "cpu": 0.2}, "series": {"disk": 14.0, "cpu": 3.0}},
        {"cpu_s": 0.5, "span_s": 10.0, "turn_s": {}, "series": {}},
    ]


def test_a_clock_that_was_set_back_is_left_out(store: Store) -> None:
    used = iter([1.0, 2.0, 4.0])
    one = Spending(100.0, lambda: next(used))
    one.keep(store, 50.0)
    one.keep(store, 60.0)
    assert [(s["cpu_s"], s["span_s"]) for s in said(store)] == [(2.0, 10.0)]


def test_a_store_that_refuses_makes_the_stretch_longer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    used = iter([1.0, 2.0, 4.0])
    one = Spending(0.0, lambda: next(used))
    one.turned("disk", "disk@a", 0.5, 10)

    def full(*_: object) -> None:
        raise StoreError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(store, "transaction", full)
        one.keep(store, 10.0)
    one.turned("disk", "disk@a", 0.5, 30)
    one.keep(store, 20.0)
    assert said(store) == [{"cpu_s": 3.0, "span_s": 20.0, "turn_s": {"disk": 1.0}, "series": {"disk": 20.0}}]


def test_cpu_grows() -> None:
    before = cpu_s()
    sum(i * i for i in range(200_000))
    assert cpu_s() > before


def test_what_a_pool_used_is_known_once_another_took_its_place() -> None:
    one = Pool(patient=True)
    pools.share(one)
    one.counts.cpu_s += 1000.0
    before = cpu_s()
    with pools.sharing(after := Pool(patient=True)):
        one.counts.cpu_s += 10.0  # what it was at ends with it
    assert cpu_s() >= before + 10.0
    assert after.counts.cpu_s == one.counts.cpu_s


def test_what_a_pool_used_that_a_reload_gave_up_is_known_to_the_one_that_goes_on() -> None:
    pools.share(one := Pool(patient=True))
    before = one.counts.cpu_s
    with contextlib.suppress(StoreError), pools.sharing(tried := Pool(patient=True)):
        one.counts.cpu_s += 10.0
        tried.counts.cpu_s += 100.0
        raise StoreError("its disk is full")
    assert (pools.shared(), one.counts.cpu_s) == (one, before + 110.0)


def test_a_daemon_keeps_what_it_used_when_it_stops(rig: Rig) -> None:
    rig.world.add("free", {"instance": "a"}, falling(0.0001))
    rig.start(card())
    rig.at(8 * 3600)
    rig.turn()
    rig.at(9 * 3600)
    rig.stop()
    store = Store.reading("", rig.data_dir)
    (one,) = store.statements(kind="spent")
    store.close()
    assert (one.body["span_s"], one.body["series"], one.body["turn_s"].keys()) == (9 * 3600, {"disk": 1.0}, {"disk"})
    assert one.body["cpu_s"] > 0
