from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from aiops.cli.app import app

GOOD = """\
groups:
- name: tanks
  rules:
  - alert: TankFull
    expr: tank_used / tank_size > 0.9 and tank_size > 0
    for: 10m
    labels: {severity: page}
  - alert: TankWillBeEmpty
    expr: predict_linear(tank_litres[1h], 3600) < 0
  - alert: PumpDown
    expr: pump_up == 0
"""
KEYS = ["file", "group", "alert", "expr", "forecastable", "margin", "target", "leaves", "reason", "for_s"]


@pytest.fixture
def good(tmp_path: Path) -> Path:
    path = tmp_path / "good.yml"
    path.write_text(GOOD)
    return path


def run(*words: object) -> Result:
    return CliRunner().invoke(app, ["rules", *map(str, words)])


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_margin_gives_one_object_a_rule_with_exactly_the_promised_keys(good: Path) -> None:
    result = run("margin", good, "-o", "json")
    assert result.exit_code == 0
    assert [list(row) for row in rows(result)] == [KEYS] * 3
    assert rows(result)[0] == {
        "file": str(good), "group": "tanks", "alert": "TankFull", "expr": "tank_used / tank_size > 0.9 and tank_size > 0",
        "forecastable": True, "margin": "tank_used / tank_size - 0.9 - 1e-300 and tank_size > 0", "target": None,
        "leaves": [
            {"expr": "tank_used / tank_size", "op": ">", "limit": 0.9, "role": "forecast"},
            {"expr": "tank_size", "op": ">", "limit": 0.0, "role": "gate"},
        ],
        "reason": None, "for_s": 600,
    }  # fmt: skip


def test_a_prediction_has_a_target_and_a_refusal_its_reason(good: Path) -> None:
    _, predicted, refused = rows(run("margin", good, "-o", "json"))
    assert predicted["target"] == "0 - tank_litres"
    assert (refused["forecastable"], refused["margin"], refused["leaves"], refused["reason"]) == (False, None, [], "binary")


def test_a_broken_file_is_told_and_the_others_are_still_reported(good: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text("groups:\n- name: [\n")
    result = run("margin", broken, good, "-o", "json")
    assert result.exit_code == 1
    assert len(rows(result)) == 3
    assert result.stderr.startswith(f"{broken}:3:1: ")


def test_an_expression_that_does_not_parse_is_told_and_its_rule_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("groups:\n- name: a\n  rules:\n  - {alert: A, expr: 'sum(a > 1'}\n  - {alert: B, expr: a > 1}\n")
    result = run("margin", path, "-o", "json")
    assert result.exit_code == 1
    assert [(row["alert"], row["reason"]) for row in rows(result)] == [("A", "unsupported_syntax"), ("B", None)]
    assert result.stderr.startswith(f"{path}:4:26: groups[0].rules[0].expr: ")


def test_a_folder_stands_for_its_files(good: Path) -> None:
    assert len(rows(run("margin", good.parent, "-o", "json"))) == 3


def test_infinite_limits_are_json_too(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text("groups: [{name: a, rules: [{alert: A, expr: a > 1 and b < Inf}]}]")
    (row,) = rows(run("margin", path, "-o", "json"))
    assert row["leaves"][1] == {"expr": "group without () (b < Inf)", "op": ">=", "limit": 1, "role": "gate"}


def test_margin_as_text_shows_leaves_and_reasons(good: Path) -> None:
    text = run("margin", good).stdout
    assert f"{good}:4: TankFull" in text
    assert "  margin    tank_used / tank_size - 0.9 - 1e-300 and tank_size > 0" in text
    assert "  gate      tank_size > 0" in text
    assert "  target    0 - tank_litres" in text
    assert "  cannot be anticipated: binary, a state of two or a few values does not approach its limit (pump_up == 0)" in text


def test_text_keeps_brackets_and_digits(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    exprs = ["x_bytes > 1073741825", "(sum(x > 1) or vector(0)) < 1234567"]
    rules = [{"alert": f"A{i}", "expr": expr} for i, expr in enumerate(exprs)]
    path.write_text(json.dumps({"groups": [{"name": "a", "rules": rules}]}))
    text = run("margin", path).stdout
    assert "  forecast  x_bytes > 1073741825\n" in text
    assert "  forecast  (sum(x > 1) or vector(0)) < 1234567, in steps\n" in text


@pytest.mark.parametrize("command", ["margin", "list"])
def test_a_label_that_cannot_be_filled_in_refuses_its_rule_everywhere(tmp_path: Path, command: str) -> None:
    path = tmp_path / "rules.yml"
    path.write_text('groups: [{name: a, rules: [{alert: A, expr: a > 1, labels: {s: "{{ humanize $value }}"}}]}]')
    result = run(command, path, "-o", "json")
    assert result.exit_code == 0
    assert [(row["forecastable"], row["reason"]) for row in rows(result)] == [(False, "unsupported_syntax")]


def test_list_says_which_can_be_anticipated(good: Path) -> None:
    text = run("list", good).stdout.splitlines()
    assert text[1].split()[:3] == ["TankFull", "yes", "10m"]
    assert text[3].split()[:3] == ["PumpDown", "binary", "0s"]
    assert text[-1] == "2 of 3 rules can be anticipated"


def test_list_as_json_carries_labels_and_times(good: Path) -> None:
    first = rows(run("list", good, "-o", "json"))[0]
    assert (first["line"], first["labels"], first["for_s"], first["keep_firing_for_s"]) == (4, {"severity": "page"}, 600, 0)


def test_names_from_files_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    path = tmp_path / "rules.yml"
    path.write_text('groups: [{name: a, rules: [{alert: "A\\e[31m", expr: a > 1}]}]')
    for command in ("list", "margin"):
        assert "\x1b" not in run(command, path).stdout


def test_no_file_is_wrong_usage() -> None:
    assert run("margin").exit_code == 2
    assert run("margin", "x.yml", "-o", "xml").exit_code == 2


class Answer(BaseHTTPRequestHandler):
    """A server that has two rules, one with a label that cannot be filled in."""

    def do_GET(self) -> None:
        """`/api/v1/rules`, and nothing else."""
        rules = [
            {"type": "alerting", "name": "TankFull", "query": "tank_used > 90", "duration": 60, "labels": {"severity": "page"}},
            {"type": "alerting", "name": "TankHigh", "query": "tank_used > 80", "labels": {"at": "{{ humanize $value }}"}},
            {"type": "alerting", "name": "PumpDown", "query": "pump_up == 0"},
        ]
        data = {"groups": [{"name": "g", "file": "/etc/tanks.yml", "interval": 15, "rules": rules}]}
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200 if self.path.startswith("/api/v1/rules") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing."""


@pytest.fixture
def live() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_rules_of_a_server_are_listed_as_a_card_would_follow_them(live: str) -> None:
    result = run("list", "--prometheus", live, "-o", "json")
    assert result.exit_code == 0, result.output
    assert [(row["alert"], row["reason"]) for row in rows(result)] == [
        ("TankFull", None), ("TankHigh", "unsupported_syntax"), ("PumpDown", "binary"),
    ]  # fmt: skip
    assert rows(result)[1]["detail"].startswith("its label at: ")
    assert run("list", "--prometheus", live).stdout.splitlines()[-1] == "1 of 3 rules can be anticipated"


def test_a_server_that_is_away_is_exit_3_and_a_wrong_question_2(good: Path) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        gone = f"http://127.0.0.1:{server.server_port}"
    away = run("list", "--prometheus", gone)
    assert away.exit_code == 3
    assert "unreachable" in away.stderr
    wrong = run("list", "--prometheus", "localhost:9090")
    assert wrong.exit_code == 2
    assert "write it as http://HOST:PORT" in wrong.stderr
    assert [run("list").exit_code, run("list", good, "--prometheus", gone).exit_code] == [2, 2]
