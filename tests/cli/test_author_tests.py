"""`aiops test`: authors' tests, with file and line, what was expected and what came."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aiops.cli.app import app
from tests.runbooks.samples import POOL
from tests.runbooks.test_load import SPEC

FLAT = """\
apiVersion: aiops/v1
kind: ModelCard
name: odd_counts
summary: A count is unlike what is usual there.
owner: {team: web-sre}
query: count
detect: {model: seasonal}
guards: {persistence: 3/5, min_change: 10}
tests:
  - name: as always
    series: {'{instance="a"}': "4x1019"}
    at: 16h56m
    expect: {symptom: none}
  - name: suddenly many
    series: {'{instance="a"}': "2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 2+0.04x100 6-0.04x100 90x9"}
    at: 13h34m
    expect: {symptom: anomaly}
"""


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(app, ["test", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "odd_counts.yaml").write_text(FLAT)
    (tmp_path / "pool.yaml").write_text(POOL)
    return tmp_path


def test_tests_of_cards_and_runbooks_that_hold(folder: Path) -> None:
    result = run(folder)
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"ok   {folder}/odd_counts.yaml:10: as always",
        f"ok   {folder}/odd_counts.yaml:14: suddenly many",
        f"ok   {folder}/pool.yaml:64: grows",
    ]
    assert "3 passed, 0 failed" in result.stderr


def test_a_card_test_that_fails_says_what_was_expected_and_what_came(folder: Path) -> None:
    path = folder / "odd_counts.yaml"
    path.write_text(FLAT.replace("symptom: none", "symptom: anomaly"))
    result = run(path)
    assert result.exit_code == 1
    assert result.stdout.splitlines()[0] == f"FAIL {path}:10: as always: symptom: expected anomaly, got none"


def test_a_runbook_test_that_fails_says_what_was_expected_and_what_came(folder: Path) -> None:
    path = folder / "pool.yaml"
    path.write_text(POOL.replace("skipped: [clean]}", "skipped: []}"))
    result = run(path)
    assert result.exit_code == 1
    assert result.stdout == f"FAIL {path}:64: grows: skipped: expected [], got ['clean']\n"


def test_results_as_json_one_a_line(folder: Path) -> None:
    (found,) = [json.loads(line) for line in run(folder / "pool.yaml", "-o", "json").stdout.splitlines()]
    assert found == {"file": f"{folder}/pool.yaml", "line": 64, "test": "grows", "ok": True, "why": ""}


def test_a_broken_file_gives_what_check_would_say_and_no_test_runs(folder: Path) -> None:
    path = folder / "pool.yaml"
    path.write_text(POOL.replace("cooldown: 1h", "coldown: 1h").replace("id: look", "id: Look"))
    result = run(folder)
    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}:18:3: guards.coldown: unknown key; did you mean cooldown?" in result.stderr
    assert f"{path}:25:5: steps[0].id: " in result.stderr


def test_a_file_that_is_neither_card_nor_runbook_is_told(folder: Path) -> None:
    (folder / "aiops.yaml").write_text("log_level: info\n")
    result = run(folder)
    assert result.exit_code == 1
    assert "aiops.yaml:1:1: kind: only cards and runbooks hold tests" in result.stderr


def test_the_examples_of_the_specification_pass() -> None:
    if not SPEC.is_dir():
        pytest.skip("the specification's examples are not beside the repository")
    result = run(SPEC)
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 7)


def test_of_a_configuration_those_that_it_loads_are_tested(folder: Path, tmp_path: Path) -> None:
    config = tmp_path / "aiops.yml.conf"
    for name in ("cards", "books"):
        (tmp_path / name).mkdir()
    (folder / "odd_counts.yaml").rename(tmp_path / "cards" / "odd_counts.yaml")
    (folder / "pool.yaml").rename(tmp_path / "books" / "pool.yaml")
    config.write_text("sources: {host: {kind: host}}\ncards: [cards]\nrunbooks: [books]\n")
    result = run("--config", config)
    assert result.exit_code == 0
    assert [line.split(": ")[1] for line in result.stdout.splitlines()] == ["as always", "suddenly many", "grows"]
    assert "No such file" in run("--config", tmp_path / "none.yaml").stderr
