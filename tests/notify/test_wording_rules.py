"""What is said of an alert that will fire: its name, whose it is, what else must hold, its own runbook; nothing unescaped."""

from __future__ import annotations

from dataclasses import replace

from aiops.core.records import EarlyWarning
from aiops.notify.wording import body, rule_labels, title
from tests.notify.samples import OPENED_S
from tests.notify.samples import warning as sample

EVIDENCE = {
    "rule_labels": {"severity": "critical", "team": "db"}, "expr": "disk_used > 0.9", "for_s": 300.0,
    "guards": [{"expr": "disk_open == 1", "holds": True, "flips": 3}, {"expr": "unless drained", "holds": False, "flips": 0}],
    "summary": "Disk / is full", "runbook_url": "https://r.example/disk\n[forged]",
}  # fmt: skip


def foreseen(name: str = "DiskFull") -> EarlyWarning:
    first = sample().symptoms[0]
    return sample().having(
        kind="rule", card="existing_alerts", symptoms=(replace(first, kind="rule", evidence={**first.evidence, **EVIDENCE}),),
        entity={"alertname": name, "instance": "db1", "severity": "critical", "team": "db"},
    )  # fmt: skip


def test_the_title_is_the_alert_and_where() -> None:
    assert title(foreseen(), OPENED_S).startswith("DiskFull on db1 in ")


def test_of_many_labels_those_that_say_where_stand_first() -> None:
    entity = {"alertname": "DiskFull", "device": "/dev/vg0-data", "fstype": "ext4", "instance": "db1", "mountpoint": "/srv"}
    said = title(foreseen().having(entity=entity), OPENED_S)
    assert said.startswith("DiskFull on db1 /srv /dev/vg0-data ext4 in ")


def test_the_text_says_whose_it_is_and_what_else_must_hold() -> None:
    lines = body(foreseen(), OPENED_S, None).splitlines()
    assert "Alert: DiskFull (severity=critical, team=db): disk_used > 0.9, for 5m" in lines
    assert "Lets it fire: disk_open == 1, changed 3 times in the last hours" in lines
    assert "Keeps it from firing: unless drained" in lines
    assert "It says: Disk / is full" in lines
    (runbook,) = [line for line in lines if line.startswith("Runbook: ")]
    assert runbook.startswith("Runbook: https://r.example/disk")
    assert "[forged]" not in lines
    none = foreseen().having(runbooks=())
    assert "Do: what its rule names, https://r.example/disk\\n[forged]" in body(none, OPENED_S, None).splitlines()


def test_other_warnings_have_no_rule() -> None:
    assert rule_labels(sample()) == {}
    assert "Alert:" not in body(sample(), OPENED_S, None)
