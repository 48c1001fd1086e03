"""Regular recordings of any part of an hour are replayed on their own instants, and say the same in about the same time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from aiops.backtest.run import Options, backtest
from tests.backtest.recordings import START, lines_of, write_json, write_series

PARTS = [90, 120, 180, 240, 300]
HOURS, BROKEN_H, FULL_H = 12, 7, 11


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One entity a step: its load jumps after some hours, its disk fills from then on."""
    folder = tmp_path_factory.mktemp("steps")
    for step in PARTS:
        at = np.arange(0, HOURS * 3600, step)
        rng = np.random.default_rng(3)
        full = 0.2 + 0.8 * np.clip((at / 3600 - 3) / (FULL_H - 3), 0, None) + rng.normal(0, 0.002, len(at))
        load = 10 + rng.normal(0, 1, len(at)) + 30 * ((at >= BROKEN_H * 3600) & (at < (BROKEN_H + 1) * 3600))
        write_series(folder, f"every-{step}", START + 7 + at, {"load": load, "disk": full})
    write_json(folder, "limits.json", {f"every-{step}": {"disk": {"above": 0.98}} for step in PARTS})
    return folder


def test_every_step_tells_at_its_own_instants_and_about_as_soon(recording: Path) -> None:
    out = recording / "w.jsonl"
    backtest(recording, out, Options(workers=1))
    lines = lines_of(out)
    first: dict[str, list[int]] = {"anomaly": [], "exhaustion": []}
    for step in PARTS:
        mine = [line for line in lines if line["entity"] == f"every-{step}"]
        assert all((line["at"] - START - 7) % step == 0 and line["end"] == line["at"] + step for line in mine), step
        for kind, found in first.items():
            begun = START + 7 + (BROKEN_H * 3600 if kind == "anomaly" else 0)
            found.append(min(line["at"] - begun for line in mine if line["kind"] == kind and line["at"] >= begun))
    assert max(first["anomaly"]) <= 900, first
    assert max(first["exhaustion"]) - min(first["exhaustion"]) <= 600, first
