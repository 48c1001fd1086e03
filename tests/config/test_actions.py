"""What `responses.actions` may hold, told at its place."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest
from ruamel.yaml import YAML

from aiops.cli.check import run_check
from aiops.config.actions import families
from aiops.config.schema import json_schema

RIGHT = """
sources: {host: {kind: host}}
responses:
  actions:
    exec:
      programs: {disk-report: /usr/local/bin/disk-report}
      ssh: {hosts: ["db*"]}
    http: {hosts: ["volumes.internal:8443"], networks: [10.0.0.0/8]}
    kubernetes: {url: "https://127.0.0.1:6443", namespaces: [pay]}
    alertmanager: {url: "http://127.0.0.1:9093"}
    awx: {url: "https://awx.example.net", jobs: {clean: "12"}}
"""


def said(folder: Path, text: str) -> list[str]:
    path = folder / "aiops.yaml"
    path.write_text(text)
    code, lines = run_check([path], None)
    assert (code == 0) == (lines == ["ok: 1 file"]), lines
    return [line.partition("aiops.yaml:")[2] for line in lines if "aiops.yaml:" in line]


def fits(text: str) -> bool:
    return not list(jsonschema.Draft202012Validator(json_schema()).iter_errors(YAML(typ="safe").load(text)))


def test_parameters_stand_under_the_name_of_a_family(tmp_path: Path) -> None:
    assert said(tmp_path, RIGHT) == []
    assert fits(RIGHT)
    assert {"exec", "http", "kubernetes", "kubernetes.scale", "alertmanager", "awx", "notify"} <= set(families())


@pytest.mark.parametrize(
    ("old", "new", "wanted"),
    [
        ("    exec:\n", "    exce:\n", "5:5: responses.actions.exce: no action 'exce'; did you mean exec?"),
        ("programs: {", "program: {", "6:7: responses.actions.exec.program: unknown key"),
        ("/usr/local/bin/disk-report", "disk-report", "6:18: responses.actions.exec.programs.disk-report: disk-report must be"),
        ("ssh: {hosts:", "ssh: {host:", "7:13: responses.actions.exec.ssh.host: unknown key"),
        ("volumes.internal:8443", "https://volumes.internal", "8:20: responses.actions.http.hosts[0]:"),
        ("http://127.0.0.1:9093", "127.0.0.1:9093", "10:20: responses.actions.alertmanager.url:"),
        ('jobs: {clean: "12"}', 'jobs: {clean: "../12"}', "11:50: responses.actions.awx.jobs.clean:"),
        ('{url: "https://awx.example.net", ', "{", "11:5: responses.actions.awx.url: is missing"),
    ],
)
def test_what_does_not_fit_is_told_at_its_place(tmp_path: Path, old: str, new: str, wanted: str) -> None:
    text = RIGHT.replace(old, new)
    found = said(tmp_path, text)
    assert [line[: len(wanted)] for line in found if line.startswith(wanted)] == [wanted], found
    assert not fits(text)
