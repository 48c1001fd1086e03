"""Recordings: every format gives the same series, files that are none are named, and nobody sees the future."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from aiops.core.errors import FileError, SourceError
from aiops.telemetry.evaluate import evaluate
from aiops.telemetry.recording import Recording, RecordingParams, RecordingSource, read_table
from aiops.telemetry.samples import FixedSamples
from aiops.telemetry.source import ReadLimits

T = 1_700_000_040


def parquet(folder: Path, name: str, columns: dict[str, Any], labels: Any = None) -> Path:
    (folder / "series").mkdir(exist_ok=True)
    table = pa.table(columns)
    if labels is not None:
        text = labels if isinstance(labels, bytes) else json.dumps(labels).encode()
        table = table.replace_schema_metadata({"aiops.labels": text})
    path = folder / "series" / f"{name}.parquet"
    pyarrow.parquet.write_table(table, path)
    return path


def source(folder: Path) -> RecordingSource:
    return RecordingSource("rec", RecordingParams(path=folder), ReadLimits())


def series_of(folder: Path) -> dict[str, tuple[list[float], list[float]]]:
    return {
        json.dumps(labels, sort_keys=True): (t.tolist(), v.tolist()) for labels, t, v in Recording.load(folder).series()
    }


def test_a_column_is_a_series_of_its_entity(tmp_path: Path) -> None:
    parquet(tmp_path, "db-1", {"time": [T, T + 60, T + 120], "cpu %": [1.0, None, 3.0]})
    [(labels, times, values)] = Recording.load(tmp_path).series()
    assert labels == {"__name__": "cpu__", "entity": "db-1", "metric": "cpu %"}
    assert (times.tolist(), values.tolist()) == ([T, T + 120], [1.0, 3.0])


def test_labels_in_the_metadata_say_which_series_a_column_is(tmp_path: Path) -> None:
    free = {"__name__": "node_filesystem_avail_bytes", "mountpoint": "/"}
    parquet(tmp_path, "x", {"time": [T], "a": [5.0], "b": [6.0]}, {"a": free})
    assert [labels["__name__"] for labels, _, _ in Recording.load(tmp_path).series()] == [
        "node_filesystem_avail_bytes",
        "b",
    ]
    assert source(tmp_path).fetch('node_filesystem_avail_bytes{mountpoint="/"}', T, T, 1).block.values.tolist() == [
        [5.0]
    ]


def test_rows_may_come_in_any_order_and_of_two_at_one_instant_the_later_counts(tmp_path: Path) -> None:
    path = parquet(tmp_path, "x", {"time": [T + 60, T, T + 60, T + 120], "a": [1.0, 2.0, 3.0, float("inf")]})
    assert list(series_of(tmp_path).values()) == [([T, T + 60], [2.0, 3.0])]
    entity, time_s, metrics, values = read_table(path)
    assert (entity, metrics, time_s.tolist()) == ("x", ["a"], [T, T + 60, T + 120])
    np.testing.assert_array_equal(values, [[2.0, 3.0, np.nan]])


def test_csv_and_parquet_of_the_same_table_are_the_same_series(tmp_path: Path) -> None:
    (tmp_path / "p").mkdir()
    (tmp_path / "c").mkdir()
    parquet(tmp_path / "p", "x", {"time": [T, T + 60], "a": [1.5, None], "b": [2.0, 3.0]})
    (tmp_path / "c" / "x.csv").write_text(f"time,a,b\n{T},1.5,2\n{T + 60},,3\n")
    assert series_of(tmp_path / "p") == series_of(tmp_path / "c")


def test_openmetrics_text_keeps_names_labels_and_order(tmp_path: Path) -> None:
    (tmp_path / "a.om").write_text(
        f'# TYPE c counter\nc_total{{a="x\\"y"}} 1 {T}\nc_total{{a="x\\"y"}} 5 {T + 60}.5\n# TYPE g gauge\ng NaN {T}\n# EOF\n'
    )
    found = source(tmp_path)
    assert found.fetch("c_total", T, T + 120, 60).block.labels == ({"a": 'x"y'},)
    np.testing.assert_array_equal(found.fetch("c_total", T, T + 120, 60).block.values, [[1, 1, 5]])
    assert found.span() == (T, T + 61)


def test_a_nan_sample_hides_what_was_before_it_and_a_gap_in_a_table_does_not(tmp_path: Path) -> None:
    (tmp_path / "om").mkdir()
    (tmp_path / "t").mkdir()
    (tmp_path / "om" / "a.om").write_text(f"# TYPE g gauge\ng 1 {T}\ng NaN {T + 60}\ng 3 {T + 120}\n# EOF\n")
    parquet(tmp_path / "t", "x", {"time": [T, T + 60, T + 120], "g": [1.0, float("nan"), 3.0]})
    om, table = (source(tmp_path / name).fetch("g", T, T + 120, 60).block.values for name in ("om", "t"))
    np.testing.assert_array_equal(om, [[1, np.nan, 3]])
    np.testing.assert_array_equal(table, [[1, 1, 3]])


BAD: dict[str, tuple[str, dict[str, Any], str]] = {
    "no time": ("parquet", {"t": [1], "a": [1.0]}, "no column `time`"),
    "fractions": ("parquet", {"time": [1.5], "a": [1.0]}, "whole epoch seconds"),
    "milliseconds": ("parquet", {"time": [T * 1000], "a": [1.0]}, "milliseconds"),
    "timestamps": ("parquet", {"time": pa.array([T * 1000], pa.timestamp("ms")), "a": [1.0]}, "not timestamp"),
    "missing times": ("parquet", {"time": [T, None], "a": [1.0, 2.0]}, "1 rows have none"),
    "words": ("parquet", {"time": [T], "a": ["high"]}, "`a` must hold numbers"),
    "lists": ("parquet", {"time": [T], "a": [[1.0]]}, "`a` must hold numbers"),
    "words in CSV": ("csv", {"x": f"time,a\n{T},1\n{T},high\n"}, "`a` must hold numbers"),
    "ragged CSV": ("csv", {"x": f"time,a\n{T},1,2\n"}, "cannot be read"),
    "columns twice": ("csv", {"x": f"time,a,a\n{T},1,2\n"}, "`a` more than once"),
    "empty CSV": ("csv", {"x": ""}, "cannot be read"),
    "no Parquet": ("raw", {"x.parquet": b"PAR1 but not really"}, "cannot be read"),
    "no text": ("raw", {"x.om": b"\xff\xfe\x00"}, "no OpenMetrics"),
    "no end": ("raw", {"x.om": f"# TYPE g gauge\ng 1 {T}\n".encode()}, "no OpenMetrics"),
    "no timestamps": ("raw", {"x.om": b"# TYPE g gauge\ng 1\n# EOF\n"}, "no timestamp"),
    "plain words": ("raw", {"x.om": b"hello\n# EOF\n"}, "no OpenMetrics"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_file_that_is_none_is_named_with_what_is_wrong(tmp_path: Path, what: str) -> None:
    kind, content, message = BAD[what]
    if kind == "parquet":
        path = parquet(tmp_path, "x", content)
    else:
        (name, data), *_ = content.items()
        path = tmp_path / (name if kind == "raw" else f"{name}.csv")
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    with pytest.raises(FileError) as raised:
        list(Recording.load(tmp_path).series())
    assert str(raised.value).startswith(f"{path}:1:1: ")
    assert message in str(raised.value)
    with pytest.raises(SourceError) as told:
        source(tmp_path).fetch("a", T, T, 60)
    assert told.value.kind == "bad_data"
    assert path.name in told.value.message


@pytest.mark.parametrize("labels", [b"{", b"[]", b'{"a": 1}', b'{"a": {"b": 1}}'])
def test_metadata_that_says_no_labels_is_an_error(tmp_path: Path, labels: bytes) -> None:
    parquet(tmp_path, "x", {"time": [T], "a": [1.0]}, labels)
    with pytest.raises(FileError, match=r"aiops\.labels"):
        list(Recording.load(tmp_path).series())


def test_a_folder_without_series_and_a_series_in_two_files_are_errors(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no series"):
        Recording.load(tmp_path)
    for name in ("one", "two"):
        parquet(tmp_path, name, {"time": [T], "a": [1.0]}, {"a": {"__name__": "up", "i": "1"}})
    with pytest.raises(SourceError, match="2 times"):
        source(tmp_path).fetch("up", T, T, 60)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=60), st.integers(0, 200), st.integers(0, 60))
def test_damaged_openmetrics_text_is_a_file_error_or_series(
    tmp_path: Path, noise: bytes, start: int, length: int
) -> None:
    lines = [
        "# TYPE c counter",
        "# HELP c Some.",
        f'c_total{{a="b"}} 1 {T}',
        f'c_total{{a="b"}} 2 {T + 1}',
        "# EOF",
        "",
    ]
    text = "\n".join(lines).encode()
    (tmp_path / "x.om").write_bytes(text[:start] + noise + text[start + length :])
    try:
        list(Recording.load(tmp_path).series())
    except FileError:
        return


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, 10**6), st.integers(0, 255))
def test_a_damaged_parquet_file_is_a_file_error_or_series(tmp_path: Path, at: int, byte: int) -> None:
    path = parquet(tmp_path, "x", {"time": [T, T + 60], "a": [1.0, 2.0]}, {"a": {"__name__": "up"}})
    content = bytearray(path.read_bytes())
    content[at % len(content)] = byte
    path.write_bytes(content)
    try:
        list(Recording.load(tmp_path).series())
    except FileError:
        return


def recorded(folder: Path) -> FixedSamples:
    rng = np.random.default_rng(0)
    times = [T + 15 * k for k in range(200)]
    parquet(folder, "a", {"time": times, "up": rng.normal(size=200), "late": [None] * 100 + [1.0] * 100})
    parquet(folder, "b", {"time": times[:120], "up": rng.normal(size=120)})
    return FixedSamples(Recording.load(folder).series())


@pytest.mark.parametrize("step", [15, 60, 7])
@pytest.mark.parametrize("query", ["up", "avg_over_time(up[2m])", "sum(up)", "late"])
def test_any_range_is_what_the_evaluator_says_of_it(tmp_path: Path, query: str, step: int) -> None:
    samples = recorded(tmp_path)
    found = source(tmp_path)
    for start, end in ((T - 300, T + 600), (T + 600, T + 600), (T + 2500, T + 4000), (T - 900, T - 600)):
        start, end = start // step * step, end // step * step
        block = found.fetch(query, start, end, step).block
        want = evaluate(query, samples, start, end, step)
        assert block.time_s.tolist() == list(range(start, end + 1, step))
        got = {
            labels.get("entity"): row
            for labels, row in zip(block.labels, block.values, strict=True)
            if np.isfinite(row).any()
        }
        # samples after the recording's last grid point are not its business
        inside = block.time_s <= -(-(T + 15 * 199) // step) * step
        for labels, values in zip(want.labels, np.where(want.here, want.values, np.nan), strict=True):
            if np.isfinite(values[inside]).any():
                np.testing.assert_array_equal(got[labels.get("entity")][inside], values[inside])


def test_a_series_that_begins_later_is_not_known_before(tmp_path: Path) -> None:
    recorded(tmp_path)
    found = source(tmp_path)
    assert found.fetch("late", T + 60, T + 600, 60).block.labels == ()
    assert len(found.fetch("late", T + 60, T + 1800, 60).block.labels) == 1


def test_told_otherwise_it_is_so_from_now_on_at_the_same_instants(tmp_path: Path) -> None:
    recorded(tmp_path)
    found, span = source(tmp_path), (T, T + 60)
    before = found.fetch("up", *span, 15).block.values
    found.change(lambda one: (one[0], one[1], one[2] + 1.0))
    np.testing.assert_array_equal(found.fetch("up", *span, 15).block.values, before + 1.0)
    assert found.span() == source(tmp_path).span()


def test_the_label_objects_stay_the_same(tmp_path: Path) -> None:
    recorded(tmp_path)
    found = source(tmp_path)
    first, second = (found.fetch("up", T + t, T + t, 15).block.labels for t in (15, 30))
    assert all(a is b for a, b in zip(first, second, strict=True))
