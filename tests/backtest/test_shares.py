"""Any number of workers, and any kill in between, gives the same bytes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from aiops.backtest.compare import Comparison, compare
from aiops.backtest.question import Question
from tests.backtest.carded import STEP, calm, recorded, write_card
from tests.backtest.recordings import DAY, START, filling


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory) -> Question:
    """Two cards, one with a detector and a cohort too; disks that fill together, so that they have one cause; history before."""
    folder = tmp_path_factory.mktemp("shares")
    count = DAY // STEP
    rng = np.random.default_rng(9)
    more = {f"rack{i}": filling(count, 20 + i, 0.8 + 0.01 * i) + rng.normal(0, 0.001, count) for i in range(4)}
    recorded(folder / "rec", {**more, "odd": calm(count, 4) + 0.3 * (np.arange(count) % 211 > 200)}, days=1)
    both = write_card(folder, name="both", detect={"model": "seasonal"}, cohort=["metric"])
    return Question(None, folder / "rec", (str(write_card(folder)), str(both)), START + DAY // 3, START + DAY)


def said(found: Comparison) -> tuple[bytes, list[object]]:
    return b"".join(found.warning_lines()), [one.as_json() for one in (*found.lines, *found.whole)]


@pytest.fixture(scope="module")
def alone(asked: Question, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[object]]:
    found = said(compare(asked, tmp_path_factory.mktemp("alone")))
    assert found[0].count(b"\n") > 5
    return found


@pytest.mark.parametrize("workers", [2, 5])
def test_workers_leave_no_trace(workers: int, asked: Question, alone: tuple[bytes, list[object]], tmp_path: Path) -> None:
    shares: list[float] = []
    assert said(compare(asked, tmp_path, workers, lambda share, what: shares.append(share))) == alone
    assert shares == sorted(shares)
    assert shares[-1] == pytest.approx(1.0)


def test_what_was_recorded_is_not_recorded_again(
    asked: Question, alone: tuple[bytes, list[object]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert said(compare(asked, tmp_path, keeps=True)) == alone
    tapes = {path: path.stat().st_mtime_ns for path in tmp_path.glob("tape-*")}
    assert sum(path.suffix == ".json" for path in tapes) == 2
    monkeypatch.setattr("aiops.backtest.shares.work", None)  # whoever records now fails
    assert said(compare(asked, tmp_path, keeps=True)) == alone
    assert {path: path.stat().st_mtime_ns for path in tmp_path.glob("tape-*")} == tapes


def test_a_kill_in_the_middle_costs_time_and_nothing_else(
    asked: Question, alone: tuple[bytes, list[object]], tmp_path: Path
) -> None:
    """The command itself, killed hard while its workers record, once with them and twice without; then to its end."""
    out, kept = tmp_path / "w.jsonl", tmp_path / "kept"
    assert asked.data is not None
    command = [
        sys.executable, "-m", "aiops", "backtest", "--data", str(asked.data), "--card", asked.cards[0], "--card", asked.cards[1],
        "--since", str(asked.since_s), "--until", str(asked.until_s), "--warnings", str(out),
        "--resume", str(kept), "--workers", "2",
    ]  # fmt: skip
    for wanted, many, kill in (("*.part", 1, os.kill), ("tape-*.json", 1, os.kill), ("tape-*.json", 3, os.killpg)):
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        while process.poll() is None and len(list(kept.glob(wanted))) < many:
            time.sleep(0.02)
        kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not out.exists()
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode in (0, 1), done.stderr
    assert out.read_bytes() == alone[0]
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_workers_leave_no_trace_where_metrics_go_together(tmp_path: Path) -> None:
    """Four metrics that are the same, and one apart: the four count once, whoever scored them."""
    count, since = 5 * DAY // STEP, 4 * DAY
    rng = np.random.default_rng(1)
    odd = 4.0 * ((np.arange(count) * STEP - since) // 3600 == 8)
    base = rng.normal(0, 1, count) + odd
    metrics = {f"x{i}": base + rng.normal(0, 0.03, count) for i in range(4)} | {"y": rng.normal(0, 1, count) + odd}
    table = pa.table({"time": START + STEP * np.arange(count), **metrics})
    labels = {name: {"__name__": "disk", "entity": "api", "metric": name} for name in metrics}
    path = tmp_path / "rec" / "series" / "api.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(table.replace_schema_metadata({"aiops.labels": json.dumps(labels)}), path)
    odd_card = write_card(tmp_path, detect={"model": "seasonal"}, forecast={"limit": {"above": 1e6}})  # never near
    asked = Question(None, tmp_path / "rec", (str(odd_card),), START + since, START + since + DAY // 2)
    want = said(compare(asked, tmp_path / "alone"))
    shares = [[s["evidence"]["share"] for s in json.loads(line)["warning"]["symptoms"]] for line in want[0].splitlines()]
    assert shares
    assert all(len(one) == 2 and sum(one) == pytest.approx(1.0, abs=0.002) for one in shares), shares
    assert said(compare(asked, tmp_path / "more", 2)) == want


SLOW = {"detect": {"model": "pca", "params": {"everything": True}}, "cohort": ["metric"]}


@pytest.mark.parametrize("workers", [2, pytest.param(5, marks=pytest.mark.long)])
def test_workers_leave_no_trace_in_what_slow_models_say(workers: int, tmp_path: Path) -> None:
    """Forecasts and second opinions that worker processes make, at the default settings of their pool."""
    count, since = 4 * DAY // STEP, 4 * DAY - DAY // 8
    rng = np.random.default_rng(9)
    more = {f"rack{i}": filling(count, 85 + 3 * i, 1.1) + rng.normal(0, 0.001, count) for i in range(2)}
    recorded(tmp_path / "rec", more, days=4)
    slow = write_card(tmp_path, name="slow", **SLOW)
    written = slow.read_text()
    slow.write_text(written.replace('"forecast": {', '"forecast": {"model": "boosted", ', 1))
    assert slow.read_text() != written
    asked = Question(None, tmp_path / "rec", (str(slow),), START + since, START + 4 * DAY)
    want = said(compare(asked, tmp_path / "alone"))
    assert b"boosted reaches it" in want[0], want
    assert said(compare(asked, tmp_path / "more", workers)) == want
