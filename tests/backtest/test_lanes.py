"""From files to entities: what is read, and every way in which a recording can be wrong."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from aiops.backtest.lanes import step_of, survey
from aiops.core.errors import FileError
from tests.backtest.recordings import START, write_json, write_series

TIMES = START + 60 * np.arange(5)
VALUES = np.arange(5.0)


def test_an_entity_is_a_file_and_its_metrics_are_the_columns(tmp_path: Path) -> None:
    write_series(tmp_path, "db-1", TIMES, {"a": VALUES, "b": -VALUES})
    (entry,) = survey(tmp_path).entries
    assert (entry.entity, entry.step_s, entry.metrics, entry.columns) == ("db-1", 60, 2, 5)
    lane = entry.load()
    assert (lane.metrics, lane.start_s, lane.end_s) == (("a", "b"), START, START + 240)
    np.testing.assert_array_equal(lane.values, [VALUES, -VALUES])


@pytest.mark.parametrize(
    ("distance", "step"),
    [(1, 1), (5, 5), (7, 6), (59, 60), (60, 60), (61, 60), (40, 40), (45, 45), (90, 90),
     (120, 120), (180, 180), (240, 240), (300, 300), (420, 400), (3600, 3600), (7000, 7200),
     (50_000, 43_200), (86_400, 86_400), (1_000_000, 1_036_800)],
)  # fmt: skip
def test_the_step_is_the_usual_distance_on_a_grid_whose_buckets_meet(distance: int, step: int) -> None:
    assert step_of(START + distance * np.arange(9)) == step


def test_rows_that_are_not_regular_keep_a_step_whose_buckets_meet() -> None:
    assert step_of(START + 90 * np.arange(99) + np.arange(99) % 2) == 75


def test_a_single_row_has_a_step_too() -> None:
    assert step_of(np.array([START])) == 60


def test_rows_out_of_order_are_put_in_order_and_the_last_of_equal_ones_wins(tmp_path: Path) -> None:
    write_series(tmp_path, "a", TIMES[[3, 0, 1, 1, 2]], {"x": np.array([30.0, 0, 10, 11, 20])})
    (entry,) = survey(tmp_path).entries
    np.testing.assert_array_equal(entry.load().values, [[0, 11, 20, 30]])


def test_a_late_sample_lands_on_the_next_instant_never_on_an_earlier_one(tmp_path: Path) -> None:
    write_series(tmp_path, "a", START + np.array([0, 60, 125, 180, 240]), {"x": VALUES})
    (entry,) = survey(tmp_path).entries
    np.testing.assert_array_equal(entry.load().values, [[0, 1, np.nan, 3, 4]])  # 2 came at 125, and 3 is newer at 180


def test_missing_and_infinite_values_are_gaps_and_whole_numbers_are_numbers(tmp_path: Path) -> None:
    x, n = pa.array([1.0, None, np.nan, np.inf, 5.0]), pa.array([1, 2, 3, None, 5])
    write_series(tmp_path, "a", TIMES, {"x": x, "n": n, "text": ["1", "2", "3", "4", "5.5"]})
    (entry,) = survey(tmp_path).entries
    nan = np.nan
    np.testing.assert_array_equal(entry.load().values, [[1, nan, nan, nan, 5], [1, 2, 3, nan, 5], [1, 2, 3, 4, 5.5]])


def test_csv_is_read_as_parquet_is(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.csv").write_text("time,x\n1767571200,1\n1767571260,\n1767571320,3\n")
    (entry,) = survey(tmp_path).entries
    np.testing.assert_array_equal(entry.load().values, [[1, np.nan, 3]])


def test_an_entity_without_rows_is_left_out_and_said_so(tmp_path: Path) -> None:
    write_series(tmp_path, "a", TIMES, {"x": VALUES})
    empty = write_series(tmp_path, "b", pa.array([], pa.int64()), {"x": pa.array([], pa.float64())})
    found = survey(tmp_path)
    assert [entry.entity for entry in found.entries] == ["a"]
    assert found.notes == (f"{empty}: no rows, left out",)


def test_limits_of_an_entity_that_is_not_there_are_said(tmp_path: Path) -> None:
    write_series(tmp_path, "a", TIMES, {"x": VALUES})
    write_json(tmp_path, "limits.json", {"gone": {"x": {"above": 1}}})
    assert survey(tmp_path).notes == (f"{tmp_path / 'limits.json'}: gone: no series of this entity, its limits are not used",)


@pytest.mark.parametrize(
    ("time_s", "metrics", "said"),
    [
        (TIMES, {"x": ["1", "2", "three", "4", "5"]}, "column `x` must hold numbers: Failed to parse string: 'three'"),
        (TIMES, {"x": [[1]] * 5}, "column `x` must hold numbers"),
        (TIMES, {}, "has no column beside `time`"),
        (TIMES + 0.5, {"x": VALUES}, "column `time` must hold whole epoch seconds"),
        (pa.array([START, None, 3, 4, 5]), {"x": VALUES}, "column `time` must hold whole epoch seconds; 1 rows have none"),
        (pa.array(TIMES, pa.timestamp("ms")), {"x": VALUES}, r"whole epoch seconds, not timestamp\[ms\]"),
        (["a", "b", "c", "d", "e"], {"x": VALUES}, "column `time` must hold whole epoch seconds"),
        (TIMES * 1000, {"x": VALUES}, "milliseconds"),
        (np.append(TIMES[:4], 4_000_000_000), {"x": VALUES}, "is a time wrong\\? The largest gap is from 1767571380"),
        (np.append(TIMES[:4], TIMES[3] + 400_000_000), {"x": VALUES}, "span 66666[0-9]{2} steps of 60 s: is a time wrong"),
    ],
)  # fmt: skip
def test_a_bad_file_is_named_with_what_is_wrong(time_s: Any, metrics: dict[str, Any], said: str, tmp_path: Path) -> None:
    path = write_series(tmp_path, "a", time_s, metrics)
    with pytest.raises(FileError, match=said) as error:
        survey(tmp_path)
    assert [m.path for m in error.value.mistakes] == [str(path)]


def test_a_file_without_time_says_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.csv").write_text("when,x\n1,2\n")
    with pytest.raises(FileError, match="has no column `time`; it has when, x"):
        survey(tmp_path)


def test_a_column_that_comes_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.csv").write_text("time,x,x\n1,2,3\n")
    with pytest.raises(FileError, match="has column `x` more than once"):
        survey(tmp_path)


def test_two_files_of_one_entity_are_refused(tmp_path: Path) -> None:
    write_series(tmp_path, "a", TIMES, {"x": VALUES})
    (tmp_path / "series" / "a.csv").write_text("time,x\n1,2\n")
    with pytest.raises(FileError, match="holds the same entity as a"):
        survey(tmp_path)


def test_a_file_that_is_no_parquet_is_named(tmp_path: Path) -> None:
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "a.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(FileError, match=r"a\.parquet:1:1: cannot be read"):
        survey(tmp_path)


def test_every_bad_file_is_named_at_once(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        write_series(tmp_path, name, TIMES, {"x": VALUES} if name == "b" else {})
    with pytest.raises(FileError) as error:
        survey(tmp_path)
    assert [Path(m.path).stem for m in error.value.mistakes] == ["a", "c"]


def test_a_limit_of_a_metric_that_is_not_there_is_a_mistake_in_the_limits(tmp_path: Path) -> None:
    write_series(tmp_path, "a", TIMES, {"x": VALUES})
    write_json(tmp_path, "limits.json", {"a": {"y": {"above": 1}}})
    with pytest.raises(FileError, match=r"limits\.json:1:1: a\.y: no column of that name in a\.parquet; it has x"):
        survey(tmp_path)


def test_a_folder_that_is_no_recording_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileError, match="no folder series/ in it"):
        survey(tmp_path)
    (tmp_path / "series").mkdir()
    with pytest.raises(FileError, match="no series"):
        survey(tmp_path)


def test_only_empty_files_are_no_recording(tmp_path: Path) -> None:
    write_series(tmp_path, "b", pa.array([], pa.int64()), {"x": pa.array([], pa.float64())})
    with pytest.raises(FileError, match="no series in it"):
        survey(tmp_path)
