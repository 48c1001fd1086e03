"""Many queries to one server, politely: few in flight, fewer when it slows down, none after an hour that is named."""

from __future__ import annotations

import statistics
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from aiops.core.errors import SourceError, said
from aiops.core.records import Block
from aiops.telemetry.prometheus import PrometheusSource

AT_MOST = 4
"""Queries in flight."""
FLOOR_S = 0.025
"""A latency below this is as good as none: on a fast server twice of almost nothing is noise."""
PROBE_EVERY_S = 0.5
AWAY_AFTER = 3
"""So many queries in a row that nobody answers mean that the server is away."""


class Wanted(NamedTuple):
    """One range query on the aligned grid."""

    query: str
    start_s: int
    end_s: int
    step_s: int


class Pace:
    """How many queries may be in flight, judged by the latency of a query that costs the server nothing.

    When that has doubled, half as many; when it has come down again, one more each time, up to `at_most`.
    """

    def __init__(self, usual_s: float, at_most: int = AT_MOST) -> None:
        self.limit_s, self.at_most, self.allowed = 2 * max(usual_s, FLOOR_S), at_most, at_most
        self.slowed = 0

    def heard(self, seconds: float) -> None:
        """The latency was measured again."""
        if seconds > self.limit_s:
            self.allowed = max(1, self.allowed // 2)
            self.slowed += 1
        else:
            self.allowed = min(self.at_most, self.allowed + 1)


class Reader:
    """Reads blocks from one server, each admitted by `admit`; `queries` so far, probes left out.

    Raises SourceError when the server does not answer at all.
    """

    def __init__(self, source: PrometheusSource, admit: Callable[[Block], Block] = lambda block: block) -> None:
        self._source, self._admit, self.queries = source, admit, 0
        self.pace = Pace(statistics.median(self._latency() for _ in range(3)))

    def _latency(self) -> float:
        began = time.perf_counter()
        self._source.probe()
        return time.perf_counter() - began

    def read(
        self, wanted: Iterable[Wanted], until: float, done: Callable[[], None] = lambda: None,
        select: Callable[[Block], Block] = lambda block: block,
    ) -> dict[Wanted, Block | SourceError | None]:  # fmt: skip
        """What each query gave: a block, why not, or None where the monotonic instant `until` came first.

        Of each block only what `select` leaves is kept.
        """
        queue = deque(dict.fromkeys(wanted))
        found: dict[Wanted, Block | SourceError | None] = dict.fromkeys(queue)
        flying: dict[Future[Block], Wanted] = {}
        probe: Future[float] | None = None
        probed, away = time.monotonic(), 0
        with ThreadPoolExecutor(AT_MOST, thread_name_prefix="scan") as pool:
            while queue or flying:
                now = time.monotonic()
                if now >= until or away >= AWAY_AFTER:
                    queue.clear()
                if probe is None and now - probed >= PROBE_EVERY_S and len(flying) < AT_MOST:
                    probe, probed = pool.submit(self._latency), now
                room = min(self.pace.allowed, AT_MOST - (probe is not None))
                while queue and len(flying) < room:
                    one = queue.popleft()
                    self.queries += 1
                    flying[pool.submit(self._block, one, select)] = one
                under_way: list[Future[Any]] = [*flying, *([probe] if probe is not None else [])]
                ready, _ = wait(under_way, timeout=PROBE_EVERY_S, return_when=FIRST_COMPLETED)
                if probe is not None and probe in ready:
                    self._heard(probe)
                    probe = None
                for future in [one for one in flying if one in ready]:
                    answer = found[flying.pop(future)] = _outcome(future)
                    away = away + 1 if isinstance(answer, SourceError) and answer.kind in ("unreachable", "auth") else 0
                    done()
        if away >= AWAY_AFTER:
            raise next(one for one in found.values() if isinstance(one, SourceError))
        return found

    def _block(self, one: Wanted, select: Callable[[Block], Block]) -> Block:
        return select(self._admit(self._source.fetch(one.query, one.start_s, one.end_s, one.step_s).block))

    def _heard(self, probe: Future[float]) -> None:
        try:
            self.pace.heard(probe.result())
        except SourceError:
            self.pace.heard(float("inf"))  # one that does not come at all is as slow as can be


def _outcome(future: Future[Block]) -> Block | SourceError:
    try:
        return future.result()
    except SourceError as e:
        return said(e)
