"""A recording whose samples are there from when they came in, and not from when they were taken.

Beside `series/`, a folder `arrivals/` may hold a file of the same name for an entity: `time` and `arrived`, both int64 epoch
seconds. A row that is not in it came in when it was taken; one that came in late is not there before; what is asked again later
is then there. A clock says what time it is: that of a turn that is replayed, or that of a daemon.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from aiops.core.errors import FileError, SourceError
from aiops.core.labels import Matcher
from aiops.core.records import Block, Ints, Lineage
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.labelling import Labelling
from aiops.telemetry.recording import Recording, RecordingParams, read_table
from aiops.telemetry.samples import FixedSamples, Frame
from aiops.telemetry.source import Answer, ReadLimits, Source

FOLDER = "arrivals"
Clock = Callable[[], float]


@dataclass(slots=True)
class Moment:
    """A clock that says what it was set to."""

    now_s: float = 0.0

    def __call__(self) -> float:
        """The time it was set to."""
        return self.now_s


def has_arrivals(data: Path) -> bool:
    """Whether a recording says when its samples came in."""
    return (data / FOLDER).is_dir()


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """The samples of one entity and when each row came in: `time_ms`, `arrived_ms` (t,), the former ascending."""

    samples: FixedSamples
    time_ms: Ints
    arrived_ms: Ints


@dataclass(frozen=True, slots=True, eq=False)
class AsOf:
    """Those samples of some entities that had come in by `now_ms`."""

    parts: Sequence[_Part]
    now_ms: int

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> list[Frame]:
        """See `Samples`."""
        out = []
        for part in self.parts:
            for frame in part.samples.select(matchers, start_ms, min(end_ms, self.now_ms)):
                at = np.searchsorted(part.time_ms, frame.time_ms)
                here = part.arrived_ms[at] <= self.now_ms
                if here.all():
                    out.append(frame)
                elif here.any():
                    out.append(Frame(frame.labels, frame.time_ms[here], frame.values[:, here]))
        return out


class ArrivedSource(Source[RecordingParams]):
    """Evaluates the PromQL subset on what of a recording had come in by the time of `clock`. Raises SourceError."""

    Params = RecordingParams

    def __init__(self, name: str, params: RecordingParams, limits: ReadLimits, clock: Clock) -> None:
        super().__init__(name, params, limits)
        self.clock = clock
        self._labelling = Labelling(name)
        try:
            self._parts = list(_parts(params.path))
        except FileError as e:
            raise SourceError(name, "bad_data", str(e.mistakes[0])) from e
        times = [part.time_ms for part in self._parts if len(part.time_ms)]
        if not times:
            raise SourceError(name, "bad_data", f"{params.path}: no samples")
        self._span = min(int(t[0]) for t in times) // 1000, -(-max(int(t[-1]) for t in times) // 1000)

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`."""
        found = evaluate(query, AsOf(self._parts, int(1000 * self.clock())), start_s, end_s, step_s, source=self.name)
        values = np.where(found.here & np.isfinite(found.values), found.values, np.nan)
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        labels = self._labelling.of(query, found.labels)
        return Answer(Block(labels, times, np.ascontiguousarray(values), unit, Lineage(self.name, query, start_s, end_s)))

    def probe(self) -> str:
        """What there is."""
        return f"recording of {len(self._parts)} entities, as they came in"

    def oldest_s(self) -> int:
        """The first sample."""
        return self._span[0]


def _parts(data: Path) -> Iterator[_Part]:
    by_entity: dict[str, list[Any]] = {}
    for labels, time_s, values in Recording.load(data).series():
        by_entity.setdefault(labels.get("entity", ""), []).append((labels, time_s, values))
    for entity, series in by_entity.items():
        time_ms = np.unique(np.concatenate([np.round(1000 * time_s).astype(np.int64) for _, time_s, _ in series]))
        arrived_ms = time_ms.copy()
        path = next((p for p in (data / FOLDER / f"{entity}.parquet", data / FOLDER / f"{entity}.csv") if p.is_file()), None)
        if path is not None:
            _, known_s, names, columns = read_table(path)
            if "arrived" in names:
                at = np.searchsorted(time_ms, 1000 * known_s)
                inside = (at < len(time_ms)) & (time_ms[np.minimum(at, len(time_ms) - 1)] == 1000 * known_s)
                arrived_ms[at[inside]] = np.round(1000 * columns[names.index("arrived")][inside]).astype(np.int64)
        yield _Part(FixedSamples(series), time_ms, arrived_ms)
