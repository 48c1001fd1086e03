"""A link: external labels, one fetch for cards that ask the same, no more at once than allowed, one outage for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.telemetry import link as module
from aiops.telemetry.breaker import Resting
from aiops.telemetry.link import SHARED_S, Link
from aiops.telemetry.source import Answer, ReadLimits, Source


class Counted(Source[Params]):
    """Counts what it is asked and how many ask at once; can wait, and can fail."""

    Params = Params
    concurrent: ClassVar[bool] = True

    def __init__(self, queries: int = 4, labels: tuple[dict[str, str], ...] = ({"a": "1"},)) -> None:
        super().__init__("prod", Params(), ReadLimits(queries=queries))
        self.labels = labels
        self.asked: list[tuple[str, int, int]] = []
        self.error: SourceError | None = None
        self.meanwhile: Callable[[], object] = lambda: None
        self.now = self.most = 0
        self._lock = threading.Lock()

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        with self._lock:
            self.asked.append((query, start_s, end_s))
            self.now += 1
            self.most = max(self.most, self.now)
        try:
            self.meanwhile()
            if self.error is not None:
                raise self.error
            times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
            values = np.ones((len(self.labels), len(times)))
            return Answer(Block(self.labels, times, values, unit, Lineage(self.name, query, start_s, end_s)), ("said",))
        finally:
            with self._lock:
                self.now -= 1

    def probe(self) -> str:
        return "counts"


class Alone(Counted):
    concurrent: ClassVar[bool] = False


def test_the_same_newest_instant_is_fetched_once_for_all_that_ask() -> None:
    source = Counted()
    link = Link(source)
    first = link.ask("q", 600, 600, 60)
    assert link.ask("q", 600, 600, 60) is first
    link.ask("other", 600, 600, 60)
    link.ask("q", 660, 660, 60)
    assert source.asked == [("q", 600, 600), ("other", 600, 600), ("q", 660, 660)]


def test_who_asks_while_the_same_is_under_way_waits_for_it() -> None:
    source, inside, go = Counted(), threading.Event(), threading.Event()
    source.meanwhile = lambda: (inside.set(), go.wait(10))
    link = Link(source)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(link.ask, "q", 600, 600, 60)
        assert inside.wait(10)
        other = pool.submit(link.ask, "q", 600, 600, 60)
        go.set()
        assert one.result(10) is other.result(10)
    assert len(source.asked) == 1


def test_a_failure_is_shared_and_not_kept() -> None:
    source = Counted()
    source.error = SourceError("prod", "bad_query", "no")
    link = Link(source)
    for _ in range(2):
        with pytest.raises(SourceError, match="bad_query"):
            link.ask("q", 600, 600, 60)
    source.error = None
    assert len(link.ask("q", 600, 600, 60).labels) == 1
    assert len(source.asked) == 3, "what a query got says nothing of the source: it is asked again"


def test_long_ranges_are_not_kept_in_memory_for_others() -> None:
    source = Counted()
    link = Link(source)
    for _ in range(2):
        link.ask("q", 0, 6000, 60)
    assert len(source.asked) == 2


def test_history_that_other_cards_are_known_to_want_is_fetched_once_and_then_let_go() -> None:
    source = Counted()
    link = Link(source)
    for _ in range(3):
        link.expect("q", 60)
    first = link.ask("q", 0, 6000, 60)
    assert link.ask("q", 0, 6000, 60) is first
    assert link.ask("q", 0, 6000, 60) is first
    assert len(source.asked) == 1
    link.ask("q", 0, 6000, 60)
    assert len(source.asked) == 2, "all three had it: it was not kept any longer"


def test_history_is_kept_for_others_for_a_while_and_as_far_as_there_is_room(monkeypatch: pytest.MonkeyPatch) -> None:
    source, now = Counted(), [0.0]
    link = Link(source, clock=lambda: now[0])
    for _ in range(2):
        link.expect("q", 60)
    link.ask("q", 0, 6000, 60)
    now[0] = SHARED_S + 1
    link.ask("other", 600, 600, 60)
    link.ask("q", 0, 6000, 60)
    assert len(source.asked) == 3, "too old"
    monkeypatch.setattr(module, "SHARED_BYTES", 1000)
    link.ask("q", 12000, 18000, 60)
    link.ask("q", 24000, 30000, 60)
    link.ask("q", 12000, 18000, 60)
    assert len(source.asked) == 6, "no room"


@pytest.mark.parametrize(("kind", "at_once"), [(Counted, 3), (Alone, 1)])
def test_no_more_queries_are_in_flight_than_the_source_allows(kind: type[Counted], at_once: int) -> None:
    source = kind(queries=3)
    gate = threading.Barrier(at_once)
    source.meanwhile = lambda: gate.wait(10)
    link = Link(source)
    futures = link.submit("q", [(6000 * i, 6000 * i + 5940) for i in range(3 * at_once)], 60, "1")
    assert [f.result(20).time_s[0] for f in futures] == [6000 * i for i in range(3 * at_once)]
    assert source.most == at_once
    link.close()


def test_an_outage_is_one_outage_for_all_cards() -> None:
    source, now = Counted(), [0.0]
    link = Link(source, pause_s=30, clock=lambda: now[0])
    source.error = SourceError("prod", "unreachable", "refused")
    with pytest.raises(SourceError):
        link.ask("q", 600, 600, 60)
    for query in ("a", "b", "c"):
        with pytest.raises(Resting, match="refused"):
            link.ask(query, 600, 600, 60)
    assert len(source.asked) == 1
    now[0], source.error = 31.0, None
    assert link.ask("a", 660, 660, 60).partial == ("said",)


def test_external_labels_are_merged_before_the_gate_sees_a_block() -> None:
    seen = []

    def admit(block: Block) -> Block:
        seen.append(block.labels)
        return replace(block, labels=tuple({k: v for k, v in one.items() if k != "secret"} for one in block.labels))

    link = Link(Counted(labels=({"a": "1", "secret": "x"},)), {"cluster": "eu"}, admit=admit)
    assert link.ask("q", 600, 600, 60).labels == ({"cluster": "eu", "a": "1"},)
    assert seen == [({"cluster": "eu", "a": "1", "secret": "x"},)]


def test_copies_of_a_series_come_as_layers_of_one() -> None:
    link = Link(Counted(labels=({"a": "1", "replica": "x"}, {"a": "1", "replica": "y"})), without=["replica"])
    piece = link.ask("q", 600, 600, 60)
    assert piece.labels == ({"a": "1"},)
    assert [values.shape for _, values in piece.layers] == [(1, 1), (1, 1)]


def test_while_the_series_stay_the_same_the_identities_are_the_same_object() -> None:
    link = Link(Counted(), {"cluster": "eu"})
    assert link.ask("q", 600, 600, 60).labels is link.ask("q", 660, 660, 60).labels


def test_what_nobody_foresaw_leaves_the_source_to_be_tried_again() -> None:
    source, now = Counted(), [0.0]
    link = Link(source, pause_s=30, clock=lambda: now[0])
    source.error = SourceError("prod", "timeout", "slow")
    with pytest.raises(SourceError):
        link.ask("q", 600, 600, 60)
    now[0], source.error = 31.0, None

    def broken() -> None:
        raise ZeroDivisionError

    source.meanwhile = broken
    with pytest.raises(ZeroDivisionError):
        link.ask("q", 660, 660, 60)
    source.meanwhile = lambda: None
    assert link.ask("q", 660, 660, 60).labels == ({"a": "1"},)
