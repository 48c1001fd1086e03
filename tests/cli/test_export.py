"""`aiops export`: files that other tools take."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from typer.testing import CliRunner

from aiops.cli.app import app
from tests.servers import binary


def test_rules_come_with_tests_that_promtool_passes(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "rules", "--dir", str(tmp_path / "rules")])
    assert done.exit_code == 0, done.output
    command = [binary("promtool", "prometheus"), "test", "rules", str(tmp_path / "rules" / "alerts_test.yml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_dashboard_is_a_file_or_a_line(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["export", "dashboards", "--dir", str(tmp_path)]).exit_code == 0
    files = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    lines = [json.loads(line) for line in CliRunner().invoke(app, ["export", "dashboards"]).stdout.splitlines()]
    assert list(files.values()) == lines or sorted(files) == sorted(one["uid"] for one in lines)
    assert {one["title"] for one in lines} == {"Early warnings", "aiops itself"}


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = CliRunner().invoke(app, ["export", "rules", "--dir", str(tmp_path / "file")])
    assert (done.exit_code, "cannot be written" in done.stderr) == (1, True)
