"""A team's own rules, live: a real Prometheus evaluates them on a real exporter and tells a real Alertmanager, the daemon
tells it before. A reload of the rules is followed. Where both alerts stand side by side, `tests/notify/test_inhibition.py` looks.
"""

from __future__ import annotations

import http.server
import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests import servers
from tests.acceptance.daemon import Aiops, until

pytestmark = pytest.mark.acceptance

CALM_S, FILL_S, LIMIT = 20.0, 240.0, 0.9
FULL = """
  - alert: TankFull
    expr: tank_used_ratio > 0.9 and on (tank) tank_open_state == 1
    for: 5s
    labels: {severity: critical, team: water, where: "tank {{ $labels.tank }}"}
    annotations: {runbook_url: "https://runbooks.example/{{ $labels.tank }}", summary: "Tank {{ $labels.tank }} is full"}
  - alert: TankGone
    expr: absent(tank_used_ratio)
    labels: {severity: critical}
"""
HIGH = """
  - alert: TankHigh
    expr: tank_used_ratio > 0.8
    labels: {severity: warning}
"""
GROUP = "groups:\n- name: tanks\n  interval: 1s\n  rules:"


@dataclass
class Tanks:
    """An exporter of two tanks: one fills after a while, one rests."""

    url: str = ""
    began_s: float = field(default_factory=time.time)

    def level(self) -> float:
        return min(0.99, 0.1 + max(0.0, time.time() - self.began_s - CALM_S) * 0.89 / FILL_S)

    @contextmanager
    def serving(self) -> Iterator[Tanks]:
        tanks = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                lines = [f'tank_used_ratio{{tank="a"}} {tanks.level()}', 'tank_used_ratio{tank="b"} 0.2']
                lines += [f'tank_open_state{{tank="{one}"}} 1' for one in "ab"]
                self.send_response(200)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.end_headers()
                self.wfile.write("\n".join([*lines, ""]).encode())

            def log_message(self, *args: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()


@dataclass
class Stage:
    """What runs."""

    folder: Path
    aiops: Aiops
    tanks: Tanks
    prometheus: str
    alertmanager: str

    def reload(self, rules: str) -> None:
        (self.folder / "prom" / "rules.yml").write_text(GROUP + rules)
        servers.post(self.prometheus + "/-/reload")

    def warnings(self, alert: str) -> list[dict[str, Any]]:
        return [w for w in self.aiops.warnings() if w["entity"].get("alertname") == alert]

    def verdict(self, alert: str) -> dict[str, Any] | None:
        return next((one for one in self.aiops.get("/api/v1/outcomes") if one["entity"].get("alertname") == alert), None)

    def at_alertmanager(self, **labels: str) -> list[dict[str, Any]]:
        with urllib.request.urlopen(self.alertmanager + "/api/v2/alerts", timeout=10) as answer:
            found = json.load(answer)
        return [one for one in found if all(one["labels"].get(k, "") == v for k, v in labels.items())]


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("alerts")
    with ExitStack() as stack:
        collector = stack.enter_context(servers.webhook())
        alertmanager = stack.enter_context(servers.alertmanager(folder / "am", collector.url))
        tanks = stack.enter_context(Tanks().serving())
        prometheus = stack.enter_context(
            servers.prometheus(folder / "prom", {"tanks": tanks.url}, rules=GROUP + FULL, alertmanager=alertmanager)
        )
        (folder / "cards").mkdir()
        match = ['severity=~"critical|warning"']
        card = {"kind": "ModelCard", "name": "existing_alerts", "alerts": {"match": match}, "horizon": "6h"}
        (folder / "cards" / "existing_alerts.yaml").write_text(json.dumps(card))
        config = {
            "cards": ["cards"],
            "sources": {"prom": {"kind": "prometheus", "url": prometheus, "step": "1s", "data_class": "public"}},
            "receivers": {"am": {"kind": "alertmanager", "url": alertmanager}}, "routes": [{"receiver": "am"}],
            "stages": {"existing_alerts": "ticket"},
        }  # fmt: skip
        (folder / "aiops.yaml").write_text(json.dumps(config))
        aiops = stack.enter_context(Aiops.started(folder, folder / "aiops.yaml"))
        yield Stage(folder, aiops, tanks, prometheus, alertmanager)


def test_the_alert_is_told_before_it_fires_and_judged_when_it_does(stage: Stage) -> None:
    (early,) = until(lambda: stage.warnings("TankFull"), CALM_S + FILL_S, "the alert is foreseen")
    assert stage.tanks.level() < LIMIT
    assert early["entity"] == {
        "alertname": "TankFull", "instance": stage.tanks.url.removeprefix("http://"), "job": "tanks", "severity": "critical",
        "tank": "a", "team": "water", "where": "tank a",
    }  # fmt: skip
    evidence = early["symptoms"][0]["evidence"]
    assert [(one["expr"], one["holds"]) for one in evidence["guards"]] == [("tank_open_state == 1", True)]

    (told,) = until(lambda: stage.at_alertmanager(alertname="TankFull", kind="rule"), 30, "it reaches Alertmanager")
    assert told["annotations"]["runbook_url"] == "https://runbooks.example/a"
    assert told["annotations"]["rule_summary"] == "Tank a is full"
    assert (told["labels"]["team"], told["labels"]["exported_severity"]) == ("water", "critical")
    assert "severity" not in told["labels"], "it must not go down the routes of the real alert"

    stage.reload(FULL + HIGH)
    (high,) = until(lambda: stage.warnings("TankHigh"), 90, "a rule that was added is foreseen from the history before it")
    assert high["opened_s"] > early["opened_s"]

    (real,) = until(lambda: stage.at_alertmanager(alertname="TankFull", kind=""), FILL_S, "the real alert is there")
    same = {"alertname", "instance", "job", "tank", "team", "where"}
    assert {k: real["labels"][k] for k in same} == {k: told["labels"][k] for k in same}
    hit = until(lambda: stage.verdict("TankFull"), 60, "the verdict")
    assert hit["verdict"] == "hit"
    assert hit["lead_s"] > 30
    assert until(lambda: stage.verdict("TankHigh"), 60, "the other verdict")["verdict"] in ("hit", "late")


def test_nothing_is_said_of_the_tank_that_rests(stage: Stage) -> None:
    assert {w["entity"].get("tank") for w in stage.aiops.warnings()} == {"a"}


def test_every_rule_is_listed_with_its_record_or_its_reason(stage: Stage) -> None:
    found = {row["alert"]: row for row in stage.aiops.get("/api/v1/rules")}
    assert found["TankFull"]["record"]["hits"] == 1
    assert found["TankGone"]["reason"].startswith("absent")
    assert set(found) == {"TankFull", "TankGone", "TankHigh"}
