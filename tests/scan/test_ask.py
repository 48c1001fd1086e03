"""Reading politely: few queries in flight, fewer when the server slows down, none after the hour that is named."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from aiops.core.errors import SourceError
from aiops.core.records import Block
from aiops.scan.ask import AT_MOST, AWAY_AFTER, Pace, Reader, Wanted
from aiops.telemetry.prometheus import PrometheusParams, PrometheusSource
from aiops.telemetry.source import ReadLimits
from tests import servers
from tests.scan.between import Between, between

NOW = 1_790_000_100


def wanted(count: int) -> list[Wanted]:
    return [Wanted(f"vector({i})", NOW - 3000, NOW, 300) for i in range(count)]


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with servers.prometheus(tmp_path_factory.mktemp("prom")) as url:
        yield url


@pytest.fixture
def server(real: str) -> Iterator[Between]:
    with between(real) as found:
        yield found


def source(url: str, seconds: float = 5.0) -> PrometheusSource:
    found = PrometheusSource("p", PrometheusParams(url=url), ReadLimits(seconds=seconds, queries=AT_MOST))
    found.query_api_only = True
    return found


def test_every_query_is_answered_with_few_in_flight(server: Between) -> None:
    reader, marks = Reader(source(server.url)), []
    server.slow_s = 0.02
    found = reader.read(wanted(24), time.monotonic() + 30, lambda: marks.append(1))
    blocks = [one for one in found.values() if isinstance(one, Block)]
    assert len(blocks) == len(marks) == reader.queries == 24
    assert [block.values[0, 0] for block in blocks] == list(range(24))
    assert 2 <= server.most <= AT_MOST
    server.most = 0


def test_the_same_query_is_asked_once(server: Between) -> None:
    reader = Reader(source(server.url))
    reader.read([*wanted(2), *wanted(2)], time.monotonic() + 30)
    assert reader.queries == 2


def test_nothing_is_asked_after_its_time(server: Between) -> None:
    reader = Reader(source(server.url))
    assert set(reader.read(wanted(5), time.monotonic() - 1).values()) == {None}
    assert reader.queries == 0
    server.slow_s = 0.2
    found = reader.read(wanted(200), time.monotonic() + 0.6)
    assert 0 < reader.queries < 30
    assert sum(one is None for one in found.values()) == 200 - reader.queries


def test_a_bad_query_is_told_and_the_others_are_answered(server: Between) -> None:
    found = Reader(source(server.url)).read([Wanted("up +", NOW, NOW, 300), *wanted(3)], time.monotonic() + 30)
    kinds = [one.kind if isinstance(one, SourceError) else "block" for one in found.values()]
    assert kinds == ["bad_query", "block", "block", "block"]


def test_blocks_are_admitted_or_refused(server: Between) -> None:
    def refuse(block: Block) -> Block:
        raise SourceError("p", "policy", "not here")

    found = Reader(source(server.url), refuse).read(wanted(1), time.monotonic() + 30)
    assert [one.kind for one in found.values() if isinstance(one, SourceError)] == ["policy"]


def test_a_server_that_goes_away_ends_it(real: str) -> None:
    with between(real) as server:
        reader = Reader(source(server.url))
        server.token = "changed"
        with pytest.raises(SourceError, match="401"):
            reader.read(wanted(500), time.monotonic() + 60)
        assert reader.queries <= AWAY_AFTER + AT_MOST


def test_one_that_does_not_answer_is_told_at_once() -> None:
    with pytest.raises(SourceError, match="unreachable"):
        Reader(source("http://127.0.0.1:9", 1.0))


def test_it_backs_off_when_the_latency_doubles_and_comes_back() -> None:
    pace = Pace(0.1)
    pace.heard(0.19)
    assert (pace.allowed, pace.slowed) == (4, 0)
    pace.heard(0.21)
    assert pace.allowed == 2
    pace.heard(5.0)
    pace.heard(5.0)
    assert (pace.allowed, pace.slowed) == (1, 3)
    for allowed in (2, 3, 4, 4):
        pace.heard(0.1)
        assert pace.allowed == allowed


def test_of_a_fast_server_twice_of_almost_nothing_is_noise() -> None:
    pace = Pace(0.001)
    pace.heard(0.01)
    assert pace.allowed == AT_MOST


def test_a_server_that_slows_down_gets_fewer_at_once(server: Between) -> None:
    reader = Reader(source(server.url))
    server.slow_s = 0.3
    done = threading.Event()
    reader.read(wanted(14), time.monotonic() + 30, done.set)
    assert done.is_set()
    assert reader.pace.slowed >= 1
    assert reader.pace.allowed < AT_MOST
    assert np.isfinite(reader.pace.limit_s)
