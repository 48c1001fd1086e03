"""`aiops init` on a real Prometheus with days of file systems, each of which filled once."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from aiops.cli.app import app
from aiops.cli.check import check
from aiops.config.settings import load_settings
from aiops.core.labels import matches_all
from aiops.models.card import load_cards
from tests import servers
from tests.scan.between import between
from tests.scan.tanks import openmetrics

STEP, DAY = 300, 86400
SOON = 'Disk soon (<8%) "a\\b"'
RULES = """
groups:
- name: host
  rules:
  - alert: 'Disk soon (<8%) "a\\b"'
    expr: node_filesystem_avail_bytes{fstype!="tmpfs"} * 100 / node_filesystem_size_bytes < 8
  - alert: DiskNow
    expr: node_filesystem_avail_bytes{fstype!="tmpfs"} / node_filesystem_size_bytes < 0.03
  - alert: "Down\\n# stages: {disk_full: page}"
    expr: up == 0
"""


def free(n: int, begin: int) -> np.ndarray:
    """60 % free, from column `begin` on full within 14 hours, emptied an hour later."""
    out, filling, full = np.full(n, 0.6), 14 * 12, 12
    out[begin : begin + filling] = np.linspace(0.6, 0.01, filling)
    out[begin + filling : begin + filling + full] = 0.01
    return out


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("disks")
    now = int(time.time()) // STEP * STEP
    at = np.arange(now - 5 * DAY // 2, now + 1, STEP)
    series: dict[tuple[str, tuple[tuple[str, str], ...]], tuple[np.ndarray, np.ndarray]] = {}
    for i in range(10):
        labels = (("device", f"d{i}"), ("fstype", "ext4"), ("instance", "a"), ("mountpoint", f"/{i}"))
        ahead = np.append(at, now + 60 * np.arange(1, 16))
        values = free(len(at), 180 + 36 * i)
        series["node_filesystem_avail_bytes", labels] = ahead, 1e9 * np.append(values, np.full(15, values[-1]))
        for name, limit in ((SOON, 0.08), ("DiskNow", 0.03)):
            fired = at[values < limit]
            series["ALERTS", (("alertname", name), ("alertstate", "firing"), *labels)] = fired, np.ones(len(fired))
        series["node_filesystem_size_bytes", labels] = ahead, np.full(len(ahead), 1e9)
    still = (("instance", "a"),)
    series["node_filefd_allocated", still] = ahead, 1000 + np.random.default_rng(1).normal(0, 3, len(ahead))
    series["node_filefd_maximum", still] = ahead, np.full(len(ahead), 1e5)
    servers.load(folder, openmetrics(series))
    with servers.prometheus(folder, rules=RULES) as found:
        yield found


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["init", *args])


@dataclass
class Run:
    """One run, what it wrote, and what it asked."""

    folder: Path
    rows: list[dict[str, Any]]
    asked: list[tuple[str, str]]
    most: int


@pytest.fixture(scope="module")
def ran(url: str, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("init")
    (folder / "token").write_text("s3cret")
    with between(url) as there:
        args = ("--prometheus", there.url, "--dir", str(folder / "aiops"), "--bearer-token-file", str(folder / "token"))
        result = run(*args, "-o", "json")
        assert result.exit_code == 0, result.output
        return Run(folder / "aiops", [json.loads(line) for line in result.stdout.splitlines()], list(there.asked), there.most)


@pytest.fixture
def written(ran: Run) -> Path:
    return ran.folder


def test_what_is_written_is_accepted(written: Path) -> None:
    assert check([], written / "aiops.yaml") == []


def test_cards_are_those_that_have_series_and_runbooks_those_that_answer_them(written: Path) -> None:
    assert sorted(path.name for path in (written / "models").iterdir()) == [
        "disk_full.yaml", "existing_alerts.yaml", "fd_exhaustion.yaml", "fleet_storage_capacity.yaml", "foreseen_alerts.yaml"
    ]  # fmt: skip
    assert sorted(path.name for path in (written / "runbooks").iterdir()) == [
        "disk-filling-up.yaml", "file-descriptors-running-out.yaml", "fleet-storage-running-out.yaml"
    ]  # fmt: skip
    config = (written / "aiops.yaml").read_text()
    (said,) = (line for line in config.splitlines() if "found no series here" in line)
    assert said.endswith(" cards that come with aiops found no series here, and are not in models/.")
    assert len(said) <= 118


def test_the_limit_is_that_of_the_teams_own_rule_that_is_farthest_out(written: Path) -> None:
    card = next(card for card in load_cards([written / "models"]) if card.name == "disk_full")
    assert card.forecast is not None
    assert card.forecast.limit.below == 0.03
    assert "The limit is that of your rule DiskNow." in (written / "models" / "disk_full.yaml").read_text()


def test_a_card_that_proved_itself_is_offered_as_ticket_with_its_figures_and_only_offered(written: Path) -> None:
    text = (written / "aiops.yaml").read_text()
    (offer,) = (line for line in text.splitlines() if line.startswith("#     disk_full: "))
    assert offer.split("#")[1].split() == ["disk_full:", "ticket"]
    assert "came true" in offer
    assert "ahead; precision at least 0." in offer
    assert not [line for line in text.splitlines() if "disk_full: " in line and "page" in line]  # a ticket is the loudest offer
    settings = load_settings(written / "aiops.yaml")
    assert settings.stages == {}
    assert {card.stage for card in load_cards(settings.cards)} == {"shadow"}
    assert "fd_exhaustion: ticket" not in text
    changed = text.replace("stages: {}\n#   stages:\n#     disk_full: ticket", "stages:\n  disk_full: ticket")
    (written / "louder.yaml").write_text(changed)
    assert load_settings(written / "louder.yaml").stages == {"disk_full": "ticket"}


def test_rules_that_were_foreseen_are_a_card_of_their_own_and_offered(written: Path) -> None:
    cards = {card.name: card for card in load_cards([written / "models"])}
    matchers = {name: card.alerts.match for name, card in cards.items() if card.alerts is not None}
    for alert, name in ((SOON, "foreseen_alerts"), ("DiskNow", "foreseen_alerts"), ("Other", "existing_alerts")):
        assert [card for card, some in matchers.items() if matches_all(some, {"alertname": alert})] == [name]
    text = (written / "aiops.yaml").read_text()
    assert re.search(r"^#     foreseen_alerts: ticket +# .*: 20 came true, 0 did not", text, re.MULTILINE)
    assert "#   DiskNow: in the last " in text


def test_names_of_rules_are_text(written: Path) -> None:
    assert load_settings(written / "aiops.yaml").sources["prometheus"].kind == "prometheus"
    assert all(line.startswith("#") for line in (written / "aiops.yaml").read_text().splitlines() if "Down" in line)


def test_json_says_of_each_file_and_card_what_it_is(ran: Run) -> None:
    assert all(Path(row["file"]).is_file() for row in ran.rows if "file" in row)
    cards = {row["card"]: row for row in ran.rows if "card" in row}
    assert (cards["disk_full"]["series"], cards["disk_full"]["offered"], cards["disk_full"]["hits"]) == (10, "ticket", 10)
    assert (cards["fd_exhaustion"]["series"], cards["fd_exhaustion"]["offered"]) == (1, None)
    assert (cards["swap_pressure"]["written"], cards["swap_pressure"]["why"]) == (False, "no series")


def test_nothing_is_overwritten_without_force(url: str, tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    mine = tmp_path / "models" / "disk_full.yaml"
    mine.write_text("mine")
    result = run("--prometheus", url, "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert "there already" in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert mine.read_text() == "mine"
    assert run("--prometheus", url, "--dir", str(tmp_path), "--force").exit_code == 0
    assert mine.read_text() != "mine"


def test_a_config_that_is_there_is_told_before_anything_is_asked(tmp_path: Path) -> None:
    (tmp_path / "aiops.yaml").write_text("mine")
    result = run("--prometheus", "http://127.0.0.1:9", "--dir", str(tmp_path))
    assert result.exit_code == 1
    assert "there already" in result.output


def test_one_that_does_not_answer_is_told_with_3_and_nothing_is_written(tmp_path: Path) -> None:
    result = run("--prometheus", "http://127.0.0.1:9", "--dir", str(tmp_path / "a"), "--timeout", "3s")
    assert result.exit_code == 3
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("args", [["--prometheus", "nowhere"], ["--prometheus", "http://127.0.0.1:9", "--timeout", "soon"]])
def test_wrong_usage(args: list[str], tmp_path: Path) -> None:
    assert run(*args, "--dir", str(tmp_path / "a")).exit_code == 2


def test_a_server_without_anything_to_watch_gets_nothing(tmp_path: Path) -> None:
    with servers.prometheus(tmp_path / "empty") as empty:
        result = run("--prometheus", empty, "--dir", str(tmp_path / "a"))
    assert result.exit_code == 1
    assert "none of the shipped cards has series there" in result.output
    assert not (tmp_path / "a").exists()


def test_the_server_is_only_asked(ran: Run) -> None:
    assert {path for _, path in ran.asked} <= {"/api/v1/rules", "/api/v1/query", "/api/v1/query_range"}
    assert ran.most <= 4


def test_credentials_are_named_by_file_and_never_written(written: Path) -> None:
    text = (written / "aiops.yaml").read_text()
    assert f"bearer_token_file: {json.dumps(str(written.parent / 'token'))}" in text
    assert "s3cret" not in text
