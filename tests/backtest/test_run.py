"""The lines of a backtest: what they hold, and that neither the future nor the neighbours have a part in them."""

from __future__ import annotations

import itertools
import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from aiops.backtest.lanes import survey
from aiops.backtest.run import CELLS_A_JOB, Options, backtest, jobs_of
from aiops.core.errors import FileError
from tests.backtest.recordings import (
    DAY,
    START,
    filling,
    first_part,
    lines_of,
    mixed,
    noisy,
    write_json,
    write_series,
)

Lines = list[dict[str, Any]]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return mixed(tmp_path_factory.mktemp("mixed"))


@dataclass(frozen=True)
class Replayed:
    """What a replay in one process wrote, counted and reported of its progress."""

    lines: Lines
    verdicts: Counter[str]
    shares: list[float]


@pytest.fixture(scope="module")
def without_floor(recording: Path) -> Replayed:
    return replayed(recording)


@pytest.fixture(scope="module")
def with_floor(recording: Path) -> Replayed:
    return replayed(recording, score_floor=0.0)


@pytest.fixture(scope="module")
def warned(without_floor: Replayed) -> Lines:
    """The lines of the finished warnings."""
    return without_floor.lines


@pytest.fixture(scope="module")
def scored(with_floor: Replayed) -> Lines:
    """Every score there is, and the exhaustion lines."""
    return with_floor.lines


def replayed(folder: Path, **options: Any) -> Replayed:
    out, shares = folder / "out.jsonl", list[float]()
    found = backtest(folder, out, Options(**{"workers": 1} | options), shares.append)
    return Replayed(lines_of(out), found.verdicts, shares)


def run(folder: Path, **options: Any) -> Lines:
    return replayed(folder, **options).lines


def by_entity(lines: Lines) -> dict[str, Lines]:
    out: dict[str, Lines] = defaultdict(list)
    for line in lines:
        out[line["entity"]].append(line)
    return out


def of_kind(lines: Lines, kind: str) -> Lines:
    return [line for line in lines if line["kind"] == kind]


def test_the_recording_shows_both_kinds_of_line_at_every_step(warned: Lines) -> None:
    assert len({line["end"] - line["at"] for line in of_kind(warned, "anomaly")}) >= 2
    assert {line["end"] - line["at"] for line in of_kind(warned, "exhaustion")} >= {60, 300, 3600}


@pytest.mark.parametrize("which", ["warned", "scored"])
def test_lines_have_the_fields_of_the_contract_and_stand_in_time_order(
    which: str, request: pytest.FixtureRequest
) -> None:
    lines: Lines = request.getfixturevalue(which)
    names = [
        "entity",
        "metric",
        "kind",
        "at",
        "end",
        "score",
        "confidence",
        "expected_at",
        "earliest",
        "latest",
        "metrics",
    ]
    assert all(list(line) == names for line in lines)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)
    assert all(isinstance(line["at"], int) and isinstance(line["end"], int) for line in lines)
    assert all(0 <= line["confidence"] <= 1 for line in lines)


def test_an_anomaly_line_is_of_the_entity_and_tells_no_time(scored: Lines) -> None:
    for line in of_kind(scored, "anomaly"):
        assert line["metric"] is None
        assert line["expected_at"] is line["earliest"] is line["latest"] is None
        assert {m["metric"] for m in line["metrics"]} <= {"load", "disk"}
        assert line["metrics"][0]["score"] == max(m["score"] for m in line["metrics"])


def test_an_exhaustion_line_is_of_one_metric_and_tells_an_interval(warned: Lines) -> None:
    found = of_kind(warned, "exhaustion")
    assert found
    for line in found:
        assert line["metric"] == "disk"
        assert line["at"] <= line["earliest"] <= line["expected_at"] <= line["latest"]


def test_one_score_line_an_entity_and_turn_and_none_twice(scored: Lines) -> None:
    count = Counter((line["entity"], line["at"]) for line in of_kind(scored, "anomaly"))
    assert set(count.values()) == {1}
    # 288 turns, less a warm-up of 60 samples, one gap of 9 and some 2 % of missing rows
    assert 205 < sum(entity == "entity-0" for entity, _ in count) < 219


def test_floor_zero_holds_every_score_and_a_higher_floor_cuts_them(tmp_path: Path) -> None:
    write_series(tmp_path, "a", START + 60 * np.arange(600), {"x": noisy(600, 1)})
    lines = run(tmp_path, score_floor=0.0)
    assert run(tmp_path, score_floor=1.25) == [line for line in lines if line["score"] >= 1.25] != []
    assert min(line["score"] for line in lines) < 0.5


def test_exhaustion_lines_do_not_depend_on_the_floor(scored: Lines, warned: Lines) -> None:
    assert of_kind(scored, "exhaustion") == of_kind(warned, "exhaustion")


def test_without_a_floor_anomaly_lines_carry_the_score_of_the_entity(warned: Lines, scored: Lines) -> None:
    known = {(line["entity"], line["at"]): line["score"] for line in of_kind(scored, "anomaly")}
    told = [line for line in of_kind(warned, "anomaly") if (line["entity"], line["at"]) in known]
    assert told
    assert all(line["score"] == known[line["entity"], line["at"]] for line in told)


def test_anomaly_lines_are_of_every_turn_in_which_the_warning_is_open(warned: Lines, scored: Lines) -> None:
    """From the first turn whose score warns, and on while the episode waits to end, its score having left the threshold."""
    warns = {(line["entity"], line["at"]) for line in of_kind(scored, "anomaly") if line["confidence"] > 0}
    told = {(line["entity"], line["at"]): line["end"] - line["at"] for line in of_kind(warned, "anomaly")}
    assert warns
    assert warns <= told.keys()
    waiting = told.keys() - warns
    assert waiting
    assert all((entity, at - told[entity, at]) in told for entity, at in waiting)


def test_a_warning_repeats_its_line_every_turn_while_it_is_up(warned: Lines) -> None:
    for lines in by_entity(of_kind(warned, "exhaustion")).values():
        at = [line["at"] for line in lines]
        step = lines[0]["end"] - lines[0]["at"]
        gaps = [b - a for a, b in itertools.pairwise(at)]
        assert gaps.count(step) >= 0.9 * len(gaps)
        assert all(gap % step == 0 for gap in gaps)


def test_the_filling_disks_are_warned_of_before_they_are_full(warned: Lines) -> None:
    for entity, lines in by_entity(of_kind(warned, "exhaustion")).items():
        first = lines[0]
        assert first["earliest"] - 3600 < first["expected_at"] < first["at"] + 14 * DAY, entity


def test_no_line_before_the_training_ends_and_the_others_begin_before(scored: Lines) -> None:
    train_end = START + 40 * DAY + DAY // 4
    assert min(line["at"] for line in scored if line["entity"] == "entity-1") >= train_end
    assert min(line["at"] for line in scored if line["entity"] == "entity-0") < START + DAY // 4


@pytest.mark.parametrize("floor", [0.0, None])
def test_the_future_has_no_part_in_a_line(
    floor: float | None, recording: Path, warned: Lines, scored: Lines, tmp_path: Path
) -> None:
    cuts = first_part(recording, tmp_path, 0.7)
    whole = scored if floor is not None else warned
    early = run(tmp_path, score_floor=floor)
    assert len(early) > 30
    for entity, lines in by_entity(whole).items():
        step = lines[0]["end"] - lines[0]["at"]
        last = max((line["at"] for line in early if line["entity"] == entity), default=0)
        assert last < cuts[entity] + step
        mine = [line for line in early if line["entity"] == entity]
        assert mine == [line for line in lines if line["at"] <= max(last, cuts[entity])], entity


@pytest.mark.parametrize("floor", [0.0, None])
def test_neighbours_have_no_part_in_a_line_nor_in_a_verdict(
    floor: float | None, recording: Path, without_floor: Replayed, with_floor: Replayed, tmp_path: Path
) -> None:
    all_of_them = without_floor if floor is None else with_floor
    together = by_entity(all_of_them.lines)
    limits = json.loads((recording / "limits.json").read_text())
    verdicts: Counter[str] = Counter()
    for path in sorted((recording / "series").iterdir()):
        alone = tmp_path / path.stem
        (alone / "series").mkdir(parents=True)
        (alone / "series" / path.name).write_bytes(path.read_bytes())
        write_json(alone, "limits.json", {path.stem: limits[path.stem]})
        (alone / "labels.json").write_text((recording / "labels.json").read_text())
        verdicts += backtest(alone, alone / "out.jsonl", Options(score_floor=floor, workers=1)).verdicts
        assert lines_of(alone / "out.jsonl") == together[path.stem], path.stem
    assert verdicts == all_of_them.verdicts
    assert verdicts["hit"] >= 3


def test_two_processes_write_what_one_writes(
    recording: Path, warned: Lines, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("aiops.backtest.run.CELLS_ALONE", 0)
    shares: list[float] = []
    backtest(recording, tmp_path / "two.jsonl", Options(workers=2), shares.append)
    assert lines_of(tmp_path / "two.jsonl") == warned
    assert shares == sorted(shares)
    assert all(0 <= share <= 1 for share in shares)


def test_progress_reaches_the_end_in_one_process(without_floor: Replayed) -> None:
    assert without_floor.shares == sorted(without_floor.shares)
    assert without_floor.shares[-1] > 0.8


def test_a_limit_may_be_read_only_from_its_time_on(tmp_path: Path) -> None:
    count = 2 * DAY // 300
    time_s = START + 300 * np.arange(count)
    for name in ("known", "unknown"):
        write_series(tmp_path, name, time_s, {"disk": filling(count, 3)})
    later = int(time_s[int(0.7 * count)])
    write_json(tmp_path, "limits.json", {
        "known": {"disk": {"above": 0, "steps": [[int(time_s[0]), 1.0]]}},
        "unknown": {"disk": {"above": 0, "steps": [[later, 1.0]]}},
    })  # fmt: skip
    found = by_entity(of_kind(run(tmp_path), "exhaustion"))
    assert found["known"][0]["at"] < later <= found["unknown"][0]["at"]


def test_a_limit_below_is_a_limit(tmp_path: Path) -> None:
    count = DAY // 300
    write_series(tmp_path, "a", START + 300 * np.arange(count), {"free": 1.0 - filling(count, 3)})
    write_json(tmp_path, "limits.json", {"a": {"free": {"below": 0.05, "capacity": 1.0}}})
    assert of_kind(run(tmp_path), "exhaustion")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e-300])
def test_strange_numbers_are_gaps_or_anomalies_and_spoil_nothing(bad: float, tmp_path: Path) -> None:
    x = noisy(900, 1)
    x[400:410] = bad
    write_series(
        tmp_path, "a", START + 60 * np.arange(900), {"x": x, "empty": np.full(900, np.nan), "same": np.ones(900)}
    )
    write_json(tmp_path, "limits.json", {"a": {"x": {"above": 1e6}, "empty": {"below": 1}, "same": {"above": 2}}})
    lines = run(tmp_path, score_floor=0.0)
    assert np.isfinite([line["score"] for line in lines]).all()
    assert max(line["at"] for line in lines) == START + 60 * 899


def test_instants_before_1970_are_instants(tmp_path: Path) -> None:
    write_series(tmp_path, "a", -5_000_000 + 60 * np.arange(600), {"x": noisy(600, 1)})
    assert {line["at"] % 60 for line in run(tmp_path, score_floor=0.0)} == {-5_000_000 % 60}


@pytest.mark.parametrize(("out", "said"), [("", "is a folder"), ("no/where/out.jsonl", "there is no folder")])
def test_a_place_that_cannot_be_written_is_said_before_anything_is_replayed(
    out: str, said: str, tmp_path: Path
) -> None:
    with pytest.raises(FileError, match=said):
        backtest(tmp_path / "nothing", tmp_path / out, Options())


def test_bad_input_leaves_an_older_result_as_it_was(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("older\n")
    with pytest.raises(FileError):
        backtest(tmp_path, tmp_path / "out.jsonl", Options())
    assert (tmp_path / "out.jsonl").read_text() == "older\n"
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]


def test_a_job_is_of_one_step_and_not_too_large(recording: Path) -> None:
    entries = survey(recording).entries
    jobs = jobs_of(entries, 2)
    assert sorted(entry.entity for job in jobs for entry in job) == [entry.entity for entry in entries]
    assert all(len({entry.step_s for entry in job}) == 1 for job in jobs)
    assert all(sum(e.columns * e.metrics for e in job) <= CELLS_A_JOB or len(job) == 1 for job in jobs)


@pytest.mark.parametrize("options", [{"horizon_s": 0.0}, {"score_floor": float("nan")}])
def test_options_that_make_no_sense_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError):
        Options(**options)  # type: ignore[arg-type]
