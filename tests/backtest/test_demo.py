"""The recorded incident through the live turn: warned of in time, judged, told alike every time; the calm stays calm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aiops.backtest.demo import Line, paced, play, sentence
from aiops.config.shipped import demo_dir
from aiops.telemetry.recording import Recording

FAILING = {"/srv/shop/data", "checkout-1"}
"""What fails in the recording: a file system that fills, and a service that leaks into its memory limit."""
PLATEAU = "/srv/shop/archive"


@pytest.fixture(scope="module")
def played() -> list[Line]:
    return list(play())


@pytest.fixture(scope="module")
def whole() -> list[Line]:
    return list(play(whole=True))


def changed(folder: Path, change: Callable[[str, pa.ChunkedArray], Any]) -> Path:
    """The recording with its columns changed."""
    (folder / "series").mkdir(parents=True)
    for path in sorted((demo_dir() / "series").glob("*.parquet")):
        table = pq.read_table(path)
        columns = [pa.array(change(name, table[name])) for name in table.column_names]
        other = pa.table(columns, table.column_names).replace_schema_metadata(table.schema.metadata)
        pq.write_table(other, folder / "series" / path.name)
    return folder


def entities(lines: list[Line], event: str) -> set[str]:
    """The last label of each entity that an event was about."""
    found = [line.fields.get("entity") or line.fields["outcome"]["entity"] for line in lines if line.event == event]
    return {list(entity.values())[-1] for entity in found}


def hits(lines: list[Line]) -> dict[str, float]:
    """Entity to how long before the failure it was warned of."""
    judged = [line.fields["outcome"] for line in lines if line.event == "outcome"]
    return {list(o["entity"].values())[-1]: o["lead_s"] for o in judged if o["verdict"] == "hit"}


def test_the_recording_is_as_large_as_it_says() -> None:
    series = list(Recording.load(demo_dir()).series())
    assert len(series) >= 30
    span = max(t[-1] for _, t, _ in series) - min(t[0] for _, t, _ in series)
    assert span >= 2 * 3600
    assert max(len(t) for _, t, _ in series) >= span / 5 * 0.98
    assert sum(p.stat().st_size for p in (demo_dir() / "series").iterdir()) < 600_000


def test_the_story_is_told_in_its_order(played: list[Line]) -> None:
    disk = [line for line in played if "/srv/shop/data" in json.dumps(line.fields) or line.event == "runbook"]
    events = [line.event for line in disk]
    order = [events.index(e) for e in ("warning", "runbook", "crossing", "outcome")]
    assert order == sorted(order)
    assert played[0].event == "history"
    assert played[-1].event == "outcome"
    assert played[-1].fields["outcome"]["verdict"] == "hit"
    assert played[-1].fields["outcome"]["lead_s"] > 0


def test_both_failures_are_hits_long_before_they_happen(whole: list[Line]) -> None:
    found = hits(whole)
    assert set(found) == FAILING
    assert found["/srv/shop/data"] > 10 * 60
    assert found["checkout-1"] > 20 * 60


def test_the_interval_told_first_holds_the_failure(whole: list[Line]) -> None:
    judged = [line.fields["outcome"] for line in whole if line.event == "outcome"]
    assert [o["interval_covered"] for o in judged] == [True, True]


def test_no_calm_series_warns(whole: list[Line]) -> None:
    assert entities(whole, "warning") == FAILING
    assert PLATEAU not in entities(whole, "warning")


def test_the_story_is_the_beginning_of_the_whole_and_the_same_every_time(played: list[Line], whole: list[Line]) -> None:
    assert [line.fields for line in played] == [line.fields for line in whole[: len(played)]]


def test_shifted_by_13_hours_it_still_works(tmp_path: Path, whole: list[Line]) -> None:
    import pyarrow.compute as pc

    shifted = changed(tmp_path, lambda name, column: pc.add(column, 13 * 3600) if name == "time" else column.combine_chunks())
    lines = list(play(shifted, whole=True))
    assert entities(lines, "warning") == FAILING
    assert hits(lines) == {k: pytest.approx(v, rel=0.2) for k, v in hits(whole).items()}


def test_scaled_by_nine_tenths_it_still_works(tmp_path: Path) -> None:
    import pyarrow.compute as pc

    used = ("avail_bytes", "process_virtual_memory_max_bytes")

    def scale(name: str, column: pa.ChunkedArray) -> Any:
        return pc.multiply(column, 0.9) if any(part in name for part in used) else column.combine_chunks()

    lines = list(play(changed(tmp_path, scale), whole=True))
    assert set(hits(lines)) == FAILING
    assert entities(lines, "warning") == FAILING


def test_pacing_changes_nothing_but_the_clock(played: list[Line]) -> None:
    assert list(paced(iter(played[:5]), 1e9)) == played[:5]


def test_every_line_reads_as_a_sentence(played: list[Line]) -> None:
    lines = [sentence(line) for line in played]
    assert all(lines)
    assert all(line.isprintable() for line in lines)
    assert "before the failure" in lines[-1]


def test_the_command_writes_one_json_object_a_line_and_ends_with_the_verdict() -> None:
    command = [sys.executable, "-m", "aiops", "demo", "--once", "--speed", "100000", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert {"history", "warning", "runbook", "crossing", "outcome"} <= {line["event"] for line in lines}
    assert lines[-1]["outcome"]["verdict"] == "hit"
    assert lines[-1]["outcome"]["lead_s"] > 0
