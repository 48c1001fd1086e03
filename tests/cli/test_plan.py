"""`aiops plan`: a table for people, an object a line for machines, and exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.cli.plan import as_lines, exit_code
from aiops.pipeline.plan import CardPlan, Plan

FINE = CardPlan("disk_full", ("prom",), 60, series=10, cpu_s_a_turn=0.002, queries_a_minute=1.0, memory_bytes=2**20)


def test_a_table_and_what_it_comes_to() -> None:
    lines = list(as_lines(Plan([FINE, CardPlan("again", ("prom",), 60, series=10, shares="disk_full", backfill_s=600)])))
    assert lines[0].split()[:3] == ["card", "on", "series"]
    assert len({line.index("prom") for line in lines[1:3]}) == 1
    text = "\n".join(lines)
    assert "together: 20 series" in text
    assert "again asks what disk_full asks: it is read once" in text
    assert "again: older history comes in later turns, in about 10m" in text


def test_a_card_whose_query_finds_nothing_is_named() -> None:
    away = CardPlan("away", ("prom",), 60, unreachable=("prom: timeout: slow",))
    lines = list(as_lines(Plan([FINE, CardPlan("typo", ("prom", "eu"), 60), away])))
    told = [line for line in lines if line.startswith("no series")]
    assert told == ["no series: typo on prom, eu: its query finds nothing there"]


def test_a_label_of_the_entity_that_no_series_has_is_named() -> None:
    lines = list(as_lines(Plan([FINE, CardPlan("typo", ("prom",), 60, series=3, lacking=("queu",))])))
    assert [line for line in lines if line.startswith("no label")] == [
        "no label: no series of typo has queu, of which its entity is made"
    ]


@pytest.mark.parametrize(
    ("plan", "code"),
    [
        (Plan([FINE]), 0),
        (Plan([CardPlan("x", ("prom",), 60, refused=("too much",))]), 1),
        (Plan([FINE], ["limits.memory is 1"]), 1),
        (Plan([CardPlan("x", ("prom",), 60, unreachable=("prom: timeout: slow",))]), 3),
    ],
)
def test_exit_codes(plan: Plan, code: int) -> None:
    assert exit_code(plan) == code


def test_the_command_says_that_a_source_is_away(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text(json.dumps({"sources": {"prom": {"kind": "prometheus", "url": "http://127.0.0.1:9"}}}))
    run = CliRunner().invoke(app, ["plan", "--config", str(tmp_path / "aiops.yaml"), "-o", "json"])
    assert run.exit_code == 3
    rows = [json.loads(line) for line in run.stdout.splitlines()]
    assert rows[0]["unreachable"][0].startswith("prom: unreachable")
    assert rows[-1]["total"]["series"] == 0


def test_a_source_that_there_is_not_is_named(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text(json.dumps({"sources": {"prom": {"kind": "prometheus", "url": "http://127.0.0.1:9"}}}))
    run = CliRunner().invoke(app, ["plan", "--config", str(tmp_path / "aiops.yaml"), "--source", "pron"])
    assert run.exit_code == 1
    assert "no source 'pron'; known: prom" in run.stderr
