"""`aiops scan` as people and programs call it, on a real Prometheus."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from aiops.cli.app import app
from aiops.cli.scan import _cells, _table, entity
from aiops.rules.compiler import Leaf, compile_rule
from aiops.rules.files import AlertingRule
from aiops.rules.served import Served
from aiops.scan.rows import Guard, Row
from tests import servers
from tests.scan.between import between
from tests.scan.tanks import Tanks, tanks

KEYS = {
    "alert", "group", "file", "expr", "labels", "now", "limit", "earliest_at", "expected_at", "latest_at", "slope_per_hour",
    "history_s", "state", "reason", "record", "forecastable", "guards", "for_s", "unit",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tanks]:
    with tanks(tmp_path_factory.mktemp("tanks")) as found:
        yield found


def _served(expr: str) -> Served:
    return Served(AlertingRule("f", 0, "g", "Full", expr, 0.0, 0, 60.0, (), ()), compile_rule(expr))


def run(*args: str, columns: str | None = None) -> Result:
    return CliRunner().invoke(app, ["scan", *args], env={"COLUMNS": columns})


def lines(result: Result) -> list[dict[str, Any]]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture(scope="module")
def text(server: Tanks) -> Result:
    return run("--prometheus", server.url)


def test_every_line_of_json_is_an_object_with_the_same_keys(server: Tanks) -> None:
    rows = lines(run("--prometheus", server.url, "-o", "json"))
    assert {frozenset(row) for row in rows} == {frozenset(KEYS)}
    found = {(row["alert"], row["labels"].get("tank")): row for row in rows}
    filling = found["TankFull", "filling"]
    assert (filling["state"], filling["forecastable"], filling["limit"], filling["for_s"]) == ("expected", True, 0.9, 600)
    assert server.now_s < filling["earliest_at"] < filling["expected_at"] < filling["latest_at"]
    assert filling["slope_per_hour"] == pytest.approx(0.6 / 95 * 12, rel=0.1)
    assert set(filling["record"]) >= {"computed", "warned", "hits", "false", "median_lead_s", "predict_linear"}
    down = found["PumpDown", None]
    assert (down["forecastable"], down["reason"], down["labels"], down["expected_at"]) == (False, "binary", {}, None)


def test_the_table_fits_120_columns_in_a_pipe_and_says_the_main_things(text: Result) -> None:
    assert text.exit_code == 0, text.output
    table, _, rest = text.stdout.partition("\n\n")
    assert max(map(len, table.splitlines())) <= 120
    head = table.splitlines()[0].split()
    assert head[:4] == ["alert", "entity", "now", "limit"]
    assert "TankFull " in table
    assert "a guard does not let it fire: tank_open == 1" in " ".join(table.split())
    assert "bars: tank_open == 1" in " ".join(table.split())
    assert "firing" in rest
    assert "it fired 2 times; it would have warned" in rest
    assert "predict_linear: " in rest
    assert "event_counter (fires at the first event: there is no sign before): Leaks" in rest
    assert "No series now: NoSuchTank" in rest


def test_nothing_of_a_reason_is_cut_off_by_a_narrow_column() -> None:
    row = Row(
        _served("avail_bytes < 10"), "silent", {"mountpoint": "/var/lib/postgresql/" + "x" * 40}, "levels off before the limit",
        guards=(Guard('node_filesystem_readonly{fstype!="",job="node"} == 0', True, 1),),
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=80)
    console.print(_table([row], 80))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    column = "".join(line[said.index("why,") :].strip() for line in said.splitlines())
    assert max(map(len, said.splitlines())) <= 80
    assert "levelsoffbeforethelimit;lets:node_filesystem_readonly" in column.replace(" ", "")
    assert '{fstype!="",job="node"}==0(changedonceinaday)' in column.replace(" ", "")


def test_numbers_have_the_unit_of_their_names() -> None:
    leaf = Leaf("cert_expiry - time()", "<", 1814400.0, "forecast")
    row = Row(_served("a < 1"), "silent", {}, "", leaf, 1825000.0, 1814400.0, slope_per_s=-1.0)
    assert _cells(row, row.labels)[2:7] == ("21d2h", "< 21d", "", "", "-1h")
    assert row.as_json()["unit"] == "s"


def test_no_character_of_a_label_reaches_the_terminal(text: Result) -> None:
    assert not {"\x1b", "\u202e"} & set(text.stdout)
    assert "[bold]<script>" in text.stdout


def test_what_it_does_is_told_on_stderr(text: Result) -> None:
    assert "reading a day of every rule" in text.stderr
    assert "9 rules, " in text.stderr


def test_the_nearest_rows_are_kept_where_fewer_are_wanted(server: Tanks) -> None:
    found = run("--prometheus", server.url, "--rows", "2")
    assert "the table has the 2 nearest" in found.stdout
    assert "TankFullAndOpen" in found.stdout.splitlines()[1]


def test_a_page_for_people_is_written_whole_or_not_at_all(server: Tanks, tmp_path: Path) -> None:
    assert run("--prometheus", server.url, "--html", str(tmp_path / "scan.html")).exit_code == 0
    page = (tmp_path / "scan.html").read_text("utf-8")
    assert page.count("<svg") >= 10
    assert "<script" not in page
    assert "TankFullAndOpen" in page
    found = run("--prometheus", server.url, "--html", str(tmp_path / "nowhere" / "scan.html"))
    assert (found.exit_code, "cannot be written" in found.stderr) == (1, True)
    assert [one.name for one in tmp_path.iterdir()] == ["scan.html"]


def test_one_that_cannot_be_reached_is_exit_3() -> None:
    found = run("--prometheus", "http://127.0.0.1:9", "-o", "json")
    assert (found.exit_code, found.stdout) == (3, "")
    assert "unreachable" in found.stderr


def test_a_token_is_asked_for_and_given(server: Tanks, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token\n")
    with between(server.url) as there:
        there.token = "secret-token"
        without = run("--prometheus", there.url)
        rows = lines(run("--prometheus", there.url, "--bearer-token-file", str(tmp_path / "token"), "-o", "json"))
    assert (without.exit_code, "401" in without.stderr, "secret" in without.stderr) == (3, True, False)
    assert len(rows) > 10


def test_a_source_of_a_config_is_scanned_with_its_credentials(server: Tanks, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret-token")
    with between(server.url) as there:
        there.token = "secret-token"
        prom = {"kind": "prometheus", "url": there.url, "bearer_token_file": str(tmp_path / "token")}
        (tmp_path / "aiops.yaml").write_text(json.dumps({"sources": {"prom": prom, "host": {"kind": "host"}}}))
        rows = lines(run("--config", str(tmp_path / "aiops.yaml"), "-o", "json"))
        unknown = run("--config", str(tmp_path / "aiops.yaml"), "--source", "host")
    assert any(row["state"] == "expected" for row in rows)
    assert (unknown.exit_code, "known: prom" in unknown.stderr) == (1, True)


def test_a_server_without_rules_is_exit_0_and_says_so(tmp_path: Path) -> None:
    with servers.prometheus(tmp_path) as url:
        found, rows = run("--prometheus", url), lines(run("--prometheus", url, "-o", "json"))
    assert (found.exit_code, rows) == (0, [])
    assert "no alerting rules (a VictoriaMetrics passes on those of vmalert with -vmalert.proxyURL)" in found.stdout


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "one of --prometheus"), (("--prometheus", "ftp://x"), "--prometheus"),
        (("--prometheus", "http://x", "--timeout", "soon"), "no duration"), (("--prometheus", "http://x", "-o", "yaml"), "yaml"),
        (("--prometheus", "http://x", "--timeout", "0s"), "at least 1s"),
    ],
)  # fmt: skip
def test_wrong_usage_is_exit_2(args: tuple[str, ...], said: str) -> None:
    found = run(*args)
    assert (found.exit_code, said in found.stderr) == (2, True), found.stderr


def test_labels_and_numbers_are_short() -> None:
    assert entity({"b": "2", "a": "1"}) == "a=1,b=2"
    assert entity({}) == "-"
    assert len(entity({"a": "x" * 1000})) <= 120


def test_of_the_rows_of_one_rule_the_table_names_what_they_differ_in() -> None:
    same = {"job": "node", "fstype": "ext4"}
    rows = [Row(_served("x > 1"), "silent", {**same, "instance": one, "mountpoint": "/"}) for one in ("a", "b")]
    rows += [Row(_served("y > 1"), "silent", {**same, "instance": "c"}), Row(_served("z > 1"), "silent", {})]
    out = io.StringIO()
    Console(file=out, width=200).print(_table(rows, 200))
    said = [line.split("Full")[1].strip().split("  ")[0] for line in out.getvalue().splitlines()[1:]]
    assert said == ["instance=a", "instance=b", "fstype=ext4, instance=c, job=node", "-"]


def test_a_pipe_is_as_wide_as_one_says(server: Tanks) -> None:
    table = run("--prometheus", server.url, columns="200").stdout.partition("\n\n")[0]
    assert 120 < max(map(len, table.splitlines())) <= 200
