"""`aiops backtest` over the past of a real Prometheus: the same as over the recording that it was filled from."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from tests import servers
from tests.backtest.carded import STEP, card, recorded
from tests.backtest.recordings import DAY, START, lines_of

pytestmark = pytest.mark.acceptance
END = START + 2 * DAY - STEP
FIRES = START + 533 * STEP
RULES = """
groups:
  - name: disks
    interval: 5m
    rules:
      - alert: DiskFull
        expr: disk > 1
        labels: {severity: critical}
"""


@dataclass(frozen=True)
class Stage:
    """A Prometheus that holds what the recording does, and an alert that fired later than the limit was crossed."""

    folder: Path
    url: str

    def config(self, **cards: dict[str, Any]) -> Path:
        folder = self.folder / "-".join(cards)
        (folder / "cards").mkdir(parents=True, exist_ok=True)
        for name, one in cards.items():
            (folder / "cards" / f"{name}.yaml").write_text(json.dumps(one))
        source = {"kind": "prometheus", "url": self.url, "data_class": "internal", "step": "5m"}
        (folder / "aiops.yaml").write_text(json.dumps({"sources": {"prom": source}, "cards": ["cards"]}))
        return folder / "aiops.yaml"


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("backtest")
    lines = ["# TYPE disk gauge"]
    for path in sorted((recorded(folder / "rec", days=2) / "series").iterdir()):
        table = pq.read_table(path)
        pairs = zip(table["time"].to_pylist(), table["disk"].to_pylist(), strict=True)
        lines += [f'disk{{entity="{path.stem}",metric="disk"}} {value!r} {at}' for at, value in pairs]
    lines.append("# TYPE ALERTS gauge")
    labels = '{alertname="DiskFull",alertstate="firing",entity="full",metric="disk",severity="critical"}'
    lines += [f"ALERTS{labels} 1 {at}" for at in range(FIRES, END, STEP)]
    servers.load(folder / "prom", "\n".join([*lines, "# EOF", ""]))
    with servers.prometheus(folder / "prom", rules=RULES) as url:
        yield Stage(folder, url)


def call(*more: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, ["backtest", "--since", str(START), "--until", str(END), "-o", "json", *more])
    assert done.exit_code in (0, 1), done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_server_and_the_recording_that_filled_it_say_the_same(stage: Stage, tmp_path: Path) -> None:
    config, out = stage.config(disk=card()), (tmp_path / "server.jsonl", tmp_path / "recording.jsonl")
    server = call("--config", str(config), "--warnings", str(out[0]), "--workers", "2")
    file = str(config.parent / "cards" / "disk.yaml")
    recording = call("--data", str(stage.folder / "rec"), "--card", file, "--warnings", str(out[1]), "--workers", "1")
    assert server == recording
    assert server[0]["hit"] == 1
    mine, theirs = ([one["outcome"] for one in lines_of(path)] for path in out)
    for one in (*mine, *theirs):
        one["warning_id"] = ""  # which names its source
    assert mine == theirs


def test_an_alert_that_fired_then_is_the_truth_of_a_card_that_names_it(stage: Stage, tmp_path: Path) -> None:
    truth = {"crossing": False, "alerts": ['alertname="DiskFull"']}
    found = call("--config", str(stage.config(told=card(name="told", truth=truth))), "--warnings", str(tmp_path / "w.jsonl"))
    hits = [one for one in lines_of(tmp_path / "w.jsonl") if one["outcome"] and one["outcome"]["verdict"] == "hit"]
    assert [(one["outcome"]["truth"], one["outcome"]["failed_s"]) for one in hits] == [("alert", FIRES)]
    by_method = {one["method"]: one for one in found}
    assert by_method["aiops"]["hit"] == 1
    assert by_method["static"]["hit"] + by_method["static"]["late"] <= 1
    assert all(one["hit"] + one["late"] + one["missed"] == 1 for one in found)


def test_rules_of_the_server_are_replayed_against_what_they_fired(stage: Stage, tmp_path: Path) -> None:
    rules = {"kind": "ModelCard", "name": "rules", "alerts": {"match": ['severity="critical"']}, "horizon": "1d"}
    (line,) = call("--config", str(stage.config(rules=rules)), "--warnings", str(tmp_path / "w.jsonl"))
    assert (line["card"], line["method"], line["hit"], line["missed"]) == ("rules", "aiops", 1, 0)
    told = [one["warning"] for one in lines_of(tmp_path / "w.jsonl") if one["warning"] is not None]
    assert {one["entity"]["alertname"] for one in told} == {"DiskFull"}
    assert np.isfinite(line["median_lead_s"])
