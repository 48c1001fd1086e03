"""`aiops sources`: what is configured, and what answers, on real servers."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from aiops.cli.app import app
from aiops.cli.sources import list_lines, probe_lines
from tests import servers

DAYS = 3


@pytest.fixture(scope="module")
def prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    """A Prometheus with three days of `up`, and when they begin."""
    folder = tmp_path_factory.mktemp("prom")
    now = int(time.time()) // 60 * 60
    start = now - DAYS * 86400
    samples = "".join(f'up{{instance="{i}"}} 1 {start + 60 * k}\n' for i in range(3) for k in range(DAYS * 1440 + 1))
    servers.load(folder, f"# TYPE up gauge\n{samples}# EOF\n")
    with servers.prometheus(folder) as url:
        yield url, start


def run(folder: Path, sources: dict[str, object], *args: str) -> Result:
    (folder / "aiops.yaml").write_text(json.dumps({"sources": sources}))
    return CliRunner().invoke(app, ["sources", *args, "--config", str(folder / "aiops.yaml")])


def test_a_probe_says_what_answers_how_far_back_and_what_a_query_costs(tmp_path: Path, prometheus: tuple[str, int]) -> None:
    url, start = prometheus
    found = run(tmp_path, {"prom": {"kind": "prometheus", "url": url}}, "probe", "-o", "json")
    assert found.exit_code == 0, found.output
    row = json.loads(found.stdout)
    assert (row["source"], row["ok"], row["product"], row["series"]) == ("prom", True, "Prometheus", 3)
    assert row["version"].startswith("2.")
    assert abs(row["oldest_s"] - start) <= 7200
    assert time.time() - row["newest_s"] < 120
    assert row["bytes"] > 100
    assert abs(row["skew_s"]) < 2
    text = run(tmp_path, {"prom": {"kind": "prometheus", "url": url}}, "probe").stdout
    assert "goes back to" in text
    assert "3 series" in text


def test_victoriametrics_is_told_apart(tmp_path: Path) -> None:
    program, port = servers.binary("victoria-metrics", "victoria-metrics"), servers.free_port()
    command = [program, f"-httpListenAddr=127.0.0.1:{port}", f"-storageDataPath={tmp_path / 'vm'}"]
    with servers.started(command, f"http://127.0.0.1:{port}", "/health", tmp_path / "vm.log") as url:
        found = run(tmp_path, {"vm": {"kind": "prometheus", "url": url}}, "probe", "-o", "json")
    assert json.loads(found.stdout)["product"] == "VictoriaMetrics"


def test_one_that_is_away_is_exit_3_and_the_others_are_asked_all_the_same(tmp_path: Path, prometheus: tuple[str, int]) -> None:
    sources = {"away": {"kind": "prometheus", "url": "http://127.0.0.1:9"}, "prom": {"kind": "prometheus", "url": prometheus[0]}}
    found = run(tmp_path, sources, "probe", "-o", "json")
    assert found.exit_code == 3
    rows = [json.loads(line) for line in found.stdout.splitlines()]
    assert [(row["source"], row["ok"]) for row in rows] == [("away", False), ("prom", True)]
    assert rows[0]["kind"] == "unreachable"


def test_the_host_is_a_source_too(tmp_path: Path) -> None:
    found = run(tmp_path, {"host": {"kind": "host"}}, "probe", "-o", "json")
    assert found.exit_code == 0
    assert "this host" in json.loads(found.stdout)["product"]


def test_an_unknown_name_is_told_with_the_known_ones(tmp_path: Path) -> None:
    found = run(tmp_path, {"host": {"kind": "host"}}, "probe", "hots")
    assert (found.exit_code, "known: host" in found.stderr) == (1, True)


def test_the_list_says_what_is_configured_and_what_is_not_classified(tmp_path: Path) -> None:
    sources = {
        "prom": {
            "kind": "prometheus", "url": "http://prom:9090", "priority": 5, "residency": ["eu"], "limits": {"seconds": "20s"},
        },
        "host": {"kind": "host"},
    }  # fmt: skip
    rows = [json.loads(line) for line in run(tmp_path, sources, "list", "-o", "json").stdout.splitlines()]
    assert [(row["source"], row["class"], row["classified"]) for row in rows] == [
        ("prom", "restricted", False), ("host", "internal", True),
    ]  # fmt: skip
    assert rows[0]["limits"]["seconds"] == 20
    assert rows[0]["limits"]["queries"] == 4
    assert (rows[0]["residency"], rows[1]["residency"]) == (["eu"], ["local"])
    text = list(list_lines(rows))
    assert "restricted (not classified)" in text[1]
    assert len({line.index("http://prom:9090") if "http" in line else line.index("url") for line in text[:2]}) == 1


def test_the_owner_that_the_policy_names_counts(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("sources: {host: {class: internal, owner: sre}}\n")
    sources = "sources: {host: {kind: host, owner: web}, other: {kind: host, owner: web}}"
    (tmp_path / "aiops.yaml").write_text(f"{sources}\npolicy: policy.yaml\n")
    found = CliRunner().invoke(app, ["sources", "list", "--config", str(tmp_path / "aiops.yaml"), "-o", "json"])
    assert [json.loads(line)["owner"] for line in found.stdout.splitlines()] == ["sre", "web"]


def test_a_clock_that_is_off_is_told() -> None:
    row = {
        "source": "p", "ok": True, "product": "P", "version": "", "oldest_s": None, "newest_s": None, "series": None,
        "bytes": None, "query_seconds": 0.0, "skew_s": -600.0,
    }  # fmt: skip
    assert "  its clock is 600 s behind" in list(probe_lines(row, 0.0))
