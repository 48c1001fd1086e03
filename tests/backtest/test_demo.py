"""The recorded incident through the live turn: warned of in time, judged, told alike every time; the calm stays calm."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aiops.backtest.demo import (
    DISK,
    SHIPPED_RUNBOOK,
    Line,
    cleared,
    demo_cards,
    demo_runbooks,
    lines_of,
    paced,
    play,
    sentence,
)
from aiops.cli.author_tests import run_tests
from aiops.config.shipped import demo_dir, models_dir, runbooks_dir
from aiops.models.card import load_cards
from aiops.pipeline.changes import Event
from aiops.runbooks import load_runbooks
from aiops.telemetry.recording import Recording
from tests.notify.samples import OPENED_S, warning

FAILING = {"/srv/shop/data", "checkout-1"}
"""What fails in the recording: a file system that fills, and a service that leaks into its memory limit."""
PLATEAU = "/srv/shop/archive"


@pytest.fixture(scope="module")
def printed() -> list[dict[str, Any]]:
    """What the command writes: the story alone, told by a process of its own."""
    command = [sys.executable, "-m", "aiops", "demo", "--once", "--speed", "100000", "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.fixture(scope="module")
def played(printed: list[dict[str, Any]]) -> list[Line]:
    return [Line(one["at"], one["event"], {k: v for k, v in one.items() if k not in ("event", "at")}) for one in printed]


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


def test_the_story_is_the_beginning_of_the_whole_and_the_same_every_time(
    printed: list[dict[str, Any]], whole: list[Line]
) -> None:
    begun = [{"event": line.event, "at": line.at_s, **line.fields} for line in whole[: len(printed)]]
    assert printed == orjson.loads(orjson.dumps(begun))


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.long)])
def test_shifted_by_13_hours_and_scaled_by_nine_tenths_it_still_works(tmp_path: Path, whole: list[Line], every: bool) -> None:
    """One replay for both: each alone would have to work too, and a replay of the whole recording takes long: by the cards
    that warn in it, in the long sweeps by every card."""
    import pyarrow.compute as pc

    used = ("avail_bytes", "process_virtual_memory_max_bytes")

    def change(name: str, column: pa.ChunkedArray) -> Any:
        if name == "time":
            return pc.add(column, 13 * 3600)
        return pc.multiply(column, 0.9) if any(part in name for part in used) else column.combine_chunks()

    warned = {line.fields["card"] for line in whole if line.event == "warning"}
    cards = [card for card in load_cards(demo_cards()) if every or card.name in warned]
    assert every or len(cards) == len(FAILING)
    lines = list(play(changed(tmp_path, change), cards, whole=True))
    assert entities(lines, "warning") == FAILING
    assert hits(lines) == {k: pytest.approx(v, rel=0.2) for k, v in hits(whole).items()}


def test_what_is_freed_goes_on_as_it_did_when_files_were_deleted() -> None:
    for one in Recording.load(demo_dir()).series():
        labels, times, values = one
        at = float(times[0]) + 46 * 60
        _, same, other = cleared(one, at)
        before, done = times <= at, int(np.argmax(np.diff(values))) + 1
        assert same is times
        assert (other[before] == values[before]).all(), "what was told stays told"
        if labels.get("mountpoint") == DISK and "avail" in labels["__name__"]:
            ahead = values[done:]
            assert (other[~before][: len(ahead)] == ahead).all()
            assert (other[~before][len(ahead) :] == ahead[-1]).all()
        elif labels.get("mountpoint") != DISK:
            assert (other == values).all()


def test_freed_after_it_was_freed_or_without_samples_it_stays_as_it_is() -> None:
    disk = {"mountpoint": DISK}
    times, values = np.arange(4.0), np.array([3.0, 2.0, 9.0, 9.0])
    assert cleared((disk, times, values), 3.0)[2].tolist() == values.tolist()
    assert cleared((disk, times[:1], values[:1]), 0.0)[2].tolist() == [3.0]


def test_what_the_demo_declares_is_right_and_stands_in_the_place_of_what_is_shipped() -> None:
    cards, books = load_cards(demo_cards()), load_runbooks(demo_runbooks())
    assert sorted(card.name for card in cards) == sorted(card.name for card in load_cards([models_dir()]))
    assert {card.name: card.stage for card in cards if card.stage != "shadow"} == {"disk_full": "ticket"}
    assert {book.name for book in load_runbooks([runbooks_dir()])} ^ {book.name for book in books} == {
        SHIPPED_RUNBOOK, "free-shop-disk"
    }  # fmt: skip
    assert [one.why for one in run_tests([demo_dir() / "cards", demo_dir() / "runbooks"]) if not one.ok] == []


def test_pacing_changes_nothing_but_the_clock(played: list[Line]) -> None:
    assert list(paced(iter(played[:5]), 1e9)) == played[:5]


def test_every_line_reads_as_a_sentence(played: list[Line]) -> None:
    lines = [sentence(line) for line in played]
    assert all(lines)
    assert all(line.isprintable() for line in lines)
    assert "before the failure" in lines[-1]


def test_what_has_spread_is_a_line_that_says_on_how_many_it_is() -> None:
    listed = tuple({"id": f"{i:016x}", "entity": {"instance": f"db{i}"}, "opened_s": OPENED_S} for i in range(6))
    about = warning(entity={"cluster": "eu"}, members=listed)
    line, *books = lines_of(Event("spread", OPENED_S, about), OPENED_S)
    assert (line.fields["change"], [one.event for one in books]) == ("spread", ["runbook"])
    assert "WARNING    disk_full eu, now on 6 in ~6h10m" in sentence(line)
    (opened, *_) = lines_of(Event("opened", OPENED_S, about), OPENED_S)
    assert "now on" not in sentence(opened)


def test_the_command_writes_one_json_object_a_line_and_ends_with_the_verdict(printed: list[dict[str, Any]]) -> None:
    assert {"history", "warning", "runbook", "crossing", "outcome"} <= {line["event"] for line in printed}
    assert printed[-1]["outcome"]["verdict"] == "hit"
    assert printed[-1]["outcome"]["lead_s"] > 0
