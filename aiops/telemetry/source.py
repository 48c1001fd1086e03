"""The port behind which every telemetry backend stands."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

from aiops.core.params import Params
from aiops.core.records import Block

P = TypeVar("P", bound=Params)


@dataclass(frozen=True, slots=True)
class ReadLimits:
    """Caps on one answer; passing one raises SourceError with what to do, it never truncates silently."""

    series: int = 50_000
    samples: int = 20_000_000
    decoded_bytes: int = 64 * 2**20
    seconds: float = 10.0
    queries: int = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """What a source said: a block on the asked grid, and what it warned of (`partial` not empty: data may be missing)."""

    block: Block
    partial: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Probe:
    """What answers at a source: `product` and `version` ("" = it does not tell), the oldest and the newest instant it has, None =
    unknown; what one query cost: `seconds`, `series` and `bytes` of its answer.
    """

    product: str
    version: str = ""
    oldest_s: int | None = None
    newest_s: int | None = None
    seconds: float = 0.0
    series: int | None = None
    bytes: int | None = None


class Spent:
    """Running totals of what a source was asked for: queries, seconds, samples that came (gaps left out), decoded bytes, partial
    answers. Thread-safe.
    """

    def __init__(self) -> None:
        self.queries, self.seconds, self.samples, self.bytes, self.partial = 0, 0.0, 0, 0, 0
        self._lock = threading.Lock()

    def add(self, queries: int = 0, seconds: float = 0.0, samples: int = 0, size: int = 0, partial: bool = False) -> None:
        """Count something that was asked for and came, or did not."""
        with self._lock:
            self.queries += queries
            self.seconds += seconds
            self.samples += samples
            self.bytes += size
            self.partial += partial


class Source(ABC, Generic[P]):
    """A telemetry backend that evaluates PromQL, or the documented subset, on an aligned grid."""

    Params: ClassVar[type[Params]]
    keeps_past: ClassVar[bool] = True
    """Whether it can be asked for what was before it was opened."""

    concurrent: ClassVar[bool] = False
    """Whether several queries may be asked at once, up to `limits.queries`."""

    serves_rules: ClassVar[bool] = False
    """Whether it may have alerting rules of its own."""

    alone: bool = True
    """Whether no other source is configured, so that nothing else can tell of the same series."""

    skew_s: float | None = None
    """The source's clock less ours, in seconds, where its answers tell it."""

    def __init__(self, name: str, params: P, limits: ReadLimits) -> None:
        self.name, self.params, self.limits, self.spent = name, params, limits, Spent()

    @abstractmethod
    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """Values of `query` at start_s, start_s + step_s … end_s (both multiples of step_s, both included).

        A point of the grid takes the newest sample not older than the look-back. NaN, infinite and stale samples are
        gaps. Raises SourceError.
        """

    @abstractmethod
    def probe(self) -> str:
        """One line saying what answers there. Raises SourceError when nothing useful does."""

    def look(self, query: str = "") -> Probe:
        """What answers there, and what `query` costs. Raises SourceError."""
        began = time.perf_counter()
        said = self.probe()
        return Probe(said, oldest_s=self.oldest_s(), seconds=time.perf_counter() - began)

    def oldest_s(self) -> int | None:
        """The oldest instant worth asking for, None = unknown: how far a backfill may reach."""
        return None

    def types(self, metrics: Collection[str]) -> Mapping[str, str]:
        """What the source knows of metrics: name to counter, gauge, histogram or summary. Never raises; {} = nothing is known."""
        return {}

    def alerting_rules(self) -> bytes:
        """The answer of Prometheus' /api/v1/rules; empty = it serves none. Raises SourceError."""
        return b""

    def close(self) -> None:
        """Let go of connections and threads."""
