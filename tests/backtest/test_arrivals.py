"""A recording whose samples are there from when they came in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.arrivals import ArrivedSource, Moment, has_arrivals
from aiops.core.errors import SourceError
from aiops.telemetry.recording import RecordingParams
from aiops.telemetry.source import ReadLimits
from tests.backtest.recordings import START, write_series


def recorded(folder: Path) -> Path:
    """Ten minutes of two series; the row at 300 s came in at 500 s."""
    for entity in ("a", "b"):
        write_series(folder, entity, START + 60 * np.arange(10), {"disk": np.arange(10.0)})
    (folder / "arrivals").mkdir()
    part = write_series(folder / "made", "a", [START + 300], {"arrived": [START + 500]})
    part.replace(folder / "arrivals" / "a.parquet")
    return folder


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def source(tmp_path: Path, clock: Moment) -> ArrivedSource:
    return ArrivedSource("day", RecordingParams(path=recorded(tmp_path)), ReadLimits(), clock)


def said(source: ArrivedSource, at: int) -> dict[str, float]:
    block = source.fetch("disk", START + at, START + at, 60).block
    return {one["entity"]: float(x) for one, x in zip(block.labels, block.values[:, 0], strict=True)}


def test_a_late_sample_is_not_there_before_it_came_and_is_there_when_it_is_asked_for_again(
    source: ArrivedSource, clock: Moment
) -> None:
    seen = []
    for now in (300, 499, 500):
        clock.now_s = START + now
        seen.append(said(source, 300))
    assert seen == [{"a": 4.0, "b": 5.0}, {"a": 4.0, "b": 5.0}, {"a": 5.0, "b": 5.0}]


def test_nothing_is_there_before_it_was_taken(source: ArrivedSource, clock: Moment) -> None:
    clock.now_s = START + 120
    assert said(source, 540) == {}
    assert said(source, 240) == {"a": 2.0, "b": 2.0}


def test_the_very_same_label_sets_are_handed_on(source: ArrivedSource, clock: Moment) -> None:
    clock.now_s = START + 600
    one, other = (source.fetch("disk", START + at, START + at, 60).block.labels for at in (60, 120))
    assert one is other


def test_it_knows_where_it_begins(source: ArrivedSource, tmp_path: Path) -> None:
    assert source.oldest_s() == START
    assert source.probe() == "recording of 2 entities, as they came in"
    assert has_arrivals(tmp_path)
    assert not has_arrivals(tmp_path / "series")


def test_a_folder_without_samples_is_refused(tmp_path: Path, clock: Moment) -> None:
    with pytest.raises(SourceError, match="no series"):
        ArrivedSource("day", RecordingParams(path=tmp_path), ReadLimits(), clock)
