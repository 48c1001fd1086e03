"""What `aiops export inhibit` writes, on a real Alertmanager: a real alert silences its early warning, no other."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from ruamel.yaml import YAML
from typer.testing import CliRunner

from aiops.cli.app import app
from aiops.notify.alertmanager import AlertmanagerNotifier, AlertmanagerParams
from aiops.notify.message import News, payload_of
from tests import servers
from tests.notify.samples import warning as sample

CARD = {
    "apiVersion": "aiops/v1", "kind": "ModelCard", "name": "disk_full", "owner": {"team": "sre"}, "query": "a / b",
    "summary": "A filesystem will run out of space.", "entity": ["instance", "mountpoint"],
    "forecast": {"limit": {"below": 0.05}, "horizon": "3d"}, "truth": {"alerts": ['alertname=~"DiskFull|AlmostFull"']},
}  # fmt: skip
ALERT = {"alertname": "DiskFull", "instance": "db1", "mountpoint": "/", "severity": "critical", "team": "db"}


@pytest.fixture(scope="module")
def alertmanager(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("cards")
    (folder / "disk_full.yaml").write_text(json.dumps(CARD))
    (folder / "aiops.yaml").write_text(json.dumps({"cards": ["disk_full.yaml"]}))
    done = CliRunner().invoke(app, ["export", "inhibit", "--config", str(folder / "aiops.yaml")])
    rules = YAML(typ="safe", pure=True).load(done.stdout)["inhibit_rules"]
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
    AlertmanagerNotifier("am", AlertmanagerParams(url=url)).send(payload_of(News("opened", found, now, 60.0)), "k", now)


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


def states_of(url: str, card: str) -> dict[str, str]:
    """State of each early warning of a card, by its id."""
    with urllib.request.urlopen(url + "/api/v2/alerts", timeout=10) as answer:
        return {a["labels"]["warning_id"]: a["status"]["state"] for a in json.load(answer) if a["labels"].get("card") == card}


def test_the_real_alert_of_a_card_inhibits_its_warning_of_the_same_disk_and_no_other(alertmanager: str) -> None:
    now = time.time()
    places = {"same": {"instance": "db7", "mountpoint": "/"}, "other": {"instance": "db7", "mountpoint": "/var"}}
    am = AlertmanagerNotifier("am", AlertmanagerParams(url=alertmanager))
    for name, card, entity in (*((n, "disk_full", e) for n, e in places.items()), ("load", "load", places["same"])):
        found = sample().having(id=name, card=card, entity=entity, labels=entity, opened_s=int(now), updated_s=int(now))
        am.send(payload_of(News("opened", found, now, 60.0)), "k", now)
    end = time.monotonic() + 30
    while states_of(alertmanager, "disk_full") != {"same": "active", "other": "active"}:
        assert time.monotonic() < end, states_of(alertmanager, "disk_full")
        time.sleep(0.1)
    real(alertmanager, {"alertname": "AlmostFull", "severity": "critical", **places["same"]})
    while states_of(alertmanager, "disk_full")["same"] != "suppressed":
        assert time.monotonic() < end, states_of(alertmanager, "disk_full")
        time.sleep(0.1)
    assert states_of(alertmanager, "disk_full")["other"] == "active"
    assert states_of(alertmanager, "load") == {"load": "active"}
