"""`aiops export`: files that other tools take."""

from __future__ import annotations

import json
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.config.shipped import deploy_dir
from aiops.store import Store
from tests.servers import binary
from tests.store.samples import warning


def test_rules_come_with_tests_that_promtool_passes(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "rules", "--dir", str(tmp_path / "rules")])
    assert done.exit_code == 0, done.output
    command = [binary("promtool", "prometheus"), "test", "rules", str(tmp_path / "rules" / "alerts_test.yml")]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_every_alert_is_tested_firing_and_silent() -> None:
    rules, tests = (YAML(typ="safe").load((deploy_dir() / name).read_text("utf-8")) for name in ("alerts.yml", "alerts_test.yml"))
    names = [rule["alert"] for group in rules["groups"] for rule in group["rules"]]
    looks = [look for test in tests["tests"] for look in test["alert_rule_test"]]
    fires = {look["alertname"] for look in looks if look["exp_alerts"]}
    silent = {look["alertname"] for look in looks if not look["exp_alerts"]}
    assert (fires, silent) == (set(names), set(names))


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


def test_the_shipped_inhibit_rules_are_those_of_the_shipped_cards_and_amtool_takes_them(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", "inhibit"])
    assert done.exit_code == 0, done.output
    assert (deploy_dir() / "inhibit.yml").read_text("utf-8") == done.stdout
    config = tmp_path / "alertmanager.yml"
    config.write_text("route: {receiver: none}\nreceivers: [{name: none}]\n" + done.stdout)
    command = [binary("amtool", "prometheus-alertmanager"), "check-config", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_inhibit_rules_of_a_config_that_is_wrong_say_where(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("cards: [none.yaml]\n")
    done = CliRunner().invoke(app, ["export", "inhibit", "--config", str(tmp_path / "aiops.yaml")])
    assert (done.exit_code, "none.yaml" in done.stderr) == (1, True)


def test_lineage_of_the_past_is_told_an_event_a_line(tmp_path: Path) -> None:
    with closing(Store.open("", tmp_path)) as store, store.transaction() as tx:
        for number, at_s in ((1, 60.0), (2, time.time())):
            tx.put_warning(one := warning(number))
            tx.record("daemon", "warning.opened", one.id, {}, at_s)

    def told(*more: str) -> list[dict[str, Any]]:
        done = CliRunner().invoke(app, ["export", "lineage", "--data-dir", str(tmp_path), *more])
        assert done.exit_code == 0, done.output
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert [one["eventType"] for one in told()] == ["START", "COMPLETE"] * 4
    assert len(told("--since", "1d")) == 4
    shown = CliRunner().invoke(app, ["export", "lineage", "--data-dir", str(tmp_path), "-o", "text"]).stdout.splitlines()
    assert [line.split()[1] for line in shown] == [one["eventType"] for one in told()]
    assert all(one["job"]["name"] in line and one["run"]["runId"] in line for one, line in zip(told(), shown, strict=True))
    wrong = CliRunner().invoke(app, ["export", "lineage", "--data-dir", str(tmp_path), "--since", "soon"])
    assert (wrong.exit_code, "--since: " in wrong.stderr) == (2, True)
