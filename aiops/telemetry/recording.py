"""Recordings as a source: a folder of Parquet, CSV or OpenMetrics text.

Layout: `series/<entity>.parquet` (or .csv), column `time` in int64 epoch seconds and one number column a metric. A column is
the series `metric{entity="…"}`, unless the file's schema metadata `aiops.labels` (JSON: column -> labels with __name__) says
which series it is. `*.om` or `*.openmetrics` files hold OpenMetrics text with timestamps.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray
from pydantic import Field

from aiops.core.errors import FileError, Mistake, SourceError
from aiops.core.labels import key
from aiops.core.params import Params
from aiops.core.records import Block, Lineage
from aiops.core.text import visible
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.labelling import Labelling
from aiops.telemetry.samples import FixedSamples, Series
from aiops.telemetry.source import Answer, ReadLimits, Source
from aiops.telemetry.vectors import Vector

Array = NDArray[np.float64]
Table = tuple[str, NDArray[np.int64], list[str], Array]
LAST_S = 10**11
"""No epoch seconds are that large, milliseconds are."""
_NAME = re.compile(r"[^a-zA-Z0-9_:]")


class RecordingParams(Params):
    """Parameters of `RecordingSource`."""

    path: Path = Field(description="the recording's folder")


@dataclass(frozen=True, slots=True)
class Recording:
    """A folder of recorded series, read file by file."""

    folder: Path

    @classmethod
    def load(cls, folder: Path) -> Recording:
        """Check that there is something. Raises FileError when not."""
        found = cls(folder)
        if not found.files():
            raise FileError([Mistake(str(folder), 1, 1, "", "no series/*.parquet, *.csv or *.om in it")])
        return found

    def files(self) -> list[Path]:
        """All files of series, sorted by name."""
        inside = self.folder / "series" if (self.folder / "series").is_dir() else self.folder
        return sorted(p for e in ("parquet", "csv", "om", "openmetrics") for p in inside.glob(f"*.{e}"))

    def series(self) -> Iterator[Series]:
        """Every series with its label set."""
        for path in self.files():
            if path.suffix not in (".parquet", ".csv"):
                yield from _openmetrics(path)
                continue
            table, labels = _read(path)
            entity, time_s, metrics, values = _ordered(path, table)
            for metric, row in zip(metrics, values, strict=True):
                here = np.isfinite(row)
                name = {"__name__": _NAME.sub("_", metric), "entity": entity, "metric": metric}
                yield labels.get(metric, name), time_s[here].astype(np.float64), row[here]


class RecordingSource(Source[RecordingParams]):
    """A recording that evaluates the PromQL subset; never says anything of later than was asked.

    Files of `series/`, or of the folder itself: Parquet and CSV with a column `time` (whole epoch seconds) and one column a
    metric, OpenMetrics text. Raises FileError for a file that is none of these, SourceError for what is outside the subset.

    Source: OpenMetrics 1.0 for the text form.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "disk.csv").write_text("time,free\\n0,9\\n60,8\\n")
    ...     source = RecordingSource("day", RecordingParams(path=Path(folder)), ReadLimits())
    ...     source.fetch("free", 0, 60, 60).block.values.tolist()
    [[9.0, 8.0]]
    """

    Params = RecordingParams

    def __init__(self, name: str, params: RecordingParams, limits: ReadLimits) -> None:
        super().__init__(name, params, limits)
        self._samples: FixedSamples | None = None
        self._span = (0, 0)
        self._labelling = Labelling(name)
        self._whole: dict[tuple[str, int], tuple[int, Vector, tuple[dict[str, str], ...]]] = {}

    def _load(self) -> FixedSamples:
        if self._samples is None:
            try:
                series = [one for one in Recording.load(self.params.path).series() if len(one[1])]
            except FileError as e:
                raise SourceError(self.name, "bad_data", str(e.mistakes[0])) from e
            times = [t for _, t, _ in series]
            if not times:
                raise SourceError(self.name, "bad_data", f"{self.params.path}: no samples")
            name, count = Counter(key(labels) for labels, _, _ in series).most_common(1)[0]
            if count > 1:
                raise SourceError(
                    self.name, "bad_data", f"{self.params.path}: the series {visible(name)} is there {count} times"
                )
            self._span = math.floor(min(t[0] for t in times)), math.ceil(max(t[-1] for t in times))
            self._samples = FixedSamples(series)
        return self._samples

    def change(self, changed: Callable[[Series], Series]) -> None:
        """Tell another course from now on: each series as `changed` gives it, at the same instants. What was told stays told."""
        self._load()
        self._samples = FixedSamples(changed(one) for one in Recording.load(self.params.path).series() if len(one[1]))
        self._whole.clear()

    def span(self) -> tuple[int, int]:
        """(first, last) instant of the recording, epoch seconds."""
        self._load()
        return self._span

    def fetch(self, query: str, start_s: int, end_s: int, step_s: int, unit: str = "1") -> Answer:
        """See `Source.fetch`. A query is evaluated once over the whole recording: each grid point only sees its own past."""
        samples = self._load()
        first = -(-self._span[0] // step_s) * step_s
        if (query, step_s) not in self._whole:
            last = -(-self._span[1] // step_s) * step_s
            found = evaluate(query, samples, first, last, step_s, source=self.name)
            self._whole[query, step_s] = first, found, self._labelling.of(query, found.labels)
        first, found, labels = self._whole[query, step_s]
        times = np.arange(start_s, end_s + 1, step_s, dtype=np.int64)
        at = (times - first) // step_s
        inside = (at >= 0) & (at < found.values.shape[1])
        at = np.where(inside, at, 0)
        values = np.where(inside & found.here[:, at] & np.isfinite(found.values[:, at]), found.values[:, at], np.nan)
        columns = max(int(times[-1] - first) // step_s + 1, 0)
        seen = found.here[:, :columns].any(axis=1)
        lineage = Lineage(self.name, query, start_s, end_s)
        if seen.all():
            return Answer(Block(labels, times, np.ascontiguousarray(values), unit, lineage))
        some = np.flatnonzero(seen)
        return Answer(Block(tuple(labels[i] for i in some), times, values[some], unit, lineage))

    def probe(self) -> str:
        """What there is."""
        files = len(Recording.load(self.params.path).files())
        return f"recording of {files} files"

    def oldest_s(self) -> int:
        """The first sample."""
        return self.span()[0]


def _bad(path: Path, message: str) -> FileError:
    return FileError([Mistake(str(path), 1, 1, "", message)])


def read_table(path: Path) -> Table:
    """(entity, time_s (t,), metrics, values (metrics, t)) of a Parquet or CSV file, in time order.

    Of rows at one instant the last wins; infinite values are gaps. Raises FileError naming the file and what is wrong with it.
    """
    return _ordered(path, _read(path)[0])


def _read(path: Path) -> tuple[Any, dict[str, dict[str, str]]]:
    """The table of a file and what its metadata says of its columns."""
    import pyarrow as pa
    import pyarrow.csv
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path) if path.suffix == ".parquet" else pyarrow.csv.read_csv(path)
        names = table.column_names
    except (pa.ArrowException, OSError, UnicodeDecodeError) as e:
        raise _bad(path, f"cannot be read: {str(e).splitlines()[0]}") from e
    if "time" not in names:
        raise _bad(path, f"has no column `time`; it has {', '.join(names[:5]) or 'none at all'}")
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise _bad(path, f"has column `{twice[0]}` more than once")
    described = (table.schema.metadata or {}).get(b"aiops.labels")
    return table, _described(path, described) if described else {}


def _described(path: Path, text: bytes) -> dict[str, dict[str, str]]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as e:
        raise _bad(path, f"its metadata `aiops.labels` is no JSON: {e.msg}") from e
    sets = found.values() if isinstance(found, dict) else [None]
    if not all(isinstance(one, dict) and all(isinstance(v, str) for v in one.values()) for one in sets):
        raise _bad(path, "its metadata `aiops.labels` must say for each column: label -> value")
    return dict(found)


def _ordered(path: Path, table: Any) -> Table:
    metrics = [name for name in table.column_names if name != "time"]
    time_s = _times(path, table["time"])
    rows = [_numbers(path, name, table[name]) for name in metrics]
    values = np.array(rows, np.float64).reshape(len(rows), len(time_s))
    values[~np.isfinite(values)] = np.nan
    order = np.argsort(time_s, kind="stable")
    if len(order):
        last = np.append(np.diff(time_s[order]) > 0, True)
        order = order[last]
    return path.stem, time_s[order], metrics, values[:, order]


def _times(path: Path, column: Any) -> NDArray[np.int64]:
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        raise _bad(path, f"column `time` must hold whole epoch seconds, not {column.type}")
    if column.null_count:
        raise _bad(path, f"column `time` must hold whole epoch seconds; {column.null_count} rows have none")
    try:
        time_s = np.asarray(column.cast(pa.int64()).to_numpy(), np.int64)
    except (pa.ArrowException, ValueError) as e:
        raise _bad(path, f"column `time` must hold whole epoch seconds: {str(e).splitlines()[0]}") from e
    if len(time_s) and not -LAST_S < time_s.min() <= time_s.max() < LAST_S:
        raise _bad(path, f"column `time` must hold whole epoch seconds; {time_s.max()} is none: milliseconds?")
    return time_s


def _numbers(path: Path, name: str, column: Any) -> Array:
    import pyarrow as pa

    try:
        return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), np.float64)
    except (pa.ArrowException, ValueError) as e:
        raise _bad(path, f"column `{name}` must hold numbers: {str(e).splitlines()[0]}") from e


def _openmetrics(path: Path) -> Iterator[Series]:
    from prometheus_client.openmetrics.parser import text_string_to_metric_families

    found: dict[str, tuple[dict[str, str], list[tuple[float, float]]]] = {}
    try:
        for family in text_string_to_metric_families(path.read_text()):  # type: ignore[no-untyped-call]
            for sample in family.samples:
                labels = {"__name__": sample.name, **sample.labels}
                if sample.timestamp is None:
                    raise _bad(path, f"{sample.name} has no timestamp")
                found.setdefault(key(labels), (labels, []))[1].append((float(sample.timestamp), float(sample.value)))
    except (ValueError, OSError, KeyError, IndexError, TypeError, AttributeError) as e:  # what its parser lets through
        raise _bad(path, f"is no OpenMetrics text: {visible(str(e))}") from e
    for labels, points in found.values():
        times, values = np.array(sorted(dict(points).items())).T  # of two samples at one instant the later counts
        yield labels, times, values
