"""The inhibit rules that the documentation ships, on a real Alertmanager: a real alert silences its early warning, no other."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.message import payload_of
from tests import servers
from tests.notify.samples import warning as sample

DOCS = Path(__file__).parents[2] / "docs" / "existing_alerts.md"
ALERT = {"alertname": "DiskFull", "instance": "db1", "mountpoint": "/", "severity": "critical", "team": "db"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    text = DOCS.read_text()
    block = text[text.index("inhibit_rules:") :].partition("```")[0]
    rules = YAML(typ="safe", pure=True).load(block)["inhibit_rules"]
    with servers.webhook() as hook, servers.alertmanager(tmp_path_factory.mktemp("am"), hook.url, inhibit=rules) as url:
        yield url


def early(url: str, entity: Mapping[str, str]) -> None:
    """Tell of an alert that is foreseen."""
    now = time.time()
    evidence = {"rule_labels": {"severity": entity["severity"], "team": "db"}, "runbook_url": "https://r.example/disk"}
    first = sample().symptoms[0]
    found = sample().having(
        id="early-" + entity["severity"] + entity["instance"], card="existing_alerts", kind="rule", entity=dict(entity),
        stage="ticket", opened_s=int(now), updated_s=int(now),
        symptoms=(replace(first, kind="rule", evidence={**first.evidence, **evidence}),),
    )  # fmt: skip
    AlertmanagerNotifier("am", AlertmanagerParams(url=url)).send(payload_of("opened", found, now, 60.0, None), "k", now)


def real(url: str, labels: Mapping[str, str]) -> None:
    """Tell of an alert as Prometheus does."""
    request = urllib.request.Request(url + "/api/v2/alerts", json.dumps([{"labels": dict(labels)}]).encode(), method="POST")
    request.add_header("Content-Type", "application/json")
    urllib.request.urlopen(request, timeout=10).close()


def states(url: str) -> dict[tuple[str, str], str]:
    """State of each early warning, by severity and instance."""
    with urllib.request.urlopen(url + "/api/v2/alerts", timeout=10) as answer:
        found: list[dict[str, Any]] = json.load(answer)
    mine = [one for one in found if one["labels"].get("kind") == "rule"]
    return {(one["labels"]["exported_severity"], one["labels"]["instance"]): one["status"]["state"] for one in mine}


def test_the_real_alert_inhibits_its_early_warning_and_no_other(alertmanager: str) -> None:
    for entity in (ALERT, {**ALERT, "severity": "warning"}, {**ALERT, "instance": "db2"}):
        early(alertmanager, entity)
    wanted = {("critical", "db1"), ("warning", "db1"), ("critical", "db2")}
    end = time.monotonic() + 30
    while states(alertmanager) != dict.fromkeys(wanted, "active"):
        assert time.monotonic() < end, states(alertmanager)
        time.sleep(0.1)
    real(alertmanager, ALERT)
    while states(alertmanager)["critical", "db1"] != "suppressed":
        assert time.monotonic() < end, states(alertmanager)
        time.sleep(0.1)
    assert states(alertmanager) == {**dict.fromkeys(wanted, "active"), ("critical", "db1"): "suppressed"}


def test_the_message_carries_the_rules_own_runbook_and_no_severity_label(alertmanager: str) -> None:
    early(alertmanager, {**ALERT, "instance": "db3"})
    with urllib.request.urlopen(alertmanager + "/api/v2/alerts?filter=instance%3Ddb3", timeout=10) as answer:
        (found,) = json.load(answer)
    assert found["annotations"]["runbook_url"] == "https://r.example/disk"
    assert (found["labels"]["alertname"], found["labels"]["team"]) == ("DiskFull", "db")
    assert not {"severity", "exported_alertname"} & found["labels"].keys()
